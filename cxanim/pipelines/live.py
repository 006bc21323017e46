"""A puppet that follows one person as it happens: a frame of the camera in, the target's face and its picture out.

Nothing here waits, and nothing jumps: while a person is away the puppet relaxes, and comes along softly again when
they are back. What is relaxed in the driver is measured in the first seconds (`calibration.py`), and again whenever
that is wanted.
"""

import time
from dataclasses import dataclass, fields

import cv2
import numpy as np
import torch

from cxanim.motion.expression import Expression, ExpressionBasis
from cxanim.motion.retarget import Gains, Performance, Performer, Retargeting, still
from cxanim.motion.smooth import OneEuro
from cxanim.pipelines.calibration import Calibration
from cxanim.pipelines.follower import Follower
from cxanim.pipelines.pace import CAMERA_FPS, Pace, grades, network_grades
from cxanim.pipelines.puppet import Puppet
from cxanim.pipelines.render import Begun, Renderer
from cxanim.settings import setting

_HOLD_S, _LEAVE_S, COME_S = 0.25, 0.8, 0.35
_KEY_S = 0.15
LONGEST_STEP_S = 0.2  # a stream that paused is not calmed across the pause
# What a key or a button adds to what a person does, for as long as it is held.
KEYS = {
    "smile": "smile=1", "laugh": "smile=1,jaw=0.5,blink=0.3", "surprise": "brows=0.7,jaw=0.45,smile=-0.3,blink=-0.2",
    "wink": "blink_left=1,smile=0.2", "eyes shut": "blink=1", "frown": "frown=1,brows=-0.6", "kiss": "pucker=1",
}  # fmt: skip
_AT_REST = vars(Expression())
WAITING, CALIBRATING, FOLLOWING, FROZEN = "waiting", "calibrating", "following", "frozen"


@dataclass(frozen=True)
class LiveSettings(Gains):
    """How a person before a camera moves a puppet; all but size and int8 may change while it runs."""

    smoothing: float = setting(0.7, "how calm the motion is made; 0 keeps every tremble", low=0, high=4, step=0.1)
    mirror: bool = setting(True, "move as a mirror would: to the right of the picture when you go to your right")
    absolute: bool = setting(
        False, "take the turn of your head, your lids, gaze and gap of the lips as they are, not their change"
    )
    size: int = setting(
        256, "side of the pictures of a photo; a puppet has a size of its own", choices=(128, 256, 512), unit="px"
    )
    adapt: bool = setting(
        True,
        "where the machine is slow, show fewer pixels, or of a trained puppet fewer references at once, and ask its "
        "network for fewer frames, rather than show fewer pictures a second",
    )

    int8: bool = setting(
        True, "let a trained puppet's network answer in bytes, which is quicker, where the extra openvino is installed"
    )

    @property
    def gains(self) -> Gains:
        """The gains alone."""
        return Gains(*(getattr(self, knob.name) for knob in fields(Gains)))


@dataclass(frozen=True)
class Halfway:
    """A picture that waits for its second half.

    Attributes:
        renderer: what shows it.
        begun: what was made so far.
        took_s: how long that took.
    """

    renderer: Renderer
    begun: Begun
    took_s: float


