"""A picture that shows what of it is found to be a whole figure; a brush adds to that and takes away from it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import gradio as gr
import numpy as np

from cxanim.errors import CxanimError
from cxanim.images import fitted, read_image, write_image
from cxanim.pipelines.figure import found_matte
from cxanim.pipelines.figure_matte import mended_matte
from cxanim.pipelines.placed_figure import PlacedFigure
from cxanim.ui.region_painter import painted_layer, region_painter

ADDS, TAKES_AWAY = "#2563eb", "#e11d48"
OPACITY = 0.6  # of the brush: what is painted over is still seen
MENDING = (
    f"<p>What is tinted blue is taken for the figure. Paint <b style='color: {ADDS}'>blue</b> what is missing, and "
    f"<b style='color: {TAKES_AWAY}'>red</b> what does not belong to it; the palette beside the picture has both.</p>"
)
_SIDE_PX = 768  # a finger of a whole figure is still wider than the thinnest brush
_TINT, _FADED = 0.35, 0.35


class Found(NamedTuple):
    """What a person saw when they began to paint.

    Attributes:
        photo: of which photo.
        matte: the file of what was found to be its figure, grey.
    """

    photo: str
    matte: str


def cut_out_mender(elem_id: str) -> Any:
    """The component, hidden until there is something to paint on."""
    return region_painter(
        "What is found",
        elem_id,
        [(ADDS, OPACITY), (TAKES_AWAY, OPACITY)],
        _SIDE_PX,
        height=460,
        visible=False,
        show_label=False,
    )


def found_in(photo: str, placed: PlacedFigure | None, folder: Path) -> tuple[Any, Found]:
    """What the component shows of a photo, and what there is to be mended.

    Raises:
        UnreadableImage, TooLarge, NoFigure, CannotWrite; CxanimError: the joints are of another picture.
    """
    picture, matte = found_matte(Path(photo), placed)
    _write_matte(folder / "found.png", matte)
    shown = {"background": _tinted(fitted(picture, _SIDE_PX), matte), "layers": [], "composite": None}
    return gr.update(value=shown, visible=True), Found(photo, str(folder / "found.png"))


def nothing_found() -> tuple[Any, None]:
    """The component without a picture, as before the first look at a photo."""
    return gr.update(value=None, visible=False), None


def mended_by(
    painting: dict[str, Any] | None,
    found: Found | None,
    photo: str | None,
    placed: PlacedFigure | None,
    new_folder: Callable[[], Path],
) -> Path | None:
    """The mask that a person's brush has made, as a file; None where nothing is painted, or on another photo.

    Args:
        painting: what the component holds.
        found: what was seen while it was painted; found again if None.
        photo: which shall move.
        placed: its joints, where a person has placed them.
        new_folder: makes the folder for it.

    Raises:
        UnreadableImage, TooLarge, NoFigure, CannotWrite.
        CxanimError: the joints are of another picture, or what was painted on was cleared away.
    """
    layer = painted_layer(painting)
    if layer is None or not layer[..., 3].any() or not photo or (found is not None and found.photo != photo):
        return None
    # What was seen is what is mended, though joints may have been dragged since.
    if found is not None and Path(found.matte).is_file():
        matte = read_image(found.matte).rgb[..., 0].astype(np.float32) / 255
    else:
        _, matte = found_matte(Path(photo), placed)
    (height, width), (rows, columns) = matte.shape, layer.shape[:2]
    if abs(rows * width - columns * height) > 0.02 * columns * height:
        raise CxanimError(
            "The brush has painted on an empty sheet.", "Show what is found once more, and paint on that."
        )
    path = new_folder() / "mended.png"
    _write_matte(path, mended_matte(matte, *_added_and_taken(layer)))
    return path


def _added_and_taken(layer: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How much of each colour is painted, (h, w) float32 in [0, 1] each; a colour between them is the nearer one's."""
    share = np.minimum(layer[..., 3] / np.float32(255 * OPACITY), 1)
    away = [np.abs(layer[..., :3].astype(np.int16) - _rgb(colour)).sum(-1) for colour in (ADDS, TAKES_AWAY)]
    adds = away[0] <= away[1]
    return share * adds, share * ~adds


def _tinted(picture: np.ndarray, matte: np.ndarray) -> np.ndarray:
    height, width = picture.shape[:2]
    matte = cv2.resize(matte, (width, height), interpolation=cv2.INTER_AREA)
    weight = matte[..., None]
    # Beside a grey ground the tint is seen on blue clothes too.
    ground = picture.mean(axis=2, keepdims=True) * (1 - _FADED) + 255 * _FADED
    figure = picture * (1 - _TINT) + _rgb(ADDS) * _TINT
    tinted = np.round(figure * weight + ground * (1 - weight)).astype(np.uint8)
    outlines, _ = cv2.findContours((matte > 0.5).astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    return cv2.drawContours(tinted, outlines, -1, _rgb(ADDS).tolist(), 1, cv2.LINE_AA)


def _rgb(colour: str) -> np.ndarray:
    return np.array(list(bytes.fromhex(colour[1:])), np.int16)


def _write_matte(path: Path, matte: np.ndarray) -> None:
    grey = np.round(255 * matte).astype(np.uint8)
    write_image(path, cv2.merge([grey] * 3))
