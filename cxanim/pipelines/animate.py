"""Animates a single photo: an instant puppet made from it, driven, and set back into the photo."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from cxanim.motion.crop import Crop
from cxanim.pipelines.drive import Rendered, ensure_results_writable, keeps_alpha, render_drive
from cxanim.pipelines.driver import DriveSettings, prepare_drive
from cxanim.pipelines.fit import Call, FitSettings, fit_photo, here
from cxanim.pipelines.machine import Machine
from cxanim.pipelines.photo import observe_photo, photo_puppet
from cxanim.pipelines.puppet import SIZES_PX, ensure_puppet_writable
from cxanim.pipelines.render import Renderer
from cxanim.pipelines.watch import Watch
from cxanim.settings import setting

QUALITY_MINUTES = {"instant": 0.0, "draft": 1.0, "good": 4.0, "best": 12.0}
_LONGEST_SIDE_PX = 1920


@dataclass(frozen=True)
class AnimateSettings(DriveSettings):
    """How a photo is animated."""

    size: int = setting(512, "side of the square round the face that is animated", choices=SIZES_PX[1:], unit="px")
    quality: str = setting(
        "instant", "instant needs no training; draft, good and best train for 1, 4 and 12 minutes first",
        choices=tuple(QUALITY_MINUTES), folded=False,
    )  # fmt: skip
    crop: bool = setting(False, "give the square round the face alone instead of the whole photo")


def animate(
    photo: Path,
    motion: str | Path,
    output: Path,
    settings: AnimateSettings | None = None,
    machine: Machine | None = None,
    watch: Watch | None = None,
    *,
    face: np.ndarray | None = None,
    keep_puppet: Path | None = None,
    beside: Path | None = None,
    neutral_picture: Path | None = None,
    training_machine: Machine | None = None,
    where: Call = here,
) -> Rendered:
    """Make a video in which the face of a photo moves.

    Args:
        photo: the picture.
        motion: name of a preset, a motion file (.npz), a video whose sound is kept, or a still picture, whose
            expression comes and goes.
        output: .mp4, .webm or .gif, the last two transparent where the photo is; or for a still picture .png, .jpg or
            .webp, which then has its expression.
        settings: size, quality, gains and what is shown.
        machine: where to compute.
        watch: who is told, and may stop it; nothing is left behind then but a puppet that was to be kept.
        face: (478, 3) face in the picture's own square where a person has placed it; found if None.
        keep_puppet: where to keep the puppet that was made.
        beside: a second video to write, which shows the driver, or the still photo, on the left of the result.
        neutral_picture: a picture of the relaxed face of whom the still picture shows; guessed if None.
        training_machine, where: where to train, where that is somewhere else (see `fit.train`).

    Raises:
        UnreadableImage, NoFace, UnreadableVideo, TooLarge, BadPuppet, BadSetting, CannotWrite, Cancelled.
    """
    settings, machine, watch = settings or AnimateSettings(), machine or Machine(), watch or Watch()
    device = machine.prepare()
    ensure_results_writable(output, beside, motion)
    if keep_puppet is not None:
        ensure_puppet_writable(keep_puppet)
    seen = observe_photo(Path(photo), face)
    puppet = photo_puppet(seen, settings.size, Path(photo).name)
    ready = prepare_drive(motion, puppet.neutral_face, settings, watch, neutral_picture)
    minutes = QUALITY_MINUTES[settings.quality]
    if minutes:
        how = FitSettings(minutes=minutes, size=settings.size)
        puppet = fit_photo(puppet, how, training_machine or machine, watch, where)
    if keep_puppet is not None:
        puppet.save(Path(keep_puppet))
    renderer = Renderer(puppet, device, moving_background=settings.moving_background)
    with_alpha = puppet.cut_out and keeps_alpha(output)
    show = renderer.show_with_alpha if with_alpha else renderer.show
    scene = Scene(seen.with_alpha if with_alpha else seen.picture, seen.crop, settings.size, alone=settings.crop)
    rendered = render_drive(
        ready,
        lambda face: scene.with_window(show(face)),
        scene.width_px,
        scene.height_px,
        output,
        watch,
        beside=beside,
        still=scene.still,
        with_alpha=with_alpha,
    )
    return Rendered(**{**vars(rendered), "notes": seen.notes + rendered.notes})


class Scene:
    """The photo round the animated window.

    Args:
        picture: (H, W, 3) uint8, the whole photo, or (H, W, 4) with alpha.
        crop: where the window lies in it.
        size_px: side of the rendered window. The photo is scaled down so that the window fits it, never up.
        alone: show nothing but the window.
    """

    def __init__(self, picture: np.ndarray, crop: Crop, size_px: int, *, alone: bool = False):
        height, width = picture.shape[:2]
        scale = min(1.0, size_px / crop.side_px, _LONGEST_SIDE_PX / max(height, width))
        if alone:
            self.still = crop.cut(picture, size_px)
            self._place = Crop(0, 0, size_px)
        elif scale < 1:
            size = (max(2, round(width * scale)), max(2, round(height * scale)))
            self.still = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
            self._place = Crop(round(crop.x_px * scale), round(crop.y_px * scale), round(crop.side_px * scale))
        else:
            self.still = picture
            self._place = crop
        self.height_px, self.width_px = self.still.shape[:2]

    def with_window(self, window: np.ndarray) -> np.ndarray:
        """The scene with the window (S, S, 3 or 4) in its place; outside it nothing changes."""
        return self._place.paste(self.still, window)
