"""The network of a puppet: what it sees and says, a fresh one, and one that a file tells of."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from cxanim.models import CRN, PRESETS, CRNShape
from cxanim.pipelines.network_file import shape_from_header

CONDITION_CHANNELS = 7  # warped reference, where it may be refined, and layout map
OUTPUT_CHANNELS, NUDGE_CHANNELS = 3, 2  # change of colour; a smooth field that moves the warp into place
_SHAPES_BY_NAME = PRESETS | {"live": CRNShape((96, 96, 96, 96, 64, 32, 12, 8))}


def make_network(size_px: int, shape: str | CRNShape) -> CRN:
    """A fresh network that begins by showing the warp as it is."""
    network = CRN(CONDITION_CHANNELS, OUTPUT_CHANNELS, size_px, shape, coarse_channels=NUDGE_CHANNELS)
    for head in (network.to_picture, network.to_coarse):
        for weights in head.parameters() if head is not None else ():
            torch.nn.init.zeros_(weights)
    return network


def weights_of(network: CRN, prefix: str) -> dict[str, np.ndarray]:
    """A network's weights as a puppet's file keeps them, in half precision, by names that begin alike."""
    return {
        f"{prefix}.{name}": weights.detach().cpu().to(torch.float16).numpy()
        for name, weights in network.state_dict().items()
    }


def network_from(told: Any, tensors: Mapping[str, np.ndarray], prefix: str, size_px: int) -> CRN:
    """The network that a puppet's file tells of, which anyone may have written.

    Args:
        told: its shape, or its name where the file is old.
        tensors: the file's.
        prefix: what the names of its weights begin with.
        size_px: side of its pictures.

    Raises:
        ValueError, RuntimeError: it cannot be.
    """
    network = make_network(size_px, _shape(told))
    weights = {
        name.removeprefix(f"{prefix}."): torch.from_numpy(values.astype(np.float32))
        for name, values in tensors.items()
        if name.startswith(f"{prefix}.")
    }
    if not all(torch.isfinite(values).all() for values in weights.values()):
        raise ValueError("weights that are not numbers")
    network.load_state_dict(weights, strict=True)
    return network.eval()


def _shape(told: Any) -> CRNShape:
    """The shape of a network that anyone may have told of."""
    if isinstance(told, str):
        if told not in _SHAPES_BY_NAME:
            raise ValueError(f"unknown network {told!r}")
        return _SHAPES_BY_NAME[told]
    return shape_from_header(told)
