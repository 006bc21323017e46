"""The live puppets of visitors: one each, known to the visitor's page by a ticket, and freed when nobody is there."""

import math
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import torch

from cxanim.errors import Busy, CxanimError
from cxanim.motion.expression import Expression
from cxanim.pipelines.figure_puppet import AnyPuppet
from cxanim.pipelines.live import LiveSettings
from cxanim.pipelines.live_figure import Lively, live_before
from cxanim.pipelines.live_loop import LiveLoop, Shown
from cxanim.pipelines.pace import CAMERA_FPS
from cxanim.pipelines.puppet import Puppet
from cxanim.pipelines.render import Renderer
from cxanim.ui.live_frames import decoded, encoded

MOST_TAKEN = 4  # two share the cores fairly, four are slow, more would be of no use to anybody
MOST_KEPT = 16
COMMANDS = ("calibrate", "freeze", "press", "leave")
_FORGOTTEN_S = 10.0


class Stage:
    """One visitor's puppet, with a camera before it or without.

    Args:
        visitor: whose it is.
        puppet: who moves.
        settings: how.
        device: where its network runs.

    Attributes:
        ticket: by which the visitor's page is known; told to nobody else.
        visitor: the same.
        is_taken: whether a camera is before it, or about to be.
    """

    def __init__(self, visitor: str, puppet: AnyPuppet, settings: LiveSettings, device: torch.device):
        self.ticket = secrets.token_urlsafe()
        self.visitor, self.puppet = visitor, puppet
        self.is_taken = False
        self._settings, self._device = settings, device
        self._live: Lively | None = None
        self._loop: LiveLoop | None = None
        self._failed: Callable[[Exception], None] | None = None
        self._stepped_s = -math.inf
        self._changing = threading.RLock()

    @property
    def is_forgotten(self) -> bool:
        """Whether the page that took the slow road has sent nothing for some time."""
        return self._loop is None and self._live is not None and time.monotonic() - self._stepped_s > _FORGOTTEN_S

    def warm_up(self) -> None:
        """Do now what would take some seconds when the camera starts."""
        if self._settings.int8 and isinstance(self.puppet, Puppet):
            Renderer(self.puppet, self._device).quicken()

    def change(self, settings: LiveSettings) -> None:
        """Move it in another way from the next frame on."""
        with self._changing:
            self._settings = settings
            if self._live is not None:
                self._live.settings = settings

    def command(self, name: str, value: Any) -> None:
        """Do what a button of the page says.

        Args:
            name: "calibrate"; "freeze", with true or false; "press", with sliders as text, empty to let go; "leave",
                from the slow road.

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
            elif name == "calibrate":
                self._live.calibrate()
            elif self._loop is None:
                self.close()

    def connect(
        self, deliver: Callable[[Shown], None], failed: Callable[[Exception], None], camera_fps: float = CAMERA_FPS
    ) -> LiveLoop:
        """Put a camera before it, instead of the one that was there, which is told."""
        live = live_before(self.puppet, self._settings, self._device, camera_fps)
        live.prepare()
        loop = LiveLoop(live, deliver, failed, decoded, encoded)
        with self._changing:
            live.settings = self._settings
            self._let_go(CxanimError("This puppet is live in another place.", "Press Start to have it here."))
            self._live, self._loop, self._failed, self.is_taken = live, loop, failed, True
        return loop

    def disconnect(self, loop: LiveLoop) -> None:
        """Take a camera away, and free what it needed."""
        with self._changing:
            if self._loop is loop:
                self._live = self._loop = self._failed = None
                self.is_taken = False
        loop.close()

    def step(self, content: bytes, time_s: float) -> tuple[bytes, str, bool]:
        """The slow road: a picture for one frame, the state, and whether it is mirrored; one call after the other.

        What its camera gives is not asked: frames come as the road lets them.

        Raises:
            UnreadableImage: the frame is none.
        """
        with self._changing:
            if self._live is None or self._loop is not None:
                self._let_go(CxanimError("This puppet is live in another place.", "Press Start to have it here."))
                self._live = live_before(self.puppet, self._settings, self._device)
                self._live.prepare()
            live, self._stepped_s, self.is_taken = self._live, time.monotonic(), True
            face = live.follow(decoded(content), time_s)
            return encoded(live.show(face)), live.state, live.settings.mirror

    def close(self, *, is_told: bool = True) -> None:
        """Free everything.

        Args:
            is_told: whether the page before it is told to choose again; not where it gets another puppet just now.
        """
        with self._changing:
            self._let_go(CxanimError("This puppet is no longer ready.", "Choose it again.") if is_told else None)
            self.is_taken = False

    def _let_go(self, why: CxanimError | None) -> None:
        loop, live, failed = self._loop, self._live, self._failed
        self._loop = self._live = self._failed = None
        if failed is not None and why is not None:
            failed(why)
        if loop is not None:
            loop.close()
        elif live is not None:
            live.close()


class Stages:
    """The stages of all visitors.

    Args:
        device: says where networks run, when it is first needed.
    """

    def __init__(self, device: Callable[[], torch.device]):
        self._device = device
        self._stages: OrderedDict[str, Stage] = OrderedDict()
        self._turns: dict[str, int] = {}
        self._changing = threading.Lock()

    def turn(self, visitor: str) -> int:
        """The number of a visitor's choice, which is the newest one until they choose again."""
        with self._changing:
            self._turns[visitor] = self._turns.get(visitor, 0) + 1
            return self._turns[visitor]

    def open(self, visitor: str, puppet: AnyPuppet, settings: LiveSettings, turn: int | None = None) -> Stage | None:
        """A visitor's new puppet, instead of the one before, which plays until this one is ready.

        Args:
            visitor: whose.
            puppet: who.
            settings: how it moves.
            turn: of the choice; with it, nothing is opened and None comes back where the visitor has chosen again.
        """
        stage = Stage(visitor, puppet, settings, self._device())
        stage.warm_up()
        with self._changing:
            if turn is not None and turn != self._turns.get(visitor):
                return None
            before = self._stages.pop(visitor, None)
            self._stages[visitor] = stage
            idle = [name for name, one in self._stages.items() if not one.is_taken and one is not stage]
            old = [self._stages.pop(name) for name in idle[: max(0, len(self._stages) - MOST_KEPT)]]
        if before is not None:
            before.close(is_told=False)
        for one in old:
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
        """
        with self._changing:
            return self._find(ticket)

    def take(self, ticket: str) -> Stage:
        """The same, for a camera, which has a place from now on.

        Raises:
            CxanimError: there is none any more.
            Busy: too many others have a camera before theirs.
        """
        with self._changing:
            stage = self._find(ticket)
            others = [one for one in self._stages.values() if one is not stage and one.is_taken]
            forgotten = [one for one in others if one.is_forgotten]
            if len(others) - len(forgotten) >= MOST_TAKEN:
                raise Busy(f"{MOST_TAKEN} others are live already.", "Try again in a few minutes.")
            stage.is_taken = True
        for one in forgotten:
            one.close()
        return stage

    def _find(self, ticket: str) -> Stage:
        stage = next((one for one in self._stages.values() if secrets.compare_digest(one.ticket, ticket)), None)
        if stage is None:
            raise CxanimError("This puppet is no longer ready.", "Choose it again.")
        return stage

    def forget(self, visitor: str) -> None:
        """Let go of what a visitor had."""
        with self._changing:
            stage = self._stages.pop(visitor, None)
            self._turns.pop(visitor, None)
        if stage is not None:
            stage.close()
