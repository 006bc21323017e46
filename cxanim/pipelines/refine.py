"""What the network adds to the warp: a nudge that moves it into place, and a change of colour.

Training needs its gradient, a picture that is shown needs its speed: `refine` and `Refiner` are one formula, the one in
PyTorch for batches, the other for one picture after the other, on a CPU in OpenCV.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import torch
import torch.nn.functional as F

from cxanim.models.crn import CRN, Window
from cxanim.motion.mesh import own_places

LARGEST_NUDGE = 0.1  # of the picture
_TILE_PX = 16


class Refiner:
    """A network made ready to show pictures, one after the other.

    Args:
        network: what was learnt; on a CPU it is laid out anew for speed.
        device: where it runs.
    """

    def __init__(self, network: CRN, device: torch.device):
        self._network, self._device = network.to(device).eval(), device
        size = network.size_px
        if device.type == "cpu":
            self._network = self._network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._instead: Callable[[torch.Tensor], torch.Tensor] | None = None
        self._condition = torch.empty(1, size, size, network.in_channels)

    @property
    def network(self) -> CRN:
        """What was learnt."""
        return self._network

    @property
    def works_on_parts(self) -> bool:
        """Whether to be asked of a part of the picture is quicker."""
        return self._instead is None and self._network.works_on_parts

    def seen(self, shown: np.ndarray, reach: np.ndarray, layout: np.ndarray) -> np.ndarray:
        """What the network sees, (1, C, S, S) float32, the caller's own."""
        return np.ascontiguousarray(self._look_at(shown, reach, layout).cpu().numpy())

    def ask(self, instead: Callable[[torch.Tensor], torch.Tensor]) -> None:
        """Ask something else from now on, which says what the network would."""
        self._instead = instead

    def refined(self, shown: np.ndarray, reach: np.ndarray, layout: np.ndarray) -> np.ndarray:
        """The picture (S, S, 3) uint8.

        Args:
            shown: (S, S, 3) uint8 what the warp shows.
            reach: (S, S) uint8 where it may be refined.
            layout: (S, S, 3) uint8 the layout map.
        """
        word = self.word_on(shown, reach, layout)
        return shown if word is None else word.carried_out(shown, reach)

    def word_on(
        self, shown: np.ndarray, reach: np.ndarray, layout: np.ndarray, window: Window | None = None
    ) -> "Word | None":
        """What the network says of a picture, as of `refined`; None where nothing may be refined.

        Args:
            window: the part that is asked about; all that may be refined if None.
        """
        window = window or window_of(reach)
        if window is None:
            return None
        return self._asked(self._look_at(shown, reach, layout), window)

    def _look_at(self, shown: np.ndarray, reach: np.ndarray, layout: np.ndarray) -> torch.Tensor:
        if self._device.type != "cpu":
            return as_condition(np.dstack([shown, reach])[None], layout[None], self._device)
        np.multiply(cv2.merge([shown, reach, layout]), np.float32(1 / 255), out=self._condition[0].numpy())
        return self._condition.permute(0, 3, 1, 2)

    def _asked(self, condition: torch.Tensor, window: Window) -> "Word":
        with torch.inference_mode():
            if self._instead is not None:
                said = window.cut(self._instead(condition))
            else:
                said = self._network(condition, window)
            bounded = torch.tanh(said).permute(0, 2, 3, 1).contiguous()[0].cpu().numpy()
        change, nudge = np.empty((*bounded.shape[:2], 3), np.float32), np.empty((*bounded.shape[:2], 2), np.float32)
        cv2.mixChannels([bounded], [change, nudge], [0, 0, 1, 1, 2, 2, 3, 3, 4, 4])
        return Word(change, nudge, window)


