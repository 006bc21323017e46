"""Animates a single photo: an instant puppet made from it, driven, and set back into the photo."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import torch

from cxanim.errors import BadSetting
from cxanim.models.srresnet import SCALES
from cxanim.pipelines.animate_figure import animate_figure
from cxanim.pipelines.driver import Drive, DriveSettings, prepare_drives
from cxanim.pipelines.figure import LARGEST_FIGURE_PX
from cxanim.pipelines.figure_driver import has_bodies_only
from cxanim.pipelines.fit import Call, fit_photo, here
from cxanim.pipelines.learn import FitSettings
from cxanim.pipelines.machine import Machine
from cxanim.pipelines.photo import Photo, observe_everyone, observe_photo, photo_puppet
from cxanim.pipelines.photo_set import driver_lessons
from cxanim.pipelines.placed_face import PlacedFace
from cxanim.pipelines.placed_figure import PlacedFigure
from cxanim.pipelines.puppet import Puppet
from cxanim.pipelines.puppet_parts import SIZES_PX, ensure_puppet_writable
from cxanim.pipelines.render import Renderer
from cxanim.pipelines.rendering import Rendered, ensure_results_writable, keeps_alpha, render_drive
from cxanim.pipelines.scene import Scene
from cxanim.pipelines.upscale import MOST_FRAME_SIDE_PX, Enlargement, UpscaleSettings
from cxanim.pipelines.upscaler import bundled_upscaler
from cxanim.pipelines.watch import Watch
from cxanim.settings import setting

_TEETH = {"auto": None, "drawn": True, "none": False}
_OF_FIGURES = ("moves", "background", "longest_side", "smoothing", "start_s", "end_s")
_OF_THEIR_FACES = ("brows", "eyes", "gaze", "mouth")
QUALITY_MINUTES = {"instant": 0.0, "draft": 1.0, "good": 4.0, "best": 12.0}


@dataclass(frozen=True)
class AnimateSettings(DriveSettings):
    """How a photo is animated."""

    size: int = setting(512, "side of the square round the face that is animated", choices=SIZES_PX[1:], unit="px")
    quality: str = setting(
        "instant", "instant needs no training; draft, good and best train for 1, 4 and 12 minutes first",
        choices=tuple(QUALITY_MINUTES), folded=False,
    )  # fmt: skip
    moves: str = setting(
        "auto", "what moves: the face, or the whole figure with its limbs; auto moves the figure where the motion has "
        "no face, as a BVH capture", choices=("auto", "face", "figure"),
    )  # fmt: skip
    background: str = setting(
        "kept", "what is behind a whole figure; none leaves it alone, transparent in .webm and .gif, else before white",
        choices=("kept", "none"),
    )  # fmt: skip
    crop: bool = setting(False, "give the square round the face alone instead of the whole photo")
    longest_side: int = setting(
        3840, "longest side of the video: a larger photo is scaled down to it", low=256, high=3840, step=64, unit="px",
    )  # fmt: skip
    upscale: int = setting(
        1, "how many times as large the video becomes at the end, with detail that a network adds", choices=(1, *SCALES)
    )
    face: int = setting(
        0, "which face moves where the photo shows several, counted from left to right; 0 is the largest",
        low=0, high=8, step=1,
    )  # fmt: skip
    all_faces: bool = setting(False, "let all faces of the photo move")
    teeth: str = setting(
        "auto", "teeth in a mouth that opens, where the photo shows none; auto draws a person's where a face was found,"
        " but not where its points were placed by hand", choices=tuple(_TEETH),
    )  # fmt: skip

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.all_faces and (self.crop or self.face):
            problem = f"all_faces: got it together with {'crop' if self.crop else 'face'}, expected one of them."
            raise BadSetting(problem, "Choose all faces, or the square round one of them.")
        if self.moves == "figure" and (self.all_faces or self.crop or self.face or self.quality != "instant"):
            names = [
                name
                for name in ("all_faces", "crop", "face", "quality")
                if getattr(self, name) != getattr(type(self), name)
            ]
            raise BadSetting(f"moves: got figure together with {names[0]}, which is for faces.", "Leave one away.")


def animate(
    photo: Path,
    motion: str | Path,
    output: Path,
    settings: AnimateSettings | None = None,
    machine: Machine | None = None,
    watch: Watch | None = None,
    *,
    placed: PlacedFace | None = None,
    keep_puppet: Path | None = None,
    beside: Path | None = None,
    neutral_picture: Path | None = None,
    joints: PlacedFigure | None = None,
    mask: Path | None = None,
    training_machine: Machine | None = None,
    where: Call = here,
) -> Rendered:
    """Make a video in which the face of a photo moves.

    Args:
        photo: the picture.
        motion: name of a preset, a motion file (.npz), a video whose sound is kept, a BVH capture, or a still picture,
            whose expression comes and goes.
        output: .mp4, .webm or .gif, the last two transparent where the photo is; or for a still picture .png, .jpg or
            .webp, which then has its expression.
        settings: size, quality, gains and what is shown.
        machine: where to compute.
        watch: who is told, and may stop it; nothing is left behind then but a puppet that was to be kept.
        placed: where a person has placed the face; found if None.
        keep_puppet: where to keep the puppet that was made.
        beside: a second video to write, which shows the driver, or the still photo, on the left of the result.
        neutral_picture: a picture of the relaxed face of whom the still picture shows; guessed if None.
        joints: where a person has placed the joints of a whole figure, which moves then; found if None.
        mask: a picture that is white where the whole figure is; found if None.
        training_machine, where: where to train, where that is somewhere else (see `fit.train`).

    Raises:
        UnreadableImage, NoFace, NoFigure, UnreadableVideo, UnreadableMotion, TooLarge, BadPuppet, BadSetting,
        CannotWrite, Cancelled.
    """
    settings, machine, watch = settings or AnimateSettings(), machine or Machine(), watch or Watch()
    device = machine.prepare()
    ensure_results_writable(output, beside, motion)
    if moves_figure(settings, motion, joints):
        for what, given in {"landmarks": placed, "puppet": keep_puppet, "neutral_picture": neutral_picture}.items():
            if given is not None:
                raise BadSetting(f"{what}: got it for a figure, and it is for faces.", "Leave it away.")
        settings = replace(settings, moves="figure")  # which says what does not go with it
        rendered = animate_figure(
            photo,
            motion,
            output,
            settings,
            watch,
            longest_side_px=min(settings.longest_side, LARGEST_FIGURE_PX),
            beside=beside,
            placed=joints,
            mask=mask,
            alone=settings.background == "none",
        )
        made = [
            one.name for one in fields(settings) if getattr(settings, one.name) != getattr(AnimateSettings, one.name)
        ]
        used = _OF_FIGURES if joints is not None or has_bodies_only(motion) else (*_OF_FIGURES, *_OF_THEIR_FACES)
        unused = [name for name in made if name not in used]
        notes = (f"A whole figure has no use for {', '.join(unused)}.",) if unused else ()
        return replace(rendered, notes=rendered.notes + notes)
    for what, is_given in {"mask": mask is not None, "background": settings.background != "kept"}.items():
        if is_given:
            raise BadSetting(f"{what}: got it for a face, and it is for whole figures.", "Leave it away.")
    if keep_puppet is not None:
        ensure_puppet_writable(keep_puppet)
    seen = _observed(Path(photo), settings, placed, keep_puppet)
    enlargement = _enlargement(seen[0], settings, device)
    teeth = _TEETH[settings.teeth]
    puppets = [photo_puppet(one, settings.size, Path(photo).name, teeth=teeth) for one in seen]
    drives = prepare_drives(motion, [puppet.neutral_face for puppet in puppets], settings, watch, neutral_picture)
    minutes = QUALITY_MINUTES[settings.quality] / len(puppets)
    if minutes:
        how = FitSettings(minutes=minutes, size=settings.size)
        puppets = [
            fit_photo(
                puppet,
                how,
                training_machine or machine,
                watch,
                where,
                driver_lessons(ready.video, puppet, watch, settings) if ready.video is not None else None,
            )
            for puppet, ready in zip(puppets, drives, strict=True)
        ]
    if keep_puppet is not None:
        puppets[0].save(Path(keep_puppet))
    moving_background = settings.moving_background
    with_alpha = puppets[0].cut_out and keeps_alpha(output)

    def fresh(puppet: Puppet) -> Callable[[np.ndarray], np.ndarray]:
        renderer = Renderer(puppet, device, moving_background=moving_background)
        return renderer.show_with_alpha if with_alpha else renderer.show

    shows = [fresh(puppet) for puppet in puppets]
    scene = Scene(
        seen,
        puppets,
        [fresh(puppet)(puppet.neutral_face) for puppet in puppets],
        settings.longest_side,
        with_alpha=with_alpha,
        alone=settings.crop,
        moving_background=moving_background,
    )

    def shown(faces: np.ndarray) -> np.ndarray:
        frame = scene.show([show(face) for show, face in zip(shows, faces, strict=True)], list(faces))
        return enlargement(frame) if enlargement is not None else frame

    rendered = render_drive(
        _together(drives),
        shown,
        settings.upscale * scene.width_px,
        settings.upscale * scene.height_px,
        output,
        watch,
        beside=beside,
        still=scene.still,
        with_alpha=with_alpha,
    )
    return replace(rendered, notes=seen[0].notes + rendered.notes)


def moves_figure(settings: AnimateSettings, motion: str | Path, joints: PlacedFigure | None = None) -> bool:
    """Whether the whole figure moves: it was asked for, its joints were placed, or the motion has no face."""
    if joints is not None and settings.moves == "face":
        raise BadSetting("joints: got them for a face, and they are of a whole figure.", "Leave them away.")
    return settings.moves == "figure" or (settings.moves == "auto" and (joints is not None or has_bodies_only(motion)))


def _observed(
    photo: Path, settings: AnimateSettings, placed: PlacedFace | None, keep_puppet: Path | None
) -> list[Photo]:
    """The photo, once for each face that is to move."""
    if not settings.all_faces:
        return [observe_photo(photo, placed, settings.face)]
    if placed is not None:
        raise BadSetting("all_faces: got it together with a face that was placed.", "Leave one of them away.")
    seen = observe_everyone(photo)
    if keep_puppet is not None and len(seen) > 1:
        raise BadSetting(
            f"A puppet shows one face, and {photo.name} has {len(seen)}.", "Choose one to keep its puppet."
        )
    return seen


def _enlargement(seen: Photo, settings: AnimateSettings, device: torch.device) -> Enlargement | None:
    """What makes the frames larger, where that is asked for."""
    if settings.upscale == 1:
        return None
    shown_px = settings.size if settings.crop else min(settings.longest_side, max(seen.picture.shape[:2]))
    if settings.upscale * shown_px > MOST_FRAME_SIDE_PX:
        raise BadSetting(
            f"upscale: got {settings.upscale} of frames of {shown_px} px, expected at most {MOST_FRAME_SIDE_PX} px.",
            f"Choose --longest-side {MOST_FRAME_SIDE_PX // settings.upscale}, or a smaller scale.",
        )
    upscaler = bundled_upscaler(settings.upscale)
    upscaler.network.to(device)
    return Enlargement(upscaler, UpscaleSettings().steadiness)


def _together(drives: Sequence[Drive]) -> Drive:
    """Several targets of one driver as one whose faces are (N, 478, 3)."""
    peaks = [drive.peak for drive in drives if drive.peak is not None]
    return replace(
        drives[0],
        faces=(np.stack(faces) for faces in zip(*(drive.faces for drive in drives), strict=True)),
        lead_in=[np.stack(faces) for faces in zip(*(drive.lead_in for drive in drives), strict=True)],
        peak=np.stack(peaks) if peaks else None,
    )
