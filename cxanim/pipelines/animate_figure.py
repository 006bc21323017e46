"""Animates the whole figure of a single photo, without training: limbs bent at their joints, before what is behind."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from cxanim.pipelines.drive_settings import DriveSettings
from cxanim.pipelines.figure import LARGEST_FIGURE_PX, observe_figure
from cxanim.pipelines.figure_driver import prepare_figure_drive
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
    """Make a video in which the figure of a photo moves.

    Args:
        photo: the picture.
        motion: a video of a person, a BVH capture, or a motion file with bodies.
        output: .mp4, .webm or .gif, the last two transparent where the photo is.
        settings: which part of the motion is used, and how calm it is made.
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
    ready = prepare_figure_drive(motion, figure, settings, settings.smoothing, watch)
    warp = figure.warp()
    alone = alone or figure.is_cut_out
    with_alpha = alone and keeps_alpha(output)

    def shown(joints: np.ndarray) -> np.ndarray:
        if not alone:
            return figure.framed(warp.show(joints))
        layer = figure.framed(warp.show_with_alpha(joints))
        clear = cv2.merge([255 - layer[..., 3]] * 3)
        before_white = cv2.add(np.ascontiguousarray(layer[..., :3]), clear)
        return np.dstack([before_white, layer[..., 3]]) if with_alpha else before_white

    still = figure.framed(figure.square)
    height_px, width_px = still.shape[:2]
    rendered = render_drive(
        ready, shown, width_px, height_px, output, watch, beside=beside, still=still, with_alpha=with_alpha
    )
    return replace(rendered, notes=figure.notes + rendered.notes)
