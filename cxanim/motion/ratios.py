"""What the eyes and the mouth do as ratios that mean the same on every face, and the lids and lips that obey them.

General idea: a driver with narrow eyes who closes them moves the lids by little. Copied as a displacement that would
leave wide eyes half open; copied as a ratio (this eye is 80 % closed) it closes them whatever their shape.
"""

import math

import numpy as np

from cxanim.motion import landmarks as lm
from cxanim.motion.pose import eye_distance

RIGHT_LIDS = tuple(zip(lm.RIGHT_EYE_UPPER[1:-1], lm.RIGHT_EYE_LOWER[1:-1], strict=True))
LEFT_LIDS = tuple(zip(lm.LEFT_EYE_UPPER[1:-1], lm.LEFT_EYE_LOWER[1:-1], strict=True))
LIPS = tuple(zip(lm.INNER_LIP_UPPER[1:-1], lm.INNER_LIP_LOWER[1:-1], strict=True))

_LID_MEETING = 0.2  # closed lids meet a fifth of the way up from the lower one: the upper lid does the work
_REACH = -0.5 * math.log(0.02)  # in squares of a radius: what is further away is not dragged along
CLOSED_SHARE = 0.35  # MediaPipe's lids of a shut eye stay this share of a neutral opening apart


def eye_openness(face: np.ndarray) -> np.ndarray:
    """Mean lid distance over eye width, (right, left); about 0.3 for open eyes, below 0.1 for shut ones."""
    return np.array([_openness(face, RIGHT_LIDS, 33, 133), _openness(face, LEFT_LIDS, 263, 362)])


def _openness(face: np.ndarray, lids: tuple[tuple[int, int], ...], outer: int, inner: int) -> float:
    upper, lower = np.array(lids[1:-1]).T
    across = face[[*upper, outer]] - face[[*lower, inner]]
    *gaps, width = np.sqrt((across * across).sum(1)).tolist()
    return sum(gaps) / len(gaps) / max(width, 1e-6)


def eye_closure(face: np.ndarray, neutral: np.ndarray) -> np.ndarray:
    """How far each eye has closed from neutral, (right, left): 0 as neutral, 1 shut; -0.2 is wider by a fifth."""
    now, rest = eye_openness(face), np.maximum(eye_openness(neutral), 0.08)
    closed = (rest - now) / rest
    return np.clip(np.where(closed > 0, closed / (1 - CLOSED_SHARE), closed), -0.6, 1.0)


def mouth_gap(face: np.ndarray) -> float:
    """Mean distance of the inner lips over the distance of the eyes; 0 for a closed mouth."""
    pairs = np.array(LIPS[2:-2])
    return float(np.linalg.norm(face[pairs[:, 0]] - face[pairs[:, 1]], axis=1).mean() / eye_distance(face))


def upright_mouth_gap(face: np.ndarray) -> float:
    """Mean way down from the upper to the lower inner lip of a face in the head's own axes, in eye distances.

    Unlike `mouth_gap` it goes below 0 where the lips cross, so what is measured can be undone.
    """
    upper, lower = np.array(LIPS[2:-2]).T
    return float((face[lower, 1] - face[upper, 1]).mean() / eye_distance(face))


def with_lids(face: np.ndarray, openness_before: np.ndarray, closure: np.ndarray) -> np.ndarray:
    """Bring the lids of a face to where `closure` wants them, and the skin round them along.

    Args:
        face: (478, 3), in the head's own axes (y down the face).
        openness_before: eye openness of the face's own neutral, (right, left).
        closure: wanted closure, (right, left), as `eye_closure` measures it.
    """
    moved = face.copy()
    now = eye_openness(face)
    for side, (lids, outer, inner) in enumerate(((RIGHT_LIDS, 33, 133), (LEFT_LIDS, 263, 362))):
        wanted = openness_before[side] * (1 - closure[side])
        ratio = wanted / max(now[side], 1e-3)
        upper, lower = np.array(lids).T
        meeting = face[lower] + _LID_MEETING * (face[upper] - face[lower])
        upper_shift = (meeting - face[upper]) * (1 - ratio)
        lower_shift = (meeting - face[lower]) * (1 - ratio)
        width = float(np.linalg.norm(face[outer] - face[inner]))
        _drag(moved, face, upper, upper_shift, 0.35 * width, above=True)
        _drag(moved, face, lower, lower_shift, 0.35 * width, above=False)
    return moved


def with_mouth_gap(face: np.ndarray, wanted_gap: float) -> np.ndarray:
    """Bring the inner lips of a face, in the head's own axes, to the gap that `upright_mouth_gap` shall measure.

    The lower lip does most of the way.
    """
    moved = face.copy()
    upper, lower = np.array(LIPS).T
    shape = np.sin(np.linspace(0, np.pi, len(LIPS) + 2)[1:-1]) ** 0.7
    missing = (wanted_gap - upright_mouth_gap(face)) * eye_distance(face) * shape / shape[2:-2].mean()
    radius = 0.25 * eye_distance(face)
    downwards = np.array([0.0, 1.0, 0.0])
    _drag(moved, face, upper, -0.3 * missing[:, None] * downwards, radius, above=True)
    _drag(moved, face, lower, 0.7 * missing[:, None] * downwards, radius, above=False)
    return moved


def _drag(
    moved: np.ndarray, face: np.ndarray, points: np.ndarray, shifts: np.ndarray, radius: float, *, above: bool
) -> None:
    """Move `points` by `shifts` and their neighbours on the same side (above or below) with a falloff."""
    line_y = np.interp(face[:468, 0], *_sorted_curve(face[points, 0], face[points, 1]))
    on_side = face[:468, 1] <= line_y if above else face[:468, 1] >= line_y
    away_x, away_y = (face[None, :468, axis] - face[points, None, axis] for axis in (0, 1))
    square = away_x * away_x + away_y * away_y
    # The opposite contour shares the corners and must not follow across the slit.
    others = np.flatnonzero(on_side & (square.min(0) < _REACH * radius**2) & _OFF_CONTOURS)
    weight = np.exp(square[:, others] * (-2 / radius**2))
    share = weight.max(0) / np.maximum(weight.sum(0), 1e-9)
    moved[others] += share[:, None] * (weight.T @ shifts)
    moved[points] += shifts


def _sorted_curve(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    order = np.argsort(x)
    return x[order], y[order]


_OFF_CONTOURS = np.ones(468, bool)
_OFF_CONTOURS[list(lm.RIGHT_EYE + lm.LEFT_EYE + lm.INNER_LIPS)] = False
