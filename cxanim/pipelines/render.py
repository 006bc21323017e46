"""From faces to pictures: the step that video export, training and evaluation share.

face -> nearest references, warped -> layout map -> CRN: nudge + colour -> picture. Without a network the warped
reference is the picture.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from cxanim.motion.head import way_in_picture
from cxanim.motion.layout import draw_layout
from cxanim.motion.matte import near_face, reach_of
from cxanim.motion.pose import Pose
from cxanim.motion.warp import Warp, shown_together
from cxanim.pipelines import quick
from cxanim.pipelines.answers import Answers
from cxanim.pipelines.bank import Retrieval
from cxanim.pipelines.grain import Grain
from cxanim.pipelines.puppet import Puppet
from cxanim.pipelines.refine import Refiner, Word, window_of
from cxanim.pipelines.steady import Steady

_log = logging.getLogger(__name__)
_USUAL = 64  # conditions from which it is told how large a network's numbers become
_MANY = 8  # references
_MOST_REPEATS = 3  # a film repeats a picture so often; a face that stands still for longer is shown as it settles


@dataclass(frozen=True, eq=False)
class Begun:
    """A frame that waits for its second half; where a face is repeated the same one comes again.

    Attributes:
        face: (478, 3) what it is to show.
        shown: (S, S, 3) uint8 what the warp shows.
        alpha: (S, S) uint8 where the person is.
    """

    face: np.ndarray
    shown: np.ndarray
    alpha: np.ndarray


class Renderer:
    """Shows a puppet, frame after frame of one stream.

    Args:
        puppet: what to show.
        device: where its network runs.
        moving_background: let the background follow the head instead of standing still.

    Attributes:
        retrieval: chooses which references are shown for a face, and how many at once: fewer are quicker.
        answers: of the network, which may be asked for fewer frames: then it is asked of the face alone where that is
            quicker, and what it said moves along with the head.
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
        self._begun: Begun | None = None
        self._finished: Begun | None = None
        self._picture = puppet.references[puppet.neutral].picture
        self._repeats = 0
        self._refiner = None if puppet.network is None else Refiner(puppet.network, self.device)
        self.answers: Answers[tuple[np.ndarray, Word]] = Answers()

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
        return self.finish(self.begin(face))

    def begin(self, face: np.ndarray) -> "Begun":
        """The first half of the next frame: the references, aligned.

        While the one half of a frame is made the other half of the one before may be.
        """
        last = self._begun
        self._repeats = self._repeats + 1 if last is not None and np.array_equal(face, last.face) else 0
        if last is not None and 0 < self._repeats <= _MOST_REPEATS:
            return last
        self._begun = Begun(face.copy(), *self._aligned(face))
        return self._begun

    def finish(self, begun: "Begun") -> np.ndarray:
        """The frame, with its alpha where it is a cut-out's, once the network has had its say."""
        if begun is self._finished:
            return self._picture
        shown, alpha = begun.shown, begun.alpha
        if self._refiner is not None:
            shown = self._refined(self._refiner, shown, reach_of(alpha), begun.face)
        if self.puppet.cut_out:
            shown = np.dstack([shown, alpha])
        self._finished, self._picture = begun, self._grain.next(self._steady.next(shown, begun.face))
        return self._picture

    def _refined(self, refiner: Refiner, shown: np.ndarray, reach: np.ndarray, face: np.ndarray) -> np.ndarray:
        size = self.puppet.size_px

        # Where there is no time for each picture it is asked of what is looked at.
        of_face = self.answers.asks_every > 1 and refiner.works_on_parts
        may = near_face(reach, face) if of_face else reach
        window = window_of(may)

        def ask() -> tuple[np.ndarray, Word] | None:
            if window is None:
                return None
            word = refiner.word_on(shown, reach, draw_layout(Pose(face=face), size), window)
            return None if word is None else (face, word)

        answer = self.answers.newest(ask)
        if answer is None or window is None:
            return shown
        asked, word = answer
        if asked is not face:
            word = word.moved(way_in_picture(asked, face, size), window)
        return word.carried_out(shown, may)

    def close(self) -> None:
        """End what runs beside."""
        self.answers.close()

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
        warps = [self.warp(number) for number in shares]
        # Of many, one that hides a side of the face is not the nearest to a face that shows it.
        return shown_together(warps, list(shares.values()), face, guesses=len(self.puppet.references) < _MANY)

    def quicken(self) -> None:
        """Let a network on a CPU answer in bytes, where that is installed; takes some seconds the first time."""
        refiner = self._refiner
        if refiner is None or self.device.type != "cpu" or not quick.is_installed():
            return
        try:
            refiner.ask(quick.in_bytes(refiner.network, lambda: self._usual_conditions(refiner)))
        except Exception:  # noqa: BLE001 - whatever an extra fails by, the network itself can answer
            _log.warning("openvino cannot run this network; it answers as without the extra", exc_info=True)

    def _usual_conditions(self, refiner: Refiner) -> list[np.ndarray]:
        """What the network will see: faces between those of the references."""
        faces, random = [reference.face for reference in self.puppet.references], np.random.default_rng(0)
        conditions = []
        for one, other in random.integers(len(faces), size=(_USUAL if self.puppet.size_px < 512 else _USUAL // 4, 2)):
            face = (0.6 * faces[one] + 0.4 * faces[other]).astype(np.float32)
            shown, alpha = self._aligned(face)
            layout = draw_layout(Pose(face=face), self.puppet.size_px)
            conditions.append(refiner.seen(shown, reach_of(alpha), layout))
        return conditions

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
