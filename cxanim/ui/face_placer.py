"""A picture on which the points of its face can be seen and dragged: where no face is found, or not well.

Convention: what the browser holds is the picture's pixels; `faces` come from left to right, as a person counts them.
"""

import base64
import io
from importlib.resources import files
from pathlib import Path
from typing import Any

import cv2
import gradio as gr
import numpy as np
from PIL import Image

from cxanim.errors import BadSetting
from cxanim.motion import landmarks as lm
from cxanim.motion.guess import guess_faces
from cxanim.motion.pose import face_box
from cxanim.motion.template import named_points
from cxanim.pipelines.photo import read_landmarks, read_picture
from cxanim.pipelines.placed_face import PlacedFace, in_pixels

_SHOWN_PX = 1280
_FOUND, _GUESSED = (
    "The face that was found. Drag a point to correct it.",
    ("No face was found. This is a guess: drag the points to where they belong; the others follow."),
)
_SEVERAL = "{count} faces. Click on another to let that one move, or choose all faces under Fine-tuning."
_OUTLINES = (
    (lm.FACE_OVAL, True), (lm.RIGHT_EYE, True), (lm.LEFT_EYE, True), (lm.OUTER_LIPS, True), (lm.INNER_LIPS, True),
    (lm.RIGHT_BROW, True), (lm.LEFT_BROW, True), (lm.NOSE_BRIDGE, False), (lm.NOSE_BASE, False),
    (lm.RIGHT_IRIS[1:], True), (lm.LEFT_IRIS[1:], True),
)  # fmt: skip

_PAGE = """<div class="placer"><p class="say"></p><div class="frame"><div class="stage"></div>
<p class="name"></p></div><div class="tools">
<button type="button" name="zoom">Face / whole picture</button><button type="button" name="reset">Begin again</button>
<button type="button" name="save">Save the points</button></div></div>"""
PLACER_STYLE = """
&.nothing .tools { display: none; }
.say { margin: 0 0 8px; color: var(--body-text-color-subdued); font-size: .92rem; }
.frame { position: relative; }
.name { position: absolute; left: 8px; top: 8px; margin: 0; padding: 3px 9px; border-radius: 8px; font-size: .85rem;
  background: rgb(28 25 23 / .75); color: #fff !important; pointer-events: none; }
.name::first-letter { text-transform: uppercase; }
.name:empty { display: none; }
.stage svg { display: block; width: 100%; max-height: 520px; border-radius: 12px; background: var(--neutral-200);
  user-select: none; -webkit-user-select: none; overflow: hidden; }
.net path { fill: none; stroke: #fff; stroke-opacity: .85; filter: drop-shadow(0 0 1px #000); pointer-events: none; }
.other { fill: transparent; stroke: #fff; stroke-dasharray: 6 4; cursor: pointer; pointer-events: all; }
.other:hover { fill: rgb(255 255 255 / .2); }
.point { cursor: grab; touch-action: none; outline: none; }
.point .grab { fill: transparent; }
.point .dot { fill: #fff; stroke: #1c1917; stroke-width: 1.5px; vector-effect: non-scaling-stroke; }
.point.placed .dot { fill: #e11d48; stroke: #fff; }
.point.held .dot, .point:focus-visible .dot { stroke: #e11d48; stroke-width: 4px; }
.tools { display: flex; flex-wrap: wrap; gap: 8px; margin-top: 8px; }
.tools button { padding: 6px 12px; border-radius: 10px; border: 1px solid var(--border-color-primary);
  background: var(--background-fill-secondary); color: var(--body-text-color); font-size: .88rem; cursor: pointer; }
"""


def face_placer(elem_id: str) -> gr.HTML:
    """The component. Its value is None, or what `looked_at` and the person's hand have made of it."""
    script = files("cxanim.ui").joinpath("face_placer.js").read_text()
    placer = gr.HTML(
        None,
        html_template=_PAGE,
        css_template=PLACER_STYLE,
        js_on_load=script,
        apply_default_css=False,
        elem_id=elem_id,
    )
    placer.api_info = lambda: {"type": "object"}  # type: ignore[method-assign]
    return placer


def looked_at(photo: Path, points: Path | None = None) -> dict[str, Any]:
    """What the component shows of a photo: the picture, its faces, and points that were placed earlier.

    Raises:
        UnreadableImage, TooLarge; CxanimError: the points are not those of this picture.
    """
    picture, alpha = read_picture(photo)
    height, width = picture.shape[:2]
    guesses = guess_faces(picture, alpha)
    largest = guesses[0]
    guesses = sorted(guesses, key=lambda guess: face_box(guess.face)[0])
    faces = [_face(in_pixels(guess.face, width, height), guess.is_found, guess.is_seen) for guess in guesses]
    active = next(number for number, guess in enumerate(guesses) if guess is largest)
    words = _GUESSED if not largest.is_found else _SEVERAL.format(count=len(faces)) if len(faces) > 1 else _FOUND
    shown = {
        "image": picture_url(picture),
        "picture": [width, height],
        "faces": faces,
        "active": active,
        "words": words,
    }
    if points is None:
        return shown | {"points": faces[active]["points"], "by_hand": [], "edited": False}
    placed = read_landmarks(points)
    fitted = _face(in_pixels(placed.fit(picture)[0], width, height), True)
    here = placed.on(width, height).to_dict()
    words = "The points that were kept. Drag them further."
    return shown | {
        "faces": [fitted], "active": 0, "points": fitted["points"] | here["points"], "by_hand": here["by_hand"],
        "edited": True, "words": words,
    }  # fmt: skip


def placed_by(value: Any) -> PlacedFace | None:
    """The points that a person placed, or left as they were guessed; None where the face that is found will do.

    Raises:
        BadSetting: what came from the browser is not that.
    """
    if not value:
        return None
    try:
        faces = value.get("faces")
        if faces is not None and not value["edited"] and faces[value["active"]]["sure"]:
            return None
        return PlacedFace.from_dict(value)
    except (AttributeError, KeyError, IndexError, TypeError, ValueError) as error:
        raise BadSetting(f"landmarks: the points of the face cannot be read ({error}).") from error


def chosen_face(value: Any) -> int:
    """The number that a person counts for the face that is chosen, from 1; 0 where there is but one."""
    several = isinstance(value, dict) and len(value.get("faces") or ()) > 1
    return int(value["active"]) + 1 if several else 0


def _face(face_px: np.ndarray, sure: bool, seen: bool = True) -> dict[str, Any]:
    return {
        "points": {name: [round(x, 2), round(y, 2)] for name, (x, y) in named_points(face_px).items()},
        "outlines": [np.round(face_px[list(numbers), :2].astype(float), 1).tolist() for numbers, _ in _OUTLINES],
        "closed": [closed for _, closed in _OUTLINES],
        "sure": sure,
        "seen": seen,
    }


def picture_url(picture: np.ndarray) -> str:
    """A picture as a page shows it at once."""
    scale = _SHOWN_PX / max(picture.shape[:2])
    if scale < 1:
        picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()
