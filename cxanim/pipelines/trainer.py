"""The steps of a training: a small CRN learns to repair what the warp cannot know, with the Contextual loss.

General idea: the network starts as the puppet that needs no training (it changes nothing) and learns where to nudge
the warped reference, and where to change its colour. It sees whole frames, and is asked for a window that falls mostly
on the face: its fine modules, whose work is most of a step, then run on little more than that. The mean of the weights
over the last steps is what is kept, so that the training may stop at any step.

Source: R. Mechrez, I. Talmi, L. Zelnik-Manor, "The Contextual Loss for Image Transformation with Non-Aligned Data",
ECCV 2018: single-image animation and puppet control.

Differs from the paper: the condition holds warped references; L1 on pixels and a relative perceptual term beside
CX (recipe "fast"); averaged weights; windows instead of whole frames; rare expressions drawn more often. The recipe
"paper" keeps the paper's terms.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch

from cxanim.losses import FeatureNetwork, Features
from cxanim.models.crn import CRN, Window
from cxanim.pipelines.learner import Learner
from cxanim.pipelines.objectives import ObjectiveSettings, make_objective
from cxanim.pipelines.puppet_network import make_network
from cxanim.pipelines.refine import as_condition, as_pictures, as_tensor, refine
from cxanim.pipelines.training_set import TrainingSet
from cxanim.pipelines.training_state import TrainingState
from cxanim.settings import setting


@dataclass(frozen=True)
class TrainerSettings(ObjectiveSettings):
    """How a step is taken."""

    network: str = setting("live", "size of the network", choices=("live", "good", "paper"))
    batch: int = setting(2, "frames in one step", low=1, high=64)
    rate: float = setting(1e-3, "learning rate of Adam", low=1e-6, high=0.1)


class Trainer:
    """One training: a network, its optimiser, and the steps it takes on a training set.

    Args:
        data: what is learnt from.
        settings: how.
        eyes: feature network that the losses look through.
        seed: what is drawn in a step depends on it and on the number of the step alone, so that a training may
            stop and go on anywhere.
        device: where to compute.
    """

    def __init__(
        self, data: TrainingSet[Any], settings: TrainerSettings, eyes: FeatureNetwork, seed: int, device: torch.device
    ):
        self.data, self.settings, self.device, self._seed, self._eyes = data, settings, device, seed, eyes
        torch.manual_seed(seed)
        size = data.puppet.size_px
        network = make_network(size, settings.network).to(device)
        network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._learner = Learner(network, settings.rate)
        self._is_photo = data.puppet.is_photo
        self._draw = torch.Generator()
        self._objective = make_objective(settings, self._is_photo, eyes.name, self._draw)
        self._boxes = data.boxes
        self._window_px = _window_px(self._boxes, size)
        # Convolutions in bfloat16 where that pays: a slim network's cost is its calls, and each cast is one more.
        # Weights, the warp, the losses and their sums stay in float32.
        can = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
        self.half_precision = can and settings.network == "paper"
        self._photo = as_tensor(data.puppet.references[data.puppet.neutral].picture[None], device)

    @property
    def network(self) -> CRN:
        """What learns."""
        return self._learner.network

    @property
    def step_number(self) -> int:
        """How many steps were taken."""
        return self._learner.step_number

    @property
    def curve(self) -> list[dict[str, float]]:
        """Values of the loss's terms along the way."""
        return self._learner.curve

    def step(self) -> dict[str, float]:
        """Learn from one batch; return the value of each term of the loss."""
        random = np.random.default_rng((self._seed, self.step_number))
        self._draw.manual_seed(int(random.integers(2**31)))
        chosen, warp = self._drawn(random)
        condition = as_condition(self.data.warped[chosen, warp], self.data.layout[chosen], self.device)
        window = self._window(self._boxes[chosen].mean(0), random)
        truth = window.cut(as_tensor(self.data.truth[chosen], self.device))
        with self._convolving():
            said = self.network(condition, window)
        output = refine(said.float(), condition, window)
        with torch.no_grad():
            target = source = self._seen(truth)
            if self._is_photo:
                # The target is the photo where its own face is; the source is what the warp shows.
                place = self._window(self._boxes[0], random, on_face=True)
                target = self._seen(place.cut(self._photo).expand(len(chosen), -1, -1, -1))
        total, terms = self._objective(
            image=output, truth=truth, output=self._seen(output), target=target, source=source
        )
        self._learner.learn(total, terms)
        return terms

    def averaged_network(self) -> CRN:
        """A copy of the network with the mean weights of its last steps."""
        return self._learner.averaged()

    def preview(self, count: int = 3) -> np.ndarray:
        """Frames of the training, three in a row: the truth, what the warp shows, what the puppet shows."""
        chosen = np.linspace(0, len(self.data) - 1, count + 2).astype(int)[1:-1]
        condition = as_condition(self.data.warped[chosen, 0], self.data.layout[chosen], self.device)
        with torch.inference_mode():
            shown = as_pictures(refine(self.averaged_network()(condition), condition))
        tiles = [
            np.hstack([self.data.truth[index], self.data.warped[index, 0, ..., :3], picture])
            for index, picture in zip(chosen, shown, strict=True)
        ]
        strip = np.hstack(tiles)
        height = 192
        return cv2.resize(strip, (strip.shape[1] * height // strip.shape[0], height), interpolation=cv2.INTER_AREA)

    def state(self) -> TrainingState:
        """Everything that is needed to go on."""
        return self._learner.state(self.data.fingerprint, self.settings.network)

    def restore(self, state: TrainingState) -> None:
        """Go on from where another training stopped."""
        self._learner.restore(state, self.settings.network)

    def _drawn(self, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """The frames of a step, and which of the warps of each is seen."""
        chosen = random.choice(len(self.data), size=self.settings.batch, p=self.data.chances)
        return chosen, random.integers(self.data.warped.shape[1], size=self.settings.batch)

    def _convolving(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.half_precision)

    def _seen(self, pictures: torch.Tensor) -> Features:
        with self._convolving():
            return {layer: features.float() for layer, features in self._eyes(pictures).items()}

    def _window(self, box: np.ndarray, random: np.random.Generator, *, on_face: bool | None = None) -> Window:
        """The part of the picture that a step looks at: mostly on the face, sometimes anywhere."""
        size, side = self.data.puppet.size_px, self._window_px
        if on_face is None:
            on_face = random.random() < 0.8
        if on_face:
            centre = np.array([box[0] + box[2], box[1] + box[3]]) / 2 * size
            corner = centre - side / 2 + random.uniform(-0.2, 0.2, 2) * side
        else:
            corner = random.uniform(0, size - side + 1, 2)
        x, y = np.clip(corner, 0, size - side).astype(int)
        return Window(int(x), int(y), side, side)


def _window_px(boxes: np.ndarray, size_px: int) -> int:
    """A window that holds most of what is looked at, a multiple of 16: a larger one costs more than it teaches."""
    side = np.median(np.maximum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])) * size_px
    return int(min(size_px, max(32, 16 * round(0.75 * side / 16))))
