"""From the file of a clip to the whole figure in every frame: body, hands and face as one Pose."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cxanim.errors import NoFigure
from cxanim.motion.camera_path import CameraPath
from cxanim.motion.crop import Crop
from cxanim.motion.detect import Detector, find_faces
from cxanim.motion.hand_alone import HandAlone
from cxanim.motion.pose import Pose
from cxanim.motion.recording import Motion
from cxanim.motion.segment import person_matte
from cxanim.motion.skeleton import shows_a_figure
from cxanim.pipelines.clip import DETECTION_SIDE_PX, frames_until
from cxanim.pipelines.watch import Watch
from cxanim.video import open_video

_LEAST_SEEN = 0.5  # share of frames that must show a body: in a hand, too, the detector sees one now and then
_IS_A_PERSON = 0.5  # of a segmentation
_LOOKS = 3  # frames in which people are counted


@dataclass(frozen=True)
class ClipFigures:
    """The figure in the frames of a clip, or of a part of it, without the frames.

    Attributes:
        path: the clip.
        width_px, height_px: size of its frames.
        motion: bodies, hands and faces in the frame's own square, at the clip's rate divided by `stride`; a frame that
            shows no figure has none of them.
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
    notes: tuple[str, ...] = ()

    @property
    def missing(self) -> int:
        """How many frames show no figure."""
        return sum(pose.body is None for pose in self.motion)

    @property
    def crop(self) -> Crop:
        """One window for the whole clip, in the pixels of the frames that were looked at."""
        bodies = [pose.body for pose in self.motion if pose.body is not None]
        return Crop.around_bodies(bodies, self.width_px, self.height_px)


def observe_figures(
    path: Path,
    watch: Watch,
    *,
    most_frames: int | None = None,
    until: float = 1.0,
    start_s: float = 0.0,
    end_s: float | None = None,
    camera: CameraPath | None = None,
    stage: str = "Finding the figure",
) -> ClipFigures:
    """Find one figure in the frames of a clip, following it from frame to frame.

    Args:
        path: the clip.
        watch: who is told.
        most_frames: look at every n-th frame so that no more than these are looked at.
        until: look only at this share of the clip's seconds.
        start_s, end_s: look only at this part, in seconds after the clip's first frame.
        camera: follows the clip's camera meanwhile, where that is asked for.
        stage: what to call the work.

    Raises:
        UnreadableVideo, TooLarge, Cancelled.
        NoFigure: hardly a frame shows one.
    """
    path = Path(path)
    poses: list[Pose] = []
    people: list[int] = []
    hands = 0
    with (
        open_video(path, start_s=start_s, end_s=end_s, max_side_px=DETECTION_SIDE_PX) as video,
        Detector("body") as detector,
        HandAlone() as hand_alone,
    ):
        told = video.info.frames_estimate
        last = frames_until(told, until) if until < 1 else None
        total = last or told
        stride = max(1, math.ceil(total / most_frames)) if most_frames else 1
        for number, frame in enumerate(watch.each(video, stage, total)):
            if last is not None and number >= last:
                break
            if number % stride == 0:
                pose = detector.detect(frame)
                is_hand = hand_alone.is_in(frame, pose)
                hands += is_hand
                is_figure = not is_hand and pose.body is not None and shows_a_figure(pose.body)
                poses.append(pose if is_figure else Pose())
                if camera is not None:
                    camera.see(frame, poses[-1].body)
            if number % max(1, total // _LOOKS) == 0:
                people.append(_people_in(frame))
        fps = video.info.fps
        width_px, height_px = frame.shape[1], frame.shape[0]
    missing = sum(pose.body is None for pose in poses)
    if missing > len(poses) * (1 - _LEAST_SEEN):
        instead = ", but a hand alone" if hands > missing / 2 else ""
        raise NoFigure(
            f"A body was found in {len(poses) - missing} of {len(poses)} frames of {path.name}{instead}.",
            "Use a video that shows one person, from the hips up at least.",
        )
    notes = []
    usual = sorted(people)[len(people) // 2]  # a face in one frame only may be a mistake of the detector
    if usual > 1:
        notes.append(f"{path.name} shows {usual} people: the one found first, mostly the largest, is followed.")
    motion = Motion.from_poses(poses, fps / stride, source=path.name)
    return ClipFigures(path, width_px, height_px, motion, stride, told, tuple(notes))


def _people_in(frame: np.ndarray) -> int:
    """How many people show their face in a frame (H, W, 3): in the back of a chair, too, the detector sees one."""
    faces = find_faces(frame, everyone=True)
    if len(faces) < 2:
        return len(faces)
    height, width = frame.shape[:2]
    window = Crop.whole(width, height)
    matte = person_matte(frame)
    middles = np.stack([face[:, :2].mean(0) for face in faces]) * window.side_px + (window.x_px, window.y_px)
    columns, rows = np.clip(middles, 0, (width - 1, height - 1)).astype(int).T
    return int((matte[rows, columns] > _IS_A_PERSON).sum())
