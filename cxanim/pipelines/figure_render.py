"""From poses to pictures of a figure: references, bent limb by limb -> layout map -> CRN -> another for the face."""

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
import torch

from cxanim.motion.layout import draw_layout
from cxanim.motion.limb_warp import LimbWarp
from cxanim.motion.limb_ways import way_back
from cxanim.motion.matte import figure_stencil, reach_of
from cxanim.motion.pose import Pose
from cxanim.motion.sheet import before
from cxanim.motion.skeleton import ELBOW, INDEX, WRIST, joints_of, posed_joints
from cxanim.pipelines.answers import Answers
from cxanim.pipelines.carried_on import Said, carried_on
from cxanim.pipelines.figure_bank import StanceRetrieval
from cxanim.pipelines.figure_face import FaceRefiner
from cxanim.pipelines.figure_puppet import FigurePuppet
from cxanim.pipelines.refine import Refiner, window_of

_BEYOND = 0.6  # of what may be changed within a figure
# Forearms and hands are shown as they are bent: they are quick, and of what is blurred in most frames a network makes a
# blur in all (docs/log.md, 2026-11-29). How far they are left alone, and how thick they are, in lengths of the trunk.
_LEFT_ALONE, _ROUND_ARMS = 0.8, 0.4
_REACH = 0.3  # thickness of the bones round which a figure may be refined, in lengths of its trunk


@dataclass(frozen=True, eq=False)
class _BothSaid:
    """What the networks said of one picture.

    Attributes:
        pose: of the figure in it.
        body, face: None where there was nothing to say.
    """

    pose: Pose
    body: Said | None
    face: Said | None


class FigureRenderer:
    """Shows a figure, frame after frame of one stream.

    Args:
        puppet: what to show.
        device: where its networks run.

    Attributes:
        retrieval: chooses which references are shown for a pose.
        answers: of the networks, which may be asked for fewer frames: then what they said moves along limb by limb.
    """

    def __init__(self, puppet: FigurePuppet, device: torch.device | None = None):
        self.puppet, device = puppet, device or torch.device("cpu")
        self._trunk = puppet.build.trunk
        self._warps: dict[int, LimbWarp] = {}
        self.retrieval = StanceRetrieval([reference.body for reference in puppet.references], self._trunk)
        self._refiner = None if puppet.network is None else Refiner(puppet.network, device)
        self._face = None if puppet.face_network is None else FaceRefiner(puppet.face_network, device)
        self.answers: Answers[_BothSaid] = Answers()

    def show(self, pose: Pose) -> np.ndarray:
        """The next frame, (S, S, 3) uint8, with the figure as `pose`, which has a body."""
        return self.finish(pose, self.begin(pose))

    def begin(self, pose: Pose, frames: float = 1.0) -> np.ndarray:
        """The first half of the next frame: the references, bent, and where they may be refined, (S, S, 4).

        While the one half of a frame is made the other half of the one before may be.

        Args:
            pose: of the figure, with a body.
            frames: so many later it is than the one before, where some are left out.
        """
        body = pose.need_body()
        return self.warped(body, self.retrieval.next_shares(body, frames))

    def finish(self, pose: Pose, seen: np.ndarray) -> np.ndarray:
        """The frame of a pose, once the networks have had their say on what was begun."""
        picture, reach = cv2.cvtColor(seen, cv2.COLOR_RGBA2RGB), np.ascontiguousarray(seen[..., 3])
        said = self.answers.newest(lambda: self._said(pose, picture, reach))
        return picture if said is None else self._carried_out(said, pose, picture, reach)

    def close(self) -> None:
        """End what runs beside."""
        self.answers.close()

    def _said(self, pose: Pose, picture: np.ndarray, reach: np.ndarray) -> _BothSaid | None:
        """What the networks say of a pose's picture; the second sees what the first makes of it."""
        body = face = None
        if self._refiner is not None:
            word = self._refiner.word_on(picture, reach, draw_layout(pose, self.puppet.size_px))
            if word is not None:
                body = Said(word, picture, word.carried_out(picture, reach))
        if self._face is not None and pose.face is not None:
            face = self._face.said_of(picture if body is None else body.made, pose.face)
        return None if body is None and face is None else _BothSaid(pose, body, face)

    def _carried_out(self, said: _BothSaid, pose: Pose, picture: np.ndarray, reach: np.ndarray) -> np.ndarray:
        asked, window = said.pose, window_of(reach)
        if said.body is not None and window is not None:
            if said.body.shown is picture:
                picture = said.body.made
            else:
                before, after = (joints_of(one.need_body())[0] for one in (asked, pose))
                way = way_back(before, after, self.puppet.size_px)
                look = window.of(way.look_px)
                was, made = (
                    cv2.remap(one, look, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
                    for one in (said.body.shown, said.body.made)
                )
                word = said.body.word.fetched(look, window)
                picture = carried_on(word, was, made, picture, reach, window.of(way.holds))
        if self._face is not None and said.face is not None and asked.face is not None and pose.face is not None:
            picture = self._face.carried_out(said.face, asked.face, picture, pose.face)
        return picture

    def warped(self, body: np.ndarray, shares: Mapping[int, float]) -> np.ndarray:
        """What the warp shows for a body (33, 4), and where it may be refined, (S, S, 4) uint8.

        Args:
            shares: of the references by their numbers.
        """
        joints = posed_joints(body, self._trunk)
        size = self.puppet.size_px
        mixed = np.zeros((size, size, 4), np.uint8)
        for number, share in shares.items():
            mixed = cv2.addWeighted(mixed, 1.0, self._warp(number).show_with_alpha(joints), share, 0)
        about = np.maximum(mixed[..., 3], figure_stencil(joints, size, _REACH * self._trunk))
        # Less beyond its outline than within: so the network sees too what is figure and what is plate.
        reach = np.maximum(mixed[..., 3], cv2.convertScaleAbs(reach_of(about), alpha=_BEYOND))
        reach = cv2.subtract(reach, cv2.multiply(reach, _forearms(joints, size, self._trunk), scale=_LEFT_ALONE / 255))
        return cv2.merge([before(self.puppet.plate, mixed), reach])

    def _warp(self, number: int) -> LimbWarp:
        """The warp of one reference, made when it is first needed."""
        if number not in self._warps:
            reference = self.puppet.references[number]
            matte = reference.matte.astype(np.float32) / 255
            joints = posed_joints(reference.body, self._trunk)[:, :2]
            self._warps[number] = LimbWarp(reference.picture, matte, joints, self.puppet.plate)
        return self._warps[number]


def _forearms(joints: np.ndarray, size_px: int, trunk: float) -> np.ndarray:
    """(S, S) uint8, 255 on forearms and hands, with a soft rim."""
    places = np.round(np.clip(joints[:, :2], -1, 2) * size_px - 0.5).astype(np.int32)
    thick_px = max(1, round(_ROUND_ARMS * trunk * size_px))
    stencil = np.zeros((size_px, size_px), np.uint8)
    for side in (0, 1):
        arm = places[[ELBOW + side, WRIST + side, INDEX + side]]
        cv2.polylines(stencil, [arm], isClosed=False, color=255, thickness=thick_px)
    rim = max(3, size_px // 28) | 1
    return cv2.blur(stencil, (rim, rim))
