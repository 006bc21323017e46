"""Authored motions: formulas of time on the expression basis, each a loop that ends where it began."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from math import cos, exp, pi, sin

import numpy as np

from cxanim.motion.expression import Expression, ExpressionBasis
from cxanim.motion.retarget import Gains, perform


@dataclass(frozen=True)
class Preset:
    """A named motion.

    Attributes:
        name: as on the command line.
        description: what it shows, in words a person reads.
        duration_s: length of one loop.
        expression_at: sliders at a time in seconds.
    """

    name: str
    description: str
    duration_s: float
    expression_at: Callable[[float], Expression]

    def faces(self, neutral: np.ndarray, fps: float, gains: Gains | None = None) -> Iterator[np.ndarray]:
        """Yield the frames of one loop as faces (478, 3) of the person whose relaxed face is `neutral`."""
        basis = ExpressionBasis(neutral)
        for frame in range(round(self.duration_s * fps)):
            yield perform(basis.performance(self.expression_at(frame / fps)), neutral, gains)


def bump(t_s: float, centre_s: float, width_s: float) -> float:
    """A soft hill of height 1, about `width_s` wide at half its height."""
    return exp(-2.77 * ((t_s - centre_s) / width_s) ** 2)


def hold(t_s: float, start_s: float, end_s: float, ease_s: float = 0.25) -> float:
    """0, then 1 between start and end, with smooth slopes of `ease_s`."""
    return _ease((t_s - start_s) / ease_s) * _ease((end_s - t_s) / ease_s)


def _ease(u: float) -> float:
    u = min(1.0, max(0.0, u))
    return u * u * (3 - 2 * u)


def _blinked(expression: Expression, t_s: float, *times_s: float) -> Expression:
    """The expression with quick blinks of both eyes at the given times: what keeps a face alive."""
    shut = max(bump(t_s, time_s, 0.16) for time_s in times_s)
    return replace(
        expression,
        blink_left=expression.blink_left + shut * (1 - expression.blink_left),
        blink_right=expression.blink_right + shut * (1 - expression.blink_right),
        gaze_down=expression.gaze_down + 0.3 * shut,
    )


def _nod(t: float) -> Expression:
    swing = sin(2 * pi * t) * hold(t, 0.0, 2.0, 0.4)
    return _blinked(Expression(pitch_deg=-9 * swing, down=0.05 * swing, smile=0.25 * hold(t, 0.2, 1.8, 0.5)), t, 1.0)


def _shake(t: float) -> Expression:
    swing = sin(2 * pi * 1.0 * t) * hold(t, 0.0, 2.0, 0.4)
    frown = 0.4 * hold(t, 0.2, 1.8, 0.4)
    return _blinked(Expression(yaw_deg=13 * swing, gaze_right=-0.3 * swing, frown=frown), t, 0.9)


def _look_around(t: float) -> Expression:
    side = hold(t, 0.3, 1.3, 0.4) - hold(t, 1.6, 2.7, 0.4)
    up = hold(t, 3.0, 3.7, 0.3)
    glance = hold(t, 0.2, 1.2, 0.15) - hold(t, 1.5, 2.6, 0.15)
    turned = Expression(
        yaw_deg=14 * side,
        pitch_deg=8 * up,
        gaze_right=0.9 * glance,
        gaze_down=-0.8 * up,
        brow_left=0.5 * up,
        brow_right=0.5 * up,
    )
    return _blinked(turned, t, 0.25, 1.5, 2.9)


def _blink(t: float) -> Expression:
    return _blinked(Expression(pitch_deg=1.5 * sin(pi * t), smile=0.1), t, 0.5, 1.35, 1.6)


def _wink(t: float) -> Expression:
    shut = hold(t, 0.5, 1.1, 0.14)
    return Expression(
        blink_left=shut,
        blink_right=0.12 * shut,
        smile=0.75 * hold(t, 0.35, 1.5, 0.3),
        roll_deg=6 * hold(t, 0.4, 1.4, 0.35),
        brow_left=-0.3 * shut,
    )


def _smile(t: float) -> Expression:
    glad = hold(t, 0.2, 2.4, 0.55)
    return _blinked(
        Expression(smile=glad, jaw=0.04 * glad, brow_left=0.25 * glad, brow_right=0.25 * glad, pitch_deg=3 * glad),
        t,
        0.3,
        2.3,
    )


# Syllables of a made-up sentence: time, opening of the jaw, rounding (pucker) or spreading (smile) of the lips.
_SYLLABLES = (
    (0.20, 0.55, 0.2), (0.42, 0.25, -0.6), (0.62, 0.7, 0.1), (0.85, 0.3, 0.5), (1.05, 0.5, -0.3), (1.45, 0.35, 0.4),
    (1.65, 0.75, 0.0), (1.88, 0.2, -0.7), (2.10, 0.6, 0.3), (2.32, 0.4, 0.2), (2.55, 0.15, -0.4),
)  # fmt: skip


def _talk(t: float) -> Expression:
    jaw = max(height * bump(t, time, 0.17) for time, height, _ in _SYLLABLES)
    shape = sum(round_or_wide * bump(t, time, 0.2) for time, _, round_or_wide in _SYLLABLES)
    voice = hold(t, 0.0, 2.9, 0.3)
    spoken = Expression(
        jaw=0.8 * jaw,
        smile=max(0.0, shape) * 0.5,
        pucker=max(0.0, -shape) * 0.7,
        yaw_deg=4 * sin(2 * pi * t / 3.0) * voice,
        pitch_deg=3 * sin(2 * pi * t / 1.5) * voice,
        brow_left=0.5 * bump(t, 0.65, 0.5) + 0.4 * bump(t, 1.7, 0.4),
        brow_right=0.5 * bump(t, 0.65, 0.5) + 0.4 * bump(t, 1.7, 0.4),
    )
    return _blinked(spoken, t, 1.28, 2.75)


def _surprise(t: float) -> Expression:
    shock = hold(t, 0.4, 1.7, 0.18)
    struck = Expression(
        jaw=0.75 * shock,
        brow_left=shock,
        brow_right=shock,
        blink_left=-0.35 * shock,
        blink_right=-0.35 * shock,
        pucker=0.25 * shock,
        pitch_deg=4 * shock,
        down=-0.05 * shock,
    )
    return _blinked(struck, t, 0.3, 1.95)


def _doze(t: float) -> Expression:
    heavy = 0.5 - 0.5 * cos(2 * pi * t / 4)
    return Expression(
        blink_left=heavy**0.7,
        blink_right=heavy**0.7,
        pitch_deg=-10 * heavy,
        roll_deg=5 * heavy,
        down=0.06 * heavy,
        brow_left=0.3 * (1 - heavy),
        brow_right=0.3 * (1 - heavy),
        jaw=0.08 * heavy,
    )


def _idle(t: float) -> Expression:
    breath = sin(2 * pi * t / 4)
    drift = sin(2 * pi * t / 4 + 1) - sin(1.0)
    calm = Expression(
        pitch_deg=1.5 * breath, yaw_deg=2.5 * drift, down=0.015 * breath, smile=0.12, gaze_right=-0.1 * drift
    )
    return _blinked(calm, t, 1.1, 3.2)


PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset("nod", "nods yes, twice", 2.0, _nod),
        Preset("shake", "shakes the head, no", 2.0, _shake),
        Preset("look-around", "looks to one side, the other, and up", 4.0, _look_around),
        Preset("blink", "blinks three times", 2.0, _blink),
        Preset("wink", "winks with the left eye, and smiles", 2.0, _wink),
        Preset("smile", "breaks into a smile", 3.0, _smile),
        Preset("talk", "says a short sentence", 3.0, _talk),
        Preset("surprise", "is astonished", 2.2, _surprise),
        Preset("doze", "nearly falls asleep", 4.0, _doze),
        Preset("idle", "breathes, blinks and looks about", 4.0, _idle),
    )
}
