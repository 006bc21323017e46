"""How what is seen on a figure moves along with it from one picture to another, without being bent anew.

General idea: near a bone everything goes along with that bone, turned as it turns and no longer or shorter than it is
seen; between bones it goes along with each as far as it is near. Good for the time of a few frames, over which nothing
comes to light that was hidden: of what was seen on a bone that has turned far nothing holds any more.

Convention: joints (35, 2) as in `skeleton.py`, normalised to the square picture; pixel centres.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from cxanim.motion.limb_parts import CHAINS, distance_to, head_of
from cxanim.motion.mesh import pixel_centres, upsampled
from cxanim.motion.skeleton import CHEST, HIP, HIPS, SHOULDER

_NODES = 32
_SHARP, _SOFTLY = 4, 0.01  # how quickly one bone's share gives way to the next, and from what distance on
_SHORTEST, _LONGEST = 0.5, 2.0  # times its length as it was seen
_TURNED, _TURNED_AWAY = np.deg2rad([20, 60])  # up to the one all holds, from the other on nothing
_LIMBS = [bone for chain in CHAINS.values() for bone in zip(chain, chain[1:], strict=False)]
_SPINE = ((HIPS, CHEST), (SHOULDER, SHOULDER + 1), (HIP, HIP + 1))


@dataclass(frozen=True)
class WayBack:
    """From a picture of a figure to an earlier one.

    Attributes:
        look_px: (S, S, 2) float32 where each pixel was, for ``cv2.remap``.
        holds: (S, S) float32 in [0, 1], how far what was seen there still holds.
    """

    look_px: np.ndarray
    holds: np.ndarray


def way_back(before: np.ndarray, after: np.ndarray, size_px: int) -> WayBack:
    """The way from one picture of a figure back to an earlier one.

    Args:
        before, after: (35, 2) the joints in the earlier picture, and in this one.
        size_px: side of both.
    """
    places = pixel_centres(_NODES).reshape(-1, 2).astype(np.float64)
    away = np.stack(
        [
            *(distance_to(places, after[start], after[end])[0] for start, end in _LIMBS),
            np.min([distance_to(places, after[start], after[end])[0] for start, end in _SPINE], axis=0),
            distance_to(places, after[CHEST], head_of(after))[0],
        ]
    )
    shares = (away + _SOFTLY) ** -_SHARP
    shares /= shares.sum(0)
    was, now = _bones(before), _bones(after)
    along_was, along_now = was[:, 1] - was[:, 0], now[:, 1] - now[:, 0]
    length_was, length_now = (np.maximum(np.linalg.norm(way, axis=1), 1e-6) for way in (along_was, along_now))
    along_was, along_now = along_was / length_was[:, None], along_now / length_now[:, None]
    ways = places - now[:, :1]  # (bones, nodes, 2)
    stretch = np.clip(length_was / length_now, 1 / _LONGEST, 1 / _SHORTEST)[:, None]
    along = stretch * np.einsum("bnc,bc->bn", ways, along_now)
    across = np.einsum("bnc,bc->bn", ways, _across(along_now))
    back = was[:, :1] + along[..., None] * along_was[:, None] + across[..., None] * _across(along_was)[:, None]
    way = np.einsum("bn,bnc->nc", shares, back) - places
    turned = np.arccos(np.clip((along_was * along_now).sum(1), -1, 1))
    holds = shares.T @ np.clip((_TURNED_AWAY - turned) / (_TURNED_AWAY - _TURNED), 0, 1)
    return WayBack(
        upsampled(way.reshape(_NODES, _NODES, 2).astype(np.float32), size_px),
        cv2.resize(holds.reshape(_NODES, _NODES).astype(np.float32), (size_px, size_px)),
    )


def _bones(joints: np.ndarray) -> np.ndarray:
    """Both ends (bones, 2, 2) of every bone: limbs, spine, neck with head."""
    return np.stack(
        [*(joints[[start, end]] for start, end in _LIMBS), joints[[HIPS, CHEST]], [joints[CHEST], head_of(joints)]]
    )


def _across(along: np.ndarray) -> np.ndarray:
    return np.stack([-along[:, 1], along[:, 0]], axis=1)
