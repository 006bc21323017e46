"""From moved mesh points to a dense backward map: where each output pixel looks in the source picture.

General idea: the face mesh, its three holes (eyes and mouth) closed by strips, and an *apron* of rings round the face
form one sheet of triangles. Inside a triangle the map is affine. On the apron the face's motion dies away, slowly over
the hair and quickly over the neck and shoulders; beyond it nothing moves. The sheet is continuous, so nothing tears.
The apron lies round the target's relaxed face and is pulled along by any other, so that one sheet serves every picture
that a face is shown from.
Where the face comes to lie over hair, neck or itself, `face_map.py` lays it there with an edge.

Convention:
    - points: ``(x, y)`` normalised to the crop (see `pose.py`).
    - a map holds normalised source coordinates at pixel *centres*: entry (row, column) of a map of n pixels belongs to
      the point ((column + 0.5) / n, (row + 0.5) / n). For ``cv2.remap``, whose integers are pixel centres, multiply by
      the picture's size and subtract 0.5.
"""

from dataclasses import dataclass
from functools import cache, lru_cache

import cv2
import numpy as np
from scipy.sparse import csr_matrix

from cxanim.motion import landmarks as lm
from cxanim.motion.detect import face_triangles
from cxanim.motion.head import head_axes
from cxanim.motion.pose import eye_distance
from cxanim.motion.triangles import interpolation, paint, signed_areas

# How far the rings lie from the centre of the face, and how much of its motion they keep: above, beside, below it.
_RINGS = np.array([1.15, 1.4, 1.75, 2.2, 2.9])
_KEPT_ABOVE = np.array([1.0, 0.97, 0.85, 0.45, 0.0])
_KEPT_BESIDE = np.array([0.95, 0.75, 0.45, 0.18, 0.0])
_KEPT_BELOW = np.array([0.80, 0.45, 0.20, 0.07, 0.0])
_BODY_FROM = 1 / 3  # cosine of the angle to straight down within which a direction is that of the body
BODY_FOLLOWS = 0.2  # collar and shoulders begin right under the ears, and mostly stand while the head moves

Edges = tuple[bool, bool, bool, bool]


class MeshMap:
    """Backward maps into one source picture.

    Args:
        face: (478, 3) face in the source picture.
        nodes: the map is computed on a grid of nodes x nodes and upsampled.
        held_edges: edges of the crop (left, top, right, bottom) where nothing may move, since a larger picture goes
            on behind them.
        body_follows: how much collar, shoulders and long hair go along with the head: from 0, they stand and the
            chin slides over the neck, to 1, they go along as far as short hair does.
        rest: (478, 3) the target's relaxed face, which pictures of one target share; the picture's own if None.
    """

    def __init__(
        self,
        face: np.ndarray,
        nodes: int = 128,
        held_edges: Edges = (False, False, False, False),
        body_follows: float = BODY_FOLLOWS,
        rest: np.ndarray | None = None,
    ):
        self.nodes = nodes
        self._face = face[:468, :2].astype(np.float64)
        self._rest = _Rest.of(face if rest is None else rest, body_follows)
        self._border = border_window(nodes, held_edges)[:, :, None] if any(held_edges) else None

    def way(self, face: np.ndarray) -> np.ndarray:
        """How far from each node the map leads that shows the source face as `face` (478, 3): (nodes, nodes, 2)."""
        from_points = _head_sheet(face.tobytes(), face.dtype.str, self.nodes, self._rest)
        moves = self._face - face[:468, :2]
        rings = self._rest.kept * np.tile(moves[_oval()], (len(_RINGS), 1))
        way = (from_points @ np.vstack([moves, rings]).astype(np.float32)).reshape(self.nodes, self.nodes, 2)
        if self._border is not None:
            way *= self._border
        return way


def upsampled(way: np.ndarray, size_px: int) -> np.ndarray:
    """Ways from nodes as a map for every pixel of a picture of `size_px`, in pixels for ``cv2.remap``."""
    # The way from each pixel is upsampled, not the place it leads to: that would be wrong outside the outermost nodes.
    look = cv2.resize(way, (size_px, size_px), interpolation=cv2.INTER_LINEAR)
    look *= size_px
    look += own_places(size_px)
    return look


@dataclass(frozen=True, eq=False)
class _Rest:
    """The apron round a relaxed face, which every other face pulls along.

    Attributes:
        outline: (36, 2) the face's outline.
        rings: (rings, 2) the points of the rings.
        kept: (rings, 1) how much of the outline's motion each of them keeps.
    """

    outline: np.ndarray
    rings: np.ndarray
    kept: np.ndarray

    @classmethod
    def of(cls, face: np.ndarray, body_follows: float) -> "_Rest":
        return _rest_of(face.tobytes(), face.dtype.str, body_follows)

    def pulled_by(self, outline: np.ndarray) -> np.ndarray:
        """The points of the rings (rings, 2) where the face's outline is elsewhere."""
        return self.rings + self.kept * np.tile(outline - self.outline, (len(_RINGS), 1))


@lru_cache(maxsize=64)
def _rest_of(face_bytes: bytes, dtype: str, body_follows: float) -> _Rest:
    face = np.frombuffer(face_bytes, dtype).reshape(-1, 3)
    outline = face[_oval(), :2].astype(np.float64)
    centre = outline.mean(0)
    out = outline - centre
    rings = (centre + _RINGS[:, None, None] * out).reshape(-1, 2)
    return _Rest(outline, rings, _kept_motion(out, face, body_follows).reshape(-1, 1))


