"""What a picture is asked for that shall look like a style: three methods under one interface.

- `cx`: the Contextual loss to the style and to the content. R. Mechrez, I. Talmi, L. Zelnik-Manor, ECCV 2018, and the
  first author's later answer, whose layers and weights are the default (`APPLICATIONS["style"]`).
- `gram`: L. Gatys, A. Ecker, M. Bethge, CVPR 2016.
- `mrf`: C. Li, M. Wand, CVPR 2016.

What a region of the content is asked for may come from one region of the style: then each pair stands for itself, by
its share of the content.

Differs from the papers: the terms of `gram` and `mrf` are relative to the squared features of the style (of `gram`, of
its Gram matrices), so that one slider means about the same whatever the network. The total variation is added to each.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from cxanim.losses import (
    APPLICATIONS,
    Features,
    Recipe,
    content_loss,
    contextual_loss,
    gram_matrix,
    layer_scales,
    mrf_loss,
    patches,
    stack_layers,
    total_variation,
)
from cxanim.settings import Settings, setting

METHODS = ("cx", "gram", "mrf")
_DEEPEST = {"vgg19": "relu4_2", "small": "relu4_1"}
_GRAM_LAYERS = {
    "vgg19": ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"),
    "small": ("relu1_1", "relu2_1", "relu3_1", "relu4_1"),
}
_MRF_LAYERS, _MRF_PATCH = ("relu3_1", "relu4_1"), 3
# Weights of content and smoothness beside a style of 1, by which the classic methods keep about as much as ours.
_CLASSIC = {"gram": (0.5, 10.0), "mrf": (1.0, 10.0)}


@dataclass(frozen=True)
class StyleObjectiveSettings(Settings):
    """What makes a picture look like a style."""

    method: str = setting(
        "cx", "cx compares features as sets, gram how they act together, mrf their patches",
        choices=METHODS, folded=False,
    )  # fmt: skip
    structure: float = setting(
        1.0, "how much of the content's structure is kept; 1 is the method's own measure",
        low=0, high=10, step=0.1, folded=False,
    )  # fmt: skip
    smoothness: float = setting(1.0, "how smooth the picture is made, by the same measure", low=0, high=20, step=0.1)
    bandwidth: float = setting(0.1, "bandwidth h of the Contextual loss", low=0.01, high=5, step=0.05)
    positions: int = setting(
        0, "positions of a feature map that are compared; 0 is 4225, as the authors have it, and 2048 with small",
        low=0, high=65536,
    )  # fmt: skip


@dataclass(frozen=True)
class Region:
    """A part of the content and what it takes its style from.

    Attributes:
        content, style: (1, 1, H, W) bool, of any two sizes.
        share: of the content.
    """

    content: Tensor
    style: Tensor
    share: float


def style_layers(method: str, features: str) -> tuple[str, ...]:
    """Layers that the feature network must give for a method."""
    if method == "cx":
        return _recipe(features).layers
    style = _GRAM_LAYERS[features] if method == "gram" else _MRF_LAYERS
    return tuple(dict.fromkeys((*style, _DEEPEST[features])))


class StyleObjective:
    """The sum of style, content and smoothness that one picture is asked for.

    Args:
        settings: method and weights.
        features: name of the feature network.
        style: its features of the style, (1, C, H, W) each.
        regions: parts with a style of their own; the whole from the whole if none.
        draw: source of randomness of sampled positions, on the CPU.
    """

    def __init__(
        self,
        settings: StyleObjectiveSettings,
        features: str,
        style: Features,
        regions: Sequence[Region],
        draw: torch.Generator,
    ):
        self._settings, self._recipe, self._draw = settings, _recipe(features), draw
        self._positions = settings.positions or self._recipe.max_positions
        self._deepest, self._regions = _DEEPEST[features], regions
        keep, smooth = _CLASSIC.get(settings.method, (self._recipe.source_weight, self._recipe.variation_weight))
        self._weights = {"style": 1.0, "content": settings.structure * keep, "variation": settings.smoothness * smooth}
        layers = self._recipe.target_layers
        self._scales = layer_scales(style, layers) if settings.method == "cx" and self._recipe.balanced else None
        self._layers = {"cx": ("stacked",), "gram": _GRAM_LAYERS[features], "mrf": _MRF_LAYERS}[settings.method]
        self._style = self._compared(style)

    def __call__(self, output: Features, content: Features, pictures: Tensor) -> tuple[Tensor, dict[str, float]]:
        """The sum, and the value of each term before its weight.

        Args:
            output: features of the pictures.
            content: features of what they shall show.
            pictures: (B, 3, H, W) RGB in [0, 1]; one where there are regions.
        """
        terms = {"style": self._style_term(self._compared(output))}
        if self._weights["content"]:
            terms["content"] = self._content_term(output[self._deepest], content[self._deepest])
        if self._weights["variation"]:
            terms["variation"] = total_variation(pictures, power=2)
        total = torch.stack([self._weights[name] * value for name, value in terms.items()]).sum()
        return total, {name: float(value.detach()) for name, value in terms.items()}

    def _compared(self, features: Features) -> Features:
        """The maps in which style is looked for."""
        if self._settings.method == "cx":
            return {"stacked": stack_layers(features, self._recipe.target_layers, self._scales)}
        if self._settings.method == "mrf":
            return {layer: patches(features[layer], _MRF_PATCH) for layer in self._layers}
        return {layer: features[layer] for layer in self._layers}

    def _style_term(self, output: Features) -> Tensor:
        losses = []
        for layer in self._layers:
            x, y = output[layer], self._style[layer].expand(len(output[layer]), -1, -1, -1)
            if not self._regions:
                losses.append(self._style_of(x, y))
            for region in self._regions:
                mine, its = _inside(x, region.content), _inside(y, region.style)
                if mine is not None and its is not None:
                    losses.append(region.share * self._style_of(mine, its))
        return torch.stack(losses).sum()

    def _style_of(self, x: Tensor, y: Tensor) -> Tensor:
        settings = self._settings
        if settings.method == "cx":
            return contextual_loss(x, y, settings.bandwidth, max_positions=self._positions, generator=self._draw)
        if settings.method == "gram":
            wanted = gram_matrix(y)
            return (gram_matrix(x) - wanted).square().sum() / wanted.square().sum()
        return mrf_loss(x, y, max_positions=self._positions, generator=self._draw) / y.square().mean()

    def _content_term(self, x: Tensor, y: Tensor) -> Tensor:
        settings = self._settings
        if settings.method == "cx":
            return contextual_loss(x, y, settings.bandwidth, max_positions=self._positions, generator=self._draw)
        return content_loss({self._deepest: x}, {self._deepest: y}) / y.square().mean()


def _recipe(features: str) -> Recipe:
    return APPLICATIONS["style_small" if features == "small" else "style"]


def _inside(maps: Tensor, mask: Tensor) -> Tensor | None:
    """The positions of maps (1, C, H, W) that lie in a mask, (1, C, N); None where it has become too small for any."""
    counts = F.interpolate(mask.float(), maps.shape[2:], mode="area")[0, 0] > 0.5
    return maps[:, :, counts] if counts.any() else None
