"""Tells two kinds of pictures apart, by a small network that learns from pictures alone and sees no feature network."""

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cxanim.pipelines.refine import as_tensor

_SIDE_PX, _STEPS, _BATCH, _RATE = 64, 400, 32, 1e-3


class KindOf:
    """Which of two kinds a picture is.

    Args:
        first, second: (S, S, 3) uint8 pictures of each, to learn from.
        seed: decides every draw.
    """

    def __init__(self, first: list[np.ndarray], second: list[np.ndarray], seed: int):
        torch.manual_seed(seed)
        random = np.random.default_rng(seed)
        self._network = nn.Sequential(
            *_layer(3, 16), *_layer(16, 32), *_layer(32, 64), *_layer(64, 64),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.3), nn.Linear(64, 1),
        )  # fmt: skip
        optimiser = torch.optim.AdamW(self._network.parameters(), _RATE, weight_decay=0.05)
        pictures = [[_small(one, _SIDE_PX + 8) for one in some] for some in (first, second)]
        for _ in range(_STEPS):
            kinds = random.integers(2, size=_BATCH)
            drawn = [_disturbed(pictures[kind][random.integers(len(pictures[kind]))], random) for kind in kinds]
            said = self._network(_centred(np.stack(drawn)))[:, 0]
            optimiser.zero_grad()
            F.binary_cross_entropy_with_logits(said, torch.from_numpy(kinds).float()).backward()
            optimiser.step()
        self._network.eval()

    def is_second(self, pictures: list[np.ndarray]) -> np.ndarray:
        """Whether each picture (S, S, 3) uint8 looks like the second kind, bool."""
        with torch.inference_mode():
            said = self._network(_centred(np.stack([_small(one, _SIDE_PX) for one in pictures])))
        return (said[:, 0] > 0).numpy()


def _layer(inside: int, out: int) -> list[nn.Module]:
    return [nn.Conv2d(inside, out, 3, padding=1), nn.BatchNorm2d(out), nn.ReLU(), nn.MaxPool2d(2)]


def _small(picture: np.ndarray, side: int) -> np.ndarray:
    return cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)


def _disturbed(picture: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """A part of it, mirrored or not, a little brighter or darker."""
    top, left = random.integers(len(picture) - _SIDE_PX + 1, size=2)
    part = picture[top : top + _SIDE_PX, left : left + _SIDE_PX]
    part = part[:, ::-1] if random.random() < 0.5 else part
    return (part * random.uniform(0.85, 1.15) + random.uniform(-15, 15)).clip(0, 255).astype(np.uint8)


def _centred(pictures: np.ndarray) -> Tensor:
    return 2 * as_tensor(pictures, torch.device("cpu")) - 1
