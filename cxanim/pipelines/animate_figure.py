"""Animates the whole figure of a single photo, without training: limbs bent at their joints, before what is behind."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from cxanim.motion.limb_warp import LimbWarp
from cxanim.motion.pose import eye_distance
from cxanim.motion.retarget import Gains
from cxanim.pipelines.drive_settings import DriveSettings
from cxanim.pipelines.figure import LARGEST_FIGURE_PX, Figure, observe_figure
from cxanim.pipelines.figure_driver import Driving, driving_motion, prepare_figure_drive
from cxanim.pipelines.figure_expression import LEAST_EYES_PX, FigureExpression, expressions, face_of
from cxanim.pipelines.placed_figure import PlacedFigure
from cxanim.pipelines.rendering import Rendered, keeps_alpha, render_drive
from cxanim.pipelines.watch import Watch


def animate_figure(
    photo: Path,
    motion: str | Path,
    output: Path,
    settings: DriveSettings,
    watch: Watch,
    *,
    longest_side_px: int = LARGEST_FIGURE_PX,
    beside: Path | None = None,
    placed: PlacedFigure | None = None,
    mask: Path | None = None,
    alone: bool = False,
) -> Rendered:
    """Make a video in which the figure of a photo moves, and its face where photo and driver show one.

    Args:
        photo: the picture.
        motion: a video of a person, a BVH capture, or a motion file with bodies.
        output: .mp4, .webm or .gif, the last two transparent where the photo is.
        settings: which part of the motion is used, how calm it is made, and how much of its face arrives.
        watch: who is told, and may stop it.
        longest_side_px: of the video.
        beside: a second video to write, which shows the driver, or the still photo, on the left of the result.
        placed: its joints, where a person has placed them; found if None.
        mask: a picture that is white where the figure is; found if None.
        alone: show the figure without what is behind it.

    Raises:
        UnreadableImage, UnreadableMotion, UnreadableVideo, NoFigure, TooLarge, BadSetting, CannotWrite, Cancelled.
    """
    figure = observe_figure(photo, longest_side_px, placed, mask)
    driving = driving_motion(motion, settings, watch).calmed(settings.smoothing)
    ready = prepare_figure_drive(driving, figure, settings)
    act = _Act.of(figure, driving, settings.gains, Path(photo).name)
    warp = figure.warp(act.face)
    alone = alone or figure.is_cut_out
    with_alpha = alone and keeps_alpha(output)

    def shown(frame: tuple[np.ndarray, np.ndarray | None]) -> np.ndarray:
        joints, face = frame
        if face is not None and act.expression is not None and isinstance(warp, LimbWarp):
            warp.repaint(act.expression.show(face), *act.expression.place)
        if not alone:
            return figure.framed(warp.show(joints))
        layer = figure.framed(warp.show_with_alpha(joints))
        clear = cv2.merge([255 - layer[..., 3]] * 3)
        before_white = cv2.add(np.ascontiguousarray(layer[..., :3]), clear)
        return np.dstack([before_white, layer[..., 3]]) if with_alpha else before_white

    still = figure.framed(figure.square)
    height_px, width_px = still.shape[:2]
    ready = replace(ready, faces=zip(ready.faces, act.faces, strict=True))
    rendered = render_drive(
        ready, shown, width_px, height_px, output, watch, beside=beside, still=still, with_alpha=with_alpha
    )
    return replace(rendered, notes=figure.notes + act.notes + rendered.notes)


@dataclass(frozen=True)
class _Act:
    """What a figure's face does.

    Attributes:
        faces: (478, 3) in every frame, or None where it is held throughout.
        face: (478, 3) as it is in the photo, or None.
        expression: what shows them, or None.
        notes: why it is held, where the driver shows a face.
    """

    faces: Sequence[np.ndarray | None]
    face: np.ndarray | None = None
    expression: FigureExpression | None = None
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, figure: Figure, driving: Driving, gains: Gains, name: str) -> "_Act":
        faces = driving.faces
        held: list[np.ndarray | None] = [None] * len(faces)
        if figure.is_drawn or all(face is None for face in faces):
            return cls(held)
        face = face_of(figure)
        if face is None:
            return cls(held, notes=(f"{name}: no face is found on the figure, its expression is held.",))
        if eye_distance(face) * len(figure.square) < LEAST_EYES_PX:
            return cls(held, notes=(f"{name}: the face is so small that its expression is held.",))
        acted = expressions(faces, driving.motion.fps, face, gains)
        if acted is None:
            return cls(
                held,
                notes=("The driver's face is too small, or turned too far away, to be read: the expression is held.",),
            )
        return cls(acted, face, FigureExpression(figure.square, face))
