"""A picture on which the joints of a whole figure can be seen and dragged: a drawing's, or where they are found wrong.

Convention: what the browser holds is the picture's pixels; left and right are the figure's own.
"""

from importlib.resources import files
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from cxanim.errors import BadSetting, NoFigure
from cxanim.motion.crop import Crop
from cxanim.motion.drawing_matte import drawing_matte
from cxanim.pipelines.figure import observe_figure
from cxanim.pipelines.photo import read_picture
from cxanim.pipelines.placed_figure import NAMED_JOINTS, PlacedFigure, read_placed_figure
from cxanim.ui.face_placer import PLACER_STYLE, picture_url

_PAGE = """<div class="placer"><p class="say"></p><div class="frame"><div class="stage"></div>
<p class="name"></p></div><div class="tools">
<button type="button" name="mirror">Swap left and right</button>
<button type="button" name="save">Save the joints</button></div></div>"""
_FOUND = "The joints that were found. Drag one to correct it: the figure is then bent as a drawing is."
_GUESSED = "No person was found. This is a guess: drag the joints to where they belong."
_KEPT = "The joints that were kept. Drag them further."
_BONES = [
    ("left_shoulder", "right_shoulder"), ("left_hip", "right_hip"),
    *((f"{side}_{a}", f"{side}_{b}") for side in ("left", "right") for a, b in
      (("shoulder", "elbow"), ("elbow", "wrist"), ("shoulder", "hip"), ("hip", "knee"), ("knee", "ankle"))),
]  # fmt: skip
# Of somebody who faces the viewer, in shares of what is drawn: the right half of a figure is on the left.
_USUAL = {"head": (0.5, 0.12), "shoulder": (0.15, 0.3), "elbow": (0.3, 0.42), "wrist": (0.42, 0.5), "hip": (0.08, 0.6),
          "knee": (0.1, 0.78), "ankle": (0.12, 0.95)}  # fmt: skip


def figure_placer(elem_id: str) -> gr.HTML:
    """The component. Its value is None, or what `joints_seen` and the person's hand have made of it."""
    script = files("cxanim.ui").joinpath("figure_placer.js").read_text()
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


def joints_seen(photo: Path, kept: Path | None = None) -> dict[str, Any]:
    """What the component shows of a photo: the picture, and its joints as they are found, guessed, or were kept.

    Raises:
        UnreadableImage, TooLarge; CxanimError: the joints are not those of this picture.
    """
    picture, _ = read_picture(photo)
    height, width = picture.shape[:2]
    try:
        placed = None if kept is None else read_placed_figure(kept)
        figure = observe_figure(photo, placed=placed)
    except NoFigure:
        joints, edited, words = _guess(picture), True, _GUESSED
    else:
        whole = Crop.whole(width, height)
        places = figure.joints * whole.side_px + (whole.x_px, whole.y_px)
        joints = {name: places[number].tolist() for name, number in NAMED_JOINTS.items()}
        joints["head"] = places[:11].mean(0).tolist()
        edited, words = kept is not None, _FOUND if kept is None else _KEPT
    inside = {
        name: [round(min(max(x, 0), width), 1), round(min(max(y, 0), height), 1)] for name, (x, y) in joints.items()
    }
    return {
        "image": picture_url(picture), "picture": [width, height], "joints": inside, "bones": _BONES, "edited": edited,
        "words": words, "photo": Path(photo).name,
    }  # fmt: skip


def placed_figure_by(value: Any, photo: str | None) -> PlacedFigure | None:
    """The joints that a person placed, or left as they were guessed; None where those that are found will do, and where
    they are of another photo.

    Raises:
        BadSetting: what came from the browser is not that.
    """
    if not value or not photo:
        return None
    try:
        is_of_another = value.get("photo", Path(photo).name) != Path(photo).name
        return None if is_of_another or not value.get("edited", True) else PlacedFigure.from_dict(value)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise BadSetting(f"joints: the joints of the figure cannot be read ({error}).") from error


def _guess(picture: np.ndarray) -> dict[str, list[float]]:
    """Joints in what is drawn, as they would usually lie."""
    rows, columns = np.nonzero(drawing_matte(picture) > 0.5)
    height, width = picture.shape[:2]
    left, top, right, bottom = (
        (columns.min(), rows.min(), columns.max(), rows.max()) if len(rows) else (0, 0, width, height)
    )
    guessed = {}
    for name in NAMED_JOINTS:
        side, _, part = name.rpartition("_")
        aside, down = _USUAL[part]
        across = aside if part == "head" else 0.5 + (aside if side == "left" else -aside)
        guessed[name] = [float(left + across * (right - left)), float(top + down * (bottom - top))]
    return guessed
