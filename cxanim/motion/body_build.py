"""How a body is made, and how large and above what floor a camera sees it: measured on the frames that show it.

Convention: joints as in `skeleton.py`.
"""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d, maximum_filter1d, median_filter

from cxanim.motion.skeleton import ANKLE, CHEST, ELBOW, HEEL, KNEE, SEEN, SHOULDER, TOE, WRIST, bones_of, full_lengths

_FOOT = 0.45  # of a shin, from the ankle to the toes
_SIZE_S, _FLOOR_S = 1.0, 2.0  # a camera comes nearer more slowly than limbs turn; a leap is shorter than that
_LARGE = [CHEST, *(joint + right for joint in (ELBOW, WRIST, KNEE, ANKLE) for right in (0, 1))]


@dataclass(frozen=True)
class Build:
    """How a body is made.

    Attributes:
        lengths: (35,) of its bones, NaN where unknown.
        floor: y of what it stands on, NaN where no foot is seen.
        has_legs: whether legs are seen.
    """

    lengths: np.ndarray
    floor: float
    has_legs: bool

    @classmethod
    def of(cls, joints: np.ndarray, visibility: np.ndarray) -> "Build":
        """As it is seen in frames of one size, (T, 35, 2) and (T, 35)."""
        lengths = full_lengths(joints, visibility)
        for right in (0, 1):  # feet may point at the camera throughout
            lengths[TOE + right] = np.fmax(lengths[TOE + right], _FOOT * lengths[ANKLE + right])
        legs = lengths[KNEE] + lengths[ANKLE]
        has_legs = bool(np.isfinite(legs))
        lowest = _lowest(joints, visibility)
        floor = float(np.nanquantile(lowest, 0.9)) if np.isfinite(lowest).any() else np.nan
        return cls(lengths, floor, has_legs)

    @property
    def trunk(self) -> float:
        """From the hips to the shoulders, or what the width of these lets expect."""
        trunk = self.lengths[CHEST]
        return float(trunk if np.isfinite(trunk) else 1.4 * 2 * self.lengths[SHOULDER])

    @property
    def legs(self) -> float:
        """Of a leg, from hip to ankle."""
        return float(self.lengths[KNEE] + self.lengths[ANKLE])

    @property
    def height(self) -> float:
        """Of trunk and a leg, or of the trunk alone where no legs are seen."""
        return self.trunk + self.legs if self.has_legs else self.trunk


@dataclass(frozen=True)
class Filmed:
    """A driver as the camera sees it, frame by frame.

    Attributes:
        build: how it is made, at the size of the nearest frame.
        sizes: (T,) how large it is seen, of that size.
        floors: (T,) y of what it stands on, NaN where no foot is seen.
    """

    build: Build
    sizes: np.ndarray
    floors: np.ndarray

    @classmethod
    def of(cls, joints: np.ndarray, visibility: np.ndarray, fps: float) -> "Filmed":
        """From all frames, (T, 35, 2) and (T, 35)."""
        sizes = np.ones(len(joints))
        for _ in range(2):  # how long bones are is known better once the sizes are, and the other way round
            lengths = full_lengths(joints / sizes[:, None, None], visibility)[_LARGE]
            seen = np.linalg.norm(bones_of(joints), axis=2)[:, _LARGE] / np.maximum(lengths, 1e-6)
            seen = np.where(visibility[:, _LARGE] >= SEEN, seen, np.nan)
            known = np.isfinite(seen).any(1)
            if not known.any():
                break
            largest = np.full(len(joints), np.nan)
            largest[known] = np.nanmax(seen[known], axis=1)
            largest = np.interp(np.arange(len(joints)), np.flatnonzero(known), largest[known])
            sizes = gaussian_filter1d(
                median_filter(largest, max(1, round(_SIZE_S * fps)), mode="nearest"), _SIZE_S * fps / 3, mode="nearest"
            )
            sizes = np.clip(sizes / sizes.max(), 0.1, 1)
        build = Build.of(joints / sizes[:, None, None], visibility)
        lowest = _lowest(joints, visibility)
        known = np.isfinite(lowest)
        floors = np.full(len(joints), np.nan)
        if known.any():
            filled = np.interp(np.arange(len(joints)), np.flatnonzero(known), lowest[known])
            floors = maximum_filter1d(filled, max(1, round(_FLOOR_S * fps)), mode="nearest")
            floors = gaussian_filter1d(floors, _FLOOR_S * fps / 4, mode="nearest")
        return cls(build, sizes, floors)


def _lowest(joints: np.ndarray, visibility: np.ndarray) -> np.ndarray:
    """y (T,) of the lowest point of the feet, NaN where none is seen."""
    feet = [joint + right for joint in (HEEL, TOE, ANKLE) for right in (0, 1)]
    lowest = np.where(visibility[:, feet] >= SEEN, joints[:, feet, 1], -np.inf).max(1)
    return np.where(np.isfinite(lowest), lowest, np.nan)
