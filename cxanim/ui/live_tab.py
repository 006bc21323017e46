"""The tab "Live": a person before the camera of the browser, and a puppet that does as they do."""

import base64
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import gradio as gr

from cxanim.errors import BadSetting, CxanimError
from cxanim.images import encode_jpeg
from cxanim.pipelines.live import KEYS, LiveSettings
from cxanim.pipelines.live_clip import live_target
from cxanim.pipelines.puppet_parts import PUPPET_SUFFIX
from cxanim.ui.controls import build_controls
from cxanim.ui.feedback import failure_card, in_words, visitor_of
from cxanim.ui.live_route import MOST_FRAME_BYTES
from cxanim.ui.live_stages import Stages
from cxanim.ui.photo_input import photo_input
from cxanim.ui.run_buttons import PRIVATE
from cxanim.ui.style import step
from cxanim.ui.workspace import Workspace
from cxanim.video import open_video, open_video_writer

# Who chooses a face waits for nobody else's.
_QUEUED: dict[str, Any] = dict(show_progress="hidden", api_visibility="private", concurrency_limit=None)
_MOST_TEXT = 4 * (MOST_FRAME_BYTES // 3)  # of a frame as base64
_TARGETS = {"photo": "A photo", "puppet": "A puppet"}
_KEYS = "".join(
    f'<button type="button" data-sliders="{sliders}">{name.capitalize()}</button>' for name, sliders in KEYS.items()
)
_SCRIPTS = ("live_camera.js", "live_stage.js")
_PAGE = f"""<div class="both"><div class="screen camera"><span>You</span></div>
<div class="screen mine"><img alt=""><span>Your puppet</span></div>
</div>
<p class="say" role="status"></p><p class="figures"></p><p class="kept"></p>
<div class="tools"><button type="button" name="start" class="main">Start the camera</button>
<button type="button" name="calibrate">Calibrate</button>
<button type="button" name="freeze" aria-pressed="false">Freeze</button>
<button type="button" name="snapshot">Snapshot</button><button type="button" name="record">Record</button></div>
<div class="keys"><b>Hold</b>{_KEYS}</div>"""
_STYLE = """
.both { display: grid; grid-template-columns: 1fr 1fr; gap: 12px; }
.screen { position: relative; aspect-ratio: 1; border-radius: 12px; overflow: hidden; background: var(--neutral-200); }
.screen :is(video, canvas, img) { position: absolute; inset: 0; width: 100%; height: 100%; object-fit: cover; }
&:not(.ready) img, canvas.puppet { visibility: hidden; }
.screen span { position: absolute; z-index: 1; left: 8px; bottom: 8px; padding: 2px 9px; border-radius: 8px;
  font-size: .85rem; background: rgb(28 25 23 / .65); color: #fff !important; }
&.mirrored .camera :is(video, canvas) { transform: scaleX(-1); }
&.running.shown canvas.puppet { visibility: visible; }
.say { min-height: 1.5em; margin: 10px 0 0; } .say.bad { color: #d9485f; }
.kept { margin: 0; } .kept:empty { display: none; }
.figures { min-height: 1.5em; margin: 0; color: var(--body-text-color-subdued); font-variant-numeric: tabular-nums; }
.tools, .keys { display: flex; flex-wrap: wrap; gap: 8px; margin-top: 8px; align-items: center; }
button { padding: 7px 13px; border-radius: 10px; border: 1px solid var(--border-color-primary); font-size: .9rem;
  background: var(--background-fill-secondary); color: var(--body-text-color); cursor: pointer; touch-action: none; }
button.main { background: var(--primary-600); border-color: var(--primary-600); color: #fff; font-weight: 650; }
button[aria-pressed=true] { border-color: var(--primary-500); box-shadow: 0 0 0 1px var(--primary-500); }
&:not(.running) :is([name=calibrate], [name=freeze], [name=snapshot], [name=record]), &:not(.running) .keys {
  opacity: .45; pointer-events: none; }
"""


def build(stages: Stages, workspace: Workspace, examples: Sequence[Path]) -> None:
    """Put the tab on the page.

    Args:
        stages: where visitors' puppets are; forgotten when they leave.
        workspace: where recordings lie.
        examples: photos to try.
    """

    def live_frame(asked: Any) -> dict[str, str]:
        return slow_frame(stages, asked)

    def live_command(asked: Any) -> str | None:
        return commanded(stages, asked)

    def live_recording(asked: Any) -> dict[str, str]:
        return recorded(stages, workspace, asked)

    with gr.Row(elem_classes="bench"):
        with gr.Column(scale=4, min_width=300, elem_classes="sheet"):
            step(1, "Choose who you are", "A photo needs no training")
            kind = gr.Radio(
                [(words, name) for name, words in _TARGETS.items()], value="photo", show_label=False, container=False,
                elem_id="live-target-kind", elem_classes="pills",
            )  # fmt: skip
            photo = photo_input("Photo", height=230, elem_id="live-photo")
            puppet = gr.File(
                label="A puppet (.puppet)", file_types=[PUPPET_SUFFIX], height=120, visible=False, elem_id="live-puppet"
            )
            tries = gr.Examples(
                [[str(path)] for path in examples], [photo], label="Or try one of these", cache_examples=False,
                elem_id="live-examples",
            )  # fmt: skip
            controls = build_controls(LiveSettings, title="Fine-tuning: strength, smoothing, mirror, size")
        with gr.Column(scale=8, min_width=340, elem_classes="sheet result"):
            step(2, "Be it", "The camera's pictures go to the machine that runs this page, and nowhere else")
            status = gr.HTML(elem_id="live-status", padding=False)
            stage = gr.HTML(
                None, html_template=_PAGE, css_template=_STYLE, apply_default_css=False, elem_id="live-stage",
                js_on_load="\n".join(files("cxanim.ui").joinpath(name).read_text() for name in _SCRIPTS),
                server_functions=[live_frame, live_command, live_recording],
            )  # fmt: skip
            stage.api_info = lambda: {"type": "object"}  # type: ignore[method-assign]

    @in_words
    def prepare(request: gr.Request, kind: str, photo: str | None, puppet: str | None, *values: Any) -> Any:
        target = photo if kind == "photo" else puppet
        if not target:
            return None, ""
        try:
            told = prepared(stages, visitor_of(request), Path(target), controls.read(values))
            return (gr.skip(), gr.skip()) if told is None else (told, "")
        except CxanimError as error:
            return None, failure_card(error)

    @in_words
    def change(request: gr.Request, *values: Any) -> None:
        mine = stages.of_visitor(visitor_of(request))
        if mine is not None:
            mine.change(controls.read(values))

    target = [kind, photo, puppet, *controls.components]
    gr.on([photo.change, puppet.change], prepare, target, [stage, status], **_QUEUED)
    kind.change(_shown, kind, [photo, puppet], **PRIVATE).then(prepare, target, [stage, status], **PRIVATE)
    tries.dataset.click(lambda: "photo", None, kind, **PRIVATE)
    for name, component in zip(controls.names, controls.components, strict=True):
        if name in ("size", "int8"):  # made ready with them
            component.change(prepare, target, [stage, status], **_QUEUED)
        else:
            component.change(change, [*controls.components], None, **PRIVATE)


def prepared(stages: Stages, visitor: str, target: Path, settings: LiveSettings) -> dict[str, Any] | None:
    """Make a visitor's puppet ready; return what the stage on the page is told, nothing if they chose again meanwhile.

    Raises:
        BadPuppet, UnreadableImage, TooLarge, NoFace.
    """
    turn = stages.turn(visitor)
    puppet = live_target(target, settings.size)
    stage = stages.open(visitor, puppet, settings, turn)
    if stage is None:
        return None
    picture = base64.b64encode(encode_jpeg(puppet.still, 85)).decode()
    return {"ticket": stage.ticket, "picture": f"data:image/jpeg;base64,{picture}"}


def slow_frame(stages: Stages, asked: Any) -> dict[str, Any]:
    """The slow road: a frame from the browser, {"ticket", "time_ms", "frame"}, and the picture for it, or a problem."""
    try:
        ticket, time_s = str(asked["ticket"]), float(asked["time_ms"]) / 1000
        text = str(asked["frame"])
        if len(text) > _MOST_TEXT:
            raise ValueError(f"frame: got {len(text)} letters, expected at most {_MOST_TEXT}")
        content = base64.b64decode(text, validate=True)
    except (KeyError, TypeError, ValueError):
        return {"problem": "The browser sent no frame. Load the page again."}
    try:
        picture, state, mirrored = stages.take(ticket).step(content, time_s)
    except CxanimError as error:
        return {"problem": str(error)}
    return {"picture": base64.b64encode(picture).decode(), "state": state, "mirrored": mirrored}


def recorded(stages: Stages, workspace: Workspace, asked: Any) -> dict[str, str]:
    """Make an mp4 that any player takes, with its sound, of what a browser has recorded and uploaded.

    Args:
        stages: who is known.
        workspace: where recordings lie.
        asked: {"ticket", "path"}, from the browser.

    Returns:
        {"path"} of the mp4, or {"problem"}.
    """
    try:
        visitor, upload = stages.of(str(asked["ticket"])).visitor, Path(str(asked["path"])).resolve()
        if not upload.is_relative_to(workspace.folder) or not upload.is_file():
            raise CxanimError("The recording did not arrive.", "Record it again.")
        output = workspace.new_folder(visitor) / "recording.mp4"
        with open_video(upload) as video:
            info = video.info
            with open_video_writer(output, info.width_px, info.height_px, info.fps, upload) as writer:
                for frame in video:
                    writer.write(frame)
    except CxanimError as error:
        return {"problem": str(error)}
    except (KeyError, TypeError, ValueError):
        return {"problem": "The page asked for something that there is not. Load it again."}
    upload.unlink(missing_ok=True)
    return {"path": str(output)}


def commanded(stages: Stages, asked: Any) -> str | None:
    """Do what a button says, {"ticket", "name", "value"}; return what is wrong with it, if anything."""
    try:
        stages.of(str(asked["ticket"])).command(str(asked["name"]), asked.get("value"))
    except (BadSetting, CxanimError) as error:
        return str(error)
    except (AttributeError, KeyError, TypeError, ValueError):
        return "The page asked for something that there is not. Load it again."
    return None


def _shown(kind: str) -> list[Any]:
    return [gr.update(visible=kind == name) for name in _TARGETS]
