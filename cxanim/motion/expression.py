"""A small hand-made basis of expressions: sliders that move the points of any face in its own proportions.

General idea: each slider pulls a few anchor points of the neutral face in the head's own axes, and the skin round them
follows with a Gaussian falloff. Lids and lips are left to the ratios of `ratios.py`, so that a blink shuts any eye.
"""

from dataclasses import dataclass

import numpy as np

from cxanim.motion import landmarks as lm
from cxanim.motion.head import head_axes, head_centre, rotation_from_angles
from cxanim.motion.pose import eye_distance
from cxanim.motion.retarget import Performance


@dataclass(frozen=True)
class Expression:
    """Positions of all sliders; zeros are the neutral face.

    Attributes:
        yaw_deg, pitch_deg, roll_deg: turn of the head, signs as in `head.py`.
        right, down: way of the head in the picture, in eye distances.
        jaw: opening of the mouth, 0 to 1.
        smile: corners of the mouth up and out, -1 (down) to 1.
        pucker: lips narrow and forward, 0 to 1.
        brow_left, brow_right: brows raised, -1 (lowered) to 1.
        frown: inner brows together, 0 to 1.
        blink_left, blink_right: closing of the eyes, 0 to 1; negative opens them wider.
        gaze_right, gaze_down: way of the irises in the picture, -1 to 1.
    """

    yaw_deg: float = 0.0
    pitch_deg: float = 0.0
    roll_deg: float = 0.0
    right: float = 0.0
    down: float = 0.0
    jaw: float = 0.0
    smile: float = 0.0
    pucker: float = 0.0
    brow_left: float = 0.0
    brow_right: float = 0.0
    frown: float = 0.0
    blink_left: float = 0.0
    blink_right: float = 0.0
    gaze_right: float = 0.0
    gaze_down: float = 0.0


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
        self._pucker = (
            self._pull((61, 185, 146), (0.15, 0.0, -0.02), 0.22)
            + self._pull((291, 409, 375), (-0.15, 0.0, -0.02), 0.22)
            + self._pull((0, 17, 13, 14), (0.0, 0.0, -0.10), 0.22)
        )
        self._brow_left = self._pull(lm.LEFT_BROW, (0.0, -0.17, 0.0), 0.28)
        self._brow_right = self._pull(lm.RIGHT_BROW, (0.0, -0.17, 0.0), 0.28)
        self._frown = self._pull((107, 55), (0.07, 0.06, 0.0), 0.2) + self._pull((336, 285), (-0.07, 0.06, 0.0), 0.2)
        irises = np.zeros((lm.FACE_POINTS, 1))
        irises[list(lm.RIGHT_IRIS + lm.LEFT_IRIS)] = 1.0
        self._gaze_right, self._gaze_down = irises * (0.11, 0.0, 0.0), irises * (0.0, 0.06, 0.0)

    def performance(self, e: Expression) -> Performance:
        """What the sliders ask of the face."""
        offsets = (
            e.jaw * self._jaw
            + e.smile * self._smile
            + e.pucker * self._pucker
            + e.brow_left * self._brow_left
            + e.brow_right * self._brow_right
            + e.frown * self._frown
            + e.gaze_right * self._gaze_right
            + e.gaze_down * self._gaze_down
        )
        squint = 0.15 * max(e.smile, 0.0)
        closure = np.array([e.blink_right, e.blink_left])
        closure = np.where(closure < squint, closure + squint * (1 - np.clip(closure, 0, 1)), closure)
        return Performance(
            rotation=rotation_from_angles(e.yaw_deg, e.pitch_deg, e.roll_deg),
            shift=np.array([e.right, e.down, 0.0]),
            scale=1.0,
            offsets=offsets,
            closure=closure,
            gap=0.42 * e.jaw,
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
