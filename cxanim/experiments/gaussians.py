"""Fig. 5 of the paper: of all Gaussians, the Contextual similarity expects most of the one that is the same.

The figure's set-up: X of N(0, 1), Y of N(mu, sigma), 100 points on a line each; on a line the cosine says nothing, so
the squared distance is used.
"""

import numpy as np
import torch

from cxanim.experiments.figure import drawn_sheet
from cxanim.experiments.report import Report, spread, table
from cxanim.losses import contextual_loss

_POINTS, _BANDWIDTH = 100, 0.5
_SHOWN = ((0, 1), (0, 0.5), (0, 2), (1, 1), (2, 1), (4, 1), (10, 1), (0, 10))


def run(quick: bool) -> Report:
    """Both expectations over a grid of means and deviations."""
    seeds, repeats = (2, 20) if quick else (5, 60)
    means = np.linspace(0, 10, 6 if quick else 21)
    deviations = np.array([0.25, 0.5, 1, 2, 4, 10]) if quick else np.array([0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4, 6, 8, 10])
    similar, distant = (np.empty((seeds, len(deviations), len(means))) for _ in range(2))
    for seed in range(seeds):
        for down, sigma in enumerate(deviations):
            for across, mu in enumerate(means):
                place = seed, down, across
                similar[place], distant[place] = expectations(float(mu), float(sigma), repeats, seed)
    peaks = [_at(np.argmax(one), means, deviations) for one in similar]
    valleys = [_at(np.argmin(one), means, deviations) for one in distant]
    rows = []
    for mu, sigma in _SHOWN:
        found = [expectations(mu, sigma, repeats, seed) for seed in range(seeds)]
        rows.append(
            [f"({mu:g}, {sigma:g})", spread([one for one, _ in found]), f"{np.mean([two for _, two in found]):.0f}"]
        )
    with drawn_sheet(3) as sheet:
        for axes, values, name in zip(sheet.axes, (similar, distant), ("E[CX]", "E[L2]"), strict=False):
            shown = axes.pcolormesh(means, deviations, values.mean(0), shading="nearest")
            axes.set(title=name, xlabel="mean", ylabel="deviation", yscale="log")
            axes.figure.colorbar(shown, ax=axes)
            axes.plot(0, 1, "r+", markersize=12)
        one = int(np.flatnonzero(deviations == 1)[0])
        mean = similar[:, one].mean(0)
        sheet.axes[2].plot(means, mean / mean.max(), label="E[CX] / its peak")
        mean = distant[:, one].mean(0)
        sheet.axes[2].plot(means, mean / mean.max(), label="E[L2] / its peak")
        sheet.axes[2].set(title="deviation 1", xlabel="mean")
        sheet.axes[2].legend()
    same = (0.0, 1.0)
    return Report(
        "Gaussians: the same distribution is the most similar",
        "E[CX] peaks where both distributions are the same, (mean 0, deviation 1); E[L2] is lowest elsewhere, at the "
        "narrowest distribution.",
        f"E[CX] peaks at {_told(peaks)}; E[L2] is lowest at {_told(valleys)}.",
        f"{seeds} seeds of {repeats} draws each; {sum(peak == same for peak in peaks)} of {seeds} peaks of E[CX] lie "
        f"at (0, 1), {sum(valley == same for valley in valleys)} of {seeds} valleys of E[L2] do.",
        table(["(mean, deviation)", "E[CX]", "E[L2], summed over points"], rows),
        sheet.picture,
        all(peak == same for peak in peaks) and not any(valley == same for valley in valleys),
    )


def expectations(mu: float, sigma: float, repeats: int, seed: int) -> tuple[float, float]:
    """Means over draws of the Contextual similarity and of the summed squared distance of partners by number."""
    random = torch.Generator().manual_seed(seed)
    x = torch.randn(repeats, 1, _POINTS, generator=random, dtype=torch.float64)
    y = mu + sigma * torch.randn(repeats, 1, _POINTS, generator=random, dtype=torch.float64)
    loss = contextual_loss(x, y, _BANDWIDTH, distance="l2", reduction="none")
    return float(torch.exp(-loss).mean()), float(((x - y) ** 2).sum(dim=2).mean())


def _at(index: np.intp, means: np.ndarray, deviations: np.ndarray) -> tuple[float, float]:
    down, across = divmod(int(index), len(means))
    return float(means[across]), float(deviations[down])


def _told(places: list[tuple[float, float]]) -> str:
    return ", ".join(f"({mu:g}, {sigma:g})" for mu, sigma in sorted(set(places)))
