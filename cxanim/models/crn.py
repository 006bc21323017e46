"""The cascaded refinement network: from a condition to a picture, from coarse to fine.

General idea: a module works at 4 pixels, the next at 8, and so on up to the full size. Each sees what the one before
made, upsampled, beside the condition shrunk to its own size, so that the layout is known at every scale.

Source: Q. Chen, V. Koltun, "Photographic Image Synthesis with Cascaded Refinement Networks", ICCV 2017; the half-width
variant of R. Mechrez, I. Talmi, L. Zelnik-Manor, "The Contextual Loss ...", ECCV 2018 is the preset `paper`.

Differs from the paper:
    - presets `live` and `good` are slim and without normalisation: at batch 1 or 2 its statistics are noise, and
      without it nothing needs folding when the network runs live.
    - the finest module may work at a part of the size, with squares of pixels as channels ("sub-pixel convolution": W.
      Shi et al., CVPR 2016): what a module costs beside its multiplications, at full size, is most of it.
    - in the same two, upsampling is by pixel centres (align_corners=False), so that the picture does not drift by
      half a pixel; `paper` does as its authors did.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn


@dataclass(frozen=True)
class CRNShape:
    """Widths of the modules and what stands between their layers.

    Attributes:
        widths: channels of the modules at 4, 8, 16, ... pixels; the last serves all finer ones.
        norm: "layer" (TF-slim's layer norm, GroupNorm(1, C)), or "none".
        align_corners: how the coarse result is upsampled.
        packed: the finest module works at so small a part of the size: it has the pixels of a square of
            packed x packed as channels, of the condition as of the picture.
    """

    widths: tuple[int, ...]
    norm: str = "none"
    align_corners: bool = False
    packed: int = 1

    def width_at(self, side_px: int) -> int:
        """Channels of the module that works at `side_px`."""
        level = int(math.log2(side_px)) - 2
        return self.widths[min(level, len(self.widths) - 1)]


PRESETS = {
    # 4    8   16   32   64  128  256  512
    "live": CRNShape((96, 96, 96, 96, 64, 32, 12), packed=2),  # chosen by bench/networks.py
    "good": CRNShape((192, 192, 192, 192, 96, 48, 24, 12)),
    "paper": CRNShape((512, 512, 512, 512, 512, 256, 256, 256), norm="layer", align_corners=True),
}

COARSE_PX = 64
WINDOWED_FROM_PX = 64


@dataclass(frozen=True)
class Window:
    """A part of a picture.

    Attributes:
        x, y: its top-left pixel.
        width, height: its sides in pixels.
    """

    x: int
    y: int
    width: int
    height: int

    def cut(self, pictures: torch.Tensor) -> torch.Tensor:
        """This part of pictures (B, C, H, W)."""
        return pictures[..., self.y : self.y + self.height, self.x : self.x + self.width]

    def of(self, picture: np.ndarray) -> np.ndarray:
        """This part of one picture (H, W, ...), which it is a view of."""
        return picture[self.y : self.y + self.height, self.x : self.x + self.width]

    def inside(self, other: "Window") -> "Window":
        """The same part, as counted from another that holds it."""
        return Window(self.x - other.x, self.y - other.y, self.width, self.height)

    def with_margin(self, margin: int, side_px: int) -> "Window":
        """The part grown by a margin, pushed back into a picture of `side_px`."""
        width, height = min(side_px, self.width + 2 * margin), min(side_px, self.height + 2 * margin)
        x, y = max(0, self.x - margin), max(0, self.y - margin)
        return Window(min(x, side_px - width), min(y, side_px - height), width, height)

    def shrunk(self, factor: int) -> "Window":
        """The smallest part that holds this one in a picture so many times smaller."""
        x, y = self.x // factor, self.y // factor
        right, bottom = -(-(self.x + self.width) // factor), -(-(self.y + self.height) // factor)
        return Window(x, y, right - x, bottom - y)

    def grown(self, factor: int) -> "Window":
        """This part in a picture so many times the size."""
        return Window(*(factor * edge for edge in (self.x, self.y, self.width, self.height)))


class CRN(nn.Module):
    """Makes pictures from conditions.

    Args:
        in_channels: channels of the condition.
        out_channels: channels of the picture.
        size_px: side of both, a power of two from 8 on.
        shape: a name of `PRESETS`, or widths of one's own.
        coarse_channels: more channels for fields that are smooth by nature (a flow): read off the module that works
            at `COARSE_PX`, and upsampled.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        size_px: int,
        shape: str | CRNShape = "live",
        coarse_channels: int = 0,
    ):
        super().__init__()
        if size_px < 8 or size_px & (size_px - 1):
            raise ValueError(f"size_px: got {size_px}, expected a power of two of at least 8")
        if isinstance(shape, str):
            if shape not in PRESETS:
                raise ValueError(f"shape: got {shape!r}, expected one of {', '.join(PRESETS)}")
            shape = PRESETS[shape]
        self.shape, self.size_px, self.in_channels, self.out_channels = shape, size_px, in_channels, out_channels
        self.sides = tuple(4 << level for level in range(int(math.log2(size_px // shape.packed)) - 1))
        if not self.sides:
            raise ValueError(f"size_px: got {size_px}, expected at least {4 * shape.packed} for this shape")
        widths = [shape.width_at(side) for side in self.sides]
        before = [0, *widths[:-1]]
        seen = [*[in_channels] * (len(widths) - 1), in_channels * shape.packed**2]
        self.stages = nn.ModuleList(
            RefinementModule(come + sees, width, shape.norm)
            for come, sees, width in zip(before, seen, widths, strict=True)
        )
        self.to_picture = nn.Conv2d(widths[-1], out_channels * shape.packed**2, 1)
        nn.init.xavier_uniform_(self.to_picture.weight)
        nn.init.zeros_(self.to_picture.get_parameter("bias"))
        self.coarse_px = min(COARSE_PX, self.sides[-1])
        self.to_coarse = nn.Conv2d(shape.width_at(self.coarse_px), coarse_channels, 1) if coarse_channels else None

    @property
    def works_on_parts(self) -> bool:
        """Whether a part of the picture takes less work than the whole: not where it depends on the whole."""
        return self.shape.norm == "none" and not self.shape.align_corners

    def forward(self, condition: torch.Tensor, window: Window | None = None) -> torch.Tensor:
        """Return (B, out_channels + coarse_channels, size, size), linear, for (B, in_channels, size, size).

        Args:
            condition: what the network sees, always whole.
            window: give only this part of the picture, (B, ..., height, width): the same numbers as when the whole is
                cut, but modules finer than `WINDOWED_FROM_PX` work on little more than the part.
        """
        if condition.shape[1:] != (self.in_channels, self.size_px, self.size_px):
            raise ValueError(
                f"condition: got {tuple(condition.shape)}, "
                f"expected (B, {self.in_channels}, {self.size_px}, {self.size_px})"
            )
        if window is not None and not self.works_on_parts:
            return window.cut(self(condition))
        windows = self._windows(window)
        packed = self.shape.packed
        pyramid = shrink_to(condition, self.sides)[: len(self.sides)]
        seen = [part.cut(level) for part, level in zip(windows, pyramid, strict=True)]
        if packed > 1:
            seen[-1] = F.pixel_unshuffle(windows[-1].grown(packed).cut(condition), packed)
        features = self.stages[0](seen[0])
        coarse = None
        for number, (side, stage) in enumerate(zip(self.sides[1:], self.stages[1:], strict=True), start=1):
            grown = F.interpolate(features, scale_factor=2.0, mode="bilinear", align_corners=self.shape.align_corners)
            grown = windows[number].inside(windows[number - 1].grown(2)).cut(grown)
            features = stage(torch.cat([grown, seen[number]], dim=1))
            if side == self.coarse_px and self.to_coarse is not None:
                coarse = self.to_coarse(features)
        picture = self.to_picture(features)
        if packed > 1:
            picture = F.pixel_shuffle(picture, packed)
        made = windows[-1].grown(packed)
        picture = (window or made).inside(made).cut(picture)
        if coarse is None:
            return picture
        growth = self.size_px // self.coarse_px
        smooth = F.interpolate(coarse, scale_factor=float(growth), mode="bilinear", align_corners=False)
        made = windows[self.sides.index(self.coarse_px)].grown(growth)
        return torch.cat([picture, (window or made).inside(made).cut(smooth)], dim=1)

    def _windows(self, window: Window | None) -> list[Window]:
        """What each module must work on so that the finest one knows `window` exactly."""
        whole = [Window(0, 0, side, side) for side in self.sides]
        if window is None:
            return whole
        windows: list[Window] = []
        needed = window.shrunk(self.shape.packed)
        if self.shape.packed > 1:  # what is smooth may be read off the finest module and upsampled
            needed = needed.with_margin(1, self.sides[-1])
        for all_of_it in reversed(whole):
            if all_of_it.width < WINDOWED_FROM_PX:
                windows.insert(0, all_of_it)
                continue
            # Its two convolutions look 2 pixels beyond; what is above them looks half a pixel beyond that.
            needed = needed.with_margin(2, all_of_it.width)
            windows.insert(0, needed)
            needed = needed.with_margin(1, all_of_it.width).shrunk(2)
        return windows


class RefinementModule(nn.Module):
    """Two 3x3 convolutions, each followed by its norm and a leaky ReLU of 0.2."""

    def __init__(self, in_channels: int, width: int, norm: str):
        super().__init__()
        layers: list[nn.Module] = []
        for come in (in_channels, width):
            layers += [
                _convolution(come, width, bias=norm == "none"),
                _norm(norm, width),
                nn.LeakyReLU(0.2, inplace=True),
            ]
        self.layers = nn.Sequential(*layers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, in_channels, h, w) -> (B, width, h, w)."""
        return self.layers(x)


def shrink_to(condition: torch.Tensor, sides: Sequence[int]) -> list[torch.Tensor]:
    """The condition at each side, from the first to its own, by repeated 2x2 averaging."""
    pyramid = [condition]
    while pyramid[0].shape[-1] > sides[0]:
        pyramid.insert(0, F.avg_pool2d(pyramid[0], 2))
    return pyramid


def multiply_adds(network: CRN) -> int:
    """Multiply-accumulates of all convolutions for one picture; one of them counts as two FLOP."""
    total = 0
    for side, stage in zip(network.sides, network.stages, strict=True):
        total += side * side * sum(layer.weight.numel() for layer in stage.modules() if isinstance(layer, nn.Conv2d))
    total += network.sides[-1] ** 2 * network.to_picture.weight.numel()
    return total + (network.coarse_px**2 * network.to_coarse.weight.numel() if network.to_coarse is not None else 0)


def _convolution(in_channels: int, width: int, *, bias: bool) -> nn.Conv2d:
    layer = nn.Conv2d(in_channels, width, 3, padding=1, bias=bias)
    if layer.bias is not None:
        nn.init.kaiming_normal_(layer.weight, a=0.2)
        nn.init.zeros_(layer.bias)
    else:
        nn.init.xavier_uniform_(layer.weight)
    return layer


def _norm(name: str, width: int) -> nn.Module:
    if name == "layer":
        return nn.GroupNorm(1, width)
    if name == "none":
        return nn.Identity()
    raise ValueError(f"norm: got {name!r}, expected 'layer' or 'none'")
