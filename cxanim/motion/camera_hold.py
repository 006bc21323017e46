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
_STILL_PX = 0.4  # a camera that went no farther than that has stood: nothing is resampled
_FARTHEST = 0.25  # of the side: what goes farther shows another place


class Anchor:
    """One view that frames are brought to.

    Args:
        picture: (S, S, 3) uint8.
        person: (S, S) bool, what of it does not belong to the background.
    """

    def __init__(self, picture: np.ndarray, person: np.ndarray):
        self._grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        free = np.where(person, 0, 255).astype(np.uint8)
        corners = cv2.goodFeaturesToTrack(self._grey, _CORNERS, 0.01, max(3, len(picture) / 64), mask=free)
        self._corners = np.empty((0, 1, 2), np.float32) if corners is None else corners

    def way_from(self, frame: np.ndarray, person: np.ndarray) -> np.ndarray | None:
        """What takes a frame (S, S, 3) to the anchor, (2, 3) float64; None where too little is the same in both.

        Args:
            person: (S, S) bool, what of the frame does not belong to its background.
        """
        if len(self._corners) < _LEAST:
            return None
        grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
        there, found, _ = cv2.calcOpticalFlowPyrLK(self._grey, grey, self._corners, None, maxLevel=4)
        back, found_back, _ = cv2.calcOpticalFlowPyrLK(grey, self._grey, there, None, maxLevel=4)
        x, y = np.clip(np.round(there[:, 0]), 0, len(frame) - 1).astype(int).T
        kept = (found[:, 0] == 1) & (found_back[:, 0] == 1) & ~person[y, x]
        kept &= np.linalg.norm(back - self._corners, axis=2)[:, 0] < _BACK_PX
        if kept.sum() < _LEAST:
            return None
        matrix, agree = cv2.estimateAffinePartial2D(
            there[kept], self._corners[kept], method=cv2.RANSAC, ransacReprojThreshold=_OFF_PX
        )
        if matrix is None or agree.mean() < _AGREE or farthest_px(matrix, len(frame)) > _FARTHEST * len(frame):
            return None
        return matrix


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
