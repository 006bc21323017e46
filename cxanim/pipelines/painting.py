"""A picture that is optimised: as a Laplacian pyramid, so that a step changes large things as readily as small ones.

General idea: a pixel by itself finds noise long before it finds a shape. The picture is the sum of what differs at each
scale; each of these takes steps of its own, and one of a coarse scale moves a whole region at once.

Source: P. Burt, E. Adelson, "The Laplacian Pyramid as a Compact Image Code", IEEE Trans. Communications 1983; optimised
so in N. Kolkin, J. Salavon, G. Shakhnarovich, "Style Transfer by Relaxed Optimal Transport and Self-Similarity", CVPR
2019. Adam: D. Kingma, J. Ba, ICLR 2015.

Convention: pixel centres (align_corners=False); sides need not be even.
"""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

_LEVELS, _LEAST_PX = 5, 8  # below which a level would hold hardly more than a mean
_MOMENTUM, _MEMORY = 0.9, 0.999


def pyramid_of(picture: Tensor) -> list[Tensor]:
    """What differs in a picture (1, 3, H, W) at each scale, from fine to coarse, and last what is left."""
    levels: list[Tensor] = []
    while len(levels) < _LEVELS and min(picture.shape[2:]) >= 2 * _LEAST_PX:
        coarse = F.avg_pool2d(picture, 2, ceil_mode=True, count_include_pad=False)
        levels.append(picture - _grown(coarse, picture))
        picture = coarse
    return [*levels, picture]


def picture_of(levels: list[Tensor]) -> Tensor:
    """The picture (1, 3, H, W) that a pyramid is of."""
    picture = levels[-1]
    for level in reversed(levels[:-1]):
        picture = _grown(picture, level) + level
    return picture


class Painting:
    """A picture that is optimised, scale by scale of its pyramid.

    Args:
        picture: (1, 3, H, W) RGB in [0, 1], where it begins.

    Attributes:
        picture: as it stands, in [0, 1].
    """

    def __init__(self, picture: Tensor):
        self.picture = picture
        self._levels = self._split()
        self._first = [torch.zeros_like(level) for level in self._levels]
        self._second = [torch.zeros_like(level) for level in self._levels]

    def shown(self) -> Tensor:
        """The picture, by which a loss is to be differentiated."""
        return picture_of(self._levels)

    def step(self, loss: Tensor, number: int, rate: float) -> None:
        """Follow the gradient of a loss of what was shown by one step of Adam.

        Args:
            loss: a scalar.
            number: of the step, from 1.
            rate: how far a level's values go, at most about.
        """
        gradients = torch.autograd.grad(loss, self._levels)
        with torch.no_grad():
            for level, gradient, first, second in zip(self._levels, gradients, self._first, self._second, strict=True):
                first.lerp_(gradient, 1 - _MOMENTUM)
                second.lerp_(gradient.square(), 1 - _MEMORY)
                size = (second / (1 - _MEMORY**number)).sqrt_().add_(1e-8)
                level.sub_(first / size, alpha=rate / (1 - _MOMENTUM**number))
            # Brighter than white is shown as white, which is not what was looked at.
            self.picture = _laid_out(picture_of(self._levels).clamp_(0, 1))
        self._levels = self._split()

    def state(self) -> dict[str, Tensor]:
        """All that a file needs so that it may go on: the picture, and what Adam keeps."""
        kept = {"picture": self.picture}
        for number, moments in enumerate(zip(self._first, self._second, strict=True)):
            kept |= {f"{name}.{number}": moment for name, moment in zip(("first", "second"), moments, strict=True)}
        return kept

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Go on from a state.

        Raises:
            KeyError, ValueError: it is not one of a picture of this size.
        """
        for name, own in self.state().items():
            if state[name].shape != own.shape:
                raise ValueError("another size")
        self.picture = _laid_out(state["picture"].to(self.picture.device))
        self._levels = self._split()
        for kept, name in ((self._first, "first"), (self._second, "second")):
            for number, moment in enumerate(kept):
                moment.copy_(state[f"{name}.{number}"])

    def _split(self) -> list[Tensor]:
        return [level.detach().requires_grad_() for level in pyramid_of(self.picture)]


def _grown(coarse: Tensor, fine: Tensor) -> Tensor:
    return F.interpolate(coarse, fine.shape[2:], mode="bilinear", align_corners=False)


def _laid_out(picture: Tensor) -> Tensor:
    """As convolutions like it; always so, or a picture that was stopped would go on in other roundings."""
    return picture.contiguous(memory_format=torch.channels_last)
