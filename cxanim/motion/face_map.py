"""The face alone, finely: what it covers in the picture, where each of its pixels looks, and where it is guessed.

General idea: where a cheek or a nose hides what lies behind it, the coarse map of the whole head would show a stair.
The face is therefore mapped once more, on a fine grid over its box, and laid over the head with its own edge. Where
the photo saw a side of the face only at a slant and the turned head now shows it, the other side is looked at
instead, mirrored, as far as that was seen better.
"""

from dataclasses import dataclass
from functools import cache, lru_cache

import cv2
import numpy as np
from scipy.sparse import csr_matrix

from cxanim.motion.detect import face_triangles
from cxanim.motion.mesh import Edges, border_window, own_places, strips
from cxanim.motion.symmetry import mirrored_points
from cxanim.motion.triangles import interpolation, paint, signed_areas

_EVERY_OTHER_FROM_PX = 256  # side of the picture; below it each pixel is mapped
_RIM = 0.05  # how wide the outline of a person is, in widths of the face
_MARGIN = 2  # nodes round the face


@dataclass(frozen=True)
class FaceLayer:
    """A window of the picture and the face in it.

    Attributes:
        x0_px, y0_px: the window's first column and row.
        look_px: (h, w, 2) float32 where each of its pixels looks, for ``cv2.remap``.
        cover: (h, w) float32, 1 on the face, falling to 0 within its edge.
        guess: what is to be taken from the other side of the face, or None.
    """

    x0_px: int
    y0_px: int
    look_px: np.ndarray
    cover: np.ndarray
    guess: "Guess | None" = None


@dataclass(frozen=True)
class Guess:
    """A part of a face layer that is better seen on the other side of the face.

    Attributes:
        rows, columns: which part of the layer's window.
        look_px: (h, w, 2) float32 where its pixels look on the other side.
        share: (h, w) float32 how much of each is taken from there.
    """

    rows: slice
    columns: slice
    look_px: np.ndarray
    share: np.ndarray


