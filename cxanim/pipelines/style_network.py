"""A style that a network was taught, and the file that holds it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cxanim.checkpoint import read_checkpoint, write_checkpoint
from cxanim.errors import BadPuppet, CannotWrite
from cxanim.models.stylizer import Stylizer
from cxanim.output import ensure_writable

STYLE_SUFFIX = ".style"
_KIND, _FORMAT = "style", 1
_WIDTHS, _MOST_BLOCKS, _MOST_BYTES = (8, 16, 32), 16, 64 << 20


@dataclass(frozen=True)
class StyleNetwork:
    """A network that gives pictures one style.

    Attributes:
        network: the same.
        size_px: longest side of the pictures that it practised on, at which its strokes are the style's.
        about: settings, steps, the style's file; told, never used.
    """

    network: Stylizer
    size_px: int
    about: dict[str, Any] = field(default_factory=dict)

    def save(self, path: Path) -> None:
        """Write it, whole or not at all.

        Raises:
            CannotWrite: another ending than .style, or a place that cannot be written.
        """
        ensure_style_writable(path)
        header = {
            "size_px": self.size_px, "width": self.network.width, "blocks": self.network.blocks, "about": self.about,
        }  # fmt: skip
        tensors = {name: values.cpu().numpy().astype(np.float16) for name, values in self.network.state_dict().items()}
        write_checkpoint(path, _KIND, _FORMAT, header, tensors)

    @classmethod
    def load(cls, path: Path) -> "StyleNetwork":
        """Read one that anyone may have made.

        Raises:
            BadPuppet: missing, damaged, of another kind, or impossible.
        """
        path = Path(path)
        header, tensors = read_checkpoint(path, _KIND, (_FORMAT,), _MOST_BYTES)
        try:
            width, blocks, size_px = header["width"], header["blocks"], header["size_px"]
            if width not in _WIDTHS or type(blocks) is not int or not 0 <= blocks <= _MOST_BLOCKS:
                raise ValueError("an impossible network")
            if type(size_px) is not int or not 64 <= size_px <= 4096 or not isinstance(header["about"], dict):
                raise ValueError("impossible header")
            network = Stylizer(int(width), blocks)
            weights = {name: torch.from_numpy(values.astype(np.float32)) for name, values in tensors.items()}
            if not all(torch.isfinite(values).all() for values in weights.values()):
                raise ValueError("weights that are not numbers")
            network.load_state_dict(weights, strict=True)
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise BadPuppet(
                f"{path.name} is a damaged style ({error}).", "Make it again, or ask its maker for a whole copy."
            ) from error
        return cls(network.eval(), size_px, header["about"])


def ensure_style_writable(path: Path) -> None:
    """Find out before the work whether a style can be written to `path`.

    Raises:
        CannotWrite: it cannot.
    """
    if Path(path).suffix != STYLE_SUFFIX:
        raise CannotWrite(f"{Path(path).name}: styles have the ending {STYLE_SUFFIX}.", f"Use NAME{STYLE_SUFFIX}.")
    ensure_writable(path)
