"""The desktop's way to a live puppet: a camera, a window with hotkeys, a recording, and a camera for other programs."""

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import numpy as np

from cxanim.errors import CxanimError
from cxanim.images import write_image
from cxanim.motion.expression import Expression
from cxanim.output import ensure_writable
from cxanim.pipelines.figure_puppet import AnyPuppet
from cxanim.pipelines.live import KEYS, LiveSettings
from cxanim.pipelines.live_figure import Lively, live_before
from cxanim.pipelines.live_loop import CameraFrame, LiveLoop
from cxanim.pipelines.live_screen import LiveRun, Screen
from cxanim.pipelines.machine import Machine
from cxanim.pipelines.watch import Watch
from cxanim.video import ensure_video_writable, open_video_writer
from cxanim.video.camera import Camera, VirtualCamera
from cxanim.video.window import Window

SHOWN_FPS = 30.0
_HOTKEYS = "c calibrate   f freeze   m mirror   s snapshot   q quit"
_FACES = "   ".join(f"{number} {name}" for number, name in enumerate(KEYS, start=1)) + "   0 none"
_HELD_S = 0.6  # a window tells of keys that go down, not of those that come up


class Screenlike(Protocol):
    """What shows pictures and takes keys: a `Window`, or a test."""

    def show(self, picture: np.ndarray, lines: tuple[str, ...] = ()) -> str:
        """Show a picture over some lines; return the key that was pressed."""
        ...

    @property
    def is_closed(self) -> bool:
        """Whether the person has closed it."""
        ...

    def close(self) -> None:
        """Take it away."""
        ...


def live_from_camera(
    puppet: AnyPuppet,
    settings: LiveSettings | None = None,
    machine: Machine | None = None,
    watch: Watch | None = None,
    *,
    camera: int = 0,
    output: Path | None = None,
    virtual_camera: bool = False,
    snapshots: Path = Path("."),
    open_window: Callable[[], Screenlike] = lambda: Window("cxanim"),
) -> LiveRun:
    """Let a puppet follow a camera until its window is closed, `q` is pressed or the watcher stops it.

    Args:
        puppet: who moves.
        settings: how the person moves the puppet.
        machine: where to compute.
        watch: who may stop it; what is recorded is kept.
        camera: its number.
        output: record what is shown here, .mp4, .webm or .gif; nothing is recorded if None.
        virtual_camera: also show it to other programs as a camera.
        snapshots: folder of the pictures that `s` keeps.
        open_window: makes the window.

    Raises:
        NoCamera, CannotWrite; CxanimError: no screen, or no virtual camera.
    """
    machine, watch = machine or Machine(), watch or Watch()
    if output is not None:
        ensure_video_writable(output)
    screen, size_px = Screen(puppet.still), puppet.size_px
    with ExitStack() as stack:
        seeing = stack.enter_context(Camera(camera))
        window = open_window()
        stack.callback(window.close)
        other = VirtualCamera(size_px, SHOWN_FPS) if virtual_camera else None
        if other is not None:
            stack.callback(other.close)
        writer = None
        if output is not None:
            writer = stack.enter_context(open_video_writer(output, size_px, size_px, SHOWN_FPS))
        live = live_before(puppet, settings, machine.prepare(), seeing.fps)
        live.prepare()
        loop = LiveLoop(live, screen.deliver, screen.fail)
        stack.callback(loop.close)
        eye = _Eye(seeing, loop)
        stack.callback(eye.close)
        keyboard, began_s, written, problem = Keyboard(live, snapshots), time.monotonic(), 0, None
        while not (watch.should_stop() or window.is_closed or keyboard.wants_to_quit or problem):
            try:
                picture = screen.picture(size_px)
                keyboard.press(window.show(picture, (screen.words(live.state), _HOTKEYS, _FACES)), picture)
                if other is not None:
                    other.send(picture)
                # What is recorded lasts as long as what happened, however slow the machine is.
                while writer is not None and written < (time.monotonic() - began_s) * SHOWN_FPS:
                    writer.write(picture)
                    written += 1
                problem = eye.problem
            except Exception as error:  # noqa: BLE001 - what is recorded is worth more
                problem = error
            time.sleep(1 / SHOWN_FPS - (time.monotonic() - began_s) % (1 / SHOWN_FPS))
        notes = keyboard.notes
        if problem is not None:
            if output is None or not written:
                raise problem
            notes += (f"It ended early: {problem}",)
        return screen.account(output, eye.frames, eye.frames / (time.monotonic() - began_s), notes)


class _Eye:
    """Gives a loop the frames of a camera, in a thread of its own."""

    def __init__(self, camera: Camera, loop: LiveLoop):
        self._camera, self._loop = camera, loop
        self.frames = 0
        self.problem: Exception | None = None
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._look, name="cxanim-live-camera", daemon=True)
        self._thread.start()

    def _look(self) -> None:
        while not self._ending.is_set():
            try:
                frame, time_s = self._camera.read()
            except Exception as error:  # noqa: BLE001 - a thread's error is its owner's
                self.problem = error
                return
            self._loop.offer(CameraFrame(self.frames, time_s, frame))
            self.frames += 1

    def close(self) -> None:
        self._ending.set()
        self._thread.join()


class Keyboard:
    """What the hotkeys do.

    Args:
        live: the puppet.
        snapshots: folder of the pictures that are kept.

    Attributes:
        wants_to_quit: whether the person has had enough.
        notes: which pictures were kept.
    """

    def __init__(self, live: Lively, snapshots: Path):
        self._live, self._snapshots = live, snapshots
        self.wants_to_quit = False
        self.notes: tuple[str, ...] = ()
        self._released_s = 0.0

    def press(self, key: str, picture: np.ndarray) -> None:
        """Do what a key says; a face is held for a moment after it.

        Args:
            key: a letter, a number, or nothing.
            picture: what is shown.
        """
        live = self._live
        if key.isdecimal() and 0 < int(key) <= len(KEYS):
            live.pressed = Expression.from_text(list(KEYS.values())[int(key) - 1])
            self._released_s = time.monotonic() + _HELD_S
        elif key == "0" or time.monotonic() > self._released_s:
            live.pressed = Expression()
        if key == "c":
            live.calibrate()
        elif key == "f":
            live.is_frozen = not live.is_frozen
        elif key == "m":
            live.settings = replace(live.settings, mirror=not live.settings.mirror)
        elif key == "s":
            self._keep(picture)
        elif key in ("q", "\x1b"):
            self.wants_to_quit = True

    def _keep(self, picture: np.ndarray) -> None:
        path = self._snapshots / time.strftime("cxanim-%Y%m%d-%H%M%S.png")
        try:
            ensure_writable(path)
            write_image(path, picture)
            self.notes += (f"Kept {path}.",)
        except CxanimError as error:
            self.notes += (str(error),)
