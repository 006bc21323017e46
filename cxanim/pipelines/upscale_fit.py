"""Teaches a network to make pictures larger, from pictures that are made small and whose detail it is to find again.

R. Mechrez, I. Talmi, F. Shama, L. Zelnik-Manor, "Maintaining Natural Image Statistics with the Contextual Loss", ACCV
2018: CX on conv3_4 for detail, L2 of what is blurred for colours and layout. Two classic objectives stand beside it.

Differs from the paper: a slim network; L1 alone in the first steps, so that CX begins with what is nearly right, and
beside CX later, without which a slim network draws dots along edges at x4 (docs/log.md); no adversary; the features of
`small` unless VGG-19 is asked for.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from cxanim.losses import (
    FeatureNetwork,
    Features,
    Objective,
    Term,
    contextual_loss,
    feature_network,
    l1_loss,
    low_frequency_loss,
    perceptual_loss,
)
from cxanim.models.srresnet import SCALES, SRResNet, bicubic
from cxanim.pipelines.course import CourseSettings, Student, Taught, ensure_teachable, teach
from cxanim.pipelines.machine import Machine
from cxanim.pipelines.network_file import ensure_network_writable
from cxanim.pipelines.picture_set import PictureSet, read_pictures
from cxanim.pipelines.refine import as_pictures, as_tensor
from cxanim.pipelines.upscaler import UPSCALER_KIND, Upscaler
from cxanim.pipelines.watch import Watch
from cxanim.settings import setting

_LAYER = "relu3_4"
_PERCEPTUAL_LAYERS = {"relu1_2": 1.0, "relu2_2": 1.0, "relu3_4": 1.0}
_PREVIEWED = 4
_LONGEST_PX = 1024
# The paper's 10 is of pictures in [-1, 1], whose squared differences are four times ours.
_LOW_FREQUENCY_WEIGHT = 40.0


@dataclass(frozen=True)
class UpscaleFitSettings(CourseSettings):
    """How a network learns to make pictures larger."""

    minutes: float = setting(20.0, "how long to train", low=0.05, high=1440, step=0.5, unit="min", folded=False)
    scale: int = setting(2, "how many times as large", choices=SCALES, folded=False)
    method: str = setting(
        "cx", "cx: Contextual loss, pixels and blurred pixels, sharp; l1: pixels, the highest PSNR; perceptual: pixels"
        " and features", choices=("cx", "l1", "perceptual"),
    )  # fmt: skip
    detail: float = setting(0.1, "weight of the Contextual loss", low=0, high=10, step=0.05)
    pixels: float = setting(0.5, "weight of L1 beside the Contextual loss", low=0, high=10, step=0.05)
    bandwidth: float = setting(0.1, "bandwidth h of the Contextual loss", low=0.01, high=5, step=0.05)
    perceptual: float = setting(0.1, "weight of the features of the method perceptual", low=0, high=10, step=0.05)
    warm_up: int = setting(1000, "steps that only pixels decide", low=0, high=10**6)
    crop: int = setting(128, "side of the large pictures that a step looks at", low=32, high=512, step=16, unit="px")
    batch: int = setting(3, "pictures in one step", low=1, high=64)
    width: int = setting(32, "channels of the network; more are slower", low=8, high=128)
    blocks: int = setting(6, "residual blocks of the network; more are slower", low=1, high=32)


def fit_upscaler(
    pictures: Sequence[Path],
    output: Path,
    settings: UpscaleFitSettings | None = None,
    machine: Machine | None = None,
    watch: Watch | None = None,
    *,
    resume: bool = False,
    longest_min: float = math.inf,
) -> Taught:
    """Teach a network to make pictures like these larger, and keep it.

    Args:
        pictures: pictures, folders, zips or videos to learn from.
        output: the .upscaler file; the state for resuming lies beside it.
        settings: scale, judge, length.
        machine: where to compute.
        watch: who is told. Stopping keeps what is learnt; before the first step nothing is kept.
        resume: go on from the state beside `output`.
        longest_min: minutes after which it ends, whatever the settings say.

    Raises:
        CxanimError: whatever the world holds against it, with the next step.
    """
    settings, machine, watch = settings or UpscaleFitSettings(), machine or Machine(), watch or Watch()
    output, device = Path(output), machine.prepare()
    ensure_network_writable(output, UPSCALER_KIND)
    ensure_teachable(output, resume)
    eyes = feature_network(settings.features, tuple(_PERCEPTUAL_LAYERS), pooling="average").to(device)
    learnt_from = read_pictures([Path(place) for place in pictures], _LONGEST_PX, watch)
    student = _Student(learnt_from, settings, eyes, machine.seed, device)

    def save() -> None:
        about = {"settings": asdict(settings), "steps": student.step_number, "pictures": len(learnt_from)}
        Upscaler(student.learner.averaged(), about).save(output)

    notes = learnt_from.notes
    return teach(student, output, save, settings, watch, resume=resume, longest_min=longest_min, notes=notes)


class _Student(Student[SRResNet]):
    def __init__(
        self, pictures: PictureSet, settings: UpscaleFitSettings, eyes: FeatureNetwork, seed: int, device: torch.device
    ):
        self._pictures = [_large_enough(picture, settings.crop) for picture in pictures.pictures]
        name = f"srresnet x{settings.scale} {settings.width} {settings.blocks}"
        make = partial(SRResNet, settings.scale, settings.width, settings.blocks)
        super().__init__(make, name, settings, self._pictures, seed, device)
        self._settings, self._eyes = settings, eyes
        self._first = Objective(Term("pixels", 1.0, l1_loss_of_images))
        self._later = make_upscale_objective(settings, self.draw)

    def loss(self, random: np.random.Generator) -> tuple[Tensor, dict[str, float]]:
        truth = self._drawn(random, self._settings.batch)
        image = self.learner.network(shrunk(truth, self._settings.scale))
        if self.step_number < self._settings.warm_up or self._settings.method == "l1":
            return self._first(image=image, truth=truth)
        with torch.no_grad():
            wanted = self._eyes(truth)
        return self._later(image=image, truth=truth, output=self._eyes(image), wanted=wanted)

    def preview(self) -> np.ndarray:
        """Some pictures: enlarged by a formula, by the network, and as they are."""
        truth = self._drawn(np.random.default_rng(0), _PREVIEWED)
        with torch.inference_mode():
            small = shrunk(truth, self._settings.scale)
            rows = bicubic(small, self._settings.scale), self.learner.averaged()(small), truth
        return np.vstack([np.hstack(list(as_pictures(row))) for row in rows])

    def _drawn(self, random: np.random.Generator, count: int) -> Tensor:
        """Crops, each turned and mirrored at random."""
        side, batch = self._settings.crop, []
        for index in random.integers(len(self._pictures), size=count):
            whole = self._pictures[index]
            top, left = (int(random.integers(length - side + 1)) for length in whole.shape[:2])
            cut = np.rot90(whole[top : top + side, left : left + side], random.integers(4))
            batch.append(cut[:, ::-1] if random.random() < 0.5 else cut)
        return as_tensor(np.stack(batch), self.device)


def shrunk(large: Tensor, scale: int) -> Tensor:
    """What a network is given of large pictures: made small by a bicubic filter and rounded to 256 levels."""
    return (bicubic(large, 1 / scale).clamp(0, 1) * 255).round() / 255


def l1_loss_of_images(image: Tensor, truth: Tensor) -> Tensor:
    """The pixels' term, by the names that an objective knows."""
    return l1_loss(image, truth)


