"""Sheets of triangles: which triangle covers each node of a grid, and how the node hangs on its corners.

Convention: points are (x, y); a grid's node (row, column) lies at its own centre, as pixels do.
"""

import cv2
import numpy as np
from scipy.sparse import csr_matrix

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


def interpolation(
    places: np.ndarray, which: np.ndarray, target: np.ndarray, triangles: np.ndarray, points: int
) -> csr_matrix:
    """Matrix (N, points) that takes what is known at the points of a sheet to nodes: inside a triangle it is affine.

    Args:
        places: (N, 2) the nodes.
        which: (N,) number of the triangle that covers each.
        target: (T, 3, 2) corners of the triangles.
        triangles: (T, 3) numbers of their points.
        points: how many there are.

    A node may lie a little outside the triangle that painted it: thin ones are not followed far out. Rows sum to 1.
    """
    edges = target[:, 1:] - target[:, :1]  # (T, 2, 2)
    area = edges[:, 0, 0] * edges[:, 1, 1] - edges[:, 0, 1] * edges[:, 1, 0]
    area = np.where(np.abs(area) < 1e-9, 1e-9, area)
    across = np.stack([edges[:, 1, 1], -edges[:, 1, 0], -edges[:, 0, 1], edges[:, 0, 0]], 1) / area[:, None]
    facts = np.concatenate([target[:, 0], across], axis=1)
    x0, y0, ax, ay, bx, by = facts.astype(np.float32)[which].T
    x, y = places[:, 0] - x0, places[:, 1] - y0
    shares = np.empty((len(places), 3), np.float32)
    shares[:, 1] = np.clip(x * ax + y * ay, -0.25, 1.25)
    shares[:, 2] = np.clip(x * bx + y * by, -0.25, 1.25)
    shares[:, 0] = 1 - shares[:, 1] - shares[:, 2]
    corners = triangles.astype(np.int32)[which]
    rows = np.arange(0, 3 * len(places) + 1, 3, dtype=np.int32)
    return csr_matrix((shares.ravel(), corners.ravel(), rows), shape=(len(places), points))
