"""Sheets of triangles: which triangle covers each node of a grid, and how the node hangs on its corners.

Convention: points are (x, y); a grid's node (row, column) lies at its own centre, as pixels do.
"""

import cv2
import numpy as np
from scipy.sparse import csr_matrix

_CLOSED_PX = np.float32(0.01)


def signed_areas(corners: np.ndarray) -> np.ndarray:
    """Twice the areas (T,) of triangles (T, 3, 2); negative where one is seen from behind."""
    edge_a, edge_b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    return edge_a[:, 0] * edge_b[:, 1] - edge_a[:, 1] * edge_b[:, 0]


def paint(canvas: np.ndarray, corners: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Fill `canvas` (H, W) int32 with the number of the triangle that is seen at each node, -1 where there is none.

    A node on an edge belongs to both its triangles, so that a sheet has no cracks.

    Args:
        canvas: changed in place, and returned.
        corners: (T, 3, 2) in the canvas's pixels, (0, 0) being the corner of its first one.
        order: numbers of the triangles to paint, the nearest last.
    """
    # All triangles at once, row by row: a call for each would let go of the interpreter, and in a program of several
    # threads wait to get it back, thousands of times for a picture.
    height, width = canvas.shape
    canvas.fill(-1)
    places = corners[order].astype(np.float32) - np.float32(0.5)
    down = np.argsort(places[..., 1], axis=1)
    (x0, y0), (x1, y1), (x2, y2) = np.take_along_axis(places, down[..., None], axis=1).transpose(1, 2, 0)
    first, last = np.maximum(np.ceil(y0 - _CLOSED_PX), 0), np.minimum(np.floor(y2 + _CLOSED_PX), height - 1)
    slopes = (_slope(x2 - x0, y2 - y0), _slope(x1 - x0, y1 - y0), _slope(x2 - x1, y2 - y1))
    rows, start = _spread(last - first + 1)
    facts = np.repeat(np.stack([x0, y0, x1, y1, y2, *slopes, first - start], axis=1), rows, axis=0).T
    x0, y0, x1, y1, y2, long, upper, lower, begins = facts
    row = np.arange(len(x0), dtype=np.float32) + begins
    y = np.clip(row, y0, y2)
    one, other = x0 + (y - y0) * long, np.where(y < y1, x0 + (y - y0) * upper, x1 + (y - y1) * lower)
    left = np.maximum(np.ceil(np.minimum(one, other) - _CLOSED_PX), 0)
    right = np.minimum(np.floor(np.maximum(one, other) + _CLOSED_PX), width - 1)
    columns, start = _spread(right - left + 1)
    begins = (row * width + left).astype(np.intp) - start
    nodes = np.arange(columns.sum()) + np.repeat(begins, columns)
    canvas.reshape(-1)[nodes] = np.repeat(np.repeat(order.astype(np.int32), rows), columns)
    return canvas


def _slope(across: np.ndarray, down: np.ndarray) -> np.ndarray:
    return across / np.maximum(down, np.float32(1e-6))


def _spread(lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lengths as whole numbers, not below 0, and where each begins where they lie one after the other."""
    whole = np.maximum(lengths, 0).astype(np.intp)
    return whole, np.cumsum(whole) - whole


def interpolation(painted: np.ndarray, corners: np.ndarray, triangles: np.ndarray, points: int) -> csr_matrix:
    """Matrix (H W, points) that takes what is known at the points of a sheet to nodes: inside a triangle it is affine.

    Args:
        painted: (H, W) which triangle covers each node, see `paint`.
        corners: (T, 3, 2) of the triangles, as there.
        triangles: (T, 3) numbers of their points.
        points: how many there are.

    Where no triangle is, it says 0. A node may lie a little outside the triangle that painted it: thin ones are not
    followed far out. Other rows sum to 1.
    """
    covered = painted >= 0
    rows, columns = np.nonzero(covered)
    which = painted[covered]
    x0, y0, ax, ay, bx, by = np.take(_facts(corners), which, axis=1)
    x, y = columns.astype(np.float32) - x0, rows.astype(np.float32) - y0
    shares = np.empty((len(which), 3), np.float32)
    one, other = _near(x * ax + y * ay), _near(x * bx + y * by)
    shares[:, 0], shares[:, 1], shares[:, 2] = 1 - one - other, one, other
    starts = np.zeros(covered.size + 1, np.int32)
    np.cumsum(covered, out=starts[1:])
    starts *= 3
    numbers = np.take(triangles.astype(np.int32), which, axis=0)
    return csr_matrix((shares.ravel(), numbers.ravel(), starts), shape=(covered.size, points))


def carried(painted: np.ndarray, corners: np.ndarray, known: np.ndarray, elsewhere: float) -> np.ndarray:
    """What is known at the corners of triangles, at the nodes, (H, W, 2) float32: as `interpolation` takes it there.

    Args:
        painted, corners: as there.
        known: (T, 3, 2).
        elsewhere: what is said where no triangle is.
    """
    # Number -1, which covers what no triangle does, is the last.
    facts = np.zeros((12, len(corners) + 1), np.float32)
    facts[:6, :-1] = _facts(corners)
    steps = known - known[:, :1]
    steps[:, 0] = known[:, 0]
    facts[6:, :-1] = steps.reshape(-1, 6).T
    facts[6:8, -1] = elsewhere
    x0, y0, ax, ay, bx, by, *first, across_one, down_one, across_other, down_other = np.take(facts, painted, axis=1)
    height, width = painted.shape
    x, y = np.arange(width, dtype=np.float32) - x0, np.arange(height, dtype=np.float32)[:, None] - y0
    one, other = _near(x * ax + y * ay), _near(x * bx + y * by)
    return cv2.merge(
        [first[0] + one * across_one + other * across_other, first[1] + one * down_one + other * down_other]
    )


def _facts(corners: np.ndarray) -> np.ndarray:
    """Of each triangle the place of its first corner, as nodes count, and how the shares of the others grow, (6, T)."""
    edges = corners[:, 1:] - corners[:, :1]  # (T, 2, 2)
    area = edges[:, 0, 0] * edges[:, 1, 1] - edges[:, 0, 1] * edges[:, 1, 0]
    area = np.where(np.abs(area) < 1e-9, 1e-9, area)
    across = np.stack([edges[:, 1, 1], -edges[:, 1, 0], -edges[:, 0, 1], edges[:, 0, 0]]) / area
    return np.concatenate([corners[:, 0].T - 0.5, across]).astype(np.float32)


def _near(share: np.ndarray) -> np.ndarray:
    return np.minimum(np.maximum(share, np.float32(-0.25)), np.float32(1.25))
