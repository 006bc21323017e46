"""The tab "Expression editor": sliders move a face at once; it is kept as a picture, or as keyframes of a motion."""

import base64
import html
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import gradio as gr

from cxanim.errors import BadSetting, CxanimError
from cxanim.images import encode_jpeg
from cxanim.motion.expression import SLIDERS, Expression
from cxanim.pipelines.animate import AnimateSettings
from cxanim.pipelines.drive_settings import DriveSettings
from cxanim.pipelines.edit import Editor, EditSettings
from cxanim.pipelines.placed_face import PlacedFace
from cxanim.pipelines.puppet_parts import PUPPET_SUFFIX
from cxanim.ui import gpu, keyframe_panel
from cxanim.ui.animate_tab import run_animation
from cxanim.ui.controls import named_with
from cxanim.ui.editors import Editors
from cxanim.ui.face_placer import chosen_face, face_placer, looked_at, placed_by
from cxanim.ui.feedback import done_card, failure_card, in_words, visitor_of
from cxanim.ui.jobs import Desk
from cxanim.ui.keyframe_panel import build_keyframe_panel
from cxanim.ui.photo_input import photo_input
from cxanim.ui.run_buttons import PRIVATE, RunButtons, reveal
from cxanim.ui.sliders import build_sliders, read_sliders, values_of
from cxanim.ui.studio_tab import run_drive
from cxanim.ui.style import step
from cxanim.ui.workspace import Workspace, file_name

_TARGETS = {"photo": "A photo", "puppet": "A puppet"}
_LIVE_QUALITY = 85
# What may fail goes through the queue, where nobody waits for anybody.
_QUEUED: dict[str, Any] = dict(show_progress="hidden", api_visibility="private", concurrency_limit=None)
_NOBODY = '<div class="nobody">Choose a face, and it appears here</div>'
# While a slider moves, the script asks for picture after picture: an event would carry every input of the tab with
# it. When it is let go, an event says where all of them stand. It does not go through the queue, which takes time; what
# fails outside the queue is not said by the page: it takes the place of the picture.
_LIVE: dict[str, Any] = dict(show_progress="hidden", api_visibility="private", trigger_mode="always_last", queue=False)


