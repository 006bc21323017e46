"""What lies behind lids and lips: eyeballs that do not stretch with the lids, and the inside of an opening mouth.

General idea: a closed mouth in the picture has no inside that a warp could show, and a lid that comes down must cover
the eye, not squeeze it. Both are drawn into the slit that the moved lids or lips leave open: the eyeball rides on the
corners of the eye, with the iris where the gaze wants it; the mouth is a cavity with teeth and tongue in the
picture's own colours and light.
"""

import cv2
import numpy as np

from cxanim.motion import landmarks as lm
from cxanim.motion.pose import eye_distance
from cxanim.motion.ratios import eye_openness

_EYES = (
    (lm.RIGHT_EYE, lm.RIGHT_EYE_UPPER, lm.RIGHT_EYE_LOWER, lm.RIGHT_IRIS),
    (lm.LEFT_EYE, lm.LEFT_EYE_UPPER, lm.LEFT_EYE_LOWER, lm.LEFT_IRIS),
)
_BITS = 4


def draw_eyes(canvas: np.ndarray, picture: np.ndarray, source: np.ndarray, face: np.ndarray) -> None:
    """Draw the eyeballs of `picture` into the open slits of `face`.

    Args:
        canvas: (S, S, 3) uint8, changed in place.
        picture: (S, S, 3) uint8, the source picture.
        source: (478, 3) the face in the picture.
        face: (478, 3) the face to show.
    """
    openness = eye_openness(source)
    for side, (contour, upper, lower, iris) in enumerate(_EYES):
        if openness[side] < 0.1:
            continue  # the picture shows no eyeball behind this lid
        _draw_eye(canvas, picture, source, face, contour, upper, lower, iris)


