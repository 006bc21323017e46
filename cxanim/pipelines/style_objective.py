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
    drawn,
    gram_matrix,
    lattice,
    layer_scales,
    mrf_loss,
    patches_at,
    stack_layers_at,
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
        keeps: times as much of the content as the settings say.

    Attributes:
        compares_sets: whether nothing depends on where exactly something stands.
    """

    def __init__(
        self,
        settings: StyleObjectiveSettings,
        features: str,
        style: Features,
        regions: Sequence[Region],
        draw: torch.Generator,
        keeps: float = 1.0,
    ):
        self.compares_sets = settings.method == "cx"
        self._settings, self._recipe, self._draw = settings, _recipe(features), draw
        self._most = settings.positions or self._recipe.max_positions
        self._deepest, self._regions = _DEEPEST[features], regions
        keep, smooth = _CLASSIC.get(settings.method, (self._recipe.source_weight, self._recipe.variation_weight))
        self._weights = {
            "style": 1.0,
            "content": keeps * settings.structure * keep,
            "variation": settings.smoothness * smooth,
        }
        layers = self._recipe.target_layers
        self._gram_layers = _GRAM_LAYERS[features]
        self._scales = layer_scales(style, layers) if settings.method == "cx" and self._recipe.balanced else None
        self._style = style

    def __call__(self, output: Features, content: Features, pictures: Tensor) -> tuple[Tensor, dict[str, float]]:
        """The sum, and the value of each term before its weight.

        Args:
            output: features of the pictures.
            content: features of what they shall show.
            pictures: (B, 3, H, W) RGB in [0, 1]; one where there are regions.
        """
        terms = {"style": self._style_term(output)}
        if self._weights["content"]:
            terms["content"] = self._content_term(output[self._deepest], content[self._deepest])
        if self._weights["variation"]:
            terms["variation"] = total_variation(pictures, power=2)
        total = torch.stack([self._weights[name] * value for name, value in terms.items()]).sum()
        return total, {name: float(value.detach()) for name, value in terms.items()}

    def _style_term(self, output: Features) -> Tensor:
        losses = []
        whole: list[Region | None] = [None]
        for region in [*self._regions] or whole:
            costs = self._costs(output, region)
            losses += costs if region is None else [region.share * cost for cost in costs]
        return torch.stack(losses).sum()

    def _costs(self, output: Features, region: Region | None) -> list[Tensor]:
        """What the style still costs in a region, by layer."""
        if self._settings.method == "cx":
            return self._contextual(output, region)
        return self._gram(output, region) if self._settings.method == "gram" else self._patched(output, region)

    def _contextual(self, output: Features, region: Region | None) -> list[Tensor]:
        # Drawn first and joined then: joined maps of a large picture would fill the memory.
        layers = self._recipe.target_layers
        mine, its = self._positions(output[layers[0]].shape, self._style[layers[0]].shape, region)
        if mine is None or its is None:
            return []
        x = stack_layers_at(output, layers, mine, self._scales)
        y = stack_layers_at(self._style, layers, its, self._scales).expand(len(x), -1, -1)
        return [contextual_loss(x, y, self._settings.bandwidth)]

    def _patched(self, output: Features, region: Region | None) -> list[Tensor]:
        losses = []
        for layer in _MRF_LAYERS:
            x, y = output[layer], self._style[layer]
            mine, its = self._positions(_patch_grid(x), _patch_grid(y), region)
            if mine is not None and its is not None:
                patched = patches_at(y, its, _MRF_PATCH).expand(len(x), -1, -1)
                losses.append(mrf_loss(patches_at(x, mine, _MRF_PATCH), patched) / y.square().mean())
        return losses

    def _gram(self, output: Features, region: Region | None) -> list[Tensor]:
        losses = []
        for layer in self._gram_layers:
            x: Tensor | None = output[layer]
            y: Tensor | None = self._style[layer]
            if region is not None:
                x, y = _inside(output[layer], region.content), _inside(self._style[layer], region.style)
            if x is not None and y is not None:
                wanted = gram_matrix(y)
                squares = (gram_matrix(x) - wanted).square().sum(dim=(1, 2))
                losses.append(squares.mean() / wanted.square().sum())
        return losses

    def _positions(
        self, x_shape: torch.Size, y_shape: torch.Size, region: Region | None
    ) -> tuple[Tensor | None, Tensor | None]:
        """Which positions of two grids are compared, drawn afresh; the same of both where they are alike and whole."""
        if region is None:
            mine = lattice(x_shape[2], x_shape[3], self._most, self._draw)
            alike = x_shape[2:] == y_shape[2:]
            return mine, mine if alike else self._drawn_of(torch.arange(y_shape[2] * y_shape[3]))
        sides = []
        masks = (None, None) if region is None else (region.content, region.style)
        for shape, mask in zip((x_shape, y_shape), masks, strict=True):
            inside = torch.arange(shape[2] * shape[3])
            if mask is not None:
                inside = _shrunk(mask, shape).flatten().nonzero().squeeze(1).cpu()
            sides.append(self._drawn_of(inside) if len(inside) else None)
        return sides[0], sides[1]

    def _drawn_of(self, positions: Tensor) -> Tensor:
        few = drawn(len(positions), self._most, self._draw)
        return positions if few is None else positions[few]

    def _content_term(self, x: Tensor, y: Tensor) -> Tensor:
        settings = self._settings
        if settings.method == "cx":
            return contextual_loss(x, y, settings.bandwidth, max_positions=self._most, generator=self._draw)
        return content_loss({self._deepest: x}, {self._deepest: y}) / y.square().mean()


def _recipe(features: str) -> Recipe:
    return APPLICATIONS["style_small" if features == "small" else "style"]


def _inside(maps: Tensor, mask: Tensor) -> Tensor | None:
    """The positions of maps (1, C, H, W) that lie in a mask, (1, C, N); None where it has become too small for any."""
    counts = _shrunk(mask, maps.shape)
    return maps[:, :, counts] if counts.any() else None


def _shrunk(mask: Tensor, shape: torch.Size) -> Tensor:
    """A mask (1, 1, H, W) as one of a grid, (h, w)."""
    return F.interpolate(mask.float(), tuple(shape[2:]), mode="area")[0, 0] > 0.5


def _patch_grid(maps: Tensor) -> torch.Size:
    """The shape of what `patches` would make."""
    batch, channels, height, width = maps.shape
    return torch.Size((batch, channels, height - _MRF_PATCH + 1, width - _MRF_PATCH + 1))