def build(desk: Desk, workspace: Workspace, examples: Sequence[Path], offsets: Any, tabs: Any) -> Editors:
    """Put the tab on the page.

    Args:
        desk, workspace: who takes long jobs, and where results lie.
        examples: photos to try.
        offsets: the field of the tab "animate" for sliders that are added to a motion.
        tabs: where that tab is chosen.

    Returns:
        What visitors have under the sliders: to be forgotten when they leave.
    """
    editors = Editors(lambda: gpu.machine_for(desk.machine, training=False).torch_device)

    def moving_picture(asked: Any) -> str | None:
        return picture_while_moving(editors, asked)

    with gr.Row(elem_classes="bench"):
        with gr.Column(scale=3, min_width=280, elem_classes="sheet"):
            step(1, "Choose a face")
            target_kind = gr.Radio(
                [(words, kind) for kind, words in _TARGETS.items()], value="photo", show_label=False, container=False,
                elem_id="editor-target-kind", elem_classes="pills",
            )  # fmt: skip
            photo = photo_input("Photo", height=230, elem_id="editor-photo")
            puppet = gr.File(
                label="A puppet (.puppet)", file_types=[PUPPET_SUFFIX], height=120, visible=False,
                elem_id="editor-puppet",
            )  # fmt: skip
            tries = gr.Examples(
                [[str(path)] for path in examples], [photo], label="Or try one of these", cache_examples=False,
                elem_id="editor-examples",
            )  # fmt: skip
            with gr.Accordion("Where the face is", open=False, elem_id="editor-placing") as placing:
                placer = face_placer("editor-landmarks")
                use = gr.Button("Use these points", size="sm", elem_id="editor-use")
            # What the placer says, without its picture, which would travel with every change of a slider.
            where = gr.JSON({}, visible=False)
        with gr.Column(scale=9, min_width=340, elem_classes="sheet"):
            step(2, "Move it", "Left and right are the face's own")
            with gr.Row(elem_classes="studio"):
                with gr.Column(scale=5, min_width=280, elem_classes="stage"):
                    picture = gr.HTML(
                        _NOBODY, elem_id="editor-picture", padding=False, server_functions=[moving_picture],
                        js_on_load=files("cxanim.ui").joinpath("editor_picture.js").read_text(),
                    )  # fmt: skip
                    with gr.Row(elem_classes="actions"):
                        reset = gr.Button("Reset", size="sm", min_width=60, elem_id="editor-reset")
                        save = gr.Button("Save picture", size="sm", min_width=90, elem_id="editor-save")
                        add = gr.Button("Add to a motion", size="sm", min_width=110, elem_id="editor-add")
                    still = gr.DownloadButton("Download the picture", size="sm", visible=False, elem_id="editor-still")
                with gr.Column(scale=6, min_width=280):
                    sliders = build_sliders()
    with gr.Row(elem_classes="bench"):
        with gr.Column(scale=5, min_width=340, elem_classes="sheet"):
            step(3, "Make it a motion", "Keep some faces as keyframes; what lies between them follows")
            panel = build_keyframe_panel()
        with gr.Column(scale=6, min_width=340, elem_classes="sheet result"):
            step(4, "Watch it")
            buttons = RunButtons.build(desk, "editor-render", "Show the motion")
            status = gr.HTML(done_card("Your motion appears here"), elem_id="editor-status", padding=False)
            video = gr.Video(
                label="Result", autoplay=True, loop=True, interactive=False, height=400, buttons=["download"],
                elem_id="editor-result",
            )  # fmt: skip
    target = [target_kind, photo, puppet, where]

    def move(
        request: gr.Request, kind: str, photo: str | None, puppet: str | None, landmarks: Any, *values: Any
    ) -> str:
        if not (photo if kind == "photo" else puppet):
            return _NOBODY
        try:
            chosen = chosen_target(kind, photo, puppet, landmarks)
            return show_face(editors, visitor_of(request), chosen, read_sliders(values))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is said where the picture would be
            return failure_card(error)

    @in_words
    def edit(
        request: gr.Request,
        target_kind: str,
        photo: str | None,
        puppet: str | None = None,
        landmarks: dict[str, Any] | None = None,
        *values: Any,
    ) -> str:
        """Write a PNG of a photo or a puppet whose face is as the sliders say."""
        chosen = chosen_target(target_kind, photo, puppet, landmarks)
        return save_face(editors, workspace, visitor_of(request), chosen, read_sliders(values))

    @in_words
    def add_to_motion(*values: Any) -> tuple[str, Any]:
        return read_sliders(values).to_text(), gr.Tabs(selected="animate")

    @in_words
    def keep(motion: str, time_s: float | None, easing: str, duration_s: float | None, *values: Any) -> Any:
        return keyframe_panel.kept(motion, read_sliders(values), time_s, easing, duration_s)

    @in_words
    def jump(motion: str, time_s: float | None) -> list[Any]:
        expression, keyframe = keyframe_panel.expression_of(motion, time_s)
        return [*values_of(expression), keyframe.time_s, keyframe.easing]

    @in_words
    def keep_file(request: gr.Request, motion: str, name: str | None, duration_s: float | None) -> str:
        finished = keyframe_panel.finished(motion, name, duration_s)
        return str(keyframe_panel.saved(workspace, visitor_of(request), finished))

    @in_words
    def show_motion(
        request: gr.Request,
        target_kind: str,
        photo: str | None,
        puppet: str | None = None,
        landmarks: dict[str, Any] | None = None,
        motion: str = "",
        name: str = "",
        duration_s: float | None = None,
    ) -> Any:
        """Make a video of a photo or a puppet that does what keyframes say; `motion` is the JSON of a motion's file."""
        finished = keyframe_panel.finished(motion, name, duration_s)
        chosen = chosen_target(target_kind, photo, puppet, landmarks)
        path = keyframe_panel.saved(workspace, visitor_of(request), finished)
        yield from run_motion(desk, workspace, visitor_of(request), chosen, path)

    live = dict(inputs=[*target, *sliders], outputs=picture, **_LIVE)
    gr.on([slider.release for slider in sliders], move, **live)
    gr.on([where.change, puppet.change], move, **live).then(lambda: gr.update(visible=False), None, still, **PRIVATE)
    photo.change(_look, [photo], [placer, placing, where], **PRIVATE).then(move, **live)
    gr.on([use.click, placer.select], in_words(_where), [placer], [where], **_QUEUED)
    tries.dataset.click(lambda: "photo", None, target_kind, **PRIVATE)
    target_kind.change(_shown, target_kind, [photo, puppet], **PRIVATE).then(move, **live)
    reset.click(lambda: values_of(Expression()), None, sliders, **PRIVATE).then(move, **live)
    save.click(
        named_with(edit, {name: knob.default for name, knob in SLIDERS.items()}), [*target, *sliders], still,
        api_name="edit", show_progress="hidden", concurrency_limit=None,
    ).success(reveal, still, still, **PRIVATE)  # fmt: skip
    add.click(add_to_motion, sliders, [offsets, tabs], **_QUEUED)
    panel.keep.click(
        keep, [panel.motion, panel.time_s, panel.easing, panel.duration_s, *sliders], panel.shown, **_QUEUED
    ).success(_unchosen, None, [panel.move, panel.delete], **PRIVATE)
    panel.times.input(jump, [panel.motion, panel.times], [*sliders, panel.time_s, panel.easing], **_QUEUED).success(
        _chosen, None, [panel.move, panel.delete], **PRIVATE
    ).then(move, **live)
    panel.move.click(
        in_words(keyframe_panel.moved),
        [panel.motion, panel.times, panel.time_s, panel.easing, panel.duration_s], panel.shown, **_QUEUED,
    )  # fmt: skip
    panel.delete.click(in_words(keyframe_panel.deleted), [panel.motion, panel.times], panel.shown, **_QUEUED).success(
        _unchosen, None, [panel.move, panel.delete], **PRIVATE
    )
    panel.preset.input(in_words(keyframe_panel.begun), panel.preset, panel.shown, **_QUEUED)
    panel.upload.upload(in_words(keyframe_panel.uploaded), panel.upload, panel.shown, **_QUEUED)
    panel.save.click(keep_file, [panel.motion, panel.name, panel.duration_s], panel.download, **_QUEUED).success(
        reveal, panel.download, panel.download, **PRIVATE
    )
    buttons.start(
        show_motion, [*target, panel.motion, panel.name, panel.duration_s], [video, status], api_name="show_motion"
    )
    return editors


