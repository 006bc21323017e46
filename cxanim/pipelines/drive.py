"""Drives a puppet: with a video, a motion, a preset or a still picture, into a video or a picture."""

from pathlib import Path

from cxanim.errors import BadSetting
from cxanim.pipelines.drive_figure import drive_figure
from cxanim.pipelines.drive_settings import DriveSettings
from cxanim.pipelines.driver import prepare_drive
from cxanim.pipelines.figure_puppet import AnyPuppet, FigurePuppet
from cxanim.pipelines.machine import Machine
from cxanim.pipelines.render import Renderer
from cxanim.pipelines.rendering import Rendered, ensure_results_writable, keeps_alpha, render_drive
from cxanim.pipelines.watch import Watch


def drive(
    puppet: AnyPuppet,
    driver: str | Path,
    output: Path,
    settings: DriveSettings | None = None,
    machine: Machine | None = None,
    watch: Watch | None = None,
    *,
    beside: Path | None = None,
    neutral_picture: Path | None = None,
) -> Rendered:
    """Make a video of `puppet` moving as `driver` does.

    Args:
        puppet: who moves.
        driver: name of a preset, a motion file (.npz), a video whose sound is kept, or a still picture, whose
            expression comes and goes; of a figure a video, a motion with bodies or a BVH capture.
        output: .mp4, .webm or .gif; or for a still picture .png, .jpg or .webp, which then has its expression.
        settings: gains, smoothing, what of the driver is used and what is shown.
        machine: where to compute.
        watch: who is told, and may stop it; nothing is left behind then.
        beside: a second video to write, which shows the driver on the left of the result.
        neutral_picture: a picture of the relaxed face of whom the still picture shows; guessed if None.

    Raises:
        NoFace, NoFigure, UnreadableImage, UnreadableMotion, UnreadableVideo, TooLarge, BadPuppet, BadSetting,
        CannotWrite, Cancelled.
    """
    settings, machine, watch = settings or DriveSettings(), machine or Machine(), watch or Watch()
    device = machine.prepare()
    ensure_results_writable(output, beside, driver)
    if isinstance(puppet, FigurePuppet):
        if neutral_picture is not None:
            raise BadSetting("neutral_picture: got it for a figure, and it is for faces.", "Leave it away.")
        return drive_figure(puppet, driver, output, settings, machine, watch, beside=beside)
    ready = prepare_drive(driver, puppet.neutral_face, settings, watch, neutral_picture)
    renderer = Renderer(puppet, device, moving_background=settings.moving_background)
    with_alpha = puppet.cut_out and keeps_alpha(output)
    return render_drive(
        ready,
        renderer.show_with_alpha if with_alpha else renderer.show,
        puppet.size_px,
        puppet.size_px,
        output,
        watch,
        beside=beside,
        still=puppet.references[puppet.neutral].picture,
        with_alpha=with_alpha,
    )
