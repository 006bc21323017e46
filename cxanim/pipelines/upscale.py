"""Makes a picture or a video two or four times as large, with detail that a network has learnt."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from cxanim.errors import BadSetting, TooLarge
from cxanim.images import is_picture_name
from cxanim.models.srresnet import SCALES
from cxanim.pipelines.machine import Machine
from cxanim.pipelines.repaint import PartSettings, Repainted, ensure_paintable, repaint
from cxanim.pipelines.steady_detail import SteadyDetail
from cxanim.pipelines.upscaler import Upscaler, bundled_upscaler
from cxanim.pipelines.watch import Watch
from cxanim.settings import setting
from cxanim.video import probe_video

MOST_FRAME_SIDE_PX = 4096  # what players of H.264 still show
MOST_MEGAPIXELS = 200


@dataclass(frozen=True)
class UpscaleSettings(PartSettings):
    """How a picture or a video is made larger."""

    scale: int = setting(2, "how many times as large", choices=SCALES, folded=False)
    steadiness: float = setting(
        0.6, "how much of a video's detail is carried from frame to frame, so that it does not boil",
        low=0, high=0.95, step=0.05,
    )  # fmt: skip


class Enlargement:
    """Enlarges frame after frame of one video; what stands still is made once.

    Args:
        upscaler: makes the detail.
        steadiness: share of the detail of the frame before, where it is the same thing.
    """

    def __init__(self, upscaler: Upscaler, steadiness: float):
        self._upscaler, self._steady = upscaler, SteadyDetail(upscaler.scale, steadiness)
        self._small: np.ndarray | None = None
        self._large = np.empty((0, 0, 3), np.uint8)

    def __call__(self, frame: np.ndarray) -> np.ndarray:
        """The frame (H, W, 3 or 4) uint8 as (scale H, scale W, 3 or 4) uint8, the caller's own; alpha comes last."""
        if frame.shape[2] == 3:
            return self._enlarged(frame)
        large = self._enlarged(np.ascontiguousarray(frame[..., :3]))
        alpha = cv2.resize(np.ascontiguousarray(frame[..., 3]), large.shape[1::-1], interpolation=cv2.INTER_CUBIC)
        return np.dstack([large, alpha])

    def _enlarged(self, frame: np.ndarray) -> np.ndarray:
        if self._small is None or self._small.shape != frame.shape:
            self._small = None
            scale = self._upscaler.scale
            self._large = np.empty((scale * frame.shape[0], scale * frame.shape[1], 3), np.uint8)
        self._upscaler.enlarge_into(self._large, frame, self._small)
        self._small = frame.copy()
        return self._steady(frame, self._large.copy())


def upscale(
    source: Path,
    output: Path,
    settings: UpscaleSettings | None = None,
    machine: Machine | None = None,
    watch: Watch | None = None,
    *,
    network: Path | None = None,
) -> Repainted:
    """Write a picture, or a video with its sound, as a larger one.

    Args:
        source: a picture or a video.
        output: .png, .jpg or .webp of a picture; .mp4, .webm or .gif of a video.
        settings: scale, part of a video.
        machine: where to compute.
        watch: who is told, and may stop it; then nothing is kept.
        network: an .upscaler file to use instead of what comes with the program.

    Raises:
        BadPuppet, BadSetting, UnreadableImage, UnreadableVideo, TooLarge, CannotWrite, Cancelled, MissingWeights.
    """
    settings, device = settings or UpscaleSettings(), (machine or Machine()).prepare()
    source, output = Path(source), Path(output)
    ensure_paintable(source, output)
    upscaler = Upscaler.load(network) if network is not None else bundled_upscaler(settings.scale)
    if upscaler.scale != settings.scale:
        problem = f"scale: got {settings.scale}, and {Path(str(network)).name} makes pictures {upscaler.scale} times."
        raise BadSetting(problem, f"Choose a scale of {upscaler.scale}.")
    upscaler.network.to(device)
    if not is_picture_name(output):
        return repaint(source, output, _video_enlargement(source, upscaler, settings), None, watch or Watch(), settings)

    def enlarge(picture: np.ndarray) -> np.ndarray:
        megapixels = upscaler.scale**2 * picture.shape[0] * picture.shape[1] / 1e6
        if megapixels > MOST_MEGAPIXELS:
            problem = f"{source.name} would have {megapixels:.0f} megapixels; the limit is {MOST_MEGAPIXELS}."
            raise TooLarge(problem, "Choose a smaller scale or a smaller picture.")
        return upscaler.enlarge(picture)

    return repaint(source, output, enlarge, None, watch or Watch(), settings)


def _video_enlargement(source: Path, upscaler: Upscaler, settings: UpscaleSettings) -> Enlargement:
    info = probe_video(source)
    longest_px = upscaler.scale * max(info.width_px, info.height_px)
    if longest_px > MOST_FRAME_SIDE_PX:
        problem = f"The frames of {source.name} would be {longest_px} px long; the limit is {MOST_FRAME_SIDE_PX}."
        raise TooLarge(problem, "Choose a smaller scale or a smaller video.")
    return Enlargement(upscaler, settings.steadiness)
