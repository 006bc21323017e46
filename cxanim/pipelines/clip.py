"""From the file of a clip to the face in every frame, and to the frames that a training wants."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from cxanim.errors import NoFace
from cxanim.motion.crop import Crop
from cxanim.motion.detect import Detector, find_faces
from cxanim.motion.pose import Pose, face_box
from cxanim.motion.recording import Motion
from cxanim.motion.retarget import most_neutral
from cxanim.pipelines.watch import Watch
from cxanim.video import open_video

DETECTION_SIDE_PX = 960
_LEAST_SEEN = 0.05  # share of frames that must show a face: fewer are mistakes of the detector
_LOST_FOR = 10  # frames without a face after which the whole frame is searched again
# A frame repeats the last one if no eighth of its face changes by more than so much of the face's own contrast: what a
# codec stirs up in repeats stays below, half a blink lies far above.
_REPEAT_SHARE, _COMPARED_PX = 0.03, 64


@dataclass(frozen=True)
class ClipFaces:
    """The face in the frames of a clip, without the frames.

    Attributes:
        path: the clip.
        width_px, height_px: size of its frames.
        motion: the faces in the frame's own square, at the clip's rate divided by `stride`.
        stride: every so many frames were looked at.
        frames_told: how many frames the whole clip has by its own word, of which shares are taken.
        notes: what a person should know.
    """

    path: Path
    width_px: int
    height_px: int
    motion: Motion
    stride: int
    frames_told: int
    notes: tuple[str, ...] = field(default=())


def observe_clip(
    path: Path,
    watch: Watch | None = None,
    *,
    parts: str = "face",
    most_frames: int | None = None,
    until: float = 1.0,
    stage: str = "Finding faces",
) -> ClipFaces:
    """Find the largest face in the frames of a clip, following it from frame to frame.

    Args:
        path: the clip.
        watch: who is told.
        parts: what to look for (see `Detector`).
        most_frames: look at every n-th frame so that no more than these are looked at.
        until: look only at this share of the clip's seconds.
        stage: what to call the work.

    Raises:
        UnreadableVideo, TooLarge, Cancelled.
        NoFace: not one frame shows a face.
    """
    path, watch = Path(path), watch or Watch()
    poses, missing, count = [], 0, 0
    with open_video(path, max_side_px=DETECTION_SIDE_PX) as video, _Follower(parts) as follower:
        last = frames_until(video.info.frames_estimate, until) if until < 1 else None
        total = last or video.info.frames_estimate
        stride = max(1, math.ceil(total / most_frames)) if most_frames else 1
        for number, frame in enumerate(watch.each(video, stage, total)):
            if last is not None and number >= last:
                break
            if number % stride == 0:
                pose = follower.next(frame)
                missing += pose.face is None
                poses.append(pose)
            count = follower.most_faces
        info = video.info
        width_px, height_px = frame.shape[1], frame.shape[0]
    if missing > len(poses) * (1 - _LEAST_SEEN):
        seen = f"only in {len(poses) - missing} of {len(poses)} frames" if missing < len(poses) else "in no frame"
        raise NoFace(
            f"A face was found {seen} of {path.name}.",
            "Use a clip in which one face looks roughly towards the camera and is not covered.",
        )
    notes = []
    if count > 1:
        notes.append(f"{path.name} shows {count} faces: the largest at the start is followed.")
    if missing:
        notes.append(
            f"No face in {missing} of {len(poses)} frames of {path.name}: its motion is bridged there, and a training"
            " leaves gaps of more than a fifth of a second out."
        )
    if video.frames_read < 0.9 * total:
        notes.append(f"{path.name} is damaged or cut short: it holds {video.frames_read} of about {total} frames.")
    motion = Motion.from_poses(poses, info.fps / stride, source=path.name)
    motion = Motion(motion.fps, motion.parts, most_neutral(motion.faces), motion.about)
    return ClipFaces(path, width_px, height_px, motion, stride, info.frames_estimate, tuple(notes))


def frames_until(frames: int, share: float) -> int:
    """How many of a clip's frames its first `share` holds: what a training learns from, a score leaves alone."""
    return math.ceil(frames * share)


def clip_crop(clip: ClipFaces) -> Crop:
    """One window for the whole clip, in the pixels of the frames that were looked at."""
    faces = [face for face in clip.motion.faces if face is not None]
    return Crop.around_faces(faces, clip.width_px, clip.height_px, margin=0.55)


