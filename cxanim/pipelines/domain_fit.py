"""Teaches one feed-forward network to make pictures of one kind look like another kind, from two sets without pairs.

R. Mechrez, I. Talmi, L. Zelnik-Manor, "The Contextual Loss for Image Transformation with Non-Aligned Data", ECCV 2018,
section 5.4: CX to a picture of the target set, CX to the source. No second network, no way back, no discriminator.

Differs from the paper: a source looks at the target that is most like it in layout, not at any; and where in the
picture a feature lies counts too (`spatial_weight`). Without both, minutes of training change colours and nothing else
(docs/log.md, 2026-11-28); `--alike 0 --places 0 --source 50` is the paper's. The network says a change of the picture
and begins with none; its weights are averaged.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from cxanim.losses import (
    APPLICATIONS,
    FeatureNetwork,
    Features,
    Objective,
    Term,
    feature_network,
    l1_loss,
    style_loss,
)
from cxanim.models import CRN
from cxanim.pipelines.course import CourseSettings, Student, Taught, ensure_teachable, teach
from cxanim.pipelines.domain_pairs import DomainPairs, resized
from cxanim.pipelines.machine import Machine
from cxanim.pipelines.network_file import ensure_network_writable
from cxanim.pipelines.picture_set import PictureSet, read_pictures
from cxanim.pipelines.refine import as_pictures, as_tensor
from cxanim.pipelines.translator import SIZES_PX, TRANSLATOR_KIND, Translator, changed, make_translator
from cxanim.pipelines.watch import Watch
from cxanim.settings import setting

LEAST_PICTURES = 4
_GRAM_LAYERS = ("relu1_2", "relu2_2", "relu3_2")
# Weights beside a target of 1. The paper has 1 for CX: there a target at random asks for little that is elsewhere.
_KEPT = {"cx": 0.03, "gram": 1.0}
_PREVIEWED = 6


@dataclass(frozen=True)
class DomainFitSettings(CourseSettings):
    """How a network learns another kind of picture."""

    size: int = setting(128, "side of the square that is seen", choices=SIZES_PX, unit="px", folded=False)
    target: float = setting(1.0, "weight of looking like the target set", low=0, high=10, step=0.1, folded=False)
    source: float = setting(
        1.0, "how much of the source is kept; 1 is the method's own measure", low=0, high=100, step=0.1, folded=False
    )
    method: str = setting(
        "cx", "cx: Contextual loss to both; gram: Gram matrices to the target and L1 to the source",
        choices=("cx", "gram"),
    )  # fmt: skip
    bandwidth: float = setting(0.5, "bandwidth h of the Contextual loss", low=0.01, high=5, step=0.05)
    alike: int = setting(
        1, "a source looks at one of so many targets that are most like it in layout; 0 lets it look at any, as in the "
        "paper", low=0, high=4000,
    )  # fmt: skip
    places: float = setting(
        1.0, "how much it counts where in the picture something is; 0, as in the paper, not at all",
        low=0, high=10, step=0.1,
    )  # fmt: skip
    positions: int = setting(400, "positions of a feature map that are compared", low=64, high=65536)
    network: str = setting("live", "size of the network", choices=("live", "good"))
    batch: int = setting(6, "pictures in one step", low=1, high=64)
    rate: float = setting(2e-3, "learning rate of Adam", low=1e-6, high=0.1)


def fit_domain(
    sources: Sequence[Path],
    targets: Sequence[Path],
    output: Path,
    settings: DomainFitSettings | None = None,
    machine: Machine | None = None,
    watch: Watch | None = None,
    *,
    resume: bool = False,
    longest_min: float = math.inf,
) -> Taught:
    """Teach a network to make pictures of one set look like those of another, and keep it.

    Args:
        sources, targets: folders, zips, pictures or videos.
        output: the .translator file; the state for resuming lies beside it.
        settings: length, size, weights.
        machine: where to compute.
        watch: who is told. Stopping keeps what is learnt; before the first step nothing is kept.
        resume: go on from the state beside `output`.
        longest_min: minutes after which it ends, whatever the settings say.

    Raises:
        CxanimError: whatever the world holds against it, with the next step.
    """
    settings, machine, watch = settings or DomainFitSettings(), machine or Machine(), watch or Watch()
    output, device = Path(output), machine.prepare()
    ensure_network_writable(output, TRANSLATOR_KIND)
    ensure_teachable(output, resume)
    eyes = feature_network(settings.features, domain_layers(settings), pooling="average").to(device)
    longest_px = 2 * settings.size
    given, wanted = (read_pictures(some, longest_px, watch, LEAST_PICTURES) for some in (sources, targets))
    student = _Student(given, wanted, settings, eyes, machine.seed, device)

    def save() -> None:
        sizes = {"sources": len(given), "targets": len(wanted)}
        about = {"settings": asdict(settings), "steps": student.step_number} | sizes
        Translator(student.learner.averaged(), about).save(output)

    notes = given.notes + wanted.notes
    return teach(student, output, save, settings, watch, resume=resume, longest_min=longest_min, notes=notes)


class _Student(Student[CRN]):
    def __init__(
        self, sources: PictureSet, targets: PictureSet, settings: DomainFitSettings, eyes: FeatureNetwork, seed: int,
        device: torch.device,
    ):  # fmt: skip
        self._sources, wanted = ([_squared(one) for one in some.pictures] for some in (sources, targets))
        learnt_from = [*self._sources, *wanted]
        name = settings.network
        super().__init__(partial(make_translator, settings.size, name), name, settings, learnt_from, seed, device)
        self._settings, self._eyes = settings, eyes
        deepest = domain_layers(settings)[-1]
        self._pairs = DomainPairs(self._sources, wanted, settings.alike, settings.size, eyes, deepest, device)
        self._objective = make_domain_objective(settings, self.draw)

    def loss(self, random: np.random.Generator) -> tuple[Tensor, dict[str, float]]:
        picture, target = self._pairs.draw(random, self._settings.batch)
        image = changed(self.learner.network, picture)
        with torch.no_grad():
            seen, wanted = self._eyes(picture), self._eyes(target)
        return self._objective(image=image, picture=picture, output=self._eyes(image), source=seen, target=wanted)

    def preview(self) -> np.ndarray:
        """Some sources over what becomes of them."""
        size = self._settings.size
        every = max(1, len(self._sources) // _PREVIEWED)
        shown = np.stack([resized(one, size) for one in self._sources[::every][:_PREVIEWED]])
        with torch.inference_mode():
            made = as_pictures(changed(self.learner.averaged(), as_tensor(shown, self.device)))
        return np.vstack([np.hstack(list(shown)), np.hstack(list(made))])


def _squared(picture: np.ndarray) -> np.ndarray:
    """The square in a picture's middle."""
    height, width = picture.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return np.ascontiguousarray(picture[top : top + side, left : left + side])


def domain_layers(settings: DomainFitSettings) -> tuple[str, ...]:
    """Layers that the feature network must give."""
    return _GRAM_LAYERS if settings.method == "gram" else APPLICATIONS[_application(settings)].layers


def make_domain_objective(settings: DomainFitSettings, draw: torch.Generator) -> Objective:
    """The objective over `image` and `picture` (output, source) and `output`, `target`, `source` (their features)."""
    kept = settings.source * _KEPT[settings.method]
    if settings.method == "cx":
        recipe = replace(
            APPLICATIONS[_application(settings)], target_weight=settings.target, source_weight=kept,
            target_bandwidth=settings.bandwidth, source_bandwidth=settings.bandwidth, max_positions=settings.positions,
            target_spatial_weight=settings.places,
        )  # fmt: skip
        return recipe.objective(draw)

    def style(output: Features, target: Features) -> Tensor:
        return style_loss(output, target)

    def pixels(image: Tensor, picture: Tensor) -> Tensor:
        return l1_loss(image, picture)

    return Objective(Term("style", settings.target, style), Term("pixels", kept, pixels))


def _application(settings: DomainFitSettings) -> str:
    return "domain_small" if settings.features == "small" else "domain"
