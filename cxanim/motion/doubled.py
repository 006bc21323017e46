"""A picture with what lies half-way between its pixels."""

import cv2
import numpy as np

_RIM = 0.1  # how far beyond the points it is kept, in their width and height


class Doubled:
    """A part of a picture with what lies half-way between its pixels, to be looked up in quickly and finely.

    A bilinear look between pixels would take half of a picture's finest texture away, a bicubic one takes four times as
    long: so the places half-way are made once, bicubically, and looked up bilinearly.

    Args:
        picture: (H, W, C) uint8.
        points_px: (N, 2) what the part is round, (x, y) in pixels whose centres are at halves.
    """

    def __init__(self, picture: np.ndarray, points_px: np.ndarray):
        self._picture = picture
        size = np.array(picture.shape[1::-1])
        low, high = points_px.min(0), points_px.max(0)
        rim = _RIM * (high - low)
        self._low = [float(edge) for edge in np.clip(np.floor(low - rim), 0, size - 1)]
        self._high = [float(edge) for edge in np.clip(np.ceil(high + rim), 1, size - 1)]
        across, down = (np.arange(a, b + 0.5, 0.5, np.float32) for a, b in zip(self._low, self._high, strict=True))
        self._doubled = bicubic(picture, np.stack(np.meshgrid(across, down), axis=2))

    def at(self, look_px: np.ndarray, counts: np.ndarray) -> np.ndarray:
        """What is at places (h, w, 2) float32, as for ``cv2.remap``: (h, w, C) uint8.

        Args:
            counts: (h, w) bool, where it is seen; elsewhere it may be anything.
        """
        x, y, width, height = cv2.boundingRect(look_px[counts][:, None])
        (left, top), (right, bottom) = self._low, self._high
        if x < left or y < top or x + width > right or y + height > bottom:
            return bicubic(self._picture, look_px)
        look = cv2.multiply(look_px, 2)
        cv2.subtract(look, (2 * left, 2 * top, 0, 0), dst=look)
        return cv2.remap(self._doubled, look, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def bicubic(picture: np.ndarray, look_px: np.ndarray) -> np.ndarray:
    """What a picture has at places (h, w, 2) float32, as for ``cv2.remap``."""
    return cv2.remap(picture, look_px, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