def _draw_eye(
    canvas: np.ndarray,
    picture: np.ndarray,
    source: np.ndarray,
    face: np.ndarray,
    contour: tuple[int, ...],
    upper: tuple[int, ...],
    lower: tuple[int, ...],
    iris: tuple[int, ...],
) -> None:
    size = canvas.shape[0]
    slit = face[list(contour), :2] * size
    found = _masked_window(slit, size)
    if found is None:
        return
    x0, y0, mask = found
    height, width = mask.shape
    # Both eyes in the frame of their own corners: origin in the middle, x towards the inner or outer corner.
    now_middle, now_x, now_y, now_width = _corner_frame(face * size, contour, upper)
    was_middle, was_x, was_y, was_width = _corner_frame(source * size, contour, upper)
    opening_now = _opening(face * size, upper, lower, now_y)
    opening_was = _opening(source * size, upper, lower, was_y)
    scale = was_width / max(now_width, 1e-6)
    scale_y = min(scale, opening_was / max(opening_now, 1e-6))  # an eye opened wider than the picture's is stretched
    columns, rows = np.meshgrid(np.arange(width) + x0, np.arange(height) + y0)
    away = np.stack([columns + 0.5, rows + 0.5], axis=2) - now_middle
    along, down = away @ now_x * scale, away @ now_y * scale_y
    # The gaze: the iris of the picture is found where the moved iris wants to be seen.
    wanted = face[iris[0], :2] * size - now_middle
    wanted_along, wanted_down = wanted @ now_x * scale, wanted @ now_y * scale_y
    had = source[iris[0], :2] * size - was_middle
    radius = np.linalg.norm((source[list(iris[1:]), :2] - source[iris[0], :2]) * size, axis=1).mean()
    limit = 0.3 * was_width
    shift_along = np.clip(had @ was_x - wanted_along, -limit, limit)
    shift_down = np.clip(had @ was_y - wanted_down, -0.6 * radius, 0.6 * radius)
    near = np.exp(-((along - wanted_along) ** 2 + (down - wanted_down) ** 2) / (2 * (1.1 * radius) ** 2 + 1e-6))
    along, down = along + near * shift_along, down + near * shift_down
    look = was_middle + along[..., None] * was_x + down[..., None] * was_y - 0.5
    eyeball = cv2.remap(
        picture,
        look[..., 0].astype(np.float32),
        look[..., 1].astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    _blend(canvas, x0, y0, eyeball, mask)


def _corner_frame(
    face_px: np.ndarray, contour: tuple[int, ...], upper: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    first, last = face_px[upper[0], :2], face_px[upper[-1], :2]
    x = last - first
    width = float(np.linalg.norm(x))
    x = x / max(width, 1e-6)
    return (first + last) / 2, x, np.array([-x[1], x[0]]), width


def _opening(face_px: np.ndarray, upper: tuple[int, ...], lower: tuple[int, ...], down: np.ndarray) -> float:
    gaps = (face_px[list(lower[2:-2]), :2] - face_px[list(upper[2:-2]), :2]) @ down
    return float(np.maximum(gaps, 0).mean())


class Mouth:
    """Draws the inside of the mouth of one picture.

    Args:
        picture: (S, S, 3) uint8.
        source: (478, 3) the face in it.
    """

    def __init__(self, picture: np.ndarray, source: np.ndarray):
        size = picture.shape[0]
        lips = np.zeros(picture.shape[:2], np.uint8)
        cv2.fillPoly(lips, [_fixed(source[list(lm.OUTER_LIPS), :2] * size)], 255, shift=_BITS)
        cv2.fillPoly(lips, [_fixed(source[list(lm.INNER_LIPS), :2] * size)], 0, shift=_BITS)
        face = np.zeros(picture.shape[:2], np.uint8)
        cv2.fillPoly(face, [_fixed(source[list(lm.FACE_OVAL), :2] * size)], 255, shift=_BITS)
        lip_colour = _mean_colour(picture, lips)
        skin = picture[face > 0].astype(np.float32) if (face > 0).any() else lip_colour[None]
        bright = skin[skin.sum(1) >= np.percentile(skin.sum(1), 75)].mean(0)
        self._cavity = 0.20 * lip_colour
        self._tongue = 0.55 * lip_colour
        self._teeth = _teeth_colour(picture, source, bright)
        self._source_area = _polygon_area(source[list(lm.INNER_LIPS), :2]) / eye_distance(source) ** 2

    def draw(self, canvas: np.ndarray, face: np.ndarray) -> None:
        """Draw the inside into the open lips of `face` (478, 3), as far as the picture has none to show."""
        unit = eye_distance(face)
        area = _polygon_area(face[list(lm.INNER_LIPS), :2]) / unit**2
        missing = np.clip((area - 2.0 * self._source_area - 0.006) / 0.02, 0, 1)
        if missing <= 0:
            return
        size = canvas.shape[0]
        found = _masked_window(face[list(lm.INNER_LIPS), :2] * size, size)
        if found is None:
            return
        x0, y0, mask = found
        upper = face[list(lm.INNER_LIP_UPPER), :2] * size - (x0, y0)
        lower = face[list(lm.INNER_LIP_LOWER), :2] * size - (x0, y0)
        inside = np.empty((*mask.shape, 3), np.float32)
        inside[:] = self._cavity
        gap = float(np.linalg.norm(lower - upper, axis=1).max())
        down = (lower - upper).mean(0)
        down = down / max(np.linalg.norm(down), 1e-6)
        unit_px = unit * size
        inner = slice(1, -1)
        teeth = min(0.42 * gap, 0.13 * unit_px)
        arch = np.sin(np.linspace(0.12, np.pi - 0.12, len(upper)))[:, None]
        self._band(inside, upper[inner], upper[inner] + (teeth * arch * down)[inner], self._teeth, 0.9)
        tongue = max(0.0, min(0.35 * gap, 0.16 * unit_px) - 0.02 * unit_px)
        self._band(inside, lower[inner] - (tongue * arch * down)[inner], lower[inner], self._tongue, 0.8)
        blur = max(0.4, 0.02 * unit_px)
        inside = cv2.GaussianBlur(inside, (0, 0), blur)
        # Lips throw a shadow on what lies behind them.
        depth = cv2.distanceTransform((mask > 127).astype(np.uint8), cv2.DIST_L2, 3) / max(0.05 * unit_px, 1.0)
        inside *= (0.82 + 0.18 * np.clip(depth, 0, 1))[..., None]
        _blend(canvas, x0, y0, inside, (mask * missing).astype(np.uint8))

    @staticmethod
    def _band(inside: np.ndarray, top: np.ndarray, bottom: np.ndarray, colour: np.ndarray, strength: float) -> None:
        stencil = np.zeros(inside.shape[:2], np.uint8)
        cv2.fillPoly(stencil, [_fixed(np.vstack([top, bottom[::-1]]))], 255, cv2.LINE_AA, _BITS)
        weight = (stencil.astype(np.float32) * (strength / 255))[..., None]
        inside += weight * (colour.astype(np.float32) - inside)


def _teeth_colour(picture: np.ndarray, source: np.ndarray, skin: np.ndarray) -> np.ndarray:
    """The colour of teeth in the light of the picture: as they are seen in it, else a little paler than the skin."""
    seen = np.zeros(picture.shape[:2], np.uint8)
    cv2.fillPoly(seen, [_fixed(source[list(lm.INNER_LIPS), :2] * picture.shape[0])], 255, shift=_BITS)
    inside = picture[cv2.erode(seen, np.ones((3, 3), np.uint8)) > 0].astype(np.float32)
    grey = skin.mean()
    if len(inside) > 20:
        bright = inside[inside.sum(1) >= np.percentile(inside.sum(1), 70)].mean(0)
        if bright.mean() > 0.75 * grey:
            return bright
    return np.minimum(1.05 * (0.5 * grey + 0.5 * skin), 238)


def _masked_window(polygon_px: np.ndarray, size: int) -> tuple[int, int, np.ndarray] | None:
    """The smallest window of the canvas round a polygon, and the polygon's smooth-edged mask in it."""
    x0, y0 = np.maximum(np.floor(polygon_px.min(0)).astype(int) - 2, 0)
    x1, y1 = np.minimum(np.ceil(polygon_px.max(0)).astype(int) + 2, size)
    if x1 - x0 < 2 or y1 - y0 < 2:
        return None
    mask = np.zeros((y1 - y0, x1 - x0), np.uint8)
    cv2.fillPoly(mask, [_fixed(polygon_px - (x0, y0))], 255, cv2.LINE_AA, _BITS)
    return int(x0), int(y0), cv2.GaussianBlur(mask, (3, 3), 0)


def _fixed(points_px: np.ndarray) -> np.ndarray:
    """Points whose (0, 0) is the corner of the first pixel, as OpenCV's fixed-point numbers, whose 0 is its centre."""
    return np.round((points_px - 0.5) * (1 << _BITS)).astype(np.int32)


def _blend(canvas: np.ndarray, x0: int, y0: int, layer: np.ndarray, mask: np.ndarray) -> None:
    height, width = mask.shape
    under = canvas[y0 : y0 + height, x0 : x0 + width]
    weight = mask.astype(np.float32)[..., None] / 255
    under[:] = np.clip(under + weight * (layer.astype(np.float32) - under) + 0.5, 0, 255).astype(np.uint8)


def _mean_colour(picture: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return np.array(cv2.mean(picture, mask)[:3], np.float32)


def _polygon_area(points: np.ndarray) -> float:
    x, y = points.T
    return float(0.5 * abs(x @ np.roll(y, 1) - y @ np.roll(x, 1)))
