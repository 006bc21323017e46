"""From a driver's face to a target's: what is done is taken apart from who does it.

General idea: a driver's frame is compared with the driver's own *neutral* face. The stable points give the head's
motion (rotation, shift, scale); what is left, in the head's own axes, is the expression; eyes and mouth are also read
as ratios. A `Performance` holds these, free of the driver's shape. Applied to the target's neutral face it moves
that face in its own proportions. The neutral is chosen, never blindly the first frame. What is absolute rather than
relative is measured from the target's neutral: `Retargeting` says what.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from cxanim.motion import landmarks as lm
from cxanim.motion.head import (
    fit_similarity,
    head_axes,
    head_centre,
    rotation_angle_deg,
    scaled_rotation,
    stable_points,
)
from cxanim.motion.pose import eye_distance
from cxanim.motion.ratios import (
    CLOSED_SHARE,
    eye_closure,
    eye_openness,
    mouth_gap,
    upright_mouth_gap,
    with_lids,
    with_mouth_gap,
)
from cxanim.motion.regions import region_weights, yardsticks
from cxanim.settings import Settings, setting

_READ_AS_SHUT = 1.2  # the detector hardly ever sees lids that are shut as wholly shut, and drawn ones even less
_MOST_TURN_DEG, _MOST_GAP = 40.0, 0.55  # what is added goes no further: a turn of the head, a gap in eye distances
_MOST_COMPARED = 1000  # faces among which the neutral one is chosen


@dataclass(frozen=True)
class Gains(Settings):
    """How much of each part of the driver's motion arrives."""

    head: float = setting(1.0, "how far the head turns and moves", low=0, high=2, step=0.05)
    brows: float = setting(1.0, "how far the brows move", low=0, high=2, step=0.05)
    eyes: float = setting(1.0, "how far the lids move", low=0, high=2, step=0.05)
    gaze: float = setting(1.0, "how far the irises move", low=0, high=2, step=0.05)
    mouth: float = setting(1.0, "how far the mouth moves", low=0, high=2, step=0.05)


@dataclass(frozen=True)
class Performance:
    """What a face does, free of whose face it is; in the head's own axes.

    Attributes:
        rotation: (3, 3) turn of the head from its neutral.
        shift: (3,) way of the head in the picture's axes, in eye distances.
        scale: size against neutral (1: as near to the camera as then).
        offsets: (478, 3) expression, in yardsticks (see `regions.yardsticks`).
        closure: (2,) closing of the right and left eye: 0 neutral, 1 shut.
        gap: widening of the mouth against neutral, in eye distances.
    """

    rotation: np.ndarray
    shift: np.ndarray
    scale: float
    offsets: np.ndarray
    closure: np.ndarray
    gap: float


def still() -> Performance:
    """The performance of a face that does nothing."""
    return Performance(np.eye(3), np.zeros(3), 1.0, np.zeros((478, 3)), np.zeros(2), 0.0)


