"""Contextual loss: two images are alike when most features of one have a close partner in the other, anywhere.

R. Mechrez, I. Talmi, L. Zelnik-Manor, "The Contextual Loss for Image Transformation with Non-Aligned Data",
ECCV 2018, eqs. 1-5.

Differs from the paper: a feature that coincides with the target's mean has no direction; its cosine with every
other is 0 (the paper's 0 / 0), and it takes no gradient.
Differs from the authors' code: distance 1 - cos as the paper prints it, not half of it; each sample is centred
by its own target's mean, not by the batch's; a row softmax, equal to their exp / sum, which cannot overflow; where
positions are sampled, the mean is still that of all of them.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from cxanim.losses.contextual_chunked import EPSILON, chunked_similarity
from cxanim.losses.distances import DISTANCES, pair_distances
from cxanim.losses.positions import drawn, grid_places
from cxanim.losses.reduction import reduced

DIRECTIONS = ("target", "generated")
# Pairs of positions from which the chunked form is used: with fewer a CPU is as quick with the plain one. A GPU is
# quicker with the plain one at any size, until its matrices fill the memory.
CHUNKED_FROM_PAIRS, CHUNKED_FROM_PAIRS_GPU = 1200 * 1200, 2**27


@dataclass(frozen=True)
class ContextualTarget:
    """A target's features, made ready once to be compared with many images; from `contextual_target`.

    Attributes:
        points: (B, M, C), for the cosine centred and of length 1.
        mean: (B, 1, C), what generated features are centred by; None for other distances.
        rounding: (B, 1, 1), a length below which a feature has no direction; None likewise.
        places: (M, 2) where the features are; None for a set without a grid.
        mask: (B, M) which of them count; None for all.
        grid: height and width; or the number of points alone.
        distance: one of "cosine", "l1", "l2".
    """

    points: Tensor
    mean: Tensor | None
    rounding: Tensor | None
    places: Tensor | None
    mask: Tensor | None
    grid: tuple[int, ...]
    distance: str


def contextual_target(y: Tensor, *, distance: str = "cosine", mask: Tensor | None = None) -> ContextualTarget:
    """Make a target's features ready; `contextual_loss` then gives what it gives with the features themselves.

    Args:
        y: features, (B, C, H, W) or (B, C, M).
        distance: see `contextual_loss`.
        mask: which positions count, (B, H, W), (B, 1, H, W) or (B, M) bool; of the others nothing is known.
    """
    if distance not in DISTANCES:
        raise ValueError(f"distance: got {distance!r}, expected one of {', '.join(DISTANCES)}")
    points, places = _points(y, "y"), grid_places(y)
    counts = _mask(mask, y, "y_mask")
    if distance != "cosine":
        return ContextualTarget(points, None, None, places, counts, tuple(y.shape[2:]), distance)
    with torch.autocast(y.device.type, enabled=False):
        if counts is None:
            mean, lengths = points.mean(dim=1, keepdim=True), points.detach().norm(dim=2)
        else:
            shares = counts / counts.sum(dim=1, keepdim=True)
            mean = (points * shares[..., None].to(points.dtype)).sum(dim=1, keepdim=True)
            lengths = points.detach().norm(dim=2) * counts
        rounding = 10 * torch.finfo(points.dtype).eps * lengths.amax(dim=1)[:, None, None]
        unit = _unit(points - mean, rounding)
    return ContextualTarget(unit, mean, rounding, places, counts, tuple(y.shape[2:]), distance)


def contextual_loss(
    x: Tensor,
    y: Tensor | ContextualTarget,
    bandwidth: float = 0.5,
    *,
    distance: str = "cosine",
    direction: str = "target",
    spatial_weight: float = 0.0,
    x_mask: Tensor | None = None,
    y_mask: Tensor | None = None,
    max_positions: int | None = None,
    generator: torch.Generator | None = None,
    reduction: str = "mean",
    block: int | str | None = "auto",
) -> Tensor:
    """How much of the target's appearance the generated image lacks, wherever in the image it is.

    The mean over target features of their best partner's share among the generated ones, as -log. Positions
    do not enter. Its value depends on the number of positions: never compare losses across sampling sizes.

    Args:
        x: features of the generated image, (B, C, H, W) or (B, C, N).
        y: features of the target, (B, C, H', W') or (B, C, M), another grid than x's is welcome; or what
            `contextual_target` made of them.
        bandwidth: h of eq. 3, > 0; smaller is pickier. The authors use 0.5, and 0.1 for style.
        distance: "cosine" of features centred by the target's mean; or, of features as they are, "l1", the sum of
            absolute differences, or "l2", the sum of squared ones. Epsilon (1e-5) is in the distance's own unit.
        direction: who looks for a partner. "target", the paper's: every feature of the target, so that nothing of it
            is missing. "generated", CoCosNet's: every generated one, so that nothing is foreign, but many may
            share one partner.
        spatial_weight: of how far apart two positions are, added to the distance of their features, so that near
            partners are preferred (0.1, say); for maps only. X. Zhang, Q. Chen, R. Ng, V. Koltun, "Zoom to Learn,
            Learn to Zoom", CVPR 2019, eq. 3. Differs from its code, which mixes in a softmax of positions alone:
            there every position is at distance 0 from itself, and that softmax is the identity.
        x_mask, y_mask: which positions count, (B, H, W), (B, 1, H, W) or (B, N) bool; the loss is that of the others
            left out.
        max_positions: larger sets are sampled down to so many positions, afresh at each call; the same of both where
            both are of one size and nothing is masked.
        generator: source of randomness of the sampled positions, on the CPU; PyTorch's own by default.
        reduction: "mean" over the batch, or "none" for one value per sample.
        block: rows of the N x M matrix held at a time; None holds all of it, "auto" decides by its size. Every
            choice gives the same value and the same gradient, in x and in y; only None can be
            differentiated twice.

    Returns:
        The loss, () or (B,), within [0, ln M] when N >= M and from ln(M / N) up otherwise (with "generated" N and M
        change places, and it is at most ln M); float32 for half-precision features, their own precision otherwise.

    Raises:
        TypeError, ValueError: for features or options that do not fit.

    Convention:
        A position is the centre of its cell, over the map's width and height: (0.5 / W, 0.5 / H) is the first.
    """
    if not isinstance(y, ContextualTarget):
        target = contextual_target(y, distance=distance, mask=y_mask)
    elif y.distance != distance or y_mask is not None:
        raise ValueError(
            f"y: got a target made ready for {y.distance!r}, expected its mask and {distance!r} given there"
        )
    else:
        target = y
    points = _points(x, "x")
    if len(points) != len(target.points) or points.shape[2] != target.points.shape[2]:
        raise ValueError(
            f"x and y: got batch and channels {_facts(points)} and {_facts(target.points)}, expected the same"
        )
    if not bandwidth > 0:
        raise ValueError(f"bandwidth: got {bandwidth}, expected a number above 0")
    if direction not in DIRECTIONS:
        raise ValueError(f"direction: got {direction!r}, expected one of {', '.join(DIRECTIONS)}")
    if block not in ("auto", None) and not (isinstance(block, int) and block > 0):
        raise ValueError(f"block: got {block!r}, expected 'auto', None or a number of rows above 0")
    places = grid_places(x)
    if not spatial_weight >= 0:
        raise ValueError(f"spatial_weight: got {spatial_weight}, expected at least 0")
    if spatial_weight and (places is None or target.places is None):
        raise ValueError("spatial_weight: got sets of features, expected maps (B, C, H, W), which have positions")
    with torch.autocast(x.device.type, enabled=False):
        if target.mean is not None and target.rounding is not None:
            points = _unit(points - target.mean, target.rounding)
        shared_grid = tuple(x.shape[2:]) == target.grid
        similarities = [
            _similarity(*pair, bandwidth, direction, distance, spatial_weight, block)
            for pair in _pairs(
                points, places, _mask(x_mask, x, "x_mask"), target, shared_grid, max_positions, generator
            )
        ]
        # Rounding can take a mean of ones above 1.
        return reduced(-torch.cat(similarities).clamp_max(1).log(), reduction)


Set = tuple[Tensor, Tensor | None]  # features (B, N, C), and where they are (B, N, 2)


def _pairs(
    points: Tensor,
    places: Tensor | None,
    mask: Tensor | None,
    target: ContextualTarget,
    shared_grid: bool,
    max_positions: int | None,
    generator: torch.Generator | None,
) -> Iterator[tuple[Set, Set]]:
    """What is compared with what: the whole batch, or one sample after the other where each has its own positions."""
    if mask is None and target.mask is None:
        mine = drawn(points.shape[1], max_positions, generator)
        its = mine if shared_grid else drawn(target.points.shape[1], max_positions, generator)
        yield _chosen(points, places, mine), _chosen(target.points, target.places, its)
        return
    for sample in range(len(points)):
        sets = []
        for one, where, counts in ((points, places, mask), (target.points, target.places, target.mask)):
            there = torch.arange(one.shape[1]) if counts is None else counts[sample].nonzero().squeeze(1).cpu()
            few = drawn(len(there), max_positions, generator)
            sets.append(_chosen(one[sample : sample + 1], where, there if few is None else there[few]))
        yield sets[0], sets[1]


def _chosen(points: Tensor, places: Tensor | None, chosen: Tensor | None) -> Set:
    if chosen is not None:
        chosen = chosen.to(points.device)
        points = points[:, chosen]
        places = None if places is None else places[chosen]
    return points, None if places is None else places.to(points.dtype).expand(len(points), -1, -1)


def _points(features: Tensor, name: str) -> Tensor:
    """Features as points: (B, positions, C), in float32 at least."""
    if not features.is_floating_point():
        raise TypeError(f"{name}: got {features.dtype}, expected floating-point features")
    if features.ndim not in (3, 4) or 0 in features.shape:
        raise ValueError(f"{name}: got shape {tuple(features.shape)}, expected (B, C, H, W) or (B, C, N), none empty")
    points = features.flatten(2).transpose(1, 2)
    return points.float() if points.dtype in (torch.float16, torch.bfloat16) else points


def _mask(mask: Tensor | None, features: Tensor, name: str) -> Tensor | None:
    """A mask as (B, positions)."""
    if mask is None:
        return None
    if mask.dtype != torch.bool:
        raise TypeError(f"{name}: got {mask.dtype}, expected bool")
    flat, positions = mask.flatten(1), features.flatten(2).shape[2]
    if flat.shape != (len(features), positions):
        raise ValueError(f"{name}: got shape {tuple(mask.shape)}, expected {len(features)} times {positions} positions")
    if not flat.any(dim=1).all():
        raise ValueError(f"{name}: got a sample of which nothing counts, expected at least one position")
    return flat


def _facts(points: Tensor) -> tuple[int, int]:
    return points.shape[0], points.shape[2]


def _unit(points: Tensor, rounding: Tensor) -> Tensor:
    length = points.norm(dim=2, keepdim=True)
    has_direction = length > rounding
    return torch.where(has_direction, points, 0) / torch.where(has_direction, length, 1)


def _similarity(
    generated: Set,
    wanted: Set,
    bandwidth: float,
    direction: str,
    distance: str,
    spatial_weight: float,
    block: int | str | None,
) -> Tensor:
    """CX of features x (B, N, C) and y (B, M, C), read off eqs. 2-5: (B,)."""
    (x, here), (y, there) = generated, wanted
    places = (here, there) if spatial_weight and here is not None and there is not None else None
    if block == "auto":
        block = _cache_sized_block(x, y) if _pays_in_chunks(x, y) else None
    if isinstance(block, int):
        return chunked_similarity(x, y, bandwidth, block, distance, direction, places, spatial_weight)
    distances = pair_distances(x, y, distance)
    if places is not None:
        distances = distances + spatial_weight * torch.cdist(*places)
    relative = distances / (distances.min(dim=2, keepdim=True).values + EPSILON)
    share = torch.softmax(-relative / bandwidth, dim=2)
    return share.max(dim=1 if direction == "target" else 2).values.mean(dim=1)


def _pays_in_chunks(x: Tensor, y: Tensor) -> bool:
    pairs = x.shape[1] * y.shape[1]
    return pairs >= CHUNKED_FROM_PAIRS if x.device.type == "cpu" else len(x) * pairs >= CHUNKED_FROM_PAIRS_GPU


def _cache_sized_block(x: Tensor, y: Tensor) -> int:
    """Rows whose part of the matrix stays in a CPU core's cache, or keeps a GPU busy."""
    entries = 2**18 if x.device.type == "cpu" else 2**24
    return max(16, min(x.shape[1], entries // y.shape[1]))
