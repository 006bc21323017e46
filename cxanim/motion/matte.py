"""Where the person is in a picture, what is behind them, and how the one is set before the other."""

import cv2
import numpy as np

from cxanim.motion import landmarks as lm
from cxanim.motion.pose import face_box

_FACE_GROWN, _FACE_RIM = 0.1, 0.15  # round a face's box, in its sides
_REACH_CELLS = 64
_ENDS = ((15, 19), (16, 20))  # the hands
_SURE = (0.3, 0.8)  # of what a segmentation says: less is wall, more is person
_OTHER_LEVELS = (6, 20)  # from which on, and from where surely, a pixel shows something else than the plate
_GAP = 1 / 36  # of the picture: gaps up to so wide are closed where a segmentation knows no gap


def decided(matte: np.ndarray) -> np.ndarray:
    """A segmentation's word (H, W) in [0, 1], made decided: hardly a person is none, mostly one is one."""
    return np.clip((matte - _SURE[0]) / (_SURE[1] - _SURE[0]), 0, 1)


def apart_from(picture: np.ndarray, plate: np.ndarray) -> np.ndarray:
    """How far each pixel of a picture (S, S, 3) uint8 shows something else than the plate, (S, S) float32 in [0, 1].

    A pixel of the plate may have gone to any of its neighbours: a camera never stands quite still.
    """
    around = np.ones((3, 3), np.uint8)
    beyond = cv2.max(cv2.subtract(picture, cv2.dilate(plate, around)), cv2.subtract(cv2.erode(plate, around), picture))
    levels = cv2.blur(beyond.max(axis=2), (3, 3)).astype(np.float32)
    least, most = _OTHER_LEVELS
    return np.clip((levels - least) / (most - least), 0, 1)


def joined(part: np.ndarray, whole: np.ndarray, surely: np.ndarray) -> np.ndarray:
    """A matte (S, S) in [0, 1] with its narrow gaps closed as far as `whole` (S, S) is, and without what is not joined
    to what `surely` (S, S) belongs to it: a white stripe before a white wall is the shirt's, a spot on the wall not."""
    across = max(3, round(_GAP * len(part)) | 1)
    closed = cv2.morphologyEx(part, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (across, across)))
    part = np.maximum(part, np.minimum(closed, whole))
    count, islands = cv2.connectedComponents((part > 0.3).astype(np.uint8))
    is_its = np.zeros(count, np.uint8)
    is_its[np.unique(islands[surely > 0])] = 1
    is_its[0] = 0
    with_soft_rim = cv2.dilate(is_its[islands], np.ones((5, 5), np.uint8))
    return part * with_soft_rim


def without_rim(matte: np.ndarray) -> np.ndarray:
    """A matte (S, S) in [0, 1] without its outermost pixel, half of which shows what is behind; softened by as much."""
    smaller = cv2.erode(matte, cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3)))
    return cv2.blur(smaller, (3, 3))


def composite(front: np.ndarray, alpha: np.ndarray, back: np.ndarray) -> np.ndarray:
    """Set `front` (H, W, 3) before `back` where `alpha` (H, W) uint8 says so."""
    weight = alpha.astype(np.float32) * (1 / 255)
    return cv2.blendLinear(front, back, weight, 1 - weight)


def reach_of(alpha: np.ndarray) -> np.ndarray:
    """(S, S) uint8, 255 where the person (S, S) uint8 is, falling to 0 over a rim of some 1/24 of the picture."""
    little = cv2.resize(alpha, (_REACH_CELLS, _REACH_CELLS), interpolation=cv2.INTER_AREA)
    little = cv2.blur(cv2.dilate(little, np.ones((5, 5), np.uint8)), (3, 3))
    return cv2.resize(little, alpha.shape[::-1], interpolation=cv2.INTER_LINEAR)


