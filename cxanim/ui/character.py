"""A character drawn by the program itself: an example that needs no network, no licence and no photograph."""

from collections.abc import Sequence
from functools import cache

import cv2
import numpy as np
from PIL import Image, ImageDraw

Outline = Sequence[tuple[float, float]]
Colour = tuple[int, int, int]
SIDE_PX = 512
_FINE = 3  # drawn so many times larger, then averaged: smooth edges

_SKIN, _SKIN_SHADE, _CHEEK = (243, 196, 162), (222, 160, 124), (240, 150, 130)
_HAIR, _HAIR_SHINE = (92, 52, 44), (128, 76, 60)
_LIP, _LIP_DARK = (204, 92, 92), (140, 52, 58)
_COAT, _COAT_SHADE = (52, 116, 128), (38, 90, 102)
_IRIS, _WHITE, _INK = (70, 122, 92), (252, 250, 246), (52, 32, 30)


@cache
def character() -> np.ndarray:
    """A friendly face that looks at the viewer, (512, 512, 3) uint8 RGB."""
    canvas = Image.fromarray(_wall())
    for paint in (_hair_behind, _body, _head, _eyes, _nose, _mouth, _fringe):
        canvas = paint(canvas)
    return np.array(canvas.resize((SIDE_PX, SIDE_PX), Image.Resampling.BOX))


def _wall() -> np.ndarray:
    """A wall with a soft light behind the head."""
    rows, columns = np.mgrid[: SIDE_PX * _FINE, : SIDE_PX * _FINE] / (SIDE_PX * _FINE)
    light = np.exp(-((columns - 0.5) ** 2 + (rows - 0.42) ** 2) / 0.16)[..., None]
    return np.round(np.array((148, 164, 204)) * (1 - light) + np.array((222, 230, 246)) * light).astype(np.uint8)


def _hair_behind(canvas: Image.Image) -> Image.Image:
    return _shape(canvas, _oval((256, 206), (142, 146)), _HAIR)


def _body(canvas: Image.Image) -> Image.Image:
    canvas = _shape(canvas, _oval((256, 566), (214, 140)), _COAT)
    canvas = _shape(canvas, _oval((256, 462), (74, 46)), _COAT_SHADE, 0.9)
    neck = [(208, 350), (304, 350), (312, 452), (256, 482), (200, 452)]
    canvas = _shape(canvas, neck, _SKIN)
    return _shape(canvas, _oval((256, 392), (66, 34)), _SKIN_SHADE, 0.8, blur_px=9, inside=neck)


def _head(canvas: Image.Image) -> Image.Image:
    for side in (-1, 1):
        canvas = _shape(canvas, _oval((256 + side * 122, 262), (22, 34)), _SKIN)
        canvas = _shape(canvas, _oval((256 + side * 124, 264), (10, 20)), _SKIN_SHADE, 0.6, blur_px=3)
    canvas = _shape(canvas, _face_outline(), _SKIN)
    canvas = _shape(canvas, _oval((256, 390), (78, 20)), _SKIN_SHADE, 0.35, blur_px=10, inside=_face_outline())
    for side in (-1, 1):
        canvas = _shape(canvas, _oval((256 + side * 122, 280), (30, 110)), _SKIN_SHADE, 0.55, 14, _face_outline())
        canvas = _shape(canvas, _oval((256 + side * 74, 306), (30, 22)), _CHEEK, 0.5, blur_px=11)
    return canvas


