"""LPIPS v0.1 on SqueezeNet: how different two pictures look to people, about; 0 for the same.

R. Zhang and others, "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric", CVPR 2018. The weights
are test material, and nothing here was trained on them.
"""

import numpy as np
import torch
import torch.nn.functional as F
from held_out import material
from safetensors.torch import load_file

from cxanim.experiments.squeezenet import SqueezeNet
from cxanim.pipelines.refine import as_tensor


class LPIPS:
    """The measure, with its weights."""

    def __init__(self) -> None:
        self._heads = load_file(material("weights") / "lpips_v0.1_squeeze_heads.safetensors")
        self._eyes = SqueezeNet()

    def __call__(self, one: np.ndarray, other: np.ndarray) -> float:
        """The distance of two pictures (H, W, 3) uint8 of one size."""
        total = 0.0
        with torch.inference_mode():
            for number, tap in enumerate(self._eyes(as_tensor(np.stack([one, other]), torch.device("cpu")))):
                unit = tap / (tap.norm(dim=1, keepdim=True) + 1e-10)
                total += float(F.conv2d((unit[:1] - unit[1:]) ** 2, self._heads[f"lin{number}.weight"]).mean())
        return total
