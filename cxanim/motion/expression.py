"""A small hand-made basis of expressions: sliders that move the points of any face in its own proportions.

General idea: each slider pulls a few anchor points of the neutral face in the head's own axes, and the skin round them
follows with a Gaussian falloff. Lids and lips are left to the ratios of `ratios.py`, so that a blink shuts any eye.
"""

from dataclasses import asdict, dataclass

import numpy as np

from cxanim.errors import BadSetting
from cxanim.motion import landmarks as lm
from cxanim.motion.head import head_axes, head_centre, rotation_from_angles
from cxanim.motion.pose import eye_distance
from cxanim.motion.retarget import Performance
from cxanim.settings import Knob, Settings, knobs, setting

_OPENED_BY_JAW, _OPENED_BY_LIPS = 0.42, 0.15  # widening of the mouth, in eye distances
_PRESSED = 0.25  # more than any mouth that shows its teeth at rest is open


def _slider(help: str, low: float, high: float, label: str, default: float = 0.0, step: float = 0.01) -> float:
    slider: float = setting(default, help, low=low, high=high, step=step, label=label)
    return slider


@dataclass(frozen=True)
class Expression(Settings):
    """Positions of all sliders, each within its range; the defaults are the neutral face.

    Convention: turns of the head have the signs of `head.py`; right and down are those of an unmirrored picture, in
    eye distances for the head and in halves of what eyes can do for the gaze; left and right of a name are the
    subject's own. A slider for both sides adds to those of each side.
    """

    yaw_deg: float = _slider("turns the head to its own left (right in the picture)", -25, 25, "Yaw", step=0.5)
    pitch_deg: float = _slider("lifts the chin, or lowers it", -20, 20, "Pitch", step=0.5)
    roll_deg: float = _slider("tilts the head to its own left shoulder", -30, 30, "Roll", step=0.5)
    right: float = _slider("moves the head to the right of the picture", -0.4, 0.4, "X")
    down: float = _slider("moves the head down in the picture", -0.4, 0.4, "Y")
    scale: float = _slider("brings the head nearer, or takes it further away", 0.85, 1.2, "Scale", default=1.0)
    blink: float = _slider("shuts both eyes, or opens them wider", -0.5, 1, "Both eyes")
    blink_left: float = _slider("shuts the left eye, or opens it wider", -0.5, 1, "Left eye")
    blink_right: float = _slider("shuts the right eye, or opens it wider", -0.5, 1, "Right eye")
    gaze_right: float = _slider("turns the eyes to the right of the picture", -1, 1, "Gaze x")
    gaze_down: float = _slider("turns the eyes down", -1, 1, "Gaze y")
    brows: float = _slider("raises both brows, or lowers them", -1, 1, "Both brows")
    brow_left: float = _slider("raises the left brow, or lowers it", -1, 1, "Left brow")
    brow_right: float = _slider("raises the right brow, or lowers it", -1, 1, "Right brow")
    frown: float = _slider("draws the brows together", 0, 1, "Frown")
    jaw: float = _slider("opens the mouth", 0, 1, "Jaw")
    smile: float = _slider("draws the corners of the mouth up and out, or down", -1, 1, "Smile")
    pucker: float = _slider("purses the lips", 0, 1, "Pucker")
    lips: float = _slider("parts the lips over shut teeth, or presses them together", -1, 1, "Lips")

    def changed(self) -> dict[str, float]:
        """The sliders that are not where the neutral face has them."""
        return {name: value for name, value in asdict(self).items() if value != SLIDERS[name].default}

    @classmethod
    def clamped(cls, **values: float) -> "Expression":
        """Sliders where they are asked to be, each as far as it goes."""
        return cls(**{name: float(np.clip(value, *RANGES[name])) for name, value in values.items()})

    def to_text(self) -> str:
        """The changed sliders as `from_text` reads them: "smile=0.3,yaw_deg=5"."""
        return ",".join(f"{name}={value:.4g}" for name, value in self.changed().items())

    @classmethod
    def from_text(cls, text: str) -> "Expression":
        """Read sliders as a person writes them, "smile=0.3, yaw_deg=5"; those that are not named stay neutral.

        Raises:
            BadSetting: no such slider, one named twice, no number, or one out of range.
        """
        values: dict[str, str] = {}
        for part in filter(None, (part.strip() for part in text.split(","))):
            name, equals, value = (piece.strip() for piece in part.partition("="))
            if not equals or name in values:
                raise BadSetting(f"sliders: got {part!r}, expected each once, as in smile=0.3,yaw_deg=5.")
            values[name] = value
        return cls.from_dict(values)


SLIDERS: dict[str, Knob] = {knob.name: knob for knob in knobs(Expression)}
RANGES: dict[str, tuple[float, float]] = {name: (knob.low or 0.0, knob.high or 0.0) for name, knob in SLIDERS.items()}
GROUPS = {
    "head": ("yaw_deg", "pitch_deg", "roll_deg", "right", "down", "scale"),
    "eyes": ("blink", "blink_right", "blink_left", "gaze_right", "gaze_down"),
    "brows": ("brows", "frown", "brow_right", "brow_left"),
    "mouth": ("jaw", "smile", "pucker", "lips"),
}


