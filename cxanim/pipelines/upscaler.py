"""A network that makes pictures larger, the file that holds it, and how it works on pictures of any size."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cxanim.errors import MissingWeights
from cxanim.losses.weights import CHECKPOINTS
from cxanim.models.srresnet import SCALES, SRResNet
from cxanim.pipelines.network_file import load_network, save_network, whole_number
from cxanim.pipelines.refine import as_pictures, as_tensor

UPSCALER_KIND = "upscaler"
TILE_PX = 128  # small enough that a tile's features stay in the processor's cache
_MOST_WIDTH, _MOST_BLOCKS = 256, 64


@dataclass(frozen=True)
class Upscaler:
    """A network and what it can do.

    Attributes:
        network: makes (B, 3, H, W) `scale` times as large.
        about: settings, steps, what it learnt from; told, never used.
    """

    network: SRResNet
    about: dict[str, Any] = field(default_factory=dict)

    @property
    def scale(self) -> int:
        """How many times as large its pictures are."""
        return self.network.scale

    def enlarge(self, picture: np.ndarray) -> np.ndarray:
        """A picture (H, W, 3) uint8 as (scale H, scale W, 3) uint8.

        It is made in tiles, each with as much around it as can change it: no seam, and no more memory than a tile
        needs, however large the picture.
        """
        made = np.empty((self.scale * picture.shape[0], self.scale * picture.shape[1], 3), np.uint8)
        self.enlarge_into(made, picture)
        return made

    def enlarge_into(
        self, made: np.ndarray, picture: np.ndarray, before: np.ndarray | None = None, tile_px: int = TILE_PX
    ) -> None:
        """Make a picture larger in the place where the one before it was.

        Args:
            made: (scale H, scale W, 3) uint8; of the picture before, where there was one. Written.
            picture: (H, W, 3) uint8.
            before: the picture before, (H, W, 3) uint8. What is the same in both is not made again.
            tile_px: side of a tile, in pixels of the small picture.
        """
        height, width = picture.shape[:2]
        scale, reach = self.scale, self.network.reach_px
        device = next(self.network.parameters()).device
        for top in range(0, height, tile_px):
            for left in range(0, width, tile_px):
                bottom, right = min(height, top + tile_px), min(width, left + tile_px)
                seen = slice(max(0, top - reach), bottom + reach), slice(max(0, left - reach), right + reach)
                if before is not None and np.array_equal(picture[seen], before[seen]):
                    continue
                with torch.inference_mode():
                    tile = as_pictures(self.network(as_tensor(np.ascontiguousarray(picture[seen])[None], device)))[0]
                down, across = scale * (top - seen[0].start), scale * (left - seen[1].start)
                inner = tile[down : down + scale * (bottom - top), across : across + scale * (right - left)]
                made[scale * top : scale * bottom, scale * left : scale * right] = inner

    def save(self, path: Path) -> None:
        """Write it, whole or not at all.

        Raises:
            CannotWrite: another ending than .upscaler, or a place that cannot be written.
        """
        shape = {"scale": self.scale, "width": self.network.width, "blocks": self.network.blocks}
        save_network(path, UPSCALER_KIND, self.network, shape | {"about": self.about})

    @classmethod
    def load(cls, path: Path) -> "Upscaler":
        """Read one that anyone may have made.

        Raises:
            BadPuppet: missing, damaged, of another kind, or impossible.
        """
        network, _, about = load_network(Path(path), UPSCALER_KIND, _empty)
        return cls(network.to(memory_format=torch.channels_last), about)  # type: ignore[call-overload]


def bundled_upscaler(scale: int) -> Upscaler:
    """The one that comes with the program.

    Raises:
        MissingWeights: its file is not where it belongs.
    """
    name = f"x{scale}.{UPSCALER_KIND}"
    for folder in CHECKPOINTS:
        if (folder / name).is_file():
            return Upscaler.load(folder / name)
    raise MissingWeights(f"The network {name} is not here.", f"Restore {CHECKPOINTS[0] / name}: it is part of cxanim.")


def _empty(header: Mapping[str, Any]) -> SRResNet:
    shape = {"scale": SCALES, "width": range(1, _MOST_WIDTH + 1), "blocks": range(_MOST_BLOCKS + 1)}
    return SRResNet(**{name: whole_number(header, name, allowed) for name, allowed in shape.items()})
