"""Takes the motion out of a video and keeps it in a small file."""

from dataclasses import dataclass, replace
from pathlib import Path

from cxanim.errors import CannotWrite
from cxanim.motion.recording import Motion
from cxanim.output import ensure_writable
from cxanim.pipelines.clip import observe_clip
from cxanim.pipelines.drive import MOTION_SUFFIX
from cxanim.pipelines.watch import Watch
from cxanim.settings import Settings, setting


@dataclass(frozen=True)
class ExtractSettings(Settings):
    """What is taken from a video."""

    parts: str = setting("face", "what to look for: the face, or face, body and hands", choices=("face", "body"))
    smoothing: float = setting(0.0, "how calm the motion is made before it is kept", low=0, high=4, step=0.1)


@dataclass(frozen=True)
class Extracted:
    """A motion that was taken out of a video.

    Attributes:
        motion: what was found.
        path: its file, or None where it was not kept.
        notes: what a person should know.
    """

    motion: Motion
    path: Path | None
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, object]:
        """As JSON shows it."""
        motion, path = self.motion, str(self.path) if self.path else None
        facts = {"path": path, "frames": len(motion), "fps": motion.fps, "neutral": motion.neutral}
        return facts | {"notes": list(self.notes)}


def extract_motion(
    video: Path, output: Path | None, settings: ExtractSettings | None = None, watch: Watch | None = None
) -> Extracted:
    """Follow the largest face of a video and keep its motion.

    Args:
        video: the clip.
        output: an .npz to write, or None.

    Raises:
        NoFace, UnreadableVideo, TooLarge, CannotWrite, Cancelled.
    """
    settings = settings or ExtractSettings()
    if output is not None and Path(output).suffix.lower() != MOTION_SUFFIX:
        raise CannotWrite(
            f"{Path(output).name}: a motion is kept in an npz file.", f"Let its name end in {MOTION_SUFFIX}."
        )
    if output is not None:
        ensure_writable(output)
    seen = observe_clip(video, watch, parts=settings.parts)
    motion = seen.motion
    if settings.smoothing:
        motion = replace(motion.calmed(settings.smoothing), neutral=motion.neutral)
    if output is not None:
        motion.save(Path(output))
    return Extracted(motion, Path(output) if output is not None else None, seen.notes)
