"""From faces to pictures: the step that video export, training and evaluation share.

face -> nearest references, warped -> layout map -> CRN: nudge + colour -> picture. Without a network the warped
reference is the picture.
"""

from collections.abc import Mapping

import numpy as np
import torch

from cxanim.motion.layout import draw_layout
from cxanim.motion.pose import Pose
from cxanim.motion.warp import Warp, reach_of, shown_together
from cxanim.pipelines.bank import Retrieval
from cxanim.pipelines.grain import Grain
from cxanim.pipelines.puppet import Puppet
from cxanim.pipelines.refine import Refiner
from cxanim.pipelines.steady import Steady

_MOST_REPEATS = 3  # a film repeats a picture so often; a face that stands still for longer is shown as it settles


class Renderer:
    """Shows a puppet, frame after frame of one stream.

    Args:
        puppet: what to show.
        device: where its network runs.
        moving_background: let the background follow the head instead of standing still.

    Attributes:
        retrieval: chooses which references are shown for a face, and how many at once: fewer are quicker.
    """

    def __init__(
        self,
        puppet: Puppet,
        device: torch.device | None = None,
        *,
        moving_background: bool = False,
    ):
        self.puppet, self.device = puppet, device or torch.device("cpu")
        self._moving_background = moving_background
        self._warps: dict[int, Warp] = {}
        faces = [reference.face for reference in puppet.references]
        self.retrieval = Retrieval(faces, puppet.neutral_face, puppet.likeness)
        self._steady, self._grain = Steady(puppet.steadiness), Grain(puppet.grain, puppet.size_px)
        self._last: tuple[np.ndarray, np.ndarray] | None = None
        self._repeats = 0
        self._refiner = None if puppet.network is None else Refiner(puppet.network, self.device)

    def show(self, face: np.ndarray) -> np.ndarray:
        """The next frame, (S, S, 3) uint8, with the target's face as `face` (478, 3).

        Where a face repeats the one before, the same array may come again: it is not to be written to. A cut-out is
        shown before a white wall.
        """
        return self._next(face)[..., :3] if self.puppet.cut_out else self._next(face)

    def show_with_alpha(self, face: np.ndarray) -> np.ndarray:
        """The next frame of a cut-out before a white wall, and how much of each pixel is the cut-out, (S, S, 4)."""
        if not self.puppet.cut_out:
            raise ValueError("puppet: got one that is not cut out, expected one with alpha")
        return self._next(face)

    def _next(self, face: np.ndarray) -> np.ndarray:
        """The next frame, with its alpha where there is one."""
        repeats = self._last is not None and np.array_equal(face, self._last[0])
        self._repeats = self._repeats + 1 if repeats else 0
        if self._last is None or not 0 < self._repeats <= _MOST_REPEATS:
            self._last = face.copy(), self._grain.next(self._steady.next(self._trembling(face), face))
        return self._last[1]

    def _trembling(self, face: np.ndarray) -> np.ndarray:
        """The next frame, not averaged over time, with its alpha where there is one."""
        shown, alpha = self._aligned(face)
        if self._refiner is not None:
            layout = draw_layout(Pose(face=face), self.puppet.size_px)
            shown = self._refiner.refined(shown, reach_of(alpha), layout)
        return np.dstack([shown, alpha]) if self.puppet.cut_out else shown

    def warped(self, face: np.ndarray, shares: Mapping[int, float] | None = None) -> np.ndarray:
        """What the warp shows next, and where it may be refined, (S, S, 4).

        Args:
            face: (478, 3).
            shares: of the references by their numbers, the largest first; those that are nearest if None.
        """
        shown, alpha = self._aligned(face, shares)
        return np.dstack([shown, reach_of(alpha)])

    def _aligned(self, face: np.ndarray, shares: Mapping[int, float] | None = None) -> tuple[np.ndarray, np.ndarray]:
        """The references, aligned and mixed, and where the person is."""
        shares = shares or self.retrieval.shares(face)
        return shown_together([self.warp(number) for number in shares], list(shares.values()), face)

    def warp(self, number: int) -> Warp:
        """The warp of one reference, made when it is first needed."""
        if number not in self._warps:
            reference = self.puppet.references[number]
            matte = None if reference.matte is None else reference.matte.astype(np.float32) / 255
            self._warps[number] = Warp(
                reference.picture, reference.face, matte, self.puppet.plate, held_edges=self.puppet.held_edges,
                body_follows=self.puppet.body_follows, moving_background=self._moving_background,
                cut_out=self.puppet.cut_out, teeth=self.puppet.teeth, rest=self.puppet.neutral_face,
            )  # fmt: skip
        return self._warps[number]
