"""Drives a puppet of a whole figure: with a video of a person, a motion with bodies, or a BVH capture, into a video."""

from dataclasses import fields, replace
from pathlib import Path

import numpy as np

from cxanim.motion.figure_retarget import retargeted_figure
from cxanim.motion.pose import Pose
from cxanim.motion.retarget import most_neutral
from cxanim.pipelines.drive_settings import DriveSettings
from cxanim.pipelines.driver import Drive
from cxanim.pipelines.figure_driver import LONGEST_GAP_S, driving_motion
from cxanim.pipelines.figure_puppet import FigurePuppet
from cxanim.pipelines.figure_render import FigureRenderer
from cxanim.pipelines.machine import Machine
from cxanim.pipelines.rendering import Rendered, render_drive
from cxanim.pipelines.watch import Watch

_OF_FIGURES = ("start_s", "end_s", "smoothing", "head", "brows", "eyes", "gaze", "mouth")


def drive_figure(
    puppet: FigurePuppet,
    driver: str | Path,
    output: Path,
    settings: DriveSettings,
    machine: Machine,
    watch: Watch,
    *,
    beside: Path | None = None,
) -> Rendered:
    """Make a video of a figure that moves as `driver` does, fingers and face included where they are seen.

    Args:
        puppet: who moves.
        driver: a video of a person, a motion file with bodies, or a BVH capture.
        output: .mp4, .webm or .gif.
        settings: which part of the driver is used, how calm the motion is made, and how much of its face arrives.
        machine: where to compute.
        watch: who is told, and may stop it.
        beside: a second video to write, which shows the driver on the left of the result.

    Raises:
        NoFigure, UnreadableMotion, UnreadableVideo, TooLarge, BadPuppet, BadSetting, CannotWrite, Cancelled.
    """
    device = machine.prepare()
    ready = prepare_figure_poses(driver, puppet, settings, watch)
    renderer = FigureRenderer(puppet, device)
    still = puppet.framed(puppet.rest.picture)
    height_px, width_px = still.shape[:2]

    def shown(pose: Pose) -> np.ndarray:
        return puppet.framed(renderer.show(pose))

    rendered = render_drive(ready, shown, width_px, height_px, output, watch, beside=beside, still=still)
    changed = [one.name for one in fields(settings) if getattr(settings, one.name) != getattr(DriveSettings, one.name)]
    unused = [name for name in changed if name not in _OF_FIGURES]
    notes = (f"A whole figure has no use for {', '.join(unused)}.",) if unused else ()
    return replace(rendered, notes=rendered.notes + notes)


def prepare_figure_poses(driver: str | Path, puppet: FigurePuppet, settings: DriveSettings, watch: Watch) -> Drive:
    """Find out what a figure does in every frame: its poses, in its own square.

    Raises:
        As `drive_figure`.
    """
    driving = driving_motion(driver, settings, watch)
    poses = list(driving.motion.calmed(settings.smoothing, longest_gap_s=LONGEST_GAP_S))
    faces = puppet.faces
    neutral = faces[most_neutral(faces)] if faces else None
    fps, rest = driving.motion.fps, puppet.rest.body
    made = retargeted_figure(poses, fps, rest, puppet.build, neutral, settings.gains, puppet.room())
    start_s = settings.start_s if driving.video else 0.0
    return Drive(iter(made), len(made), fps, driving.video, start_s=start_s, notes=driving.notes)
