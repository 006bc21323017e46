"""How what is seen on a figure moves along with it from one picture to another, without being bent anew.

General idea: near a bone everything goes along with that bone, turned as it turns and no longer or shorter than it is
seen; between bones it goes along with each as far as it is near. Good for the time of a few frames, over which nothing
comes to light that was hidden: the farther a place has gone, or the bone it is on has turned, the less is known of it.

Convention: joints (35, 2) as in `skeleton.py`, normalised to the square picture; pixel centres.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from cxanim.motion.limb_parts import CHAINS, head_of
from cxanim.motion.mesh import pixel_centres, upsampled
from cxanim.motion.skeleton import CHEST, HIP, HIPS, SHOULDER

_NODES = 32
_SHARP, _SOFTLY = 4, 0.01  # how quickly one bone's share gives way to the next, and from what distance on
_SHORTEST, _LONGEST = 0.5, 2.0  # times its length as it was seen
_TURNED, _TURNED_AWAY = np.deg2rad([20, 60])  # up to the one all holds, from the other on nothing
_GONE = 0.08  # of the picture, from where on nothing holds
_LIMBS = [bone for chain in CHAINS.values() for bone in zip(chain, chain[1:], strict=False)]
_SPINE = ((HIPS, CHEST), (SHOULDER, SHOULDER + 1), (HIP, HIP + 1))


@dataclass(frozen=True)
class WayBack:
    """From a picture of a figure to an earlier one.

    Attributes:
        look_px: (S, S, 2) float32 where each pixel was, for ``cv2.remap``.
        holds: (S, S) float32 in [0, 1], how far this is to be trusted.
    """

    look_px: np.ndarray
    holds: np.ndarray


def way_back(before: np.ndarray, after: np.ndarray, size_px: int) -> WayBack:
    """The way from one picture of a figure back to an earlier one.

    Args:
        before, after: (35, 2) the joints in the earlier picture, and in this one.
        size_px: side of both.
    """
    places = pixel_centres(_NODES).reshape(-1, 2)
    before, after = before.astype(np.float32), after.astype(np.float32)
    away = _distances(places, after)
    shares = (away + np.float32(_SOFTLY)) ** -_SHARP
    shares /= shares.sum(0)
    was, now = _bones(before), _bones(after)
    along_was, along_now = was[:, 1] - was[:, 0], now[:, 1] - now[:, 0]
    length_was, length_now = (np.maximum(np.linalg.norm(way, axis=1), 1e-6) for way in (along_was, along_now))
    along_was, along_now = along_was / length_was[:, None], along_now / length_now[:, None]
    stretch = np.clip(length_was / length_now, 1 / _LONGEST, 1 / _SHORTEST)
    # Along the bone, stretched, and across it: one matrix (2, 2) for each, from a place's way to its way before.
    turn = stretch[:, None, None] * along_now[:, :, None] * along_was[:, None]
    turn = turn + _across(along_now)[:, :, None] * _across(along_was)[:, None]
    back = places @ turn + (was[:, 0] - (now[:, :1] @ turn)[:, 0])[:, None]  # (bones, nodes, 2)
    way = (shares[..., None] * back).sum(0) - places
    turned = np.arccos(np.clip((along_was * along_now).sum(1), -1, 1))
    holds = shares.T @ np.clip((_TURNED_AWAY - turned) / (_TURNED_AWAY - _TURNED), 0, 1)
    holds *= np.clip(1 - np.linalg.norm(way, axis=1) / _GONE, 0, 1)
    return WayBack(
        upsampled(way.reshape(_NODES, _NODES, 2), size_px),
        cv2.resize(holds.reshape(_NODES, _NODES), (size_px, size_px)),
    )


def _distances(places: np.ndarray, joints: np.ndarray) -> np.ndarray:
    """Distance (bones, N) of places (N, 2) to every bone, the spine's being one."""
    ends = np.stack([*(joints[list(bone)] for bone in (*_LIMBS, *_SPINE)), [joints[CHEST], head_of(joints)]])
    ways = ends[:, 1] - ends[:, 0]
    from_start = places - ends[:, :1]
    along = (from_start @ ways[..., None])[..., 0] / np.maximum((ways**2).sum(1), 1e-12)[:, None]
    aside = from_start - np.clip(along, 0, 1)[..., None] * ways[:, None]
    away = np.sqrt(aside[..., 0] ** 2 + aside[..., 1] ** 2)
    spine = len(_LIMBS)
    return np.concatenate([away[:spine], away[spine:-1].min(0)[None], away[-1:]])


def _bones(joints: np.ndarray) -> np.ndarray:
    """Both ends (bones, 2, 2) of every bone: limbs, spine, neck with head."""
    return np.stack(
        [*(joints[[start, end]] for start, end in _LIMBS), joints[[HIPS, CHEST]], [joints[CHEST], head_of(joints)]]
    )


def _across(along: np.ndarray) -> np.ndarray:
    return np.stack([-along[:, 1], along[:, 0]], axis=1)