class Retargeting:
    """Moves one target's face as one driver's face moves.

    Args:
        driver_neutral: (478, 3) the driver's relaxed face.
        target_neutral: (478, 3) the target's own face, in the target's crop.
        gains: how much of each part arrives.
        absolute: whether the driver's state is taken instead of its change.
        added: what the target does besides, whatever the gains.

    Convention:
        relative: a driver as in `driver_neutral` leaves the target exactly as in `target_neutral`.
        absolute: the target's head is turned towards the camera as the driver's is, its lids stand as far open for
        the width of its eyes, its irises lie where the driver's lie between the corners, and its lips are as far apart
        for the distance of its eyes. Where and how large the head is, and the shape of brows and lips, stay relative.
        Gains of 0 leave the target neutral either way.
    """

    def __init__(
        self,
        driver_neutral: np.ndarray,
        target_neutral: np.ndarray,
        gains: Gains | None = None,
        *,
        absolute: bool = False,
        added: Performance | None = None,
    ):
        self._driver = _Neutral(driver_neutral)
        self._target = _Neutral(target_neutral)
        self._absolute, self._added = absolute, added
        self.gains = gains or Gains()

    def face(self, driver_face: np.ndarray, added: Performance | None = None) -> np.ndarray:
        """The target's face (478, 3) for a driver's face (478, 3).

        Args:
            driver_face: what the driver does.
            added: what the target does besides in this frame, instead of what it does in all.
        """
        performance = self._driver.measure(driver_face)
        if self._absolute:
            performance = self._from_the_targets_neutral(performance)
        return self._target.perform(performance, self.gains, added or self._added)

    def _from_the_targets_neutral(self, performance: Performance) -> Performance:
        """The performance that brings the target into the driver's state."""
        driver, target = self._driver, self._target
        offsets = performance.offsets.copy()
        for irises, there, here in zip((lm.RIGHT_IRIS, lm.LEFT_IRIS), driver.gaze, target.gaze, strict=True):
            offsets[list(irises)] += there - here
        openness = driver.openness * (1 - performance.closure)
        return replace(
            performance,
            rotation=target.axes.T @ driver.axes @ performance.rotation,
            offsets=offsets,
            closure=1 - openness / np.maximum(target.openness, 1e-3),
            gap=performance.gap + driver.gap - target.gap,
        )


def measure(face: np.ndarray, neutral: np.ndarray) -> Performance:
    """Read what `face` (478, 3) does against `neutral` (478, 3) of the same person."""
    return _Neutral(neutral).measure(face)


def perform(
    performance: Performance, neutral: np.ndarray, gains: Gains | None = None, added: Performance | None = None
) -> np.ndarray:
    """Let the face `neutral` (478, 3) do what `performance` says, and besides, whatever the gains, what `added` says.

    What both do together stays within what a face can do.
    """
    return Performer(neutral).face(performance, gains, added)


class Performer:
    """Lets one face, frame after frame, do what performances say: `perform`, with what stays measured once.

    Args:
        neutral: (478, 3) its relaxed face.
    """

    def __init__(self, neutral: np.ndarray):
        self._neutral = _Neutral(neutral)

    def face(
        self, performance: Performance, gains: Gains | None = None, added: Performance | None = None
    ) -> np.ndarray:
        """The face (478, 3), see `perform`."""
        return self._neutral.perform(performance, gains or Gains(), added)


def as_detected(performance: Performance) -> Performance:
    """The performance of a face whose points a detector would give: done by one, `measure` reads `performance`."""
    closure = performance.closure
    return replace(performance, closure=np.where(closure > 0, closure * (1 - CLOSED_SHARE) / _READ_AS_SHUT, closure))


