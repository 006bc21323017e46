"""Which joint of a motion capture is which point of a body: every studio has names of its own.

General idea: a name says a side and a part ("mixamorig:LeftForeArm", "lShldr", "thigh_r"). Of the parts that could
stand for a point the most telling one is taken: where there are "LeftArm" and "LeftShoulder", the shoulder's joint is
the arm's, and the other a collar bone.
"""

import re
from collections.abc import Sequence

LIMB_POINTS = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle", "toe")
FINGERS = ("thumb", "index", "middle", "ring", "pinky")
# Names of a part, without its side, the most telling first.
_PARTS = {
    "shoulder": ("upperarm", "uparm", "arm", "shldr", "humerus", "shoulder"),
    "elbow": ("forearm", "lowerarm", "lowarm", "elbow", "radius"),
    "wrist": ("hand", "wrist"),
    "hip": ("upleg", "upperleg", "thigh", "femur", "hip"),
    "knee": ("lowleg", "lowerleg", "knee", "calf", "shin", "tibia", "leg"),
    "ankle": ("foot", "ankle"),
    "toe": ("toebase", "toe", "toes", "ball"),
}
_MIDDLE = {"head": ("head",), "neck": ("neck", "neck1", "lowerneck")}
_FINGER_WORDS = {"pinky": ("pinky", "little"), **{finger: (finger,) for finger in FINGERS[:-1]}}


def side_and_part(name: str) -> tuple[str, str]:
    """ "left", "right" or "" and the rest of a joint's name, in small letters: ("left", "forearm")."""
    bare = re.sub(r"^.*:", "", name)
    words = [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", bare)]
    sides = {"left": "left", "l": "left", "right": "right", "r": "right"}
    for index in (0, -1):
        if len(words) > 1 and words[index] in sides:
            side = sides[words.pop(index)]
            return side, "".join(words)
    whole = "".join(words)
    for word in ("left", "right"):
        if whole.startswith(word):
            return word, whole.removeprefix(word)
    known = {part for parts in _PARTS.values() for part in parts}
    if whole[:1] in ("l", "r") and whole[1:] in known and whole not in known:
        return sides[whole[0]], whole[1:]
    return "", whole


def find_points(names: Sequence[str]) -> dict[str, int]:
    """Numbers of the joints that stand for points: "left_elbow", "head", ...; what is not there is left out."""
    told = [side_and_part(name) for name in names]
    found: dict[str, int] = {}
    for point, parts in _PARTS.items():
        for side in ("left", "right"):
            number = _first(told, side, parts)
            if number is not None:
                found[f"{side}_{point}"] = number
    for point, parts in _MIDDLE.items():
        number = _first(told, "", parts)
        if number is not None:
            found[point] = number
    return found


def find_fingers(names: Sequence[str], side: str) -> dict[str, list[int]]:
    """Numbers of the last three joints and the end of each finger of a side, from the palm outwards."""
    told = [side_and_part(name) for name in names]
    found = {}
    for finger, words in _FINGER_WORDS.items():
        chain = [number for number, (of, part) in enumerate(told) if of == side and any(word in part for word in words)]
        if len(chain) >= 4:
            found[finger] = chain[-4:]
    return found


def _first(told: Sequence[tuple[str, str]], side: str, parts: Sequence[str]) -> int | None:
    for part in parts:
        if (side, part) in told:
            return told.index((side, part))
    return None
