"""From the file of a photo to the whole figure in it: its joints, what of the picture it is, and what is behind it."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from cxanim.errors import CxanimError, NoFigure
from cxanim.images import read_image
from cxanim.motion.body_build import Build
from cxanim.motion.crop import Crop
from cxanim.motion.detect import find_body, find_faces, person_matte
from cxanim.motion.drawing_matte import drawing_matte
from cxanim.motion.drawing_warp import DrawingWarp
from cxanim.motion.limb_warp import LimbWarp
from cxanim.motion.matte import background_plate, decided
from cxanim.motion.skeleton import PARENTS, joints_of, shows_a_figure
from cxanim.pipelines.photo import read_picture
from cxanim.pipelines.placed_figure import PlacedFigure

LARGEST_FIGURE_PX = 1280
_HOLDS_ITS_BONES, _LEAST_SPAN = 0.85, 0.5


@dataclass(frozen=True)
class Figure:
    """One picture and the figure in it.

    Attributes:
        picture: (H, W, 3) uint8 RGB, before a white wall where it is transparent.
        square: (S, S, 3) uint8, the picture in a square.
        matte: (S, S) float32, what of the square is the figure.
        joints, visibility: (35, 2) and (35,), in the square.
        is_cut_out: whether the matte is the picture's own alpha.
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
            plate = background_plate(self.square, cv2.dilate(self.matte, np.ones((rim, rim), np.uint8)))
        if self.is_drawn:
            return DrawingWarp(self.square, self.matte, self.joints, plate)
        return LimbWarp(self.square, self.matte, self.joints, plate, None if face is None else face[:468, :2])

    def framed(self, square: np.ndarray) -> np.ndarray:
        """What of a square (S, S, C) is the picture, (h, w, C): without what was added to make it one."""
        height, width = self.picture.shape[:2]
        scale = len(square) / max(height, width)
        rows, columns = max(2, round(height * scale)), max(2, round(width * scale))
        top, left = (len(square) - rows) // 2, (len(square) - columns) // 2
        return np.ascontiguousarray(square[top : top + rows, left : left + columns])


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
        mask: a picture of the same shape, white where the figure is; found if None.

    Raises:
        UnreadableImage, TooLarge.
        NoFigure: there is none, or too little of one.
        CxanimError: joints or mask are of another picture.
    """
    path = Path(path)
    picture, alpha = read_picture(path)
    height, width = picture.shape[:2]
    body = find_body(picture) if placed is None else placed.body(width, height)
    if body is None:
        raise NoFigure(
            f"No figure was found in {path.name}.",
            "Use a picture of one person, from the hips up at least, or place its joints.",
        )
    joints, visibility = joints_of(body)
    if not shows_a_figure(body):
        raise NoFigure(
            f"{path.name} shows too little of a figure to move its limbs.",
            "Use a picture that shows shoulders, arms and hips, or move its face only.",
        )
    size = min(max(height, width), longest_side_px, LARGEST_FIGURE_PX)
    window = Crop.whole(width, height)
    joints_px = joints * window.side_px + (window.x_px, window.y_px)
    matte = _matte(picture, alpha, mask, joints_px, is_drawn=placed is not None)
    if matte.max() < 0.5:
        raise NoFigure(
            f"Nothing stands out from the ground of {path.name}.", "Give a mask: white where the figure is, else black."
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
    is_cut_out = alpha is not None and mask is None
    return Figure(picture, square, matte.astype(np.float32), joints, visibility, is_cut_out, placed is not None, notes)


def _matte(
    picture: np.ndarray, alpha: np.ndarray | None, mask: Path | None, joints_px: np.ndarray, *, is_drawn: bool
) -> np.ndarray:
    """What of a picture is the figure, (H, W) float32 in [0, 1]."""
    if mask is not None:
        image = read_image(mask)
        height, width = picture.shape[:2]
        own_height, own_width = image.rgb.shape[:2]
        if abs(own_height * width / own_width - height) > max(1.0, 0.01 * height):
            problem = f"The mask {mask.name} is {own_width}x{own_height}, the picture {width}x{height}."
            raise CxanimError(problem, "Paint it on the picture itself.")
        grey = cv2.resize(image.rgb.max(axis=2), (width, height), interpolation=cv2.INTER_AREA)
        return grey.astype(np.float32) / 255
    if alpha is not None:
        return alpha.astype(np.float32) / 255
    if is_drawn:
        return drawing_matte(picture)
    matte = decided(person_matte(picture))
    seen = _bones_within(matte, joints_px)
    if seen > _HOLDS_ITS_BONES:
        return matte
    drawn = drawing_matte(picture)  # what is painted on a plain ground the segmentation of persons does not know
    return drawn if _bones_within(drawn, joints_px) > max(seen, _HOLDS_ITS_BONES) and drawn.mean() < 0.6 else matte


def _spans(matte: np.ndarray, joints_px: np.ndarray) -> bool:
    """Whether joints reach through a good part of the figure, from top to bottom: in drawings persons are found that
    are none."""
    rows = np.flatnonzero((matte > 0.5).any(1))
    return bool(np.ptp(np.clip(joints_px[:, 1], 0, len(matte))) >= _LEAST_SPAN * np.ptp(rows))


def _bones_within(matte: np.ndarray, joints_px: np.ndarray) -> float:
    """How much of the bones that lie in the picture lies in a matte, in [0, 1]."""
    starts, ends = joints_px[PARENTS], joints_px
    places = np.concatenate([starts + share * (ends - starts) for share in np.linspace(0, 1, 9)])
    x, y = np.round(places).astype(int).T
    inside = (x >= 0) & (y >= 0) & (x < matte.shape[1]) & (y < matte.shape[0])
    return float((matte[y[inside], x[inside]] > 0.5).mean()) if inside.any() else 0.0


def _edges(height: int, width: int) -> tuple[int, int, int, int]:
    """What makes a square of a picture: rows above and below, columns left and right."""
    side = max(height, width)
    top, left = (side - height) // 2, (side - width) // 2
    return top, side - height - top, left, side - width - left
