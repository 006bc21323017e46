"""A network that makes pictures of one kind look like another kind, and the file that holds it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from cxanim.models import CRN, CRNShape
from cxanim.pipelines.network_file import load_network, save_network, shape_from_header, whole_number
from cxanim.pipelines.refine import as_pictures, as_tensor

TRANSLATOR_KIND = "translator"
SIZES_PX = (64, 128, 256)
# Widths as of a network's at 4, 8, 16, ... px. Packed squares of pixels, as puppets' networks have them, would be left
# as lines: nothing but the Contextual loss holds neighbouring pixels together here.
SHAPES = {
    "live": CRNShape((128, 96, 64, 48, 32, 12)),
    "good": CRNShape((192, 192, 128, 96, 64, 24)),
}


@dataclass(frozen=True)
class Translator:
    """A network and the square that it sees.

    Attributes:
        network: says how a picture changes, (B, 3 + 3, S, S) for (B, 3, S, S).
        about: settings, steps, what it learnt from; told, never used.
    """

    network: CRN
    about: dict[str, Any] = field(default_factory=dict)

    def translate(self, picture: np.ndarray) -> np.ndarray:
        """A picture (H, W, 3) uint8 as one of the other kind, of the same size; it is seen at the network's size."""
        device = next(self.network.parameters()).device
        size, (height, width) = self.network.size_px, picture.shape[:2]
        scale = size / max(height, width)
        inner = max(1, round(height * scale)), max(1, round(width * scale))
        small = cv2.resize(picture, inner[::-1], interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
        top, left = (size - inner[0]) // 2, (size - inner[1]) // 2
        edges = top, size - inner[0] - top, left, size - inner[1] - left
        square = cv2.copyMakeBorder(small, *edges, cv2.BORDER_REPLICATE)
        with torch.inference_mode():
            made = as_pictures(changed(self.network, as_tensor(square[None], device)))[0]
        made = np.ascontiguousarray(made[top : top + inner[0], left : left + inner[1]])
        return cv2.resize(made, (width, height), interpolation=cv2.INTER_CUBIC)

    def save(self, path: Path) -> None:
        """Write it, whole or not at all.

        Raises:
            CannotWrite: another ending than .translator, or a place that cannot be written.
        """
        header = {"size_px": self.network.size_px, "network": asdict(self.network.shape), "about": self.about}
        save_network(path, TRANSLATOR_KIND, self.network, header)

    @classmethod
    def load(cls, path: Path) -> "Translator":
        """Read one that anyone may have made.

        Raises:
            BadPuppet: missing, damaged, of another kind, or impossible.
        """
        network, _, about = load_network(Path(path), TRANSLATOR_KIND, _empty)
        return cls(network, about)


def make_translator(size_px: int, shape: str | CRNShape) -> CRN:
    """A fresh network that begins by changing nothing; it says what changes at large beside what changes in detail.

    Args:
        size_px: of the square that it sees.
        shape: a name of `SHAPES`, or a shape of one's own.
    """
    shape = SHAPES[shape] if isinstance(shape, str) else shape
    network = CRN(3, 3, size_px, shape, coarse_channels=3)
    for name, weights in network.named_parameters():
        if name.startswith(("to_picture.", "to_coarse.")):
            torch.nn.init.zeros_(weights)
    return network


def changed(network: CRN, pictures: torch.Tensor) -> torch.Tensor:
    """Pictures (B, 3, S, S) in [0, 1] with what the network says of them, in [0, 1] where it is shown."""
    detail, at_large = network(2 * pictures - 1).split(3, dim=1)
    return pictures + detail + at_large


def _empty(header: Mapping[str, Any]) -> CRN:
    return make_translator(whole_number(header, "size_px", SIZES_PX), shape_from_header(header["network"]))
