"""A picture or a video whose every frame is painted anew by a function: read, painted, written, the sound kept."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cxanim.errors import CannotWrite
from cxanim.images import (
    as_seen,
    count_pictures,
    ensure_picture_writable,
    fitted,
    is_picture_name,
    keeps_alpha,
    read_image,
    write_image,
)
from cxanim.pipelines.watch import Watch
from cxanim.settings import Settings, setting
from cxanim.video import ensure_video_writable, open_video, open_video_writer

Paint = Callable[[np.ndarray], np.ndarray]
_PREVIEW_EVERY = 15


@dataclass(frozen=True)
class PartSettings(Settings):
    """Which part of a video is painted."""

    start_s: float = setting(0.0, "where in a video to begin", low=0, high=86400, unit="s", label="From")
    end_s: float | None = setting(None, "where in a video to end", low=0, high=86400, unit="s", label="To")


@dataclass(frozen=True)
class Repainted:
    """What was painted anew.

    Attributes:
        path: the file.
        frames: how many; 1 for a picture.
        width_px, height_px: their size.
        seconds: how long it took.
        notes: what a person should know.
    """

    path: Path
    frames: int
    width_px: int
    height_px: int
    seconds: float
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, object]:
        """As JSON shows it."""
        return vars(self) | {"path": str(self.path), "seconds": round(self.seconds, 2), "notes": list(self.notes)}


def ensure_paintable(source: Path, output: Path) -> None:
    """Find out before the work whether a picture or video can be painted into a file.

    Raises:
        CannotWrite: a place that cannot be written, or a picture's name for a video, or the other way round.
    """
    (ensure_picture_writable if is_picture_name(output) else ensure_video_writable)(output)
    is_picture = count_pictures(source) == 1
    if is_picture != is_picture_name(output):
        kind = "picture" if is_picture else "video"
        raise CannotWrite(f"{output.name}: {source.name} is a {kind}.", f"Name a {kind} for the result.")


def repaint(
    source: Path, output: Path, paint: Paint, longest_px: int | None, watch: Watch, part: PartSettings | None = None
) -> Repainted:
    """Paint a picture, or each frame of a video, and write it.

    Args:
        source: a picture or a video.
        output: .png, .jpg or .webp of a picture; .mp4, .webm or .gif of a video.
        paint: makes (H', W', 3) uint8 of (H, W, 3) uint8; H' and W' are the same for all frames of one size.
        longest_px: larger pictures and frames are made smaller first; none are if None.
        watch: who is told, and may stop it; then nothing is kept.
        part: of a video.

    Raises:
        UnreadableImage, UnreadableVideo, TooLarge, CannotWrite, Cancelled.
    """
    ensure_paintable(source, output)
    part, began_s = part or PartSettings(), time.monotonic()
    if is_picture_name(output):
        seen = read_image(source)
        alpha = seen.alpha if keeps_alpha(output) else None
        given = as_seen(seen) if alpha is None else seen.rgb
        picture = paint(given if longest_px is None else fitted(given, longest_px, enlarges=False))
        height, width = picture.shape[:2]
        write_image(output, picture, None if alpha is None else fitted(alpha, max(height, width)))
        return Repainted(output, 1, width, height, time.monotonic() - began_s)
    with open_video(source, start_s=part.start_s, end_s=part.end_s, max_side_px=longest_px) as video:
        info = video.info
        height, width = paint(np.zeros((info.height_px, info.width_px, 3), np.uint8)).shape[:2]
        with open_video_writer(output, width, height, info.fps, source, part.start_s) as writer:
            for number, frame in enumerate(watch.each(video, "Painting frames", info.frames_estimate)):
                picture = paint(frame)
                writer.write(picture)
                if watch.sees_previews and number % _PREVIEW_EVERY == 0:
                    watch.tell("Painting frames", number + 1, info.frames_estimate, preview=picture)
            frames = video.frames_read
    return Repainted(output, frames, width, height, time.monotonic() - began_s)
