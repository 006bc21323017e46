"""A network that makes pictures of one kind look like another kind, and the file that holds it."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from cxanim.checkpoint import read_checkpoint, write_checkpoint
from cxanim.errors import BadPuppet, CannotWrite
from cxanim.models import CRN, CRNShape
from cxanim.output import ensure_writable
from cxanim.pipelines.network_shape import shape_from_header
from cxanim.pipelines.refine import as_pictures, as_tensor

TRANSLATOR_SUFFIX = ".translator"
SIZES_PX = (64, 128, 256)
_KIND, _FORMAT, _MOST_BYTES = "translator", 1, 256 << 20


@dataclass(frozen=True)
class Translator:
    """A network and the square that it sees.

    Attributes:
        network: says how a picture changes, (B, 3, S, S) for (B, 3, S, S).
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
        ensure_translator_writable(path)
        header = {"size_px": self.network.size_px, "network": asdict(self.network.shape), "about": self.about}
        tensors = {name: values.cpu().numpy().astype(np.float16) for name, values in self.network.state_dict().items()}
        write_checkpoint(path, _KIND, _FORMAT, header, tensors)

    @classmethod
    def load(cls, path: Path) -> "Translator":
        """Read one that anyone may have made.

        Raises:
            BadPuppet: missing, damaged, of another kind, or impossible.
        """
        path = Path(path)
        header, tensors = read_checkpoint(path, _KIND, (_FORMAT,), _MOST_BYTES)
        try:
            size_px = header["size_px"]
            if type(size_px) is not int or size_px not in SIZES_PX or not isinstance(header["about"], dict):
                raise ValueError("impossible header")
            network = make_translator(size_px, shape_from_header(header["network"]))
            weights = {name: torch.from_numpy(values.astype(np.float32)) for name, values in tensors.items()}
            if not all(torch.isfinite(values).all() for values in weights.values()):
                raise ValueError("weights that are not numbers")
            network.load_state_dict(weights, strict=True)
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise BadPuppet(
                f"{path.name} is a damaged translator ({error}).", "Make it again, or ask its maker for a whole copy."
            ) from error
        return cls(network.eval(), header["about"])


def make_translator(size_px: int, shape: str | CRNShape) -> CRN:
    """A fresh network that begins by changing nothing."""
    network = CRN(3, 3, size_px, shape)
    torch.nn.init.zeros_(network.to_picture.weight)
    return network


def changed(network: CRN, pictures: torch.Tensor) -> torch.Tensor:
    """Pictures (B, 3, S, S) in [0, 1] with what the network says of them, in [0, 1] where it is shown."""
    return pictures + network(2 * pictures - 1)


def ensure_translator_writable(path: Path) -> None:
    """Find out before the work whether a translator can be written to `path`.

    Raises:
        CannotWrite: it cannot.
    """
    if Path(path).suffix != TRANSLATOR_SUFFIX:
        raise CannotWrite(
            f"{Path(path).name}: translators have the ending {TRANSLATOR_SUFFIX}.", f"Use NAME{TRANSLATOR_SUFFIX}."
        )
    ensure_writable(path)
