"""Shows one person's movement with another person's body: other lengths, another place, the same floor.

General idea: a bone keeps its direction in the picture, and how much of its length is seen, which is less where it
leads towards the camera; its length is the target's. The hips go as far as the driver's, measured in bodies, above the
target's own floor; and while a foot of the driver stands, the target's foot stands.

Convention: joints as in `skeleton.py`; the driver's and the target's squares need not be the same.
Source: the global pose normalisation of C. Chan et al., "Everybody Dance Now", ICCV 2019, section 8.
Differs from the paper: each bone has its own proportion, not the whole figure two.
"""

from collections.abc import Sequence

import numpy as np

from cxanim.errors import NoFigure
from cxanim.motion.body_build import Build, Filmed
from cxanim.motion.skeleton import (
    ANKLE,
    CHEST,
    HEEL,
    HIPS,
    JOINTS,
    KNEE,
    PARENTS,
    SEEN,
    TOE,
    bones_of,
    depths_of,
    joints_from,
    joints_of,
)

_LONGEST_RATIO, _TELLS_FROM = 1.1, 0.4
_STANDS_BELOW = 0.25  # body heights a second, below which a foot stands
_NEAR_FLOOR = 0.12  # body heights above the floor, within which it may
_GIVES_WAY_S = 0.15
_PAUSE_S = 0.5  # what was seen before one tells nothing of how fast a foot is
_RELAX_S, _FORGET_S = 0.7, 0.8  # how fast a limb that is not seen falls back to rest, and a correction to nothing


class BodyRetarget:
    """Retargets a driver's bodies, frame after frame.

    Args:
        driver: how the driver is made.
        rest: (35, 2) the target's own joints, at rest.
        target: how the target is made.
        first: (35, 2) the driver's joints where the target stands where it does at rest.
        fps: of the frames, where they come evenly.
        feet: whether feet stand while the driver's do.
        foreshortening: how much of it arrives that a bone leads towards the camera, in [0, 1].

    Raises:
        NoFigure: of the two nothing is seen by which one could be measured by the other.
    """

    def __init__(
        self,
        driver: Build,
        rest: np.ndarray,
        target: Build,
        first: np.ndarray,
        fps: float,
        *,
        feet: bool = True,
        foreshortening: float = 1.0,
    ):
        self._driver, self._rest, self._target = driver, rest, target
        self._step_s, self._foreshortening = 1 / fps, foreshortening
        self._both_legs = driver.has_legs and target.has_legs
        # A step is as long as legs allow, and hips are as high.
        own, his = ((build.legs if self._both_legs else build.trunk) for build in (target, driver))
        self._scale = own / his
        if not np.isfinite(self._scale):
            raise NoFigure(
                "Of the driver and of the figure not the same is seen: legs of one, and no shoulders of it.",
                "Use a video that shows one person, from the hips up at least.",
            )
        self._anchor_joint = HIPS if np.isfinite(driver.lengths[CHEST]) else CHEST
        self._first = first
        self._feet = feet and self._both_legs and np.isfinite(target.floor)
        self._bones = bones_of(rest)
        self._rest_bones = bones_of(rest)
        lengths = np.linalg.norm(self._rest_bones, axis=1)
        # A bone of which the target shows no other picture is as long as it is there.
        self._lengths = np.where(np.isfinite(target.lengths), target.lengths, lengths)
        self._known = np.isfinite(driver.lengths) & np.isfinite(target.lengths)
        self._before: np.ndarray | None = None
        self._shift = np.zeros(2)
        self._stood: list[np.ndarray | None] = [None, None]
        self._give = [np.zeros(2), np.zeros(2)]

    def next(
        self, joints: np.ndarray, visibility: np.ndarray, size: float, floor: float, step_s: float | None = None
    ) -> np.ndarray:
        """The target's joints (35, 2) in the next frame.

        Args:
            joints, visibility: (35, 2) and (35,), the driver's.
            size: how large the driver is seen, of the size by which it was measured.
            floor: y of what the driver stands on, or NaN.
            step_s: how long after the one before; as `fps` says if None. After a pause feet stand where they come to.
        """
        if step_s is None:
            step_s = self._step_s
        elif step_s > _PAUSE_S:
            self._before, self._stood = None, [None, None]
        seen = (visibility >= SEEN) & (visibility[PARENTS] >= SEEN) & self._known
        given = bones_of(joints)
        ratio = np.linalg.norm(given, axis=1) / np.where(seen, np.maximum(size * self._driver.lengths, 1e-6), 1.0)
        long = self._lengths * (1 + self._foreshortening * (np.minimum(ratio, _LONGEST_RATIO) - 1))
        wanted = given / np.maximum(np.linalg.norm(given, axis=1, keepdims=True), 1e-9) * long[:, None]
        # What points at the camera has no direction in the picture: where it is not to be short, it rests.
        told = 1 - (1 - self._foreshortening) * (1 - np.clip(ratio / _TELLS_FROM, 0, 1))
        wanted = self._rest_bones + told[:, None] * (wanted - self._rest_bones)
        relaxing = self._bones + (1 - np.exp(-step_s / _RELAX_S)) * (self._rest_bones - self._bones)
        self._bones = np.where(seen[:, None], wanted, relaxing)
        placed = joints_from(np.zeros(2), self._bones)
        stands_on_floor = self._feet and np.isfinite(floor)
        root = self._root(joints, visibility, size, floor if stands_on_floor else np.nan)
        placed = placed + (root - placed[self._anchor_joint])
        if stands_on_floor:
            placed = self._standing(placed, joints, visibility, size, floor, step_s)
        self._before = joints.copy()
        return placed

    def _root(self, joints: np.ndarray, visibility: np.ndarray, size: float, floor: float) -> np.ndarray:
        """Where the joint that all hangs on is to be."""
        anchor = self._anchor_joint
        if visibility[anchor] < SEEN and self._before is not None:
            joints = self._before
        way = joints[anchor] - self._first[anchor]
        root = self._rest[anchor] + self._scale / size * way
        if np.isfinite(floor):
            root[1] = self._target.floor - self._scale / size * (floor - joints[anchor, 1])
        elif not self._target.has_legs:
            root[1] = max(root[1], self._rest[anchor, 1])  # whom the picture's edge cuts off would end in the air
        return root

    def _standing(
        self, placed: np.ndarray, joints: np.ndarray, visibility: np.ndarray, size: float, floor: float, step_s: float
    ) -> np.ndarray:
        """The same body, moved so that feet stand where they stood, and on the floor.

        Nothing jumps: the whole body gives way at once only by a part, and the legs that stand make up for the rest.
        """
        wanted: list[np.ndarray] = []
        gone = np.exp(-step_s / _FORGET_S)
        softly = 1.0 if self._before is None else 1 - np.exp(-step_s / _GIVES_WAY_S)
        for right in (0, 1):
            foot = _foot(placed, right)
            if not self._stands(joints, visibility, right, size, floor, step_s):
                self._stood[right] = None
                continue
            stood = self._stood[right]
            if stood is None:
                stood = foot + self._shift + self._give[right]
            sole = placed[[ANKLE + right, HEEL + right, TOE + right], 1].max() - foot[1]
            stood = np.array([stood[0], stood[1] + softly * (self._target.floor - sole - stood[1])])
            self._stood[right] = stood
            wanted.append(stood - foot)
        if wanted:
            self._shift = self._shift + softly * (np.mean(wanted, axis=0) - self._shift)
        else:
            self._shift = self._shift * gone
        placed = placed + self._shift
        for right in (0, 1):
            stood = self._stood[right]
            self._give[right] = self._give[right] * gone if stood is None else stood - _foot(placed, right)
            _reach(placed, right, self._give[right])
        return placed

    def _stands(
        self, joints: np.ndarray, visibility: np.ndarray, right: int, size: float, floor: float, step_s: float
    ) -> bool:
        if visibility[ANKLE + right] < SEEN:
            return False
        foot = _foot(joints, right)
        before = foot if self._before is None else _foot(self._before, right)
        height = size * self._driver.height
        slow = np.linalg.norm(foot - before) < _STANDS_BELOW * height * step_s
        return bool(slow and floor - foot[1] < _NEAR_FLOOR * height)