@dataclass(frozen=True, eq=False)
class Word:
    """What a network said of a part of a picture.

    Attributes:
        change: (h, w, 3) float32 of colour, in [-1, 1].
        nudge: (h, w, 2) float32 of place, in shares of the largest.
        window: the part.
    """

    change: np.ndarray
    nudge: np.ndarray
    window: Window

    def as_far_as(self, holds: np.ndarray) -> "Word":
        """The same, as far as it `holds` (h, w) in [0, 1]."""
        change = cv2.multiply(self.change, cv2.merge([holds] * 3))
        return Word(change, cv2.multiply(self.nudge, cv2.merge([holds] * 2)), self.window)

    def moved(self, way: np.ndarray, window: Window) -> "Word":
        """The same, taken along a way (2, 3) of pixels into another part."""
        back = cv2.invertAffineTransform(way)
        # From a pixel of the other part to one of this.
        back[:, 2] += back[:, :2] @ (window.x, window.y) - (self.window.x, self.window.y)
        flags, size = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, (window.width, window.height)
        change, nudge = (cv2.warpAffine(one, back, size, flags=flags) for one in (self.change, self.nudge))
        return Word(change, nudge, window)

    def fetched(self, look: np.ndarray, window: Window) -> "Word":
        """The same in another part, each of whose pixels was where `look` (h, w, 2), in pixels, says."""
        look = look - np.array((self.window.x, self.window.y), np.float32)
        change, nudge = (cv2.remap(one, look, None, cv2.INTER_LINEAR) for one in (self.change, self.nudge))
        return Word(change, nudge, window)

    def carried_out(self, shown: np.ndarray, reach: np.ndarray) -> np.ndarray:
        """A picture (S, S, 3), changed and nudged as far as `reach` (S, S) lets it be."""
        share = np.multiply(self.window.of(reach), np.float32(1 / 255))
        change, nudge = (
            cv2.multiply(self.change, cv2.merge([share] * 3)),
            cv2.multiply(self.nudge, cv2.merge([share] * 2)),
        )
        look = cv2.scaleAdd(nudge, LARGEST_NUDGE * len(shown), self.window.of(own_places(len(shown))))
        moved = cv2.remap(shown, look, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        refined = shown.copy()
        self.window.of(refined)[:] = cv2.addWeighted(change, 255, moved, 1, 0, dtype=cv2.CV_8U)
        return refined


def window_of(reach: np.ndarray) -> Window | None:
    """The part of a picture that `reach` (S, S) lets be refined; None where that is nothing."""
    # In whole tiles: a network has to make itself ready for each new size.
    x, y, width, height = cv2.boundingRect(reach)
    if not width or not height:
        return None
    left, top = x // _TILE_PX * _TILE_PX, y // _TILE_PX * _TILE_PX
    right, bottom = (min(len(reach), -(-edge // _TILE_PX) * _TILE_PX) for edge in (x + width, y + height))
    return Window(left, top, right - left, bottom - top)


def as_condition(warped: np.ndarray, layout: np.ndarray, device: torch.device | None = None) -> torch.Tensor:
    """What the network sees, (B, 7, S, S) in [0, 1], channels last.

    Args:
        warped: (B, S, S, 4) uint8 what the warp shows, and where it may be refined.
        layout: (B, S, S, 3) uint8 layout maps.
        device: where it is wanted; bytes travel there, not floats. The CPU if None.
    """
    return as_tensor(np.concatenate([warped, layout], axis=3), device or torch.device("cpu"))


def refine(output: torch.Tensor, condition: torch.Tensor, window: Window | None = None) -> torch.Tensor:
    """The picture (B, 3, S, S) in about [0, 1]: the warp, nudged into place, and changed in colour.

    Args:
        output: (B, 5, S, S) what the network says: change of colour (3), nudge (2). Zeros change nothing.
        condition: (B, 7, S, S) what it saw; the first three channels are what the warp shows, the fourth how far
            it may be changed: a background that stands still is left alone.
        window: the part of the picture that the output is for, and that is given; the whole if None.

    Convention:
        nudge: the output pixel shows what the warp has at its own place plus the nudge, (x, y), in shares of the
        picture; pixel centres, ``align_corners=False``.
    """
    size = condition.shape[-1]
    window = window or Window(0, 0, size, size)
    reach = window.cut(condition[:, 3:4])
    change = reach * torch.tanh(output[:, :3])
    nudge = reach * LARGEST_NUDGE * torch.tanh(output[:, 3:5])
    centres = (torch.arange(size, device=output.device) + 0.5) * (2 / size) - 1
    place = torch.stack(torch.meshgrid(centres, centres, indexing="xy"))
    grid = (window.cut(place) + 2 * nudge).permute(0, 2, 3, 1)
    warped = F.grid_sample(condition[:, :3], grid, padding_mode="border", align_corners=False)
    return warped + change


def as_tensor(pictures: np.ndarray, device: torch.device) -> torch.Tensor:
    """(B, S, S, C) uint8 as (B, C, S, S) in [0, 1], channels last, on a device."""
    return torch.from_numpy(pictures).to(device).permute(0, 3, 1, 2).float().div_(255)


def as_pictures(pictures: torch.Tensor) -> np.ndarray:
    """(B, 3, S, S) in [0, 1] as (B, S, S, 3) uint8."""
    return pictures.clamp(0, 1).mul(255).round().byte().permute(0, 2, 3, 1).cpu().numpy()
