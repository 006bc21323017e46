"""Bends a sheet of triangles by a few handles so that every piece of it is turned rather than stretched.

O. Sorkine, M. Alexa, "As-Rigid-As-Possible Surface Modeling", SGP 2007, in the plane; T. Igarashi, T. Moscovich,
J. Hughes, "As-Rigid-As-Possible Shape Manipulation", SIGGRAPH 2005, made characters of drawings with it.

General idea: if it were known how each point's surroundings have turned, where the points lie would be the solution of
a linear system, whose matrix never changes; and if it were known where the points lie, how each has turned would be
plain. The two are found by turns, from where the sheet was last. In the plane a turn is a complex number of length one,
and so the points are complex numbers here.

Differs from the paper: handles are held by springs, very stiff ones, so that two of them that cannot both have their
way give way to one another; all edges count the same, the triangles being of one size.
"""

import numpy as np
from scipy.sparse import coo_matrix, csr_matrix, diags
from scipy.sparse.linalg import splu

_STIFF, _ROUNDS = 1e3, 6


class AsRigidAsPossible:
    """A sheet and its handles.

    Args:
        points: (P, 2) where the sheet lies at rest.
        triangles: (T, 3) numbers of their corners.
        handles: (H, 2) places on the sheet at rest by which it is held; one beside it holds the nearest point.
    """

    def __init__(self, points: np.ndarray, triangles: np.ndarray, handles: np.ndarray):
        if len(handles) < 1:
            raise ValueError("handles: got none, expected at least one")
        self._rest = _complex(points)
        edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
        edges = np.unique(np.sort(edges, axis=1), axis=0)
        self._from, self._to = np.concatenate([edges, edges[:, ::-1]]).T  # each edge from both of its ends
        self._edges = self._rest[self._to] - self._rest[self._from]
        count = len(points)
        ones = np.ones(len(self._from))
        neighbours = coo_matrix((ones, (self._from, self._to)), (count, count)).tocsr()
        laplacian = diags(np.asarray(neighbours.sum(1)).ravel()) - neighbours
        self._held = held_by(points, triangles, handles)
        system = laplacian + _STIFF * (self._held.T @ self._held)
        # A part of the sheet that no handle holds stays where it is.
        self._system = splu((system + 1e-9 * diags(np.ones(count))).tocsc())
        self._gather = coo_matrix((ones, (self._from, np.arange(len(self._from)))), (count, len(self._from))).tocsr()
        self._now = self._rest.copy()

    def moved(self, handles: np.ndarray, rounds: int = _ROUNDS) -> np.ndarray:
        """Where the points (P, 2) lie with the handles at (H, 2); begins where they lay last."""
        pull = _STIFF * (self._held.T @ _complex(handles))
        for _ in range(rounds):
            turns = self._gather @ (np.conj(self._edges) * (self._now[self._to] - self._now[self._from]))
            turns /= np.maximum(np.abs(turns), 1e-12)
            wanted = -(turns[self._from] + turns[self._to]) / 2 * self._edges
            right = self._gather @ wanted + pull + 1e-9 * self._rest
            solved = self._system.solve(np.stack([right.real, right.imag], axis=1))
            self._now = solved[:, 0] + 1j * solved[:, 1]
        return np.stack([self._now.real, self._now.imag], axis=1)

    def reset(self) -> None:
        """Forget where it lay."""
        self._now = self._rest.copy()


def held_by(points: np.ndarray, triangles: np.ndarray, places: np.ndarray) -> csr_matrix:
    """Matrix (H, P) that takes what is known at a sheet's points to places on it, or to the nearest point."""
    rows, columns, shares = [], [], []
    a, b, c = (points[triangles[:, corner]] for corner in range(3))
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    area = np.where(np.abs(area) < 1e-12, 1e-12, area)
    for row, place in enumerate(places):
        second = ((place[0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (place[1] - a[:, 1]) * (c[:, 0] - a[:, 0])) / area
        third = ((b[:, 0] - a[:, 0]) * (place[1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (place[0] - a[:, 0])) / area
        corners = np.stack([1 - second - third, second, third], axis=1)
        best = int(corners.min(1).argmax())
        if corners[best].min() >= -1e-9:
            which, share = triangles[best], corners[best]
        else:
            which, share = np.array([np.linalg.norm(points - place, axis=1).argmin()]), np.ones(1)
        rows += [row] * len(which)
        columns += which.tolist()
        shares += share.tolist()
    return csr_matrix((shares, (rows, columns)), (len(places), len(points)))


def _complex(points: np.ndarray) -> np.ndarray:
    return points[:, 0] + 1j * points[:, 1]
