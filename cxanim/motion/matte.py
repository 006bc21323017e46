"""Where the person is in a picture, what is behind them, and how the one is set before the other."""

import cv2
import numpy as np

_REACH_CELLS = 64


def composite(front: np.ndarray, alpha: np.ndarray, back: np.ndarray) -> np.ndarray:
    """Set `front` (H, W, 3) before `back` where `alpha` (H, W) uint8 says so."""
    weight = alpha.astype(np.float32) * (1 / 255)
    return cv2.blendLinear(front, back, weight, 1 - weight)


def reach_of(alpha: np.ndarray) -> np.ndarray:
    """(S, S) uint8, 255 where the person (S, S) uint8 is, falling to 0 over a rim of some 1/24 of the picture."""
    little = cv2.resize(alpha, (_REACH_CELLS, _REACH_CELLS), interpolation=cv2.INTER_AREA)
    little = cv2.blur(cv2.dilate(little, np.ones((5, 5), np.uint8)), (3, 3))
    return cv2.resize(little, alpha.shape[::-1], interpolation=cv2.INTER_LINEAR)


def face_stencil(face: np.ndarray, size_px: int) -> np.ndarray:
    """(S, S) float32, 1 on the face and a soft rim round it, 0 elsewhere: what surely belongs to the person."""
    hull = cv2.convexHull((face[:468, :2] * size_px).astype(np.float32)).astype(np.int32)
    stencil = np.zeros((size_px, size_px), np.uint8)
    cv2.fillConvexPoly(stencil, hull, 255, cv2.LINE_AA)
    width = face[:468, 0].max() - face[:468, 0].min()
    rim = max(3, int(0.08 * width * size_px) | 1)
    stencil = cv2.dilate(stencil, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (rim, rim)))
    return cv2.GaussianBlur(stencil, (0, 0), rim / 3).astype(np.float32) / 255


def background_plate(picture: np.ndarray, matte: np.ndarray) -> np.ndarray:
    """The picture with the person painted over from the sides: what shows where a moving head uncovers it."""
    size = picture.shape[0]
    small = 128 if size >= 128 else size
    little = cv2.resize(picture, (small, small), interpolation=cv2.INTER_AREA)
    person = cv2.resize(matte, (small, small), interpolation=cv2.INTER_AREA) > 0.1
    person = cv2.dilate(person.astype(np.uint8), np.ones((3, 3), np.uint8))
    if person.all():
        return picture.copy()
    filled = cv2.inpaint(little, person, 4, cv2.INPAINT_TELEA)
    filled = cv2.resize(filled, (size, size), interpolation=cv2.INTER_CUBIC)
    # Where nobody stands the plate is the picture itself, pixel for pixel.
    grown = cv2.dilate((matte > 0.02).astype(np.uint8), np.ones((3, 3), np.uint8)) * 255
    return composite(filled, cv2.GaussianBlur(grown, (0, 0), max(1.0, size / 256)), picture)
