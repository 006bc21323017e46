"""The tab "Domains": a network learns from two heaps of pictures to make the one kind look like the other."""

from pathlib import Path
from typing import Any

import gradio as gr

from cxanim.errors import CxanimError
from cxanim.pipelines.course import Taught
from cxanim.pipelines.domain_apply import DomainApplySettings, translate
from cxanim.pipelines.domain_fit import DomainFitSettings, fit_domain
from cxanim.pipelines.repaint import Repainted
from cxanim.pipelines.translator import TRANSLATOR_KIND
from cxanim.pipelines.watch import Watch
from cxanim.ui import gpu
from cxanim.ui.controls import build_controls, named_after
from cxanim.ui.feedback import in_words, visitor_of
from cxanim.ui.jobs import Desk
from cxanim.ui.repainted import RepaintedFields, run_repaint, source_field
from cxanim.ui.run_buttons import RunButtons
from cxanim.ui.style import step
from cxanim.ui.taught import TaughtFields, run_course
from cxanim.ui.workspace import Workspace


def build(desk: Desk, workspace: Workspace) -> None:
    """Put the tab on the page."""
    with gr.Row(elem_classes="bench"):
        with gr.Column(scale=5, min_width=340, elem_classes="sheet"):
            step(1, "Choose two heaps of pictures", "A zip each, or the pictures themselves; they need not be pairs")
            with gr.Row():
                heaps: dict[str, Any] = dict(file_count="multiple", height=140, min_width=150)
                sources = gr.File(label="What is given", elem_id="domain-sources", **heaps)
                targets = gr.File(label="What it shall look like", elem_id="domain-targets", **heaps)
            fit_controls = build_controls(
                DomainFitSettings, title="Fine-tuning: network, loss",
                highest={"minutes": gpu.longest_training_min()},
            )  # fmt: skip
            fitting = RunButtons.build(desk, "domain-fit", "Teach it", "Stop and keep")
        with gr.Column(scale=6, min_width=340, elem_classes="sheet result"):
            step(2, "Watch it learn", "Above what is given, below what it makes of it")
            taught = TaughtFields.build("domain", TRANSLATOR_KIND, "Your translator, or upload one")
    with gr.Row(elem_classes="bench"):
        with gr.Column(scale=5, min_width=340, elem_classes="sheet"):
            step(3, "Translate a picture or a video")
            source = source_field("domain")
            controls = build_controls(DomainApplySettings, title="Fine-tuning: size, part of a video")
            buttons = RunButtons.build(desk, "domain-apply", "Translate")
        with gr.Column(scale=6, min_width=340, elem_classes="sheet result"):
            fields = RepaintedFields.build("domain-apply", "Your picture appears here")

    @in_words
    def fit(request: gr.Request, sources: list[str] | None, targets: list[str] | None, *values: Any) -> Any:
        """Teach a network to make one kind of picture look like another; the last answers are status and preview."""
        if not sources or not targets:
            which = "given" if not sources else "wanted"
            raise CxanimError(f"There are no pictures of what is {which}.", "Drop a zip or pictures into the field.")
        settings, given, wanted = fit_controls.read(values), _paths(sources), _paths(targets)

        def work(output: Path, watch: Watch) -> Taught:
            machine, longest = gpu.machine_for(desk.machine, training=False), gpu.longest_training_min()
            return fit_domain(given, wanted, output, settings, machine, watch, longest_min=longest)

        name = f"{given[0].stem} to {wanted[0].stem}"
        yield from run_course(desk, workspace, visitor_of(request), name, TRANSLATOR_KIND, work)

    @in_words
    def apply(request: gr.Request, network: str | None, source: str | None, *values: Any) -> Any:
        """Make a picture or a video look like the other kind; the last answers are the status and a preview."""
        if not network:
            raise CxanimError("There is no translator yet.", f"Teach one, or upload a .{TRANSLATOR_KIND} file.")
        settings = controls.read(values)

        def work(given: Path, output: Path, watch: Watch) -> Repainted:
            machine = gpu.machine_for(desk.machine, training=False)
            return translate(Path(network), given, output, settings, machine, watch)

        yield from run_repaint(desk, workspace, visitor_of(request), source, Path(network).stem, work)

    fitting.start(
        named_after(fit_controls, fit), [sources, targets, *fit_controls.components], taught.outputs,
        api_name="fit_domain",
    )  # fmt: skip
    buttons.start(
        named_after(controls, apply), [taught.network, source, *controls.components], fields.outputs,
        api_name="apply_domain", reveals=[fields.picture, fields.film],
    )  # fmt: skip


def _paths(files: list[str]) -> list[Path]:
    return [Path(path) for path in files]
