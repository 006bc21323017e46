"""A residual network that makes pictures larger.

C. Ledig and others, "Photo-Realistic Single Image Super-Resolution Using a Generative Adversarial Network", CVPR 2017
(SRResNet), without batch normalisation as in B. Lim and others, "Enhanced Deep Residual Networks ...", CVPR 2017.

Differs from the papers: slim, as it runs on a CPU; one shuffle of pixels whatever the scale (W. Shi and others, CVPR
2016), and one slim convolution behind it, which evens out what the shuffle leaves of its squares; it says what is to be
added to the bicubic picture, and begins with nothing.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SCALES = (2, 4)
_FINE_WIDTH = 8  # channels at full size


class SRResNet(nn.Module):
    """(B, 3, H, W) in [0, 1] -> (B, 3, scale H, scale W), in [0, 1] where it is shown.

    Args:
        scale: how many times as large.
        width: channels.
        blocks: residual blocks of two convolutions.

    Attributes:
        reach_px: how far, in pixels of the small picture, anything beyond a place may change what becomes of it.

    Convention:
        Pixel centres, ``align_corners=False``: the large picture covers exactly what the small one does.
    """

    def __init__(self, scale: int, width: int = 32, blocks: int = 6):
        super().__init__()
        if scale not in SCALES:
            raise ValueError(f"scale: got {scale}, expected one of {', '.join(map(str, SCALES))}")
        self.scale, self.width, self.blocks = scale, width, blocks
        self.reach_px = 2 * blocks + 4
        self.first = nn.Conv2d(3, width, 3, padding=1)
        self.middle = nn.ModuleList([_Block(width) for _ in range(blocks)])
        self.last = nn.Conv2d(width, width, 3, padding=1)
        self.to_fine = nn.Conv2d(width, _FINE_WIDTH * scale**2, 3, padding=1)
        self.to_detail = nn.Conv2d(_FINE_WIDTH, 3, 3, padding=1)
        nn.init.zeros_(self.to_detail.weight)
        nn.init.zeros_(self.to_detail.get_parameter("bias"))

    def forward(self, picture: Tensor) -> Tensor:
        """The picture made larger."""
        begun = F.leaky_relu(self.first(picture - 0.5), 0.1)
        x = begun
        for block in self.middle:
            x = block(x)
        fine = F.pixel_shuffle(self.to_fine(begun + self.last(x)), self.scale)
        return bicubic(picture, self.scale) + self.to_detail(F.leaky_relu(fine, 0.1))


class _Block(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        with torch.no_grad():
            self.second.weight.mul_(0.1)  # each block begins as a small change, or a deep stack would begin far off

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(F.leaky_relu(self.first(x), 0.1))


def bicubic(picture: Tensor, scale: float) -> Tensor:
    """Pictures (B, 3, H, W) made so many times as large, or, below 1, small, by Keys' bicubic kernel with a = -0.5.

    Shrinking widens the kernel (antialias), as MATLAB's imresize and Pillow do, whose pictures the papers start from.
    """
    return F.interpolate(picture, scale_factor=scale, mode="bicubic", align_corners=False, antialias=True)
