"""Frames and sound to a video file, through MoviePy: whole or not at all."""

import errno
import math
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from cxanim.errors import CannotWrite
from cxanim.output import atomic_output, cannot_write, ensure_writable
from cxanim.video.sound import add_sound, find_sound

HIGHEST_GIF_FPS = 50.0

# Tagged BT.709, so that players need not guess the colours.
_COLOURS = (
    *("-vf", "scale=out_color_matrix=bt709:out_range=tv,format=yuv420p"),
    *("-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709", "-color_range", "tv"),
)
_VP9 = ("-deadline", "realtime", "-cpu-used", "8", "-row-mt", "1", "-crf", "28", "-b:v", "0")
# The same with alpha; it goes into a second stream of the file, which only whole frames may refer to.
_CLEAR_COLOURS = tuple(word.replace("yuv420p", "yuva420p") for word in _COLOURS) + ("-auto-alt-ref", "0")
# One palette from the first two seconds: a palette for the whole clip would hold the whole clip in memory, and one
# per frame is five times slower and twice as large.
_GIF_PALETTE = "split[a][b];[b]trim=end_frame=60,palettegen[palette];[a][palette]paletteuse=dither=bayer:bayer_scale=5"
# A pixel of a GIF is seen or not. What a frame leaves clear must not show the frame before.
_CLEAR_GIF_PALETTE = _GIF_PALETTE.replace("palettegen", "palettegen=reserve_transparent=1") + ":alpha_threshold=128"


@dataclass(frozen=True)
class _Format:
    codec: str
    audio_codec: str | None
    options: tuple[str, ...]
    clear_options: tuple[str, ...] | None = None  # where the format keeps alpha


_FORMATS = {
    ".mp4": _Format("libx264", "aac", ("-crf", "18", "-movflags", "+faststart", *_COLOURS)),
    ".webm": _Format(
        "libvpx-vp9",
        "libopus",
        (*_VP9, *_COLOURS),
        (*_VP9, *_CLEAR_COLOURS),
    ),
    ".gif": _Format("gif", None, ("-loop", "0"), ("-loop", "0", "-gifflags", "-transdiff")),
}
_CLEAR = tuple(suffix for suffix, form in _FORMATS.items() if form.clear_options is not None)


@contextmanager
def open_video_writer(
    path: str | os.PathLike[str],
    width_px: int,
    height_px: int,
    fps: float,
    audio_from: str | os.PathLike[str] | None = None,
    audio_start_s: float = 0.0,
    *,
    with_alpha: bool = False,
) -> Iterator["VideoWriter"]:
    """Open a video for writing frame by frame; it appears at `path` when the block ends well.

    The ending chooses the format: .mp4 (H.264, AAC), .webm (VP9, Opus) or .gif (looped, silent, at most 50 fps).
    In mp4 and webm an odd width or height grows by one repeated column or row, since players want even ones.

    Args:
        path: where; the folder must exist.
        width_px, height_px: size of the frames.
        fps: frames per second.
        audio_from: file whose sound goes along, cut or filled with silence to the video's length; silent without,
            and when it has none.
        audio_start_s: where in `audio_from` the sound begins, in seconds after that video's first frame.
        with_alpha: whether frames come as (height_px, width_px, 4) with straight colours, for the endings that keep
            alpha (see `keeps_alpha`); a GIF shows what is at least half there.

    Yields:
        A `VideoWriter`.

    Raises:
        ValueError: a size, rate or start that cannot be.
        CannotWrite: unknown ending, full disk, missing or unwritable folder, no frame written, encoder failed.
        UnreadableVideo: `audio_from` cannot be read.
    """
    path = Path(path)
    if min(width_px, height_px) < 1:
        raise ValueError(f"width_px, height_px: got {width_px}, {height_px}, expected at least 1")
    if not 0 < fps < math.inf or not 0 <= audio_start_s < math.inf:
        raise ValueError(f"fps, audio_start_s: got {fps}, {audio_start_s}, expected fps > 0 and audio_start_s >= 0")
    form = _format_of(path)
    if with_alpha and form.clear_options is None:
        raise ValueError(f"with_alpha: got {path.suffix}, expected one of {', '.join(_CLEAR)}")
    with atomic_output(path) as temporary, tempfile.TemporaryFile("w+", errors="replace") as words:
        sound = None if audio_from is None or form.audio_codec is None else find_sound(audio_from, audio_start_s)
        silent = temporary if sound is None else temporary.with_name(f"{temporary.stem}-silent{temporary.suffix}")

        def voice(duration_s: float) -> None:
            if sound is not None and form.audio_codec is not None:
                said = add_sound(silent, sound, form.audio_codec, duration_s, temporary)
                if said is not None:
                    raise _cannot_encode(path, said.splitlines())

        writer = VideoWriter(path, silent, (width_px, height_px), fps, form, words, voice, with_alpha)
        try:
            yield writer
            writer.finish()
        finally:
            writer.stop()
            if silent != temporary:
                silent.unlink(missing_ok=True)


