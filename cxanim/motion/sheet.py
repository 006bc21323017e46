"""A picture on a sheet of triangles that can be bent and laid over another one.

Convention: points (x, y) are normalised to the square picture; pixel centres. Colours are premultiplied by alpha.
"""

import cv2
import numpy as np

from cxanim.motion.triangles import carried, paint

_CELLS = 40  # along a side of the picture


class Sheet:
    """A picture on triangles.

    Args:
        picture: (S, S, 4) uint8, premultiplied colours and alpha.
        points: (P, 2) of the sheet at rest.
        triangles: (T, 3) numbers of their corners.
        order: numbers of the triangles, the nearest last.
    """

    def __init__(self, picture: np.ndarray, points: np.ndarray, triangles: np.ndarray, order: np.ndarray):
        self.points, self._picture, self._triangles, self._order = points, picture, triangles, order
        self._is_own = False
        self._look = ((points * len(picture)).astype(np.float32) - 0.5)[triangles]

    def repaint(self, colours: np.ndarray, rows: slice, columns: slice) -> None:
        """Show other premultiplied colours (h, w, 3) in a window from now on; the picture that was given stays."""
        if not self._is_own:
            self._picture, self._is_own = self._picture.copy(), True
        self._picture[rows, columns, :3] = colours

    def lay(self, canvas: np.ndarray, moved: np.ndarray) -> None:
        """Lay it over a canvas (S, S, 4) of premultiplied colours, its points at `moved` (P, 2)."""
        size = len(canvas)
        corners = moved[self._triangles] * size
        low = np.clip(np.floor(corners.min((0, 1))).astype(int) - 1, 0, size)
        high = np.clip(np.ceil(corners.max((0, 1))).astype(int) + 2, 0, size)
        (left, top), (right, bottom) = low, high
        if right <= left or bottom <= top:
            return
        corners = corners - low
        painted = paint(np.empty((bottom - top, right - left), np.int32), corners, self._order)
        look = carried(painted, corners, self._look, elsewhere=-2)
        seen = cv2.remap(self._picture, look, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        under = canvas[top:bottom, left:right]
        clear = cv2.merge([255 - seen[..., 3]] * 4)
        under[:] = cv2.add(seen, cv2.multiply(under, clear, scale=1 / 255))


def mesh_over(mask: np.ndarray, cells: int = _CELLS, *, margin: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Points (P, 2) and triangles (T, 3) that cover a mask (S, S) bool, with a margin of a cell or without."""
    covered = cv2.resize(mask.astype(np.float32), (cells, cells), interpolation=cv2.INTER_AREA) > 0
    if margin:
        covered = cv2.dilate(covered.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    rows, columns = np.nonzero(covered)
    side = cells + 1
    corner = rows * side + columns
    squares = np.stack([corner, corner + 1, corner + side, corner + side + 1], axis=1)
    triangles = np.concatenate([squares[:, [0, 1, 2]], squares[:, [1, 3, 2]]])
    used, triangles = np.unique(triangles, return_inverse=True)
    points = np.stack([used % side, used // side], axis=1) / cells
    return points, triangles.reshape(-1, 3).astype(np.int32)


def before(plate: np.ndarray, canvas: np.ndarray) -> np.ndarray:
    """A canvas (S, S, 4) of premultiplied colours before a plate (S, S, 3)."""
    clear = cv2.merge([255 - canvas[..., 3]] * 3)
    return cv2.add(cv2.cvtColor(canvas, cv2.COLOR_RGBA2RGB), cv2.multiply(plate, clear, scale=1 / 255))
