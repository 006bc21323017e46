"""From the file of a clip to the face in every frame, and to the frames that a training wants."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from cxanim.errors import BadSetting, NoFace
from cxanim.motion.crop import Crop
from cxanim.motion.recording import Motion
from cxanim.motion.retarget import most_neutral
from cxanim.pipelines.follower import Follower
from cxanim.pipelines.watch import Watch
from cxanim.video import open_video

DETECTION_SIDE_PX = 960
_LEAST_SEEN = 0.05  # share of frames that must show a face: fewer are mistakes of the detector


@dataclass(frozen=True)
class ClipFaces:
    """The face in the frames of a clip, or of a part of it, without the frames.

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
    start_s: float = 0.0,
    end_s: float | None = None,
    face_number: int = 0,
    stage: str = "Finding faces",
) -> ClipFaces:
    """Find one face in the frames of a clip, following it from frame to frame.

    Args:
        path: the clip.
        watch: who is told.
        parts: what to look for (see `Detector`).
        most_frames: look at every n-th frame so that no more than these are looked at.
        until: look only at this share of the clip's seconds.
        start_s, end_s: look only at this part, in seconds after the clip's first frame.
        face_number: which face is followed (see `Follower`); 0 is the largest.
        stage: what to call the work.

    Raises:
        UnreadableVideo, TooLarge, Cancelled.
        NoFace: hardly a frame shows a face.
        BadSetting: there are never so many faces.
    """
    path, watch = Path(path), watch or Watch()
    poses, missing, count = [], 0, 0
    with (
        open_video(path, start_s=start_s, end_s=end_s, max_side_px=DETECTION_SIDE_PX) as video,
        Follower(parts, face_number) as follower,
    ):
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
    if face_number > count > 0:
        raise BadSetting(
            f"Face {face_number} of {path.name} is asked for, but it shows {count} at most.",
            f"Choose one from 1 to {count}, counted from left to right, or 0 for the largest.",
        )
    if missing > len(poses) * (1 - _LEAST_SEEN):
        seen = f"only in {len(poses) - missing} of {len(poses)} frames" if missing < len(poses) else "in no frame"
        raise NoFace(
            f"A face was found {seen} of {path.name}.",
            "Use a clip in which one face looks roughly towards the camera and is not covered.",
        )
    notes = []
    if count > 1:
        which = f"number {face_number} from the left" if face_number else "the largest at the start"
        notes.append(f"{path.name} shows {count} faces: {which} is followed.")
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
        Follower() as follower,
    ):
        for frame in video:
            poses.append(follower.next(frame))
            pictures.append(crop.cut(frame, size_px))
    motion = Motion.from_poses(poses, fps).calmed(longest_gap_s=0.2)
    for picture, pose in zip(pictures, motion, strict=True):
        yield picture, crop.from_frame(pose, clip.width_px, clip.height_px).face
