"""Keeps a figure in its picture: whose driver goes aside farther than the picture reaches goes less far.

General idea: all ways to the sides are shortened alike, so that who stands in the middle does so still. Feet slide by
what is taken away, which is less than somebody who is not there. Of a film the farthest way is known beforehand; before
a camera ways are shortened once somebody goes too far: at that moment the figure waits at the edge. They become longer
again over half a minute, so that what was seen wrongly for a moment is not kept.

Convention: x as in `pose.py`.
"""

from collections.abc import Sequence

import numpy as np

from cxanim.motion.skeleton import HIPS

_ASIDE = 0.4  # lengths of the trunk that hips stay away from the picture's edges
_GROW_BACK_S = 30.0


class Room:
    """The room of one figure.

    Args:
        rest_x: x of the hips at rest.
        edges: x of the left and the right edge of the picture.
        trunk: length of the figure's trunk.
    """

    def __init__(self, rest_x: float, edges: tuple[float, float], trunk: float):
        self._rest_x, self._share = rest_x, 1.0
        left, right = edges[0] + _ASIDE * trunk, edges[1] - _ASIDE * trunk
        # Who stands at the edge at rest has no room to be kept in.
        self._least, self._most = (left, right) if left < rest_x < right else (-np.inf, np.inf)

    def note(self, x: float, step_s: float = 0.0) -> None:
        """Let the hips come to `x`: from now on ways are so short that they are within.

        Args:
            step_s: how long after the time before, in which ways may have become longer.
        """
        self._share = min(1.0, self._share + step_s / _GROW_BACK_S)
        way = x - self._rest_x
        allowed = (self._most if way > 0 else self._least) - self._rest_x
        if abs(way) > abs(allowed):
            self._share = min(self._share, allowed / way)

    def kept(self, joints: np.ndarray) -> np.ndarray:
        """Joints (35, 2) or (35, 3), their hips no farther aside than the picture allows."""
        kept = joints.copy()
        kept[:, 0] -= (1 - self._share) * (joints[HIPS, 0] - self._rest_x)
        return kept


def keep_within(joints: Sequence[np.ndarray], room: Room) -> list[np.ndarray]:
    """The joints of every frame of a film, (35, 2) or (35, 3) each, as far aside as there is room for all of them."""
    for one in joints:
        room.note(float(one[HIPS, 0]))
    return [room.kept(one) for one in joints]
