"""A motion capture as poses: what a camera in front of the person would see, in the numbering that videos give.

Convention:
    - the camera stands level, far away (orthographic), before where the person faces in the first second; up is where
      the head is, whichever axis the file calls so. Poses are in a square (see `pose.py`) that holds the whole capture.
    - left and right are the subject's own.
"""

from pathlib import Path

import numpy as np

from cxanim.errors import UnreadableMotion
from cxanim.motion import landmarks as lm
from cxanim.motion.bvh import Capture, read_bvh
from cxanim.motion.bvh_names import FINGERS, LIMB_POINTS, find_fingers, find_points
from cxanim.motion.recording import Motion

BVH_SUFFIX = ".bvh"
_FPS = 30.0  # captures have up to 120; more frames than a video shows only cost time
_MARGIN = 0.05
_BODY = {"shoulder": 11, "elbow": 13, "wrist": 15, "hip": 23, "knee": 25, "ankle": 27, "toe": 31}
_HAND_TIPS = {"pinky": 17, "index": 19, "thumb": 21}
_FACE = {  # right, up, forward from the middle of the head, in widths of it
    0: (0.0, -0.1, 0.62), 1: (-0.12, 0.12, 0.5), 2: (-0.2, 0.12, 0.47), 3: (-0.28, 0.12, 0.42), 4: (0.12, 0.12, 0.5),
    5: (0.2, 0.12, 0.47), 6: (0.28, 0.12, 0.42), 7: (-0.5, 0.0, 0.0), 8: (0.5, 0.0, 0.0), 9: (-0.15, -0.4, 0.5),
    10: (0.15, -0.4, 0.5),
}  # fmt: skip


def motion_from_bvh(path: Path) -> Motion:
    """Read a capture as a motion with bodies, with hands where it has fingers, and without faces.

    Raises:
        UnreadableMotion: damaged, huge, or a skeleton in which no body is recognised.
    """
    path = Path(path)
    capture = read_bvh(path)
    names = [joint.name for joint in capture.joints]
    points = find_points(names)
    wanted = [f"{side}_{point}" for side in ("left", "right") for point in LIMB_POINTS if point != "toe"] + ["head"]
    missing = [point.replace("_", " ") for point in wanted if point not in points]
    if missing:
        raise UnreadableMotion(
            f"{path.name} has no joint that is recognised as the {missing[0]}; it has {', '.join(names[:12])}.",
            "Name its joints as Mixamo does: LeftArm, LeftForeArm, LeftHand, LeftUpLeg, LeftLeg, LeftFoot, Head.",
        )
    stride = max(1, round(capture.fps / _FPS))
    capture = Capture(capture.joints, capture.fps / stride, capture.places[::stride], capture.turns[::stride])
    seen = _Seen(capture, points, path.name)
    parts = {"face": np.full((len(capture.places), lm.FACE_POINTS, 3), np.nan, np.float32)}
    tracks = {"body": seen.body()} | {f"{side}_hand": seen.hand(side, names) for side in ("left", "right")}
    for name, track in tracks.items():
        if track is not None:
            parts[name] = seen.placed(track)
    return Motion(capture.fps, parts, about={"source": path.name})


