"""How far each feature of one set is from each of another: cosine, L1 and squared L2, and what follows for gradients.

R. Mechrez, I. Talmi, L. Zelnik-Manor, ECCV 2018, section 3: the cosine is what the paper uses; their code also has the
squared L2, without its root, and L1. The gradients are written out for whoever forms distances a block at a time.
"""

import torch
from torch import Tensor

DISTANCES = ("cosine", "l1", "l2")


def pair_distances(x: Tensor, y: Tensor, distance: str) -> Tensor:
    """Distances of all pairs, differentiable: (B, N, C), (B, M, C) -> (B, N, M), at least 0.

    Args:
        x, y: features; unit vectors for the cosine.
        distance: "cosine" is 1 - cos; "l1" the sum of absolute, "l2" that of squared differences.
    """
    if distance == "l1":
        return torch.cdist(x, y, p=1)
    return _signed(x, y, distance).clamp_min(0)


def signed_distances(x: Tensor, y: Tensor, distance: str) -> Tensor:
    """The same of (N, C) and (M, C), a hair below 0 where rounding put them; there they take no gradient."""
    return torch.cdist(x, y, p=1) if distance == "l1" else _signed(x, y, distance)


def block_gradient(grad: Tensor, x: Tensor, y: Tensor, distance: str) -> Tensor:
    """What a gradient (N, M) of distances is for x (N, C); for y, transpose it and change the two."""
    if distance == "l1":
        return torch.ops.aten._cdist_backward(grad.contiguous(), x, y, 1.0, torch.cdist(x, y, p=1))
    towards = -(grad @ y)
    return towards if distance == "cosine" else 2 * (towards + grad.sum(dim=1, keepdim=True) * x)


def _signed(x: Tensor, y: Tensor, distance: str) -> Tensor:
    """Distances by a product of matrices."""
    if distance == "cosine":
        return torch.addmm(x.new_ones(()), x, y.T, alpha=-1) if x.ndim == 2 else 1 - x @ y.transpose(1, 2)
    lengths = x.square().sum(-1)[..., :, None] + y.square().sum(-1)[..., None, :]
    return lengths - 2 * (x @ y.transpose(-1, -2))
