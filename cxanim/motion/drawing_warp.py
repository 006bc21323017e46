"""Shows a drawn figure in other poses: one sheet, held at its joints, bent as rigidly as possible.

General idea: what a drawing's limbs are nobody can measure, but its joints are known, placed by a person or found. They
and the middles of its bones hold the sheet (`arap.py`), and everything else goes along. Limbs that come to lie over one
another are laid arms last, and each from the trunk to its end: a hand that is folded back lies over its own arm.

Convention: joints (35, 2) as in `skeleton.py`, normalised to the square picture; pixel centres.
"""

import cv2
import numpy as np

from cxanim.motion.arap import AsRigidAsPossible
from cxanim.motion.limb_parts import (
    CHAINS,
    LEFT_ARM,
    LEFT_LEG,
    RIGHT_ARM,
    RIGHT_LEG,
    TRUNK,
    along_limb,
    nearest_part,
)
from cxanim.motion.sheet import Sheet, before, mesh_over
from cxanim.motion.skeleton import ANKLE, CHEST, ELBOW, HIP, HIPS, KNEE, SHOULDER, WRIST

_CELLS, _INK = 64, 64
_FARTHEST_FIRST = (LEFT_LEG, RIGHT_LEG, TRUNK, LEFT_ARM, RIGHT_ARM)
_HOLDING = [
    0,
    CHEST,
    HIPS,
    *(joint + right for joint in (SHOULDER, ELBOW, WRIST, HIP, KNEE, ANKLE) for right in (0, 1)),
]
_BONES = [
    (0, CHEST), (CHEST, HIPS),
    *((chain[at] + 0, chain[at + 1]) for chain in CHAINS.values() for at in (0, 1)),
]  # fmt: skip


class DrawingWarp:
    """Shows one drawn figure in other poses; frames are to be asked for in order.

    Args:
        picture: (S, S, 3) uint8.
        matte: (S, S) float32 in [0, 1], what of it is the figure.
        joints: (35, 2) the figure's own.
        plate: (S, S, 3) uint8, what is behind it.
    """

    def __init__(self, picture: np.ndarray, matte: np.ndarray, joints: np.ndarray, plate: np.ndarray):
        if picture.ndim != 3 or picture.shape[0] != picture.shape[1] or picture.dtype != np.uint8:
            raise ValueError(f"picture: got {picture.dtype} {picture.shape}, expected uint8 (S, S, 3)")
        alpha = np.round(np.clip(matte, 0, 1) * 255).astype(np.uint8)
        colours = cv2.multiply(picture, cv2.merge([alpha] * 3), scale=1 / 255)
        # Without a margin, in small cells: an arm beside the trunk must not hang together with it.
        points, triangles = mesh_over(alpha > _INK, _CELLS, margin=False)
        middles = points[triangles].mean(1)
        part = nearest_part(middles, joints)
        picture_and_alpha = np.dstack([colours, alpha])
        self._sheets = []
        for number in _FARTHEST_FIRST:
            own = triangles[part == number]
            along = along_limb(middles[part == number], joints, number)
            bone = np.ceil(along).clip(1)  # each a sheet of its own: through the rim of one the others are seen
            for place in np.unique(bone):
                order = np.argsort(along[bone == place], kind="stable")
                self._sheets.append(Sheet(picture_and_alpha, points, own[bone == place], order))
        self._bending = AsRigidAsPossible(points, triangles, _handles(joints))
        self._plate = plate

    def show(self, joints: np.ndarray) -> np.ndarray:
        """The picture (S, S, 3) uint8 with the figure's joints as `joints` (35, 2 or 3)."""
        return before(self._plate, self.show_with_alpha(joints))

    def show_with_alpha(self, joints: np.ndarray) -> np.ndarray:
        """The figure alone, (S, S, 4): premultiplied colours, and where it is."""
        canvas = np.zeros((*self._plate.shape[:2], 4), np.uint8)
        moved = self._bending.moved(_handles(joints[:, :2]))
        for sheet in self._sheets:
            sheet.lay(canvas, moved)
        return canvas


def _handles(joints: np.ndarray) -> np.ndarray:
    middles = [(joints[start] + joints[end]) / 2 for start, end in _BONES]
    return np.concatenate([joints[_HOLDING], np.stack(middles)])
