"""An eye's own axes in a picture, in which its eyeball and its lids are laid out."""

from dataclasses import dataclass

import cv2
import numpy as np

from cxanim.motion import landmarks as lm


@dataclass(frozen=True)
class Eye:
    """The point numbers of one eye; `fold` is where the open lid folds, over the points of `upper`."""

    contour: tuple[int, ...]
    upper: tuple[int, ...]
    lower: tuple[int, ...]
    fold: tuple[int, ...]
    iris: tuple[int, ...]


EYES = (
    Eye(lm.RIGHT_EYE, lm.RIGHT_EYE_UPPER, lm.RIGHT_EYE_LOWER, lm.RIGHT_LID_FOLD, lm.RIGHT_IRIS),
    Eye(lm.LEFT_EYE, lm.LEFT_EYE_UPPER, lm.LEFT_EYE_LOWER, lm.LEFT_LID_FOLD, lm.LEFT_IRIS),
)


@dataclass(frozen=True)
class EyeFrame:
    """The axes: origin in the middle of the corners, x along them, y down; lengths are in widths of the eye."""

    origin_px: np.ndarray
    x: np.ndarray
    y: np.ndarray
    width_px: float

    @classmethod
    def of(cls, face_px: np.ndarray, eye: Eye) -> "EyeFrame":
        """Args: face_px: (478, 2) points in the picture."""
        first, last = face_px[eye.upper[0]], face_px[eye.upper[-1]]
        x = last - first
        width = max(float(np.linalg.norm(x)), 1e-6)
        x = x / width
        return cls((first + last) / 2, x, np.array([-x[1], x[0]]), width)

    def inside(self, points_px: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Points (..., 2) of the picture along and down the eye."""
        away = points_px - self.origin_px.astype(points_px.dtype)
        x, y = ((axis / self.width_px).astype(points_px.dtype) for axis in (self.x, self.y))
        return away @ x, away @ y

    def fetch(self, picture: np.ndarray, along: np.ndarray, down: np.ndarray) -> np.ndarray:
        """What a picture has at these places of the eye."""
        places = self.origin_px + self.width_px * (along[..., None] * self.x + down[..., None] * self.y)
        look = places.astype(np.float32) - np.float32(0.5)
        return cv2.remap(picture, look, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)

    def opening(self, face_px: np.ndarray, eye: Eye) -> float:
        """Mean distance of the lids."""
        gaps = (face_px[list(eye.lower[2:-2])] - face_px[list(eye.upper[2:-2])]) @ self.y / self.width_px
        return float(np.maximum(gaps, 0).mean())

    def height(self, along: np.ndarray, face_px: np.ndarray, numbers: tuple[int, ...]) -> np.ndarray:
        """How far down a curve of the face lies at places along the eye."""
        x, y = self.inside(face_px[list(numbers)])
        order = np.argsort(x)
        return np.interp(along, x[order], y[order])


def places(x0: int, y0: int, shape: tuple[int, ...]) -> np.ndarray:
    """Centres (h, w, 2) float32 of the pixels of a window."""
    centres = np.empty((*shape[:2], 2), np.float32)
    centres[..., 0] = np.arange(shape[1]) + x0 + 0.5
    centres[..., 1] = (np.arange(shape[0]) + y0 + 0.5)[:, None]
    return centres
