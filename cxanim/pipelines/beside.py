"""Work that is done beside other work: whoever wants its outcome takes the newest there is, and waits for none."""

import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Generic, TypeVar

from cxanim.pipelines.machine import share_cores

T = TypeVar("T")
V = TypeVar("V")
_NICE = 5


class Beside(Generic[T]):
    """One piece of work at a time, in a thread that steps back where the cores are wanted by others.

    Attributes:
        newest: what the last piece came to; None before there is any.
    """

    def __init__(self) -> None:
        self.newest: T | None = None
        self._thread: ThreadPoolExecutor | None = None
        self._under_way: Future[T] | None = None

    def is_free(self) -> bool:
        """Whether nothing is under way; takes what has come to an end, and raises what that raised."""
        if self._under_way is not None and self._under_way.done():
            self.wait()
        return self._under_way is None

    def begin(self, work: Callable[[], T]) -> None:
        """Begin a piece of work; there must be none under way."""
        if self._under_way is not None:
            raise ValueError("work: got a second piece, expected one at a time")
        self._under_way = self._worker().submit(work)

    def make(self, work: Callable[[], V]) -> V:
        """Do something in its thread, and wait for it: what it starts steps back too."""
        return self._worker().submit(work).result()

    def wait(self) -> None:
        """Wait for what is under way, and take it."""
        if self._under_way is not None:
            under_way, self._under_way = self._under_way, None
            self.newest = under_way.result()

    def _worker(self) -> ThreadPoolExecutor:
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, "cxanim-beside", _step_back)
        return self._thread

    def close(self) -> None:
        """End the thread; what is under way is lost."""
        if self._thread is not None:
            self._thread.shutdown(wait=True, cancel_futures=True)
        self._thread = self._under_way = None


def _step_back() -> None:
    share_cores()
    if sys.platform == "linux":  # elsewhere a process has one priority for all its threads
        with suppress(OSError):
            thread = threading.get_native_id()
            os.setpriority(os.PRIO_PROCESS, thread, min(19, os.getpriority(os.PRIO_PROCESS, thread) + _NICE))
