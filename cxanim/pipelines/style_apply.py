"""Gives a picture or a video a style that a network was taught."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from cxanim.pipelines.machine import Machine
from cxanim.pipelines.refine import as_pictures, as_tensor
from cxanim.pipelines.repaint import PartSettings, Repainted, ensure_paintable, repaint
from cxanim.pipelines.style_network import StyleNetwork
from cxanim.pipelines.watch import Watch
from cxanim.settings import setting


@dataclass(frozen=True)
class StyleApplySettings(PartSettings):
    """How a style that was taught is given."""

    size: int = setting(
        0, "longest side of the result; 0 is that which the network practised at", low=0, high=4096, step=64, unit="px"
    )


def apply_style(
    network: Path,
    source: Path,
    output: Path,
    settings: StyleApplySettings | None = None,
    machine: Machine | None = None,
    watch: Watch | None = None,
) -> Repainted:
    """Write a picture, or a video with its sound, in the style that a network was taught.

    Args:
        network: a .style file.
        source: a picture or a video.
        output: .png, .jpg or .webp of a picture; .mp4, .webm or .gif of a video.
        settings: size, part of a video.
        machine: where to compute.
        watch: who is told, and may stop it; then nothing is kept.

    Raises:
        BadPuppet, UnreadableImage, UnreadableVideo, TooLarge, CannotWrite, Cancelled.
    """
    settings, device = settings or StyleApplySettings(), (machine or Machine()).prepare()
    ensure_paintable(Path(source), Path(output))
    style = StyleNetwork.load(network)
    style.network.to(device)

    def styled(picture: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return as_pictures(style.network(as_tensor(picture[None], device)))[0]

    return repaint(Path(source), Path(output), styled, settings.size or style.size_px, watch or Watch(), settings)
