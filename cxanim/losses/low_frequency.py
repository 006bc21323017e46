"""A loss on what is left of images when they are blurred: it holds colours and layout, and lets detail be."""

import torch
import torch.nn.functional as F
from torch import Tensor

from cxanim.losses.pixel import l2_loss

SIDE_PX, SIGMA_PX = 21, 3.0


def low_frequency_loss(x: Tensor, y: Tensor, *, reduction: str = "mean") -> Tensor:
    """Mean squared difference of images (B, 3, H, W) of one size, both blurred by a Gaussian.

    Source: R. Mechrez, I. Talmi, F. Shama, L. Zelnik-Manor, "Maintaining Natural Image Statistics with the Contextual
    Loss", ACCV 2018: 21 x 21 pixels, a deviation of 3.

    Differs from the paper: blurred only where the whole kernel lies on the image, so that no border is invented; an
    image smaller than the kernel is blurred by its mean.
    """
    if min(x.shape[2:]) < SIDE_PX:
        return l2_loss(x.mean((2, 3), keepdim=True), y.mean((2, 3), keepdim=True), reduction=reduction)
    return l2_loss(_blurred(x), _blurred(y), reduction=reduction)


def _blurred(image: Tensor) -> Tensor:
    places = torch.arange(SIDE_PX, dtype=image.dtype, device=image.device) - SIDE_PX // 2
    line = torch.softmax(-(places**2) / (2 * SIGMA_PX**2), dim=0)
    channels = image.shape[1]
    for shape in ((1, 1, SIDE_PX, 1), (1, 1, 1, SIDE_PX)):
        image = F.conv2d(image, line.view(shape).expand(channels, -1, -1, -1), groups=channels)
    return image
