"""The tab "Style": one picture in the look of another, every method beside the others; and a network for videos."""

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from cxanim.errors import CxanimError
from cxanim.pipelines.course import Taught
from cxanim.pipelines.repaint import Repainted
from cxanim.pipelines.style import Styled, StyleSettings, compare_styles, stylize
from cxanim.pipelines.style_apply import StyleApplySettings, apply_style
from cxanim.pipelines.style_fit import StyleFitSettings, fit_style
from cxanim.pipelines.style_network import STYLE_KIND
from cxanim.pipelines.training_state import state_path
from cxanim.pipelines.watch import Watch
from cxanim.ui import gpu
from cxanim.ui.controls import build_controls, named_after
from cxanim.ui.feedback import done_card, duration, follow, in_words, sketch, visitor_of
from cxanim.ui.jobs import Desk
from cxanim.ui.photo_input import photo_input
from cxanim.ui.region_painter import painted_masks, region_painter, to_paint_on
from cxanim.ui.repainted import RepaintedFields, run_repaint, source_field
from cxanim.ui.run_buttons import PRIVATE, RunButtons, reveal
from cxanim.ui.style import step
from cxanim.ui.taught import TaughtFields, run_course
from cxanim.ui.workspace import Workspace, file_name

_METHOD_WORDS = {"cx": "Contextual loss", "gram": "Gram matrices", "mrf": "Patches (MRF)"}


def build(desk: Desk, workspace: Workspace, examples: Sequence[Path]) -> None:
    """Put the tab on the page."""
    with gr.Row(elem_classes="bench"):
        with gr.Column(scale=5, min_width=340, elem_classes="sheet"):
            step(1, "Choose two pictures", "What is shown, and how it shall look")
            with gr.Row():
                content = photo_input("Content", height=240, min_width=150, elem_id="style-content")
                style = photo_input("Style", height=240, min_width=150, elem_id="style-style")
            gr.Examples(
                [[str(path)] for path in examples], [content], label="Or try one of these", cache_examples=False,
                elem_id="style-examples",
            )  # fmt: skip
            with gr.Accordion("Which part takes its style from which", open=False, elem_id="style-regions"):
                gr.HTML("<p>Paint parts of both in one colour; the rest goes to the rest.</p>", elem_classes="caption")
                with gr.Row():
                    content_regions = region_painter("Parts of the content", "style-content-regions")
                    style_regions = region_painter("Parts of the style", "style-style-regions")
        with gr.Column(scale=6, min_width=340, elem_classes="sheet result"):
            step(2, "Paint it", "Stop whenever you like what you see")
            controls = build_controls(StyleSettings, title="Fine-tuning: steps, smoothness, colours")
            buttons = RunButtons.build(desk, "style", "Paint")
            with gr.Row(elem_classes="actions"):
                again = gr.Button("Go on painting", visible=False, size="sm", elem_id="style-again")
            comparing = RunButtons.build(desk, "compare", "Compare all methods", size="sm", variant="secondary")
            status = gr.HTML(done_card("Your picture appears here"), elem_id="style-status", padding=False)
            preview = gr.HTML(elem_id="style-preview", padding=False)
            result = gr.Image(
                label="Result", type="filepath", interactive=False, height=420, buttons=["download"], visible=False,
                elem_id="style-result",
            )  # fmt: skip
            gallery = gr.Gallery(
                label="Every method", columns=3, height=320, interactive=False, visible=False, elem_id="style-gallery"
            )
            stopped = gr.State(None)
    with gr.Row(elem_classes="bench"):
        with gr.Column(scale=5, min_width=340, elem_classes="sheet"):
            step(3, "Teach a network the style", "For videos, and for any number of pictures at once")
            fit_controls = build_controls(
                StyleFitSettings, title="Fine-tuning: network, judge",
                highest={"minutes": gpu.longest_training_min()},
            )  # fmt: skip
            gr.HTML(
                "<p>A zip, pictures, or the video that shall be painted; without any it takes photographs that come "
                "along.</p>", elem_classes="caption", padding=False,
            )  # fmt: skip
            practice = gr.File(
                label="Practise on your own pictures, if you like",
                file_count="multiple", height=120, elem_id="style-practice",
            )  # fmt: skip
            fitting = RunButtons.build(desk, "style-fit", "Teach it", "Stop and keep")
            taught = TaughtFields.build("style", STYLE_KIND, "Your style, or upload one")
        with gr.Column(scale=6, min_width=340, elem_classes="sheet result"):
            step(4, "Give it to a picture or a video")
            source = source_field("style")
            apply_controls = build_controls(StyleApplySettings, title="Fine-tuning: size, part of a video")
            applying = RunButtons.build(desk, "style-apply", "Give it the style")
            fields = RepaintedFields.build("style-apply", "Your picture or video appears here")

    @in_words
    def paint(
        request: gr.Request,
        content: str | None,
        style: str | None,
        content_regions: dict[str, Any] | None = None,
        style_regions: dict[str, Any] | None = None,
        stopped: str | None = None,
        *values: Any,
    ) -> Any:
        """Paint one picture's content in another's style; the last answers are the status and a preview."""
        visitor, settings = visitor_of(request), controls.read(values)
        regions = (content_regions, style_regions)
        yield from run_painting(desk, workspace, visitor, content, style, settings, regions, stopped)

    @in_words
    def compare(
        request: gr.Request,
        content: str | None,
        style: str | None,
        content_regions: dict[str, Any] | None = None,
        style_regions: dict[str, Any] | None = None,
        *values: Any,
    ) -> Any:
        """Paint with every method; the last answers are the status and a preview."""
        visitor, settings = visitor_of(request), controls.read(values)
        regions = (content_regions, style_regions)
        yield from run_comparison(desk, workspace, visitor, content, style, settings, regions)

    @in_words
    def fit(request: gr.Request, style: str | None, practice: list[str] | None = None, *values: Any) -> Any:
        """Teach a network a style; the last answers are the status and a preview."""
        if not style:
            raise CxanimError("There is no style yet.", "Drop a picture into the field above.")
        settings, on = fit_controls.read(values), [Path(path) for path in practice or []]

        def work(output: Path, watch: Watch) -> Taught:
            machine, longest = gpu.machine_for(desk.machine, training=False), gpu.longest_training_min()
            return fit_style(Path(style), output, settings, machine, watch, on=on, longest_min=longest)

        yield from run_course(desk, workspace, visitor_of(request), Path(style).stem, STYLE_KIND, work)

    @in_words
    def apply(request: gr.Request, network: str | None, source: str | None, *values: Any) -> Any:
        """Give a picture or a video a style; the last answers are the status and a preview."""
        if not network:
            raise CxanimError("There is no style yet.", f"Teach one, or upload a .{STYLE_KIND} file.")
        settings = apply_controls.read(values)

        def work(given: Path, output: Path, watch: Watch) -> Repainted:
            machine = gpu.machine_for(desk.machine, training=False)
            return apply_style(Path(network), given, output, settings, machine, watch)

        yield from run_repaint(desk, workspace, visitor_of(request), source, Path(network).stem, work)

    pair = [content, style, content_regions, style_regions]
    shown, named = [result, stopped, status, preview], named_after(controls, paint)
    buttons.start(
        named, [*pair, gr.State(None), *controls.components], shown, api_name="style",
        reveals=[result],
    )  # fmt: skip
    again.click(
        named, [*pair, stopped, *controls.components], shown, show_progress="hidden",
        api_visibility="private", concurrency_limit=None,
    ).success(reveal, result, result, **PRIVATE)  # fmt: skip
    stopped.change(reveal, stopped, again, **PRIVATE)
    comparing.start(
        named_after(controls, compare), [*pair, *controls.components], [gallery, status, preview],
        api_name="compare_styles", reveals=[gallery],
    )  # fmt: skip
    fitting.start(
        named_after(fit_controls, fit), [style, practice, *fit_controls.components], taught.outputs,
        api_name="fit_style",
    )  # fmt: skip
    applying.start(
        named_after(apply_controls, apply), [taught.network, source, *apply_controls.components], fields.outputs,
        api_name="apply_style", reveals=[fields.picture, fields.film],
    )  # fmt: skip
    content.change(to_paint_on, content, content_regions, **PRIVATE)
    style.change(to_paint_on, style, style_regions, **PRIVATE)


