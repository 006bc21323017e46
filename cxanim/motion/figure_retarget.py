"""Hands and face of a driver on a target's body: the target's own wrists, head and sizes, the driver's fingers, looks.

General idea: the body is retargeted bone by bone (`body_retarget.py`). A hand keeps the driver's shape, in the size of
the target's, at the target's wrist. A face does what the driver's does in the target's proportions (`retarget.py`), and
sits where the target's eyes have come to be. Where the driver shows none, as a capture does, or a hand before it, the
target's is relaxed, for as long as it looks towards the camera.

Convention: as in `pose.py` and `skeleton.py`; the driver's and the target's squares need not be the same.
"""

from collections.abc import Sequence

import numpy as np

from cxanim.motion.body_build import Build, Filmed
from cxanim.motion.body_retarget import retargeted
from cxanim.motion.landmarks import BODY_POINTS
from cxanim.motion.pose import Pose
from cxanim.motion.retarget import Gains, Performance, Performer, Retargeting, most_neutral, still
from cxanim.motion.room import Room, keep_within
from cxanim.motion.skeleton import HIPS, INDEX, SHOULDER, WRIST, joints_of

_EYES = (2, 5)  # of a body
_NOSE, _EAR = 0, 7  # of a body; the right ear follows the left one
_EYE_CORNERS = (33, 133, 362, 263)  # of a face
# How broad shoulders are seen, in their breadth, and how near to one ear the nose is, in the distance of both, up to
# where somebody looks towards the camera.
_BROAD, _ASIDE = 0.5, 0.2
_COMES_S = 0.35  # in which a face that is seen again, or no longer, comes to what it does then


def retargeted_figure(
    poses: Sequence[Pose],
    fps: float,
    rest: np.ndarray,
    target: Build,
    neutral_face: np.ndarray | None,
    gains: Gains | None = None,
    room: Room | None = None,
) -> list[Pose]:
    """What a target does for a driver's poses, which are all known beforehand.

    Args:
        poses: the driver's; at least one has a body.
        fps: of the poses.
        rest: (33, 4) the target's own body, at rest.
        target: how the target is made.
        neutral_face: (478, 3) the target's relaxed face; without one no face is moved.
        gains: how much of the face's motion arrives.
        room: within which the target is to stay; it may go anywhere if None.

    Returns:
        A pose for each, in the target's square, with a body, hands where the driver shows them, and a face where the
        driver shows one or the target looks towards the camera.

    Raises:
        ValueError: there is no body at all.
        NoFigure: of the two nothing is seen by which one could be measured by the other.
    """
    bodies = [pose.body for pose in poses]
    known = [body for body in bodies if body is not None]
    if not known:
        raise ValueError("poses: got none with a body, expected at least one")
    joints = retargeted(bodies, fps, joints_of(rest)[0], target)
    if room is not None:
        joints = keep_within(joints, room)
    filmed = Filmed.of(*joints_of(np.stack(known)), fps)
    faces = [pose.face for pose in poses]
    driver_face = faces[most_neutral(faces)] if any(face is not None for face in faces) else None
    rest_of_it = HandsAndFace(filmed.build, target, driver_face, neutral_face, gains)
    made, at = [], -1
    for pose, placed in zip(poses, joints, strict=True):
        at += pose.body is not None
        made.append(rest_of_it.on(pose, placed, float(filmed.sizes[max(at, 0)]), 1 / fps))
    return made


