"""The driver's sound under a finished picture."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from cxanim.limits import Limits
from cxanim.video.probe import ffmpeg_program, input_options, probe_video


@dataclass(frozen=True)
class Sound:
    """A stretch of sound that begins at `start_s` after the beginning of the file `path`."""

    path: Path
    start_s: float


def find_sound(path: str | os.PathLike[str], after_first_frame_s: float) -> Sound | None:
    """Find the sound that belongs to a video from a time after its first frame; None where it has none.

    Raises:
        UnreadableVideo: the video cannot be read.
        TooLarge: it is beyond the limits of the environment.
    """
    video = probe_video(path)
    return Sound(video.path, video.first_frame_s + after_first_frame_s) if video.has_audio else None


def add_sound(silent: Path, sound: Sound, codec: str, duration_s: float, target: Path) -> str | None:
    """Write `target`: the picture of `silent`, untouched, with `sound` cut or filled with silence to its length.

    A pass of its own, since only a finished video has a length: ffmpeg's `-shortest` in the encoding pass left up to
    0.4 s too much, now and then.

    Returns:
        None when all went well, else what ffmpeg said.
    """
    chain = f"aresample=async=1:first_pts=0,atrim=start={sound.start_s:.6f},asetpts=PTS-STARTPTS,apad"
    command = [
        *(ffmpeg_program(), "-hide_banner", "-nostdin", "-loglevel", "error", "-y", "-i", f"file:{silent.absolute()}"),
        *input_options(sound.path, Limits.from_environment()),
        *("-map", "0:v:0", "-c:v", "copy", "-map", "1:a:0", "-c:a", codec, "-af", chain),
        *("-t", f"{duration_s:.6f}", *(("-movflags", "+faststart") if target.suffix.lower() == ".mp4" else ())),
        f"file:{target.absolute()}",
    ]
    finished = subprocess.run(command, capture_output=True, check=False)
    return finished.stderr.decode(errors="replace") if finished.returncode else None
