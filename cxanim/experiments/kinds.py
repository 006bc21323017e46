"""Tells two kinds of pictures apart: a line through what SqueezeNet sees of them, learnt from some of each."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from cxanim.experiments.squeezenet import SqueezeNet
from cxanim.pipelines.refine import as_tensor

_FROM_LAYER, _SHRINKAGE = 3, 0.01


class KindOf:
    """Which of two kinds a picture is, by logistic regression on features that are averaged over the picture.

    Args:
        first, second: (S, S, 3) uint8 pictures of each, to learn from, and mirrored.
    """

    def __init__(self, first: list[np.ndarray], second: list[np.ndarray]):
        self._eyes = SqueezeNet()
        seen = [torch.cat([self._seen(some), self._seen([one[:, ::-1] for one in some])]) for some in (first, second)]
        together, kinds = torch.cat(seen), torch.cat([torch.full((len(one),), float(k)) for k, one in enumerate(seen)])
        self._mean, self._deviation = together.mean(0), together.std(0) + 1e-6
        self._line = torch.zeros(together.shape[1] + 1, requires_grad=True)
        optimiser = torch.optim.LBFGS([self._line], max_iter=200)

        def wrong() -> Tensor:
            optimiser.zero_grad()
            loss = F.binary_cross_entropy_with_logits(self._said(together), kinds)
            loss = loss + _SHRINKAGE * (self._line[:-1] ** 2).sum()
            loss.backward()
            return loss

        optimiser.step(wrong)

    def is_second(self, pictures: list[np.ndarray]) -> np.ndarray:
        """Whether each picture (S, S, 3) uint8 looks like the second kind, bool."""
        with torch.no_grad():
            return (self._said(self._seen(pictures)) > 0).numpy()

    def _said(self, seen: Tensor) -> Tensor:
        return (seen - self._mean) / self._deviation @ self._line[:-1] + self._line[-1]

    def _seen(self, pictures: list[np.ndarray]) -> Tensor:
        images = as_tensor(np.stack(pictures), torch.device("cpu"))
        with torch.no_grad():
            return torch.cat([tap.mean((2, 3)) for tap in self._eyes(images)[_FROM_LAYER:]], dim=1)
