"""Turns the turns of a loop into Progress records, with the time that is left."""

import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

import numpy as np

from cxanim.errors import Cancelled
from cxanim.progress import OnProgress, Progress, ShouldStop, ignore_progress, never_stop

T = TypeVar("T")


class Watch:
    """A watcher of one job and its wish to stop, handed down to every loop of the job.

    Args:
        on_progress: is told where the job stands.
        should_stop: says whether to stop.
        sees_previews: whether anybody looks at the previews, whose making takes its time.
    """

    def __init__(
        self,
        on_progress: OnProgress = ignore_progress,
        should_stop: ShouldStop = never_stop,
        *,
        sees_previews: bool = True,
    ):
        self.on_progress, self.should_stop = on_progress, should_stop
        self.sees_previews = sees_previews and on_progress is not ignore_progress
        self.notes: list[str] = []  # what a person should know, of work whose result has no room for it

    def each(self, things: Iterable[T], stage: str, total: int = 0, unit: str = "frames") -> Iterator[T]:
        """Yield `things` while telling how far they are.

        Raises:
            Cancelled: the person asked to stop.
        """
        start_s = last_s = time.monotonic()
        self.tell(stage, 0, total, unit)
        done = 0
        for thing in things:
            if self.should_stop():
                raise Cancelled
            yield thing
            done += 1
            now_s = time.monotonic()
            if now_s - last_s > 0.2 or done == total:
                last_s = now_s
                self.tell(stage, done, total, unit, now_s - start_s)

    def tell(
        self,
        stage: str,
        done: int,
        total: int = 0,
        unit: str = "frames",
        elapsed_s: float = 0.0,
        terms: dict[str, float] | None = None,
        preview: np.ndarray | None = None,
        remaining_s: float | None = None,
    ) -> None:
        """Tell the watcher where the job stands; how long it still takes is reckoned from the rest where not told."""
        if remaining_s is None and done and total >= done:
            remaining_s = elapsed_s * (total - done) / done
        self.on_progress(Progress(stage, done, total, unit, elapsed_s, remaining_s, terms or {}, preview))
