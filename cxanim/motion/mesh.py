"""From moved mesh points to a dense backward map: where each output pixel looks in the source picture.

General idea: the face mesh, its three holes (eyes and mouth) closed by strips, and an *apron* of rings round the face
form one sheet of triangles. Inside a triangle the map is affine. On the apron the face's motion dies away, slowly over
the hair and quickly over the neck and shoulders; beyond it nothing moves. The sheet is continuous, so nothing tears.
Where the face comes to lie over hair, neck or itself, `face_map.py` lays it there with an edge.

Convention:
    - points: ``(x, y)`` normalised to the crop (see `pose.py`).
    - a map holds normalised source coordinates at pixel *centres*: entry (row, column) of a map of n pixels belongs to
      the point ((column + 0.5) / n, (row + 0.5) / n). For ``cv2.remap``, whose integers are pixel centres, multiply by
      the picture's size and subtract 0.5.
"""

from functools import lru_cache

import cv2
import numpy as np

from cxanim.motion import landmarks as lm
from cxanim.motion.detect import face_triangles
from cxanim.motion.head import head_axes
from cxanim.motion.pose import eye_distance
from cxanim.motion.triangles import looked_up, paint, signed_areas

# How far the rings lie from the centre of the face, and how much of its motion they keep: above, beside, below it.
_RINGS = np.array([1.15, 1.4, 1.75, 2.2, 2.9])
_KEPT_ABOVE = np.array([1.0, 0.97, 0.85, 0.45, 0.0])
_KEPT_BESIDE = np.array([0.95, 0.75, 0.45, 0.18, 0.0])
_KEPT_BELOW = np.array([0.80, 0.45, 0.20, 0.07, 0.0])
_BODY_FROM = 1 / 3  # cosine of the angle to straight down within which a direction is that of the body
BODY_FOLLOWS = 0.2  # collar and shoulders begin right under the ears, and mostly stand while the head moves

Edges = tuple[bool, bool, bool, bool]


class MeshMap:
    """Backward maps from one source face.

    Args:
        face: (478, 3) face in the source picture.
        nodes: the map is computed on a grid of nodes x nodes and upsampled.
        held_edges: edges of the crop (left, top, right, bottom) where nothing may move, since a larger picture goes
            on behind them.
        body_follows: how much collar, shoulders and long hair go along with the head: from 0, they stand and the
            chin slides over the neck, to 1, they go along as far as short hair does.
    """

    def __init__(
        self,
        face: np.ndarray,
        nodes: int = 128,
        held_edges: Edges = (False, False, False, False),
        body_follows: float = BODY_FOLLOWS,
    ):
        self.nodes = nodes
        self._face = face[:468, :2].astype(np.float64)
        self._oval = np.array(lm.FACE_OVAL)
        self._centre = self._face[self._oval].mean(0)
        out = self._face[self._oval] - self._centre
        self._rings = (self._centre + _RINGS[:, None, None] * out).reshape(-1, 2)
        self._kept = self._kept_motion(out, face, body_follows).reshape(-1, 1)
        self._source = np.vstack([self._face, self._rings])
        self._triangles = _sheet()
        self._apron_count = len(_apron())
        self._identity = _pixel_centres(nodes)
        self._border = border_window(nodes, held_edges)[:, :, None]
        self._painted = np.empty((nodes, nodes), dtype=np.int32)

    def _kept_motion(self, out: np.ndarray, face: np.ndarray, body_follows: float) -> np.ndarray:
        down = head_axes(face)[:2, 1]
        below = (out / np.linalg.norm(out, axis=1, keepdims=True)) @ (down / max(np.linalg.norm(down), 1e-6))
        share = np.abs(below) ** 1.5
        ends = np.where(below < 0, _KEPT_ABOVE[:, None], _KEPT_BELOW[:, None])
        kept = share * ends + (1 - share) * _KEPT_BESIDE[:, None]
        # The nearest ring keeps more, or the chin would tear off.
        body = np.full((len(_RINGS), 1), body_follows)
        body[0] = np.sqrt(body_follows)
        return kept * (1 - np.clip(below / _BODY_FROM, 0, 1) * (1 - body))

    def backward(self, face: np.ndarray) -> np.ndarray:
        """The map (nodes, nodes, 2) that shows the source face as `face` (478, 3), the apron before the face."""
        moved = face[:468, :2].astype(np.float64)
        shift = np.tile((moved - self._face)[self._oval], (len(_RINGS), 1))
        target = np.vstack([moved, self._rings + self._kept * shift])[self._triangles]
        seen = np.flatnonzero(signed_areas(target) > 0)
        order = np.concatenate([seen[seen >= self._apron_count], seen[seen < self._apron_count]])
        painted = paint(self._painted, target * self.nodes, order)
        rows, columns = np.nonzero(painted >= 0)
        backward = self._identity.copy()
        backward[rows, columns] = looked_up(
            self._identity[rows, columns], painted[rows, columns], target, self._source[self._triangles]
        )
        return self._identity + self._border * (backward - self._identity)


def upsampled(nodes_map: np.ndarray, size_px: int) -> np.ndarray:
    """A map on nodes as a map for every pixel of a picture of `size_px`, in pixels for ``cv2.remap``."""
    # The way from each pixel is upsampled, not the place it leads to: that would be wrong outside the outermost nodes.
    way = cv2.resize(nodes_map - _pixel_centres(len(nodes_map)), (size_px, size_px), interpolation=cv2.INTER_LINEAR)
    way += _pixel_centres(size_px)
    way *= size_px
    way -= 0.5
    return way


def motion_in_eyes(face: np.ndarray, other: np.ndarray) -> float:
    """Mean distance of the mesh points of two faces, in eye distances of the first."""
    return float(np.linalg.norm(face[:468, :2] - other[:468, :2], axis=1).mean() / eye_distance(face))


@lru_cache(maxsize=8)
def _pixel_centres(count: int) -> np.ndarray:
    """The map (count, count, 2) under which nothing moves."""
    centres = ((np.arange(count) + 0.5) / count).astype(np.float32)
    grid = np.stack(np.meshgrid(centres, centres), axis=2)
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


def _sheet() -> np.ndarray:
    """All triangles of the sheet, apron first; rings are numbered from 468 on."""
    return np.vstack([_apron(), face_triangles(), strips()]).astype(np.int32)


def _apron() -> np.ndarray:
    oval = np.array(lm.FACE_OVAL)
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
