"""The extreme cases of section 3 of the paper: the same sets, sets far from each other, and everything twice."""

import math

import numpy as np
import torch
from torch import Tensor

from cxanim.experiments.figure import drawn_sheet
from cxanim.experiments.report import Report, spread, table
from cxanim.losses import contextual_loss

_POINTS, _CHANNELS, _BANDWIDTH = 64, 16, 0.1


def run(quick: bool) -> Report:
    """Each case for some random sets."""
    seeds = 3 if quick else 20
    cases = {
        "CX(X, X), all different": (same, 0.0),
        "sets far from each other": (far, math.log(_POINTS)),
        "each feature of X = Y twice": (twice, math.log(2)),
        "X all one feature": (flat, math.log(_POINTS)),
    }
    found = {name: [case(seed) for seed in range(seeds)] for name, (case, _) in cases.items()}
    rows = [[name, f"{cases[name][1]:.4f}", spread(values)] for name, values in found.items()]
    largest = max(abs(value - cases[name][1]) for name, values in found.items() for value in values)
    noises = np.geomspace(0.01, 10, 12)
    with drawn_sheet(1) as sheet:
        for bandwidth in (0.1, 0.2, 0.5, 1.0):
            losses = [np.mean([moved(seed, float(noise), bandwidth) for seed in range(seeds)]) for noise in noises]
            sheet.axes[0].semilogx(noises, losses, label=f"h {bandwidth:g}")
        sheet.axes[0].axhline(math.log(_POINTS), color="grey", linestyle=":")
        sheet.axes[0].set(title="X = Y + noise", xlabel="deviation of the noise", ylabel="loss; ln N dotted")
        sheet.axes[0].legend()
    return Report(
        "Extreme cases: the same, far, twice",
        "The loss -ln CX is 0 of a set with itself, ln N where the sets have nothing to do with each other (CX = 1/N), "
        "ln 2 where each feature has a twin.",
        f"The largest departure from these is {largest:.4f}.",
        f"{seeds} random sets of {_POINTS} features of {_CHANNELS} channels, bandwidth {_BANDWIDTH:g}.",
        table(["case", "expected loss", "loss"], rows),
        sheet.picture,
        largest < 0.01,
    )


def same(seed: int) -> float:
    """A set with itself."""
    x = _features(seed)
    return _loss(x, x)


def far(seed: int) -> float:
    """Two sets, one so far away that the other is one point to it."""
    x = _features(seed)
    return float(contextual_loss(x + 1e4, _features(seed + 1000), _BANDWIDTH, distance="l2"))


def twice(seed: int) -> float:
    """A set with itself, each feature of which is there twice."""
    x = _features(seed)
    both = torch.cat([x, x], dim=2)
    return _loss(both, both)


def flat(seed: int) -> float:
    """A set of one feature, again and again, with another."""
    y = _features(seed)
    return _loss(y.mean(dim=2, keepdim=True).expand_as(y), y)


def moved(seed: int, noise: float, bandwidth: float) -> float:
    """A set with itself, disturbed."""
    y = _features(seed)
    return float(contextual_loss(y + noise * _features(seed + 1000), y, bandwidth))


def _features(seed: int) -> Tensor:
    random = torch.Generator().manual_seed(seed)
    return torch.randn(1, _CHANNELS, _POINTS, generator=random, dtype=torch.float64)


def _loss(x: Tensor, y: Tensor) -> float:
    return float(contextual_loss(x, y, _BANDWIDTH))