@dataclass(frozen=True)
class Target:
    """Whose face is moved.

    Attributes:
        path: a photo, or a puppet's file.
        placed: where a person has placed the photo's face; found if None.
        face: which of several faces of the photo, counted from left to right; 0 is the largest.
    """

    path: Path
    placed: PlacedFace | None = None
    face: int = 0

    @property
    def is_puppet(self) -> bool:
        """Whether it is a puppet's file."""
        return self.path.suffix.lower() == PUPPET_SUFFIX


def chosen_target(kind: str, photo: str | None, puppet: str | None, where: Any = None) -> Target:
    """The face that was chosen.

    Args:
        kind: "photo" or "puppet".
        photo, puppet: their files.
        where: points of the photo's face, or {"face": its number}, or nothing.

    Raises:
        CxanimError: there is none yet.
        BadSetting: no such kind, or points that are none.
    """
    if kind not in _TARGETS:
        raise BadSetting(f"target_kind: got {kind!r}, expected one of {', '.join(_TARGETS)}.")
    if kind == "puppet":
        if not puppet:
            raise CxanimError("There is no puppet yet.", "Upload a .puppet file, or choose a photo.")
        return Target(Path(puppet))
    if not photo:
        raise CxanimError("There is no photo yet.", "Drop one into the field, or take one of the examples.")
    if isinstance(where, dict) and set(where) == {"face"}:
        return Target(Path(photo), face=EditSettings(face=where["face"]).face)
    return Target(Path(photo), placed_by(where))


