"""What a video is, before it is decoded: size, frame rate, length, sound."""

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from cxanim.errors import TooLarge, UnreadableVideo
from cxanim.input import size_of_file
from cxanim.limits import Limits

HIGHEST_FPS = 60.0
LOWEST_FPS = 1.0
UNKNOWN_FPS = 30.0
# ffmpeg prints two decimals of these.
_NTSC_FPS = (24 / 1.001, 30 / 1.001, 60 / 1.001)

# Containers and nothing else: a playlist or a script of ffmpeg's could name other files of this machine.
_CONTAINERS = "mov,mp4,matroska,webm,avi,gif,mpegts,mpeg,flv,asf,ogg,wav,mp3,flac,aac"
_PATIENCE_S = 60
_AGAIN = "Export or download it again, as MP4 if there is a choice."


@dataclass(frozen=True)
class VideoInfo:
    """What is known of a video, or of the part of it that is read.

    Attributes:
        path: the file.
        width_px, height_px: size of its frames as a person sees them: upright, with square pixels.
        fps: constant rate at which its frames come.
        duration_s: seconds from its first frame to its end.
        frames_estimate: about how many frames will come; containers may promise more than they hold.
        has_audio: whether it has sound.
        first_frame_s: when its first frame is due, after the file's (often the sound's) beginning.
    """

    path: Path
    width_px: int
    height_px: int
    fps: float
    duration_s: float
    frames_estimate: int
    has_audio: bool
    first_frame_s: float = 0.0


def probe_video(path: str | os.PathLike[str], limits: Limits | None = None) -> VideoInfo:
    """Look at a video, decoding one frame.

    The frame rate is the stream's average: 23.98, 29.97 and 59.94 are read as the fractions they stand for, a rate
    above 60 becomes 60, below 1 becomes 1, and a missing one (browser recordings) 30.

    Args:
        path: the file; its content decides what it is, not its ending.
        limits: largest accepted file and frame; `Limits.from_environment()` by default. The length is not limited.

    Raises:
        UnreadableVideo: missing, empty, damaged, no video, or no frame that can be decoded.
        TooLarge: more bytes, or more pixels a frame, than the limits allow.
    """
    path = Path(path)
    limits = limits or Limits.from_environment()
    _check_bytes(path, limits)
    report = _ask_ffmpeg(path, limits)
    stream = _video_stream(path, report, limits)
    size = re.search(r"pts_time:\s*(-?[\d.]+).* sar:(\d+)/(\d+) s:(\d+)x(\d+)", report)
    if size is None:
        raise UnreadableVideo(f"{path.name} holds no frame that can be decoded.", _AGAIN)
    sar_across, sar_down, width, height = (int(number) for number in size.groups()[1:])
    first_frame_s = max(0.0, float(size.group(1)))
    fps = _frame_rate(stream)
    duration_s = max(_duration_s(path, report) - first_frame_s, 1 / fps)
    return VideoInfo(
        path=path,
        width_px=max(1, round(width * sar_across / sar_down)) if sar_across and sar_down else width,
        height_px=height,
        fps=fps,
        duration_s=duration_s,
        frames_estimate=max(1, round(duration_s * fps)),
        has_audio=re.search(r"Stream #0:.*: Audio: (?!none)", report) is not None,
        first_frame_s=first_frame_s,
    )


def ffmpeg_program() -> str:
    """Where the ffmpeg is that MoviePy uses too."""
    import imageio_ffmpeg

    return imageio_ffmpeg.get_ffmpeg_exe()


def input_options(path: Path, limits: Limits) -> list[str]:
    """Options with which ffmpeg opens a file that anyone may have made."""
    max_pixels = str(int(limits.megapixels * 1e6))
    # The prefix keeps a name such as "concat:a|b" or "-y" from being anything but a name.
    return ["-format_whitelist", _CONTAINERS, "-max_pixels", max_pixels, "-i", f"file:{path.absolute()}"]