def retargeted(
    bodies: Sequence[np.ndarray | None],
    fps: float,
    rest: np.ndarray,
    target: Build,
    *,
    feet: bool = True,
    foreshortening: float = 1.0,
) -> list[np.ndarray]:
    """What a target does for a driver's bodies, each (33, 4) or None, which are all known beforehand.

    Returns:
        (35, 3) for each: the target's joints, and as a third number their depth in lengths of the driver's trunk from
        the middle of the hips, smaller is nearer.

    Raises:
        ValueError: there is no body at all.
    """
    known = [body for body in bodies if body is not None]
    if not known:
        raise ValueError("bodies: got none, expected at least one")
    joints, visibility = joints_of(np.stack(known))
    filmed = Filmed.of(joints, visibility, fps)
    worker = BodyRetarget(filmed.build, rest, target, joints[0], fps, feet=feet, foreshortening=foreshortening)
    depths = depths_of(np.stack(known))
    made, at = [], -1
    for body in bodies:
        at += body is not None
        number = max(at, 0)
        seen = np.zeros(JOINTS) if body is None else visibility[number]
        placed = worker.next(joints[number], seen, float(filmed.sizes[number]), float(filmed.floors[number]))
        made.append(np.column_stack([placed, depths[number] / (filmed.sizes[number] * filmed.build.trunk)]))
    return made


def _foot(joints: np.ndarray, right: int) -> np.ndarray:
    return (joints[ANKLE + right] + joints[TOE + right]) / 2


def _reach(joints: np.ndarray, right: int, way: np.ndarray) -> None:
    """Let a leg give way, hip apart, so that its foot goes so far."""
    for joint in (ANKLE, HEEL, TOE):
        joints[joint + right] += way
    joints[KNEE + right] += way / 2
