"""The bones of a body: what hangs on what, how long it is, and how a body is put together from its bones.

General idea: every joint hangs on one nearer to the root, and the way from the one to the other is a bone. A body is
its root and its bones, so that it can be taken apart, each bone changed, and put together again.

Convention:
    - joints are (35, 2): the 33 points of a body as in `pose.py`, then the middles of the hips and of the shoulders, as
      (x, y) in the same square. Left and right are the subject's own.
    - the bone of a joint is the way to it from the joint that it hangs on; that of the root is nought.
"""

import numpy as np

from cxanim.motion import landmarks as lm

HIPS, CHEST = lm.BODY_POINTS, lm.BODY_POINTS + 1
JOINTS = lm.BODY_POINTS + 2
SEEN = 0.5  # visibility from which a point counts as seen
_HEAD = range(11)
# Numbers of the left points; those of the right are one more.
SHOULDER, ELBOW, WRIST, PINKY, INDEX, THUMB, HIP, KNEE, ANKLE, HEEL, TOE = range(11, 33, 2)


def _parents() -> np.ndarray:
    parents = np.full(JOINTS, HIPS)
    parents[list(_HEAD)] = CHEST
    hangs_on = {ELBOW: SHOULDER, WRIST: ELBOW, PINKY: WRIST, INDEX: WRIST, THUMB: WRIST}
    hangs_on |= {KNEE: HIP, ANKLE: KNEE, HEEL: ANKLE, TOE: ANKLE}
    for right in (0, 1):
        parents[SHOULDER + right], parents[HIP + right] = CHEST, HIPS
        for joint, parent in hangs_on.items():
            parents[joint + right] = parent + right
    return parents


PARENTS = _parents()
LEAST_JOINTS, _RIM = 6, 0.05
_MAIN = (SHOULDER, ELBOW, WRIST, HIP, KNEE, ANKLE)
_OUTWARDS = (HIPS, CHEST, *range(11), *range(11, 33))  # each after the joint that it hangs on


def joints_of(body: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places (..., 35, 2) and visibilities (..., 35) of a body (..., 33, 4)."""
    pairs = [(HIP, HIP + 1), (SHOULDER, SHOULDER + 1)]
    middles = np.stack([(body[..., a, :] + body[..., b, :]) / 2 for a, b in pairs], axis=-2)
    for row, (a, b) in enumerate(pairs):
        middles[..., row, 3] = np.minimum(body[..., a, 3], body[..., b, 3])
    whole = np.concatenate([body, middles], axis=-2)
    return whole[..., :2].astype(np.float64), whole[..., 3].astype(np.float64)


def shows_a_figure(body: np.ndarray) -> bool:
    """Whether enough joints of a body (33, 4) are seen in the square: detectors see bodies in hands and chairs too.

    A body upside down that has no arms is a hand; who stands on their hands shows them.
    """
    arms = body[[ELBOW, ELBOW + 1, WRIST, WRIST + 1], 3]
    if arms.max() < SEEN and joints_of(body)[0][CHEST, 1] > joints_of(body)[0][HIPS, 1]:
        return False
    joints = body[[joint + right for joint in _MAIN for right in (0, 1)]]
    inside = ((joints[:, :2] > -_RIM) & (joints[:, :2] < 1 + _RIM)).all(1)
    return bool(((joints[:, 3] >= SEEN) & inside).sum() >= LEAST_JOINTS)


def depths_of(body: np.ndarray) -> np.ndarray:
    """Depth (..., 35) of the joints of a body (..., 33, 4), from the middle of the hips, smaller is nearer."""
    hips, chest = (body[..., [left, left + 1], 2].mean(-1, keepdims=True) for left in (HIP, SHOULDER))
    return np.concatenate([body[..., 2], hips, chest], axis=-1) - hips


def posed_joints(body: np.ndarray, trunk: float) -> np.ndarray:
    """Joints of a body (33, 4) with their depth, (35, 3), the third number in lengths of the trunk."""
    return np.column_stack([joints_of(body)[0], depths_of(body) / max(trunk, 1e-6)])


def bones_of(joints: np.ndarray) -> np.ndarray:
    """The bones (..., 35, 2) of joints (..., 35, 2)."""
    return joints - joints[..., PARENTS, :]


def joints_from(root: np.ndarray, bones: np.ndarray) -> np.ndarray:
    """Joints (..., 35, 2) put together from the place of the hips (..., 2) and bones (..., 35, 2)."""
    joints = np.zeros_like(bones)
    joints[..., HIPS, :] = root
    for joint in _OUTWARDS[1:]:
        joints[..., joint, :] = joints[..., PARENTS[joint], :] + bones[..., joint, :]
    return joints


def full_lengths(joints: np.ndarray, visibility: np.ndarray, share: float = 0.95) -> np.ndarray:
    """How long each bone is, (35,), as seen where it leads least towards the camera; NaN where it is never seen.

    Args:
        joints: (T, 35, 2).
        visibility: (T, 35).
        share: of the frames, in which it is seen no longer than that: the longest sight is a mistake of the detector.

    What is left and right of a body is taken to be as long, and as long as the longer one.
    """
    lengths = np.linalg.norm(bones_of(joints), axis=-1)
    seen = (visibility >= SEEN) & (visibility[:, PARENTS] >= SEEN)
    known = np.full(JOINTS, np.nan)
    for joint in range(JOINTS):
        if seen[:, joint].any():
            known[joint] = np.quantile(lengths[seen[:, joint], joint], share)
    for left in range(SHOULDER, lm.BODY_POINTS, 2):
        pair = known[left : left + 2]
        if not np.isnan(pair).all():
            known[left : left + 2] = np.nanmax(pair)
    return known
