"""Laying a small picture into a polygon of a large one, with a smooth edge."""

import cv2
import numpy as np

_BITS = 4


def masked_window(polygon_px: np.ndarray, size_px: int, grow_px: int = 0) -> tuple[int, int, np.ndarray] | None:
    """The smallest window of a picture round a polygon (N, 2), and the polygon's smooth-edged mask in it.

    Args:
        size_px: side of the picture.
        grow_px: how much larger than the polygon the mask is.

    Returns:
        First column, first row and (h, w) uint8 mask; None where nothing of it is in the picture.
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
    return int(x0), int(y0), cv2.GaussianBlur(mask, (3, 3), 0)


def fixed_point(points_px: np.ndarray) -> np.ndarray:
    """Points whose (0, 0) is the corner of the first pixel, as OpenCV's fixed-point numbers, whose 0 is its centre."""
    return np.round((points_px - 0.5) * (1 << _BITS)).astype(np.int32)


def stencil(shape: tuple[int, ...], polygon_px: np.ndarray) -> np.ndarray:
    """(H, W) uint8, 255 inside a polygon."""
    inside = np.zeros(shape[:2], np.uint8)
    cv2.fillPoly(inside, [fixed_point(polygon_px)], 255, shift=_BITS)
    return inside


def lay(canvas: np.ndarray, x0: int, y0: int, layer: np.ndarray, mask: np.ndarray) -> None:
    """Blend `layer` (h, w, 3) into `canvas`, in place, as far as `mask` (h, w) uint8 or float in [0, 255] says."""
    height, width = mask.shape
    under = canvas[y0 : y0 + height, x0 : x0 + width]
    weight = mask.astype(np.float32)[..., None] / 255
    under[:] = np.clip(under + weight * (layer.astype(np.float32) - under) + 0.5, 0, 255).astype(np.uint8)


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