class _Seen:
    """A capture before the camera: x to its right, y down, z away from it."""

    def __init__(self, capture: Capture, points: dict[str, int], name: str):
        self._points = points
        places = capture.places
        feet = (places[:, points["left_ankle"]] + places[:, points["right_ankle"]]) / 2
        upwards = (places[:, points["head"]] - feet).mean(0)
        up = np.zeros(3)
        up[np.abs(upwards).argmax()] = np.sign(upwards[np.abs(upwards).argmax()])
        across = sum(
            places[:, points[f"left_{part}"]] - places[:, points[f"right_{part}"]] for part in ("hip", "shoulder")
        )
        level = across - np.outer(across @ up, up)
        aside = level[: max(1, round(capture.fps))].mean(0)
        if np.linalg.norm(aside) < 1e-6 or np.linalg.norm(upwards) < 1e-6:
            raise UnreadableMotion(f"{name} holds a body without extent.", "Export it anew, as BVH.")
        aside /= np.linalg.norm(aside)
        forward = np.cross(aside, up)
        self._view = np.stack([aside, -up, -forward])
        self._places = places @ self._view.T
        self._turns = self._view @ capture.turns
        self._across = level @ self._view.T

    def body(self) -> np.ndarray:
        """(T, 33, 4), before it is placed."""
        body = np.ones((len(self._places), lm.BODY_POINTS, 4))
        for part, number in _BODY.items():
            for aside, side in enumerate(("left", "right")):
                if f"{side}_{part}" in self._points:
                    body[:, number + aside, :3] = self._at(side, part)
        for aside, side in enumerate(("left", "right")):
            self._foot(body, aside, side)
            wrist = self._at(side, "wrist")
            onward = 0.3 * (wrist - self._at(side, "elbow"))
            for number in _HAND_TIPS.values():
                body[:, number + aside, :3] = wrist + onward
        self._head(body)
        return body

    def hand(self, side: str, names: list[str]) -> np.ndarray | None:
        """(T, 21, 3) where all fingers are known, before it is placed."""
        fingers = find_fingers(names, side)
        if len(fingers) < len(FINGERS):
            return None
        points = [self._points[f"{side}_wrist"], *(number for finger in FINGERS for number in fingers[finger])]
        return self._places[:, points]

    def placed(self, track: np.ndarray) -> np.ndarray:
        """A track in the square that holds the whole capture."""
        body = self.body()[..., :3]
        low, high = body[..., :2].min((0, 1)), body[..., :2].max((0, 1))
        scale = (1 - 2 * _MARGIN) / (high - low).max()
        placed = track.copy()
        placed[..., :2] = (track[..., :2] - (low + high) / 2) * scale + 0.5
        placed[..., 2] = (track[..., 2] - np.median(body[..., 2])) * scale
        return placed.astype(np.float32)

    def _at(self, side: str, part: str) -> np.ndarray:
        return self._places[:, self._points[f"{side}_{part}"]]

    def _foot(self, body: np.ndarray, aside: int, side: str) -> None:
        ankle, shin = self._at(side, "ankle"), self._at(side, "ankle") - self._at(side, "knee")
        if f"{side}_toe" not in self._points:
            ahead = np.cross(self._across, [0.0, -1.0, 0.0])
            ahead /= np.maximum(np.linalg.norm(ahead, axis=1, keepdims=True), 1e-9)
            body[:, 31 + aside, :3] = ankle + 0.4 * np.linalg.norm(shin, axis=1, keepdims=True) * ahead
        toe = body[:, 31 + aside, :3] - ankle
        body[:, 29 + aside, :3] = ankle - 0.3 * toe

    def _head(self, body: np.ndarray) -> None:
        """Nose, eyes, ears and mouth, by how the head has turned."""
        number = self._points["head"]
        turns, base = self._turns[:, number], self._places[:, number]
        shoulders = (self._at("left", "shoulder") + self._at("right", "shoulder")) / 2
        aside = self._across / np.maximum(np.linalg.norm(self._across, axis=1, keepdims=True), 1e-9)
        up = np.array([0.0, -1.0, 0.0])
        ahead = np.cross(aside, up)
        # In the head's own frame, whatever its axes: on the whole it looks where the body faces, and stands upright.
        axes = []
        for direction in (ahead, np.broadcast_to(up, ahead.shape)):
            own = np.einsum("tji,tj->ti", turns, direction).mean(0)
            axes.append(own / max(np.linalg.norm(own), 1e-9))
        forward, upward = (np.einsum("tij,j->ti", turns, axis) for axis in axes)
        rightward = np.cross(forward, upward)
        width = 0.55 * np.median(np.linalg.norm(base - shoulders, axis=1))
        middle = base + 0.6 * width * upward
        for point, (right, above, before) in _FACE.items():
            body[:, point, :3] = middle + width * (right * rightward + above * upward + before * forward)