def cut_frames(
    path: Path, crop: Crop, size_px: int, *, stride: int = 1, first: int = 0, last: int | None = None
) -> Iterator[np.ndarray]:
    """Yield the window of every `stride`-th frame from number `first` to before `last`, as (size_px, size_px, 3)."""
    with open_video(path, max_side_px=DETECTION_SIDE_PX) as video:
        for number, frame in enumerate(video):
            if last is not None and number >= last:
                break
            if number >= first and (number - first) % stride == 0:
                yield crop.cut(frame, size_px)


def film(
    clip: ClipFaces, crop: Crop, size_px: int, start_s: float, frames: int
) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
    """A stretch of a clip at its own rate, whatever stride it was looked at with.

    Args:
        clip: the clip.
        crop: its window.
        size_px: side of the pictures.
        start_s: seconds after the first frame.
        frames: how many are looked at, at most.

    Returns:
        The window (size_px, size_px, 3) of each frame, and the face in it, calmed, or None.
    """
    pictures, poses = [], []
    fps = clip.motion.fps * clip.stride
    end_s = start_s + frames / fps
    with (
        open_video(clip.path, start_s=start_s, end_s=end_s, max_side_px=DETECTION_SIDE_PX) as video,
        _Follower("face") as follower,
    ):
        for frame in video:
            poses.append(follower.next(frame))
            pictures.append(crop.cut(frame, size_px))
    motion = Motion.from_poses(poses, fps).calmed(longest_gap_s=0.2)
    for picture, pose in zip(pictures, motion, strict=True):
        yield picture, crop.from_frame(pose, clip.width_px, clip.height_px).face


class _Follower:
    """Follows the largest face of a clip, in a window of its own where others or its smallness would mislead.

    Where a frame repeats the one before, so does its pose: the detector, which tracks, would creep on.
    """

    def __init__(self, parts: str):
        self._detector = Detector(parts)
        self._pose = Pose()
        self._looked_at: np.ndarray | None = None
        self._parts = parts
        self._window: Crop | None = None
        self._lost = _LOST_FOR
        self.most_faces = 0

    def next(self, frame: np.ndarray) -> Pose:
        if not self._repeats(frame):
            self._pose = self._look(frame)
            self._looked_at = frame
        return self._pose

    def _repeats(self, frame: np.ndarray) -> bool:
        """Whether a frame shows what the last one that was looked at showed, by the face's place in it."""
        if self._looked_at is None or self._looked_at.shape != frame.shape:
            return False
        if self._parts != "face" or self._pose.face is None:
            return False
        height, width = frame.shape[:2]
        place = Crop.around_faces([self._pose.face], width, height, margin=0.1)
        now, before = (
            cv2.cvtColor(place.cut(picture, _COMPARED_PX), cv2.COLOR_RGB2GRAY).astype(np.float32)
            for picture in (frame, self._looked_at)
        )
        most_changed = float(cv2.blur(cv2.absdiff(now, before), (_COMPARED_PX // 8,) * 2).max())
        return most_changed < _REPEAT_SHARE * max(1.0, float(before.std()))

    def _look(self, frame: np.ndarray) -> Pose:
        if self._lost >= _LOST_FOR:
            self._look_for_window(frame)
        window = self._window
        if window is None:
            pose = self._detector.detect(frame)
        else:
            height, width = frame.shape[:2]
            pose = self._detector.detect(window.cut(frame, min(480, round(window.side_px))))
            pose = window.to_frame(pose, width, height)
        self._lost = 0 if pose.face is not None else self._lost + 1
        return pose

    def _look_for_window(self, frame: np.ndarray) -> None:
        faces = find_faces(frame)
        self.most_faces = max(self.most_faces, len(faces))
        self._lost = 0
        if not faces or self._parts != "face":  # a body is looked for in the whole frame
            self._window = None
            return
        x0, y0, x1, y1 = face_box(faces[0])
        if len(faces) == 1 and x1 - x0 > 0.2:
            self._window = None
            return
        height, width = frame.shape[:2]
        window = Crop.around_faces(faces[:1], width, height, margin=1.0)
        if window != self._window:
            self._window = window
            self._detector.close()
            self._detector = Detector(self._parts)

    def __enter__(self) -> "_Follower":
        return self

    def __exit__(self, *error: object) -> None:
        self._detector.close()