def _eyes(canvas: Image.Image) -> Image.Image:
    for side in (-1, 1):
        x, y = 256 + side * 54, 244
        canvas = _shape(canvas, _oval((x, y - 4), (42, 28)), _SKIN_SHADE, 0.5, blur_px=7)
        almond = _almond((x, y), 33, 17, 13)
        canvas = _shape(canvas, almond, _WHITE)
        canvas = _shape(canvas, _oval((x, y - 2), (15.5, 15.5)), _IRIS, inside=almond)
        canvas = _shape(canvas, _oval((x, y - 2), (7.5, 7.5)), _INK, inside=almond)
        canvas = _shape(canvas, _oval((x + 5, y - 8), (3.6, 3.6)), _WHITE)
        canvas = _shape(canvas, _oval((x, y - 15), (33, 7)), _INK, 0.22, 3, almond)
        upper = almond[: len(almond) // 2]
        canvas = _line(canvas, upper, 5.0, _INK)
        canvas = _line(canvas, almond[len(almond) // 2 :], 1.8, _SKIN_SHADE)
        crease = [(px, py - 9 - 2 * np.sin(np.pi * i / len(upper))) for i, (px, py) in enumerate(upper)]
        canvas = _line(canvas, crease[4:-4], 1.8, _SKIN_SHADE)
        brow = [(x + side * (-36 + 74 * t), y - 39 - 15 * np.sin(np.pi * (0.12 + 0.68 * t))) for t in _steps()]
        canvas = _line(canvas, brow, 9.0, _HAIR)
    return canvas


def _nose(canvas: Image.Image) -> Image.Image:
    canvas = _shape(canvas, [(247, 236), (265, 236), (280, 304), (232, 304)], _SKIN_SHADE, 0.3, blur_px=7)
    canvas = _shape(canvas, _oval((256, 302), (26, 15)), _SKIN_SHADE, 0.5, blur_px=5)
    canvas = _shape(canvas, _oval((256, 294), (13, 10)), (255, 222, 194), 0.7, blur_px=5)
    canvas = _shape(canvas, _oval((255, 262), (5, 26)), (255, 222, 194), 0.6, blur_px=4)
    for side in (-1, 1):
        canvas = _shape(canvas, _oval((256 + side * 11, 309), (6, 3.6)), _LIP_DARK, 0.75, blur_px=1)
        wing = [(256 + side * (22 + 4 * np.sin(np.pi * t)), 294 + 15 * t) for t in _steps()]
        canvas = _line(canvas, wing, 2.2, _SKIN_SHADE)
    return canvas


def _mouth(canvas: Image.Image) -> Image.Image:
    canvas = _shape(canvas, _oval((256, 372), (34, 7)), _SKIN_SHADE, 0.55, blur_px=5)
    corners = np.array(_steps())
    x = 256 + 46 * (2 * corners - 1)
    bow = np.sin(np.pi * corners)
    parting = 340 + 8.5 * bow
    upper = parting - 10.5 * bow**0.8 + 3.5 * np.exp(-(((corners - 0.5) / 0.09) ** 2))
    lower = parting + 15.5 * bow**0.8
    canvas = _shape(canvas, _between(x, upper, parting), _LIP)
    canvas = _shape(canvas, _between(x, parting, lower), _mix(_LIP, _WHITE, 0.12))
    canvas = _shape(canvas, _oval((256, 355), (17, 3)), _WHITE, 0.35, blur_px=2)
    return _line(canvas, list(zip(x, parting, strict=True)), 2.6, _LIP_DARK)


def _fringe(canvas: Image.Image) -> Image.Image:
    edge = [(130, 262), (136, 176), (186, 98), (262, 76), (336, 104), (376, 180), (382, 262)]
    hem = [(364, 222), (350, 172), (318, 150), (270, 152), (222, 162), (180, 174), (156, 206), (146, 240)]
    canvas = _shape(canvas, _smooth(edge + hem), _HAIR)
    for start, end in (((198, 112), (172, 160)), ((246, 96), (216, 148)), ((292, 100), (330, 140))):
        middle = ((start[0] + end[0]) / 2 - 8, (start[1] + end[1]) / 2)
        canvas = _line(canvas, _smooth([start, middle, end], closed=False), 3.0, _HAIR_SHINE)
    return canvas


def _shape(
    canvas: Image.Image,
    outline: Outline,
    colour: Colour,
    share: float = 1.0,
    blur_px: float = 0.0,
    inside: Outline | None = None,
) -> Image.Image:
    """Fill an outline; `share` of the colour, with a soft edge, and only inside another outline."""
    corners = np.array(outline) * _FINE
    margin = 3 * blur_px * _FINE + 1
    x0, y0 = np.maximum(0, np.floor(corners.min(axis=0) - margin)).astype(int)
    x1, y1 = np.minimum(canvas.size, np.ceil(corners.max(axis=0) + margin)).astype(int)
    box = (int(x0), int(y0), int(x1), int(y1))
    mask = _mask(outline, box)
    if blur_px:
        mask = cv2.GaussianBlur(mask, (0, 0), blur_px * _FINE)
    if inside is not None:
        mask = np.minimum(mask, _mask(inside, box))
    canvas.paste(colour, box, Image.fromarray(np.uint8(mask * share)))
    return canvas


def _mask(outline: Outline, box: tuple[int, int, int, int]) -> np.ndarray:
    mask = Image.new("L", (box[2] - box[0], box[3] - box[1]))
    ImageDraw.Draw(mask).polygon([(x * _FINE - box[0], y * _FINE - box[1]) for x, y in outline], fill=255)
    return np.array(mask)


def _line(canvas: Image.Image, points: Outline, width_px: float, colour: Colour) -> Image.Image:
    pen = ImageDraw.Draw(canvas)
    radius = width_px * _FINE / 2
    pen.line([(x * _FINE, y * _FINE) for x, y in points], fill=colour, width=round(2 * radius), joint="curve")
    for x, y in (points[0], points[-1]):
        pen.ellipse((x * _FINE - radius, y * _FINE - radius, x * _FINE + radius, y * _FINE + radius), fill=colour)
    return canvas


def _oval(centre: tuple[float, float], radii: tuple[float, float]) -> Outline:
    angles = np.linspace(0, 2 * np.pi, 120, endpoint=False)
    return [(centre[0] + radii[0] * np.cos(a), centre[1] + radii[1] * np.sin(a)) for a in angles]


def _face_outline() -> Outline:
    """A rounded head that narrows to the chin."""
    angles = np.linspace(0, 2 * np.pi, 240, endpoint=False)
    down = np.clip(np.sin(angles), 0, 1)
    return [
        (256 + 122 * np.cos(a) * (1 - 0.16 * d**1.5), 250 + (148 if np.sin(a) > 0 else 140) * np.sin(a))
        for a, d in zip(angles, down, strict=True)
    ]


def _almond(centre: tuple[float, float], width: float, up: float, down: float) -> Outline:
    """An eye's outline: the upper lid from left to right, then the lower lid back."""
    lid = _steps()
    upper = [(centre[0] - width + 2 * width * t, centre[1] - up * np.sin(np.pi * t) ** 0.8) for t in lid]
    lower = [(centre[0] + width - 2 * width * t, centre[1] + down * np.sin(np.pi * t)) for t in lid]
    return upper + lower


def _between(x: np.ndarray, top: np.ndarray, bottom: np.ndarray) -> Outline:
    return list(zip(x, top, strict=True)) + list(zip(x[::-1], bottom[::-1], strict=True))


def _smooth(points: Outline, *, closed: bool = True) -> Outline:
    """A Catmull-Rom curve through points."""
    count = len(points)
    at = (lambda i: points[i % count]) if closed else (lambda i: points[min(max(i, 0), count - 1)])
    curve = []
    for i in range(count if closed else count - 1):
        p0, p1, p2, p3 = (np.array(at(i + k), dtype=float) for k in (-1, 0, 1, 2))
        for t in np.linspace(0, 1, 16, endpoint=False):
            a, b = 2 * p0 - 5 * p1 + 4 * p2 - p3, 3 * p1 - p0 - 3 * p2 + p3
            curve.append(tuple(0.5 * (2 * p1 + (p2 - p0) * t + a * t**2 + b * t**3)))
    return curve if closed else [*curve, points[-1]]


def _steps() -> list[float]:
    return list(np.linspace(0, 1, 40))


def _mix(one: Colour, other: Colour, share: float) -> Colour:
    red, green, blue = (round(a * (1 - share) + b * share) for a, b in zip(one, other, strict=True))
    return red, green, blue
