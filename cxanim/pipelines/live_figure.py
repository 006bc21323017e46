"""A whole figure that follows one person as it happens: upper body, hands and face, or all of it where it is seen.

General idea: the search for a body, hands and face takes as long as two frames of a camera last. It looks at every
second frame, or where that takes longer at as many as it can, and goes on for a frame as the last two looks say.
Lengths of the driver are measured in the first second, with the arms hanging down, and again whenever that is wanted.
"""

import time
from dataclasses import dataclass
from typing import Any, Protocol

import cv2
import numpy as np
import torch

from cxanim.errors import NoFigure
from cxanim.motion.body_build import Filmed
from cxanim.motion.body_retarget import BodyRetarget
from cxanim.motion.detect import Detector
from cxanim.motion.expression import Expression, ExpressionBasis
from cxanim.motion.figure_retarget import HandsAndFace
from cxanim.motion.hand_alone import HandAlone
from cxanim.motion.pose import Pose
from cxanim.motion.retarget import most_neutral
from cxanim.motion.skeleton import HIPS, JOINTS, depths_of, joints_of, shows_a_figure
from cxanim.motion.smooth import OneEuro
from cxanim.pipelines.answers import Answers
from cxanim.pipelines.calibration import CALIBRATION_S
from cxanim.pipelines.figure_puppet import AnyPuppet, FigurePuppet
from cxanim.pipelines.figure_render import FigureRenderer
from cxanim.pipelines.live import (
    CALIBRATING,
    COME_S,
    FOLLOWING,
    FROZEN,
    LONGEST_STEP_S,
    WAITING,
    LivePuppet,
    LiveSettings,
    PressedKeys,
    soft,
)
from cxanim.pipelines.pace import CAMERA_FPS, Pace, counted_fps, network_grades

_LOOKS_EVERY = 2
# Of the way that the last two looks foretell so much is gone a thirtieth of a second later, and the less the later,
# down to nothing: what dancers do a tenth of a second later is better told by where they were
# (docs/log.md, 2026-11-29).
_GONE, _FADES_S = 0.5, 0.1
# A frame waits for a look so long, and where each is looked at for so much of the time between two at least; the share
# of that for which it does so again.
_LONGEST_LOOK_MS, _OF_A_FRAME, _SURELY = 40.0, 0.6, 0.75
_PAUSE_S = 0.5  # what was seen before such a one foretells nothing, however slow looks are
_FORETOLD_S = 0.08  # between two frames at most, or each is worth a look
_HOLD_S = 0.25  # for which somebody who is not seen is taken to stand as before
_SHORTEST_STEP_S = 1 / 60  # times are of when a frame was read: two may be read at once, and some clocks are coarse
_PARTS = ("face", "body", "left_hand", "right_hand")


class Lively(Protocol):
    """What a loop needs of a live puppet, see `LivePuppet`."""

    settings: LiveSettings
    pressed: Expression
    is_frozen: bool
    state: str

    def follow(self, frame: np.ndarray, time_s: float) -> Any:
        """What the target does for the camera's next frame."""

    def begin(self, doing: Any) -> Any:
        """The first half of its picture."""

    def finish(self, begun: Any) -> np.ndarray:
        """The second half."""

    def show(self, doing: Any) -> np.ndarray:
        """Both."""

    def prepare(self) -> None:
        """Make ready what the first pictures would wait for."""

    def calibrate(self) -> None:
        """Measure the driver anew."""

    def close(self) -> None:
        """Free the detector."""


def live_before(
    puppet: AnyPuppet, settings: LiveSettings | None, device: torch.device | None, camera_fps: float = CAMERA_FPS
) -> Lively:
    """A puppet of either kind before a camera."""
    if isinstance(puppet, FigurePuppet):
        return LiveFigure(puppet, settings, device, camera_fps)
    return LivePuppet(puppet, settings, device, camera_fps)


@dataclass(frozen=True)
class BegunFigure:
    """A picture that waits for its second half.

    Attributes:
        pose: what it is to show.
        seen: (S, S, 4) what the warp shows, and where it may be refined.
    """

    pose: Pose
    seen: np.ndarray


