"""From faces to pictures: the step that video export, training and evaluation share.

face -> nearest references, warped -> layout map -> CRN: nudge + colour -> picture. Without a network the warped
reference is the picture.
"""

import cv2
import numpy as np
import torch
import torch.nn.functional as F

from cxanim.models.crn import Window
from cxanim.motion.layout import draw_layout
from cxanim.motion.pose import Pose
from cxanim.motion.warp import Warp
from cxanim.pipelines.bank import Retrieval
from cxanim.pipelines.puppet import Puppet
from cxanim.pipelines.steady import Steady

LARGEST_NUDGE = 0.1  # of the picture


class Renderer:
    """Shows a puppet, frame after frame of one stream.

    Args:
        puppet: what to show.
        device: where its network runs.
        moving_background: let the background follow the head instead of standing still.
    """

    def __init__(self, puppet: Puppet, device: torch.device | None = None, *, moving_background: bool = False):
        self.puppet, self.device = puppet, device or torch.device("cpu")
        self._moving_background = moving_background
        self._warps: dict[int, Warp] = {}
        self._retrieval = Retrieval([reference.face for reference in puppet.references], puppet.neutral_face)
        self._steady = Steady(puppet.steadiness)
        self._network = None
        if puppet.network is not None:
            self._network = puppet.network.to(self.device).eval()
            if self.device.type == "cpu":
                self._network = self._network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def show(self, face: np.ndarray) -> np.ndarray:
        """The next frame, (S, S, 3) uint8, with the target's face as `face` (478, 3)."""
        return self._steady.next(self.trembling(face), face)

    def trembling(self, face: np.ndarray) -> np.ndarray:
        """The next frame, not averaged over time."""
        warped = self.warped(face)
        if self._network is None:
            return warped
        condition = as_condition(warped[None], draw_layout(Pose(face=face), self.puppet.size_px)[None])
        with torch.inference_mode():
            condition = condition.to(self.device).contiguous(memory_format=torch.channels_last)
            return as_pictures(refine(self._network(condition), condition))[0]

    def warped(self, face: np.ndarray) -> np.ndarray:
        """What the warp alone shows next: the nearest references, aligned and blended."""
        shares = self._retrieval.next(face)
        shown: np.ndarray | None = None
        done = 0.0
        for number, share in shares.items():
            picture = self.warp(number).show(face)
            done += share
            shown = picture if shown is None else cv2.addWeighted(shown, 1 - share / done, picture, share / done, 0)
        if shown is None:
            raise ValueError("the retrieval chose no reference")
        return shown

    def warp(self, number: int) -> Warp:
        """The warp of one reference, made when it is first needed."""
        if number not in self._warps:
            reference = self.puppet.references[number]
            matte = None
            if reference.matte is not None and not self._moving_background:
                matte = reference.matte.astype(np.float32) / 255
            self._warps[number] = Warp(
                reference.picture, reference.face, matte, self.puppet.plate, held_edges=self.puppet.held_edges
            )
        return self._warps[number]


def as_condition(warped: np.ndarray, layout: np.ndarray) -> torch.Tensor:
    """Pictures and layout maps, both (B, S, S, 3) uint8, as what the network sees: (B, 6, S, S) in [0, 1]."""
    both = np.concatenate([warped, layout], axis=3)
    return torch.from_numpy(both).permute(0, 3, 1, 2).float().div_(255)


def refine(output: torch.Tensor, condition: torch.Tensor, window: Window | None = None) -> torch.Tensor:
    """The picture (B, 3, S, S) in about [0, 1]: the warp, nudged into place, and changed in colour.

    Args:
        output: (B, 5, S, S) what the network says: change of colour (3), nudge (2). Zeros change nothing.
        condition: (B, 6, S, S) what it saw; the first three channels are what the warp shows.
        window: the part of the picture that the output is for, and that is given; the whole if None.

    Convention:
        nudge: the output pixel shows what the warp has at its own place plus the nudge, (x, y), in shares of the
        picture; pixel centres, ``align_corners=False``.
    """
    size = condition.shape[-1]
    window = window or Window(0, 0, size)
    change = torch.tanh(output[:, :3])
    nudge = LARGEST_NUDGE * torch.tanh(output[:, 3:5])
    centres = (torch.arange(size, device=output.device) + 0.5) * (2 / size) - 1
    place = torch.stack(torch.meshgrid(centres, centres, indexing="xy"))
    grid = (window.cut(place) + 2 * nudge).permute(0, 2, 3, 1)
    warped = F.grid_sample(condition[:, :3], grid, padding_mode="border", align_corners=False)
    return warped + change


def as_pictures(pictures: torch.Tensor) -> np.ndarray:
    """(B, 3, S, S) in [0, 1] as (B, S, S, 3) uint8."""
    return pictures.clamp(0, 1).mul(255).round().byte().permute(0, 2, 3, 1).cpu().numpy()
