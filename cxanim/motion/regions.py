"""Which points of a face belong to its brows, eyes, gaze and mouth, softly, and the yardstick of each."""

import numpy as np

from cxanim.motion import landmarks as lm
from cxanim.motion.pose import eye_distance

REGIONS = ("brows", "eyes", "gaze", "mouth")
_ANCHORS = {
    "brows": lm.RIGHT_BROW + lm.LEFT_BROW,
    "eyes": lm.RIGHT_EYE + lm.LEFT_EYE,
    "mouth": lm.OUTER_LIPS + lm.INNER_LIPS,
}
_REACH = {"brows": 0.25, "eyes": 0.2, "mouth": 0.45}  # in eye distances
_IRISES = list(lm.RIGHT_IRIS + lm.LEFT_IRIS)


def region_weights(neutral: np.ndarray) -> dict[str, np.ndarray]:
    """How much each point of a neutral face belongs to each region, (478,) in [0, 1]; they sum to at most 1."""
    unit = eye_distance(neutral)
    weights = {}
    for name, anchors in _ANCHORS.items():
        away = np.linalg.norm(neutral[:, None, :2] - neutral[None, list(anchors), :2], axis=2).min(1)
        weights[name] = np.exp(-((away / (_REACH[name] * unit)) ** 2))
        weights[name][_IRISES] = 0.0
    total = np.maximum(sum(weights.values()), 1.0)
    weights = {name: (weight / total).astype(np.float32) for name, weight in weights.items()}
    weights["gaze"] = np.zeros(lm.FACE_POINTS, dtype=np.float32)
    weights["gaze"][_IRISES] = 1.0
    return weights


def yardsticks(neutral: np.ndarray) -> np.ndarray:
    """The length (478, 1) that movements of each point scale with: width of the mouth or the eyes, or eye distance.

    All are given as a multiple of the eye distance of a common face, so that a face of common proportions has one
    yardstick everywhere: a small painted mouth then smiles smally.
    """
    unit = eye_distance(neutral)
    mouth = np.linalg.norm(neutral[lm.LEFT_MOUTH_CORNER] - neutral[lm.RIGHT_MOUTH_CORNER]) / 0.80
    eye = (np.linalg.norm(neutral[33] - neutral[133]) + np.linalg.norm(neutral[263] - neutral[362])) / 2 / 0.43
    weights = region_weights(neutral)
    sticks = np.full(lm.FACE_POINTS, unit, dtype=np.float32)
    sticks += weights["mouth"] * (np.clip(mouth, 0.6 * unit, 1.4 * unit) - unit)
    sticks += (weights["eyes"] + weights["gaze"]) * (np.clip(eye, 0.6 * unit, 1.5 * unit) - unit)
    return sticks[:, None]