# References of a clip's puppet are shown as one face, one after the other, and its triangles are painted once.
@lru_cache(maxsize=4)
def _head_sheet(face_bytes: bytes, dtype: str, nodes: int, rest: _Rest) -> csr_matrix:
    """What points of mesh and rings do, at all nodes (nodes * nodes, 468 + rings): a face, given by its bytes, and the
    apron round it, whichever picture it is shown from. Not to be written to."""
    mesh = np.frombuffer(face_bytes, dtype).reshape(-1, 3)[:468, :2].astype(np.float64)
    triangles = _sheet()
    points = np.vstack([mesh, rest.pulled_by(mesh[_oval()])])
    target = points[triangles] * nodes
    seen, apron = np.flatnonzero(signed_areas(target) > 0), len(_apron())
    order = np.concatenate([seen[seen >= apron], seen[seen < apron]])
    painted = paint(np.empty((nodes, nodes), np.int32), target, order)
    return interpolation(painted, target, triangles, len(points))


def _kept_motion(out: np.ndarray, face: np.ndarray, body_follows: float) -> np.ndarray:
    """How much of the outline's motion the rings (R, N) keep, which go out from the middle of the face by `out`."""
    down = head_axes(face)[:2, 1]
    below = (out / np.linalg.norm(out, axis=1, keepdims=True)) @ (down / max(np.linalg.norm(down), 1e-6))
    share = np.abs(below) ** 1.5
    ends = np.where(below < 0, _KEPT_ABOVE[:, None], _KEPT_BELOW[:, None])
    kept = share * ends + (1 - share) * _KEPT_BESIDE[:, None]
    # The nearest ring keeps more, or the chin would tear off.
    body = np.full((len(_RINGS), 1), body_follows)
    body[0] = np.sqrt(body_follows)
    return kept * (1 - np.clip(below / _BODY_FROM, 0, 1) * (1 - body))


def motion_in_eyes(face: np.ndarray, other: np.ndarray) -> float:
    """Mean distance of the mesh points of two faces, in eye distances of the first."""
    return float(np.linalg.norm(face[:468, :2] - other[:468, :2], axis=1).mean() / eye_distance(face))


@lru_cache(maxsize=8)
def pixel_centres(count: int) -> np.ndarray:
    """The map (count, count, 2) under which nothing moves."""
    centres = ((np.arange(count) + 0.5) / count).astype(np.float32)
    grid = np.stack(np.meshgrid(centres, centres), axis=2)
    grid.flags.writeable = False
    return grid


@lru_cache(maxsize=8)
def own_places(size_px: int) -> np.ndarray:
    """(size_px, size_px, 2) each pixel's own place as ``cv2.remap`` counts; not to be written to."""
    own = np.arange(size_px, dtype=np.float32)
    grid = np.stack(np.meshgrid(own, own), axis=2)
    grid.flags.writeable = False
    return grid


def border_window(nodes: int, held_edges: Edges, width: float = 0.06) -> np.ndarray:
    """1 inside, falling smoothly to 0 at the held edges, so that a pasted crop meets the picture round it."""
    centres = (np.arange(nodes) + 0.5) / nodes
    rise = np.clip((centres - centres[0]) / width, 0, 1)
    rise = rise * rise * (3 - 2 * rise)
    left, top, right, bottom = held_edges
    across = np.minimum(rise if left else 1.0, rise[::-1] if right else 1.0) * np.ones(nodes)
    down = np.minimum(rise if top else 1.0, rise[::-1] if bottom else 1.0) * np.ones(nodes)
    return np.minimum(down[:, None], across[None, :]).astype(np.float32)


@cache
def _oval() -> np.ndarray:
    return np.array(lm.FACE_OVAL)


@cache
def _sheet() -> np.ndarray:
    """All triangles of the sheet, apron first; rings are numbered from 468 on."""
    return np.vstack([_apron(), face_triangles(), strips()]).astype(np.int32)


@cache
def _apron() -> np.ndarray:
    oval = _oval()
    count = len(oval)
    rings = [oval] + [468 + ring * count + np.arange(count) for ring in range(len(_RINGS))]
    triangles = []
    for inner, outer in reversed(list(zip(rings, rings[1:], strict=False))):
        after_inner, after_outer = np.roll(inner, -1), np.roll(outer, -1)
        triangles += [np.stack([inner, outer, after_inner], 1), np.stack([after_inner, outer, after_outer], 1)]
    return np.vstack(triangles)


def strips() -> np.ndarray:
    """Triangles over the holes of the mesh: between the lids of each eye and between the lips."""
    triangles = []
    for upper, lower in (
        (lm.RIGHT_EYE_UPPER, lm.RIGHT_EYE_LOWER),
        (lm.LEFT_EYE_UPPER, lm.LEFT_EYE_LOWER),
        (lm.INNER_LIP_UPPER, lm.INNER_LIP_LOWER),
    ):
        for u, next_u, w, next_w in zip(upper, upper[1:], lower, lower[1:], strict=False):
            triangles += [ring for ring in ((u, next_u, w), (next_u, next_w, w)) if len(set(ring)) == 3]
    return np.array(triangles)
