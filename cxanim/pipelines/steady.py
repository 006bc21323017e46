"""Takes the tremble out of a stream of pictures: what hardly changes is averaged over time, what moves is not.

Landmarks tremble by a fraction of a pixel even when a face stands still, and what is warped by them trembles along; so
do hair and shoulders where the shares of references change. The eye sees that at once in what should be still. Round
the face much may be averaged, in the face little: a smile that begins is a slow change too. How much is right differs
from target to target; a clip of one tells, and what is then too still for film is given the target's grain.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from cxanim.motion.pose import face_box
from cxanim.pipelines.grain import MOST_LEVELS, Grain
from cxanim.pipelines.metrics import flicker

MOST_STRENGTH = 2.0
_TREMBLE, _CHANGE = 0.7, 1.0  # of the target's own change: what is left of a puppet's, and with grain
_REACH_PX = 5  # a change counts for its neighbourhood, so that no edge of something moving is left behind
_FACE_GROWN = 0.15
_SOFT_SHARE = 0.06  # of the picture, over which one rule goes over into the other


@dataclass(frozen=True)
class _Rule:
    """The share of a new picture that counts grows with the size of its change, in grey levels, from `least` to all.

    It grows from the first level on: with changes up to some size averaged all alike, faces lost more of their
    likeness at the same stillness.
    """

    moving_levels: float
    least: float

    def at(self, strength: float) -> "_Rule":
        """The rule with larger changes averaged, and more: each number grows or shrinks by its own measure."""
        return _Rule(strength * self.moving_levels, self.least**strength)

    def share(self, change: np.ndarray) -> np.ndarray:
        """How much of the new picture counts where it changed so much."""
        return np.clip(change / self.moving_levels, self.least, 1)


_IN_FACE, _ROUND_FACE = _Rule(5, 0.1), _Rule(24, 0.05)


class Steady:
    """One stream of pictures of one size.

    Args:
        strength: in [0, 2]; 0 leaves every picture as it is, 1 is right for most targets. More than 1 counts round
            the face only: within, it would lag.
    """

    def __init__(self, strength: float = 1.0) -> None:
        self._in_face, self._round_face = _IN_FACE.at(min(strength, 1.0)), _ROUND_FACE.at(strength)
        self._idle = strength == 0
        self._shown: np.ndarray | None = None

    def next(self, picture: np.ndarray, face: np.ndarray) -> np.ndarray:
        """The next picture without its tremble; the first one comes back as it is.

        Args:
            picture: (S, S, 3) uint8, or (S, S, 4) with alpha, which is averaged as the colours are.
            face: (478, 3) where its face is.
        """
        if self._idle:
            return picture
        if self._shown is None or self._shown.shape != picture.shape:
            self._shown = picture.astype(np.float32)
            return picture
        change = cv2.subtract(picture, self._shown, dtype=cv2.CV_32F)
        channels = picture.shape[2]
        mean = np.full((1, channels), 1 / channels, np.float32)
        size = cv2.blur(cv2.transform(np.abs(change), mean), (_REACH_PX, _REACH_PX))
        outside = self._round_face.share(size)
        share = outside + _face_mask(face, picture.shape[0]) * (self._in_face.share(size) - outside)
        self._shown += cv2.multiply(change, cv2.merge([share] * channels))
        return cv2.convertScaleAbs(self._shown)


@dataclass(frozen=True)
class Stretch:
    """Consecutive frames of a clip, beside what a puppet shows of them.

    Attributes:
        pictures: what the puppet shows, each (S, S, 3) uint8, neither averaged nor with grain.
        faces: where the face is in each.
        truth: the frames themselves.
    """

    pictures: Sequence[np.ndarray]
    faces: Sequence[np.ndarray]
    truth: Sequence[np.ndarray]

    def steadied(self, strength: float) -> "Stretch":
        """The same, averaged over time; a picture that comes again still does."""
        steady = Steady(strength)
        return self._each(steady.next)

    def with_grain(self, levels: float) -> "Stretch":
        """The same with grain."""
        grain = Grain(levels, len(self.truth[0]))
        return self._each(lambda picture, face: grain.next(picture))

    def _each(self, change: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> "Stretch":
        pictures: list[np.ndarray] = []
        before: np.ndarray | None = None
        for picture, face in zip(self.pictures, self.faces, strict=True):
            pictures.append(pictures[-1] if picture is before else change(picture, face))
            before = picture
        return replace(self, pictures=pictures)


def flicker_ratio(stretches: Sequence[Stretch]) -> float:
    """Changes shown, as a share of the true ones, where the truth stands still; infinite where it never changes."""
    changed, was = np.sum([flicker(stretch.pictures, stretch.truth) for stretch in stretches], axis=0)
    return float(changed / was) if was else math.inf


def fitting_stillness(stretches: Sequence[Stretch]) -> tuple[float, float]:
    """Strength of averaging, and levels of grain, with which a puppet changes as much as its target where that stands.

    Averaging goes further than that, and grain makes up for it: it fills up to the same change on every frame, while
    a puppet's tremble depends on what it is shown.
    """

    def trembles_more(strength: float) -> bool:
        return flicker_ratio([stretch.steadied(strength) for stretch in stretches]) > _TREMBLE

    strength = _least(lambda strength: not trembles_more(strength), MOST_STRENGTH)
    steadied = [stretch.steadied(strength) for stretch in stretches]

    def changes_enough(levels: float) -> bool:
        return flicker_ratio([stretch.with_grain(levels) for stretch in steadied]) >= _CHANGE

    return strength, _least(changes_enough, MOST_LEVELS)


def _least(enough: Callable[[float], bool], most: float) -> float:
    """The least value from 0 to `most` that is enough, or `most`."""
    if enough(0.0):
        return 0.0
    low, high = 0.0, most
    for _ in range(7):
        middle = (low + high) / 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _face_mask(face: np.ndarray, size_px: int) -> np.ndarray:
    """(S, S) float32, 1 on an ellipse over the face, with a soft rim."""
    x0, y0, x1, y1 = np.array(face_box(face, grow=_FACE_GROWN)) * size_px
    centre, radii = (round((x0 + x1) / 2), round((y0 + y1) / 2)), (round((x1 - x0) / 2), round((y1 - y0) / 2))
    mask = np.zeros((size_px, size_px), np.float32)
    cv2.ellipse(mask, centre, radii, 0, 0, 360, 1.0, thickness=-1)
    soft_px = round(_SOFT_SHARE * size_px) | 1
    return cv2.blur(mask, (soft_px, soft_px))
