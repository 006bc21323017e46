"""Takes the tremble out of a stream of pictures: what hardly changes is averaged over time, what moves is not.

Landmarks tremble by a fraction of a pixel even when a face stands still, and what is warped by them trembles along; so
do hair and shoulders where one reference fades into another. The eye sees that at once in what should be still. Round
the face much may be averaged, in the face little: a smile that begins is a slow change too.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from cxanim.motion.pose import face_box

_REACH_PX = 5  # a change counts for its neighbourhood, so that no edge of something moving is left behind
_FACE_GROWN = 0.15
_SOFT_SHARE = 0.06  # of the picture, over which one rule goes over into the other


@dataclass(frozen=True)
class _Rule:
    """Averaging gives way between two sizes of change, in grey levels; below, `least` of the new picture counts."""

    still_levels: float
    moving_levels: float
    least: float

    def share(self, change: np.ndarray) -> np.ndarray:
        """How much of the new picture counts where it changed so much."""
        share = (change - self.still_levels) / (self.moving_levels - self.still_levels)
        return np.clip(share, self.least, 1, out=share)


_IN_FACE, _ROUND_FACE = _Rule(2, 6, 0.2), _Rule(8, 24, 0.1)


class Steady:
    """One stream of pictures of one size."""

    def __init__(self) -> None:
        self._shown: np.ndarray | None = None

    def next(self, picture: np.ndarray, face: np.ndarray) -> np.ndarray:
        """The next picture without its tremble; the first one comes back as it is.

        Args:
            picture: (S, S, 3) uint8.
            face: (478, 3) where its face is.
        """
        if self._shown is None or self._shown.shape != picture.shape:
            self._shown = picture.astype(np.float32)
            return picture
        change = cv2.subtract(picture, self._shown, dtype=cv2.CV_32F)
        size = cv2.blur(cv2.transform(np.abs(change), np.full((1, 3), 1 / 3, np.float32)), (_REACH_PX, _REACH_PX))
        outside = _ROUND_FACE.share(size)
        share = outside + _face_mask(face, picture.shape[0]) * (_IN_FACE.share(size) - outside)
        self._shown += cv2.multiply(change, cv2.merge([share, share, share]))
        return cv2.convertScaleAbs(self._shown)


def _face_mask(face: np.ndarray, size_px: int) -> np.ndarray:
    """(S, S) float32, 1 on an ellipse over the face, with a soft rim."""
    x0, y0, x1, y1 = np.array(face_box(face, grow=_FACE_GROWN)) * size_px
    centre, radii = (round((x0 + x1) / 2), round((y0 + y1) / 2)), (round((x1 - x0) / 2), round((y1 - y0) / 2))
    mask = np.zeros((size_px, size_px), np.float32)
    cv2.ellipse(mask, centre, radii, 0, 0, 360, 1.0, thickness=-1)
    soft_px = round(_SOFT_SHARE * size_px) | 1
    return cv2.blur(mask, (soft_px, soft_px))
