"""Follows the camera of a whole film, so that its motion can be taken out of whoever was seen in it.

General idea: every frame is laid on the view of the first one by what is behind the person (`camera_hold.py`). A camera
that goes farther than one view reaches is followed in a chain: where the nearest view has too little in common with a
frame, the frame before becomes a view of its own. One that comes back finds the first views again, and nothing drifts.

Convention: matrices (3, 3) take places in a frame to places in the first one, both in the frame's own square,
normalised, as poses are.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from cxanim.motion.camera_hold import Anchor, farthest_px
from cxanim.motion.crop import Crop
from cxanim.motion.matte import figure_stencil
from cxanim.motion.recording import Motion
from cxanim.motion.skeleton import CHEST, HIPS, SHOULDER, joints_of

_SIZE_PX = 256  # longer side of what is looked at: corners of a room are seen there, and ten times faster than bodies
_CORNERS = 150
_AWAY = 0.6  # thickness of the bones beyond which nothing is the person's, in lengths of the trunk
_PATIENCE = 8  # frames without any view in common, after which the film is taken to go on elsewhere
_MOST_VIEWS = 64
_AT_ONCE = (
    0.1  # of the longer side: nobody swings a camera farther from one frame to the next, and keeps a person in it
)
_STOOD = 0.005  # of the longer side: a camera that went no farther than that has stood
_TOLD = 0.03  # one that trembles less in a hand is not worth a word
_FOLLOWED = 0.7  # share of frames whose view must be known


@dataclass(frozen=True)
class _View:
    """A frame that others are laid on, and what takes its pixels to those of the first one, (3, 3)."""

    anchor: Anchor
    way: np.ndarray


@dataclass(frozen=True)
class _Seen:
    """A frame as it was looked at."""

    little: np.ndarray
    person: np.ndarray
    way: np.ndarray


class CameraPath:
    """How the camera of one stream of frames goes, seen frame after frame."""

    def __init__(self) -> None:
        self._views: list[_View] = []
        self._ways: list[np.ndarray | None] = []
        self._before: _Seen | None = None
        self._body: np.ndarray | None = None
        self._astray, self._unknown = 0, 0
        self._to_square = np.eye(3)

    def see(self, frame: np.ndarray, body: np.ndarray | None) -> None:
        """Look at the next frame.

        Args:
            frame: (H, W, 3) uint8.
            body: (33, 4) of who is in it, in the frame's own square; who is not found is taken to be where they were.
        """
        self._body = body if body is not None else self._body
        height, width = frame.shape[:2]
        scale = min(1.0, _SIZE_PX / max(height, width))
        little = cv2.resize(
            frame, (max(1, round(scale * width)), max(1, round(scale * height))), interpolation=cv2.INTER_AREA
        )
        person = _person(self._body, *little.shape[:2])
        if self._before is None:
            self._to_square = _to_square(width, height, little.shape[1], little.shape[0])
            way: np.ndarray | None = np.eye(3)
            self._views = [_View(Anchor(little, person, _CORNERS), np.eye(3))]
        else:
            way = self._followed(little, person, self._before)
        self._astray = self._astray + 1 if way is None else 0
        self._unknown += way is None
        if self._before is not None and self._astray > _PATIENCE:
            way, self._astray = self._before.way, 0
            self._views = [_View(Anchor(little, person, _CORNERS), way)]
        self._ways.append(way)
        if way is not None:
            self._before = _Seen(little, person, way)

    def _followed(self, little: np.ndarray, person: np.ndarray, before: _Seen) -> np.ndarray | None:
        """What takes the pixels of a frame to those of the first, (3, 3); None where no view shows the same place."""
        size = max(little.shape[:2])
        nearest = min(self._views, key=lambda view: farthest_px(_between(view, before.way)[:2], size))
        found = _way_to(nearest, little, person, before.way)
        if found is None and self._astray == 0:
            last = _View(Anchor(before.little, before.person, _CORNERS), before.way)
            found = _way_to(last, little, person, before.way)
            self._views = [*self._views[1 - _MOST_VIEWS :], last]
        return found

    @property
    def stands(self) -> bool:
        """Whether the camera went nowhere, as far as one can measure."""
        return self.went < _STOOD

    @property
    def moves(self) -> bool:
        """Whether the camera goes so far that a person would call it moving."""
        return self.went > _TOLD

    @property
    def is_followed(self) -> bool:
        """Whether how the camera went is known for nearly all frames."""
        return self._unknown <= (1 - _FOLLOWED) * len(self._ways)

    @property
    def went(self) -> float:
        """How far a corner of the picture went from the first frame, in shares of its longer side, but for mistakes."""
        far = [farthest_px(way[:2], _SIZE_PX) / _SIZE_PX for way in self._ways if way is not None]
        return float(np.quantile(far, 0.95)) if far else 0.0

    @property
    def matrices(self) -> np.ndarray:
        """What takes each frame to the first, (T, 3, 3); where that is not known, between what is before and after."""
        known = [number for number, way in enumerate(self._ways) if way is not None]
        back = np.linalg.inv(self._to_square)
        ways = np.stack([self._to_square @ way @ back for way in self._ways if way is not None])
        every = np.arange(len(self._ways))
        filled = [np.interp(every, known, entry) for entry in ways.reshape(len(known), 9).T]
        return np.stack(filled, axis=1).reshape(-1, 3, 3)


def taken_out(motion: Motion, matrices: np.ndarray) -> Motion:
    """A motion as the camera of its first frame would have seen it, had it stood.

    Args:
        motion: T frames of poses.
        matrices: (T, 3, 3).
    """
    turns, shifts = matrices[:, :2, :2], matrices[:, None, :2, 2]
    scales = np.sqrt(np.abs(np.linalg.det(turns)))[:, None]
    parts = {}
    for name, track in motion.parts.items():
        placed = track.copy()
        placed[..., :2] = np.einsum("tij,tpj->tpi", turns, track[..., :2]) + shifts
        placed[..., 2] *= scales
        parts[name] = placed
    return replace(motion, parts=parts)


def _between(view: _View, way: np.ndarray) -> np.ndarray:
    """What takes a frame, of which the way to the first is known, to a view, (3, 3)."""
    return np.linalg.inv(view.way) @ way


def _way_to(view: _View, little: np.ndarray, person: np.ndarray, expected: np.ndarray) -> np.ndarray | None:
    """What takes a frame to the first one by way of a view, (3, 3); it is sought near where it is expected."""
    found = view.anchor.way_from(little, person, _between(view, expected)[:2])
    if found is None:
        return None
    way = view.way @ np.vstack([found, [0, 0, 1]])
    size = max(little.shape[:2])
    return way if farthest_px((np.linalg.inv(expected) @ way)[:2], size) < _AT_ONCE * size else None


def _person(body: np.ndarray | None, height_px: int, width_px: int) -> np.ndarray:
    """Where a person may be in a picture, (H, W) bool."""
    if body is None:
        return np.zeros((height_px, width_px), bool)
    joints = joints_of(body)[0]
    size = max(height_px, width_px)
    across = joints[SHOULDER] - joints[SHOULDER + 1]
    trunk = float(max(np.linalg.norm(joints[CHEST] - joints[HIPS]), 1.4 * np.linalg.norm(across)))
    top, left = (size - height_px) // 2, (size - width_px) // 2
    return figure_stencil(joints, size, _AWAY * trunk)[top : top + height_px, left : left + width_px] > 0


def _to_square(width_px: int, height_px: int, little_width_px: int, little_height_px: int) -> np.ndarray:
    """From pixels of a shrunk frame to the frame's own square, (3, 3)."""
    whole = Crop.whole(width_px, height_px)
    x, y = (width_px / little_width_px / whole.side_px, height_px / little_height_px / whole.side_px)
    left, top = -whole.x_px / whole.side_px, -whole.y_px / whole.side_px
    return np.array([[x, 0, x / 2 + left], [0, y, y / 2 + top], [0, 0, 1]])
