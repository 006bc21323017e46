"""Where the face of a picture is, as nearly as can be told: what a person begins with who places it by hand.

General idea: first the faces that a detector finds; then what it doubts, if that is as symmetric as faces are; at last
a common face where the head of what stands out from its background must be.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from cxanim.motion import landmarks as lm
from cxanim.motion.crop import Crop
from cxanim.motion.detect import find_faces, find_perhaps
from cxanim.motion.head import head_angles
from cxanim.motion.pose import Pose, eye_distance
from cxanim.motion.template import at_eyes, fit_template, named_points

_PATCH_PX = 48
_LEAST_SYMMETRY = 0.55  # correlation of a face with its mirror image
_LARGER = 0.15  # of that correlation, for which a face is preferred that is e times as large
_MOST_ROLL_DEG = 50.0
_STANDS_OUT = 12.0  # CIELAB distance from the picture's rim
_SMALL_PX = 192
_SURE = (
    "right_eye_outer", "right_eye_inner", "left_eye_inner", "left_eye_outer", "nose_tip", "chin", "right_cheek",
    "left_cheek",
)  # fmt: skip


@dataclass(frozen=True)
class Guess:
    """A face, and how much is to be thought of it.

    Attributes:
        face: (478, 3) in the picture's own square.
        is_found: whether a detector is sure of it.
        is_seen: whether anything in the picture looks like it; otherwise it only lies where a face may be.
    """

    face: np.ndarray
    is_found: bool
    is_seen: bool = True


def guess_faces(picture: np.ndarray, alpha: np.ndarray | None = None) -> list[Guess]:
    """The faces of a picture, the largest first; one guess at least.

    Args:
        picture: (H, W, 3) uint8 RGB.
        alpha: (H, W) uint8 of a picture that is cut out.
    """
    found = find_faces(picture, everyone=True)
    if found:
        return [Guess(face, True) for face in found]
    doubted = [(symmetry(picture, face), face) for face in find_perhaps(picture)]
    likely = [(alike, face) for alike, face in doubted if alike >= _LEAST_SYMMETRY]
    if likely:
        # Nostrils make a small face in a muzzle that is as symmetric as the large one round it.
        best = max(likely, key=lambda pair: pair[0] + _LARGER * np.log(eye_distance(pair[1])))[1]
        return [Guess(_tidied(best), False)]
    return [Guess(_at_the_head(picture, alpha), False, False)]


def _tidied(face: np.ndarray) -> np.ndarray:
    """A face that is doubted has its place and its extent; its lips and lids may be in knots."""
    points = named_points(face)
    try:
        return fit_template({name: points[name] for name in _SURE})
    except ValueError:
        return at_eyes(*(face[corners, :2].mean(0) for corners in ([33, 133], [362, 263])))


def symmetry(picture: np.ndarray, face: np.ndarray) -> float:
    """How alike the two halves of a face are in the picture, from -1 to 1; -1 for none that stands upright."""
    if abs(head_angles(face)[2]) > _MOST_ROLL_DEG:
        return -1.0
    height, width = picture.shape[:2]
    whole = Crop.whole(width, height)
    place = face[:, :2] * whole.side_px + (whole.x_px, whole.y_px)
    right, left, chin = place[[33, 133]].mean(0), place[[362, 263]].mean(0), place[lm.CHIN]
    x = (left - right) * 1.6
    middle = (right + left) / 2
    y = np.array([-x[1], x[0]])
    down = np.clip((chin - middle) @ y / (y @ y), 0.3, 1.2) * y
    corners = np.array(
        [middle - x / 2 - 0.3 * down, middle + x / 2 - 0.3 * down, middle - x / 2 + 0.8 * down], np.float32
    )
    square = np.array([[0, 0], [_PATCH_PX, 0], [0, _PATCH_PX]], np.float32)
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    patch = cv2.warpAffine(grey, cv2.getAffineTransform(corners, square), (_PATCH_PX, _PATCH_PX)).astype(np.float32)
    patch = cv2.GaussianBlur(patch, (0, 0), 1.5) - cv2.GaussianBlur(patch, (0, 0), 10)
    mirror = patch[:, ::-1]
    return float((patch * mirror).sum() / max((patch * patch).sum(), 1e-6))


def _at_the_head(picture: np.ndarray, alpha: np.ndarray | None) -> np.ndarray:
    """A common face in the upper part of what stands out from the background."""
    height, width = picture.shape[:2]
    left, top, right, bottom = _extent(picture, alpha)
    across, along = right - left, bottom - top
    side = min(across, along) if along < 1.4 * across else min(across, along / 3.5)
    rows = slice(top, max(top + 1, round(top + side)))
    middle_x = _middle_of(picture, alpha, rows, (left + right) / 2)
    eyes_y, apart = top + 0.45 * side, 0.19 * side
    face = at_eyes((middle_x - apart, eyes_y), (middle_x + apart, eyes_y))
    whole = Crop.whole(width, height)
    scale = 1 / whole.side_px
    return Pose(face=face).placed(scale, -whole.x_px * scale, -whole.y_px * scale).need_face()


def _extent(picture: np.ndarray, alpha: np.ndarray | None) -> tuple[int, int, int, int]:
    height, width = picture.shape[:2]
    subject = _subject(picture, alpha)
    count, _, stats, _ = cv2.connectedComponentsWithStats(subject)
    if count < 2:
        return 0, 0, width, height
    x, y, across, along, area = stats[1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))]
    if area < 0.01 * subject.size:
        return 0, 0, width, height
    back_x, back_y = width / subject.shape[1], height / subject.shape[0]
    return round(x * back_x), round(y * back_y), round((x + across) * back_x), round((y + along) * back_y)


def _middle_of(picture: np.ndarray, alpha: np.ndarray | None, rows: slice, otherwise: float) -> float:
    subject = _subject(picture, alpha)
    scale = subject.shape[0] / picture.shape[0]
    columns = np.nonzero(subject[int(rows.start * scale) : max(int(rows.stop * scale), int(rows.start * scale) + 1)])[1]
    return float(np.median(columns) + 0.5) * picture.shape[1] / subject.shape[1] if len(columns) else otherwise


def _subject(picture: np.ndarray, alpha: np.ndarray | None) -> np.ndarray:
    """What stands out from the rim of a picture, small, (h, w) uint8 of 0 and 1."""
    scale = min(1.0, _SMALL_PX / max(picture.shape[:2]))
    size = max(8, round(picture.shape[1] * scale)), max(8, round(picture.shape[0] * scale))
    if alpha is not None:
        return (cv2.resize(alpha, size, interpolation=cv2.INTER_AREA) > 128).astype(np.uint8)
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    lab = cv2.cvtColor(small, cv2.COLOR_RGB2LAB)
    # The lower rim is left out: there a subject goes on.
    rim = np.vstack([lab[0], lab[: size[1] // 2, 0], lab[: size[1] // 2, -1]])
    away = np.linalg.norm(lab - np.median(rim, axis=0), axis=2)
    subject = away > max(_STANDS_OUT, float(np.percentile(np.linalg.norm(rim - np.median(rim, 0), axis=1), 90)))
    return cv2.morphologyEx(subject.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((7, 7), np.uint8))
