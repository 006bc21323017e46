"""The controls by which a person says what the face shall do: a preset, a video or picture of a face, or a motion."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from cxanim.errors import BadSetting, CxanimError
from cxanim.motion.bvh_poses import BVH_SUFFIX
from cxanim.motion.keyframes import KEYFRAMES_SUFFIX
from cxanim.motion.presets import PRESETS
from cxanim.pipelines.drive_settings import DriverSettings
from cxanim.pipelines.driver import MOTION_SUFFIX
from cxanim.pipelines.extract import Extracted, ExtractSettings, extract_motion
from cxanim.pipelines.watch import Watch
from cxanim.ui.controls import Controls, named_after
from cxanim.ui.feedback import done_card, follow, in_words, visitor_of
from cxanim.ui.jobs import Desk
from cxanim.ui.photo_input import photo_input
from cxanim.ui.run_buttons import PRIVATE, RunButtons
from cxanim.ui.workspace import Workspace, file_name

_FIRST = "smile"
KINDS = {"preset": "Ready-made", "video": "From a video", "picture": "From a picture", "file": "Kept earlier"}


@dataclass(frozen=True)
class MotionPicker:
    """The controls of one picker; `inputs` are what `chosen_motion` takes, in its order, and `relaxed`."""

    kind: Any
    preset: Any
    video: Any
    file: Any
    picture: Any
    relaxed: Any
    keep: RunButtons
    kept: Any
    keep_status: Any

    @property
    def inputs(self) -> list[Any]:
        """The controls whose values say what was chosen."""
        return [self.kind, self.preset, self.video, self.file, self.picture, self.relaxed]

    def keeps(self, workspace: Workspace, controls: Controls[Any], api_name: str) -> None:
        """Wire the button that keeps the motion of the video: the part and the face of it that `controls` say."""
        of_driver = controls.of(DriverSettings)

        @in_words
        def extract(request: gr.Request, driver: str | None, *values: Any) -> Any:
            yield from keep_motion(self.keep.desk, workspace, visitor_of(request), driver, of_driver.read(values))

        self.keep.start(
            named_after(of_driver, extract),
            [self.video, *of_driver.components],
            [self.kept, self.keep_status],
            api_name=api_name,
            reveals=[self.kept],
        )


def chosen_motion(
    kind: str, preset: str | None, video: str | None, file: str | None, picture: str | None = None
) -> str | Path:
    """What the pipelines call a motion: a preset's name, or a file.

    Raises:
        CxanimError: what was chosen is not there yet.
    """
    if kind == "preset":
        if preset not in PRESETS:
            raise CxanimError("No motion is chosen.", "Pick one of the ready-made motions.")
        return preset
    if kind == "video":
        if not video:
            raise CxanimError(
                "There is no video to follow yet.", "Upload a video of a face, or pick a ready-made motion."
            )
        return Path(video)
    if kind == "picture":
        if not picture:
            raise CxanimError(
                "There is no picture with an expression yet.", "Upload one of a face, or pick a ready-made motion."
            )
        return Path(picture)
    if kind == "file":
        if not file:
            raise CxanimError(
                "There is no motion file yet.",
                "Upload an .npz or .json that was saved here, a BVH capture, or pick another.",
            )
        return Path(file)
    raise BadSetting(f"motion_kind: got {kind!r}, expected one of {', '.join(KINDS)}.")


def relaxed_picture(kind: str, relaxed: str | None) -> Path | None:
    """The picture of the relaxed face that belongs to a picture with an expression, if there is one."""
    return Path(relaxed) if kind == "picture" and relaxed else None


def name_of(motion: str | Path) -> str:
    """What a result made with a motion is called after it."""
    return motion.stem if isinstance(motion, Path) else motion


def build_motion_picker(desk: Desk, where: str) -> MotionPicker:
    """Put the controls on the page.

    Args:
        desk: where a motion is taken out of a video.
        where: makes ids unique.
    """
    named = [(words, kind) for kind, words in KINDS.items()]
    kind = gr.Radio(
        named, value="preset", show_label=False, container=False, elem_id=f"{where}-motion-kind", elem_classes="pills"
    )
    with gr.Column(visible=True, min_width=0) as presets:
        preset = gr.Radio(
            [(preset.name.replace("-", " ").capitalize(), preset.name) for preset in PRESETS.values()],
            value=_FIRST,
            show_label=False,
            container=False,
            elem_id=f"{where}-preset",
            elem_classes="presets",
        )
        caption = gr.HTML(_caption(_FIRST), elem_classes="caption", padding=False)
    with gr.Column(visible=False, min_width=0) as videos:
        video = gr.Video(
            label="Video of a face",
            sources=["upload", "webcam"],
            include_audio=True,
            height=270,
            elem_id=f"{where}-driver",
        )
        keep = RunButtons.build(desk, f"{where}-keep", "Keep this motion", size="sm", variant="secondary")
        saved = gr.DownloadButton("Download the motion", size="sm", visible=False, elem_id=f"{where}-motion-saved")
        said = gr.HTML(elem_id=f"{where}-keep-status", padding=False)
    with gr.Column(visible=False, min_width=0) as pictures, gr.Row():
        picture = photo_input("Expression", height=230, min_width=150, elem_id=f"{where}-expression")
        relaxed = photo_input(
            "The same face, relaxed (optional)", height=230, min_width=150, elem_id=f"{where}-relaxed"
        )
    with gr.Column(visible=False, min_width=0) as files:
        file = gr.File(
            label="A motion that was kept earlier (.npz, or .json from the editor), or a BVH capture of a body",
            file_types=[MOTION_SUFFIX, KEYFRAMES_SUFFIX, BVH_SUFFIX],
            height=120,
            elem_id=f"{where}-file",
        )
    kind.change(_shown, kind, [presets, videos, pictures, files], **PRIVATE)
    preset.change(_caption, preset, caption, **PRIVATE)
    return MotionPicker(kind, preset, video, file, picture, relaxed, keep, saved, said)


def keep_motion(
    desk: Desk, workspace: Workspace, visitor: str, video: str | None, settings: DriverSettings | None = None
) -> Any:
    """Take the motion out of a video; yield (motion file, status)."""
    source = chosen_motion("video", None, video, None)
    output = workspace.new_folder(visitor) / file_name(name_of(source), MOTION_SUFFIX)
    what = ExtractSettings(**asdict(settings or DriverSettings()))

    def work(watch: Watch) -> Extracted:
        return extract_motion(Path(source), output, what, watch)

    kept = yield from follow(desk.start(visitor, work), 1, with_preview=False)
    if kept is not None:
        facts = f"{len(kept.motion)} frames; use it later under “{KINDS['file']}”."
        yield str(output), done_card("Motion kept", facts, *kept.notes)


def _caption(preset: str) -> str:
    return f"<p>The face {PRESETS[preset].description}.</p>"


def _shown(kind: str) -> list[Any]:
    return [gr.update(visible=kind == name) for name in KINDS]