class LivePuppet:
    """One puppet before one camera.

    `follow` sees the camera's frames in order. It is called by one thread at a time, so are `begin` and `finish`, at
    the same time or not; what is set or called besides may come from any.

    Args:
        puppet: who moves.
        settings: how.
        device: where its network runs.
        camera_fps: how many frames a second the camera says that it gives.

    Attributes:
        puppet: the same.
        settings: the same; a new one counts from the next frame on.
        pressed: sliders that are added to what the person does, for as long as they are set.
        is_frozen: whether the face stays as it is.
        state: "waiting" for a face, "calibrating", "following" or "frozen".
    """

    def __init__(
        self,
        puppet: Puppet,
        settings: LiveSettings | None = None,
        device: torch.device | None = None,
        camera_fps: float = CAMERA_FPS,
    ):
        self.puppet, self.settings = puppet, settings or LiveSettings()
        self.pressed = Expression()
        self.is_frozen = False
        self.state = WAITING
        self._device, self._pace = device, Pace(grades(puppet), camera_fps)
        self._network_pace = Pace(network_grades(puppet), camera_fps)
        self._renderers: dict[int, Renderer] = {}
        self._is_asked = False
        self._basis, self._performer = ExpressionBasis(puppet.neutral_face), Performer(puppet.neutral_face)
        self._keys = PressedKeys(self._basis)
        self._face = puppet.neutral_face
        self._follower: Follower | None = None
        self._mirrored: bool | None = None
        self._presence, self._calm = Presence(), OneEuro(self.settings.smoothing)
        self._calibration = Calibration(puppet.neutral_face)
        self._neutral: np.ndarray | None = None
        self._driver: np.ndarray | None = None
        self._retargeting: tuple[LiveSettings, Retargeting] | None = None
        self._time_s: float | None = None
        self._jumps = self._is_closed = False
        self._jump, self._jumped_s = np.zeros((478, 3), np.float32), -np.inf

    def _begin(self, mirrored: bool) -> Follower:
        """A follower to whom nobody is known yet; made in the thread that uses it."""
        if self._follower is not None:
            self._follower.close()
        self._follower, self._mirrored = Follower(), mirrored
        self._neutral = self._driver = self._retargeting = None
        self._jumps = True
        self._calm.reset()
        self._calibration = Calibration(None if self._is_asked else self.puppet.neutral_face)
        return self._follower

    def calibrate(self) -> None:
        """Measure the relaxed face anew, over the next second in which the person is seen, and no longer."""
        self._is_asked = True
        self._calibration = Calibration()

    def follow(self, frame: np.ndarray, time_s: float) -> np.ndarray:
        """The target's face (478, 3) for the camera's next frame.

        Args:
            frame: (H, W, 3) uint8 RGB, as the camera sees it: not mirrored.
            time_s: when it was taken, by any clock that does not go back.
        """
        if self._is_closed:
            raise ValueError("frame: got one after the end")
        settings = self.settings
        step_s = 0.0 if self._time_s is None else time_s - self._time_s
        self._time_s = time_s
        seen = self._seen(cv2.flip(frame, 1) if settings.mirror else frame, step_s, settings)
        self._measure_neutral(seen, time_s)
        self.state = self._state_with(seen)
        if self.is_frozen:
            self._jumps = True
            return self._face
        share = self._presence.next(seen is not None and self._neutral is not None, time_s)
        added = self._keys.next(self.pressed, step_s)
        if self._driver is None or self._neutral is None:
            share = 0.0
        if share < 1:
            face = self._performer.face(still(), added=added)
        if share > 0 and self._driver is not None:
            tracked = self._retargeted(settings).face(self._driver, added)
            face = tracked if share == 1 else (face + share * (tracked - face)).astype(np.float32)
        self._face = self._without_a_jump(face, time_s)
        return self._face

    def show(self, face: np.ndarray) -> np.ndarray:
        """The picture (S, S, 3) uint8 of a face; not to be written to. S is smaller where the machine is slow."""
        return self.finish(self.begin(face))

    def begin(self, face: np.ndarray) -> "Halfway":
        """The first half of `show`."""
        renderer = self._renderer()
        began_s = time.perf_counter()
        begun = renderer.begin(face)
        return Halfway(renderer, begun, time.perf_counter() - began_s)

    def finish(self, halfway: "Halfway") -> np.ndarray:
        """The second half."""
        began_s = time.perf_counter()
        picture = halfway.renderer.finish(halfway.begun)
        now_s = time.perf_counter()
        if self.settings.adapt:
            answers = halfway.renderer.answers
            waited_ms = answers.picture_ms if self.puppet.is_trained and answers.waits else 0.0
            # A slow network takes no reference away; who waits for it has what is left by the warp.
            own_ms = 1000 * halfway.took_s + max(0.0, 1000 * (now_s - began_s) - waited_ms)
            self._pace.note(own_ms, now_s)
            if self.puppet.is_trained:
                self._network_pace.note(own_ms + waited_ms if answers.waits else answers.picture_ms, now_s)
        return picture[..., :3]

    def prepare(self) -> None:
        """Make ready what the first pictures would wait for: some seconds for a puppet of many references."""
        renderer = self._renderer()
        for number in range(len(self.puppet.references)):
            renderer.warp(number)
        if self.settings.int8:
            renderer.quicken()
        renderer.show(self.puppet.neutral_face)

    def _renderer(self) -> Renderer:
        """What shows pictures as finely as the machine can keep up with."""
        grade = self._pace.grade if self.settings.adapt else self._pace.finest
        size_px = grade.size_px
        if size_px not in self._renderers:
            puppet = self.puppet if size_px == self.puppet.size_px else self.puppet.resized(size_px)
            self._renderers[size_px] = Renderer(puppet, self._device)
            self._renderers[size_px].show(puppet.neutral_face)  # the first picture takes longer than the others
        often = self._network_pace.grade if self.settings.adapt else self._network_pace.finest
        renderer = self._renderers[size_px]
        renderer.retrieval.most = grade.most_blended
        renderer.answers.asks_every, renderer.answers.waits = often.asks_every, often.asks_every == 1
        return renderer

    def close(self) -> None:
        """Free the detector, and end what runs beside."""
        self._is_closed = True
        follower, self._follower = self._follower, None
        if follower is not None:
            follower.close()
        for renderer in self._renderers.values():
            renderer.close()

    def _seen(self, view: np.ndarray, step_s: float, settings: LiveSettings) -> np.ndarray | None:
        """The driver's face, calmed."""
        follower = self._follower
        if follower is None or settings.mirror != self._mirrored:
            follower = self._begin(settings.mirror)
        face = follower.next(view).face
        if face is None or not 0 < step_s < LONGEST_STEP_S:
            self._calm.reset()
        if face is None:
            return None
        self._calm.strength = settings.smoothing
        self._driver = self._calm(face, max(step_s, 1e-3))
        return self._driver

    def _measure_neutral(self, seen: np.ndarray | None, time_s: float) -> None:
        if seen is None:
            return
        neutral = self._calibration.next(seen, time_s)
        if neutral is not None:
            self._neutral, self._retargeting, self._jumps = neutral, None, True

    def _without_a_jump(self, face: np.ndarray, time_s: float) -> np.ndarray:
        """The face, softly come to where another neutral face, or a pause that is over, would put it at once."""
        if self._jumps:
            self._jump, self._jumped_s, self._jumps = self._face - face, time_s, False
        left = 1 - soft(min(1.0, max(0.0, (time_s - self._jumped_s) / COME_S)))
        return face if left == 0 else face + np.float32(left) * self._jump

    def _state_with(self, seen: np.ndarray | None) -> str:
        if self.is_frozen:
            return FROZEN
        if seen is None:
            return WAITING
        return CALIBRATING if self._calibration.is_measuring else FOLLOWING

    def _retargeted(self, settings: LiveSettings) -> Retargeting:
        if self._retargeting is None or self._retargeting[0] != settings:
            own, target = self._neutral, self.puppet.neutral_face
            assert own is not None  # noqa: S101 - asked for only where there is one
            self._retargeting = settings, Retargeting(own, target, settings.gains, absolute=settings.absolute)
        return self._retargeting[1]


