"""Which references of a figure are shown for a pose: those whose stance is nearest.

General idea: a stance is where the joints are, seen from the hips, in lengths of the trunk, how deep they are, and, to
a lesser degree, where in the picture the figure stands. A reference that is turned as the wanted pose is, with its arms
on the same side of the trunk, leaves little for the warp to make up. One is shown at a time, since clothes fall
differently in each and two would shine through one another; where the nearest changes the one passes into the other
over some frames.
"""

from collections.abc import Sequence

import numpy as np

from cxanim.motion.skeleton import (
    ANKLE,
    ELBOW,
    HIP,
    HIPS,
    INDEX,
    KNEE,
    SHOULDER,
    TOE,
    WRIST,
    joints_of,
    posed_joints,
)

_PAIRS = (SHOULDER, ELBOW, WRIST, INDEX, HIP, KNEE, ANKLE, TOE)
_TOLD = [0, 7, 8, *(joint + right for joint in _PAIRS for right in (0, 1))]
_DEPTH, _PLACE = 0.4, 0.15  # how much these count, beside where joints are from the hips
_CLEARLY = 1.15  # times as far as the nearest, beyond which a reference gives way
_FOLLOWS = 0.6  # of the way to the new shares, in a frame
_LEAST, _MOST = 0.05, 2


def stance(body: np.ndarray, trunk: float) -> np.ndarray:
    """How a body (33, 4) stands, as numbers (D,) that may be compared.

    Args:
        trunk: length of the figure's trunk.
    """
    joints = posed_joints(body, trunk)
    hips = joints[HIPS, :2]
    from_hips = (joints[_TOLD, :2] - hips) / trunk
    return np.concatenate([from_hips.ravel(), _DEPTH * joints[_TOLD, 2], _PLACE * hips / trunk])


def calm_poses(bodies: Sequence[np.ndarray], share: float = 0.5) -> np.ndarray:
    """Which frames (T,) bool are among the calmer `share`: in fast ones limbs are blurred."""
    joints = joints_of(np.stack(bodies))[0][:, _TOLD]
    steps = np.linalg.norm(np.diff(joints, axis=0), axis=2).max(1)
    speed = np.zeros(len(joints))
    speed[1:] += steps
    speed[:-1] += steps
    return speed <= np.quantile(speed, share)


class StanceRetrieval:
    """Chooses the references of a figure to show for a pose.

    Args:
        bodies: the references' bodies, (33, 4) each.
        trunk: length of the figure's trunk.
    """

    def __init__(self, bodies: Sequence[np.ndarray], trunk: float):
        self._trunk = trunk
        self._stances = np.stack([stance(body, trunk) for body in bodies])
        self._before: dict[int, float] = {}
        self._shown: int | None = None

    def shares(self, body: np.ndarray, left_out: np.ndarray | None = None) -> dict[int, float]:
        """Number of the reference that is nearest to a body (33, 4), with its share, which is 1.

        Args:
            left_out: (N,) bool, which references may not be chosen.
        """
        distances = self._distances(body)
        if left_out is not None:
            distances[left_out] = np.inf
        return {int(distances.argmin()): 1.0}

    def next_shares(self, body: np.ndarray, frames: float = 1.0) -> dict[int, float]:
        """Numbers of the references for the next picture of a film, with their shares, which sum to 1.

        The one that is shown stays until another is clearly nearer, which then takes its place over some frames;
        at once where as many were left out.

        Args:
            body: (33, 4), what it is to show.
            frames: so many later it is than the picture before.
        """
        distances = self._distances(body)
        nearest = int(distances.argmin())
        if self._shown is None or distances[self._shown] > _CLEARLY * distances[nearest]:
            self._shown = nearest
        left = (1 - _FOLLOWS) ** frames
        mixed = {number: left * share for number, share in self._before.items()} or {self._shown: 1.0}
        mixed[self._shown] = 1 - sum(share for number, share in mixed.items() if number != self._shown)
        kept = sorted((one for one in mixed.items() if one[1] > _LEAST), key=lambda one: -one[1])[:_MOST]
        total = sum(share for _, share in kept)
        self._before = {number: share / total for number, share in kept}
        return self._before

    def _distances(self, body: np.ndarray) -> np.ndarray:
        return np.linalg.norm(self._stances - stance(body, self._trunk), axis=1)
