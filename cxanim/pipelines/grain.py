"""The grain of a target's film: what its own camera and codec change from frame to frame where nothing moves.

A puppet shows kept frames, moved and averaged; what stands still in it is perfectly still, as in a photograph, and
the eye tells that from film. So it is given grain, as much as its pictures lack of their target's change from frame to
frame: much where it rests, little where it trembles itself. It is mostly less than one grey level.

Convention: grain is the same in all three channels, white in space and time, and Gaussian, rounded up or down by chance
so that the faintest is not lost.
"""

import cv2
import numpy as np

MOST_LEVELS = 4.0
_STILL_LEVELS = 8  # what changes by more from frame to frame moves; what trembles may do so by half of it
_STEPS = 8  # grain is kept ready in so many strengths
_SLACK_PX = 64  # the grain of a frame is a part of one larger tile, so that none has to be drawn


class Grain:
    """Grain for one stream of pictures.

    Args:
        levels: by how much a pixel that stands still is to change from frame to frame in the mean, in grey levels in
            [0, 4]; 0 leaves every picture as it is.
        size_px: side of the pictures.
    """

    def __init__(self, levels: float, size_px: int) -> None:
        if not 0 <= levels <= MOST_LEVELS:
            raise ValueError(f"levels: got {levels}, expected 0 to {MOST_LEVELS:g}")
        self._random, self._size, self._levels = np.random.default_rng(0), size_px, levels
        self._tiles = self._ready(size_px + _SLACK_PX) if levels > 0 else []
        self._before: np.ndarray | None = None

    def next(self, picture: np.ndarray) -> np.ndarray:
        """A picture (S, S, 3) uint8 with the grain that it lacks beside the one before it."""
        if not self._tiles:
            return picture
        own = 0.0 if self._before is None else _still_change(picture, self._before)
        self._before = picture
        step = round(_STEPS * (1 - own / self._levels))
        if step <= 0:
            return picture
        x, y = self._random.integers(0, _SLACK_PX + 1, 2)
        part = self._tiles[step - 1][y : y + self._size, x : x + self._size]
        return cv2.add(picture, cv2.merge([part, part, part]), dtype=cv2.CV_8U)

    def _ready(self, side: int) -> list[np.ndarray]:
        """Tiles (side, side) int8 that change by a first, a second, ... and the last part of the levels."""
        normal = self._random.standard_normal((side, side), np.float32)
        chance = self._random.random((side, side), np.float32)

        def tile(deviation: float) -> np.ndarray:
            return np.floor(deviation * normal + chance).clip(-127, 127).astype(np.int8)

        def change(tile: np.ndarray) -> float:
            """Of a pixel from one frame to another; places half a tile apart know nothing of each other."""
            other = np.roll(tile, (side // 2, side // 3), axis=(0, 1))
            return float(np.abs(tile.astype(np.int16) - other).mean())

        deviations = np.concatenate([[0.0], np.geomspace(0.01, 1.2 * MOST_LEVELS, 24)])
        changes = [change(tile(deviation)) for deviation in deviations]
        wanted = self._levels * np.arange(1, _STEPS + 1) / _STEPS
        return [tile(deviation) for deviation in np.interp(wanted, changes, deviations)]


def _still_change(now: np.ndarray, before: np.ndarray) -> float:
    """By how many grey levels pixels that hardly change did so in the mean."""
    red, green, blue = cv2.split(cv2.absdiff(now, before))
    change = cv2.add(cv2.add(red, green), blue)  # saturates far above what is still
    still = cv2.compare(change, 3 * _STILL_LEVELS, cv2.CMP_LE)
    return cv2.mean(change, still)[0] / 3
