"""The grain of a target's film: what its own camera and codec change from frame to frame where nothing moves.

A puppet shows kept frames, moved and averaged; what stands still in it is perfectly still, as in a photograph, and
the eye tells that from film. So it is given grain that changes as much as its target does, like any picture that is
laid into a film. It is mostly less than one grey level.

Convention: grain is the same in all three channels, white in space and time, and Gaussian before it is rounded.
"""

import cv2
import numpy as np

MOST_LEVELS = 4.0
_SLACK_PX = 64  # the grain of a frame is a part of one larger tile, so that none has to be drawn


class Grain:
    """Grain for one stream of pictures.

    Args:
        levels: its standard deviation in grey levels, in [0, 4]; 0 leaves every picture as it is.
        size_px: side of the pictures.
    """

    def __init__(self, levels: float, size_px: int) -> None:
        if not 0 <= levels <= MOST_LEVELS:
            raise ValueError(f"levels: got {levels}, expected 0 to {MOST_LEVELS:g}")
        self._random, self._size = np.random.default_rng(0), size_px
        side = size_px + _SLACK_PX
        tile = np.round(levels * self._random.standard_normal((side, side), np.float32)).astype(np.int8)
        self._tile = np.repeat(tile[..., None], 3, axis=2)
        self._idle = not self._tile.any()

    def next(self, picture: np.ndarray) -> np.ndarray:
        """A picture (S, S, 3) uint8 with grain on it."""
        if self._idle:
            return picture
        x, y = self._random.integers(0, _SLACK_PX + 1, 2)
        return cv2.add(picture, self._tile[y : y + self._size, x : x + self._size], dtype=cv2.CV_8U)
