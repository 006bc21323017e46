"""The Contextual similarity without its N x M matrix: exact, a block of rows at a time, in cache.

A plain implementation keeps half a dozen N x M matrices for the gradient (6 GB at 128 x 128 positions) and
spends most of its time moving them through memory. But every row stands for itself until the maximum over the
rows, and only the row that wins a column gets a gradient from it. So:

1. forward, block by block: a row's distances, its minimum, its softmax; of these keep each row's minimum and
   normaliser, and each column's best share and the row it came from;
2. backward, only for the rows that won a column: form their shares again and differentiate them by hand.

Where it is the generated features that look for a partner, every row wins, at its nearest column.
Memory is O(block * M); the gradient is the matrix form's, ties aside (there, too, one winner is chosen).
It is an operator of PyTorch's, so that `torch.compile` takes a training with it in as one graph.
"""

from typing import Any

import torch
from torch import Tensor

from cxanim.losses.distances import block_gradient, signed_distances

EPSILON = 1e-5  # of eq. 2, beside the row minimum


def chunked_similarity(
    x: Tensor,
    y: Tensor,
    bandwidth: float,
    block: int,
    distance: str = "cosine",
    direction: str = "target",
    places: tuple[Tensor, Tensor] | None = None,
    spatial_weight: float = 0.0,
) -> Tensor:
    """CX of features, differentiable once in both.

    Args:
        x: the generated features, (B, N, C); unit vectors for the cosine.
        y: the target's, (B, M, C).
        bandwidth: h of eq. 3.
        block: rows of x compared at a time.
        distance: one of `DISTANCES`.
        direction: "target" or "generated", see `contextual_loss`.
        places: where the features are, (B, N, 2) and (B, M, 2), for the spatial term.
        spatial_weight: what a distance of 1 between places adds to that of the features.

    Returns:
        The similarity in (0, 1] of each sample, (B,).
    """
    here, there = (None, None) if places is None else places
    similarities = [
        _similarity(
            x[sample].contiguous(), y[sample].contiguous(),
            None if here is None else here[sample], None if there is None else there[sample],
            float(bandwidth), block, distance, direction, float(spatial_weight),
        )[0]
        for sample in range(len(x))
    ]  # fmt: skip
    return torch.stack(similarities)


