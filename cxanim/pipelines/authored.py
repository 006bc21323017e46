"""Files of motions that are made, not filmed: a preset saved to be edited, and keyframes baked into a recording."""

import os
from dataclasses import dataclass
from pathlib import Path

from cxanim.errors import CannotWrite, CxanimError
from cxanim.motion.baked import baked
from cxanim.motion.keyframes import KEYFRAMES_SUFFIX, KeyframedMotion
from cxanim.motion.presets import PRESETS
from cxanim.pipelines.driver import AUTHORED_FPS, MOTION_SUFFIX
from cxanim.settings import Settings, setting


@dataclass(frozen=True)
class BakeSettings(Settings):
    """How keyframes become a recording."""

    fps: float = setting(AUTHORED_FPS, "frames per second of the recording", low=1, high=60, step=1)


@dataclass(frozen=True)
class MotionFile:
    """A motion that was written.

    Attributes:
        path: its file.
        duration_s: its length.
        frames, keyframes: how many it has; a recording has no keyframes, and keyframes no frames.
    """

    path: Path
    duration_s: float
    frames: int | None = None
    keyframes: int | None = None

    def to_dict(self) -> dict[str, object]:
        """As JSON shows it."""
        return {name: value for name, value in (vars(self) | {"path": str(self.path)}).items() if value is not None}


def authored_motion(name: str | Path) -> KeyframedMotion:
    """A preset by its name, or the motion in a file of keyframes.

    Raises:
        CxanimError: neither.
        BadPuppet: a file that holds no motion.
    """
    if str(name) in PRESETS:
        return PRESETS[str(name)]
    if not os.path.exists(name):
        raise CxanimError(
            f"There is no motion {str(name)!r}: it is neither a file nor a preset.",
            f"Presets are {', '.join(PRESETS)}.",
        )
    return KeyframedMotion.load(Path(name))


def save_preset(name: str, output: Path) -> MotionFile:
    """Write a preset as a file of keyframes.

    Raises:
        CxanimError: no such preset.
        CannotWrite: another ending, or a place that cannot be written.
    """
    if name not in PRESETS:
        raise CxanimError(f"There is no preset {name!r}.", f"There are {', '.join(PRESETS)}.")
    _require_suffix(output, KEYFRAMES_SUFFIX, "a motion made of keyframes is kept in a JSON file")
    PRESETS[name].save(Path(output))
    return MotionFile(Path(output), PRESETS[name].duration_s, keyframes=len(PRESETS[name].keyframes))


def bake_motion(name: str | Path, output: Path, settings: BakeSettings | None = None) -> MotionFile:
    """Make a recording of a preset or of a file of keyframes.

    Raises:
        CxanimError: no such motion.
        BadPuppet: a file that holds no motion.
        CannotWrite: another ending, or a place that cannot be written.
    """
    settings = settings or BakeSettings()
    _require_suffix(output, MOTION_SUFFIX, "a recorded motion is kept in an npz file")
    motion = authored_motion(name)
    recording = baked(motion, settings.fps)
    recording.save(Path(output))
    return MotionFile(Path(output), motion.duration_s, frames=len(recording))


def _require_suffix(output: Path, suffix: str, words: str) -> None:
    if Path(output).suffix.lower() != suffix:
        raise CannotWrite(f"{Path(output).name}: {words}.", f"Let its name end in {suffix}.")
