"""Contextual loss: two images are alike when most features of one have a close partner in the other, anywhere.

R. Mechrez, I. Talmi, L. Zelnik-Manor, "The Contextual Loss for Image Transformation with Non-Aligned Data",
ECCV 2018, eqs. 1-5.

Differs from the paper: a feature that coincides with the target's mean has no direction; its cosine with every
other is 0 (the paper's 0 / 0), and it takes no gradient.
Differs from the authors' code: distance 1 - cos as the paper prints it, not half of it; each sample is centred
by its own target's mean, not by the batch's; a row softmax, equal to their exp / sum, which cannot overflow.
"""

import torch
from torch import Tensor, nn

from cxanim.losses.contextual_chunked import EPSILON, chunked_similarity
from cxanim.losses.reduction import reduced

# Pairs of positions from which the chunked form is used: with fewer a CPU is as quick with the plain one. A GPU is
# quicker with the plain one at any size, until its matrices fill the memory.
CHUNKED_FROM_PAIRS, CHUNKED_FROM_PAIRS_GPU = 256 * 256, 2**27


def contextual_loss(
    x: Tensor, y: Tensor, bandwidth: float = 0.5, *, reduction: str = "mean", block: int | str | None = "auto"
) -> Tensor:
    """How much of the target's appearance the generated image lacks, wherever in the image it is.

    The mean over target features of their best partner's share among the generated ones, as -log. Positions
    do not enter. Its value depends on the number of positions: never compare losses across sampling sizes.

    Args:
        x: features of the generated image, (B, C, H, W) or (B, C, N).
        y: features of the target, (B, C, H', W') or (B, C, M); another grid than x's is welcome.
        bandwidth: h of eq. 3, > 0; smaller is pickier. The authors use 0.5, and 0.1 for style.
        reduction: "mean" over the batch, or "none" for one value per sample.
        block: rows of the N x M matrix held at a time; None holds all of it, "auto" decides by its size. Every
            choice gives the same value and the same gradient, in x and in y; only None can be
            differentiated twice.

    Returns:
        The loss, () or (B,), within [0, ln M] when N >= M and from ln(M / N) up otherwise; float32 for
        half-precision features, their own precision otherwise.

    Raises:
        TypeError, ValueError: for features or options that do not fit.
    """
    x, y = _points(x, "x"), _points(y, "y")
    if len(x) != len(y) or x.shape[2] != y.shape[2]:
        raise ValueError(f"x and y: got batch and channels {_facts(x)} and {_facts(y)}, expected the same")
    if not bandwidth > 0:
        raise ValueError(f"bandwidth: got {bandwidth}, expected a number above 0")
    if block == "auto":
        block = _cache_sized_block(x, y) if _pays_in_chunks(x, y) else None
    elif block is not None and not (isinstance(block, int) and block > 0):
        raise ValueError(f"block: got {block!r}, expected 'auto', None or a number of rows above 0")
    with torch.autocast(x.device.type, enabled=False):
        x, y = _directions(x, y)
        similarity = _similarity(x, y, bandwidth) if block is None else chunked_similarity(x, y, bandwidth, block)
        return reduced(-similarity.clamp_max(1).log(), reduction)  # rounding can take a mean of ones above 1


class ContextualLoss(nn.Module):
    """`contextual_loss` with its options kept; call it on features of the generated image and of the target."""

    def __init__(self, bandwidth: float = 0.5, *, reduction: str = "mean", block: int | str | None = "auto"):
        super().__init__()
        self.bandwidth, self.reduction, self.block = bandwidth, reduction, block

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the loss of features x against target features y."""
        return contextual_loss(x, y, self.bandwidth, reduction=self.reduction, block=self.block)

    def extra_repr(self) -> str:
        """The options, for printing."""
        return f"bandwidth={self.bandwidth}, reduction={self.reduction!r}, block={self.block!r}"


def _points(features: Tensor, name: str) -> Tensor:
    """Features as points: (B, positions, C), in float32 at least."""
    if not features.is_floating_point():
        raise TypeError(f"{name}: got {features.dtype}, expected floating-point features")
    if features.ndim not in (3, 4) or 0 in features.shape:
        raise ValueError(f"{name}: got shape {tuple(features.shape)}, expected (B, C, H, W) or (B, C, N), none empty")
    points = features.flatten(2).transpose(1, 2)
    return points.float() if points.dtype in (torch.float16, torch.bfloat16) else points


def _facts(points: Tensor) -> tuple[int, int]:
    return points.shape[0], points.shape[2]


def _directions(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Centre both sets by the target's mean and scale each point to length 1."""
    mean = y.mean(dim=1, keepdim=True)
    rounding = 10 * torch.finfo(y.dtype).eps * y.detach().norm(dim=2).amax(dim=1)[:, None, None]
    return _unit(x - mean, rounding), _unit(y - mean, rounding)


def _unit(points: Tensor, rounding: Tensor) -> Tensor:
    length = points.norm(dim=2, keepdim=True)
    has_direction = length > rounding
    return torch.where(has_direction, points, 0) / torch.where(has_direction, length, 1)


def _similarity(x: Tensor, y: Tensor, bandwidth: float) -> Tensor:
    """CX of unit vectors x (B, N, C) and y (B, M, C), read off eqs. 2-5: (B,)."""
    distance = (1 - x @ y.transpose(1, 2)).clamp_min(0)
    relative = distance / (distance.min(dim=2, keepdim=True).values + EPSILON)
    share = torch.softmax(-relative / bandwidth, dim=2)
    return share.max(dim=1).values.mean(dim=1)


def _pays_in_chunks(x: Tensor, y: Tensor) -> bool:
    pairs = x.shape[1] * y.shape[1]
    return pairs >= CHUNKED_FROM_PAIRS if x.device.type == "cpu" else len(x) * pairs >= CHUNKED_FROM_PAIRS_GPU


def _cache_sized_block(x: Tensor, y: Tensor) -> int:
    """Rows whose part of the matrix stays in a CPU core's cache, or keeps a GPU busy."""
    entries = 2**18 if x.device.type == "cpu" else 2**24
    return max(16, min(x.shape[1], entries // y.shape[1]))
