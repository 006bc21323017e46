"""The tab "Animate a photo": a photo and a motion go in, a video of the moving face comes out."""

from collections.abc import Generator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from cxanim.errors import CxanimError
from cxanim.pipelines.animate import QUALITY_MINUTES, AnimateSettings, animate, moves_figure
from cxanim.pipelines.placed_face import PlacedFace
from cxanim.pipelines.placed_figure import PlacedFigure
from cxanim.pipelines.rendering import Rendered
from cxanim.pipelines.watch import Watch
from cxanim.ui import gpu
from cxanim.ui.controls import build_controls, named_after
from cxanim.ui.cut_out_mender import MENDING, Found, cut_out_mender, found_in, mended_by, nothing_found
from cxanim.ui.face_placer import chosen_face, face_placer, looked_at, placed_by
from cxanim.ui.feedback import done_card, duration, follow, in_words, visitor_of
from cxanim.ui.figure_placer import figure_placer, joints_seen, placed_figure_by
from cxanim.ui.jobs import Desk
from cxanim.ui.motion_picker import build_motion_picker, chosen_motion, name_of, relaxed_picture
from cxanim.ui.photo_input import photo_input
from cxanim.ui.result import Result, filled, places_of, suffix_of
from cxanim.ui.run_buttons import PRIVATE, RunButtons
from cxanim.ui.style import step
from cxanim.ui.workspace import Workspace, file_name


def build(desk: Desk, workspace: Workspace, examples: Sequence[Path]) -> Any:
    """Put the tab on the page; return its field for sliders that are added to a motion."""
    longest = gpu.longest_training_min()
    with gr.Row(elem_classes="bench"):
        with gr.Column(scale=5, min_width=340, elem_classes="sheet"):
            step(1, "Choose a picture", "Of a face or a whole figure: a photo, a painting, a drawing")
            photo = photo_input("Photo", height=280, elem_id="animate-photo")
            gr.Examples(
                [[str(path)] for path in examples], [photo], label="Or try one of these", cache_examples=False,
                elem_id="animate-examples",
            )  # fmt: skip
            with gr.Accordion("Where the face is", open=False, elem_id="animate-placing") as placing:
                landmarks = face_placer("animate-landmarks")
                earlier = gr.UploadButton(
                    "Load points, from their file or the puppet that keeps them", file_types=[".json", ".puppet"],
                    size="sm", elem_id="animate-points",
                )  # fmt: skip
            with gr.Accordion("Where the joints of a whole figure are", open=False, elem_id="animate-jointing"):
                show_joints = gr.Button("Show them on the photo", size="sm", elem_id="animate-show-joints")
                joints = figure_placer("animate-joints")
                kept_joints = gr.UploadButton(
                    "Load joints that were saved", file_types=[".json"], size="sm", elem_id="animate-joints-file"
                )
            with gr.Accordion("Mend the cut-out of a whole figure", open=False, elem_id="animate-mending"):
                gr.HTML(MENDING, elem_classes="caption", padding=False)
                show_found = gr.Button("Show what is found", size="sm", elem_id="animate-show-found")
                mender = cut_out_mender("animate-mender")
                found = gr.State(None)
            step(2, "Choose a motion", "What the face, or the whole figure, shall do")
            picker = build_motion_picker(desk, "animate")
        with gr.Column(scale=6, min_width=340, elem_classes="sheet result"):
            step(3, "Animate it")
            controls = build_controls(
                AnimateSettings,
                title="Fine-tuning: strength, smoothing, size",
                choices={"quality": [name for name, minutes in QUALITY_MINUTES.items() if minutes <= longest]},
            )
            file_format = Result.choice("animate")
            buttons = RunButtons.build(desk, "animate", "Animate")
            status = gr.HTML(done_card("Your video appears here"), elem_id="animate-status", padding=False)
            preview = gr.HTML(elem_id="animate-preview", padding=False)
            result = Result.build("animate", file_format, 440)
            puppet = gr.DownloadButton(
                "Download the puppet, to drive it in the studio", size="sm", visible=False, elem_id="animate-puppet"
            )

    @in_words
    def animate_photo(
        request: gr.Request,
        photo: str | None,
        motion_kind: str = "preset",
        preset: str | None = None,
        driver: str | None = None,
        motion_file: str | None = None,
        driver_picture: str | None = None,
        neutral_picture: str | None = None,
        file_format: str = "mp4",
        landmarks: dict[str, Any] | None = None,
        joints: dict[str, Any] | None = None,
        painted: dict[str, Any] | None = None,
        found: Found | None = None,
        *values: Any,
    ) -> Any:
        """Make a video in which the face of a photo moves; the last answers are the status and a preview."""
        motion = chosen_motion(motion_kind, preset, driver, motion_file, driver_picture)
        relaxed, suffix = relaxed_picture(motion_kind, neutral_picture), suffix_of(file_format)
        visitor, placed_joints = visitor_of(request), placed_figure_by(joints, photo)
        yield from run_animation(
            desk,
            workspace,
            visitor,
            photo,
            motion,
            controls.read(values),
            relaxed,
            suffix,
            placed_by(landmarks),
            placed_joints,
            mended_by(painted, found, photo, placed_joints, partial(workspace.new_folder, visitor)),
        )

    @in_words
    def show_what_is_found(request: gr.Request, photo: str | None, joints: dict[str, Any] | None) -> Any:
        """Show what of the photo is found to be its figure."""
        if not photo:
            raise CxanimError("There is no photo yet.", "Drop the one whose figure is to move.")
        return found_in(photo, placed_figure_by(joints, photo), workspace.new_folder(visitor_of(request)))

    buttons.start(
        named_after(controls, animate_photo),
        [photo, *picker.inputs, result.file_format, landmarks, joints, mender, found, *controls.components],
        [*result.shown, puppet, status, preview],
        api_name="animate",
        reveals=[*result.shown, puppet],
    )
    picker.keeps(workspace, controls, "extract_motion")
    number = controls.components[controls.names.index("face")]
    photo.change(_look, [photo], [landmarks, placing, number], **PRIVATE)
    show_joints.click(_look_at_joints, [photo], [joints], show_progress="hidden", api_visibility="private")
    kept_joints.upload(
        _look_at_joints, [photo, kept_joints], [joints], show_progress="hidden", api_visibility="private"
    )
    show_found.click(
        show_what_is_found, [photo, joints], [mender, found], show_progress="minimal", api_visibility="private"
    )
    photo.change(nothing_found, None, [mender, found], **PRIVATE)
    earlier.upload(
        _look_again, [photo, earlier], [landmarks, placing], show_progress="hidden", api_visibility="private"
    )
    landmarks.select(chosen_face, [landmarks], [number], **PRIVATE)
    return controls.components[controls.names.index("offsets")]


