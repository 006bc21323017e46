"""The Contextual similarity without its N x M matrix: exact, a block of rows at a time, in cache.

A plain implementation keeps half a dozen N x M matrices for the gradient (6 GB at 128 x 128 positions) and
spends most of its time moving them through memory. But every row stands for itself until the maximum over the
rows, and only the row that wins a column gets a gradient from it. So:

1. forward, block by block: a row's distances, its minimum, its softmax; of these keep each row's minimum and
   normaliser, and each column's best share and the row it came from;
2. backward, only for the rows that won a column: form their shares again and differentiate them by hand.

Memory is O(block * M); the gradient is the matrix form's, ties aside (there, too, one winner is chosen).
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

EPSILON = 1e-5  # of eq. 2, beside the row minimum


def chunked_similarity(x: Tensor, y: Tensor, bandwidth: float, block: int) -> Tensor:
    """CX of unit vectors, differentiable in both.

    Args:
        x: directions of the generated features, (B, N, C).
        y: directions of the target features, (B, M, C).
        bandwidth: h of eq. 3.
        block: rows of x compared at a time.

    Returns:
        The similarity in (0, 1] of each sample, (B,).
    """
    pairs = zip(x, y, strict=True)
    return torch.stack([_RowBlocks.apply(one_x, one_y, bandwidth, block) for one_x, one_y in pairs])


class _RowBlocks(torch.autograd.Function):
    """One sample: (N, C), (M, C) -> ()."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor, bandwidth: float, block: int) -> Tensor:
        x, y = x.contiguous(), y.contiguous()
        minima, totals = x.new_empty(len(x)), x.new_empty(len(x))
        best = x.new_zeros(len(y))
        winners = torch.zeros(len(y), dtype=torch.long, device=x.device)
        for rows in _blocks(len(x), block):
            share = _distances(x[rows], y).clamp_(min=0)
            minima[rows] = share.amin(dim=1)
            _weigh(share, minima[rows], bandwidth)
            totals[rows] = share.sum(dim=1)
            share.div_(totals[rows, None])
            block_best = share.amax(dim=0)
            improved = (block_best > best).nonzero().squeeze(1)
            best[improved] = block_best[improved]
            winners[improved] = share[:, improved].argmax(dim=0) + rows.start
        ctx.save_for_backward(x, y, minima, totals, best, winners)
        ctx.bandwidth, ctx.block = bandwidth, block
        return best.mean()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, y, minima, totals, best, winners = ctx.saved_tensors
        grad_x = torch.zeros_like(x) if ctx.needs_input_grad[0] else None
        grad_y = torch.zeros_like(y) if ctx.needs_input_grad[1] else None
        won = winners.unique()  # sorted: a block of it owns a span of the columns sorted by winner
        by_winner = winners.argsort()
        span_ends = torch.searchsorted(winners[by_winner], won, right=True).tolist()
        # The softmax backward of a row subtracts the sum of its incoming gradients times its shares.
        subtracted = torch.zeros_like(minima).index_add_(0, winners, best)[won]
        begun = 0
        for span in _blocks(len(won), ctx.block):
            rows, ended = won[span], span_ends[span.stop - 1]
            columns = by_winner[begun:ended]
            begun = ended
            signed = _distances(x[rows], y)
            distance = signed.clamp(min=0)
            share = _weigh(distance.clone(), minima[rows], ctx.bandwidth).div_(totals[rows, None])
            # With respect to the shares the gradient is 1 where a row won a column and 0 elsewhere.
            local = torch.searchsorted(rows, winners[columns])
            grad_score = share * -subtracted[span, None]
            grad_score[local, columns] += share[local, columns]
            # score = -distance / (minimum + epsilon) / bandwidth, so a distance's gradient is -scale * score's,
            # and at the minimum that of the quotient besides.
            floor = minima[rows] + EPSILON
            scale = 1 / (floor * ctx.bandwidth)
            through_minimum = (grad_score * distance).sum(dim=1) * scale / floor
            grad_distance = grad_score.mul_(-scale[:, None])
            nearest = distance.argmin(dim=1, keepdim=True)
            grad_distance.scatter_add_(1, nearest, through_minimum[:, None])
            grad_cosine = grad_distance.neg_().masked_fill_(signed < 0, 0).mul_(grad / len(y))
            if grad_x is not None:
                grad_x[rows] = grad_cosine @ y
            if grad_y is not None:
                grad_y += grad_cosine.T @ x[rows]
        return grad_x, grad_y, None, None


def _blocks(count: int, block: int) -> list[slice]:
    return [slice(start, min(start + block, count)) for start in range(0, count, block)]


def _distances(x: Tensor, y: Tensor) -> Tensor:
    """1 - cosine, a hair below 0 where rounding put the cosine above 1."""
    return torch.addmm(x.new_ones(()), x, y.T, alpha=-1)


def _weigh(distance: Tensor, minimum: Tensor, bandwidth: float) -> Tensor:
    """Turn distances into eq. 3's weights in place, up to a factor per row: 1 at the row's nearest target."""
    scale = 1 / ((minimum + EPSILON) * bandwidth)
    return distance.sub_(minimum[:, None]).mul_(-scale[:, None]).exp_()
