"""From the file of a photo to the whole figure in it: its joints, what of the picture it is, and what is behind it."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from cxanim.errors import NoFigure
from cxanim.motion.body_retarget import Build
from cxanim.motion.crop import Crop
from cxanim.motion.detect import find_body, find_faces, person_matte
from cxanim.motion.limb_warp import LimbWarp
from cxanim.motion.matte import background_plate
from cxanim.motion.skeleton import joints_of, shows_a_figure
from cxanim.pipelines.photo import read_picture

LARGEST_FIGURE_PX = 1280
_SURE = (0.3, 0.8)  # of what the segmentation says: less is wall, more is person


@dataclass(frozen=True)
class Figure:
    """One picture and the figure in it.

    Attributes:
        picture: (H, W, 3) uint8 RGB, before a white wall where it is transparent.
        square: (S, S, 3) uint8, the picture in a square.
        matte: (S, S) float32, what of the square is the figure.
        joints, visibility: (35, 2) and (35,), in the square.
        is_cut_out: whether the matte is the picture's own alpha.
        notes: what a person should know.
    """

    picture: np.ndarray
    square: np.ndarray
    matte: np.ndarray
    joints: np.ndarray
    visibility: np.ndarray
    is_cut_out: bool
    notes: tuple[str, ...] = ()

    @property
    def build(self) -> Build:
        """How it is made, as far as one picture tells."""
        return Build.of(self.joints[None], self.visibility[None])

    def warp(self) -> LimbWarp:
        """What shows it in other poses."""
        if self.is_cut_out:
            plate = np.full_like(self.square, 255)
        else:
            rim = max(3, len(self.square) // 48)
            plate = background_plate(self.square, cv2.dilate(self.matte, np.ones((rim, rim), np.uint8)))
        return LimbWarp(self.square, self.matte, self.joints, plate)

    def framed(self, square: np.ndarray) -> np.ndarray:
        """What of a square (S, S, C) is the picture, (h, w, C): without what was added to make it one."""
        height, width = self.picture.shape[:2]
        scale = len(square) / max(height, width)
        rows, columns = max(2, round(height * scale)), max(2, round(width * scale))
        top, left = (len(square) - rows) // 2, (len(square) - columns) // 2
        return np.ascontiguousarray(square[top : top + rows, left : left + columns])


def observe_figure(path: Path, longest_side_px: int = LARGEST_FIGURE_PX) -> Figure:
    """Read a picture and find the figure in it.

    Args:
        path: the picture.
        longest_side_px: the square's side at most.

    Raises:
        UnreadableImage, TooLarge.
        NoFigure: there is none, or too little of one.
    """
    path = Path(path)
    picture, alpha = read_picture(path)
    height, width = picture.shape[:2]
    body = find_body(picture)
    if body is None:
        raise NoFigure(
            f"No figure was found in {path.name}.", "Use a picture of one person, from the hips up at least."
        )
    joints, visibility = joints_of(body)
    if not shows_a_figure(body):
        raise NoFigure(
            f"{path.name} shows too little of a figure to move its limbs.",
            "Use a picture that shows shoulders, arms and hips, or move its face only.",
        )
    size = min(max(height, width), longest_side_px, LARGEST_FIGURE_PX)
    window = Crop.whole(width, height)
    matte = person_matte(picture) if alpha is None else alpha.astype(np.float32) / 255
    if alpha is None:
        matte = np.clip((matte - _SURE[0]) / (_SURE[1] - _SURE[0]), 0, 1)
    square = window.cut(picture, size)
    beyond = cv2.copyMakeBorder(matte, *_edges(height, width), cv2.BORDER_CONSTANT, value=0.0)
    matte = cv2.resize(beyond, (size, size), interpolation=cv2.INTER_AREA)
    people = len(find_faces(picture, everyone=True))
    notes = (f"{path.name} shows {people} people: the one that is found first is moved.",) if people > 1 else ()
    return Figure(picture, square, matte.astype(np.float32), joints, visibility, alpha is not None, notes)


def _edges(height: int, width: int) -> tuple[int, int, int, int]:
    """What makes a square of a picture: rows above and below, columns left and right."""
    side = max(height, width)
    top, left = (side - height) // 2, (side - width) // 2
    return top, side - height - top, left, side - width - left
