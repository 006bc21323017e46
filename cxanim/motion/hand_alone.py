"""Tells a hand from a body: where a hand fills the picture, the detector of bodies sees one in it.

General idea: a body that shows its face is one. Of others some are looked at again, for hands, without asking a body
where to look: a hand as long as a trunk is what was taken for a body. A person's is less than half of it.
"""

import contextlib
from typing import Any

import numpy as np

from cxanim.motion.mediapipe_door import quiet, shrunk, solutions
from cxanim.motion.pose import Pose
from cxanim.motion.skeleton import CHEST, HIPS, joints_of

_LOOKS_EVERY = 5  # bodies without a face
_LARGE = 1.0  # lengths of the trunk; hands alone had 1.3 and more, those of people .48 at most


class HandAlone:
    """Watches one stream of frames for a hand that is taken for a body."""

    def __init__(self) -> None:
        self._solution: Any = None
        self._is_hand, self._faceless = False, 0

    def is_in(self, frame: np.ndarray, pose: Pose) -> bool:
        """Whether what was found in a frame (H, W, 3) as a body is a hand; the frames of a stream come in order."""
        if pose.body is None or pose.face is not None:
            self._is_hand, self._faceless = False, 0
            return False
        if self._faceless % _LOOKS_EVERY == 0:
            self._is_hand = self._longest(frame) > _LARGE * _trunk(pose.body)
        self._faceless += 1
        return self._is_hand

    def prepare(self) -> None:
        """Load the networks, which takes a moment."""
        self._longest(np.zeros((64, 64, 3), np.uint8))

    def _longest(self, frame: np.ndarray) -> float:
        """Length of the longest hand in a frame, in sides of its square; 0 where there is none."""
        with contextlib.nullcontext() if self._solution is not None else quiet():
            if self._solution is None:
                self._solution = solutions().hands.Hands(static_image_mode=True)
            hands = self._solution.process(shrunk(frame)).multi_hand_landmarks or ()
        height, width = frame.shape[:2]
        sides = np.array([width, height]) / max(width, height)
        return max((_extent(hand, sides) for hand in hands), default=0.0)

    def close(self) -> None:
        """Free the networks, and forget what was seen."""
        self._is_hand, self._faceless = False, 0
        if self._solution is not None:
            self._solution.close()
            self._solution = None

    def __enter__(self) -> "HandAlone":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _extent(hand: Any, sides: np.ndarray) -> float:
    points = np.array([(point.x, point.y) for point in hand.landmark]) * sides
    return float(np.ptp(points, axis=0).max())


def _trunk(body: np.ndarray) -> float:
    joints = joints_of(body)[0]
    return float(np.linalg.norm(joints[CHEST] - joints[HIPS]))