class ExpressionBasis:
    """The sliders made ready for one face.

    Args:
        neutral: (478, 3) face that the sliders will move.
    """

    def __init__(self, neutral: np.ndarray):
        unit = eye_distance(neutral)
        self._points = (np.asarray(neutral, dtype=np.float64) - head_centre(neutral)) @ head_axes(neutral) / unit
        self._jaw = self._jaw_pull()
        self._smile = (
            self._pull((61, 185, 146), (-0.13, -0.13, 0.05), 0.30)
            + self._pull((291, 409, 375), (0.13, -0.13, 0.05), 0.30)
            + self._pull((205, 50), (-0.02, -0.06, -0.03), 0.28)
            + self._pull((425, 280), (0.02, -0.06, -0.03), 0.28)
        )
        # Corners that drop take the mouth no narrower, and draw the chin up a little.
        self._sad = (
            self._pull((61, 185, 146), (-0.01, 0.09, 0.03), 0.24)
            + self._pull((291, 409, 375), (0.01, 0.09, 0.03), 0.24)
            + self._pull((17, 18, 200), (0.0, -0.03, 0.0), 0.2)
        )
        self._pucker = (
            self._pull((61, 185, 146), (0.165, 0.0, -0.04), 0.24)
            + self._pull((291, 409, 375), (-0.165, 0.0, -0.04), 0.24)
            + self._pull((0, 37, 267), (0.0, -0.025, -0.12), 0.16)
            + self._pull((17, 84, 314), (0.0, 0.025, -0.12), 0.16)
        )
        self._brow_left = self._pull(lm.LEFT_BROW, (0.0, -0.17, 0.0), 0.28)
        self._brow_right = self._pull(lm.RIGHT_BROW, (0.0, -0.17, 0.0), 0.28)
        self._parted, self._pressed = self._lips()
        self._frown = self._pull((107, 55), (0.08, 0.08, 0.0), 0.22) + self._pull((336, 285), (-0.08, 0.08, 0.0), 0.22)
        irises = np.zeros((lm.FACE_POINTS, 1))
        irises[list(lm.RIGHT_IRIS + lm.LEFT_IRIS)] = 1.0
        self._gaze_right, self._gaze_down = irises * (0.11, 0.0, 0.0), irises * (0.0, 0.06, 0.0)

    def performance(self, e: Expression) -> Performance:
        """What the sliders ask of the face."""
        parted, pressed = max(e.lips, 0.0), max(-e.lips, 0.0)
        offsets = (
            e.jaw * self._jaw
            + max(e.smile, 0.0) * self._smile
            + max(-e.smile, 0.0) * self._sad
            + e.pucker * self._pucker
            + parted * self._parted
            + pressed * self._pressed
            + np.clip(e.brows + e.brow_left, -1, 1) * self._brow_left
            + np.clip(e.brows + e.brow_right, -1, 1) * self._brow_right
            + e.frown * self._frown
            + e.gaze_right * self._gaze_right
            + e.gaze_down * self._gaze_down
        )
        squint = 0.15 * max(e.smile, 0.0)
        closure = np.clip(e.blink + np.array([e.blink_right, e.blink_left]), -0.5, 1)
        closure = np.where(closure < squint, closure + squint * (1 - np.clip(closure, 0, 1)), closure)
        return Performance(
            rotation=rotation_from_angles(e.yaw_deg, e.pitch_deg, e.roll_deg),
            shift=np.array([e.right, e.down, 0.0]),
            scale=e.scale,
            offsets=offsets,
            closure=closure,
            gap=_OPENED_BY_JAW * e.jaw + _OPENED_BY_LIPS * parted - _PRESSED * pressed,
        )

    def _pull(self, anchors: tuple[int, ...], shift: tuple[float, float, float], radius: float) -> np.ndarray:
        """Displacement (478, 3) of all points when `anchors` move by `shift`, in eye distances."""
        away = np.linalg.norm(self._points[:, None] - self._points[None, list(anchors)], axis=2).min(1)
        weight = np.exp(-((away / radius) ** 2) * 1.5)
        weight[list(lm.RIGHT_IRIS + lm.LEFT_IRIS)] = 0.0
        return weight[:, None] * np.array(shift)

    def _jaw_pull(self) -> np.ndarray:
        """The lower jaw swings about the ears: nothing moves above the mouth, the chin moves most."""
        y, z = self._points[:, 1], self._points[:, 2]
        mouth_y = self._points[[61, 291], 1].mean()
        chin_y = self._points[lm.CHIN, 1]
        below = np.clip((y - mouth_y) / (chin_y - mouth_y), 0, 1)
        forward = np.clip((self._points[[234, 454], 2].mean() - z) / 0.9, 0, 1)
        weight = np.sqrt(below) * np.sqrt(forward)
        upper = np.unique(lm.INNER_LIP_UPPER[1:-1] + lm.OUTER_LIP_UPPER[1:-1])
        weight[upper] = 0.0
        corners = self._pull((61,), (0.05, 0.05, 0.0), 0.2) + self._pull((291,), (-0.05, 0.05, 0.0), 0.2)
        return weight[:, None] * np.array([0.0, 0.30, 0.06]) + corners

    def _lips(self) -> tuple[np.ndarray, np.ndarray]:
        """Lips that draw back from the teeth, and lips that are pressed thin: what the gap between them leaves open."""
        lip, mouth_y = 0.16, self._points[[13, 14], 1].mean()
        upper = self._pull(lm.OUTER_LIP_UPPER[3:-3], (0.0, 1.0, 0.0), lip)
        lower = self._pull(lm.OUTER_LIP_LOWER[3:-3], (0.0, -1.0, 0.0), lip)
        corners = self._pull((61,), (-0.04, 0.0, 0.02), 0.2) + self._pull((291,), (0.04, 0.0, 0.02), 0.2)
        # Pressed, each edge of the red goes half of its way to the line between the lips.
        thin = 0.5 * np.abs(self._points[:, 1:2] - mouth_y) * (upper + lower)
        return corners - 0.03 * (upper + lower), thin