def _check_bytes(path: Path, limits: Limits) -> None:
    size = size_of_file(path, "video", UnreadableVideo)
    if size > limits.video_mb * 1e6:
        problem = f"{path.name} has {size / 1e6:.1f} MB; the limit is {limits.video_mb:g} MB."
        raise TooLarge(problem, "Use a shorter or smaller video, or raise CXANIM_MAX_VIDEO_MB.")


def _ask_ffmpeg(path: Path, limits: Limits) -> str:
    first_frame = ["-map", "0:V:0", "-vf", "showinfo", "-frames:v", "1", "-f", "null", "-"]
    return _run(path, [*input_options(path, limits), *first_frame])


def _run(path: Path, options: list[str]) -> str:
    command = [ffmpeg_program(), "-hide_banner", "-nostdin", *options]
    try:
        finished = subprocess.run(command, capture_output=True, timeout=_PATIENCE_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise UnreadableVideo(f"{path.name} could not be understood within {_PATIENCE_S} s.", _AGAIN) from error
    return finished.stderr.decode(errors="replace")


def _video_stream(path: Path, report: str, limits: Limits) -> str:
    """Return ffmpeg's line about the video stream, after checking the size of its frames."""
    streams = re.findall(r"Stream #0:.*", report.partition("Stream mapping:")[0])
    pictures = [line for line in streams if ": Video:" in line and "(attached pic)" not in line]
    if not pictures:
        if any(": Audio:" in line for line in streams):
            raise UnreadableVideo(f"{path.name} has only sound, no picture.", "Use a video.")
        if "moov atom not found" in report and _is_mp4(path):
            raise UnreadableVideo(f"{path.name} is cut short: its index, which comes last, is missing.", _AGAIN)
        raise UnreadableVideo(f"{path.name} is not a video that can be read.", "Use MP4, WebM, MOV, AVI or GIF.")
    size = re.search(r", (\d+)x(\d+)", pictures[0])
    if size is not None and int(size.group(1)) * int(size.group(2)) > limits.megapixels * 1e6:
        problem = f"{path.name} has {size.group(1)}x{size.group(2)} px; the limit is {limits.megapixels:g} megapixels."
        raise TooLarge(problem, "Make it smaller, or raise CXANIM_MAX_MEGAPIXELS.")
    return pictures[0]


def _is_mp4(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(8)[4:] == b"ftyp"


def _frame_rate(stream: str) -> float:
    average, common = (_rate(stream, unit) for unit in ("fps", "tbr"))
    if "Video: gif" in stream and common is not None and common <= HIGHEST_FPS:
        average = common  # A GIF counts in hundredths of a second, which upsets the average.
    if average is None:
        return UNKNOWN_FPS if common is None or common > HIGHEST_FPS else max(common, LOWEST_FPS)
    if common is not None and abs(average - common) < 0.01 * common:
        average = common  # The average of a whole clip is a little off when its last frame is.
    average = next((rate for rate in _NTSC_FPS if abs(average - rate) < 0.005), average)
    return min(max(average, LOWEST_FPS), HIGHEST_FPS)


def _rate(stream: str, unit: str) -> float | None:
    found = re.search(rf"([\d.]+)(k?) {unit}\b", stream)
    return float(found.group(1)) * (1000 if found.group(2) else 1) if found else None


def _duration_s(path: Path, report: str) -> float:
    found = re.search(r"Duration: (\d+):(\d+):([\d.]+)", report)
    if found is None:  # Recordings of browsers do not say; walking through the packets tells, without decoding.
        copy = ["-i", f"file:{path.absolute()}", "-map", "0:V:0", "-c", "copy", "-f", "null", "-"]
        walked = re.findall(r"time=(\d+):(\d+):([\d.]+)", _run(path, ["-format_whitelist", _CONTAINERS, *copy]))
        if not walked:
            return 0.0
        hours, minutes, seconds = walked[-1]
    else:
        hours, minutes, seconds = found.groups()
    return 3600 * int(hours) + 60 * int(minutes) + float(seconds)
