"""From what drives to a figure's joints in every frame: a video of a person, a motion with bodies, or a BVH capture."""

import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from cxanim.errors import BadSetting, CxanimError, NoFigure
from cxanim.motion.body_retarget import retargeted
from cxanim.motion.bvh_poses import BVH_SUFFIX, motion_from_bvh
from cxanim.motion.camera_path import CameraPath, taken_out
from cxanim.motion.presets import PRESETS
from cxanim.motion.recording import Motion
from cxanim.motion.room import Room, keep_within
from cxanim.motion.skeleton import HIPS
from cxanim.pipelines.drive_settings import DriverSettings, check_times
from cxanim.pipelines.driver import MOTION_SUFFIX, Drive, is_still
from cxanim.pipelines.figure import Figure
from cxanim.pipelines.figure_clip import observe_figures
from cxanim.pipelines.watch import Watch
from cxanim.video import probe_video

LONGEST_GAP_S = 0.5  # over which a limb that is not seen is bridged
_OF_A_DRAWING = 0.3


@dataclass(frozen=True)
class Driving:
    """What drives a figure.

    Attributes:
        motion: bodies, and hands and faces where they are seen, in a square of their own.
        video: the video it comes from, or None.
        notes: what a person should know.
        filmed: the motion as the camera saw it, where the camera's own was taken out of `motion`.
    """

    motion: Motion
    video: Path | None = None
    notes: tuple[str, ...] = ()
    filmed: Motion | None = None

    @property
    def faces(self) -> list[np.ndarray | None]:
        """The face of each frame as large as it was filmed, or None."""
        return (self.motion if self.filmed is None else self.filmed).faces

    def calmed(self, smoothing: float) -> "Driving":
        """The same, without tremble, and with short gaps bridged."""

        def calm(motion: Motion) -> Motion:
            return motion.calmed(smoothing, longest_gap_s=LONGEST_GAP_S)

        return replace(self, motion=calm(self.motion), filmed=None if self.filmed is None else calm(self.filmed))


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


def prepare_figure_drive(driving: Driving, figure: Figure, settings: DriverSettings) -> Drive:
    """Find out where a figure's joints (35, 3) are in every frame, and at what depth.

    Args:
        driving: what drives it, calmed.
        figure: who is to move.
        settings: which part of the driver is used.

    Raises:
        NoFigure: of the two nothing is seen by which one could be measured by the other.
    """
    motion = driving.motion
    bodies = [pose.body for pose in motion]
    # A drawing has no depth: a limb that leads towards the camera would crumple its sheet.
    foreshortening = _OF_A_DRAWING if figure.is_drawn else 1.0
    joints = retargeted(bodies, motion.fps, figure.joints, figure.build, foreshortening=foreshortening)
    height, width = figure.picture.shape[:2]
    rim = (1 - width / max(height, width)) / 2  # of the square, beside the picture
    joints = keep_within(joints, Room(float(figure.joints[HIPS, 0]), (rim, 1 - rim), figure.build.trunk))
    start_s = settings.start_s if driving.video else 0.0
    return Drive(iter(joints), len(joints), motion.fps, driving.video, start_s=start_s, notes=driving.notes)


def driving_motion(driver: str | Path, settings: DriverSettings, watch: Watch) -> Driving:
    """Read the bodies of what drives a figure.

    Args:
        driver: a video, a motion file with bodies, or a BVH capture.
        settings: which part of the driver is used.
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
    if path.suffix.lower() == BVH_SUFFIX:
        driving = Driving(_part(motion_from_bvh(path), settings, path.name))
    elif path.suffix.lower() == MOTION_SUFFIX:
        driving = Driving(_part(Motion.load(path), settings, path.name))
        if "body" not in driving.motion.parts:
            raise NoFigure(f"The motion {path.name} has no body in it.", "Extract one with --parts body.")
    else:
        driving = _filmed(path, settings, watch)
    if all(pose.body is None for pose in driving.motion):
        raise NoFigure(f"The part of {path.name} that is used shows no body.", "Choose another part of it.")
    return driving


def _filmed(path: Path, settings: DriverSettings, watch: Watch) -> Driving:
    """The body in a part of a video."""
    check_times(settings, probe_video(path).duration_s, path.name)
    camera = CameraPath()
    seen = observe_figures(
        path, watch, start_s=settings.start_s, end_s=settings.end_s, camera=camera, stage="Following the driver"
    )
    notes = seen.notes
    if seen.missing:
        gone = f"No body in {seen.missing} of {len(seen.motion)} frames of {path.name}: limbs fall to rest there."
        notes = (*notes, gone)
    if not camera.is_followed:
        return Driving(seen.motion, path, (*notes, unfollowed_note(path.name)))
    if camera.stands:
        return Driving(seen.motion, path, notes)
    if camera.moves:
        notes = (*notes, f"The camera of {path.name} moves; its motion was taken out of the body's.")
    return Driving(taken_out(seen.motion, camera.matrices), path, notes, seen.motion)


def unfollowed_note(name: str) -> str:
    """What a person should know of a driver whose camera could not be followed."""
    return f"Too little is seen behind the person in {name} to tell whether the camera moves: if so, the figure slides."


def _part(motion: Motion, settings: DriverSettings, name: str) -> Motion:
    check_times(settings, len(motion) / motion.fps, name)
    first = round(settings.start_s * motion.fps)
    last = len(motion) if settings.end_s is None else round(settings.end_s * motion.fps)
    if first >= len(motion):
        raise BadSetting(f"start_s: got {settings.start_s:g} s, which lies beyond the end of {name}.")
    last = min(max(last, first + 1), len(motion))
    return replace(motion, parts={part: track[first:last] for part, track in motion.parts.items()}, neutral=0)
