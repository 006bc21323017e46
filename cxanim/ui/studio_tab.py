"""The tab "Puppet studio": train a puppet from a clip or a photo and watch it learn, keep it, drive it."""

from collections.abc import Generator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from cxanim.errors import CxanimError
from cxanim.pipelines.drive import drive
from cxanim.pipelines.drive_settings import DriveSettings
from cxanim.pipelines.figure_puppet import FigurePuppet, load_puppet
from cxanim.pipelines.fit import train
from cxanim.pipelines.learn import FitSettings, Trained
from cxanim.pipelines.puppet_parts import PUPPET_SUFFIX
from cxanim.pipelines.rendering import Rendered
from cxanim.pipelines.watch import Watch
from cxanim.ui import gpu
from cxanim.ui.controls import build_controls, named_after
from cxanim.ui.feedback import done_card, duration, failure_card, follow, in_words, portrait, visitor_of
from cxanim.ui.jobs import Desk
from cxanim.ui.motion_picker import build_motion_picker, chosen_motion, name_of, relaxed_picture
from cxanim.ui.photo_input import photo_input
from cxanim.ui.result import Result, filled, places_of, suffix_of
from cxanim.ui.run_buttons import PRIVATE, RunButtons, reveal
from cxanim.ui.style import step
from cxanim.ui.workspace import Workspace, file_name

_TARGETS = {"clip": "A clip", "photo": "A photo"}


def build(desk: Desk, workspace: Workspace, examples: Sequence[Path]) -> None:
    """Put the tab on the page."""
    with gr.Row(elem_classes="bench"):
        with gr.Column(scale=5, min_width=340, elem_classes="sheet"):
            step(
                1,
                "Show it a face, or a whole figure",
                "A clip of 10 to 60 seconds teaches most; of a face a photo is enough",
            )
            target_kind = gr.Radio(
                [(words, kind) for kind, words in _TARGETS.items()], value="clip", show_label=False, container=False,
                elem_id="train-target-kind", elem_classes="pills",
            )  # fmt: skip
            clip = gr.Video(
                label="Clip", sources=["upload", "webcam"], include_audio=True, height=260, elem_id="train-clip"
            )
            photo = photo_input("Photo", height=260, visible=False, elem_id="train-photo")
            tries = gr.Examples(
                [[str(path)] for path in examples], [photo], label="Or try one of these photos", cache_examples=False,
                elem_id="train-examples",
            )  # fmt: skip
        with gr.Column(scale=6, min_width=340, elem_classes="sheet result"):
            step(2, "Train it", "Stop whenever you like what you see: what it has learnt is kept")
            fit_controls = build_controls(
                FitSettings,
                title="Fine-tuning: steps, size, network, losses",
                highest={"minutes": gpu.longest_training_min()},
            )
            fit_buttons = RunButtons.build(desk, "train", "Train", "Stop and keep")
            fit_status = gr.HTML(
                done_card("The puppet appears here while it learns"), elem_id="train-status", padding=False
            )
            preview = gr.HTML(elem_id="train-preview", padding=False)
            puppet = gr.File(
                label="Your puppet, or upload one (.puppet)", file_types=[PUPPET_SUFFIX], height=170,
                elem_id="puppet-file",
            )  # fmt: skip
            puppet_card = gr.HTML(elem_id="puppet-card", padding=False)
            download = gr.DownloadButton("Download the puppet", size="sm", visible=False, elem_id="puppet-download")
    with gr.Row(elem_classes="bench"):
        with gr.Column(scale=5, min_width=340, elem_classes="sheet"):
            step(3, "Choose a motion", "What the puppet shall do")
            picker = build_motion_picker(desk, "drive")
            drive_controls = build_controls(DriveSettings, title="Fine-tuning: strength, smoothing")
        with gr.Column(scale=6, min_width=340, elem_classes="sheet result"):
            step(4, "Drive it")
            file_format = Result.choice("drive")
            drive_buttons = RunButtons.build(desk, "drive", "Drive")
            status = gr.HTML(elem_id="drive-status", padding=False)
            result = Result.build("drive", file_format, 400)

    @in_words
    def train_puppet(
        request: gr.Request, target_kind: str, clip: str | None = None, photo: str | None = None, *values: Any
    ) -> Any:
        """Train a puppet from a clip or a photo; the last answers are the status and a preview."""
        target = clip if target_kind == "clip" else photo
        yield from run_training(desk, workspace, visitor_of(request), target, fit_controls.read(values))

    @in_words
    def drive_puppet(
        request: gr.Request,
        puppet: str | None,
        motion_kind: str = "preset",
        preset: str | None = None,
        driver: str | None = None,
        motion_file: str | None = None,
        driver_picture: str | None = None,
        neutral_picture: str | None = None,
        file_format: str = "mp4",
        *values: Any,
    ) -> Any:
        """Make a video of a puppet that moves; the last answer is the status."""
        motion = chosen_motion(motion_kind, preset, driver, motion_file, driver_picture)
        relaxed, suffix = relaxed_picture(motion_kind, neutral_picture), suffix_of(file_format)
        yield from run_drive(
            desk, workspace, visitor_of(request), puppet, motion, drive_controls.read(values), relaxed, suffix
        )

    tries.dataset.click(lambda: "photo", None, target_kind, **PRIVATE)
    target_kind.change(_shown, target_kind, [clip, photo], **PRIVATE)
    puppet.change(in_words(show_puppet), puppet, puppet_card, api_name="load_puppet", show_progress="hidden").success(
        lambda path: path, puppet, download, **PRIVATE
    ).then(reveal, download, download, **PRIVATE)
    fit_buttons.start(
        named_after(fit_controls, train_puppet),
        [target_kind, clip, photo, *fit_controls.components],
        [puppet, fit_status, preview],
        api_name="train",
    )
    drive_buttons.start(
        named_after(drive_controls, drive_puppet),
        [puppet, *picker.inputs, result.file_format, *drive_controls.components],
        [*result.shown, status],
        api_name="drive",
        reveals=result.shown,
    )
    picker.keeps(workspace, drive_controls, "extract_motion_drive")