def _look(photo: str | None) -> tuple[Any, ...]:
    """Show where the faces of a new photo are; what is wrong with it is said when it is animated."""
    if not photo:
        return None, gr.update(open=False), 0
    try:
        seen = looked_at(Path(photo))
    except CxanimError:
        return None, gr.update(open=False), 0
    ask = len(seen["faces"]) > 1 or not seen["faces"][0]["sure"]
    return seen, gr.update(open=ask), 0


@in_words
def _look_again(photo: str | None, points: str | None) -> tuple[Any, ...]:
    """Show points that were kept earlier on the photo."""
    if not photo:
        raise CxanimError("There is no photo yet.", "Drop the one in whose face the points lie.")
    return looked_at(Path(photo), Path(points) if points else None), gr.update(open=True)


@in_words
def _look_at_joints(photo: str | None, kept: str | None = None) -> dict[str, Any]:
    """Show the joints of the photo's figure."""
    if not photo:
        raise CxanimError("There is no photo yet.", "Drop the one whose figure is to move.")
    return joints_seen(Path(photo), Path(kept) if kept else None)


def run_animation(
    desk: Desk,
    workspace: Workspace,
    visitor: str,
    photo: str | None,
    motion: str | Path,
    settings: AnimateSettings,
    neutral_picture: Path | None = None,
    suffix: str = ".mp4",
    placed: PlacedFace | None = None,
    joints: PlacedFigure | None = None,
    mask: Path | None = None,
) -> Generator[tuple[Any, ...], None, None]:
    """Animate a photo; yield (video, side by side, picture, puppet, status, preview) while and after it is done."""
    if not photo:
        raise CxanimError("There is no photo yet.", "Drop one into the field, or take one of the examples.")
    folder = workspace.new_folder(visitor)
    name = f"{Path(photo).stem} {name_of(motion)}"
    output, beside = places_of(folder, name, suffix)
    is_figure = moves_figure(settings, motion, joints)
    is_one_face = not settings.all_faces and not is_figure
    puppet = folder / file_name(Path(photo).stem, ".puppet") if is_one_face else None
    minutes = QUALITY_MINUTES[settings.quality]

    def work(watch: Watch) -> Rendered:
        return animate(
            Path(photo),
            motion,
            output,
            settings,
            gpu.machine_for(desk.machine, training=False),
            watch,
            placed=None if is_figure else placed,
            joints=joints,
            mask=mask if is_figure else None,
            keep_puppet=puppet,
            beside=beside,
            neutral_picture=neutral_picture,
            training_machine=gpu.machine_for(desk.machine, training=True),
            where=partial(gpu.with_gpu, minutes=minutes),
        )

    rendered = yield from follow(desk.start(visitor, work), 4)
    if rendered is not None:
        facts = f"{rendered.frames / rendered.fps:.1f} s at {rendered.width_px} x {rendered.height_px} px"
        unused = ("The cut-out that was mended is a whole figure's: here only a face moved.",)
        notes = rendered.notes if is_figure or mask is None else rendered.notes + unused
        done = done_card("Done", f"{facts}, rendered in {duration(rendered.seconds)}.", *notes)
        yield *filled(output, beside), puppet and str(puppet), done, ""
