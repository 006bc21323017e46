"""The frames of a video, one after the other: upright, at a constant rate, however long it is.

MoviePy's own reader is not used: it neither resamples variable frame rates nor stops at a limit.
"""

import math
import os
import subprocess
import tempfile
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import numpy as np

from cxanim.errors import TooLarge, UnreadableVideo
from cxanim.limits import Limits
from cxanim.video.probe import VideoInfo, ffmpeg_program, input_options, probe_video


def open_video(
    path: str | os.PathLike[str],
    limits: Limits | None = None,
    start_s: float = 0.0,
    end_s: float | None = None,
    max_side_px: int | None = None,
) -> "VideoReader":
    """Open a video, or a part of it, for reading frame by frame.

    Args:
        path: the file; its content decides what it is, not its ending.
        limits: largest accepted video; `Limits.from_environment()` by default. The length limit is on the part read.
        start_s, end_s: part to read, in seconds after the first frame; to the end by default.
        max_side_px: longest side of the frames; larger ones are scaled down.

    Returns:
        A context manager that iterates over (height_px, width_px, 3) uint8 RGB frames.

    Raises:
        ValueError: a part that cannot be, or a side under 1 px.
        UnreadableVideo: missing, empty, damaged, no video, or no frame in the part.
        TooLarge: more bytes, pixels or seconds than the limits allow.
    """
    if not 0 <= start_s < math.inf or (end_s is not None and not end_s > start_s):
        raise ValueError(f"start_s, end_s: got {start_s}, {end_s}, expected 0 <= start_s < end_s")
    if max_side_px is not None and max_side_px < 1:
        raise ValueError(f"max_side_px: got {max_side_px}, expected at least 1")
    limits = limits or Limits.from_environment()
    whole = probe_video(path, limits)
    part_s = (whole.duration_s if end_s is None else min(end_s, whole.duration_s)) - start_s
    if part_s <= 0:
        problem = f"{whole.path.name} is only {whole.duration_s:.1f} s long and has nothing after {start_s:g} s."
        raise UnreadableVideo(problem, "Start earlier.")
    if part_s > limits.video_s:
        raise _too_long(whole.path, part_s, limits)
    width_px, height_px = _fit(whole.width_px, whole.height_px, max_side_px)
    part = replace(
        whole,
        width_px=width_px,
        height_px=height_px,
        duration_s=part_s,
        frames_estimate=max(1, round(part_s * whole.fps)),
    )
    return VideoReader(part, limits, start_s, end_s)


class VideoReader:
    """An open video. Made by `open_video`; iterate over it once, and leave it by `with` or `close`.

    A video that is cut short gives the frames it has.

    Attributes:
        info: size, rate and length of what comes.
        frames_read: how many frames have come.
    """

    def __init__(self, info: VideoInfo, limits: Limits, start_s: float, end_s: float | None):
        self.info = info
        self.frames_read = 0
        self._limits = limits
        self._words = tempfile.TemporaryFile()
        self._ffmpeg = subprocess.Popen(
            _decoding_command(info, limits, start_s, end_s),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._words,
        )

    def __enter__(self) -> "VideoReader":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> "VideoReader":
        return self

    def __next__(self) -> np.ndarray:
        """Return the next frame, (height_px, width_px, 3) uint8 RGB, the caller's own."""
        pipe = self._ffmpeg.stdout
        if pipe is None or pipe.closed:
            raise StopIteration
        frame = np.empty((self.info.height_px, self.info.width_px, 3), np.uint8)
        if pipe.readinto(frame.data.cast("B")) < frame.nbytes:  # type: ignore[attr-defined]
            self._end()
            raise StopIteration
        self.frames_read += 1
        # A container may lie about its length.
        if self.frames_read > (self._limits.video_s + 1) * self.info.fps:
            self.close()
            raise _too_long(self.info.path, self.frames_read / self.info.fps, self._limits)
        return frame

    def close(self) -> None:
        """Stop decoding; nothing keeps running."""
        if self._ffmpeg.poll() is None:
            self._ffmpeg.kill()
        if self._ffmpeg.stdout is not None:
            self._ffmpeg.stdout.close()
        self._ffmpeg.wait()
        self._words.close()

    def _end(self) -> None:
        self._ffmpeg.wait()
        self._words.seek(0)
        lines = self._words.read().decode(errors="replace").split("\n")
        self.close()
        if self.frames_read == 0:
            said = next((f" ({line.strip()})" for line in reversed(lines) if line.strip()), "")
            problem = f"{self.info.path.name} holds no frame that can be decoded there{said}."
            raise UnreadableVideo(problem, "Choose another part, or export the video again.")


def _decoding_command(info: VideoInfo, limits: Limits, start_s: float, end_s: float | None) -> list[str]:
    rate = Fraction(info.fps).limit_denominator(1001)
    seek = ["-ss", f"{info.first_frame_s + start_s:.6f}"] if start_s else []
    stop = [] if end_s is None else ["-t", f"{end_s - start_s:.6f}"]
    # Time starts at the first frame, so that a clip whose sound begins earlier does not begin with a frozen picture.
    # The fixed size also holds when the stream changes its own in the middle.
    chain = f"setpts=PTS-STARTPTS,fps={rate},scale={info.width_px}:{info.height_px}:flags=area"
    return [
        *(ffmpeg_program(), "-hide_banner", "-nostdin", "-loglevel", "error"),
        *(*seek, *input_options(info.path, limits), *stop),
        *("-map", "0:V:0", "-vf", chain, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"),
    ]


def _fit(width_px: int, height_px: int, max_side_px: int | None) -> tuple[int, int]:
    scale = 1.0 if max_side_px is None else min(1.0, max_side_px / max(width_px, height_px))
    return max(1, round(width_px * scale)), max(1, round(height_px * scale))


def _too_long(path: Path, part_s: float, limits: Limits) -> TooLarge:
    problem = f"{path.name}: {part_s:.1f} s are to be read; the limit is {limits.video_s:g} s."
    return TooLarge(problem, "Use a shorter part, or raise CXANIM_MAX_VIDEO_SECONDS.")