def run_training(
    desk: Desk, workspace: Workspace, visitor: str, target: str | None, settings: FitSettings
) -> Generator[tuple[Any, ...], None, None]:
    """Train a puppet; yield (puppet file, status, preview) while and after it learns."""
    if not target:
        raise CxanimError("There is no clip or photo yet.", "Upload one, or take one of the examples.")
    output = workspace.new_folder(visitor) / file_name(Path(target).stem, PUPPET_SUFFIX)

    def work(watch: Watch) -> Trained:
        machine, longest = gpu.machine_for(desk.machine, training=True), gpu.longest_training_min()
        where = partial(gpu.with_gpu, minutes=min(settings.minutes, longest))
        return train([Path(target)], output, settings, machine, watch, longest_min=longest, where=where)

    learnt = yield from follow(desk.start(visitor, work), 1)
    if learnt is not None:
        facts = f"{learnt.steps} steps in {duration(learnt.seconds)}. Download it, or drive it below."
        yield str(output), done_card("The puppet is ready", facts, *learnt.notes), gr.skip()


def show_puppet(path: str | None) -> Generator[str, None, None]:
    """Yield a puppet's portrait and facts."""
    if not path:
        yield ""
        return
    try:
        puppet = load_puppet(Path(path))
    except CxanimError as error:
        yield failure_card(error)
        raise
    steps = puppet.training.get("steps", 0)
    learnt = f"{steps} steps" if puppet.is_trained else "not trained: it moves by warping alone"
    kept = f"{len(puppet.references)} pictures" if len(puppet.references) > 1 else "one picture"
    what = "a whole figure, " if isinstance(puppet, FigurePuppet) else ""
    yield portrait(puppet.still, f"{what}{puppet.size_px} px, {kept}, {learnt}")


def run_drive(
    desk: Desk,
    workspace: Workspace,
    visitor: str,
    puppet: str | None,
    motion: str | Path,
    settings: DriveSettings,
    neutral_picture: Path | None = None,
    suffix: str = ".mp4",
) -> Generator[tuple[Any, ...], None, None]:
    """Drive a puppet; yield (video, side by side, picture, status) while and after it is done."""
    if not puppet:
        raise CxanimError("There is no puppet yet.", "Train one, or upload a .puppet file.")
    folder = workspace.new_folder(visitor)
    name = f"{Path(puppet).stem} {name_of(motion)}"
    output, beside = places_of(folder, name, suffix)

    def work(watch: Watch) -> Rendered:
        machine = gpu.machine_for(desk.machine, training=False)
        made = load_puppet(Path(puppet))
        return drive(made, motion, output, settings, machine, watch, beside=beside, neutral_picture=neutral_picture)

    rendered = yield from follow(desk.start(visitor, work), 3, with_preview=False)
    if rendered is not None:
        facts = f"{rendered.frames / rendered.fps:.1f} s, rendered in {duration(rendered.seconds)}."
        yield *filled(output, beside), done_card("Done", facts, *rendered.notes)


def _shown(kind: str) -> list[Any]:
    return [gr.update(visible=kind == name) for name in _TARGETS]
