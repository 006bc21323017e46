"""Takes the tremble out of a stream of pictures: what hardly changes is averaged over time, what moves is not.

Landmarks tremble by a fraction of a pixel even when a face stands still, and whatever is warped by them trembles along.
The eye sees that at once in skin and cloth that should be still, and never misses it in a moving mouth.
"""

import cv2
import numpy as np

_STILL_LEVELS, _MOVING_LEVELS = 3.0, 9.0  # grey levels of change between which averaging gives way
_LEAST_SHARE = 0.25  # of the new picture where nothing moves
_REACH_PX = 5  # a change counts for its neighbourhood, so that no edge of something moving is left behind


class Steady:
    """One stream of pictures of one size."""

    def __init__(self) -> None:
        self._shown: np.ndarray | None = None

    def next(self, picture: np.ndarray) -> np.ndarray:
        """The next picture, (H, W, 3) uint8, without its tremble; the first one comes back as it is.

        Differs from a plain recursive filter: its strength goes by how much the neighbourhood of a pixel changes.
        """
        if self._shown is None or self._shown.shape != picture.shape:
            self._shown = picture.astype(np.float32)
            return picture
        change = cv2.subtract(picture, self._shown, dtype=cv2.CV_32F)
        size = cv2.blur(cv2.transform(np.abs(change), np.full((1, 3), 1 / 3, np.float32)), (_REACH_PX, _REACH_PX))
        share = (size - _STILL_LEVELS) / (_MOVING_LEVELS - _STILL_LEVELS)
        np.clip(share, _LEAST_SHARE, 1, out=share)
        self._shown += cv2.multiply(change, cv2.merge([share, share, share]))
        return cv2.convertScaleAbs(self._shown)
