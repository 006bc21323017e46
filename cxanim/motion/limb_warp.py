"""Shows the picture of a figure in other poses: limb by limb, each bent at its joints, in the order of their depth.

General idea: every layer (`limb_parts.py`) is a sheet of small triangles. A corner of one belongs to a joint: what is
on the one side of it goes along with one bone, what is on the other with the next, and in between it turns by a part
of the angle, so that a bent elbow keeps its thickness, which a mean of two transformations would not. The trunk goes
along with hips and shoulders, affinely, and the head turns on it.

Convention: joints (35, 2) as in `skeleton.py`, normalised to the square picture; pixel centres.
"""

import cv2
import numpy as np

from cxanim.motion.limb_parts import (
    CHAINS,
    LEFT_ARM,
    RIGHT_ARM,
    TRUNK,
    Layer,
    cut_into_layers,
    distance_to,
    head_of,
    trunk_length,
)
from cxanim.motion.sheet import Sheet, before, mesh_over
from cxanim.motion.skeleton import CHEST, HIP, HIPS, SHOULDER

_SHARP = 4  # how quickly one bone's share gives way to the next
_CORNERS = (SHOULDER, SHOULDER + 1, HIP, HIP + 1)
_BEHIND = 0.35  # lengths of the trunk by which elbow and wrist are farther than it, from which an arm is behind it
_ROUND_FACE = 0.4  # of a face's height, over which what is round it goes along with it
_LEAST_NARROW = 0.3  # what is left of a trunk's width where it turns aside


class LimbWarp:
    """Shows one figure in other poses.

    Args:
        picture: (S, S, 3) uint8.
        matte: (S, S) float32 in [0, 1], what of it is the figure.
        joints: (35, 2) the figure's own.
        plate: (S, S, 3) uint8, what is behind it.
        face: (N, 2) points of its face where that is known: no part of it is left behind when the head turns.
    """

    def __init__(
        self,
        picture: np.ndarray,
        matte: np.ndarray,
        joints: np.ndarray,
        plate: np.ndarray,
        face: np.ndarray | None = None,
    ):
        if picture.ndim != 3 or picture.shape[0] != picture.shape[1] or picture.dtype != np.uint8:
            raise ValueError(f"picture: got {picture.dtype} {picture.shape}, expected uint8 (S, S, 3)")
        self.size_px, self._plate, self._joints = picture.shape[0], plate, joints
        self._limbs = [_Limb(layer, joints, face) for layer in cut_into_layers(picture, matte, joints)]

    def repaint(self, picture: np.ndarray, rows: slice, columns: slice) -> None:
        """Show another picture (S, S, 3) uint8 of the same figure from now on, which differs in a window only.

        What is behind the figure, and what was filled in where one part hides another, stay as they were.
        """
        for limb in self._limbs:
            limb.repaint(picture, rows, columns)

    def show(self, joints: np.ndarray) -> np.ndarray:
        """The picture (S, S, 3) uint8 with the figure's joints as `joints` (35, 2), or with their depth (35, 3)."""
        return before(self._plate, self.show_with_alpha(joints))

    def show_with_alpha(self, joints: np.ndarray) -> np.ndarray:
        """The figure alone, (S, S, 4): premultiplied colours, and where it is."""
        behind = _arms_behind(joints[:, 2]) if joints.shape[1] == 3 else frozenset()
        joints = joints[:, :2]
        canvas = np.zeros((self.size_px, self.size_px, 4), np.uint8)
        ordered = [limb for limb in self._limbs if limb.part in behind]
        ordered += [limb for limb in self._limbs if limb.part not in behind]
        for limb in ordered:
            limb.lay(canvas, joints)
        return canvas


class _Limb:
    """One layer, on a sheet that hangs on joints."""

    def __init__(self, layer: Layer, joints: np.ndarray, face: np.ndarray | None):
        self.part, self._layer, self._rest = layer.part, layer, joints
        points, triangles = mesh_over(layer.picture[..., 3] > 0)
        self._points = points
        if self.part == TRUNK:
            self._share = _head_share(points, joints)
            if face is not None:
                self._share = np.maximum(self._share, _face_share(points, face))
            out = self._share
        else:
            self._joint, self._share = _hung(points, joints, self.part)
            out = self._joint + self._share
        # What is farther out along a limb lies over what is nearer, and the head over the shoulders.
        self._sheet = Sheet(layer.picture, points, triangles, np.argsort(out[triangles].mean(1), kind="stable"))

    def repaint(self, picture: np.ndarray, rows: slice, columns: slice) -> None:
        """Take the colours of a window from another picture (S, S, 3)."""
        if self._layer.picture[rows, columns, 3].any():
            self._sheet.repaint(self._layer.repainted(picture, rows, columns), rows, columns)

    def lay(self, canvas: np.ndarray, joints: np.ndarray) -> None:
        """Lay it over a canvas (S, S, 4) of premultiplied colours, in another pose."""
        self._sheet.lay(canvas, self._moved(joints))

    def _moved(self, joints: np.ndarray) -> np.ndarray:
        if self.part == TRUNK:
            trunk = _trunk_moved(self._points, self._rest, joints)
            head = _head_moved(self._points, self._rest, joints)
            return trunk + self._share[:, None] * (head - trunk)
        return _limb_moved(self._points, self._rest, joints, self.part, self._joint, self._share)


