"""What a driver's face is at rest, measured as it happens.

General idea: the mean of the first second in which they are seen. Hardly anybody relaxes as a camera comes on, and what
they do then would be missing, or be added, ever after. So for some seconds more it is looked for the moment in which
their face is likest to the target's relaxed one, by whichever look that has; its expression, on the head of the first
second, takes the place of that second's. Its lids are as even as they mostly were: what one moment makes of them would
make one eye wide and the other narrow. And where one of the two looks aside meanwhile, their eyes are taken to look
alike: or a target who does so in its picture would look past everybody ever after. Who asks to be measured is taken at
their word.

Source: the choice of a driver's frame in the demo of A. Siarohin et al., "First Order Motion Model for Image
Animation", NeurIPS 2019, which compares the places of points.
Differs from it: shapes are compared, lids and lips among them, and what was not seen yet is waited for.

Convention: faces as in `pose.py`.
"""

import numpy as np

from cxanim.motion import landmarks as lm
from cxanim.motion.head import fit_similarity, head_axes, stable_points
from cxanim.motion.pose import eye_distance
from cxanim.motion.ratios import eye_openness, mouth_gap, with_lids

CALIBRATION_S = 1.0
_MOMENT_S = 0.25  # what is shorter may be a blink, or a mistake
_LOOKS_AT_S = (1.0, 2.0, 4.0, 7.0, 10.0)  # when it is chosen anew among all that was seen
_CLEARLY = 0.8  # of how unlike the one before is
_LEAST_CHANGE = 0.003  # in distances of the eyes, of what is worth another rest
_OPEN = 0.7  # of how wide eyes were at most: how even they are is told while they are open
# Of an eye's width: farther aside nobody looks who looks at a screen; a look can go a fifth of it, or more.
_ASIDE = 0.07
_EYES = ((lm.RIGHT_IRIS, (33, 133)), (lm.LEFT_IRIS, (362, 263)))
_BY_LIDS, _BY_LIPS, _BY_TURN = 2.0, 1.5, 0.3


class Calibration:
    """Finds the relaxed face of one driver.

    Args:
        target: (478, 3) the target's relaxed face; without one nothing but the first second counts.

    Attributes:
        is_measuring: whether the first second is not over yet.
    """

    def __init__(self, target: np.ndarray | None = None):
        self.is_measuring = True
        self._target, self._first_s = target, np.inf
        self._second, self._moment, self._number = _Mean(), _Mean(), 0
        self._head: np.ndarray | None = None
        self._rest: np.ndarray | None = None
        self._given: np.ndarray | None = None
        self._unlike = self._least_unlike = np.inf
        self._likest: np.ndarray | None = None
        self._lids: list[np.ndarray] = []
        self._looks_at_s = list(_LOOKS_AT_S)

    def next(self, face: np.ndarray, time_s: float) -> np.ndarray | None:
        """Take one more face (478, 3); return the relaxed one whenever it is known, or known better."""
        self._first_s = min(self._first_s, time_s)
        since_s = time_s - self._first_s
        if self._target is not None and self._looks_at_s:
            self._compare(face, int(since_s / _MOMENT_S), self._target)
        if not self.is_measuring:
            return self._better(since_s)
        self._second.add(face)
        if since_s < CALIBRATION_S:
            return None
        self.is_measuring = False
        self._head = self._rest = self._second.value()
        if self._target is None:
            return self._rest
        self._unlike = unlikeness(self._rest, self._target)
        better = self._better(since_s)
        return self._rest if better is None else better

    def _compare(self, face: np.ndarray, number: int, target: np.ndarray) -> None:
        """Take one more face of a moment; once that is over see whether it was the likest so far."""
        if number != self._number and self._moment.count:
            moment = self._moment.value()
            self._lids.append(eye_openness(moment))
            unlike = unlikeness(moment, target)
            if unlike < self._least_unlike:
                self._least_unlike, self._likest = unlike, moment
            self._moment = _Mean()
        self._number = number
        self._moment.add(face)

    def _better(self, since_s: float) -> np.ndarray | None:
        """The relaxed face, where it is time to choose anew, and more is known of it than before."""
        due = [at_s for at_s in self._looks_at_s if at_s <= since_s]
        if not due or self._target is None or self._head is None or self._rest is None:
            return None
        self._looks_at_s = self._looks_at_s[len(due) :]
        if self._likest is not None and self._least_unlike < _CLEARLY * self._unlike:
            self._unlike = self._least_unlike
            self._rest = fit_similarity(stable_points(self._head), stable_points(self._likest)).undone(self._likest)
        settled = self._settled(self._rest, self._target)
        if self._given is not None and np.abs(settled - self._given).max() < _LEAST_CHANGE * eye_distance(settled):
            return None
        self._given = settled
        return settled

    def _settled(self, face: np.ndarray, target: np.ndarray) -> np.ndarray:
        """The face with its lids as even as they mostly were, and with its irises where the target's lie, if they lie
        far from there."""
        axes, openness = head_axes(face), eye_openness(face)
        lids = np.array(self._lids)
        wide = lids.mean(1)
        lids = lids[wide >= _OPEN * wide.max()]
        usual = np.median(lids / np.maximum(lids.mean(1, keepdims=True), 1e-3), axis=0)
        closure = 1 - openness.mean() * usual / np.maximum(openness, 1e-3)
        face = (with_lids(face @ axes, openness, closure) @ axes.T).astype(np.float32)
        way = look_aside(target) - look_aside(face)
        if abs(way) < _ASIDE:
            return face
        for irises, corners in _EYES:
            face[list(irises)] += (way * _width(face, corners) * axes[:, 0]).astype(np.float32)
        return face


def look_aside(face: np.ndarray) -> float:
    """How far the irises of a face (478, 3) lie beside the middle of their eyes, in eye widths, to its own left."""
    aside = head_axes(face)[:, 0]
    ways = [
        (face[irises[0]] - face[list(corners)].mean(0)) @ aside / _width(face, corners) for irises, corners in _EYES
    ]
    return float(np.mean(ways))


def _width(face: np.ndarray, corners: tuple[int, int]) -> float:
    return float(np.linalg.norm(face[corners[1]] - face[corners[0]]))


def unlikeness(face: np.ndarray, other: np.ndarray) -> float:
    """How unlike the expressions of two faces (478, 3) are, whoever's and wherever they are; 0 where they are the same.

    In distances of the eyes for the most part; of two people it is never 0, but least where they do the same.
    """
    face, other = face.astype(np.float64), other.astype(np.float64)
    laid = fit_similarity(stable_points(other), stable_points(face)).undone(face)
    shape = np.linalg.norm(laid - other, axis=1).mean() / eye_distance(other)
    lids = np.abs(eye_openness(face) - eye_openness(other)).mean()
    lips = abs(mouth_gap(face) - mouth_gap(other))
    turn = np.linalg.norm(head_axes(face) - head_axes(other))
    return float(2 * shape + _BY_LIDS * lids + _BY_LIPS * lips + _BY_TURN * turn)


class _Mean:
    """The mean of faces, one after the other."""

    def __init__(self) -> None:
        self._sum, self.count = np.zeros((478, 3)), 0

    def add(self, face: np.ndarray) -> None:
        self._sum += face
        self.count += 1

    def value(self) -> np.ndarray:
        return (self._sum / self.count).astype(np.float32)