def make_upscale_objective(settings: UpscaleFitSettings, draw: torch.Generator) -> Objective:
    """The objective over `image` and `truth`, and `output` and `wanted`, their features."""

    def low_frequency(image: Tensor, truth: Tensor) -> Tensor:
        return low_frequency_loss(image, truth)

    def cx(output: Features, wanted: Features) -> Tensor:
        return contextual_loss(output[_LAYER], wanted[_LAYER], settings.bandwidth, max_positions=4225, generator=draw)

    def perceptual(output: Features, wanted: Features) -> Tensor:
        return perceptual_loss(output, wanted, _PERCEPTUAL_LAYERS)

    if settings.method == "cx":
        return Objective(
            Term("cx", settings.detail, cx),
            Term("low", _LOW_FREQUENCY_WEIGHT, low_frequency),
            Term("pixels", settings.pixels, l1_loss_of_images),
        )
    features = settings.perceptual if settings.method == "perceptual" else 0.0
    return Objective(Term("pixels", 1.0, l1_loss_of_images), Term("perceptual", features, perceptual))


def _large_enough(picture: np.ndarray, side: int) -> np.ndarray:
    """The picture, with its edge mirrored where it is smaller than a crop."""
    height, width = picture.shape[:2]
    missing = max(0, side - height), max(0, side - width)
    return np.pad(picture, ((0, missing[0]), (0, missing[1]), (0, 0)), "symmetric") if any(missing) else picture
