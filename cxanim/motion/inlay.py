"""Laying a small picture into a polygon of a large one, with a smooth edge."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

_BITS = 4


@dataclass(frozen=True)
class Inlay:
    """A small picture that is laid over a window of a large one.

    Attributes:
        x0_px, y0_px: the window's first column and row.
        colours: (h, w, 3) float32 in [0, 255].
        weight: (h, w) float32 in [0, 1], how much of each is seen.
    """

    x0_px: int
    y0_px: int
    colours: np.ndarray
    weight: np.ndarray


def masked_window(polygon_px: np.ndarray, size_px: int, grow_px: int = 0) -> tuple[int, int, np.ndarray] | None:
    """The smallest window of a picture round a polygon (N, 2), and the polygon's smooth-edged mask in it.

    Args:
        size_px: side of the picture.
        grow_px: how much larger than the polygon the mask is.

    Returns:
        First column, first row and (h, w) float32 mask in [0, 1]; None where nothing of it is in the picture.
    """
    rim = 2 + grow_px
    x0, y0 = np.maximum(np.floor(polygon_px.min(0)).astype(int) - rim, 0)
    x1, y1 = np.minimum(np.ceil(polygon_px.max(0)).astype(int) + rim, size_px)
    if x1 - x0 < 2 or y1 - y0 < 2:
        return None
    mask = np.zeros((y1 - y0, x1 - x0), np.uint8)
    cv2.fillPoly(mask, [fixed_point(polygon_px - (x0, y0))], 255, cv2.LINE_AA, _BITS)
    if grow_px:
        mask = cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * grow_px + 1,) * 2))
    return int(x0), int(y0), cv2.GaussianBlur(mask, (3, 3), 0).astype(np.float32) * np.float32(1 / 255)


def fixed_point(points_px: np.ndarray) -> np.ndarray:
    """Points whose (0, 0) is the corner of the first pixel, as OpenCV's fixed-point numbers, whose 0 is its centre."""
    return np.round((points_px - 0.5) * (1 << _BITS)).astype(np.int32)


def stencil(shape: tuple[int, ...], polygon_px: np.ndarray) -> np.ndarray:
    """(H, W) uint8, 255 inside a polygon."""
    inside = np.zeros(shape[:2], np.uint8)
    cv2.fillPoly(inside, [fixed_point(polygon_px)], 255, shift=_BITS)
    return inside


def lay(canvas: np.ndarray, inlays: Sequence[Inlay], shares: Sequence[float] = (1.0,)) -> None:
    """Blend inlays into `canvas` (H, W, 3) uint8, in place; those of one window by their shares, which sum to at
    most 1."""
    first = inlays[0]
    height, width = first.weight.shape
    under = canvas[first.y0_px : first.y0_px + height, first.x0_px : first.x0_px + width]
    seen = under.astype(np.float32)
    change = np.zeros_like(seen)
    for inlay, share in zip(inlays, shares, strict=True):
        change += (np.float32(share) * inlay.weight)[..., None] * (inlay.colours - seen)
    change += seen
    change += 0.5
    under[:] = np.clip(change, 0, 255, out=change)


def spread(patch: np.ndarray, known: np.ndarray) -> np.ndarray:
    """A picture (H, W, 3) where it is `known` (H, W) bool, and smooth colours of what is known near by elsewhere."""
    if not known.any():
        return patch.copy()
    weight = known.astype(np.float32)
    total = patch * weight[..., None]
    filled = np.broadcast_to(total.sum((0, 1)) / weight.sum(), patch.shape).copy()
    for sigma in (24, 12, 6, 3):
        near = cv2.GaussianBlur(weight, (0, 0), sigma)[..., None]
        colour = cv2.GaussianBlur(total, (0, 0), sigma) / np.maximum(near, 1e-6)
        trust = np.clip(near / 0.15, 0, 1)
        filled += trust * (colour - filled)
    return np.where(known[..., None], patch, filled).astype(np.float32)
