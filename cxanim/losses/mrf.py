"""Style as patches of features, each drawn to the most similar one of the style: a Markov random field.

C. Li, M. Wand, "Combining Markov Random Fields and Convolutional Neural Networks for Image Synthesis", CVPR 2016,
eqs. 2 and 3.
"""

import torch
from torch import Tensor

from cxanim.losses.positions import drawn
from cxanim.losses.reduction import reduced

_ENTRIES = 2**20  # of similarities held at a time


def mrf_loss(
    x: Tensor,
    y: Tensor,
    *,
    max_positions: int | None = None,
    generator: torch.Generator | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Mean squared difference of each generated patch and the style's most similar one.

    Similar is what has the largest normalised cross-correlation; which it is takes no gradient.

    Args:
        x: patches of the generated image's features, (B, C, H, W) or (B, C, N), from `patches`.
        y: those of the style, of any grid.
        max_positions: of larger sets so many are compared, drawn afresh at each call, by themselves in x and y.
        generator: source of randomness, on the CPU.
        reduction: "mean" over the batch, or "none" for one value per sample.

    Differs from the paper: the mean over patches and channels, not their sum.
    """
    if x.ndim not in (3, 4) or y.ndim not in (3, 4) or x.shape[:2] != y.shape[:2]:
        raise ValueError(
            f"x and y: got {tuple(x.shape)} and {tuple(y.shape)}, expected (B, C, ...) of the same B and C"
        )
    sides = []
    for features in (x.flatten(2), y.flatten(2)):
        chosen = drawn(features.shape[2], max_positions, generator)
        few = features if chosen is None else features[..., chosen.to(features.device)]
        sides.append(few.transpose(1, 2))
    generated, style = sides
    losses = []
    for mine, its in zip(generated, style, strict=True):
        partners = _most_similar(mine.detach(), its.detach())
        losses.append((mine - its[partners]).square().mean())
    return reduced(torch.stack(losses), reduction)


def _most_similar(x: Tensor, y: Tensor) -> Tensor:
    """For each of x (N, C) the index of the one of y (M, C) in whose direction it points most."""
    directions = torch.nn.functional.normalize(y, dim=1)
    block = max(1, _ENTRIES // len(y))
    return torch.cat([(rows @ directions.T).argmax(dim=1) for rows in x.split(block)])