def _arms_behind(depths: np.ndarray) -> frozenset[int]:
    """Which arms are behind the trunk, by the depths (35,) of the joints in lengths of the trunk."""
    trunk = depths[list(_CORNERS)].mean()
    arms = {arm: depths[list(CHAINS[arm][1:3])].mean() for arm in (LEFT_ARM, RIGHT_ARM)}
    return frozenset(arm for arm, depth in arms.items() if depth - trunk > _BEHIND)


def _hung(points: np.ndarray, joints: np.ndarray, part: int) -> tuple[np.ndarray, np.ndarray]:
    """Place in its chain (P,) of the joint that each point hangs on, and how far it goes along with the bone after it.

    The bone before the first joint is the trunk's.
    """
    chain = CHAINS[part]
    places = joints[list(chain)]
    middle = joints[CHEST] if part in (LEFT_ARM, RIGHT_ARM) else joints[HIPS]
    starts, ends = np.concatenate([middle[None], places[:-1]]), places
    told = [distance_to(points, start, end) for start, end in zip(starts, ends, strict=True)]
    distances, along = (np.stack([one[which] for one in told]) for which in (0, 1))
    nearest = distances.argmin(0)
    number = np.arange(len(points))
    joint = nearest - (along[nearest, number] < 0.5)  # the joint at the nearer end of the nearest bone
    joint = np.clip(joint, 0, len(chain) - 2)
    softly = 0.08 * trunk_length(joints)
    before, after = distances[joint, number] + softly, distances[joint + 1, number] + softly
    return joint, before**_SHARP / (before**_SHARP + after**_SHARP)


def _limb_moved(
    points: np.ndarray, rest: np.ndarray, joints: np.ndarray, part: int, joint: np.ndarray, share: np.ndarray
) -> np.ndarray:
    """Where the points of a limb are in another pose."""
    chain = list(CHAINS[part])
    was, now = rest[chain], joints[chain]
    angles, stretches = [_trunk_turn(rest, joints)], [np.eye(2)]
    for bone in range(len(chain) - 1):
        before, after = was[bone + 1] - was[bone], now[bone + 1] - now[bone]
        length = max(float(np.linalg.norm(before)), 1e-6)
        angles.append(_angle(after) - _angle(before))
        along = before / length
        ratio = np.clip(np.linalg.norm(after) / length, 0.15, 1.6)
        stretches.append(np.eye(2) + (ratio - 1) * np.outer(along, along))
    turned, stretched = np.array(angles), np.stack(stretches)
    first = turned[joint]
    turn = first + share * ((turned[joint + 1] - first + np.pi) % (2 * np.pi) - np.pi)
    stretch = stretched[joint] + share[:, None, None] * (stretched[joint + 1] - stretched[joint])
    cosine, sine = np.cos(turn), np.sin(turn)
    way = np.einsum("pij,pj->pi", stretch, points - was[joint])
    turned_way = np.stack([cosine * way[:, 0] - sine * way[:, 1], sine * way[:, 0] + cosine * way[:, 1]], 1)
    return now[joint] + turned_way


def _trunk_moved(points: np.ndarray, rest: np.ndarray, joints: np.ndarray) -> np.ndarray:
    corners = list(_CORNERS)
    was, now = rest[corners], joints[corners]
    middle_was, middle_now = was.mean(0), now.mean(0)
    affine, *_ = np.linalg.lstsq(was - middle_was, now - middle_now, rcond=None)
    return middle_now + (points - middle_was) @ _not_too_narrow(affine)


def _not_too_narrow(affine: np.ndarray) -> np.ndarray:
    """The same transformation, of which something is left where the trunk is seen from its side."""
    u, sizes, v = np.linalg.svd(affine)
    return (u * np.maximum(sizes, _LEAST_NARROW)) @ v


def _head_share(points: np.ndarray, joints: np.ndarray) -> np.ndarray:
    """How far each point goes along with the head."""
    head = head_of(joints)
    neck = joints[CHEST] + 0.4 * (head - joints[CHEST])
    to_head = distance_to(points, neck, head + 0.6 * (head - joints[CHEST]))[0]
    to_trunk = np.minimum(
        distance_to(points, joints[HIPS], joints[CHEST])[0],
        distance_to(points, joints[SHOULDER], joints[SHOULDER + 1])[0],
    )
    softly = 0.05 * trunk_length(joints)
    to_head, to_trunk = to_head + softly, to_trunk + softly
    return to_trunk**_SHARP / (to_trunk**_SHARP + to_head**_SHARP)


def _face_share(points: np.ndarray, face: np.ndarray) -> np.ndarray:
    """1 on a face (N, 2), falling softly to 0 round it."""
    hull = cv2.convexHull(face.astype(np.float32))
    outside = np.array([-cv2.pointPolygonTest(hull, (float(x), float(y)), measureDist=True) for x, y in points])
    u = np.clip(1 - outside / (_ROUND_FACE * np.ptp(face[:, 1])), 0, 1)
    return u * u * (3 - 2 * u)


def _head_moved(points: np.ndarray, rest: np.ndarray, joints: np.ndarray) -> np.ndarray:
    was, now = head_of(rest), head_of(joints)
    turn = _angle(now - joints[CHEST]) - _angle(was - rest[CHEST])
    cosine, sine = np.cos(turn), np.sin(turn)
    return now + (points - was) @ np.array([[cosine, sine], [-sine, cosine]])


def _trunk_turn(rest: np.ndarray, joints: np.ndarray) -> float:
    return _angle(joints[CHEST] - joints[HIPS]) - _angle(rest[CHEST] - rest[HIPS])


def _angle(way: np.ndarray) -> float:
    return float(np.arctan2(way[1], way[0]))
