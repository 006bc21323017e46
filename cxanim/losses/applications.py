"""The objectives of the paper's applications, as records of settings (Table 1 and the authors' code).

R. Mechrez, I. Talmi, L. Zelnik-Manor, "The Contextual Loss for Image Transformation with Non-Aligned Data",
ECCV 2018. CX_t pulls the output to the target, CX_s keeps it like its source, L_P keeps it in place. The layers
were tuned on VGG-19 with average pooling and the Oxford weights: `feature_network("vgg19", recipe.layers,
pooling="average")` comes nearest.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from cxanim.losses.contextual import contextual_loss
from cxanim.losses.objective import Objective, Term
from cxanim.losses.perceptual import perceptual_loss
from cxanim.losses.pixel import total_variation
from cxanim.losses.positions import SAMPLED_POSITIONS, layer_scales, stack_layers


@dataclass(frozen=True)
class Recipe:
    """What one application asks of its output.

    Attributes:
        target_layers: layers of CX_t, one term each, or one in all where they are stacked.
        target_weight, target_bandwidth, target_spatial_weight: of CX_t.
        source_layers, source_weight, source_bandwidth: the same of CX_s; no layers, no term.
        perceptual_layers, perceptual_weight: of L_P against the target.
        variation_weight: of the output's squared total variation.
        stacked: whether the target layers are joined into one feature per position (`stack_layers`).
        balanced: whether each of them then has the same say.
        max_positions: larger maps are sampled down to so many positions, afresh at each call.
    """

    target_layers: tuple[str, ...]
    target_weight: float = 1.0
    target_bandwidth: float = 0.5
    target_spatial_weight: float = 0.0
    source_layers: tuple[str, ...] = ()
    source_weight: float = 1.0
    source_bandwidth: float = 0.5
    perceptual_layers: tuple[str, ...] = ()
    perceptual_weight: float = 0.0
    variation_weight: float = 0.0
    stacked: bool = False
    balanced: bool = False
    max_positions: int = SAMPLED_POSITIONS

    @property
    def layers(self) -> tuple[str, ...]:
        """Every layer that a feature network must return for this objective."""
        return tuple(dict.fromkeys(self.target_layers + self.source_layers + self.perceptual_layers))

    def objective(self, generator: torch.Generator | None = None) -> Objective:
        """The objective over `output`, `target`, `source` (features by layer name) and `image` (the output itself).

        It asks only for those of them that its terms need.

        Args:
            generator: source of randomness of the sampled positions, on the CPU.
        """

        def cx(output: Tensor, wanted: Tensor, bandwidth: float, spatial_weight: float = 0.0) -> Tensor:
            return contextual_loss(
                output, wanted, bandwidth, spatial_weight=spatial_weight, max_positions=self.max_positions,
                generator=generator,
            )  # fmt: skip

        def cx_target(output: Mapping[str, Tensor], target: Mapping[str, Tensor]) -> Tensor:
            if self.stacked:
                scales = layer_scales(target, self.target_layers) if self.balanced else None
                x, y = (stack_layers(features, self.target_layers, scales) for features in (output, target))
                return cx(x, y, self.target_bandwidth, self.target_spatial_weight)
            terms = [
                cx(output[layer], target[layer], self.target_bandwidth, self.target_spatial_weight)
                for layer in self.target_layers
            ]
            return torch.stack(terms).sum()

        def cx_source(output: Mapping[str, Tensor], source: Mapping[str, Tensor]) -> Tensor:
            terms = [cx(output[layer], source[layer], self.source_bandwidth) for layer in self.source_layers]
            return torch.stack(terms).sum()

        def perceptual(output: Mapping[str, Tensor], target: Mapping[str, Tensor]) -> Tensor:
            return perceptual_loss(output, target, dict.fromkeys(self.perceptual_layers, 1.0))

        def variation(image: Tensor) -> Tensor:
            return total_variation(image, power=2)

        return Objective(
            Term("cx_target", self.target_weight, cx_target),
            Term("cx_source", self.source_weight if self.source_layers else 0.0, cx_source),
            Term("perceptual", self.perceptual_weight if self.perceptual_layers else 0.0, perceptual),
            Term("variation", self.variation_weight, variation),
        )


_AUTHORS_VARIATION = 1e-4 * 255**2  # theirs is of pixels in 0..255

APPLICATIONS = {
    # Bandwidth not stated in the paper.
    "puppet": Recipe(
        target_layers=("relu2_2", "relu3_2", "relu4_2"), perceptual_layers=("relu5_2",), perceptual_weight=0.1
    ),
    # Differs from the paper: only layers that the network `small` has.
    "puppet_small": Recipe(target_layers=("relu2_2", "relu3_2"), perceptual_layers=("relu3_4",), perceptual_weight=0.1),
    "single_image": Recipe(target_layers=("relu3_2", "relu4_2"), source_layers=("relu4_2",)),
    # Differs from the paper: only layers that the network `small` has.
    "single_image_small": Recipe(target_layers=("relu2_2", "relu3_2"), source_layers=("relu3_4",)),
    # Differs from the paper: the first author's later answer, stacked layers and one bandwidth.
    "style": Recipe(
        target_layers=("relu2_1", "relu3_1", "relu4_1"),
        target_bandwidth=0.1,
        source_layers=("relu4_2",),
        source_weight=0.5,
        source_bandwidth=0.1,
        variation_weight=_AUTHORS_VARIATION,
        stacked=True,
    ),
    # Differs from the paper: only layers that the network `small` has, and the pixels, whose colours it hardly sees.
    # Each has the same say, or eyes would not go to eyes; then more smoothness is needed (docs/log.md, 2026-11-29).
    "style_small": Recipe(
        target_layers=("relu2_1", "relu3_1", "relu4_1", "pixels"),
        target_bandwidth=0.1,
        source_layers=("relu4_1",),
        source_weight=0.4,
        source_bandwidth=0.1,
        variation_weight=20 * _AUTHORS_VARIATION,
        stacked=True,
        balanced=True,
        max_positions=2048,
    ),
    "style_paper": Recipe(
        target_layers=("relu2_2", "relu3_2", "relu4_2"),
        target_bandwidth=0.2,
        source_layers=("relu4_2",),
        source_bandwidth=0.1,
    ),
    "domain": Recipe(target_layers=("relu3_2", "relu4_2"), source_layers=("relu4_2",)),
    # Differs from the paper: only layers that the network `small` has, and a shallower one for the target's lines.
    "domain_small": Recipe(target_layers=("relu2_2", "relu3_2", "relu4_1"), source_layers=("relu4_1",)),
}
