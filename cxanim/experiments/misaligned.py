"""Fig. 6 of the paper: what is learnt from targets that do not lie on one another.

A noisy crop of a picture is to become like clean crops of it, each shifted by up to 10 pixels, one of them drawn at
each step. L1 to all of them at once is their blurred mean; the Contextual loss, of squares of 5 x 5 pixels, only asks
that each square of the target has a partner. No feature network takes part.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from cxanim.experiments.figure import row_of_pictures
from cxanim.experiments.report import Report, spread, table
from cxanim.losses import contextual_loss, l1_loss, patches
from cxanim.pipelines.picture_set import photographs

SIDE_PX, _SHIFT_PX, _NOISE, _TARGETS = 48, 10, 0.1, 30
_RATE, _LATER_RATE, _STEPS = 3e-3, 5e-4, 1000
_PICTURES = ("astronaut", "chelsea", "coffee", "rocket", "motorcycle left")

Loss = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Toy:
    """One noisy crop and the crops that it is compared with.

    Attributes:
        clean, noisy: (1, 3, S, S) in [0, 1].
        targets: (T, 3, S, S).
    """

    clean: Tensor
    noisy: Tensor
    targets: Tensor


def cx(bandwidth: float) -> Loss:
    """The Contextual loss of squares of 5 x 5 pixels, every second one."""
    return lambda x, y: contextual_loss(patches(x, 5, 2), patches(y, 5, 2), bandwidth)


def run(quick: bool) -> Report:
    """L1 and the Contextual loss on some pictures with some seeds."""
    names, seeds, steps = (_PICTURES[:2], 1, 150) if quick else (_PICTURES, 3, _STEPS)
    losses: dict[str, Loss] = {"L1": l1_loss, "CX, h 0.5": cx(0.5)}
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in ("noisy", *losses)}
    rows = []
    for name in names:
        for seed in range(seeds):
            toy = make_toy(picture_named(name), seed)
            made = {"noisy": toy.noisy} | {which: cleaned(toy, loss, seed, steps) for which, loss in losses.items()}
            for which, picture in made.items():
                found[which].append((psnr(picture, toy.clean), sharpness(picture, toy.clean)))
        shown = {"truth": toy.clean, **made}
        rows.append(row_of_pictures([as_picture(one) for one in shown.values()], list(shown)))
    blurred, sharp = ([one[1] for one in found[which]] for which in losses)
    wins = sum(1 for one, other in zip(found["L1"], found["CX, h 0.5"], strict=True) if other[0] > one[0])
    return Report(
        "Targets that are shifted: L1 blurs, the Contextual loss does not",
        "With L1 what comes out is blurred (less than 0.6 of the truth's gradient); with CX it is not.",
        f"Of the truth's gradient, L1 leaves {min(blurred):.2f} to {max(blurred):.2f} and CX {min(sharp):.2f} to "
        f"{max(sharp):.2f}. PSNR is higher with CX in {wins} of {len(sharp)} runs.",
        f"{len(names)} pictures, {seeds} seeds each, {steps} steps; the order held in "
        f"{sum(a < 0.6 < b for a, b in zip(blurred, sharp, strict=True))} of {len(sharp)} runs.",
        table(
            ["", "PSNR dB", "gradient, of the truth's"],
            [
                [which, spread([a for a, _ in values]), spread([b for _, b in values])]
                for which, values in found.items()
            ],
        ),
        np.vstack(rows),
        all(a < 0.6 < b for a, b in zip(blurred, sharp, strict=True)),
    )


def picture_named(name: str) -> np.ndarray:
    """One of the photographs that come with scikit-image."""
    found = photographs()
    return found.pictures[found.names.index(name)]


def make_toy(picture: np.ndarray, seed: int) -> Toy:
    """A crop where there is something to see, and its shifted neighbours."""
    random = np.random.default_rng(seed)
    height, width = picture.shape[:2]
    small = cv2.resize(picture, (2 * width // 3, 2 * height // 3), interpolation=cv2.INTER_AREA)
    margin = _SHIFT_PX
    best, corner = -1.0, (0, 0)
    for _ in range(20):
        top = int(random.integers(margin, small.shape[0] - SIDE_PX - margin))
        left = int(random.integers(margin, small.shape[1] - SIDE_PX - margin))
        # Texture: blurring a lone edge does not change its summed gradient.
        texture = _gradient(_crop(small, top, left)[None])
        if texture > best:
            best, corner = texture, (top, left)
    shifts = random.integers(-margin, margin + 1, (_TARGETS, 2))
    crops = [_crop(small, corner[0] + down, corner[1] + across) for down, across in shifts]
    clean = _crop(small, *corner)[None]
    noise = torch.from_numpy(random.normal(0, _NOISE, clean.shape).astype(np.float32))
    return Toy(clean, (clean + noise).clamp(0, 1), torch.stack(crops))


def cleaned(toy: Toy, loss: Loss, seed: int, steps: int = _STEPS) -> Tensor:
    """What becomes of the noisy crop by Adam, with another target at each step."""
    random = np.random.default_rng(1000 + seed)
    image = toy.noisy.clone().requires_grad_()
    optimiser = torch.optim.Adam([image], lr=_RATE)
    for step in range(steps):
        optimiser.param_groups[0]["lr"] = _RATE if step < 0.7 * steps else _LATER_RATE
        target = toy.targets[random.integers(_TARGETS)][None]
        optimiser.zero_grad()
        loss(image, target).backward()
        optimiser.step()
    return image.detach().clamp(0, 1)


def psnr(picture: Tensor, truth: Tensor) -> float:
    """In decibels."""
    return float(-10 * torch.log10(((picture - truth) ** 2).mean()))


def sharpness(picture: Tensor, truth: Tensor) -> float:
    """The mean absolute gradient, over the truth's."""
    return _gradient(picture) / _gradient(truth)


def as_picture(image: Tensor) -> np.ndarray:
    """(1, 3, S, S) in [0, 1] as (S, S, 3) uint8."""
    return (image[0].permute(1, 2, 0).clamp(0, 1) * 255).round().byte().numpy()


def _gradient(picture: Tensor) -> float:
    across, down = picture.diff(dim=3).abs().mean(), picture.diff(dim=2).abs().mean()
    return float(across + down)


def _crop(picture: np.ndarray, top: int, left: int) -> Tensor:
    part = picture[top : top + SIDE_PX, left : left + SIDE_PX]
    return torch.from_numpy(part.copy()).permute(2, 0, 1).float() / 255
