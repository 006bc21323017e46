"""A clip in the camera's place: its frames come as a camera's would, and what the puppet shows becomes a video.

Nothing is computed in advance, and frames are left out as they are before a camera when the machine does not keep up.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean, quantiles
from typing import Any

import numpy as np

from cxanim.errors import CannotWrite
from cxanim.images import is_picture_name
from cxanim.pipelines.clip import DETECTION_SIDE_PX
from cxanim.pipelines.live import LivePuppet, LiveSettings
from cxanim.pipelines.live_loop import CameraFrame, LiveLoop, Shown
from cxanim.pipelines.machine import Machine
from cxanim.pipelines.photo import observe_photo, photo_puppet
from cxanim.pipelines.puppet import PUPPET_SUFFIX, Puppet
from cxanim.pipelines.watch import Watch
from cxanim.video import ensure_video_writable, open_video, open_video_writer

_WAIT_S = 10.0


@dataclass(frozen=True)
class LiveRun:
    """How a live puppet kept up.

    Attributes:
        path: the video that was written.
        frames: how many frames the camera had.
        shown: how many of them were shown; newer ones took the place of the rest.
        fps: the camera's rate.
        latency_p50_ms, latency_p95_ms: from a frame being taken to its picture, without any screen.
        stages_ms: how long each stage took, on average.
        notes: what a person should know.
    """

    path: Path
    frames: int
    shown: int
    fps: float
    latency_p50_ms: float
    latency_p95_ms: float
    stages_ms: dict[str, float]
    notes: tuple[str, ...] = field(default=())

    def to_dict(self) -> dict[str, Any]:
        """As JSON shows it."""
        facts = vars(self) | {"path": str(self.path), "notes": list(self.notes)}
        return facts | {"shown_fps": round(self.fps * self.shown / max(1, self.frames), 2)}


def live_target(target: Path, size_px: int) -> Puppet:
    """The puppet of a file: a .puppet as it is, a photo as an instant one.

    Raises:
        BadPuppet, UnreadableImage, TooLarge, NoFace.
    """
    if target.suffix.lower() == PUPPET_SUFFIX:
        return Puppet.load(target)
    return photo_puppet(observe_photo(target), size_px, target.name)


def live_from_clip(
    puppet: Puppet,
    clip: Path,
    output: Path,
    settings: LiveSettings | None = None,
    machine: Machine | None = None,
    watch: Watch | None = None,
) -> LiveRun:
    """Let a puppet follow a clip as if a camera filmed it now, and write what is shown, with the clip's sound.

    Args:
        puppet: who moves.
        clip: what the camera sees; it takes as long as the clip is.
        output: .mp4, .webm or .gif, at the clip's rate: where a frame is left out the one before stays.
        settings: how the person moves the puppet.
        machine: where to compute.
        watch: who is told, and may stop it; nothing is left behind then.

    Raises:
        UnreadableVideo, TooLarge, CannotWrite, Cancelled.
    """
    machine, watch = machine or Machine(), watch or Watch()
    if is_picture_name(output):
        raise CannotWrite(f"{Path(output).name} would be a picture.", "Name a video: .mp4, .webm or .gif.")
    ensure_video_writable(output)
    screen = _Screen(puppet.references[puppet.neutral].picture)
    with open_video(clip, max_side_px=DETECTION_SIDE_PX) as video:
        loop = LiveLoop(LivePuppet(puppet, settings, machine.prepare()), screen.deliver, screen.fail)
        size_px, fps = puppet.size_px, video.info.fps
        try:
            with open_video_writer(output, size_px, size_px, fps, clip) as writer:
                began_s = time.monotonic()
                for number, frame in enumerate(watch.each(video, "Live", video.info.frames_estimate)):
                    time.sleep(max(0.0, began_s + number / fps - time.monotonic()))
                    loop.offer(CameraFrame(number, time.monotonic(), frame))
                    writer.write(screen.picture())
                screen.wait_for(number + 1)
        finally:
            loop.close()
    return screen.account(Path(output), number + 1, fps)


class _Screen:
    """What the loop delivers: the newest picture, and how each came about."""

    def __init__(self, still: np.ndarray) -> None:
        self._picture = still
        self._told = 0
        self._late_ms: list[float] = []
        self._stages_ms: list[dict[str, float]] = []
        self._error: Exception | None = None

    def deliver(self, shown: Shown) -> None:
        """Note what became of a frame."""
        if shown.picture is not None:
            self._picture = shown.picture
            self._late_ms.append(1000 * (time.monotonic() - shown.frame.time_s))
            self._stages_ms.append(shown.stages_ms)
        self._told += 1

    def fail(self, error: Exception) -> None:
        """Note that there will be no more."""
        self._error = error

    def picture(self) -> np.ndarray:
        """What is to be seen now: the still picture until there is another."""
        if self._error is not None:
            raise self._error
        return self._picture

    def wait_for(self, frames: int) -> None:
        """Until it is known what became of every frame."""
        until_s = time.monotonic() + _WAIT_S
        while self._told < frames and self._error is None and time.monotonic() < until_s:
            time.sleep(0.005)
        self.picture()

    def account(self, path: Path, frames: int, fps: float) -> LiveRun:
        """How it went."""
        names = self._stages_ms[0] if self._stages_ms else ()
        stages_ms = {name: round(mean(stages[name] for stages in self._stages_ms), 2) for name in names}
        p50_ms, p95_ms = _percentiles(self._late_ms)
        return LiveRun(path, frames, len(self._late_ms), fps, p50_ms, p95_ms, stages_ms)


def _percentiles(values: Sequence[float]) -> tuple[float, float]:
    """The 50th and the 95th."""
    if len(values) < 2:
        return (values[0], values[0]) if values else (0.0, 0.0)
    cuts = quantiles(values, n=20, method="inclusive")
    return round(cuts[9], 1), round(cuts[18], 1)