class PressedKeys:
    """What the pressed keys add; sliders move there and back in a moment, not at once.

    Args:
        basis: of the target's face.
    """

    def __init__(self, basis: ExpressionBasis):
        self._basis, self._now = basis, dict(_AT_REST)

    def next(self, pressed: Expression, step_s: float) -> Performance | None:
        """What the face does besides, so much later; None where that is nothing."""
        wanted, way = vars(pressed), min(1.0, step_s / _KEY_S)
        for name, value in self._now.items():
            value += way * (wanted[name] - value)
            self._now[name] = wanted[name] if abs(value - wanted[name]) < 0.01 else value
        return None if self._now == _AT_REST else self._basis.performance(Expression(**self._now))


class Presence:
    """How much of a driver arrives: all of them while they are seen, nothing some time after, and softly between."""

    def __init__(self) -> None:
        self._share, self._time_s, self._seen_s = 0.0, -np.inf, -np.inf

    def next(self, is_seen: bool, time_s: float) -> float:
        """The share in [0, 1] at a time."""
        step_s = 0.0 if self._time_s == -np.inf else max(0.0, time_s - self._time_s)
        self._time_s = time_s
        if is_seen:
            self._seen_s = time_s
            self._share = min(1.0, self._share + step_s / COME_S)
        elif time_s - self._seen_s > _HOLD_S:
            self._share = max(0.0, self._share - step_s / _LEAVE_S)
        return soft(self._share)


def soft(share: float) -> float:
    """A share in [0, 1] that begins and ends without speed."""
    return share * share * (3 - 2 * share)
