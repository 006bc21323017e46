"""Long jobs of many visitors: one at a time on this machine, one per visitor, each watched and really stopped.

A job runs in a thread of its own and frees its place when that thread ends, whether or not anybody still watches: a
closed browser tab cannot leave the machine taken.
"""

import contextvars
import logging
import threading
import traceback
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Generic, TypeVar

from cxanim.errors import Busy, Cancelled
from cxanim.pipelines.machine import Machine
from cxanim.pipelines.watch import Watch
from cxanim.progress import Progress

T = TypeVar("T")
_log = logging.getLogger(__name__)
WAITING = "Waiting"
_MOST_WAITING = 20
_LOOK_EVERY_S = 0.25


class Job(Generic[T]):
    """One piece of work that somebody watches. Made by `Desk.start`."""

    def __init__(
        self, work: Callable[[Watch], T], wait_for_turn: Callable[["Job[T]"], None], leave: Callable[[], None]
    ):
        self._work, self._wait_for_turn, self._leave = work, wait_for_turn, leave
        self._stop, self._ended, self._told = threading.Event(), threading.Event(), threading.Condition()
        self._latest: Progress | None = None
        self._result: list[T] = []
        self._error: BaseException | None = None
        context = contextvars.copy_context()  # tells a shared GPU for whom it works
        self._thread = threading.Thread(target=context.run, args=(self._run,), name="cxanim-job", daemon=True)

    def begin(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Ask the work to stop at its next step."""
        self._stop.set()

    @property
    def is_stopping(self) -> bool:
        """Whether somebody has asked it to stop."""
        return self._stop.is_set()

    @property
    def has_ended(self) -> bool:
        """Whether its thread is done."""
        return self._ended.is_set()

    def tell(self, progress: Progress) -> None:
        """Note where the work stands; what nobody has seen yet is replaced, its picture kept."""
        with self._told:
            unseen = self._latest.preview if self._latest is not None else None
            self._latest = progress if progress.preview is not None else replace(progress, preview=unseen)
            self._told.notify_all()

    def updates(self) -> Iterator[Progress]:
        """Yield the newest state now and then until the work has ended."""
        while True:
            ended = self.has_ended
            with self._told:
                if self._latest is None and not ended:
                    self._told.wait(_LOOK_EVERY_S)
                latest, self._latest = self._latest, None
            if latest is not None:
                yield latest
            if ended:
                return
            self._ended.wait(_LOOK_EVERY_S)

    def result(self) -> T:
        """Wait for the end; return what the work returned, or raise what it raised."""
        self._ended.wait()
        if self._error is not None:
            raise self._error
        return self._result[0]

    def _run(self) -> None:
        try:
            self._wait_for_turn(self)
            self._result.append(self._work(Watch(self.tell, self._stop.is_set)))
        except BaseException as error:  # noqa: BLE001 - carried over to whoever waits for the result
            _log.debug("a job ended early", exc_info=error)
            traceback.clear_frames(error.__traceback__)  # they hold all it worked on, and this job holds the error
            self._error = error
        finally:
            self._leave()
            self._ended.set()


class Desk:
    """Takes jobs and lets them run in the order in which they came.

    Args:
        places: jobs that may run at the same time.
        most_waiting: jobs that may wait.
        machine: where they compute.
    """

    def __init__(self, places: int = 1, most_waiting: int = _MOST_WAITING, machine: Machine | None = None):
        self.machine = machine or Machine()
        self._places, self._most_waiting = places, most_waiting
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._changed = threading.Condition()

    def start(self, visitor: str, work: Callable[[Watch], T]) -> Job[T]:
        """Take a visitor's job.

        Args:
            visitor: who asks.
            work: is given a `Watch` to tell and to ask.

        Raises:
            Busy: the visitor has a job already, or too many others wait.
        """

        def leave() -> None:
            with self._changed:
                self._jobs.pop(visitor, None)
                self._changed.notify_all()

        with self._changed:
            if visitor in self._jobs:
                raise Busy("Another job of yours is still running.", "Wait until it is done, or stop it first.")
            if len(self._jobs) >= self._places + self._most_waiting:
                raise Busy(f"{len(self._jobs)} jobs are waiting already.", "Come back in a few minutes.")
            job = Job(work, self._wait_for_turn, leave)
            self._jobs[visitor] = job
        job.begin()
        return job

    def stop(self, visitor: str) -> bool:
        """Stop a visitor's job; return whether there was one."""
        with self._changed:
            job = self._jobs.get(visitor)
            if job is not None:
                job.stop()
                self._changed.notify_all()
        return job is not None

    def _wait_for_turn(self, job: Job) -> None:
        with self._changed:
            while (before := list(self._jobs.values()).index(job)) >= self._places:
                if job.is_stopping:
                    raise Cancelled
                job.tell(Progress(WAITING, 0, unit="jobs", remaining_s=None, terms={"before": before}))
                self._changed.wait()
