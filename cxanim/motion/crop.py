"""The square window of a frame in which a subject lives; one window serves a whole clip.

Convention:
    - ``x_px, y_px`` is the window's top-left *corner* in the frame's pixels, (0, 0) being the corner of the first
      pixel; the window may reach over the frame's edges, where the nearest edge pixel is repeated.
    - ``cut`` followed by ``paste`` of the same picture changes nothing but the resampling.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np

from cxanim.motion.pose import Pose, face_box

_SEEN = 0.5
_HAIR, _ROOM = 0.35, 0.06  # lengths of the trunk above the eyes; room on each side


@dataclass(frozen=True)
class Crop:
    """A square window in a frame, in the frame's pixels."""

    x_px: float
    y_px: float
    side_px: float

    def cut(self, frame: np.ndarray, size_px: int) -> np.ndarray:
        """Return the window of `frame` (H, W, C) resampled to (size_px, size_px, C)."""
        height, width = frame.shape[:2]
        if (self.x_px, self.y_px) == (0, 0) and height == width == self.side_px:
            whole = frame
        else:
            whole = self._whole_pixels(frame)
        if whole.shape[0] == size_px:
            return np.ascontiguousarray(whole)
        shrink = size_px < whole.shape[0]
        return cv2.resize(whole, (size_px, size_px), interpolation=cv2.INTER_AREA if shrink else cv2.INTER_CUBIC)

    def _whole_pixels(self, frame: np.ndarray) -> np.ndarray:
        height, width = frame.shape[:2]
        x0, y0, side = round(self.x_px), round(self.y_px), max(1, round(self.side_px))
        left, top = max(0, -x0), max(0, -y0)
        right, bottom = max(0, x0 + side - width), max(0, y0 + side - height)
        inside = frame[max(0, y0) : min(height, y0 + side), max(0, x0) : min(width, x0 + side)]
        if left or top or right or bottom:
            return cv2.copyMakeBorder(inside, top, bottom, left, right, cv2.BORDER_REPLICATE)
        return inside

    def paste(self, frame: np.ndarray, window: np.ndarray) -> np.ndarray:
        """Return a copy of `frame` with the square picture `window` put back where `cut` took it."""
        height, width = frame.shape[:2]
        x0, y0, side = round(self.x_px), round(self.y_px), max(1, round(self.side_px))
        if window.shape[0] != side:
            shrink = side < window.shape[0]
            window = cv2.resize(window, (side, side), interpolation=cv2.INTER_AREA if shrink else cv2.INTER_LINEAR)
        pasted = frame.copy()
        top, bottom, left, right = max(0, y0), min(height, y0 + side), max(0, x0), min(width, x0 + side)
        pasted[top:bottom, left:right] = window[top - y0 : bottom - y0, left - x0 : right - x0]
        return pasted

    def from_frame(self, pose: Pose, width_px: float, height_px: float) -> Pose:
        """Take a pose from the coordinates of the frame's own square (see `whole`) into this window's."""
        whole = Crop.whole(width_px, height_px)
        return pose.placed(
            whole.side_px / self.side_px,
            (whole.x_px - self.x_px) / self.side_px,
            (whole.y_px - self.y_px) / self.side_px,
        )

    def to_frame(self, pose: Pose, width_px: float, height_px: float) -> Pose:
        """Take a pose from this window's coordinates into those of the frame's own square: `from_frame` undone."""
        whole = Crop.whole(width_px, height_px)
        return pose.placed(
            self.side_px / whole.side_px,
            (self.x_px - whole.x_px) / whole.side_px,
            (self.y_px - whole.y_px) / whole.side_px,
        )

    def held_edges(self, width_px: float, height_px: float) -> tuple[bool, bool, bool, bool]:
        """The window's edges (left, top, right, bottom) behind which the frame goes on: nothing may move there."""
        right, bottom = self.x_px + self.side_px, self.y_px + self.side_px
        return self.x_px > 0, self.y_px > 0, right < width_px, bottom < height_px

    @classmethod
    def whole(cls, width_px: float, height_px: float) -> "Crop":
        """The smallest square round the whole frame, centred on it."""
        side = max(width_px, height_px)
        return cls((width_px - side) / 2, (height_px - side) / 2, side)

    @classmethod
    def around_faces(cls, faces: Iterable[np.ndarray], width_px: int, height_px: int, *, margin: float = 0.9) -> "Crop":
        """A window that holds every given face with room for hair and shoulders.

        Args:
            faces: (478, 3) faces in the frame's own square (see `whole`).
            width_px, height_px: the frame.
            margin: room on each side, as a share of the faces' common box.

        Returns:
            A window inside the frame wherever the frame is large enough for it.
        """
        boxes = np.array([face_box(face) for face in faces])
        if not len(boxes):
            raise ValueError("faces: got none, expected at least one")
        whole = cls.whole(width_px, height_px)
        x0, y0 = boxes[:, :2].min(0) * whole.side_px + (whole.x_px, whole.y_px)
        x1, y1 = boxes[:, 2:].max(0) * whole.side_px + (whole.x_px, whole.y_px)
        side = (1 + 2 * margin) * max(x1 - x0, y1 - y0)
        # A face's box ends at the brow: hair needs more room above than the neck below.
        centre_x, centre_y = (x0 + x1) / 2, (y0 + y1) / 2 - 0.04 * side
        side = round(min(side, max(min(width_px, height_px), (y1 - y0) * 1.3, (x1 - x0) * 1.3)))
        return cls(_slid(centre_x - side / 2, side, width_px), _slid(centre_y - side / 2, side, height_px), side)

    @classmethod
    def around_bodies(cls, bodies: Iterable[np.ndarray], width_px: int, height_px: int) -> "Crop":
        """A window that holds a figure wherever it goes, hands, feet and hair included.

        Args:
            bodies: (33, 4) bodies in the frame's own square (see `whole`).
            width_px, height_px: the frame.

        Returns:
            A window inside the frame wherever the frame is large enough for it.
        """
        whole = cls.whole(width_px, height_px)
        boxes = [_box_of(body) for body in bodies]
        if not boxes:
            raise ValueError("bodies: got none, expected at least one")
        corners = np.stack(boxes)
        low, high = np.quantile(corners[:, 0], 0.005, axis=0), np.quantile(corners[:, 1], 0.995, axis=0)
        corner, size = np.array([whole.x_px, whole.y_px]), np.array([width_px, height_px])
        low, high = (np.clip(point * whole.side_px + corner, 0, size) for point in (low, high))
        side = round(min((1 + 2 * _ROOM) * (high - low).max(), whole.side_px))
        x, y = (low + high) / 2 - side / 2
        return cls(_slid(x, side, width_px), _slid(y, side, height_px), side)


def _box_of(body: np.ndarray) -> np.ndarray:
    """Corners (2, 2) of the box round what is seen of a body, with its hair and its finger-tips."""
    seen = body[body[:, 3] >= _SEEN, :2] if (body[:, 3] >= _SEEN).any() else body[:, :2]
    more = _HAIR * np.linalg.norm(body[[11, 12], :2].mean(0) - body[[23, 24], :2].mean(0))
    return np.stack([seen.min(0) - more, seen.max(0) + 0.5 * more])


def _slid(start: float, side: float, length: float) -> int:
    """Slide a span of `side` into [0, length] where it fits, else centre it."""
    if side >= length:
        return round((length - side) / 2)
    return round(min(max(start, 0), length - side))
