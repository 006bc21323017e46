"""The reference bank: which frames of a clip a puppet keeps, and which of them it shows for a given face.

General idea: a frame that already shows nearly the wanted mouth, lids and turn needs only a nudge of the warp. Frames
are kept by farthest-point sampling over these, so that rare expressions have one too. The nearest few are shown at
once, each warped: what is wrong with one is not wrong with the others, and since their shares change smoothly with the
face, nothing flips.
"""

import math
from collections.abc import Sequence

import numpy as np

from cxanim.motion.ratios import eye_openness
from cxanim.pipelines.likeness import BLENDED, Likeness, appearance, shares_by

# The warp closes lids well, but of an eye that it opens much farther than a reference shows it makes an iris without
# any white: how far it may, and how much what goes beyond counts.
_OPENED, _TORN = 1.4, 4.0


def calm_frames(faces: Sequence[np.ndarray], share: float = 0.75) -> np.ndarray:
    """Which frames (T,) bool of a clip are among the calmer `share`: fast ones are blurred, and found less exactly."""
    points = np.stack([face[:468, :2] for face in faces])
    steps = np.linalg.norm(np.diff(points, axis=0), axis=2).mean(1)
    speed = np.zeros(len(points))
    speed[1:] += steps
    speed[:-1] += steps
    return speed <= np.quantile(speed, share)


def rarity(vectors: np.ndarray, share: float = 0.5) -> np.ndarray:
    """How often each of the rows (T, D) is to be seen, summing to 1, so that rare looks are learnt as common ones are.

    A row's weight is one over how many others look like it, by a Gaussian whose width is the median distance to the
    tenth nearest; `share` of the chances goes by that weight, the rest is even.
    """
    squared = (vectors**2).sum(1)
    distances = np.sqrt(np.maximum(squared[:, None] + squared - 2 * vectors @ vectors.T, 0))
    width = max(float(np.median(np.sort(distances, axis=1)[:, min(10, len(vectors) - 1)])), 1e-6)
    weight = 1 / np.exp(-0.5 * (distances / width) ** 2).sum(1)
    return share * weight / weight.sum() + (1 - share) / len(vectors)


def farthest_points(vectors: np.ndarray, count: int, first: int = 0) -> list[int]:
    """Choose `count` rows of `vectors` (N, D) that lie far from one another, beginning with row `first`.

    Fewer are chosen where fewer differ.
    """
    chosen = [first]
    nearest = np.linalg.norm(vectors - vectors[first], axis=1)
    while len(chosen) < count and nearest.max() > 0:
        chosen.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, np.linalg.norm(vectors - vectors[chosen[-1]], axis=1))
    return chosen


class Retrieval:
    """Chooses the references to show for a face.

    Args:
        faces: the references' faces.
        neutral: the target's relaxed face.
        likeness: what counts when they are compared.
        most: how many are shown at once; may change.
    """

    def __init__(
        self, faces: Sequence[np.ndarray], neutral: np.ndarray, likeness: Likeness | None = None, most: int = BLENDED
    ):
        self._neutral, self._likeness, self.most = neutral, likeness or Likeness(), most
        self._vectors = np.stack([appearance(face, neutral) for face in faces])
        self._lids = np.stack([eye_openness(face) for face in faces])

    def shares(self, face: np.ndarray, left_out: np.ndarray | None = None) -> dict[int, float]:
        """Numbers of the references to blend for a face, the nearest first, with their shares, which sum to 1.

        Args:
            left_out: (N,) bool, which references may not be chosen.
        """
        distances = self._likeness.distances(self._vectors, appearance(face, self._neutral))
        torn = np.clip(eye_openness(face) - _OPENED * self._lids, 0, None).max(1)
        distances = np.hypot(distances, _TORN * torn)
        if left_out is not None:
            distances[left_out] = math.inf
        return shares_by(distances, self.most)
