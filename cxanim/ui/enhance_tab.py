"""The tab "Enhance": a picture or a video becomes two or four times as large."""

from pathlib import Path
from typing import Any

import gradio as gr

from cxanim.errors import CxanimError
from cxanim.pipelines.repaint import Repainted
from cxanim.pipelines.upscale import UpscaleSettings, upscale
from cxanim.pipelines.upscale_fit import UpscaleFitSettings, fit_upscaler
from cxanim.pipelines.upscaler import UPSCALER_KIND
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
            step(1, "Choose a picture or a video", "A small one, or the video that you have just made")
            source = source_field("enhance")
            controls = build_controls(UpscaleSettings, title="Fine-tuning: steadiness, part of a video")
            buttons = RunButtons.build(desk, "enhance", "Make it larger")
        with gr.Column(scale=6, min_width=340, elem_classes="sheet result"):
            step(2, "Look at it")
            fields = RepaintedFields.build("enhance", "Your picture appears here")
    with gr.Accordion("Teach a network on pictures like yours", open=False, elem_id="enhance-teach"):
        with gr.Row(elem_classes="bench"):
            with gr.Column(scale=5, min_width=340, elem_classes="sheet"):
                pictures = gr.File(
                    label="Sharp pictures, a zip of them, or a video", file_count="multiple", height=120,
                    elem_id="enhance-pictures",
                )  # fmt: skip
                fit_controls = build_controls(
                    UpscaleFitSettings, title="Fine-tuning: network, judge",
                    highest={"minutes": gpu.longest_training_min()},
                )  # fmt: skip
                fitting = RunButtons.build(desk, "enhance-fit", "Teach it", "Stop and keep")
            with gr.Column(scale=6, min_width=340, elem_classes="sheet result"):
                taught = TaughtFields.build("enhance", UPSCALER_KIND, "Your network: used above while it lies here")

    @in_words
    def enlarge(request: gr.Request, source: str | None, network: str | None = None, *values: Any) -> Any:
        """Make a picture or a video larger; the last answers are the status and a preview."""
        settings = controls.read(values)

        def work(given: Path, output: Path, watch: Watch) -> Repainted:
            own = Path(network) if network else None
            machine = gpu.machine_for(desk.machine, training=False)
            return upscale(given, output, settings, machine, watch, network=own)

        yield from run_repaint(desk, workspace, visitor_of(request), source, f"x{settings.scale}", work)

    @in_words
    def fit(request: gr.Request, pictures: list[str] | None, *values: Any) -> Any:
        """Teach a network to make pictures larger; the last answers are the status and a preview."""
        if not pictures:
            raise CxanimError("There are no pictures to learn from.", "Drop some, a zip or a video into the field.")
        settings, given = fit_controls.read(values), [Path(path) for path in pictures]

        def work(output: Path, watch: Watch) -> Any:
            machine, longest = gpu.machine_for(desk.machine, training=False), gpu.longest_training_min()
            return fit_upscaler(given, output, settings, machine, watch, longest_min=longest)

        name = f"{given[0].stem} x{settings.scale}"
        yield from run_course(desk, workspace, visitor_of(request), name, UPSCALER_KIND, work)

    buttons.start(
        named_after(controls, enlarge), [source, taught.network, *controls.components], fields.outputs,
        api_name="upscale", reveals=[fields.picture, fields.film],
    )  # fmt: skip
    fitting.start(
        named_after(fit_controls, fit), [pictures, *fit_controls.components], taught.outputs, api_name="fit_upscaler"
    )
