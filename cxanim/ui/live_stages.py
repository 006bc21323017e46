"""The live puppets of visitors: one each, known to the visitor's page by a ticket, and freed when nobody is there."""

import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from cxanim.errors import Busy, CxanimError
from cxanim.images import decode_jpeg, encode_jpeg
from cxanim.motion.expression import Expression
from cxanim.pipelines.live import LivePuppet, LiveSettings
from cxanim.pipelines.live_loop import LiveLoop, Shown
from cxanim.pipelines.puppet import Puppet

MOST_CONNECTED = 4  # two share the cores fairly, four are slow, more would be of no use to anybody
MOST_KEPT = 16
MOST_FRAME_PIXELS, _JPEG_QUALITY = 1280 * 960, 85
COMMANDS = ("calibrate", "freeze", "press")


class Stage:
    """One visitor's puppet, with a camera before it or without.

    Args:
        puppet: who moves.
        settings: how.
        device: where its network runs.

    Attributes:
        ticket: by which the visitor's page is known; told to nobody else.
    """

    def __init__(self, puppet: Puppet, settings: LiveSettings, device: torch.device):
        self.ticket = secrets.token_urlsafe()
        self.puppet = puppet
        self._settings, self._device = settings, device
        self._live: LivePuppet | None = None
        self._loop: LiveLoop | None = None
        self._changing = threading.RLock()

    @property
    def is_connected(self) -> bool:
        """Whether a camera is before it."""
        return self._live is not None

    def change(self, settings: LiveSettings) -> None:
        """Move it in another way from the next frame on."""
        with self._changing:
            self._settings = settings
            if self._live is not None:
                self._live.settings = settings

    def command(self, name: str, value: Any) -> None:
        """Do what a button of the page says.

        Args:
            name: "calibrate"; "freeze", with true or false; "press", with sliders as text, empty to let go.

        Raises:
            BadSetting: sliders that are none.
            ValueError: no such command.
        """
        if name not in COMMANDS:
            raise ValueError(f"command: got {name!r}, expected one of {', '.join(COMMANDS)}")
        pressed = Expression.from_text(str(value)) if name == "press" else None
        with self._changing:
            if self._live is None:
                return
            if pressed is not None:
                self._live.pressed = pressed
            elif name == "freeze":
                self._live.is_frozen = bool(value)
            else:
                self._live.calibrate()

    def connect(self, deliver: Callable[[Shown], None], failed: Callable[[Exception], None]) -> LiveLoop:
        """Put a camera before it, instead of the one that was there."""
        live = LivePuppet(self.puppet, self._settings, self._device)
        live.show(self.puppet.neutral_face)
        loop = LiveLoop(live, deliver, failed, _decoded, _encoded)
        with self._changing:
            before, self._live, self._loop = (self._loop, self._live), live, loop
        _closed(*before)
        return loop

    def disconnect(self, loop: LiveLoop) -> None:
        """Take a camera away, and free what it needed."""
        with self._changing:
            if self._loop is loop:
                self._live = self._loop = None
        loop.close()

    def step(self, content: bytes, time_s: float) -> tuple[bytes, str]:
        """The slow road: a picture for one frame, and the state, in one call after the other.

        Raises:
            UnreadableImage: the frame is none.
        """
        with self._changing:
            if self._live is None or self._loop is not None:
                _closed(self._loop, self._live)
                self._live, self._loop = LivePuppet(self.puppet, self._settings, self._device), None
            live = self._live
            face = live.follow(_decoded(content), time_s)
            return _encoded(live.show(face)), live.state

    def close(self) -> None:
        """Free everything."""
        with self._changing:
            before, self._live, self._loop = (self._loop, self._live), None, None
        _closed(*before)


class Stages:
    """The stages of all visitors.

    Args:
        device: says where networks run, when it is first needed.
    """

    def __init__(self, device: Callable[[], torch.device]):
        self._device = device
        self._stages: OrderedDict[str, Stage] = OrderedDict()
        self._changing = threading.Lock()

    def open(self, visitor: str, puppet: Puppet, settings: LiveSettings) -> Stage:
        """A visitor's new puppet, instead of the one before."""
        stage = Stage(puppet, settings, self._device())
        with self._changing:
            before = [self._stages.pop(visitor)] if visitor in self._stages else []
            self._stages[visitor] = stage
            idle = [name for name, one in self._stages.items() if not one.is_connected and one is not stage]
            before += [self._stages.pop(name) for name in idle[: max(0, len(self._stages) - MOST_KEPT)]]
        for one in before:
            one.close()
        return stage

    def of_visitor(self, visitor: str) -> Stage | None:
        """The stage of a visitor."""
        with self._changing:
            return self._stages.get(visitor)

    def of(self, ticket: str) -> Stage:
        """The stage that a ticket is for.

        Raises:
            CxanimError: there is none any more.
            Busy: too many others have a camera before theirs.
        """
        with self._changing:
            stage = next((one for one in self._stages.values() if secrets.compare_digest(one.ticket, ticket)), None)
            connected = sum(one.is_connected for one in self._stages.values() if one is not stage)
        if stage is None:
            raise CxanimError("This puppet is no longer ready.", "Choose it again.")
        if connected >= MOST_CONNECTED:
            raise Busy(f"{connected} others are live already.", "Try again in a few minutes.")
        return stage

    def forget(self, visitor: str) -> None:
        """Let go of what a visitor had."""
        with self._changing:
            stage = self._stages.pop(visitor, None)
        if stage is not None:
            stage.close()


def _closed(loop: LiveLoop | None, live: LivePuppet | None) -> None:
    if loop is not None:
        loop.close()
    elif live is not None:
        live.close()


def _decoded(content: bytes) -> np.ndarray:
    return decode_jpeg(content, MOST_FRAME_PIXELS)


def _encoded(picture: np.ndarray) -> bytes:
    return encode_jpeg(picture, _JPEG_QUALITY)
