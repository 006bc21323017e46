"""Reads motion capture in Biovision's BVH format: a tree of joints, and how each turns from frame to frame.

M. Meredith, S. Maddock, "Motion Capture File Formats Explained", University of Sheffield, CS-01-11, 2001, section 3.1.

Convention: a joint's channels are applied in the order in which the file names them, each about the axis as the one
before has left it; angles are in degrees, lengths in whatever unit the file was made in, the world is right-handed.
"""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from cxanim.errors import UnreadableMotion

_MOST_BYTES, _MOST_JOINTS, _MOST_FRAMES = 64 << 20, 512, 120 * 60 * 30
_MOST_PLACES = 8_000_000  # frames times joints: each is a place and a turn in memory, whatever the file says of it
_AXES = {"Xposition": 0, "Yposition": 1, "Zposition": 2}
_TURNS = {"Xrotation": "X", "Yrotation": "Y", "Zrotation": "Z"}


@dataclass(frozen=True)
class Joint:
    """One joint of a skeleton.

    Attributes:
        name: as the file has it; of an end, its parent's with "_end".
        parent: number of its parent, -1 of a root.
        offset: (3,) from its parent, before any turn.
        channels: names of what moves it, in order.
    """

    name: str
    parent: int
    offset: np.ndarray
    channels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Capture:
    """A skeleton that moves.

    Attributes:
        joints: parents before their children.
        fps: frames per second.
        places: (T, J, 3) float64, where each joint is.
        turns: (T, J, 3, 3) float64, how each joint has turned in the world.
    """

    joints: tuple[Joint, ...]
    fps: float
    places: np.ndarray
    turns: np.ndarray


def read_bvh(path: Path) -> Capture:
    """Read a capture that anyone may have made.

    Raises:
        UnreadableMotion: missing, huge, damaged, or no BVH file.
    """
    path = Path(path)
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise UnreadableMotion(f"{path.name} is larger than {_MOST_BYTES >> 20} MB.", "Cut it into shorter pieces.")
        text = path.read_text(encoding="utf-8-sig", errors="strict")
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(path, "it is no text that can be read") from error
    head, found, tail = text.partition("MOTION")
    if not found or not head.lstrip().startswith("HIERARCHY"):
        raise _unreadable(path, "it has no HIERARCHY and MOTION")
    try:
        joints = _hierarchy(head.split()[1:])
        frames, interval_s, values = _motion(tail, sum(len(joint.channels) for joint in joints))
    except (ValueError, IndexError) as error:
        raise _unreadable(path, str(error) or "it breaks off") from error
    if frames == 0:
        raise _unreadable(path, "it holds no frames")
    if frames * len(joints) > _MOST_PLACES:
        problem = f"{path.name} holds {frames} frames of {len(joints)} joints: more than fit."
        raise UnreadableMotion(problem, "Cut it into shorter pieces.")
    return _moved(tuple(joints), 1 / interval_s, values)


def _unreadable(path: Path, why: str) -> UnreadableMotion:
    return UnreadableMotion(f"{path.name} is no BVH file that can be read: {why}.", "Export it anew, as BVH.")


def _hierarchy(words: list[str]) -> list[Joint]:
    joints: list[Joint] = []
    open_joints: list[int] = []
    at = 0
    while at < len(words):
        word = words[at]
        if word in ("ROOT", "JOINT", "End"):
            brace = words.index("{", at)
            name = " ".join(words[at + 1 : brace])
            parent = open_joints[-1] if open_joints else -1
            if word != "ROOT" and parent < 0:
                raise ValueError(f"{name} has no parent")
            if words[brace + 1] != "OFFSET":
                raise ValueError(f"{name} has no OFFSET")
            offset = np.array([float(word) for word in words[brace + 2 : brace + 5]])
            if not (np.isfinite(offset).all() and np.abs(offset).max() < 1e9):
                raise ValueError(f"{name} has an impossible OFFSET")
            at = brace + 5
            channels: tuple[str, ...] = ()
            if words[at] == "CHANNELS":
                count = int(words[at + 1])
                channels = tuple(words[at + 2 : at + 2 + count])
                unknown = [channel for channel in channels if channel not in _AXES | _TURNS]
                if not 0 <= count <= 6 or unknown:
                    raise ValueError(f"{name} has impossible CHANNELS")
                at += 2 + count
            if word == "End":
                name = f"{joints[parent].name}_end"
            open_joints.append(len(joints))
            joints.append(Joint(name, parent, offset, channels))
            if len(joints) > _MOST_JOINTS:
                raise ValueError(f"it has more than {_MOST_JOINTS} joints")
        elif word == "}":
            open_joints.pop()
            at += 1
        else:
            raise ValueError(f"{word[:20]!r} stands where a joint should")
    if open_joints or not joints:
        raise ValueError("its HIERARCHY breaks off")
    return joints


def _motion(tail: str, channels: int) -> tuple[int, float, np.ndarray]:
    words = tail.split(maxsplit=5)
    if words[0] != "Frames:" or words[2:4] != ["Frame", "Time:"]:
        raise ValueError("its MOTION does not begin with Frames and Frame Time")
    frames, interval_s = int(words[1]), float(words[4])
    if not 0 <= frames <= _MOST_FRAMES or not math.isfinite(interval_s) or not 1 / 1000 <= interval_s <= 10:
        raise ValueError(f"{frames} frames of {interval_s} s are impossible")
    values = np.array(words[5].split() if len(words) > 5 else [], dtype=np.float64)
    if len(values) < frames * channels:
        raise ValueError(f"it promises {frames} frames of {channels} numbers and holds {len(values)} numbers")
    values = values[: frames * channels]
    if not (np.isfinite(values).all() and np.abs(values).max(initial=0) < 1e9):
        raise ValueError("it holds what is no number")
    return frames, interval_s, values.reshape(frames, channels)


def _moved(joints: tuple[Joint, ...], fps: float, values: np.ndarray) -> Capture:
    """Where every joint is, from the root outwards."""
    places = np.zeros((len(values), len(joints), 3))
    turns = np.zeros((len(values), len(joints), 3, 3))
    first = 0
    for number, joint in enumerate(joints):
        own = values[:, first : first + len(joint.channels)]
        first += len(joint.channels)
        shift = np.tile(joint.offset, (len(values), 1))
        axes = ""
        angles = []
        for channel, value in zip(joint.channels, own.T, strict=True):
            if channel in _AXES:
                # A root's place is the world's; of a joint that slides, its place in its parent's world.
                shift[:, _AXES[channel]] = value
            else:
                axes += _TURNS[channel]
                angles.append(value)
        turn = _turn(axes, angles, len(values))
        if joint.parent < 0:
            places[:, number], turns[:, number] = shift, turn
        else:
            before = turns[:, joint.parent]
            places[:, number] = places[:, joint.parent] + np.einsum("tij,tj->ti", before, shift)
            turns[:, number] = before @ turn
    return Capture(joints, fps, places, turns)


def _turn(axes: str, angles: list[np.ndarray], frames: int) -> np.ndarray:
    turn = np.tile(np.eye(3), (frames, 1, 1))
    for axis, angle in zip(axes, angles, strict=True):
        turn = turn @ Rotation.from_euler(axis, angle[:, None], degrees=True).as_matrix()
    return turn
