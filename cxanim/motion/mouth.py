"""The inside of the mouth: the picture's own teeth where it shows any, and a cavity, teeth and a tongue where not.

General idea: teeth do not stretch with the lips that uncover them. The upper ones are part of the head, the lower ones
of the jaw, and the lips move before both. The inside is therefore laid out in the head's own axes, in eye distances,
and seen through the opening of the lips. What the picture shows of its own inside keeps its place there; the rest is
drawn in the picture's colours and light.
"""

import cv2
import numpy as np

from cxanim.motion import landmarks as lm
from cxanim.motion.inlay import Inlay, stencil
from cxanim.motion.shown_face import ShownFace
from cxanim.motion.teeth import LOWER, UPPER, TeethRow, edge_at, places_in_row

_SHOWN_AT_REST = 0.032  # the upper teeth reach so far below the lip of a mouth that begins to open
_LOWER_SHOWN, _MOST_LOWER = 0.015, 0.06
_BEHIND_LIPS = 0.10
_MOST_STRETCH = 1.3
_OPEN = 0.02  # gap from which a mouth is open in the picture
_TEETH_HUE = 0.6  # how much of the skin's hue teeth have
_JAW = [152, 175, 199, 200, 17]


class Mouth:
    """The inside of the mouth of one picture.

    Args:
        picture: (S, S, 3) uint8.
        source: (478, 3) the face in it.
        teeth: whether teeth are drawn where the picture shows none. They would be a person's.
    """

    def __init__(self, picture: np.ndarray, source: np.ndarray, *, teeth: bool = True):
        self._picture, self._has_teeth = picture, teeth
        size = picture.shape[0]
        seen = ShownFace(source, size)
        self._upright = upright = seen.upright
        self._depth = float(upright[list(lm.INNER_LIPS), 2].mean() + _BEHIND_LIPS)
        self._origin_px, self._across_px = _plane_of_teeth(seen, self._depth)
        self._shape = _shape(upright)
        self._middle_x = float(upright[[13, 14], 0].mean())
        upper, lower = upright[13, 1], upright[14, 1]
        self._gap = max(0.0, float(lower - upper))
        # Where the edges of the teeth would be in this face, its mouth at rest.
        self._upper_edge = float(upper + 0.3 * self._gap + _SHOWN_AT_REST)
        self._lower_edge = float(lower - _LOWER_SHOWN - 0.15 * self._gap)
        self._jaw_y = float(upright[_JAW, 1].mean())
        # Of a mouth that is a little open upper teeth are seen, of a wide one lower ones too.
        self._own_top = float(upper)
        self._own_split = float(upper + np.interp(self._gap, (0.15, 0.35), (0.9, 0.55)) * self._gap)
        opening = source[list(lm.INNER_LIPS), :2] * size
        self._own = cv2.GaussianBlur(stencil(picture.shape, opening), (3, 3), 0)
        self._colour(picture, source)

    def _colour(self, picture: np.ndarray, source: np.ndarray) -> None:
        size = picture.shape[0]
        lips = stencil(picture.shape, source[list(lm.OUTER_LIPS), :2] * size)
        opening = stencil(picture.shape, source[list(lm.INNER_LIPS), :2] * size)
        lips[opening > 0] = 0
        lip = np.array(cv2.mean(picture, lips)[:3], np.float32)
        face = stencil(picture.shape, source[list(lm.FACE_OVAL), :2] * size)
        skin = picture[face > 0].astype(np.float32) if (face > 0).any() else lip[None]
        bright = skin[skin.sum(1) >= np.percentile(skin.sum(1), 75)].mean(0)
        grey = float(bright.mean())
        # Teeth are paler than the skin in its light, and grey where the picture is.
        tint = (bright / max(float(bright.max()), 1.0)) ** _TEETH_HUE
        self._teeth = tint * min(0.95 * float(bright.max()), 215)
        seen = picture[cv2.erode(opening, np.ones((3, 3), np.uint8)) > 0].astype(np.float32)
        if len(seen) > 20:
            brightest = seen[seen.sum(1) >= np.percentile(seen.sum(1), 70)].mean(0)
            if brightest.mean() > 0.75 * grey:
                self._teeth = brightest
        self._cavity = 0.16 * lip + 0.02 * grey
        self._tongue = 0.72 * lip + 0.06 * grey * np.array([1.0, 0.55, 0.55], np.float32)

    def seen(self, shown_face: ShownFace) -> Inlay | None:
        """What is seen between the lips of a face; None where they are shut, or as in the picture."""
        face_px, upright = shown_face.face_px, shown_face.upright
        gaps = np.linalg.norm(face_px[list(lm.INNER_LIP_UPPER)] - face_px[list(lm.INNER_LIP_LOWER)], axis=1)
        # A slit narrower than a pixel shows nothing, and lips as in the picture what they show there.
        moved = np.abs(_shape(upright) - self._shape).max()
        shown = float(np.clip(gaps.max() - 0.5, 0, 1) * np.clip(moved / 0.02 - 0.1, 0, 1))
        found = shown_face.lips_window if shown > 0 else None
        if found is None:
            return None
        x0, y0, mask = found
        height, width = mask.shape
        origin_px, across_px = _plane_of_teeth(shown_face, self._depth)
        # A mouth that goes up or to the side as a whole takes its inside along: so far is the head itself not known.
        shift_x, shift_y = shift = self._shift(upright)
        into = np.linalg.inv(across_px)
        corner = into @ ((x0 + 0.5, y0 + 0.5) - origin_px) - shift
        right, down = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)[:, None]
        x, y = (
            np.float32(first) + np.float32(step_x) * right + np.float32(step_y) * down
            for first, (step_x, step_y) in zip(corner, into, strict=True)
        )
        # Lips that open without the chin still show no more than the tips of the lower teeth.
        jaw = max(
            float(upright[_JAW, 1].mean()) - self._jaw_y - shift_y,
            float(upright[14, 1]) - shift_y - _MOST_LOWER - self._lower_edge,
        )
        pixel = 1 / max(float(np.linalg.norm(across_px[:, 1])), 1e-6)
        inside = self._drawn(x - np.float32(self._middle_x), y, upright, shift, jaw, pixel)
        if self._gap > _OPEN:
            # A little wider or further open than in the picture, its own inside is stretched: no gap is seen round it.
            width, height = np.clip(_extent(upright) / _extent(self._upright), 1.0, _MOST_STRETCH)
            x = self._middle_x + (x - self._middle_x) / np.float32(width)
            y = self._own_top + (y - self._own_top) / np.float32(height)
            self._lay_own(inside, x, y, jaw)
        return Inlay(x0, y0, inside, mask * np.float32(shown))

    def _shift(self, upright: np.ndarray) -> tuple[float, float]:
        """How far the mouth has gone as a whole: to the left of the subject, and down as far as both lips have."""
        move = upright[list(lm.INNER_LIPS), :2] - self._upright[list(lm.INNER_LIPS), :2]
        upper, lower = (upright[number, 1] - self._upright[number, 1] for number in (13, 14))
        together = min(abs(upper), abs(lower)) * np.sign(upper) if upper * lower > 0 else 0.0
        return float(move[:, 0].mean()), float(together)

    def _drawn(
        self, x: np.ndarray, y: np.ndarray, upright: np.ndarray, shift: tuple[float, float], jaw: float, pixel: float
    ) -> np.ndarray:
        """Cavity, tongue and teeth at places in the head's own axes (x from the middle), in eye distances.

        Args:
            jaw: how far the jaw is down.
            pixel: size of a pixel, which edges are as soft as.
        """
        soft = max(pixel, 0.008)
        upper_lip, lower_lip = (
            np.interp(x, *_curve(upright, lip, self._middle_x + shift[0])).astype(np.float32) - np.float32(shift[1])
            for lip in (lm.INNER_LIP_UPPER, lm.INNER_LIP_LOWER)
        )
        inside = np.empty((*x.shape, 3), np.float32)
        inside[:] = self._cavity
        bottom = self._lower_edge + jaw
        # The tongue lies behind the lower teeth, lit from the front.
        tongue_top = bottom - 0.10 + 0.9 * x * x
        rise = np.clip((y - tongue_top) / 0.16, 0, 1)
        tongue = edge_at(y - tongue_top, 0.03) * (0.5 + 0.5 * rise)
        _over(inside, self._tongue * (0.35 + 0.65 * rise[..., None]), tongue)
        if self._has_teeth:
            self._draw_teeth(inside, x, y, bottom, soft)
        # Lips throw a shadow on what lies behind them, and less light comes to the corners.
        shade = (
            1
            - 0.45 * np.exp(-np.maximum(y - upper_lip, 0) / 0.035)
            - 0.25 * np.exp(-np.maximum(lower_lip - y, 0) / 0.02)
        )
        return inside * shade[..., None]

    def _draw_teeth(self, inside: np.ndarray, x: np.ndarray, y: np.ndarray, bottom: float, soft: float) -> None:
        """Both rows over what is drawn, in place; the edge of the lower one is at `bottom`."""
        from_middle = places_in_row(x)
        lower = edge_at(y - bottom - LOWER.edge[from_middle], soft)
        _over(inside, self._lit(LOWER, from_middle), lower * LOWER.there[from_middle])
        upper = edge_at(self._upper_edge - UPPER.edge[from_middle] - y, soft)
        _over(inside, self._lit(UPPER, from_middle), upper * UPPER.there[from_middle])

    def _lit(self, row: TeethRow, from_middle: np.ndarray) -> np.ndarray:
        """Colour (..., 3) of a row of teeth."""
        return (self._cavity + row.lit[:, None] * (self._teeth - self._cavity)).astype(np.float32)[from_middle]

    def _lay_own(self, inside: np.ndarray, x: np.ndarray, y: np.ndarray, jaw: float) -> None:
        """Lay what the picture itself shows over what is drawn: its upper part stays with the head, its lower part
        goes with the jaw."""
        soft = max(0.15 * self._gap, 0.01)
        for down, sign in ((jaw, -1.0), (0.0, 1.0)):
            at = y - down
            origin, across = self._origin_px, self._across_px
            look = np.stack([origin[0] + across[0, 0] * x + across[0, 1] * at,
                             origin[1] + across[1, 0] * x + across[1, 1] * at], 2).astype(np.float32) - 0.5  # fmt: skip
            colour = cv2.remap(self._picture, look, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            known = cv2.remap(self._own, look, None, cv2.INTER_LINEAR, borderValue=0).astype(np.float32) / 255
            _over(inside, colour, known * edge_at(sign * (self._own_split - at), soft))


def _plane_of_teeth(shown_face: ShownFace, depth: float) -> tuple[np.ndarray, np.ndarray]:
    """Where in the picture the centre of the head would be, so many distances of the eyes behind it, (2,), and as
    columns (2, 2) one such distance to the left of the subject and down the face."""
    axes, unit, size = shown_face.axes, shown_face.unit, shown_face.size_px
    return (shown_face.centre + unit * depth * axes[:, 2])[:2] * size, axes[:2, :2] * unit * size


def _shape(upright: np.ndarray) -> np.ndarray:
    """The inner lips, wherever they are."""
    lips = upright[list(lm.INNER_LIPS), :2]
    return lips - lips.mean(0)


def _extent(upright: np.ndarray) -> np.ndarray:
    """Width and height of the opening between the lips, at least a thousandth."""
    width = upright[lm.INNER_LIP_UPPER[-1], 0] - upright[lm.INNER_LIP_UPPER[0], 0]
    return np.maximum(np.abs([width, upright[14, 1] - upright[13, 1]]), 1e-3)


def _curve(upright: np.ndarray, numbers: tuple[int, ...], middle_x: float) -> tuple[np.ndarray, np.ndarray]:
    points = upright[list(numbers), :2]
    order = np.argsort(points[:, 0])
    return points[order, 0] - middle_x, points[order, 1]


def _over(inside: np.ndarray, colour: np.ndarray, weight: np.ndarray) -> None:
    inside += weight[..., None] * (colour - inside)