def run_painting(
    desk: Desk,
    workspace: Workspace,
    visitor: str,
    content: str | None,
    style: str | None,
    settings: StyleSettings,
    regions: tuple[dict[str, Any] | None, dict[str, Any] | None] = (None, None),
    stopped: str | None = None,
) -> Generator[tuple[Any, ...], None, None]:
    """Paint; yield (picture, what can be gone on with, status, preview) while and after it is done."""
    first, second = _both(content, style)
    output = Path(stopped) if stopped else workspace.new_folder(visitor) / file_name(first.stem, ".png")
    masks = painted_masks(*regions, output.parent)

    def work(watch: Watch) -> Styled:
        machine = gpu.machine_for(desk.machine, training=False)
        return stylize(first, second, output, settings, machine, watch, masks=masks, resume=bool(stopped))

    styled = yield from follow(desk.start(visitor, work), 2, shown_as=sketch)
    if styled is not None:
        facts = f"{styled.width_px} x {styled.height_px} px, {styled.steps} steps in {duration(styled.seconds)}."
        notes = [note for note in styled.notes if "--resume" not in note]
        headline = "Done" if styled.is_finished else "Stopped; go on if you like"
        goes_on = None if styled.is_finished or not state_path(output).exists() else str(output)
        yield str(output), goes_on, done_card(headline, facts, *notes), ""


def run_comparison(
    desk: Desk,
    workspace: Workspace,
    visitor: str,
    content: str | None,
    style: str | None,
    settings: StyleSettings,
    regions: tuple[dict[str, Any] | None, dict[str, Any] | None] = (None, None),
) -> Generator[tuple[Any, ...], None, None]:
    """Paint with every method; yield (gallery, status, preview) while and after it is done."""
    first, second = _both(content, style)
    output = workspace.new_folder(visitor) / file_name(first.stem, ".png")
    masks = painted_masks(*regions, output.parent)

    def work(watch: Watch) -> dict[str, Styled]:
        machine = gpu.machine_for(desk.machine, training=False)
        return compare_styles(first, second, output, settings, machine, watch, masks=masks)

    painted = yield from follow(desk.start(visitor, work), 1, shown_as=sketch)
    if painted is not None:
        pictures = [(str(styled.path), _METHOD_WORDS[method]) for method, styled in painted.items()]
        facts = ", ".join(f"{_METHOD_WORDS[method]} {duration(one.seconds)}" for method, one in painted.items())
        yield pictures, done_card("Done", f"{facts}."), ""


def _both(content: str | None, style: str | None) -> tuple[Path, Path]:
    if not content or not style:
        which = "content" if not content else "style"
        raise CxanimError(f"There is no {which} yet.", "Drop a picture into the field.")
    return Path(content), Path(style)
