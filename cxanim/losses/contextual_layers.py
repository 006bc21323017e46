"""The Contextual loss with its options kept, over one layer of features or several."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cxanim.losses.contextual import ContextualTarget, contextual_loss, contextual_target
from cxanim.losses.positions import patches, stack_layers

Maps = Tensor | Mapping[str, Tensor]
Targets = Maps | ContextualTarget | Mapping[str, ContextualTarget]
_ONE = "features"


class ContextualLoss(nn.Module):
    """`contextual_loss` as a module: call it on features of the generated image and of the target.

    Args:
        bandwidth: h of eq. 3, > 0.
        layers: names, or weights by name, where features come as dictionaries by layer; a sum over them. Without, a
            dictionary counts whole, each layer with weight 1.
        stacked: join the layers into one feature per position of the first (`stack_layers`) and compare once.
        patch: side of the square of neighbours that is one feature.
        stride: from one patch to the next.
        distance, direction, spatial_weight, max_positions, generator, reduction, block: see `contextual_loss`.

    Example:
        network = feature_network("vgg19", ("relu3_2", "relu4_2"))
        cx = ContextualLoss(layers=("relu3_2", "relu4_2"), max_positions=65 * 65)
        target = cx.target(network(photo))  # once
        cx(network(generated), target).backward()
    """

    def __init__(
        self,
        bandwidth: float = 0.5,
        *,
        layers: Sequence[str] | Mapping[str, float] | None = None,
        stacked: bool = False,
        patch: int = 1,
        stride: int = 1,
        distance: str = "cosine",
        direction: str = "target",
        spatial_weight: float = 0.0,
        max_positions: int | None = None,
        generator: torch.Generator | None = None,
        reduction: str = "mean",
        block: int | str | None = "auto",
    ):
        super().__init__()
        if isinstance(layers, str):
            raise TypeError(f"layers: got {layers!r}, expected a list of names")
        if patch < 1 or stride < 1:
            raise ValueError(f"patch and stride: got {patch} and {stride}, expected at least 1")
        weights = layers if isinstance(layers, Mapping) or layers is None else dict.fromkeys(layers, 1.0)
        self.layers = None if weights is None else dict(weights)
        self.stacked, self.patch, self.stride, self.distance = stacked, patch, stride, distance
        self.options: dict[str, Any] = dict(
            bandwidth=bandwidth, distance=distance, direction=direction, spatial_weight=spatial_weight,
            max_positions=max_positions, generator=generator, reduction=reduction, block=block,
        )  # fmt: skip

    def forward(self, x: Maps, y: Targets, x_mask: Tensor | None = None, y_mask: Tensor | None = None) -> Tensor:
        """The loss of features x against those of a target, or against what `target` made of them.

        Args:
            x: (B, C, H, W) or (B, C, N), or such by layer.
            y: likewise.
            x_mask, y_mask: which part of the picture counts, (B, 1, H, W) bool of any size; a position counts where
                most of it does.
        """
        generated, wanted = self._compared(x), _made_ready(y)
        if wanted is None:
            wanted = self.target(cast(Maps, y), y_mask)
        elif y_mask is not None:
            raise ValueError("y_mask: got one beside a target made ready, expected it given there")
        missing = [layer for layer in generated if layer not in wanted]
        if missing:
            raise ValueError(f"layer {missing[0]!r}: got targets of {', '.join(wanted)}, not it")
        losses = [
            self._weight(layer)
            * contextual_loss(features, wanted[layer], x_mask=_fitted(x_mask, features), **self.options)
            for layer, features in generated.items()
        ]
        return torch.stack(losses).sum(dim=0)

    def target(self, y: Maps, mask: Tensor | None = None) -> dict[str, ContextualTarget]:
        """Make a target's features ready, once, to be compared with many images."""
        return {
            layer: contextual_target(features, distance=self.distance, mask=_fitted(mask, features))
            for layer, features in self._compared(y).items()
        }

    def extra_repr(self) -> str:
        """The options, for printing."""
        told = {"layers": self.layers, "stacked": self.stacked, "patch": self.patch, "stride": self.stride}
        return ", ".join(f"{name}={value!r}" for name, value in (told | self.options).items())

    def _compared(self, features: Maps) -> dict[str, Tensor]:
        """What is compared: maps by layer, as patches where those are wanted."""
        if isinstance(features, Tensor):
            if self.layers is not None:
                raise ValueError(f"features: got one tensor, expected a dictionary with {', '.join(self.layers)}")
            chosen = {_ONE: features}
        else:
            names = list(features) if self.layers is None else list(self.layers)
            absent = [name for name in names if name not in features]
            if absent or not names:
                raise ValueError(f"layer {(absent or ['any'])[0]!r}: got features of {', '.join(features) or 'none'}")
            chosen = {_ONE: stack_layers(features, names)} if self.stacked else {name: features[name] for name in names}
        if self.patch == 1 and self.stride == 1:
            return chosen
        return {name: patches(maps, self.patch, self.stride) for name, maps in chosen.items()}

    def _weight(self, layer: str) -> float:
        return 1.0 if self.layers is None or layer == _ONE else self.layers[layer]


def _made_ready(y: Targets) -> dict[str, ContextualTarget] | None:
    if isinstance(y, ContextualTarget):
        return {_ONE: y}
    if isinstance(y, Tensor):
        return None
    ready = {name: one for name, one in y.items() if isinstance(one, ContextualTarget)}
    return ready if ready else None


def _fitted(mask: Tensor | None, features: Tensor) -> Tensor | None:
    """A mask of a picture as one of its features."""
    if mask is None or mask.ndim != 4 or features.ndim != 4:
        return mask
    return F.interpolate(mask.float(), features.shape[2:], mode="area") > 0.5