class _Neutral:
    """A neutral face with everything about it that does not change from frame to frame."""

    def __init__(self, face: np.ndarray):
        self.face = np.asarray(face, dtype=np.float64)
        self.axes = head_axes(self.face)
        self.centre = head_centre(self.face)
        self.unit = eye_distance(self.face)
        self.sticks = yardsticks(self.face).astype(np.float64)
        self.weights = region_weights(self.face)
        self.openness = eye_openness(self.face)
        self.upright = (self.face - self.centre) @ self.axes
        self.gap = upright_mouth_gap(self.upright)
        self.gaze = self._gaze()

    def _gaze(self) -> np.ndarray:
        """Where the right and the left iris lie from the middle between the corners of their eye, (2, 3) yardsticks."""
        eyes = ((lm.RIGHT_IRIS, (33, 133)), (lm.LEFT_IRIS, (263, 362)))
        middles = [self.upright[irises[0]] - self.upright[list(corners)].mean(0) for irises, corners in eyes]
        # How deep an iris lies is nothing that a camera sees.
        return np.array(middles) / [self.sticks[irises[0]] for irises, _ in eyes] * (1.0, 1.0, 0.0)

    def measure(self, face: np.ndarray) -> Performance:
        motion = fit_similarity(stable_points(self.face), stable_points(np.asarray(face, dtype=np.float64)))
        unposed = motion.undone(np.asarray(face, dtype=np.float64))
        offsets = (unposed - self.face) @ self.axes / self.sticks
        centre_now = motion.scale * motion.rotation @ self.centre + motion.shift
        return Performance(
            rotation=self.axes.T @ motion.rotation @ self.axes,
            shift=(centre_now - self.centre) / self.unit,
            scale=motion.scale,
            offsets=offsets,
            closure=_read(eye_closure(unposed, self.face)),
            gap=upright_mouth_gap(unposed @ self.axes) - self.gap,
        )

    def perform(self, performance: Performance, gains: Gains, added: Performance | None = None) -> np.ndarray:
        rest = 1.0 - sum(self.weights.values())
        gain = rest * gains.mouth + sum(self.weights[name] * getattr(gains, name) for name in self.weights)
        done = Performance(
            rotation=scaled_rotation(performance.rotation, gains.head),
            shift=performance.shift * gains.head,
            scale=performance.scale**gains.head,
            offsets=performance.offsets * gain[:, None],
            closure=performance.closure * gains.eyes,
            gap=performance.gap * gains.mouth,
        )
        if added is not None:
            done = _together(done, added)
        upright = with_lids(self.upright + done.offsets * self.sticks, self.openness, np.clip(done.closure, -0.6, 1.0))
        # Lips never cross, except as far as they do in the neutral face itself.
        closed = min(0.0, self.gap)
        upright = with_mouth_gap(upright, max(closed, self.gap + done.gap))
        posed = done.scale * upright @ (self.axes @ done.rotation).T
        return (posed + self.centre + done.shift * self.unit).astype(np.float32)


def _read(closure: np.ndarray) -> np.ndarray:
    """How far eyes are shut of which a detector says `closure`; lids that are wider it sees as they are."""
    return np.where(closure > 0, np.minimum(_READ_AS_SHUT * closure, 1.0), closure)


def _together(one: Performance, added: Performance) -> Performance:
    """Both at once; where they would go too far together, as far as the first goes alone, or a face can."""
    turn = one.rotation @ added.rotation
    most_deg = max(_MOST_TURN_DEG, rotation_angle_deg(one.rotation))
    return Performance(
        rotation=scaled_rotation(turn, min(1.0, most_deg / max(rotation_angle_deg(turn), 1e-6))),
        shift=one.shift + added.shift,
        scale=one.scale * added.scale,
        offsets=one.offsets + added.offsets,
        closure=one.closure + added.closure,
        gap=min(one.gap + added.gap, max(_MOST_GAP, one.gap)),
    )


def most_neutral(faces: Sequence[np.ndarray | None]) -> int:
    """Number of the frame whose face is the most relaxed: mouth closed, eyes open, head as in most frames.

    Of a long clip some are compared, evenly spread, so that its length costs no memory.

    Raises:
        ValueError: no frame has a face.
    """
    seen = [index for index, face in enumerate(faces) if face is not None]
    if not seen:
        raise ValueError("faces: got no face in any frame, expected at least one")
    seen = seen[:: math.ceil(len(seen) / _MOST_COMPARED)]
    found = np.stack([face for index in seen if (face := faces[index]) is not None]).astype(np.float64)
    reference = np.median(found, axis=0)
    shapes = np.stack([fit_similarity(stable_points(reference), stable_points(face)).undone(face) for face in found])
    unit = eye_distance(reference)
    typical = np.median(shapes, axis=0)
    expression = np.linalg.norm(shapes - typical, axis=2).mean(1) / unit
    openness = np.array([eye_openness(face).mean() for face in shapes])
    shut = np.maximum(0, np.median(openness) - openness)
    gap = np.array([mouth_gap(face) for face in shapes])
    turn = np.array([np.linalg.norm(head_axes(face) - head_axes(reference)) for face in found])
    facing = np.array([1 - head_axes(face)[2, 2] for face in found])
    return seen[int(np.argmin(2 * expression + 2 * shut + 1.5 * gap + 0.3 * turn + 0.5 * facing))]