class HandsAndFace:
    """Completes a target's bodies by the driver's hands and face.

    Args:
        driver, target: how both are made.
        driver_face, target_face: (478, 3) the relaxed faces; without the first the target's stays relaxed, without the
            second no face is moved.
        gains: how much of the face's motion arrives.
    """

    def __init__(
        self,
        driver: Build,
        target: Build,
        driver_face: np.ndarray | None,
        target_face: np.ndarray | None,
        gains: Gains | None = None,
    ):
        self._target = target
        bone = INDEX if np.isfinite(target.lengths[INDEX] * driver.lengths[INDEX]) else WRIST
        self._hand_scale = float(target.lengths[bone] / driver.lengths[bone])
        self._acts, self._rests = None, None
        if target_face is not None:
            self._rests = Performer(target_face)
            if driver_face is not None:
                self._acts = Retargeting(driver_face, target_face, gains)
        self._before: tuple[bool, np.ndarray] | None = None
        self._way, self._left_s = np.zeros((478, 3), np.float32), 0.0

    def on(self, pose: Pose, placed: np.ndarray, size: float, step_s: float, added: Performance | None = None) -> Pose:
        """The target's next pose.

        Args:
            pose: the driver's.
            placed: (35, 3) the target's joints, and their depth in lengths of the trunk.
            size: how large the driver is seen, of the size by which it was measured.
            step_s: how long after the one before.
            added: what the target's face does besides.
        """
        hands = [self._hand(pose, placed, right, self._hand_scale / size) for right in (0, 1)]
        face = self._face(pose, placed, step_s, added)
        return Pose(face=face, body=_as_body(placed, self._target), left_hand=hands[0], right_hand=hands[1])

    def _face(self, pose: Pose, placed: np.ndarray, step_s: float, added: Performance | None) -> np.ndarray | None:
        """The target's face on its head, softly come to what it does when the driver's is lost, or found again."""
        acts = False
        if self._acts is not None and pose.face is not None and pose.body is not None:
            acts, face = True, self._acts.face(pose.face, added)
        elif self._rests is not None and _looks_here(placed, self._target):
            face = self._rests.face(still(), added=added)
        else:
            self._before = None
            return None
        self._left_s = max(0.0, self._left_s - step_s)
        if self._before is None:
            self._left_s = 0.0
        elif self._before[0] != acts:
            self._way, self._left_s = self._before[1] - face, _COMES_S
        share = self._left_s / _COMES_S
        face = face + np.float32(share * share * (3 - 2 * share)) * self._way
        self._before = acts, face
        return _on_the_head(face, placed)

    @staticmethod
    def _hand(pose: Pose, placed: np.ndarray, right: int, scale: float) -> np.ndarray | None:
        """The driver's hand (21, 3) at the target's wrist."""
        hand = pose.right_hand if right else pose.left_hand
        if hand is None or pose.body is None or not np.isfinite(scale):
            return None
        moved = scale * (hand - hand[0])
        moved[:, :2] += placed[WRIST + right, :2]
        return moved.astype(np.float32)


def _as_body(placed: np.ndarray, target: Build) -> np.ndarray:
    """A body (33, 4) of joints with their depth in lengths of the trunk (35, 3); seen is what the target is known to
    have."""
    body = np.ones((BODY_POINTS, 4), np.float32)
    body[:, :2] = placed[:BODY_POINTS, :2]
    body[:, 2] = (placed[:BODY_POINTS, 2] - placed[HIPS, 2]) * target.trunk
    body[:, 3] = np.isfinite(target.lengths[:BODY_POINTS])
    return body


def _looks_here(placed: np.ndarray, target: Build) -> bool:
    """Whether somebody with joints (35, 3) looks towards the camera, as far as shoulders, ears and nose tell."""
    x = placed[:, 0]
    breadth = target.lengths[[SHOULDER, SHOULDER + 1]].sum()
    if x[SHOULDER] - x[SHOULDER + 1] < _BROAD * breadth:
        return False
    ears = x[_EAR] - x[_EAR + 1]
    return bool(ears > 0 and _ASIDE < (x[_NOSE] - x[_EAR + 1]) / ears < 1 - _ASIDE)


def _on_the_head(face: np.ndarray, placed: np.ndarray) -> np.ndarray:
    """A face (478, 3), moved so that its eyes are where the head's are."""
    eyes = placed[list(_EYES), :2].mean(0)
    moved = face.copy()
    moved[:, :2] += eyes - face[list(_EYE_CORNERS), :2].mean(0)
    return moved
