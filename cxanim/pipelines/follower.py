"""Follows one face through the frames of a clip, and stays with it where others come near.

General idea: MediaPipe's detector follows whatever face it sees best. It is therefore given a window round the one
that is followed where others, or its smallness, would mislead it; and a face that turns up too far from where that
one was last seen, where several are known, is somebody else's.
"""

import cv2
import numpy as np

from cxanim.motion.crop import Crop
from cxanim.motion.detect import Detector, find_faces
from cxanim.motion.pose import Pose, face_box

_LOST_FOR = 10  # frames without a face after which the whole frame is searched again
# A frame repeats the last one if no eighth of its face changes by more than so much of the face's own contrast: what a
# codec stirs up in repeats stays below, half a blink lies far above.
_REPEAT_SHARE, _COMPARED_PX = 0.03, 64
# In widths of the face: how far it may go from one look to the next, and while it is not seen; how far it may go in
# its window before that goes along.
_STEP, _ABSENT, _ASIDE = 0.7, 2.0, 0.75


class Follower:
    """Follows one face of a clip, frame after frame.

    Where a frame repeats the one before, so does its pose: the detector, which tracks, would creep on.

    Args:
        parts: what to look for (see `Detector`).
        number: which face, counted from left to right in the first frame that shows so many; 0 is the largest of the
            first frame that shows any.

    Attributes:
        most_faces: how many faces were seen at once.
    """

    def __init__(self, parts: str = "face", number: int = 0):
        self._detector = Detector(parts)
        self._pose = Pose()
        self._looked_at: np.ndarray | None = None
        self._parts, self._number = parts, number
        self._window: Crop | None = None
        self._window_face: np.ndarray | None = None
        self._place: np.ndarray | None = None
        self._lost = _LOST_FOR
        self.most_faces = 0

    def next(self, frame: np.ndarray) -> Pose:
        """The pose in the next frame; without a face where the one that is followed is not seen."""
        grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
        if not self._repeats(grey):
            self._pose = self._look(frame)
            self._looked_at = grey
        return self._pose

    def close(self) -> None:
        """Free the networks."""
        self._detector.close()

    def _repeats(self, grey: np.ndarray) -> bool:
        """Whether a frame (H, W) shows what the last one that was looked at showed, by the face's place in it."""
        if self._looked_at is None or self._looked_at.shape != grey.shape:
            return False
        if self._parts != "face" or self._pose.face is None:
            return False
        height, width = grey.shape
        place = Crop.around_faces([self._pose.face], width, height, margin=0.1)
        now, before = (place.cut(picture, _COMPARED_PX).astype(np.float32) for picture in (grey, self._looked_at))
        most_changed = float(cv2.blur(cv2.absdiff(now, before), (_COMPARED_PX // 8,) * 2).max())
        return most_changed < _REPEAT_SHARE * max(1.0, float(before.std()))

    def _look(self, frame: np.ndarray) -> Pose:
        if self._lost >= _LOST_FOR:
            self._search(frame)
        if self._place is None and self._number:
            self._lost += 1  # it has not come yet
            return Pose()
        height, width = frame.shape[:2]
        window = self._window
        if window is None:
            pose = self._detector.detect(frame)
        else:
            pose = self._detector.detect(window.cut(frame, min(480, round(window.side_px))))
            pose = window.to_frame(pose, width, height)
        if pose.face is None or self._is_another(pose.face):
            self._lost += 1
            return Pose()
        self._lost = 0
        self._place = _place(pose.face)
        if self._window_face is not None and _widths_apart(_place(self._window_face), self._place) > _ASIDE:
            self._set_window(pose.face, frame)
        return pose

    def _is_another(self, face: np.ndarray) -> bool:
        if self._place is None or self.most_faces < 2 or self._parts != "face":
            return False
        return _widths_apart(self._place, _place(face)) > min(_STEP * (1 + self._lost), _ABSENT)

    def _search(self, frame: np.ndarray) -> None:
        """Look for the face in the whole frame."""
        faces = find_faces(frame, everyone=True)
        self.most_faces = max(self.most_faces, len(faces))
        self._lost = 0
        if self._parts != "face":  # a body is looked for in the whole frame
            return
        chosen = self._chosen(faces)
        if chosen is None:
            self._window = self._window_face = None
            return
        self._place = _place(chosen)
        x0, _, x1, _ = face_box(chosen)
        if len(faces) == 1 and x1 - x0 > 0.2:
            self._window = self._window_face = None
        else:
            self._set_window(chosen, frame)

    def _chosen(self, faces: list[np.ndarray]) -> np.ndarray | None:
        """The face that is followed among those (the largest first) of a frame; None where it is not there."""
        if self._place is None:
            if len(faces) < max(1, self._number):
                return None
            return sorted(faces, key=_left_edge)[self._number - 1] if self._number else faces[0]
        if self.most_faces < 2:  # after a cut it may be anywhere
            return faces[0] if faces else None
        near = [face for face in faces if _widths_apart(self._place, _place(face)) <= _ABSENT]
        place = self._place
        return min(near, key=lambda face: _widths_apart(place, _place(face)), default=None)

    def _set_window(self, face: np.ndarray, frame: np.ndarray) -> None:
        height, width = frame.shape[:2]
        window = Crop.around_faces([face], width, height, margin=1.0)
        self._window_face = face
        if window != self._window:
            self._window = window
            self._detector.close()
            self._detector = Detector(self._parts)

    def __enter__(self) -> "Follower":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _left_edge(face: np.ndarray) -> float:
    return face_box(face)[0]


def _place(face: np.ndarray) -> np.ndarray:
    """Centre (x, y) and width of a face."""
    x0, y0, x1, y1 = face_box(face)
    return np.array([(x0 + x1) / 2, (y0 + y1) / 2, x1 - x0])


def _widths_apart(a: np.ndarray, b: np.ndarray) -> float:
    """How far two places lie from one another, in widths of the larger face."""
    return float(np.linalg.norm(a[:2] - b[:2]) / max(a[2], b[2], 1e-6))
