"""The objectives that puppets are trained with: ours, those of the paper, and the classic ones that it replaced."""

from dataclasses import dataclass

import torch
from torch import Tensor

from cxanim.losses import (
    APPLICATIONS,
    Features,
    Objective,
    Term,
    contextual_loss,
    l1_loss,
    patches,
    relative_l1,
    sample_positions,
    style_loss,
)
from cxanim.settings import Settings, setting

RECIPES = ("fast", "paper", "classic")
_FAST_LAYERS = ("relu1_2", "relu2_2", "relu3_2")
_CX_LAYER, _CX_SOURCE_LAYER = "relu3_2", "relu3_4"
_PATCH_PX, _PATCH_STRIDE = 5, 2  # as the paper compares pixels (Fig. 6)
_PATCHES = 2  # times as many are compared, since a patch is small
_GRAM_LAYERS = ("relu1_2", "relu2_2", "relu3_2")


@dataclass(frozen=True)
class ObjectiveSettings(Settings):
    """What a training minimises."""

    recipe: str = setting(
        "fast", "terms of the loss: ours; those of the paper, which has its own weights; or the classic ones that it"
        " compares itself with", choices=RECIPES,
    )  # fmt: skip
    contextual: float = setting(
        0.1, "weight of the Contextual loss; three times as much for a whole figure", low=0, high=10, step=0.05
    )  # fmt: skip
    patches: float = setting(
        0.0, "weight of the Contextual loss between patches of pixels; a whole figure has at least that of features",
        low=0, high=10, step=0.05,
    )  # fmt: skip
    perceptual: float = setting(1.0, "weight of the perceptual loss", low=0, high=10, step=0.05)
    pixels: float = setting(
        2.0, "weight of the L1 loss on pixels; a quarter of it for a whole figure", low=0, high=10, step=0.05
    )  # fmt: skip
    bandwidth: float = setting(0.5, "bandwidth h of the Contextual loss", low=0.01, high=5, step=0.05)
    positions: int = setting(256, "positions of a feature map that the Contextual loss compares", low=16, high=16384)


def layers_of(recipe: str, is_photo: bool, features: str) -> tuple[str, ...]:
    """Layers that the feature network must give for a recipe."""
    if recipe == "paper":
        return APPLICATIONS[_application(is_photo, features)].layers
    if recipe == "classic":
        return tuple(dict.fromkeys((*_GRAM_LAYERS, *_kept_layers(is_photo, features))))
    return (*_FAST_LAYERS, _CX_SOURCE_LAYER) if is_photo else _FAST_LAYERS


def make_objective(settings: ObjectiveSettings, is_photo: bool, features: str, draw: torch.Generator) -> Objective:
    """The objective over `image` and `truth` (pictures) and `output`, `target`, `source` (features by layer name).

    For a clip target and source are both the true frame. For a photo the target is the photo and the source what the
    warp shows in the wanted pose.
    """
    if settings.recipe == "paper":
        return APPLICATIONS[_application(is_photo, features)].objective(draw)
    if settings.recipe == "classic":
        return _classic(settings, is_photo, _kept_layers(is_photo, features))

    def contextual(x: Features, y: Features, layer: str) -> Tensor:
        fx, fy = sample_positions(x[layer], y[layer], settings.positions, draw)
        return contextual_loss(fx, fy, settings.bandwidth)

    def pixels(image: Tensor, truth: Tensor) -> Tensor:
        return l1_loss(image, truth)

    def cx_patches(image: Tensor, truth: Tensor) -> Tensor:
        # From one pixel on or from the next: patches lie two apart, and so may what a packed network gets wrong.
        aside = int(torch.randint(0, _PATCH_STRIDE, (), generator=draw))
        x, y = (patches(one[..., aside:, aside:], _PATCH_PX, _PATCH_STRIDE) for one in (image, truth))
        fx, fy = sample_positions(x, y, _PATCHES * settings.positions, draw)
        return contextual_loss(fx, fy, settings.bandwidth)

    def perceptual(output: Features, source: Features) -> Tensor:
        return relative_l1({name: output[name] for name in _FAST_LAYERS}, {name: source[name] for name in _FAST_LAYERS})

    def cx_target(output: Features, target: Features) -> Tensor:
        return contextual(output, target, _CX_LAYER)

    def cx_source(output: Features, source: Features) -> Tensor:
        return contextual(output, source, _CX_SOURCE_LAYER)

    return Objective(
        Term("pixels", settings.pixels, pixels),
        Term("perceptual", settings.perceptual, perceptual),
        Term("cx_target", settings.contextual, cx_target),
        Term("cx_source", settings.contextual if is_photo else 0.0, cx_source),
        Term("cx_patches", settings.patches, cx_patches),
    )


def _classic(settings: ObjectiveSettings, is_photo: bool, kept: tuple[str, ...]) -> Objective:
    """Table 1 of the paper, "previous loss": Gram to the target and L_P to the source of a photo; L1 and L_P of a clip.

    Differs from the paper, which states no weights: Gram matrices count relative to those of the target.
    """

    def gram(output: Features, target: Features) -> Tensor:
        x, y = ({layer: features[layer] for layer in _GRAM_LAYERS} for features in (output, target))
        nothing = {layer: torch.zeros_like(values) for layer, values in y.items()}
        return style_loss(x, y) / style_loss(nothing, y)

    def perceptual(output: Features, source: Features) -> Tensor:
        return relative_l1({layer: output[layer] for layer in kept}, {layer: source[layer] for layer in kept})

    def pixels(image: Tensor, truth: Tensor) -> Tensor:
        return l1_loss(image, truth)

    first = Term("gram", 1.0, gram) if is_photo else Term("pixels", settings.pixels, pixels)
    return Objective(first, Term("perceptual", settings.perceptual, perceptual))


def _kept_layers(is_photo: bool, features: str) -> tuple[str, ...]:
    """Where the classic recipe keeps things in place: as the paper's, with L_P for CX_s."""
    recipe = APPLICATIONS[_application(is_photo, features)]
    return recipe.source_layers or recipe.perceptual_layers


def _application(is_photo: bool, features: str) -> str:
    name = "single_image" if is_photo else "puppet"
    return f"{name}_small" if features == "small" else name
