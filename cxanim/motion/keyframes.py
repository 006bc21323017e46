"""A motion made of keyframes: where sliders stand at some times, and how they get from one to the next; kept as JSON.

{"format": 1, "name": "wink", "description": "winks with the left eye", "duration_s": 2.0,
 "keyframes": [{"time_s": 0.5, "easing": "ease-in-out", "sliders": {"blink_left": 0.0}},
               {"time_s": 0.64, "easing": "ease-out", "sliders": {"blink_left": 1.0, "smile": 0.7}}, ...]}

Convention: each slider has a track of its own, made of the keyframes that name it, so that a blink may fall into the
middle of a smile. Before its first keyframe a slider stands as there, after its last as there; one that no keyframe
names stays neutral. `easing` is that of the way into the keyframe. There is no rate: a motion is seen at any time.
"""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from cxanim.errors import BadPuppet, BadSetting
from cxanim.motion.expression import SLIDERS, Expression, ExpressionBasis
from cxanim.motion.retarget import Gains, Performance, Performer
from cxanim.output import atomic_output

FORMAT = 1
KEYFRAMES_SUFFIX = ".json"
EASINGS = {
    "linear": lambda u: u,
    "ease-in": lambda u: u * u,
    "ease-out": lambda u: u * (2 - u),
    "ease-in-out": lambda u: u * u * (3 - 2 * u),
    "hold": lambda u: math.floor(u),  # stands, and jumps at the keyframe
}
DEFAULT_EASING = "ease-in-out"
LONGEST_S = 120.0
_MOST_KEYFRAMES, _MOST_BYTES = 1000, 1 << 20
_AGAIN = "Save one with 'cxanim motion save PRESET -o MOTION.json' to see how it looks."
_LONGEST_NAME, _LONGEST_DESCRIPTION = 60, 300


@dataclass(frozen=True)
class Keyframe:
    """Where some sliders stand at one time.

    Attributes:
        time_s: when, from the beginning of the motion.
        sliders: their names and values, in their ranges; the others, and be it all, pass through.
        easing: how the named sliders come here from their keyframe before, one of `EASINGS`.

    Raises:
        BadSetting: a time, slider or easing that cannot be.
    """

    time_s: float
    sliders: dict[str, float]
    easing: str = DEFAULT_EASING

    def __post_init__(self) -> None:
        if not 0 <= self.time_s <= LONGEST_S:
            raise BadSetting(f"time_s: got {self.time_s:g} s, expected 0 to {LONGEST_S:g} s.")
        if self.easing not in EASINGS:
            raise BadSetting(f"easing: got {self.easing!r}, expected one of {', '.join(EASINGS)}.")
        Expression.from_dict(self.sliders)