def near_face(reach: np.ndarray, face: np.ndarray) -> np.ndarray:
    """What of a reach (S, S) uint8 is on a face (478, 3), falling to nothing from within its outline to beyond it."""
    near = np.zeros_like(reach)
    x0, y0, x1, y1 = (round(edge * len(reach)) for edge in face_box(face, grow=_FACE_GROWN))
    middle, radii = ((x0 + x1) // 2, (y0 + y1) // 2), ((x1 - x0) // 2, (y1 - y0) // 2)
    cv2.ellipse(near, middle, radii, 0, 0, 360, 255, thickness=-1)
    rim = max(3, round(_FACE_RIM * (x1 - x0))) | 1
    return cv2.min(reach, cv2.blur(near, (rim, rim)))


def face_stencil(face: np.ndarray, size_px: int) -> np.ndarray:
    """(S, S) float32, 1 on the face and a soft rim round it, 0 elsewhere: what surely belongs to the person."""
    hull = cv2.convexHull((face[:468, :2] * size_px).astype(np.float32)).astype(np.int32)
    stencil = np.zeros((size_px, size_px), np.uint8)
    cv2.fillConvexPoly(stencil, hull, 255, cv2.LINE_AA)
    width = face[:468, 0].max() - face[:468, 0].min()
    rim = max(3, int(0.08 * width * size_px) | 1)
    stencil = cv2.dilate(stencil, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (rim, rim)))
    return cv2.GaussianBlur(stencil, (0, 0), rim / 3).astype(np.float32) / 255


def figure_stencil(joints: np.ndarray, size_px: int, thickness: float, head: float = 0.6) -> np.ndarray:
    """(S, S) uint8, 255 on the bones of a figure, its trunk and its head.

    Args:
        joints: (35, 2) or more numbers each, as in `skeleton.py`.
        size_px: side.
        thickness: of the bones, in shares of the side.
        head: radius of the head, in shares of its distance from the chest; half a bone is added.
    """
    points = np.round(np.clip(joints[:, :2], -1, 2) * size_px - 0.5).astype(np.int32)
    width = max(1, round(thickness * size_px))
    stencil = np.zeros((size_px, size_px), np.uint8)
    for start, end in (*lm.BODY_LIMBS, *_ENDS):
        cv2.line(stencil, points[start].tolist(), points[end].tolist(), 255, width)
    cv2.fillConvexPoly(stencil, cv2.convexHull(points[[11, 12, 23, 24]]), 255)
    middle = points[:11].mean(axis=0).round().astype(int)
    chest = points[[11, 12]].mean(axis=0)
    cv2.circle(
        stencil, middle.tolist(), max(1, round(head * float(np.linalg.norm(middle - chest)) + width / 2)), 255, -1
    )
    return stencil


def background_plate(picture: np.ndarray, matte: np.ndarray, beyond: np.ndarray | None = None) -> np.ndarray:
    """The picture with the person painted over from the sides: what shows where a moving head uncovers it.

    Args:
        picture: (S, S, 3) uint8.
        matte: (S, S) float32 in [0, 1], how much of each pixel is the person.
        beyond: (S, S) bool, what is no ground although nobody is there: it stays as it is, and nothing is made of it.
    """
    size = picture.shape[0]
    small = 128 if size >= 128 else size
    little = cv2.resize(picture, (small, small), interpolation=cv2.INTER_AREA)
    person = cv2.resize(matte, (small, small), interpolation=cv2.INTER_AREA) > 0.1
    person = cv2.dilate(person.astype(np.uint8), np.ones((3, 3), np.uint8))
    if beyond is not None:
        person |= cv2.resize(beyond.astype(np.float32), (small, small), interpolation=cv2.INTER_AREA) > 0.1
    if person.all():
        return picture.copy()
    filled = cv2.inpaint(little, person, 4, cv2.INPAINT_TELEA)
    filled = cv2.resize(filled, (size, size), interpolation=cv2.INTER_CUBIC)
    # Where nobody stands the plate is the picture itself, pixel for pixel.
    grown = cv2.dilate((matte > 0.02).astype(np.uint8), np.ones((3, 3), np.uint8)) * 255
    return composite(filled, cv2.GaussianBlur(grown, (0, 0), max(1.0, size / 256)), picture)
