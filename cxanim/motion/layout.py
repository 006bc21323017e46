"""Layout maps: a Pose drawn as a picture, the condition that tells a network where everything should be.

General idea: thin anti-aliased curves, in three channels that a network can tell apart: red carries the subject's
right side, green the left side, blue what lies in the middle (lips, nose, outline). Filled irises, lips' inside and
lids make a closed eye and a closed mouth unmistakable.

Convention:
    - pixel centres as in `pose.py`; what lies outside the crop is clipped.
    - left and right are the subject's own.
"""

import cv2
import numpy as np

from cxanim.motion import landmarks as lm
from cxanim.motion.pose import Pose

_BITS = 4
RIGHT, LEFT, MIDDLE = (255, 0, 0), (0, 255, 0), (0, 0, 255)
_FACE_CURVES: tuple[tuple[tuple[int, ...], bool, tuple[int, int, int]], ...] = (
    (lm.FACE_OVAL, True, (70, 70, 160)),
    (lm.NOSE_BRIDGE, False, MIDDLE),
    (lm.NOSE_BASE, False, MIDDLE),
    (lm.RIGHT_BROW[:5], False, RIGHT),
    (lm.LEFT_BROW[:5], False, LEFT),
    (lm.OUTER_LIPS, True, (120, 120, 255)),
    (lm.RIGHT_EYE, True, RIGHT),
    (lm.LEFT_EYE, True, LEFT),
)


def draw_layout(pose: Pose, size_px: int) -> np.ndarray:
    """Draw a pose as a layout map.

    Args:
        pose: in the coordinates of the crop.
        size_px: side of the map.

    Returns:
        (size_px, size_px, 3) uint8; black where nothing is. Missing parts are not drawn.
    """
    canvas = np.zeros((size_px, size_px, 3), np.uint8)
    thickness = max(1, round(size_px / 256))
    if pose.body is not None:
        _draw_body(canvas, pose.body, 3 * thickness)
    if pose.face is not None:
        _draw_face(canvas, pose.face, thickness)
    for hand, colour in ((pose.right_hand, (255, 160, 60)), (pose.left_hand, (60, 255, 160))):
        if hand is not None:
            points = _fixed(hand, size_px)
            for start, end in lm.HAND_BONES:
                cv2.line(canvas, points[start].tolist(), points[end].tolist(), colour, thickness, cv2.LINE_AA, _BITS)
    return canvas


def _draw_face(canvas: np.ndarray, face: np.ndarray, thickness: int) -> None:
    points = _fixed(face, canvas.shape[0])
    cv2.fillPoly(canvas, [points[list(lm.INNER_LIPS)]], (200, 200, 200), cv2.LINE_AA, _BITS)
    for eye, iris, colour in ((lm.RIGHT_EYE, lm.RIGHT_IRIS, RIGHT), (lm.LEFT_EYE, lm.LEFT_IRIS, LEFT)):
        _draw_iris(canvas, face, points, eye, iris, colour)
    for curve, is_closed, colour in _FACE_CURVES:
        cv2.polylines(canvas, [points[list(curve)]], is_closed, colour, thickness, cv2.LINE_AA, _BITS)


def _draw_iris(
    canvas: np.ndarray,
    face: np.ndarray,
    points: np.ndarray,
    eye: tuple[int, ...],
    iris: tuple[int, ...],
    colour: tuple[int, int, int],
) -> None:
    """The iris as far as the lids let it be seen."""
    contour = points[list(eye)]
    x0, y0 = np.maximum(contour.min(0) // (1 << _BITS) - 1, 0)
    x1, y1 = np.minimum(contour.max(0) // (1 << _BITS) + 2, canvas.shape[0])
    if x1 <= x0 or y1 <= y0:
        return
    offset = np.array([x0, y0]) << _BITS
    slit = np.zeros((y1 - y0, x1 - x0), np.uint8)
    disc = np.zeros_like(slit)
    cv2.fillPoly(slit, [contour - offset], 255, cv2.LINE_AA, _BITS)
    radius = np.linalg.norm(face[list(iris[1:]), :2] - face[iris[0], :2], axis=1).mean() * canvas.shape[0]
    centre = (points[iris[0]] - offset).tolist()
    cv2.circle(disc, centre, max(1, int(radius * (1 << _BITS))), 255, -1, cv2.LINE_AA, _BITS)
    seen = np.minimum(slit, disc).astype(np.float32)[..., None] / 255
    window = canvas[y0:y1, x0:x1]
    window[:] = (window * (1 - seen) + seen * (np.array(colour) * 0.5 + 100)).astype(np.uint8)


def _draw_body(canvas: np.ndarray, body: np.ndarray, thickness: int, least_visibility: float = 0.4) -> None:
    points = _fixed(body, canvas.shape[0])
    for start, end in lm.BODY_LIMBS:
        if min(body[start, 3], body[end, 3]) < least_visibility:
            continue
        sides = {start in lm.LEFT_BODY, end in lm.LEFT_BODY}
        colour = (0, 140, 70) if sides == {True} else (140, 70, 0) if sides == {False} else (70, 70, 140)
        cv2.line(canvas, points[start].tolist(), points[end].tolist(), colour, thickness, cv2.LINE_AA, _BITS)


def _fixed(points: np.ndarray, size_px: int) -> np.ndarray:
    """Normalised points as OpenCV's fixed-point pixels, whose integers are pixel centres."""
    pixels = np.clip(points[:, :2] * size_px - 0.5, -size_px, 2 * size_px)
    return np.round(pixels * (1 << _BITS)).astype(np.int32)
