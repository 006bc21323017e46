"""A style that a network was taught, and the file that holds it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cxanim.models.stylizer import Stylizer
from cxanim.pipelines.network_file import load_network, save_network, whole_number

STYLE_KIND = "style"
_WIDTHS, _MOST_BLOCKS = (8, 16, 32), 16


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
        shape = {"size_px": self.size_px, "width": self.network.width, "blocks": self.network.blocks}
        save_network(path, STYLE_KIND, self.network, shape | {"about": self.about})

    @classmethod
    def load(cls, path: Path) -> "StyleNetwork":
        """Read one that anyone may have made.

        Raises:
            BadPuppet: missing, damaged, of another kind, or impossible.
        """
        network, header, about = load_network(Path(path), STYLE_KIND, _empty)
        return cls(network, header["size_px"], about)


def _empty(header: Mapping[str, Any]) -> Stylizer:
    whole_number(header, "size_px", range(64, 4097))
    return Stylizer(whole_number(header, "width", _WIDTHS), whole_number(header, "blocks", range(_MOST_BLOCKS + 1)))