class FaceMap:
    """Fine maps from one source face.

    Args:
        face: (478, 3) face in the source picture.
        size_px: side of the picture.
        held_edges: edges of the crop (left, top, right, bottom) where nothing may move.
        matte: (S, S) float32 how much of each pixel is the person, where that is known.
    """

    def __init__(
        self,
        face: np.ndarray,
        size_px: int,
        held_edges: Edges = (False, False, False, False),
        matte: np.ndarray | None = None,
    ):
        self._size_px = size_px
        self._inside = None if matte is None else _well_inside(matte, face)
        self._step = 2 if size_px >= _EVERY_OTHER_FROM_PX else 1
        self._triangles = _all_triangles()
        points = face[:468, :2].astype(np.float64) * size_px
        self._points, self._mirrored = points, points[mirrored_points()]
        self._facing = facing(face, self._triangles)
        self._facing_mirrored = facing(face[:468][mirrored_points()] * (-1, 1, 1), self._triangles)
        self._border = border_window(size_px // self._step, held_edges) if any(held_edges) else None

    def at(self, face: np.ndarray, *, guesses: bool = True) -> FaceLayer | None:
        """The face shown as `face` (478, 3); None where none of it is in the picture.

        Args:
            guesses: whether the side that the picture hides may be taken from the other.
        """
        sheet = _sheet(face.tobytes(), face.dtype.str, self._size_px, self._step)
        if sheet is None:
            return None
        way = sheet.ways(self._points)
        look = self._grid(sheet, way)
        guess = self._guess(sheet, self._guessed(face, sheet, way)) if guesses else None
        return FaceLayer(sheet.x0 * self._step, sheet.y0 * self._step, look, self._fine(sheet.cover), guess)

    def _guess(self, sheet: "_Sheet", weights: np.ndarray) -> Guess | None:
        if weights.max() < 0.05:
            return None
        share = cv2.blur(weights, (7, 7))
        there = share > 0.02
        if not there.any():
            return None
        y0, y1 = np.flatnonzero(there.any(1))[[0, -1]] + (0, 1)
        x0, x1 = np.flatnonzero(there.any(0))[[0, -1]] + (0, 1)
        look = self._grid(sheet, sheet.ways(self._mirrored))
        step = self._step
        part = slice(y0 * step, y1 * step), slice(x0 * step, x1 * step)
        return Guess(*part, np.ascontiguousarray(look[part]), self._fine(share[y0:y1, x0:x1]))

    def _grid(self, sheet: "_Sheet", ways: np.ndarray) -> np.ndarray:
        """Ways of the nodes (h, w, 2) as a map in pixels, for ``cv2.remap``."""
        height, width = sheet.cover.shape
        x0, y0 = sheet.x0, sheet.y0
        # Where triangles fold over one another at the corners of the mouth, their edges would be seen.
        way = cv2.blur(ways, (3, 3))
        if self._border is not None:
            way *= self._border[y0 : y0 + height, x0 : x0 + width, None]
        way = self._fine(way)
        top, left = y0 * self._step, x0 * self._step
        own = own_places(self._size_px)[top : top + way.shape[0], left : left + way.shape[1]]
        return cv2.add(way, own, dst=way)

    def _fine(self, nodes: np.ndarray) -> np.ndarray:
        if self._step == 1:
            return nodes
        return cv2.resize(nodes, None, fx=self._step, fy=self._step, interpolation=cv2.INTER_LINEAR)

    def _guessed(self, face: np.ndarray, sheet: "_Sheet", ways: np.ndarray) -> np.ndarray:
        """How much of each node (h, w), which looks at its own place plus its way (h, w, 2), is taken from the other
        side of the face."""
        now = facing(face, self._triangles)
        stretched = now / np.maximum(self._facing, 0.05)
        better = self._facing_mirrored - self._facing
        weights = sheet.of_triangles(_rise(stretched, 1.5, 3.0) * _rise(now, 0.15, 0.4) * _rise(better, 0.1, 0.35))
        if self._inside is None:
            return weights
        # The mesh of a face that is turned away reaches over its outline: what lies behind is no cheek.
        height, width = sheet.cover.shape
        nodes = np.arange(sheet.x0, sheet.x0 + width) + 0.5, (np.arange(sheet.y0, sheet.y0 + height) + 0.5)[:, None]
        columns, rows = (
            np.clip((self._step * own + ways[..., axis]).astype(int), 0, self._size_px - 1)
            for axis, own in enumerate(nodes)
        )
        turned = sheet.of_triangles(_rise(stretched, 1.05, 1.3) * _rise(better, 0.0, 0.15))
        return np.maximum(weights, (1 - self._inside[rows, columns]) * turned)


@dataclass(frozen=True)
class _Sheet:
    """What a face covers, whichever picture it is shown from; not to be written to.

    Attributes:
        x0, y0: first column and row of its window, in nodes.
        points: (468, 2) points of its mesh, in pixels.
        which: (h, w) which triangle each node on the face, and a little beyond, looks through; -1 elsewhere.
        from_points: (h w, 468) what the points do, at the nodes.
        cover: (h, w) float32, 1 on the face, falling to 0 within its edge.
    """

    x0: int
    y0: int
    points: np.ndarray
    which: np.ndarray
    from_points: csr_matrix
    cover: np.ndarray

    def ways(self, points: np.ndarray) -> np.ndarray:
        """How far from each node (h, w, 2) it is to where it looks in a picture whose face has these points (468, 2).

        It is 0 off the face.
        """
        return (self.from_points @ (points - self.points).astype(np.float32)).reshape(*self.cover.shape, 2)

    def of_triangles(self, values: np.ndarray) -> np.ndarray:
        """Values (T,) of the triangles at the nodes, (h, w) float32; 0 off the face."""
        return np.append(values, 0.0).astype(np.float32)[self.which]


# References of a clip's puppet are shown as one face, one after the other, and its triangles are painted once.
@lru_cache(maxsize=4)
def _sheet(face_bytes: bytes, dtype: str, size_px: int, step: int) -> _Sheet | None:
    """The sheet of a face (478, 3), given by its bytes; None where none of it is in the picture."""
    face = np.frombuffer(face_bytes, dtype).reshape(-1, 3)
    triangles = _all_triangles()
    points_px = face[:468, :2].astype(np.float64) * size_px
    target = points_px[triangles]
    low = np.maximum(np.floor(target.min((0, 1)) / step).astype(int) - _MARGIN, 0)
    high = np.minimum(np.ceil(target.max((0, 1)) / step).astype(int) + _MARGIN, size_px // step)
    if (high - low < 2).any():
        return None
    width, height = high - low
    seen = np.flatnonzero(signed_areas(target) > 0)
    depth = face[:468, 2][triangles[seen]].mean(1)
    corners = target / step - low
    painted = paint(np.empty((height, width), np.int32), corners, seen[np.argsort(-depth)])
    covered = (painted >= 0).astype(np.float32)
    # Two nodes further out, so that what is smoothed and upsampled at the edge is the face's own.
    further = cv2.dilate(painted.astype(np.float32), np.ones((5, 5), np.uint8)).astype(np.int32)
    which = np.where(painted >= 0, painted, further)
    cover = np.clip(2 * cv2.blur(covered, (3, 3)) - 1, 0, 1)
    from_points = interpolation(which, corners, triangles, len(points_px))
    return _Sheet(int(low[0]), int(low[1]), points_px, which, from_points, cover)


@cache
def _all_triangles() -> np.ndarray:
    return np.vstack([face_triangles(), strips()])


def _well_inside(matte: np.ndarray, face: np.ndarray) -> np.ndarray:
    """(S, S) float32, 1 where the person surely is, 0 from a little within the outline on."""
    size = matte.shape[0]
    width = float(face[:468, 0].max() - face[:468, 0].min()) * size
    rim = max(3, round(_RIM * width) | 1)
    sure = cv2.erode((matte > 0.9).astype(np.float32), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (rim, rim)))
    return cv2.blur(sure, (rim, rim))


def facing(face: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """How squarely each triangle of a face (N, 3) is seen, (T,): 1 from the front, 0 from the side or from behind."""
    corners = face[:468].astype(np.float64)[triangles]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    return np.clip(normal[:, 2] / np.maximum(np.linalg.norm(normal, axis=1), 1e-12), 0, 1)


def _rise(value: np.ndarray, start: float, end: float) -> np.ndarray:
    u = np.clip((value - start) / (end - start), 0, 1)
    return u * u * (3 - 2 * u)
