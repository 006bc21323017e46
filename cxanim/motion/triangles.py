"""Sheets of triangles: which triangle covers each node of a grid, and where in its source that node looks.

Convention: points are (x, y); a grid's node (row, column) lies at its own centre, as pixels do.
"""

import cv2
import numpy as np

_SUBPIXEL_BITS = 4


def signed_areas(corners: np.ndarray) -> np.ndarray:
    """Twice the areas (T,) of triangles (T, 3, 2); negative where one is seen from behind."""
    edge_a, edge_b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    return edge_a[:, 0] * edge_b[:, 1] - edge_a[:, 1] * edge_b[:, 0]


def paint(canvas: np.ndarray, corners: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Fill `canvas` (H, W) int32 with the number of the triangle that is seen at each node, -1 where there is none.

    Args:
        canvas: changed in place, and returned.
        corners: (T, 3, 2) in the canvas's pixels, (0, 0) being the corner of its first one.
        order: numbers of the triangles to paint, the nearest last.
    """
    canvas.fill(-1)
    pixels = np.round((corners - 0.5) * (1 << _SUBPIXEL_BITS)).astype(np.int32)
    fill = cv2.fillConvexPoly
    for number in order.tolist():
        fill(canvas, pixels[number], number, 8, _SUBPIXEL_BITS)
    return canvas


def looked_up(places: np.ndarray, which: np.ndarray, target: np.ndarray, source: np.ndarray) -> np.ndarray:
    """Where the nodes at `places` (N, 2) look, (N, 2): inside a triangle the map is affine.

    Args:
        which: (N,) number of the triangle that covers each.
        target, source: (T, 3, 2) corners of the triangles as they are shown, and as they are in the source.

    A node may lie a little outside the triangle that painted it: thin ones are not followed far out, and what is left
    of the way goes along unchanged, so that a sheet which does not move moves no node.
    """
    edges = target[:, 1:] - target[:, :1]  # (T, 2, 2)
    area = edges[:, 0, 0] * edges[:, 1, 1] - edges[:, 0, 1] * edges[:, 1, 0]
    area = np.where(np.abs(area) < 1e-9, 1e-9, area)
    across = np.stack([edges[:, 1, 1], -edges[:, 1, 0], -edges[:, 0, 1], edges[:, 0, 0]], 1) / area[:, None]
    # Barycentric coordinates in the target triangle are those in the source triangle.
    moves = (source[:, 1:] - source[:, :1]) - edges
    facts = np.concatenate([target[:, 0], across, source[:, 0] - target[:, 0], moves.reshape(-1, 4)], axis=1)
    x0, y0, ax, ay, bx, by, dx, dy, mx, my, nx, ny = facts.astype(np.float32)[which].T
    x, y = places[:, 0] - x0, places[:, 1] - y0
    a = np.clip(x * ax + y * ay, -0.25, 1.25)
    b = np.clip(x * bx + y * by, -0.25, 1.25)
    return np.stack([places[:, 0] + dx + a * mx + b * nx, places[:, 1] + dy + a * my + b * ny], axis=1)
