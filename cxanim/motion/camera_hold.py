"""Brings the frames of a held camera to one view: a hand trembles and drifts, and a plate can only stand still.

General idea: corners of the background of one picture are followed into another by optical flow, there and back; the
similarity (turn, scale, shift) that most of them agree on is how the camera went. The picture is moved back by it, and
so is whoever was found in it.

Source: B. Lucas, T. Kanade, IJCAI 1981 (flow, in pyramids, by OpenCV); M. Fischler, R. Bolles, CACM 1981 (RANSAC).

Convention: matrices (2, 3) take pixels of a frame to pixels of the anchor, integers being pixel centres; poses are
normalised to the square picture.
"""

import cv2
import numpy as np

from cxanim.motion.pose import Pose

_CORNERS, _LEAST, _AGREE = 300, 12, 0.5
_BACK_PX, _OFF_PX = 1.0, 1.5  # how far a corner may come back from where it began, and lie from where most say
_SPREAD = 0.06  # of the side, how far those that agree lie about at least: one thing that turns is no camera
_STILL_PX = 0.4  # a camera that went no farther than that has stood: nothing is resampled
_FARTHEST = 0.25  # of the side: what goes farther shows another place


class Anchor:
    """One view that frames are brought to.

    Args:
        picture: (H, W, 3) uint8.
        person: (H, W) bool, what of it does not belong to the background.
        corners: how many are followed at most, on which the time depends.
    """

    def __init__(self, picture: np.ndarray, person: np.ndarray, corners: int = _CORNERS):
        self._grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        free = np.where(person, 0, 255).astype(np.uint8)
        apart_px = max(3, max(picture.shape[:2]) / 64)
        found = cv2.goodFeaturesToTrack(self._grey, corners, 0.01, apart_px, mask=free)
        self._corners = np.empty((0, 1, 2), np.float32) if found is None else found

    def way_from(self, frame: np.ndarray, person: np.ndarray, near: np.ndarray | None = None) -> np.ndarray | None:
        """What takes a frame (H, W, 3) to the anchor, (2, 3) float64; None where too little is the same in both.

        Args:
            person: (H, W) bool, what of the frame does not belong to its background.
            near: (2, 3) about what is expected, from where the search begins.
        """
        if len(self._corners) < _LEAST:
            return None
        grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
        begin = None if near is None else _carried(self._corners, cv2.invertAffineTransform(near))
        there, found = _flowed(self._grey, grey, self._corners, begin)
        back, found_back = _flowed(grey, self._grey, there, None if near is None else _carried(there, near))
        height, width = grey.shape
        x, y = np.round(there[:, 0]).astype(int).T
        kept = found & found_back & (x >= 0) & (x < width) & (y >= 0) & (y < height)
        kept[kept] = ~person[y[kept], x[kept]]
        kept &= np.linalg.norm(back - self._corners, axis=2)[:, 0] < _BACK_PX
        if kept.sum() < _LEAST:
            return None
        matrix, agree = cv2.estimateAffinePartial2D(
            there[kept], self._corners[kept], method=cv2.RANSAC, ransacReprojThreshold=_OFF_PX
        )
        if matrix is None or agree.mean() < _AGREE:
            return None
        size = max(height, width)
        about_px = np.sqrt(np.linalg.eigvalsh(np.cov(self._corners[kept][agree[:, 0] == 1][:, 0].T))[0])
        if about_px < _SPREAD * size or farthest_px(matrix, size) > _FARTHEST * size:
            return None
        return matrix


def _flowed(
    before: np.ndarray, after: np.ndarray, points: np.ndarray, begin: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Where points (N, 1, 2) of one grey picture are in another, sought from `begin` on, and which were found (N,)."""
    flags = 0 if begin is None else cv2.OPTFLOW_USE_INITIAL_FLOW
    there, found, _ = cv2.calcOpticalFlowPyrLK(before, after, points, begin, maxLevel=4, flags=flags)
    return there, found[:, 0] == 1


def _carried(points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    return cv2.transform(points, matrix).astype(np.float32)


def farthest_px(matrix: np.ndarray, size_px: int) -> float:
    """How far a matrix (2, 3) moves a corner of a square picture, at most."""
    edge = size_px - 1.0
    corners = np.array([[0, 0], [edge, 0], [0, edge], [edge, edge]])
    return float(np.linalg.norm(corners @ matrix[:, :2].T + matrix[:, 2] - corners, axis=1).max())


def brought(picture: np.ndarray, pose: Pose, matrix: np.ndarray | None) -> tuple[np.ndarray, Pose]:
    """A frame (S, S, 3) and the pose in it as the anchor's camera would see them.

    As they are where there is no matrix, or where it is next to nothing.
    """
    size = len(picture)
    if matrix is None or farthest_px(matrix, size) < _STILL_PX:
        return picture, pose
    moved = cv2.warpAffine(picture, matrix, (size, size), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    turn, shift = matrix[:, :2], matrix[:, 2]
    scale = float(np.sqrt(abs(np.linalg.det(turn))))

    def place(points: np.ndarray | None) -> np.ndarray | None:
        if points is None:
            return None
        placed = points.copy()
        placed[:, :2] = ((points[:, :2] * size - 0.5) @ turn.T + shift + 0.5) / size
        placed[:, 2] *= scale
        return placed

    return moved, Pose(*(place(part) for part in (pose.face, pose.body, pose.left_hand, pose.right_hand)))
