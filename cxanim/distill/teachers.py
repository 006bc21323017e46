"""The teachers: VGG-19 itself as far as conv3_4, and for conv4_1 a student of it that others have published.

The truncated VGG-19 that we may use ends after conv3_4. The published student goes deeper and has learnt, for its
conv4_1, a map to VGG-19's 512 channels; what it shows there is an approximation, and so is what is learnt from it.

Source: H. Wang, Y. Li, Y. Wang, H. Hu, M.-H. Yang, "Collaborative Distillation for Ultra-Resolution Universal Style
Transfer", CVPR 2020.
"""

from pathlib import Path

import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

from cxanim.losses.features import FeatureNetwork, Features, feature_network, layer_names

LAYERS = tuple(layer for layer in layer_names("small") if layer.startswith("relu"))
TRUE_LAYERS = tuple(layer for layer in LAYERS if layer < "relu4")
DEEP_LAYER = "relu4_1"
CHANNELS = {"1": 64, "2": 128, "3": 256, "4": 512}  # of what is taught, by stage

_TRUNK = ("conv11", "conv12", "conv21", "conv22", "conv31", "conv32", "conv33", "conv34", "conv41")
_POOLED_AFTER = ("conv12", "conv22", "conv34")


class PublishedStudent(nn.Module):
    """What the published student takes for a layer of VGG-19, whose channels have a mean activation near 1.

    Args:
        weights: safetensors file with `conv0`, `conv11` ... and a map `convN1_aux` for the first layer of each stage,
            each `.weight` and `.bias`.
        layer: relu1_1, relu2_1, relu3_1 or relu4_1.
    """

    def __init__(self, weights: Path, layer: str = DEEP_LAYER):
        super().__init__()
        state = load_file(weights)
        last = "conv" + layer[4] + layer[6]
        self._trunk = _TRUNK[: _TRUNK.index(last) + 1]
        self._map = f"{last}_aux"
        self.convolutions = nn.ModuleDict()
        for name in ("conv0", *self._trunk, self._map):
            weight = state[f"{name}.weight"]
            after, before, side, _ = weight.shape
            self.convolutions[name] = nn.Conv2d(before, after, kernel_size=side)
            self.convolutions[name].load_state_dict({"weight": weight, "bias": state[f"{name}.bias"]})
        self.requires_grad_(False).eval()

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) RGB in [0, 1] as the layer's (B, C, H / 2^(stage - 1), W / 2^(stage - 1))."""
        x = self.convolutions["conv0"](image)
        for name in self._trunk:
            x = F.relu(self.convolutions[name](F.pad(x, (1, 1, 1, 1), mode="reflect")))
            if name in _POOLED_AFTER:
                x = F.max_pool2d(x, 2)
        return F.relu(self.convolutions[self._map](x))


class Teachers(nn.Module):
    """Both as one network that shows every layer of `LAYERS`."""

    def __init__(self, vgg19: FeatureNetwork, deep: nn.Module):
        super().__init__()
        self.vgg19, self.deep = vgg19, deep

    def forward(self, image: Tensor) -> Features:
        """(B, 3, H, W) RGB in [0, 1] as features by layer name."""
        return self.vgg19(image) | {DEEP_LAYER: self.deep(image)}


def load_teachers(vgg19: Path, deep: Path) -> Teachers:
    """Read both from their files."""
    return Teachers(feature_network("vgg19", TRUE_LAYERS, vgg19), PublishedStudent(deep))
