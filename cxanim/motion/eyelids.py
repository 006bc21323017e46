"""Upper lids that come down as skin, with the picture's own lashes at their edge.

General idea: most of a lid that closes was folded away while it was open, so there is nothing in the picture to draw it
out from: lashes, liner and shadows would be drawn out with it. It is made: smooth skin between that over and that under
the eye, with the picture's own grain. Its edge is the picture's own, as dark as the lashes there, and thin.
"""

import cv2
import numpy as np

from cxanim.motion.eye_frame import Eye, EyeFrame
from cxanim.motion.inlay import Inlay, spread
from cxanim.motion.shown_face import ShownFace

_PATCH = (96, 128)  # rows and columns of the skin's own picture
_REACH = 0.9  # how far it goes from the middle of the eye, in widths of the eye
_LASHES = 0.07  # how far from the lids lashes, liner and their shadow are found, in widths of the eye
_CORNERS = 0.10  # how far beyond the corners they are
_LINE = 0.028  # half the width of the line where closed lids meet
_FOLD = 0.12  # how wide the lid and the picture over the fold pass into one another
_GRAIN_BELOW = 0.42  # skin so far below the eye lends its grain
_MOST_GRAIN = 10.0  # grey levels; more is no grain but a wrinkle or a rim of glasses


class Eyelid:
    """The upper lid of one eye of a picture.

    Args:
        picture: (S, S, 3) uint8.
        source_px: (478, 2) the face in it.
        eye: which one.
    """

    def __init__(self, picture: np.ndarray, source_px: np.ndarray, eye: Eye):
        self._picture, self._source_px, self._eye = picture, source_px, eye
        self._was = EyeFrame.of(source_px, eye)
        self._opening = max(self._was.opening(source_px, eye), 1e-6)
        rows, columns = _PATCH
        x, y = np.meshgrid((np.arange(columns) + 0.5) / columns * 2 - 1, (np.arange(rows) + 0.5) / rows * 2 - 1)
        x, y = x * _REACH, y * _REACH * rows / columns
        patch = self._was.fetch(picture, x, y).astype(np.float32)
        self._skin = self._filled(patch, x, y)
        self._dark = self._darkest(patch, x, y)
        below = self._was.fetch(picture, x, y + _GRAIN_BELOW).astype(np.float32)
        self._grain = np.clip(below - cv2.GaussianBlur(below, (0, 0), 1.2), -_MOST_GRAIN, _MOST_GRAIN)

    def seen(self, shown_face: ShownFace) -> Inlay | None:
        """The lid of a face, as far as it has come down, from its fold to its edge; None of an open eye."""
        eye, face_px = shown_face.eye(self._eye), shown_face.face_px
        closing = min(1.0, 1.6 * (1 - eye.opening / self._opening) - 0.15)
        slit = shown_face.lid(self._eye, _LASHES) if closing > 0 else None
        if slit is None:
            return None
        along, down = slit.along, slit.down
        fold, edge = (eye.frame.height(along, face_px, numbers) for numbers in (self._eye.fold, self._eye.upper))
        lid = _looked_up(self._skin, along, down) + _looked_up(self._grain, along, down)
        up = edge - down
        # Under the brow's ridge it is a little darker, and lighter where it lies over the eyeball.
        round_ = np.clip(up / np.maximum(edge - fold, 0.02), 0, 1)
        lid *= (1 + 0.05 * np.sin(np.pi * round_) - 0.05 * round_)[..., None]
        inside = np.clip((0.5 + _CORNERS * 0.6 - np.abs(along)) / (2 * _CORNERS), 0, 1)
        line = np.exp(-((up / _LINE) ** 2)) * inside
        lid += (0.85 * line)[..., None] * (self._dark - lid)
        # Over the fold it passes into the picture. Shut, it hides what the lower lid has kept of the eye.
        under = 1.6 * _LINE + 0.06 * float(np.clip((closing - 0.7) / 0.3, 0, 1))
        there = _rise((down - fold) / _FOLD + 0.4) * _rise((up + under) / _LINE) * inside
        return Inlay(slit.x0_px, slit.y0_px, lid, (slit.mask * (closing * there)).astype(np.float32))

    def _filled(self, patch: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """The skin round the eye, spread over where the eye is."""
        fold, upper, lower = (
            self._was.height(x, self._source_px, numbers)
            for numbers in (self._eye.fold, self._eye.upper, self._eye.lower)
        )
        over = np.minimum(fold + 0.01, upper - _LASHES)
        hidden = (np.abs(x) < 0.5 + _CORNERS) & (y > over) & (y < lower + _LASHES)
        near = (np.abs(x) < 0.6) & (y > over - 0.10) & (y < lower + 0.25) & ~hidden
        grey = patch.mean(2)
        usual = np.median(grey[near]) if near.any() else np.median(grey)
        # Brows, and the rims of glasses, are no skin.
        known = near & (grey > 0.55 * usual) & (grey < 1.35 * usual + 10)
        return cv2.GaussianBlur(spread(patch, known if known.sum() > 30 else ~hidden), (0, 0), 3)

    def _darkest(self, patch: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """The colour (3,) of the lashes."""
        edge = self._was.height(x, self._source_px, self._eye.upper)
        band = patch[(np.abs(x) < 0.45) & (np.abs(y - edge) < 0.5 * _LASHES)]
        if len(band) == 0:
            return np.zeros(3, np.float32)
        return band[band.sum(1) <= np.percentile(band.sum(1), 20)].mean(0)


def _rise(value: np.ndarray) -> np.ndarray:
    u = np.clip(value, 0, 1)
    return u * u * (3 - 2 * u)


def _looked_up(patch: np.ndarray, along: np.ndarray, down: np.ndarray) -> np.ndarray:
    """What a patch has at places of the eye."""
    rows, columns = _PATCH
    scale = columns / (2 * _REACH)
    x, y = (along * scale + columns / 2 - 0.5).astype(np.float32), (down * scale + rows / 2 - 0.5).astype(np.float32)
    return cv2.remap(patch, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
