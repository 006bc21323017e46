"""Takes the motion out of a video and keeps it in a small file."""

from dataclasses import dataclass, replace
from pathlib import Path

from cxanim.errors import CannotWrite
from cxanim.motion.recording import Motion
from cxanim.output import ensure_writable
from cxanim.pipelines.clip import observe_clip
from cxanim.pipelines.drive_settings import DriverSettings, check_times
from cxanim.pipelines.driver import MOTION_SUFFIX, frame_at, relaxed_note
from cxanim.pipelines.watch import Watch
from cxanim.settings import setting
from cxanim.video import probe_video


@dataclass(frozen=True)
class ExtractSettings(DriverSettings):
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
    """Follow one face of a video and keep its motion.

    Args:
        video: the clip.
        output: an .npz to write, or None.

    Raises:
        NoFace, UnreadableVideo, TooLarge, BadSetting, CannotWrite, Cancelled.
    """
    settings = settings or ExtractSettings()
    if output is not None and Path(output).suffix.lower() != MOTION_SUFFIX:
        raise CannotWrite(
            f"{Path(output).name}: a motion is kept in an npz file.", f"Let its name end in {MOTION_SUFFIX}."
        )
    if output is not None:
        ensure_writable(output)
    check_times(settings, probe_video(video).duration_s, Path(video).name)
    start_s, end_s = settings.start_s, settings.end_s
    seen = observe_clip(
        video, watch, parts=settings.parts, start_s=start_s, end_s=end_s, face_number=settings.driver_face
    )
    motion = seen.motion
    if settings.neutral_s is not None:
        motion = replace(motion, neutral=frame_at(settings.neutral_s - start_s, motion, settings.neutral_s, video.name))
    if settings.smoothing:
        motion = motion.calmed(settings.smoothing)
    if output is not None:
        motion.save(Path(output))
    notes = (*seen.notes, relaxed_note(Path(video).name, start_s + motion.neutral / motion.fps))
    return Extracted(motion, Path(output) if output is not None else None, notes)
