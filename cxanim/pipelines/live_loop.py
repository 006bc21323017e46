"""Two threads for one live puppet: one looks (decode, detect, retarget), one shows (warp, refine, encode).

General idea: while one frame is shown, the next is looked at, so that what counts is the slower of the two and not
their sum. A third thread, to warp, would only wait with the others for two cores and one interpreter, and every frame
with it (docs/log.md, 2026-11-30). Between the camera and the first, and between the two, there is room for one frame: a
newer one takes the place of one that still waits, and no queue grows. Whoever sent the frame that is left out is told.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

import numpy as np

from cxanim.errors import UnreadableImage
from cxanim.pipelines.live_figure import Lively
from cxanim.pipelines.machine import share_cores

T = TypeVar("T")
_AHEAD_S = 0.004  # so much too early a frame is looked at: whoever shows waits for none
_NEWER = 0.1  # share of the last time in what is usual


@dataclass(frozen=True)
class CameraFrame:
    """One frame on its way.

    Attributes:
        number: counted by whoever sends it.
        time_s: when it was taken, by the sender's clock.
        content: (H, W, 3) uint8 RGB, or what `decode` makes that of.
    """

    number: int
    time_s: float
    content: Any


@dataclass(frozen=True)
class Shown:
    """What became of a frame.

    Attributes:
        frame: which.
        picture: (S, S, 3) uint8 RGB, or what `encode` made of it; None where a newer frame took its place.
        state: what the puppet does, see `LivePuppet`.
        is_mirrored: whether it moves as a mirror would.
        stages_ms: how long each stage took.
    """

    frame: CameraFrame
    picture: Any = None
    state: str = ""
    is_mirrored: bool = False
    stages_ms: dict[str, float] = field(default_factory=dict)


class Newest(Generic[T]):
    """Room for one thing between two threads: a newer one takes its place."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: list[T] = []
        self._is_closed = False

    def put(self, thing: T) -> T | None:
        """Leave something; return what waited in its place, or the thing itself where nobody takes any more."""
        with self._changed:
            if self._is_closed:
                return thing
            replaced = self._waiting.pop() if self._waiting else None
            self._waiting.append(thing)
            self._changed.notify()
            return replaced

    def take(self) -> T | None:
        """Wait for the next thing; None when there will be none."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_closed)
            return None if self._is_closed else self._waiting.pop()

    def close(self) -> None:
        """Nothing is given or taken any more."""
        with self._changed:
            self._is_closed = True
            self._waiting.clear()
            self._changed.notify_all()


class LiveLoop:
    """Lets a live puppet follow frames that are offered, until it is closed.

    Args:
        live: the puppet, which then belongs to the loop; it is closed with it.
        deliver: is told what became of every frame; called from the loop's threads, must return soon and not close it.
        failed: is told when a thread ends by an error, likewise; no frame is begun after.
        decode: makes a frame's picture of its content; a frame for which it raises UnreadableImage is left out.
        encode: makes what is delivered of the picture.
    """

    def __init__(
        self,
        live: Lively,
        deliver: Callable[[Shown], None],
        failed: Callable[[Exception], None],
        decode: Callable[[Any], np.ndarray] = lambda content: content,
        encode: Callable[[np.ndarray], Any] = lambda picture: picture,
    ):
        self.live = live
        self._deliver, self._failed, self._decode, self._encode = deliver, failed, decode, encode
        self._frames: Newest[CameraFrame] = Newest()
        self._faces: Newest[tuple[Shown, Any]] = Newest()
        self._closing, self._has_shown = threading.Lock(), threading.Event()
        self._look_s, self._show_s = _Usual(), _Usual()
        self._shows_since_s: float | None = None
        self._threads = [
            threading.Thread(target=self._guarded, args=(work,), name=f"cxanim-live-{name}", daemon=True)
            for name, work in (("look", self._look), ("show", self._show))
        ]
        for thread in self._threads:
            thread.start()

    def offer(self, frame: CameraFrame) -> None:
        """Give the loop its next frame."""
        replaced = self._frames.put(frame)
        if replaced is not None:
            self._deliver(Shown(replaced))

    def close(self) -> None:
        """End the threads and free the puppet; what is under way is lost. More than one may ask for it."""
        self._end()
        with self._closing:
            for thread in self._threads:
                thread.join()
            self.live.close()

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - a thread's error is its owner's
            self._end()
            self._failed(error)

    def _end(self) -> None:
        self._has_shown.set()
        for room in (self._frames, self._faces):
            room.close()

    def _next_frame(self) -> CameraFrame | None:
        """The newest frame, at the moment from which on it can be looked at until the one before is shown.

        Looked at earlier it would wait and grow old. One that comes while what was seen in another still waits is
        looked at nevertheless, and takes its place.
        """
        since_s = self._shows_since_s
        if since_s is not None:
            early_s = since_s + self._show_s.usual - self._look_s.usual - _AHEAD_S - time.perf_counter()
            if early_s > 0:
                self._has_shown.wait(early_s)
        return self._frames.take()

    def _look(self) -> None:
        while (frame := self._next_frame()) is not None:
            began_s, watch = time.perf_counter(), Stopwatch()
            try:
                picture = watch.timed("decode", self._decode, frame.content)
            except UnreadableImage:
                self._deliver(Shown(frame))
                continue
            face = watch.timed("follow", self.live.follow, picture, frame.time_s)
            mirrored = self.live.settings.mirror
            found = Shown(frame, state=self.live.state, is_mirrored=mirrored, stages_ms=watch.stages_ms)
            replaced = self._faces.put((found, face))
            self._look_s.note(time.perf_counter() - began_s)
            if replaced is not None:
                self._deliver(replaced[0])

    def _show(self) -> None:
        share_cores()
        while (waiting := self._faces.take()) is not None:
            found, face = waiting
            self._has_shown.clear()
            self._shows_since_s = began_s = time.perf_counter()
            watch = Stopwatch(found.stages_ms)
            halfway = watch.timed("warp", self.live.begin, face)
            picture = watch.timed("refine", self.live.finish, halfway)
            content = watch.timed("encode", self._encode, picture)
            self._shows_since_s = None
            self._has_shown.set()
            self._show_s.note(time.perf_counter() - began_s)
            self._deliver(replace(found, picture=content))


class _Usual:
    """How long something usually takes, by its last times.

    Attributes:
        usual: in seconds; 0 before the first.
    """

    def __init__(self) -> None:
        self.usual = 0.0

    def note(self, took_s: float) -> None:
        """Tell how long it took this time."""
        self.usual += (_NEWER if self.usual else 1.0) * (took_s - self.usual)


class Stopwatch:
    """Notes how long stages take.

    Attributes:
        stages_ms: by name.
    """

    def __init__(self, stages_ms: dict[str, float] | None = None):
        self.stages_ms = {} if stages_ms is None else stages_ms

    def timed(self, name: str, work: Callable[..., T], *args: Any) -> T:
        """Do something and note its time."""
        began_s = time.perf_counter()
        done = work(*args)
        self.stages_ms[name] = 1000 * (time.perf_counter() - began_s)
        return done
