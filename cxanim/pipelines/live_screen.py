"""What came of a live run: the newest picture, for whoever shows it, and how well the machine kept up."""

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean, quantiles
from typing import Any

import cv2
import numpy as np

from cxanim.pipelines.live_loop import Shown

_WAIT_S = 10.0
_KEPT = 36_000  # of the newest figures: twenty minutes of them


@dataclass(frozen=True)
class LiveRun:
    """How a live puppet kept up.

    Attributes:
        path: the video that was written, if any.
        frames: how many frames the camera had.
        shown: how many of them were shown; newer ones took the place of the rest.
        fps: the camera's rate.
        latency_p50_ms, latency_p95_ms: from a frame being taken to its picture, without any screen.
        stages_ms: how long each stage took, on average.
        notes: what a person should know.
    """

    path: Path | None
    frames: int
    shown: int
    fps: float
    latency_p50_ms: float
    latency_p95_ms: float
    stages_ms: dict[str, float]
    notes: tuple[str, ...] = field(default=())

    def to_dict(self) -> dict[str, Any]:
        """As JSON shows it."""
        facts = vars(self) | {"path": None if self.path is None else str(self.path), "notes": list(self.notes)}
        return facts | {"shown_fps": round(self.fps * self.shown / max(1, self.frames), 2)}


class Screen:
    """What the loop delivers: the newest picture, and how each came about."""

    def __init__(self, still: np.ndarray) -> None:
        self._picture = still
        self._told = 0
        self._made = 0
        self._late_ms: deque[float] = deque(maxlen=_KEPT)
        self._stages_ms: deque[dict[str, float]] = deque(maxlen=_KEPT)
        self._error: Exception | None = None

    def deliver(self, shown: Shown) -> None:
        """Note what became of a frame."""
        if shown.picture is not None:
            self._picture = shown.picture
            self._made += 1
            self._late_ms.append(1000 * (time.monotonic() - shown.frame.time_s))
            self._stages_ms.append(shown.stages_ms)
        self._told += 1

    def fail(self, error: Exception) -> None:
        """Note that there will be no more."""
        self._error = error

    def picture(self, size_px: int) -> np.ndarray:
        """What is to be seen now, (size_px, size_px, 3): the still picture until there is another."""
        self._raise()
        if self._picture.shape[0] == size_px:
            return self._picture
        return cv2.resize(self._picture, (size_px, size_px), interpolation=cv2.INTER_CUBIC)

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error

    def words(self, state: str) -> str:
        """How it goes, in a line."""
        late_ms = f", {self._late_ms[-1]:.0f} ms behind" if self._late_ms else ""
        return f"{state}{late_ms}"

    def wait_for(self, frames: int) -> None:
        """Until it is known what became of every frame."""
        until_s = time.monotonic() + _WAIT_S
        while self._told < frames and self._error is None and time.monotonic() < until_s:
            time.sleep(0.005)
        self._raise()

    def account(self, path: Path | None, frames: int, fps: float, notes: tuple[str, ...] = ()) -> LiveRun:
        """How it went."""
        # The loop may still be delivering: what it adds from here on is not told.
        every = tuple(self._stages_ms)
        stages_ms = {name: round(mean(stages[name] for stages in every), 2) for name in (every[0] if every else ())}
        p50_ms, p95_ms = _percentiles(list(self._late_ms))
        return LiveRun(path, frames, self._made, fps, p50_ms, p95_ms, stages_ms, notes)


def _percentiles(values: Sequence[float]) -> tuple[float, float]:
    """The 50th and the 95th."""
    if len(values) < 2:
        return (values[0], values[0]) if values else (0.0, 0.0)
    cuts = quantiles(values, n=20, method="inclusive")
    return round(cuts[9], 1), round(cuts[18], 1)
