"""Gives a picture or a video a style that a network was taught."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

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
from cxanim.pipelines.machine import Machine
from cxanim.pipelines.refine import as_pictures, as_tensor
from cxanim.pipelines.style_network import StyleNetwork
from cxanim.pipelines.watch import Watch
from cxanim.settings import Settings, setting
from cxanim.video import ensure_video_writable, open_video, open_video_writer

_PREVIEW_EVERY = 15


@dataclass(frozen=True)
class StyleApplySettings(Settings):
    """How a style that was taught is given."""

    size: int = setting(
        0, "longest side of the result; 0 is that which the network practised at", low=0, high=4096, step=64, unit="px"
    )
    start_s: float = setting(0.0, "where in a video to begin", low=0, high=86400, unit="s")
    end_s: float | None = setting(None, "where in a video to end", low=0, high=86400, unit="s")


@dataclass(frozen=True)
class StyleApplied:
    """What was given a style.

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


def apply_style(
    network: Path,
    source: Path,
    output: Path,
    settings: StyleApplySettings | None = None,
    machine: Machine | None = None,
    watch: Watch | None = None,
) -> StyleApplied:
    """Write a picture, or a video with its sound, in the style that a network was taught.

    Args:
        network: a .style file.
        source: a picture or a video.
        output: .png, .jpg or .webp of a picture; .mp4, .webm or .gif of a video.
        settings: size, part of a video.
        machine: where to compute.
        watch: who is told, and may stop it; then nothing is kept.

    Raises:
        BadPuppet, UnreadableImage, UnreadableVideo, TooLarge, CannotWrite, Cancelled.
    """
    settings, machine, watch = settings or StyleApplySettings(), machine or Machine(), watch or Watch()
    source, output, device = Path(source), Path(output), machine.prepare()
    is_picture = count_pictures(source) == 1
    (ensure_picture_writable if is_picture_name(output) else ensure_video_writable)(output)
    if is_picture != is_picture_name(output):
        kind = "picture" if is_picture else "video"
        raise CannotWrite(f"{output.name}: {source.name} is a {kind}.", f"Name a {kind} for the result.")
    style = StyleNetwork.load(network)
    style.network.to(device)
    longest_px = settings.size or style.size_px

    def styled(picture: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return as_pictures(style.network(as_tensor(picture[None], device)))[0]

    began_s = time.monotonic()
    if is_picture:
        seen = read_image(source)
        picture = styled(fitted(as_seen(seen), longest_px, enlarges=False))
        height, width = picture.shape[:2]
        alpha = seen.alpha if keeps_alpha(output) else None
        write_image(output, picture, None if alpha is None else fitted(alpha, longest_px, enlarges=False))
        return StyleApplied(output, 1, width, height, time.monotonic() - began_s)
    with open_video(source, start_s=settings.start_s, end_s=settings.end_s, max_side_px=longest_px) as video:
        info = video.info
        with open_video_writer(output, info.width_px, info.height_px, info.fps, source, settings.start_s) as writer:
            for number, frame in enumerate(watch.each(video, "Painting frames", info.frames_estimate)):
                picture = styled(frame)
                writer.write(picture)
                if watch.sees_previews and number % _PREVIEW_EVERY == 0:
                    watch.tell("Painting frames", number + 1, info.frames_estimate, preview=picture)
            frames = video.frames_read
    return StyleApplied(output, frames, info.width_px, info.height_px, time.monotonic() - began_s)
