"""Losses on the pixels themselves. Images are (B, 3, H, W) RGB in [0, 1]."""

from torch import Tensor

from cxanim.losses.reduction import reduced


def l1_loss(x: Tensor, y: Tensor, *, reduction: str = "mean") -> Tensor:
    """Mean absolute difference of images of one size."""
    return reduced((x - _same_size(x, y)).abs().flatten(1).mean(dim=1), reduction)


def l2_loss(x: Tensor, y: Tensor, *, reduction: str = "mean") -> Tensor:
    """Mean squared difference of images of one size."""
    return reduced((x - _same_size(x, y)).square().flatten(1).mean(dim=1), reduction)


def total_variation(x: Tensor, power: int = 1, *, reduction: str = "mean") -> Tensor:
    """Mean |difference|^power of neighbours across plus that of neighbours down; 0 for a flat image.

    Args:
        x: images, at least 2 px each way.
        power: 1 keeps edges, 2 also softens them (the authors' choice for style transfer).
        reduction: "mean" over the batch, or "none" for one value per sample.
    """
    if min(x.shape[2:]) < 2:
        raise ValueError(f"x: got {tuple(x.shape)}, expected sides of at least 2 px")
    across = (x[..., :, 1:] - x[..., :, :-1]).abs().pow(power).flatten(1).mean(dim=1)
    down = (x[..., 1:, :] - x[..., :-1, :]).abs().pow(power).flatten(1).mean(dim=1)
    return reduced(across + down, reduction)


def _same_size(x: Tensor, y: Tensor) -> Tensor:
    if x.shape[1:] != y.shape[1:]:
        raise ValueError(f"x and y: got {tuple(x.shape)} and {tuple(y.shape)}, expected images of one size")
    return y
