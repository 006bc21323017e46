"""Feature networks by layer name: VGG-19, and `small`, a ten times cheaper one distilled from it.

K. Simonyan, A. Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", ICLR 2015,
configuration E. Both networks have its plan and its names; `small` has an eighth of its channels at full
resolution, a quarter below, and ends after conv4_1 (`cxanim/distill` makes it).
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cxanim.errors import MissingWeights
from cxanim.losses.weights import load_weights

CONVOLUTIONS_PER_STAGE = {"vgg19": (2, 2, 4, 4, 4), "small": (2, 2, 4, 1)}
WIDTHS = {"vgg19": (64, 128, 256, 512, 512), "small": (8, 32, 64, 128)}
POOLINGS: dict[str, Callable[..., Tensor]] = {"max": F.max_pool2d, "average": F.avg_pool2d}

PIXELS = "pixels"  # the name of the image itself, among layers

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

Features = dict[str, Tensor]


def convolutions(name: str) -> dict[str, str]:
    """Map each position ("3_2") of a network, shallow to deep, to its key in torchvision's layout ("features.12")."""
    if name not in WIDTHS:
        raise ValueError(f"feature network: got {name!r}, expected one of {', '.join(WIDTHS)}")
    keys, index = {}, 0
    for stage, count in enumerate(CONVOLUTIONS_PER_STAGE[name], start=1):
        for number in range(1, count + 1):
            keys[f"{stage}_{number}"] = f"features.{index}"
            index += 2  # the convolution and its ReLU
        index += 1  # the pooling
    return keys


def layer_names(name: str) -> tuple[str, ...]:
    """Every layer that a network can return, shallow to deep: ("conv1_1", "relu1_1", "conv1_2", ...)."""
    return tuple(kind + position for position in convolutions(name) for kind in ("conv", "relu"))


def feature_network(
    name: str, layers: Sequence[str], weights: Path | None = None, pooling: str = "max"
) -> "FeatureNetwork":
    """Load a frozen network that shows what an image looks like to it.

    Args:
        name: "vgg19" or "small".
        layers: names of the layers to return; "conv3_2" before the ReLU, "relu3_2" after it, "pixels" the image.
        weights: safetensors file in torchvision's key layout, whole or cut off after the deepest layer needed;
            by default where `cxanim.losses.weights` looks.
        pooling: "max", or "average" as the Contextual loss's authors and Gatys used it.

    Returns:
        A network in evaluation mode whose weights take no gradient; call it on images.

    Raises:
        ValueError: for a network, a layer or a pooling that does not exist.
        MissingWeights: when no file holds the layers asked for; it names the file to put, and where.
    """
    network = FeatureNetwork(name, layers, pooling)
    state = load_weights(name, network.keys, weights)
    misfits = [key for key, value in network.state_dict().items() if value.shape != state[key].shape]
    if misfits:
        raise MissingWeights(
            f"The weights file of {name} has other widths: {misfits[0]} is {tuple(state[misfits[0]].shape)}.",
            "Put a file of this network in its place.",
        )
    network.load_state_dict(state)
    return network.requires_grad_(False).eval()


class FeatureNetwork(nn.Module):
    """The convolutions of `name` down to the deepest of `layers`, with torchvision's state-dict keys."""

    mean: Tensor
    std: Tensor

    def __init__(self, name: str, layers: Sequence[str], pooling: str = "max"):
        super().__init__()
        names = layer_names(name)
        unknown = [layer for layer in layers if layer not in (*names, PIXELS)]
        if unknown:
            raise ValueError(f"{name} has no layer {unknown[0]!r}; its layers are {names[0]} to {names[-1]}")
        if not layers:
            raise ValueError("feature network: got no layers, expected at least one name such as 'relu3_2'")
        if pooling not in POOLINGS:
            raise ValueError(f"pooling: got {pooling!r}, expected one of {', '.join(POOLINGS)}")
        self.name = name
        self.layers = tuple(layers)
        self.pooling = pooling
        depth = max(names.index(layer) // 2 + 1 if layer in names else 0 for layer in layers)
        self.keys = dict(list(convolutions(name).items())[:depth])
        self.features = nn.ModuleDict()
        channels = 3
        for position, key in self.keys.items():
            width = WIDTHS[name][int(position[0]) - 1]
            self.features[key.removeprefix("features.")] = nn.Conv2d(channels, width, kernel_size=3, padding=1)
            channels = width
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(3, 1, 1), persistent=False)

    def forward(self, image: Tensor) -> Features:
        """Return the features of images.

        Args:
            image: (B, 3, H, W) RGB in [0, 1]; normalised inside by ImageNet's mean and deviation.

        Returns:
            One (B, C, H / 2^(stage - 1), W / 2^(stage - 1)) tensor per layer asked for, by name.

        Convention:
            Zero padding of the normalised image: the world beyond the border has the mean colour.
        """
        stages = int(max(self.keys, default="1")[0])
        if image.ndim != 4 or image.shape[1] != 3 or min(image.shape[2:]) < 2 ** (stages - 1):
            raise ValueError(
                f"image: got {tuple(image.shape)}, expected (B, 3, H, W) with sides of at least {2 ** (stages - 1)} px"
            )
        found: Features = {PIXELS: image}
        x = (image - self.mean) / self.std
        for position, convolve in zip(self.keys, self.features.values(), strict=True):
            if position.endswith("_1") and position != "1_1":
                x = POOLINGS[self.pooling](x, kernel_size=2)
            before, after = f"conv{position}", f"relu{position}"
            found[before] = x = convolve(x)
            found[after] = x = F.relu(x, inplace=before not in self.layers)
        return {layer: found[layer] for layer in self.layers}