@dataclass(frozen=True)
class KeyframedMotion:
    """A named motion.

    Attributes:
        name: what it is called.
        description: what the face does, in words that follow "the face".
        duration_s: its length; where it is repeated, its end is its beginning.
        keyframes: in the order of their times, which rise.

    Raises:
        BadSetting: a duration, order, length or text that cannot be.
    """

    name: str
    description: str
    duration_s: float
    keyframes: tuple[Keyframe, ...]

    def __post_init__(self) -> None:
        if not 0 < self.duration_s <= LONGEST_S:
            raise BadSetting(f"duration_s: got {self.duration_s:g} s, expected more than 0 to {LONGEST_S:g} s.")
        if not 1 <= len(self.keyframes) <= _MOST_KEYFRAMES:
            raise BadSetting(f"keyframes: got {len(self.keyframes)}, expected 1 to {_MOST_KEYFRAMES}.")
        times = [keyframe.time_s for keyframe in self.keyframes]
        for before, after in zip(times, times[1:], strict=False):
            if not before < after:
                raise BadSetting(f"keyframes: got {after:g} s after {before:g} s, expected times that rise.")
        if times[-1] > self.duration_s:
            raise BadSetting(f"keyframes: got one at {times[-1]:g} s, but the motion ends at {self.duration_s:g} s.")
        for text, longest in ((self.name, _LONGEST_NAME), (self.description, _LONGEST_DESCRIPTION)):
            if len(text) > longest or not text.isprintable():
                raise BadSetting(f"name, description: got {text[:70]!r}, expected up to {longest} printable letters.")

    def expression_at(self, time_s: float) -> Expression:
        """The sliders at a time."""
        return Expression(**{name: _value_at(track, time_s) for name, track in self._tracks.items()})

    @property
    def closes(self) -> bool:
        """Whether it ends as it began, so that it can be repeated without a jump."""
        return self.expression_at(0.0) == self.expression_at(self.duration_s)

    def faces(
        self, neutral: np.ndarray, fps: float, gains: Gains | None = None, added: Performance | None = None
    ) -> Iterator[np.ndarray]:
        """Yield the frames as faces (478, 3) of the person whose relaxed face is `neutral`.

        Args:
            neutral: (478, 3).
            fps: frames per second; the first is that at 0 s, the last comes before the end.
            gains: how much of the motion arrives.
            added: what the face does besides, whatever the gains.
        """
        basis, performer = ExpressionBasis(neutral), Performer(neutral)
        for frame in range(max(1, round(self.duration_s * fps))):
            yield performer.face(basis.performance(self.expression_at(frame / fps)), gains, added)

    def with_pose(self, expression: Expression, time_s: float, easing: str = DEFAULT_EASING) -> "KeyframedMotion":
        """The motion with a keyframe that holds every slider, in the place of one at the same time.

        Sliders that nobody has moved stay unnamed; one that is new to the motion is neutral in its other keyframes,
        as it was seen there. The motion grows longer where it must.
        """
        values = vars(expression)
        new = {name: SLIDERS[name].default for name in expression.changed() if name not in self._tracks}
        pose = Keyframe(time_s, {name: values[name] for name in SLIDERS if name in self._tracks or name in new}, easing)
        others = (
            replace(other, sliders=new | other.sliders) for other in self.keyframes if other.time_s != pose.time_s
        )
        keyframes = tuple(sorted([*others, pose], key=lambda keyframe: keyframe.time_s))
        return replace(self, duration_s=max(self.duration_s, time_s), keyframes=keyframes)

    def with_moved(self, time_s: float, to_s: float, easing: str) -> "KeyframedMotion":
        """The motion with one keyframe at another time, or with another easing.

        Raises:
            BadSetting: there is none, or another at that time already.
        """
        moved = replace(self.keyframe_at(time_s), time_s=to_s, easing=easing)
        others = [other for other in self.keyframes if other.time_s != time_s]
        keyframes = tuple(sorted([*others, moved], key=lambda keyframe: keyframe.time_s))
        return replace(self, duration_s=max(self.duration_s, to_s), keyframes=keyframes)

    def without(self, time_s: float) -> "KeyframedMotion":
        """The motion without one of its keyframes.

        Raises:
            BadSetting: there is none, or no other.
        """
        gone = self.keyframe_at(time_s)
        return replace(self, keyframes=tuple(other for other in self.keyframes if other is not gone))

    def keyframe_at(self, time_s: float) -> Keyframe:
        """The keyframe at a time.

        Raises:
            BadSetting: there is none.
        """
        for keyframe in self.keyframes:
            if keyframe.time_s == time_s:
                return keyframe
        raise BadSetting(f"time_s: got {time_s:g} s, where there is no keyframe.")

    def save(self, path: Path) -> None:
        """Write the motion's file."""
        with atomic_output(path) as temporary:
            temporary.write_text(self.to_json(), encoding="utf-8")

    def to_json(self) -> str:
        """The motion as its file has it, a line for each keyframe."""
        lines = ["  " + json.dumps(vars(keyframe), allow_nan=False) for keyframe in self.keyframes]
        head = {"format": FORMAT, "name": self.name, "description": self.description, "duration_s": self.duration_s}
        facts = json.dumps(head, ensure_ascii=False, allow_nan=False)[1:-1]
        return "{" + facts + ',\n "keyframes": [\n' + ",\n".join(lines) + "\n ]}\n"

    @classmethod
    def from_json(cls, text: str) -> "KeyframedMotion":
        """Read what `to_json` wrote.

        Raises:
            BadPuppet: no motion of a format we know.
        """
        return _read(text, "This")

    @classmethod
    def load(cls, path: Path) -> "KeyframedMotion":
        """Read what `save` wrote, or what somebody wrote by hand.

        Raises:
            BadPuppet: no file, or no motion of a format we know; says what is wrong in it.
        """
        path = Path(path)
        try:
            if path.stat().st_size > _MOST_BYTES:
                raise BadPuppet(f"The motion {path.name} is larger than {_MOST_BYTES >> 20} MB.", _AGAIN)
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            raise BadPuppet(f"{path.name} cannot be read ({error.strerror}).", _AGAIN) from error
        except UnicodeDecodeError as error:
            raise BadPuppet(f"{path.name} is not a readable motion ({error}).", _AGAIN) from error
        return _read(text, path.name)

    @cached_property
    def _tracks(self) -> dict[str, list[tuple[float, float, str]]]:
        """For each slider that is named: time, value and easing of its keyframes."""
        tracks: dict[str, list[tuple[float, float, str]]] = {}
        for keyframe in self.keyframes:
            for name, value in keyframe.sliders.items():
                tracks.setdefault(name, []).append((keyframe.time_s, value, keyframe.easing))
        return tracks


def _value_at(track: Sequence[tuple[float, float, str]], time_s: float) -> float:
    for (start_s, start, _), (end_s, end, easing) in zip(track, track[1:], strict=False):
        if start_s <= time_s < end_s:
            return start + EASINGS[easing]((time_s - start_s) / (end_s - start_s)) * (end - start)
    return track[0][1] if time_s < track[0][0] else track[-1][1]


def _read(text: str, what: str) -> KeyframedMotion:
    try:
        return _from_parts(json.loads(text))
    except BadSetting as error:
        raise BadPuppet(f"{what} is no motion: {error.problem}", _AGAIN) from error
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
        raise BadPuppet(f"{what} is not a readable motion ({error}).", _AGAIN) from error


def _from_parts(parts: Any) -> KeyframedMotion:
    if parts.get("format") != FORMAT:
        raise BadSetting(f"its format is {parts.get('format')!r}, and this program reads {FORMAT}.")
    keyframes = parts["keyframes"]
    if len(keyframes) > _MOST_KEYFRAMES:
        raise BadSetting(f"keyframes: got {len(keyframes)}, expected 1 to {_MOST_KEYFRAMES}.")
    return KeyframedMotion(
        str(parts.get("name", "")),
        str(parts.get("description", "")),
        _number(parts["duration_s"], "duration_s"),
        tuple(
            Keyframe(
                _number(entry["time_s"], "time_s"),
                {name: _number(value, name) for name, value in entry["sliders"].items()},
                entry.get("easing", DEFAULT_EASING),
            )
            for entry in keyframes
        ),
    )


def _number(value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadSetting(f"{name}: got {value!r}, expected a number.")
    return float(value)
