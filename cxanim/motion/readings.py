"""What a face does, read off its points alone: the ratios by which two different faces are compared.

General idea: a photo that follows a driver does not have the driver's shape, so their points cannot be compared. What
can is how each of these numbers goes up and down. All are taken in the head's own axes, so that a turn does not change
them, and none needs a neutral face.
"""

import numpy as np

from cxanim.motion import landmarks as lm
from cxanim.motion.head import head_angles, head_axes, head_centre
from cxanim.motion.pose import eye_distance
from cxanim.motion.ratios import eye_openness, upright_mouth_gap

READINGS = (
    "jaw", "eye_right", "eye_left", "brow_right", "brow_left", "smile", "gaze_x", "gaze_y", "yaw", "pitch", "roll",
)  # fmt: skip
_BROWS = ((lm.RIGHT_BROW, 33, 133), (lm.LEFT_BROW, 263, 362))
_EYES = (
    (lm.RIGHT_IRIS, lm.RIGHT_EYE_UPPER),
    (lm.LEFT_IRIS, lm.LEFT_EYE_UPPER),
)


def read_face(face: np.ndarray) -> dict[str, float]:
    """The readings of a face (478, 3), by the names of `READINGS`.

    Returns:
        jaw: way between the inner lips; brow_right, brow_left: height of the brows over their eyes; smile: width of
        the mouth; all in eye distances. eye_right, eye_left: how shut the eyes are, minus the distance of the lids
        over the eye's width. gaze_x, gaze_y: the irises' way from the middle of their eyes, to the subject's left and
        down, in eye widths. yaw, pitch, roll: of the head, in degrees, as `head_angles` has them.
    """
    unit = eye_distance(face)
    upright = (face.astype(np.float64) - head_centre(face)) @ head_axes(face) / unit
    openness = eye_openness(face)
    brows = [upright[[outer, inner], 1].mean() - upright[list(brow), 1].mean() for brow, outer, inner in _BROWS]
    gazes = np.mean([_gaze(upright, iris, lid) for iris, lid in _EYES], axis=0)
    mouth = upright[lm.LEFT_MOUTH_CORNER] - upright[lm.RIGHT_MOUTH_CORNER]
    values = (
        upright_mouth_gap(upright), *-openness, *brows, float(np.linalg.norm(mouth)), *gazes, *head_angles(face)
    )  # fmt: skip
    return {name: float(value) for name, value in zip(READINGS, values, strict=True)}


def _gaze(upright: np.ndarray, iris: tuple[int, ...], lid: tuple[int, ...]) -> np.ndarray:
    corners = upright[[lid[0], lid[-1]], :2]
    return (upright[iris[0], :2] - corners.mean(0)) / np.linalg.norm(corners[1] - corners[0])
