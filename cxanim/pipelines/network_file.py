"""The file of a network: half-precision weights and a header, which anyone may have written.

One kind of network has one kind of file, and one ending: `.style`, `.translator`, `.upscaler`.
"""

from collections.abc import Callable, Container, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import nn

from cxanim.checkpoint import read_checkpoint, write_checkpoint
from cxanim.errors import BadPuppet, CannotWrite
from cxanim.models import CRNShape
from cxanim.output import ensure_writable

N = TypeVar("N", bound=nn.Module)
_FORMAT, _MOST_BYTES = 1, 256 << 20
_MOST_WIDTH, _MOST_WIDTHS = 512, 8


def ensure_network_writable(path: Path, kind: str) -> None:
    """Find out before the work whether a network of some kind can be written to `path`.

    Raises:
        CannotWrite: another ending than the kind's, or a place that cannot be written.
    """
    if Path(path).suffix != f".{kind}":
        raise CannotWrite(f"{Path(path).name}: a {kind} has the ending .{kind}.", f"Use NAME.{kind}.")
    ensure_writable(path)


def save_network(path: Path, kind: str, network: nn.Module, header: Mapping[str, Any]) -> None:
    """Write a network, whole or not at all.

    Raises:
        CannotWrite: as `ensure_network_writable`.
    """
    ensure_network_writable(path, kind)
    tensors = {name: values.cpu().numpy().astype(np.float16) for name, values in network.state_dict().items()}
    write_checkpoint(path, kind, _FORMAT, header, tensors)


def load_network(
    path: Path, kind: str, make: Callable[[Mapping[str, Any]], N]
) -> tuple[N, Mapping[str, Any], dict[str, Any]]:
    """Read a network: itself in evaluation mode, the header, and what the header tells about its making.

    Args:
        path: the file.
        kind: what it must be.
        make: makes the empty network that a header tells of; whatever it cannot be is a KeyError, TypeError or
            ValueError.

    Raises:
        BadPuppet: missing, damaged, of another kind, or impossible.
    """
    header, tensors = read_checkpoint(path, kind, (_FORMAT,), _MOST_BYTES)
    try:
        about = header["about"]
        if not isinstance(about, dict):
            raise ValueError("an impossible header")
        network = make(header)
        weights = {name: torch.from_numpy(values.astype(np.float32)) for name, values in tensors.items()}
        if not all(torch.isfinite(values).all() for values in weights.values()):
            raise ValueError("weights that are not numbers")
        network.load_state_dict(weights, strict=True)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        problem = f"{Path(path).name} is a damaged {kind} ({error})."
        raise BadPuppet(problem, "Make it again, or ask its maker for a whole copy.") from error
    return network.eval(), header, about


def whole_number(header: Mapping[str, Any], name: str, allowed: Container[int]) -> int:
    """A whole number of a header.

    Raises:
        KeyError, ValueError: it is not there, is none, or is not allowed.
    """
    number = header[name]
    if type(number) is not int or number not in allowed:
        raise ValueError(f"an impossible {name}")
    return number


def shape_from_header(told: Any) -> CRNShape:
    """The shape of a cascaded refinement network that a header tells of.

    Raises:
        TypeError, ValueError: no such shape, or one that is too large.
    """
    shape = CRNShape(**(told | {"widths": tuple(told["widths"])}))
    if (
        not all(type(number) is int for number in (*shape.widths, shape.packed))
        or not all(0 < width <= _MOST_WIDTH for width in shape.widths)
        or not 1 <= len(shape.widths) <= _MOST_WIDTHS
        or shape.norm not in ("none", "layer")
        or shape.packed not in (1, 2, 4)
        or not isinstance(shape.align_corners, bool)
    ):
        raise ValueError("an impossible network")
    return shape