class LiveFigure:
    """One figure before one camera; as with `LivePuppet`, one thread may call `follow` and another the rest.

    Args:
        puppet: who moves.
        settings: how. Pictures have the puppet's own size, and its networks answer in floats.
        device: where its networks run.
        camera_fps: how many frames a second the camera says that it gives.

    Attributes:
        puppet, settings, pressed, is_frozen, state: as of `LivePuppet`.
    """

    def __init__(
        self,
        puppet: FigurePuppet,
        settings: LiveSettings | None = None,
        device: torch.device | None = None,
        camera_fps: float = CAMERA_FPS,
    ):
        self.puppet, self.settings = puppet, settings or LiveSettings()
        self.pressed, self.is_frozen, self.state = Expression(), False, WAITING
        self._renderer, self._network_pace = FigureRenderer(puppet, device), Pace(network_grades(puppet), camera_fps)
        faces = puppet.faces
        self._neutral_face = faces[most_neutral(faces)] if faces else None
        self._keys = None if self._neutral_face is None else PressedKeys(ExpressionBasis(self._neutral_face))
        self._pose = puppet.rest.pose
        self._eyes = _Eyes(camera_fps)
        self._seconds: list[tuple[float, Pose]] | None = []
        self._retarget: tuple[BodyRetarget, Filmed] | None = None
        self._room = puppet.room()
        self._driver_face: np.ndarray | None = None
        self._rest_of_it: tuple[LiveSettings, HandsAndFace] | None = None
        self._last: tuple[np.ndarray, np.ndarray] | None = None
        self._placed: np.ndarray | None = None
        self._jump, self._jumped_s, self._jumps = np.zeros((JOINTS, 3)), -np.inf, False
        self._seen_s = self._moved_s = self._time_s = self._shown_s = -np.inf

    def calibrate(self) -> None:
        """Measure the driver's lengths and relaxed face anew, over the next second in which they are seen."""
        self._seconds = []

    def follow(self, frame: np.ndarray, time_s: float) -> Pose:
        """What the figure does for the camera's next frame (H, W, 3), as the camera sees it; see `LivePuppet`."""
        settings, step_s = self.settings, min(time_s - self._time_s, LONGEST_STEP_S)
        self._time_s = time_s
        pose = self._eyes.look(frame, time_s, settings)
        self._measure(pose, time_s)
        self.state = self._state_with(pose)
        if self.is_frozen:
            self._jumps = True
            return self._pose
        if self._retarget is None or self._last is None and pose.body is None:
            return self._pose
        placed, size = self._moved(pose, time_s)
        added = self._keys.next(self.pressed, step_s) if self._keys is not None else None
        self._placed = self._without_a_jump(placed, time_s)
        self._pose = self._complete(settings).on(pose, self._placed, size, step_s, added)
        return self._pose

    def begin(self, doing: Pose) -> BegunFigure:
        """The first half of a pose's picture."""
        now_s = time.perf_counter()
        # Where pictures are fewer than a common camera's frames references give way in time: two at once take longer.
        frames = max(1.0, CAMERA_FPS * (now_s - self._shown_s))
        self._shown_s = now_s
        return BegunFigure(doing, self._renderer.begin(doing, frames))

    def finish(self, begun: BegunFigure) -> np.ndarray:
        """The second half, (S, S, 3) uint8."""
        answers = self._renderer.answers
        often = self._network_pace.grade if self.settings.adapt else self._network_pace.finest
        answers.asks_every, answers.waits = often.asks_every, often.asks_every == 1
        picture = self._renderer.finish(begun.pose, begun.seen)
        if self.settings.adapt:
            self._network_pace.note(answers.picture_ms, time.perf_counter())
        return self.puppet.boxed(picture)

    def show(self, doing: Pose) -> np.ndarray:
        """Both halves."""
        return self.finish(self.begin(doing))

    def prepare(self) -> None:
        """Make ready what the first pictures would wait for: some seconds for a puppet of many references."""
        for reference in self.puppet.references:
            self._renderer.begin(reference.pose)
        self.show(self.puppet.rest.pose)
        self._eyes.prepare(self.settings)

    def close(self) -> None:
        """Free the detector, and end what runs beside."""
        self._eyes.close()
        self._renderer.close()

    def _measure(self, pose: Pose, time_s: float) -> None:
        """Take one more frame of the second in which the driver is measured."""
        seconds = self._seconds  # another thread may begin a new one
        if seconds is None or pose.body is None:
            return
        seconds.append((time_s, pose))
        times_s, poses = zip(*seconds, strict=True)
        if time_s - times_s[0] < CALIBRATION_S:
            return
        bodies = np.stack([pose.need_body() for pose in poses])
        joints, visibility = joints_of(bodies)
        fps = 1 / max(float(np.median(np.diff(times_s))), _SHORTEST_STEP_S)
        filmed = Filmed.of(joints, visibility, fps)
        try:
            retarget = BodyRetarget(
                filmed.build, joints_of(self.puppet.rest.body)[0], self.puppet.build, joints.mean(0), fps
            )
        except NoFigure:  # too little of the driver was seen: the next second may show more
            self._seconds = []
            return
        if self._seconds is seconds:
            self._seconds = None
        faces = [pose.face for pose in poses if pose.face is not None]
        self._driver_face = np.mean(faces, axis=0).astype(np.float32) if faces else None
        self._retarget, self._rest_of_it, self._jumps = (retarget, filmed), None, True
        self._room = self.puppet.room()

    def _moved(self, pose: Pose, time_s: float) -> tuple[np.ndarray, float]:
        """Where the figure's joints are to be, (35, 3) with their depth, and how large the driver is seen."""
        if self._retarget is None:
            raise ValueError("driver: got one who was not measured")
        worker, filmed = self._retarget
        size, floor = float(np.median(filmed.sizes)), float(np.median(filmed.floors))
        if pose.body is not None:
            joints, visibility = joints_of(pose.body)
            depths = depths_of(pose.body) / (size * filmed.build.trunk)
            self._jumps = self._jumps or time_s - self._seen_s > _HOLD_S
            self._last, self._seen_s = (joints, depths), time_s
        else:
            joints, depths = self._last if self._last is not None else (np.zeros((JOINTS, 2)), np.zeros(JOINTS))
            held = time_s - self._seen_s <= _HOLD_S
            visibility = np.full(JOINTS, float(held))  # limbs that are not seen fall back to rest
        step_s, self._moved_s = max(time_s - self._moved_s, _SHORTEST_STEP_S), time_s
        moved = worker.next(joints, visibility, size, floor, step_s)
        self._room.note(float(moved[HIPS, 0]), min(step_s, LONGEST_STEP_S))
        return np.column_stack([self._room.kept(moved), depths]), size

    def _complete(self, settings: LiveSettings) -> HandsAndFace:
        if self._rest_of_it is None or self._rest_of_it[0] != settings:
            if self._retarget is None:
                raise ValueError("driver: got one who was not measured")
            made = HandsAndFace(
                self._retarget[1].build, self.puppet.build, self._driver_face, self._neutral_face, settings.gains
            )
            self._rest_of_it = settings, made
        return self._rest_of_it[1]

    def _without_a_jump(self, placed: np.ndarray, time_s: float) -> np.ndarray:
        """The joints, softly come to where somebody who is back, or measured anew, would put them at once."""
        if self._jumps and self._placed is not None:
            self._jump, self._jumped_s = self._placed - placed, time_s
        self._jumps = False
        left = 1 - soft(min(1.0, max(0.0, (time_s - self._jumped_s) / COME_S)))
        return placed + left * self._jump

    def _state_with(self, pose: Pose) -> str:
        if self.is_frozen:
            return FROZEN
        if pose.body is None:
            return WAITING
        return FOLLOWING if self._seconds is None else CALIBRATING


