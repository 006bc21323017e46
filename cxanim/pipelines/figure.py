"""From the file of a photo to the whole figure in it: its joints, what of the picture it is, and what is behind it."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from cxanim.errors import NoFigure
from cxanim.motion.body_build import Build
from cxanim.motion.crop import Crop
from cxanim.motion.detect import find_body, find_faces
from cxanim.motion.drawing_warp import DrawingWarp
from cxanim.motion.limb_warp import LimbWarp
from cxanim.motion.matte import background_plate
from cxanim.motion.skeleton import joints_of, shows_a_figure
from cxanim.pipelines.figure_matte import figure_matte
from cxanim.pipelines.photo import read_picture
from cxanim.pipelines.placed_figure import PlacedFigure

LARGEST_FIGURE_PX = 1280
_LEAST_SPAN = 0.5


@dataclass(frozen=True)
class Figure:
    """One picture and the figure in it.

    Attributes:
        picture: (H, W, 3) uint8 RGB, before a white wall where it is transparent.
        square: (S, S, 3) uint8, the picture in a square.
        matte: (S, S) float32, what of the square is the figure.
        joints, visibility: (35, 2) and (35,), in the square.
        is_cut_out: whether the picture is: nothing is behind its figure.
        is_drawn: whether its joints were placed by hand: it is bent as one sheet then.
        notes: what a person should know.
    """

    picture: np.ndarray
    square: np.ndarray
    matte: np.ndarray
    joints: np.ndarray
    visibility: np.ndarray
    is_cut_out: bool
    is_drawn: bool = False
    notes: tuple[str, ...] = ()

    @property
    def build(self) -> Build:
        """How it is made, as far as one picture tells."""
        return Build.of(self.joints[None], self.visibility[None])

    def warp(self, face: np.ndarray | None = None) -> LimbWarp | DrawingWarp:
        """What shows it in other poses; a face (478, 3) that is known stays whole."""
        if self.is_cut_out:
            plate = np.full_like(self.square, 255)
        else:
            rim = max(3, len(self.square) // 48)
            # What was added to make a square is no ground: whatever is cut off at the picture's edge goes on there.
            beyond = np.ones(self.matte.shape, bool)
            beyond[self._window(len(beyond))] = False
            plate = background_plate(self.square, cv2.dilate(self.matte, np.ones((rim, rim), np.uint8)), beyond)
        if self.is_drawn:
            return DrawingWarp(self.square, self.matte, self.joints, plate)
        return LimbWarp(self.square, self.matte, self.joints, plate, None if face is None else face[:468, :2])

    def framed(self, square: np.ndarray) -> np.ndarray:
        """What of a square (S, S, C) is the picture, (h, w, C): without what was added to make it one."""
        return np.ascontiguousarray(square[self._window(len(square))])

    def _window(self, size_px: int) -> tuple[slice, slice]:
        """Rows and columns of the picture in a square of a side."""
        height, width = self.picture.shape[:2]
        scale = size_px / max(height, width)
        rows, columns = max(2, round(height * scale)), max(2, round(width * scale))
        top, left = (size_px - rows) // 2, (size_px - columns) // 2
        return slice(top, top + rows), slice(left, left + columns)


def observe_figure(
    path: Path,
    longest_side_px: int = LARGEST_FIGURE_PX,
    placed: PlacedFigure | None = None,
    mask: Path | None = None,
) -> Figure:
    """Read a picture and find the figure in it.

    Args:
        path: the picture.
        longest_side_px: the square's side at most.
        placed: its joints, where a person has placed them; found if None.
        mask: a picture of the same shape, white where the figure is, grey where it is soft; found if None.

    Raises:
        UnreadableImage, TooLarge.
        NoFigure: there is none, or too little of one.
        CxanimError: joints or mask are of another picture.
    """
    path = Path(path)
    picture, alpha, joints, visibility = _located(path, placed)
    height, width = picture.shape[:2]
    size = min(max(height, width), longest_side_px, LARGEST_FIGURE_PX)
    window = Crop.whole(width, height)
    joints_px = _in_pixels(joints, picture)
    matte = figure_matte(picture, alpha, mask, joints_px, is_drawn=placed is not None)
    if matte.max() < 0.5:
        raise NoFigure(
            f"Nothing stands out from the ground of {path.name}.",
            "Mend the cut-out, or give a mask: white where the figure is, else black.",
        )
    if placed is None and not _spans(matte, joints_px):
        raise NoFigure(
            f"What was found in {path.name} is hardly its figure: all joints lie in a small part of it.",
            "Place its joints.",
        )
    square = window.cut(picture, size)
    beyond = cv2.copyMakeBorder(matte, *_edges(height, width), cv2.BORDER_CONSTANT, value=0.0)
    matte = cv2.resize(beyond, (size, size), interpolation=cv2.INTER_AREA)
    people = len(find_faces(picture, everyone=True)) if placed is None else 0
    notes = (f"{path.name} shows {people} people: the one that is found first is moved.",) if people > 1 else ()
    return Figure(
        picture, square, matte.astype(np.float32), joints, visibility, alpha is not None, placed is not None, notes
    )


def found_matte(path: Path, placed: PlacedFigure | None = None) -> tuple[np.ndarray, np.ndarray]:
    """A picture (H, W, 3) uint8 before a white wall, and what of it is found to be the figure, (H, W) float32 in
    [0, 1], be it ever so little: a person may mend it.

    Args:
        path: the picture.
        placed: its joints, where a person has placed them; found if None.

    Raises:
        UnreadableImage, TooLarge.
        NoFigure: there is none, or too little of one.
        CxanimError: the joints are of another picture.
    """
    picture, alpha, joints, _ = _located(Path(path), placed)
    return picture, figure_matte(picture, alpha, None, _in_pixels(joints, picture), is_drawn=placed is not None)


def _located(path: Path, placed: PlacedFigure | None) -> tuple[np.ndarray, np.ndarray | None, np.ndarray, np.ndarray]:
    """A picture, its alpha, and the joints of its figure with their visibility."""
    picture, alpha = read_picture(path)
    body = find_body(picture) if placed is None else placed.body(picture.shape[1], picture.shape[0])
    if body is None:
        raise NoFigure(
            f"No figure was found in {path.name}.",
            "Use a picture of one person, from the hips up at least, or place its joints.",
        )
    if not shows_a_figure(body):
        raise NoFigure(
            f"{path.name} shows too little of a figure to move its limbs.",
            "Use a picture that shows shoulders, arms and hips, or move its face only.",
        )
    return picture, alpha, *joints_of(body)


def _in_pixels(joints: np.ndarray, picture: np.ndarray) -> np.ndarray:
    window = Crop.whole(picture.shape[1], picture.shape[0])
    return joints * window.side_px + (window.x_px, window.y_px)


def _spans(matte: np.ndarray, joints_px: np.ndarray) -> bool:
    """Whether joints reach through a good part of the figure, from top to bottom: in drawings persons are found that
    are none."""
    rows = np.flatnonzero((matte > 0.5).any(1))
    return bool(np.ptp(np.clip(joints_px[:, 1], 0, len(matte))) >= _LEAST_SPAN * np.ptp(rows))


def _edges(height: int, width: int) -> tuple[int, int, int, int]:
    """What makes a square of a picture: rows above and below, columns left and right."""
    side = max(height, width)
    top, left = (side - height) // 2, (side - width) // 2
    return top, side - height - top, left, side - width - left
