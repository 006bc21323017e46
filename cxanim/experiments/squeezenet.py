"""SqueezeNet, trained on ImageNet: eyes that no network of this project learnt through. Its weights are test material.

F. Iandola and others, "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters ...", 2016; version 1.1.
"""

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from cxanim.experiments.material import material
from cxanim.torchvision_import import import_torchvision

_TAPS = (1, 4, 7, 9, 10, 11, 12)
_SHIFT, _SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)  # LPIPS's, about ImageNet's, of pictures in [-1, 1]


class SqueezeNet(nn.Module):
    """The convolutions, by the seven layers that LPIPS looks at, shallow to deep."""

    def __init__(self) -> None:
        super().__init__()
        whole = import_torchvision().models.squeezenet1_1(weights=None)
        state = load_file(material("weights/squeezenet1_1_fp16.safetensors"))
        whole.load_state_dict({name: values.float() for name, values in state.items()})
        self.features = whole.features.eval().requires_grad_(False)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Features (B, C, h, w) of images (B, 3, H, W) in [0, 1]."""
        shift, scale = (torch.tensor(values).view(3, 1, 1) for values in (_SHIFT, _SCALE))
        x, taps = ((2 * images - 1 - shift) / scale).contiguous(), []
        for number, layer in enumerate(self.features):
            x = layer(x)
            if number in _TAPS:
                taps.append(x)
        return taps
