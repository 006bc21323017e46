"""What a network says of the pictures of a stream, where there is no time to ask it for each.

General idea: what a network changes, or sees, goes along with what it is on. So its newest answer is good for the
pictures that follow too, moved along; how, is the business of whoever asks.
"""

import time
from collections.abc import Callable
from typing import Generic, TypeVar

from cxanim.pipelines.beside import Beside

T = TypeVar("T")
V = TypeVar("V")


class Answers(Generic[T]):
    """The answers to the questions of one stream.

    Attributes:
        asks_every: at every so many pictures it is asked.
        waits: whether a picture that it is asked for waits for the answer. If not, every picture has the newest there
            is; which one that is depends on the machine.
        picture_ms: what a picture costs of the time for answering, by the last answer.
    """

    def __init__(self) -> None:
        self.asks_every, self.waits, self.picture_ms = 1, True, 0.0
        self._beside: Beside[T | None] = Beside()
        self._since = 0

    def newest(self, ask: Callable[[], T | None]) -> T | None:
        """The answer for the next picture, which may be an earlier one's.

        Args:
            ask: answers for this picture; None where there is nothing to ask.
        """

        waits, every = self.waits, self.asks_every  # another thread may change them

        def timed() -> T | None:
            began_s = time.perf_counter()
            answer = ask()
            self.picture_ms = 1000 * (time.perf_counter() - began_s) / every
            return answer

        beside = self._beside
        if waits:
            beside.wait()
        is_free = beside.is_free()
        self._since += 1
        if beside.newest is None or waits and self._since >= every:
            beside.newest = timed()
            self._since = 0
        elif is_free and self._since >= every:
            beside.begin(timed)
            self._since = 0
        return beside.newest

    def make(self, work: Callable[[], V]) -> V:
        """Make what questions are put to, so that its threads step back as the one that answers beside does."""
        return self._beside.make(work)

    def close(self) -> None:
        """End what is under way."""
        self._beside.close()