def _by_blocks(
    x: Tensor,
    y: Tensor,
    here: Tensor | None,
    there: Tensor | None,
    bandwidth: float,
    block: int,
    distance: str,
    direction: str,
    spatial_weight: float,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    """One sample: (N, C), (M, C) -> CX (), each row's minimum and normaliser (N,), and the winning pairs' shares, rows
    and columns (M,), or (N,) where the generated features look."""
    minima, totals = x.new_empty(len(x)), x.new_empty(len(x))
    by_target = direction == "target"
    best = x.new_zeros(len(y) if by_target else len(x))
    partners = torch.zeros(len(best), dtype=torch.long, device=x.device)
    for rows in _blocks(len(x), block):
        share = _spaced(signed_distances(x[rows], y, distance), here, there, rows, spatial_weight)
        if by_target:
            minima[rows] = share.amin(dim=1)
        else:
            minima[rows], partners[rows] = share.min(dim=1)
        _weigh(share, minima[rows], bandwidth)
        totals[rows] = share.sum(dim=1)
        if by_target:
            share.div_(totals[rows, None])
            block_best = share.amax(dim=0)
            improved = (block_best > best).nonzero().squeeze(1)
            best[improved] = block_best[improved]
            partners[improved] = share[:, improved].argmax(dim=0) + rows.start
        else:
            best[rows] = 1 / totals[rows]
    others = torch.arange(len(best), device=x.device)
    winners, columns = (partners, others) if by_target else (others, partners)
    return best.mean(), minima, totals, best, winners, columns


_similarity = torch.library.custom_op("cxanim::contextual_similarity", _by_blocks, mutates_args=())


@_similarity.register_fake
def _(
    x: Tensor,
    y: Tensor,
    here: Any,
    there: Any,
    bandwidth: float,
    block: int,
    distance: str,
    direction: str,
    spatial_weight: float,
) -> tuple[Tensor, ...]:
    best = x.new_empty(y.shape[0] if direction == "target" else x.shape[0])
    pairs = (torch.empty_like(best, dtype=torch.long), torch.empty_like(best, dtype=torch.long))
    return x.new_empty(()), x.new_empty(x.shape[0]), x.new_empty(x.shape[0]), best, *pairs


def _gradients_by_blocks(
    grad: Tensor,
    x: Tensor,
    y: Tensor,
    here: Tensor | None,
    there: Tensor | None,
    minima: Tensor,
    totals: Tensor,
    best: Tensor,
    winners: Tensor,
    columns: Tensor,
    bandwidth: float,
    block: int,
    distance: str,
    spatial_weight: float,
    for_x: bool,
    for_y: bool,
) -> tuple[Tensor, Tensor]:
    """The gradients for x and y; an empty one that nobody asks for."""
    grad_x = torch.zeros_like(x) if for_x else x.new_empty(0)
    grad_y = torch.zeros_like(y) if for_y else y.new_empty(0)
    won = winners.unique()  # sorted: a block of it owns a span of the pairs sorted by winner
    by_winner = winners.argsort()
    span_ends = torch.searchsorted(winners[by_winner], won, right=True).tolist()
    # The softmax backward of a row subtracts the sum of its incoming gradients times its shares.
    subtracted = torch.zeros_like(minima).index_add_(0, winners, best)[won]
    begun = 0
    for span in _blocks(len(won), block):
        rows, ended = won[span], span_ends[span.stop - 1]
        pairs = by_winner[begun:ended]
        begun = ended
        signed = signed_distances(x[rows], y, distance)
        below = signed < 0
        spaced = _spaced(signed, here, there, rows, spatial_weight)
        share = _weigh(spaced.clone(), minima[rows], bandwidth).div_(totals[rows, None])
        # With respect to the shares the gradient is 1 where a row won a column and 0 elsewhere.
        local = torch.searchsorted(rows, winners[pairs])
        grad_score = share * -subtracted[span, None]
        grad_score[local, columns[pairs]] += share[local, columns[pairs]]
        # score = -distance / (minimum + epsilon) / bandwidth, so a distance's gradient is -scale * score's,
        # and at the minimum that of the quotient besides.
        floor = minima[rows] + EPSILON
        scale = 1 / (floor * bandwidth)
        through_minimum = (grad_score * spaced).sum(dim=1) * scale / floor
        grad_distance = grad_score.mul_(-scale[:, None])
        nearest = spaced.argmin(dim=1, keepdim=True)
        grad_distance.scatter_add_(1, nearest, through_minimum[:, None])
        grad_distance.masked_fill_(below, 0).mul_(grad / len(best))
        if for_x:
            grad_x[rows] = block_gradient(grad_distance, x[rows], y, distance)
        if for_y:
            grad_y += block_gradient(grad_distance.T, y, x[rows], distance)
    return grad_x, grad_y


_gradients = torch.library.custom_op("cxanim::contextual_similarity_backward", _gradients_by_blocks, mutates_args=())


@_gradients.register_fake
def _(grad: Tensor, x: Tensor, y: Tensor, *rest: Any) -> tuple[Tensor, Tensor]:
    *_, for_x, for_y = rest
    return x.new_empty(x.shape if for_x else 0), y.new_empty(y.shape if for_y else 0)


def _remember(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    x, y, here, there, bandwidth, block, distance, _, spatial_weight = inputs
    ctx.save_for_backward(x, y, here, there, *output[1:])
    ctx.how = bandwidth, block, distance, spatial_weight


def _backward(ctx: Any, grad: Tensor, *_: Any) -> tuple[Tensor | None, ...]:
    for_x, for_y = ctx.needs_input_grad[:2]
    grad_x, grad_y = _gradients(grad, *ctx.saved_tensors, *ctx.how, for_x, for_y)
    return grad_x if for_x else None, grad_y if for_y else None, *[None] * 7


_similarity.register_autograd(_backward, setup_context=_remember)


def _blocks(count: int, block: int) -> list[slice]:
    return [slice(start, min(start + block, count)) for start in range(0, count, block)]


def _spaced(
    distance: Tensor, here: Tensor | None, there: Tensor | None, rows: slice | Tensor, spatial_weight: float
) -> Tensor:
    """Distances of features, made at least 0 in place, with those of their positions."""
    distance.clamp_(min=0)
    if here is not None and there is not None:
        distance.add_(torch.cdist(here[rows], there), alpha=spatial_weight)
    return distance


def _weigh(distance: Tensor, minimum: Tensor, bandwidth: float) -> Tensor:
    """Turn distances into eq. 3's weights in place, up to a factor per row: 1 at the row's nearest target."""
    scale = 1 / ((minimum + EPSILON) * bandwidth)
    return distance.sub_(minimum[:, None]).mul_(-scale[:, None]).exp_()
