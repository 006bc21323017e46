"""From what drives to a figure's joints in every frame: a video of a person, a motion with bodies, or a BVH capture."""

import os
from dataclasses import dataclass, replace
from pathlib import Path

from cxanim.errors import BadSetting, CxanimError, NoFigure
from cxanim.motion.body_retarget import retargeted
from cxanim.motion.bvh_poses import BVH_SUFFIX, motion_from_bvh
from cxanim.motion.detect import Detector
from cxanim.motion.pose import Pose
from cxanim.motion.presets import PRESETS
from cxanim.motion.recording import Motion
from cxanim.motion.skeleton import shows_a_figure
from cxanim.pipelines.clip import DETECTION_SIDE_PX
from cxanim.pipelines.drive_settings import DriverSettings, check_times
from cxanim.pipelines.driver import MOTION_SUFFIX, Drive, is_still
from cxanim.pipelines.figure import Figure
from cxanim.pipelines.watch import Watch
from cxanim.video import open_video, probe_video

_LEAST_SEEN = 0.5  # share of frames that must show a body: in a hand, too, the detector sees one now and then

_OF_A_DRAWING = 0.3


@dataclass(frozen=True)
class FilmedBody:
    """The body in the frames of a part of a video.

    Attributes:
        motion: bodies, hands and faces in the frame's own square.
        notes: what a person should know.
    """

    motion: Motion
    notes: tuple[str, ...]


def has_bodies_only(driver: str | Path) -> bool:
    """Whether a driver can move a figure and no face."""
    path = Path(driver)
    if str(driver) in PRESETS or not os.path.isfile(path):  # unlike Path's, False also for a name no disk would take
        return False
    if path.suffix.lower() == BVH_SUFFIX:
        return True
    if path.suffix.lower() != MOTION_SUFFIX:
        return False
    motion = Motion.load(path)
    return "body" in motion.parts and all(face is None for face in motion.faces)


def prepare_figure_drive(
    driver: str | Path, figure: Figure, settings: DriverSettings, smoothing: float, watch: Watch
) -> Drive:
    """Find out where a figure's joints (35, 3) are in every frame, and at what depth.

    Args:
        driver: a video, a motion file with bodies, or a BVH capture.
        figure: who is to move.
        settings: which part of the driver is used.
        smoothing: how calm the motion is made.
        watch: who is told.

    Raises:
        NoFigure: hardly a frame shows a body.
        UnreadableMotion, UnreadableVideo, TooLarge, BadPuppet, BadSetting, Cancelled.
    """
    path = Path(driver)
    if str(driver) in PRESETS or is_still(driver):
        raise CxanimError(
            f"{driver} moves a face and no figure.", "Use a video of a person, a BVH capture or a motion with a body."
        )
    if not os.path.isfile(path):
        raise CxanimError(f"There is no motion {str(driver)!r}.", "Name a video, a BVH capture or a motion file.")
    video: Path | None = None
    notes: tuple[str, ...] = ()
    if path.suffix.lower() == BVH_SUFFIX:
        motion = _part(motion_from_bvh(path), settings, path.name)
    elif path.suffix.lower() == MOTION_SUFFIX:
        motion = _part(Motion.load(path), settings, path.name)
        if "body" not in motion.parts:
            raise NoFigure(f"The motion {path.name} has no body in it.", "Extract one with --parts body.")
    else:
        seen = film_body(path, settings, watch)
        motion, video, notes = seen.motion, path, seen.notes
    bodies = [pose.body for pose in motion.calmed(smoothing, longest_gap_s=0.5)]
    if all(body is None for body in bodies):
        raise NoFigure(f"The part of {path.name} that is used shows no body.", "Choose another part of it.")
    # A drawing has no depth: a limb that leads towards the camera would crumple its sheet.
    foreshortening = _OF_A_DRAWING if figure.is_drawn else 1.0
    joints = retargeted(bodies, motion.fps, figure.joints, figure.build, foreshortening=foreshortening)
    return Drive(iter(joints), len(joints), motion.fps, video, start_s=settings.start_s if video else 0.0, notes=notes)


def film_body(path: Path, settings: DriverSettings, watch: Watch) -> FilmedBody:
    """Follow the body in a part of a video.

    Raises:
        NoFigure: hardly a frame shows one.
        UnreadableVideo, TooLarge, BadSetting, Cancelled.
    """
    check_times(settings, probe_video(path).duration_s, path.name)
    poses = []
    with (
        open_video(path, start_s=settings.start_s, end_s=settings.end_s, max_side_px=DETECTION_SIDE_PX) as video,
        Detector("body") as detector,
    ):
        info = video.info
        for frame in watch.each(video, "Following the driver", info.frames_estimate):
            pose = detector.detect(frame)
            poses.append(pose if pose.body is not None and shows_a_figure(pose.body) else Pose())
    missing = sum(pose.body is None for pose in poses)
    if missing > len(poses) * (1 - _LEAST_SEEN):
        raise NoFigure(
            f"A body was found in {len(poses) - missing} of {len(poses)} frames of {path.name}.",
            "Use a video that shows one person, from the hips up at least.",
        )
    notes = (
        (f"No body in {missing} of {len(poses)} frames of {path.name}: limbs fall to rest there.",) if missing else ()
    )
    return FilmedBody(Motion.from_poses(poses, info.fps, source=path.name), notes)


def _part(motion: Motion, settings: DriverSettings, name: str) -> Motion:
    check_times(settings, len(motion) / motion.fps, name)
    first = round(settings.start_s * motion.fps)
    last = len(motion) if settings.end_s is None else round(settings.end_s * motion.fps)
    if first >= len(motion):
        raise BadSetting(f"start_s: got {settings.start_s:g} s, which lies beyond the end of {name}.")
    last = min(max(last, first + 1), len(motion))
    return replace(motion, parts={part: track[first:last] for part, track in motion.parts.items()}, neutral=0)
