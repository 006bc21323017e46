"""How alike two frames of one person look, and which parts of that count, learnt from a clip of the person.

General idea: which kept frame suits a wanted face best depends on the person. One moves the lips only, and light
hardly changes; another turns, and every turn shows other hair. A clip tells: show its frames from references taken at
other times, and weigh the parts of an appearance so that what comes out is near to the truth. Seven weights are
too few to learn a clip by heart.
"""

from dataclasses import dataclass

import numpy as np
import torch

from cxanim.motion import landmarks as lm
from cxanim.motion.head import fit_similarity, head_axes, stable_points
from cxanim.motion.pose import eye_distance

_MOUTH = np.unique(lm.OUTER_LIPS + lm.INNER_LIPS)
_EYES = np.unique(lm.RIGHT_EYE + lm.LEFT_EYE)
_BROWS = np.unique(lm.RIGHT_BROW + lm.LEFT_BROW)

PARTS = ("mouth", "lids", "brows", "facing", "tilt", "place", "size")
_PART_OF = np.repeat(np.arange(len(PARTS)), [2 * len(_MOUTH), 2 * len(_EYES), 2 * len(_BROWS), 3, 1, 2, 1])
_COMPARED = np.concatenate([_MOUTH, _EYES, _BROWS])
_COMPARED_COUNTS = [len(_MOUTH), len(_EYES), len(_BROWS)]
_COMPARED_WEIGHTS = np.repeat([2.0, 0.5, 1.0] / np.sqrt(_COMPARED_COUNTS), _COMPARED_COUNTS)[:, None]
MOST_WEIGHT = 100.0
BLENDED, _LEAST_SHARE = 8, 0.02  # references that are shown at once, and the share below which none is
_STEPS, _RATE = 150, 0.05
_LEAST_GAIN = 0.01  # of the error that must be gained by a weight e times what it was, squared: less is chance


@dataclass(frozen=True)
class Likeness:
    """What counts when a face is compared with those of the references.

    Attributes:
        weights: by how much the distance of each of `PARTS` counts, beside what it counts in `appearance`.
    """

    weights: tuple[float, ...] = (1.0,) * len(PARTS)

    def __post_init__(self) -> None:
        if len(self.weights) != len(PARTS) or not all(0 < weight <= MOST_WEIGHT for weight in self.weights):
            raise ValueError(f"weights: got {self.weights}, expected {len(PARTS)} above 0 and up to {MOST_WEIGHT:g}")

    def distances(self, vectors: np.ndarray, vector: np.ndarray) -> np.ndarray:
        """How unlike the appearances (N, D) are to one (D,)."""
        return np.linalg.norm((vectors - vector) * np.array(self.weights)[_PART_OF], axis=1)


def appearance(face: np.ndarray, neutral: np.ndarray) -> np.ndarray:
    """A vector whose distances say how unlike two frames of one person look.

    The mouth counts much, since its inside cannot be warped; lids count little, since the warp closes them well; the
    head's turn, size and place count for hair, shoulders and light, which follow them only roughly.
    """
    face, neutral = face.astype(np.float64), neutral.astype(np.float64)
    unit = eye_distance(neutral)
    stable, stable_neutral = stable_points(face), stable_points(neutral)
    motion = fit_similarity(stable_neutral, stable)
    shape = (motion.undone(face[_COMPARED]) - neutral[_COMPARED])[:, :2] / unit
    axes = head_axes(face)
    place = (stable - stable_neutral).mean(0)[:2] / unit
    return np.concatenate(
        [
            (_COMPARED_WEIGHTS * shape).ravel(),
            1.2 * axes[:, 2],
            0.8 * axes[1:2, 0],
            1.0 * place,
            [0.8 * np.log(motion.scale)],
        ]
    )


def shares_by(distances: np.ndarray, most: int = BLENDED) -> dict[int, float]:
    """Shares of the `most` nearest by their distances (N,), the nearest first, summing to 1.

    A share falls as one over the distance and is 0 at that of the next, so that none jumps when another reference
    comes in; one that is met exactly is shown alone. What may not be chosen has an infinite distance.

    Source: R. Franke, G. Nielson, "Smooth interpolation of large sets of scattered data", IJNME 15 (1980), with
    exponent 1: w = 1/d - 1/R.
    """
    order = [int(number) for number in np.argsort(distances)[: most + 1] if np.isfinite(distances[number])]
    if not order:
        raise ValueError("distances: got none that is finite, expected at least one")
    if len(order) == 1 or distances[order[0]] == 0:
        return {order[0]: 1.0}
    near = distances[order]
    weights = 1 / near - (1 / near[-1] if len(order) > most else 0)
    weights /= max(weights.sum(), 1e-12)
    kept = {number: share for number, share in zip(order, weights.tolist(), strict=True) if share > _LEAST_SHARE}
    if not kept:  # all are equally far
        return {order[0]: 1.0}
    total = sum(kept.values())
    return {number: share / total for number, share in kept.items()}


def squared_parts(vectors: np.ndarray, vector: np.ndarray) -> np.ndarray:
    """(N, 7) squared distances of appearances (N, D) to one (D,), by part."""
    squared = (vectors - vector) ** 2
    return np.stack([squared[:, _PART_OF == part].sum(1) for part in range(len(PARTS))], axis=1)


def learn_likeness(parts: np.ndarray, shown: np.ndarray, truth: np.ndarray, allowed: np.ndarray) -> Likeness:
    """The likeness by which blended references come nearest to the truth.

    Gradient descent on the mean absolute error of the blend, with a prior that keeps weights at 1 where the clip does
    not tell: an expression that was never made has no weight to learn.

    Args:
        parts: (T, N, 7) squared distances of T faces to N references.
        shown: (T, N, P) uint8 what each reference, warped, shows for each face.
        truth: (T, P) uint8 what it should show.
        allowed: (T, N) bool which references may be shown for which face; at least one for each.
    """
    squared, may = torch.from_numpy(parts).float(), torch.from_numpy(allowed)
    pictures, wanted = torch.from_numpy(shown).float(), torch.from_numpy(truth).float()
    grown = torch.zeros(len(PARTS), requires_grad=True)  # logarithms of the squared weights
    optimiser = torch.optim.Adam([grown], lr=_RATE)
    first = None
    for _ in range(_STEPS):
        distances = ((squared * grown.exp()).sum(2) + 1e-6).sqrt().masked_fill(~may, torch.inf)
        error = (torch.einsum("tn,tnp->tp", _shares(distances), pictures) - wanted).abs().mean()
        first = first or max(error.item(), 1.0)
        loss = error / first + _LEAST_GAIN * (grown**2).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return Likeness(tuple((0.5 * grown.detach()).exp().clamp(1 / MOST_WEIGHT, MOST_WEIGHT).tolist()))


def _shares(distances: torch.Tensor) -> torch.Tensor:
    """What `shares_by` gives for each row of distances (T, N), but for the least shares, which it leaves out."""
    falls = 1 / distances
    if distances.shape[1] > BLENDED:
        falls = (falls - falls.topk(BLENDED + 1, dim=1).values[:, -1:]).clamp(min=0)
    return falls / falls.sum(1, keepdim=True).clamp(min=1e-12)
