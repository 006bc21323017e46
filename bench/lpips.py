"""LPIPS v0.1 on SqueezeNet: how different two pictures look to people, about; 0 for the same.

R. Zhang and others, "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric", CVPR 2018. The weights
are test material, and nothing here was trained on them.
"""

import numpy as np
import torch
import torch.nn.functional as F
from held_out import material
from safetensors.torch import load_file
from torch import Tensor

from cxanim.pipelines.refine import as_tensor

_SHIFT, _SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
_FIRES, _POOLED_BEFORE, _TAPS = (3, 4, 6, 7, 9, 10, 11, 12), (3, 6, 9), (0, 4, 7, 9, 10, 11, 12)


class LPIPS:
    """The measure, with its weights."""

    def __init__(self) -> None:
        folder = material("weights")
        self._backbone = {
            name: value.float() for name, value in load_file(folder / "squeezenet1_1_fp16.safetensors").items()
        }
        self._heads = load_file(folder / "lpips_v0.1_squeeze_heads.safetensors")

    def __call__(self, one: np.ndarray, other: np.ndarray) -> float:
        """The distance of two pictures (H, W, 3) uint8 of one size."""
        with torch.inference_mode():
            pair = as_tensor(np.stack([one, other]), torch.device("cpu")).contiguous()
            total = 0.0
            for number, tap in enumerate(self._taps(pair)):
                unit = tap / (tap.norm(dim=1, keepdim=True) + 1e-10)
                total += float(F.conv2d((unit[:1] - unit[1:]) ** 2, self._heads[f"lin{number}.weight"]).mean())
        return total

    def _taps(self, images: Tensor) -> list[Tensor]:
        shift, scale = (torch.tensor(values).view(3, 1, 1) for values in (_SHIFT, _SCALE))
        x = F.relu(self._convolved((2 * images - 1 - shift) / scale, "features.0", stride=2))
        taps = [x]
        for layer in _FIRES:
            if layer in _POOLED_BEFORE:
                x = F.max_pool2d(x, 3, 2, ceil_mode=True)
            squeezed = F.relu(self._convolved(x, f"features.{layer}.squeeze"))
            near = self._convolved(squeezed, f"features.{layer}.expand1x1")
            wide = self._convolved(squeezed, f"features.{layer}.expand3x3", padding=1)
            x = F.relu(torch.cat([near, wide], dim=1))
            if layer in _TAPS:
                taps.append(x)
        return taps

    def _convolved(self, x: Tensor, name: str, stride: int = 1, padding: int = 0) -> Tensor:
        return F.conv2d(x, self._backbone[f"{name}.weight"], self._backbone[f"{name}.bias"], stride, padding)