class _Eyes:
    """Sees a driver in the frames of a camera: looks at every second one, and foretells the one after.

    Where nobody is seen, or frames come seldom, it looks at each. A look that takes long is not waited for: frames
    are told by the newest look there is, for a moment by where it leads, then by where it was.

    Args:
        camera_fps: how many frames a second the camera says that it gives.
    """

    def __init__(self, camera_fps: float) -> None:
        self._longest_look_ms = max(_LONGEST_LOOK_MS, 1000 * _OF_A_FRAME / counted_fps(camera_fps))
        self._detector: Detector | None = None
        self._hand_alone = HandAlone()
        self._mirrored = False
        self._seen: Answers[tuple[float, Pose]] = Answers()
        self._looks: list[tuple[float, Pose]] = []
        self._calm: dict[str, OneEuro] = {}
        self._time_s, self._look_ms = -np.inf, 0.0

    def prepare(self, settings: LiveSettings) -> None:
        """Load the networks, which takes a second, and let them see something."""
        detector, dark = self._ready(settings), np.zeros((128, 128, 3), np.uint8)
        self._seen.make(lambda: detector.detect(dark))
        self._seen.make(self._hand_alone.prepare)

    def look(self, frame: np.ndarray, time_s: float, settings: LiveSettings) -> Pose:
        """The pose in a frame, calmed; without a body where nobody is seen."""
        detector, seen, hand_alone = self._ready(settings), self._seen, self._hand_alone
        step_s, self._time_s = time_s - self._time_s, time_s

        def look() -> tuple[float, Pose]:
            began_s = time.perf_counter()
            view = cv2.flip(frame, 1) if settings.mirror else frame
            found = detector.detect(view)
            self._look_ms = 1000 * (time.perf_counter() - began_s)
            is_figure = found.body is not None and shows_a_figure(found.body) and not hand_alone.is_in(view, found)
            return time_s, found if is_figure else Pose()

        is_somebody_there = bool(self._looks) and self._looks[-1][1].body is not None
        seen.asks_every = _LOOKS_EVERY if is_somebody_there and step_s < _FORETOLD_S else 1
        longest_ms = self._longest_look_ms * (1 if seen.waits else _SURELY)
        seen.waits = step_s > _PAUSE_S or not settings.adapt or self._look_ms < longest_ms
        newest = seen.newest(look)
        if newest is not None and (not self._looks or newest[0] > self._looks[-1][0]):
            self._looks = [*self._looks[-1:], newest]
        return self._calmed(self._foretold(time_s), step_s, settings.smoothing)

    def _ready(self, settings: LiveSettings) -> Detector:
        if self._detector is None or settings.mirror != self._mirrored:
            self.close()
            self._detector, self._mirrored = self._seen.make(lambda: Detector("body")), settings.mirror
        return self._detector

    def close(self) -> None:
        """Free the networks, and forget who was seen."""
        self._seen.close()
        if self._detector is not None:
            self._detector.close()
        self._hand_alone.close()
        self._detector, self._seen, self._looks, self._calm = None, Answers(), [], {}

    def _foretold(self, time_s: float) -> Pose:
        """Where the last two looks say that a body is now; hands and face go along whole, so that none is torn."""
        last_s, last = self._looks[-1]
        if len(self._looks) < 2 or time_s == last_s:
            return last
        before_s, before = self._looks[0]
        gone = _GONE * np.clip(1 - (time_s - last_s - 1 / CAMERA_FPS) / _FADES_S, 0, 1)
        if last.body is None or before.body is None or gone == 0:
            return last
        share = np.float32(gone * min(1.0, (time_s - last_s) / (last_s - before_s)))
        parts = {}
        for name in _PARTS:
            one, other = getattr(before, name), getattr(last, name)
            parts[name] = other
            if one is not None and other is not None:
                way = other - one
                parts[name] = other + share * (way if name == "body" else way.mean(0))
        parts["body"][:, 3] = last.body[:, 3]
        return Pose(**parts)

    def _calmed(self, pose: Pose, step_s: float, strength: float) -> Pose:
        calm = {}
        for name in _PARTS:
            points = getattr(pose, name)
            if points is None or not 0 < step_s < LONGEST_STEP_S:
                self._calm.pop(name, None)
            if points is not None:
                euro = self._calm.setdefault(name, OneEuro(strength))
                euro.strength = strength
                points = euro(points, max(step_s, 1e-3))
            calm[name] = points
        return Pose(**calm)