def keeps_alpha(path: str | os.PathLike[str]) -> bool:
    """Whether a video with this ending can be transparent."""
    return Path(path).suffix.lower() in _CLEAR


def ensure_video_writable(path: str | os.PathLike[str]) -> None:
    """Find out before the work whether a video can be written to `path`.

    Raises:
        CannotWrite: unknown ending, missing or unwritable folder, full disk.
    """
    _format_of(Path(path))
    ensure_writable(path)


def _format_of(path: Path) -> _Format:
    form = _FORMATS.get(path.suffix.lower())
    if form is None:
        problem = f"{path.name}: videos cannot be written with the ending {path.suffix!r}."
        raise CannotWrite(problem, f"Use one of {', '.join(_FORMATS)}.")
    return form


class VideoWriter:
    """An open video. Made by `open_video_writer`.

    Attributes:
        frames_written: how many frames went in.
    """

    def __init__(
        self,
        path: Path,
        temporary: Path,
        size_px: tuple[int, int],
        fps: float,
        form: _Format,
        words: IO[str],
        voice: Callable[[float], None],
        with_alpha: bool = False,
    ):
        from moviepy.video.io.ffmpeg_writer import FFMPEG_VideoWriter

        self.frames_written = 0
        self._path = path
        self._words = words
        self._fps, self._voice, self._finished = fps, voice, False
        width_px, height_px = size_px
        self._shape = (height_px, width_px, 4 if with_alpha else 3)
        even = form.codec != "gif"
        self._padding = ((0, height_px % 2 * even), (0, width_px % 2 * even), (0, 0))
        picture = list((form.clear_options if with_alpha else None) or form.options)
        if form.codec == "gif":
            slower = f"fps={HIGHEST_GIF_FPS:g}," if fps > HIGHEST_GIF_FPS else ""
            picture += ["-filter_complex", slower + (_CLEAR_GIF_PALETTE if with_alpha else _GIF_PALETTE)]
        self._moviepy = FFMPEG_VideoWriter(
            os.fspath(temporary),
            (width_px + self._padding[1][1], height_px + self._padding[0][1]),
            fps,
            codec=form.codec,
            preset="veryfast",
            with_mask=with_alpha,
            # A file, not a pipe: words that nobody reads would fill a pipe and halt the encoder.
            logfile=words,
            ffmpeg_params=["-hide_banner", "-nostats", "-loglevel", "error", *picture],
        )

    def write(self, frame: np.ndarray) -> None:
        """Add one frame.

        Args:
            frame: (height_px, width_px, 3) uint8 RGB, or with alpha as a fourth channel where the video has it.

        Raises:
            ValueError: another shape or type.
            CannotWrite: the encoder died, on a full disk for instance.
        """
        if not isinstance(frame, np.ndarray) or frame.shape != self._shape or frame.dtype != np.uint8:
            got = f"{frame.dtype} {frame.shape}" if isinstance(frame, np.ndarray) else type(frame).__name__
            raise ValueError(f"frame: got {got}, expected uint8 {self._shape}")
        if any(after for _, after in self._padding):
            frame = np.pad(frame, self._padding, mode="edge")
        try:
            self._moviepy.write_frame(frame)
        except OSError as error:
            raise self._failure() from error
        self.frames_written += 1

    def finish(self) -> None:
        """Encode the rest, add the sound, and check that both went well; whoever writes two videos does it for both.

        It is done by itself at the end of the block, and once.
        """
        if self._finished:
            return
        if self.frames_written == 0:
            raise CannotWrite(f"{self._path.name} would have no frame.", "Choose a longer part.")
        try:
            self._moviepy.proc.stdin.close()
        except OSError as error:
            raise self._failure() from error
        if self._moviepy.proc.wait() != 0:
            raise self._failure()
        self._voice(self.frames_written / self._fps)
        self._finished = True

    def stop(self) -> None:
        """End the encoder if it is still there; its work is lost unless `finish` came first."""
        ffmpeg = self._moviepy.proc
        if ffmpeg.poll() is None:
            ffmpeg.kill()
        with suppress(OSError):  # Frames still under way go nowhere.
            ffmpeg.stdin.close()
        ffmpeg.wait()

    def _failure(self) -> CannotWrite:
        self.stop()
        self._words.seek(0)
        return _cannot_encode(self._path, self._words.readlines())


def _cannot_encode(path: Path, words: list[str]) -> CannotWrite:
    lines = [line.strip() for line in words if line.strip()]
    if any(os.strerror(errno.ENOSPC) in line for line in lines):
        return cannot_write(path, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    said = lines[-1] if lines else "the encoder ended without a word"
    return CannotWrite(f"{path.name} could not be encoded: {said}.", "Try another ending or size.")