def show_face(editors: Editors, visitor: str, target: Target, expression: Expression) -> str:
    """The square round the face as the sliders have it, as HTML, with the ticket for `picture_while_moving`."""
    with editors.seat(visitor, target.path, target.placed, target.face) as editor:
        shown = _data_url(editor, expression)
        notes = "".join(f"<figcaption>{html.escape(note)}</figcaption>" for note in editor.notes)
        ticket = editors.ticket_of(visitor)
    # The script changes the picture where Gradio does not see it: a value like its last one would change nothing.
    told = f'data-ticket="{ticket}" data-time="{time.monotonic_ns()}"'
    return f'<figure {told}><img src="{shown}" alt="The face as the sliders have it">{notes}</figure>'


def picture_while_moving(editors: Editors, asked: Any) -> str | None:
    """The square round a face while its sliders move, as the source of an image.

    Args:
        editors: who is under the sliders.
        asked: {"ticket": the face's, "sliders": {name: value}}, from the browser.

    Returns:
        None where there is nothing to show: the face is no longer kept ready, or a field is half typed. The event that
        follows when the slider is let go says what is to be said.
    """
    try:
        ticket, sliders = str(asked["ticket"]), {name: float(value) for name, value in asked["sliders"].items()}
        expression = Expression(**sliders)
    except (AttributeError, BadSetting, KeyError, TypeError, ValueError):
        return None
    with editors.seat_of(ticket) as editor:
        return None if editor is None else _data_url(editor, expression)


def save_face(editors: Editors, workspace: Workspace, visitor: str, target: Target, expression: Expression) -> str:
    """Write the whole picture with its face as the sliders have it; return the file."""
    output = workspace.new_folder(visitor) / file_name(f"{target.path.stem} edited", ".png")
    with editors.seat(visitor, target.path, target.placed, target.face) as editor:
        editor.save(expression, output)
    return str(output)


def run_motion(
    desk: Desk, workspace: Workspace, visitor: str, target: Target, motion: Path
) -> Generator[tuple[Any, ...], None, None]:
    """Let a photo or a puppet do what a motion's file says; yield (video, status) while and after it is done."""
    path = str(target.path)
    if target.is_puppet:
        for video, *_, status in run_drive(desk, workspace, visitor, path, motion, DriveSettings()):
            yield video, status
        return
    settings = AnimateSettings(face=target.face)
    for video, *_, status, _ in run_animation(desk, workspace, visitor, path, motion, settings, placed=target.placed):
        yield video, status


def _look(photo: str | None) -> tuple[Any, ...]:
    """Where the faces of a new photo are; what is wrong with it is said when it is shown."""
    if not photo:
        return None, gr.update(open=False), {}
    try:
        seen = looked_at(Path(photo))
    except CxanimError:
        return None, gr.update(open=False), {}
    ask = len(seen["faces"]) > 1 or not seen["faces"][0]["sure"]
    return seen, gr.update(open=ask), _where(seen)


def _where(seen: Any) -> dict[str, Any]:
    """What `chosen_target` takes, of all that the placer holds."""
    placed, number = placed_by(seen), chosen_face(seen)
    return placed.to_dict() if placed is not None else {"face": number} if number else {}


def _shown(kind: str) -> list[Any]:
    return [gr.update(visible=kind == name) for name in _TARGETS]


def _chosen() -> list[Any]:
    return [gr.update(visible=True)] * 2


def _unchosen() -> list[Any]:
    return [gr.update(visible=False)] * 2


def _data_url(editor: Editor, expression: Expression) -> str:
    data = base64.b64encode(encode_jpeg(editor.show(expression), _LIVE_QUALITY)).decode()
    return f"data:image/jpeg;base64,{data}"
