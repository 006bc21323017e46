"""A feed-forward network that gives any picture one style.

J. Johnson, A. Alahi, L. Fei-Fei, "Perceptual Losses for Real-Time Style Transfer and Super-Resolution", ECCV 2016.

Differs from the paper: a quarter or half of its channels; upsampling before a convolution, which leaves no chequerboard
(A. Odena and others, Distill 2016), and at full size one small convolution: there two thirds of its time went;
it says a change of the picture, and begins with none, so that it need not learn first what a picture is.
"""

import torch.nn.functional as F
from torch import Tensor, nn

SHRINKS = 4  # its coarsest maps have a quarter of a picture's side


class Stylizer(nn.Module):
    """(B, 3, H, W) in [0, 1] -> (B, 3, H, W), in [0, 1] where it is shown, sides of at least 16 px.

    Args:
        width: channels at full size; 32 in the paper.
        blocks: residual blocks at a quarter of the size.
    """

    def __init__(self, width: int = 16, blocks: int = 4):
        super().__init__()
        self.width, self.blocks = width, blocks
        self.down = nn.ModuleList(
            [_Layer(3, width, 9), _Layer(width, 2 * width, 3, stride=2), _Layer(2 * width, 4 * width, 3, stride=2)]
        )
        self.middle = nn.ModuleList([_Residual(4 * width) for _ in range(blocks)])
        self.up = nn.ModuleList([_Layer(4 * width, 2 * width, 3), _Layer(2 * width, width, 3)])
        self.to_change = nn.Conv2d(width, 3, 3, padding=1, padding_mode="reflect")
        nn.init.zeros_(self.to_change.weight)
        nn.init.zeros_(self.to_change.get_parameter("bias"))

    def forward(self, picture: Tensor) -> Tensor:
        """The picture in the style."""
        height, width = picture.shape[2:]
        if min(height, width) < 16:
            raise ValueError(f"picture: got {tuple(picture.shape)}, expected sides of at least 16 px")
        x = F.pad(picture, (0, -width % SHRINKS, 0, -height % SHRINKS), mode="replicate")
        whole = x
        for layer in self.down:
            x = layer(x)
        for block in self.middle:
            x = block(x)
        x = self.up[0](F.interpolate(x, scale_factor=2.0, mode="nearest"))
        x = F.interpolate(self.up[1](x), scale_factor=2.0, mode="bilinear", align_corners=False)
        return (whole + self.to_change(x))[:, :, :height, :width]


class _Layer(nn.Module):
    def __init__(self, inside: int, out: int, side: int, stride: int = 1):
        super().__init__()
        self.convolve = nn.Conv2d(inside, out, side, stride, padding=side // 2, padding_mode="reflect")
        self.norm = nn.InstanceNorm2d(out, affine=True)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.norm(self.convolve(x)))


class _Residual(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.first = _Layer(width, width, 3)
        self.convolve = nn.Conv2d(width, width, 3, padding=1, padding_mode="reflect")
        self.norm = nn.InstanceNorm2d(width, affine=True)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.norm(self.convolve(self.first(x)))
