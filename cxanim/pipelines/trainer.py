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

import cv2
import numpy as np
import torch

from cxanim.errors import CxanimError
from cxanim.losses import FeatureNetwork, Features
from cxanim.models.crn import Window
from cxanim.pipelines.objectives import ObjectiveSettings, make_objective
from cxanim.pipelines.puppet import make_network
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
        self, data: TrainingSet, settings: TrainerSettings, eyes: FeatureNetwork, seed: int, device: torch.device
    ):
        self.data, self.settings, self.device, self._seed, self._eyes = data, settings, device, seed, eyes
        torch.manual_seed(seed)
        size = data.puppet.size_px
        network = make_network(size, settings.network).to(device)
        self.network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._average = [weights.detach().clone() for weights in self.network.parameters()]
        # Fused, as on a GPU it is the calls that cost.
        self._optimiser = torch.optim.Adam(
            self.network.parameters(), lr=settings.rate, betas=(0.9, 0.99), fused=device.type == "cuda"
        )
        self.step_number = 0
        self.curve: list[dict[str, float]] = []
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

    def step(self) -> dict[str, float]:
        """Learn from one batch; return the value of each term of the loss."""
        random = np.random.default_rng((self._seed, self.step_number))
        self._draw.manual_seed(int(random.integers(2**31)))
        chosen, warp = self._drawn(random)
        condition = as_condition(self.data.warped[chosen, warp], self.data.layout[chosen], self.device)
        window = self._window(self._boxes[chosen].mean(0), random)
        truth = window.cut(as_tensor(self.data.truth[chosen], self.device))
        self.network.train()
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
        if not torch.isfinite(total):
            raise CxanimError("The training has run away: its loss is no number.", "Train anew with a smaller --rate.")
        self._optimiser.zero_grad(set_to_none=True)
        total.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self._optimiser.step()
        self.step_number += 1
        self._follow()
        if self.step_number % 50 == 0 or self.step_number <= 1:
            self.curve.append({"step": self.step_number} | {name: round(value, 5) for name, value in terms.items()})
        return terms

    def averaged_network(self) -> torch.nn.Module:
        """A copy of the network with the mean weights of its last steps."""
        network = make_network(self.data.puppet.size_px, self.settings.network).to(self.device)
        with torch.no_grad():
            for weights, mean in zip(network.parameters(), self._average, strict=True):
                weights.copy_(mean)
        return network.eval()

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
        moments = self._optimiser.state_dict()["state"]
        return TrainingState(
            fingerprint=self.data.fingerprint,
            network=self.settings.network,
            step=self.step_number,
            weights=[weights.detach().cpu().numpy().copy() for weights in self.network.parameters()],
            average=[mean.cpu().numpy().copy() for mean in self._average],
            first=[moments[index]["exp_avg"].cpu().numpy().copy() for index in sorted(moments)],
            second=[moments[index]["exp_avg_sq"].cpu().numpy().copy() for index in sorted(moments)],
            curve=self.curve,
        )

    def restore(self, state: TrainingState) -> None:
        """Go on from where another training stopped."""
        state.check(self.settings.network, [tuple(weights.shape) for weights in self.network.parameters()])
        with torch.no_grad():
            for weights, mean, kept, kept_mean in zip(
                self.network.parameters(), self._average, state.weights, state.average, strict=True
            ):
                weights.copy_(torch.from_numpy(kept))
                mean.copy_(torch.from_numpy(kept_mean))
        about = self._optimiser.state_dict()
        about["state"] = {
            index: {
                "step": torch.tensor(float(state.step)),
                "exp_avg": torch.from_numpy(first.copy()),
                "exp_avg_sq": torch.from_numpy(second.copy()),
            }
            for index, (first, second) in enumerate(zip(state.first, state.second, strict=True))
        }
        self._optimiser.load_state_dict(about)
        self.step_number, self.curve = state.step, list(state.curve)

    def _drawn(self, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """The frames of a step, and which of the warps of each is seen."""
        chosen = random.choice(len(self.data), size=self.settings.batch, p=self.data.chances)
        return chosen, random.integers(self.data.warped.shape[1], size=self.settings.batch)

    def _convolving(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.half_precision)

    def _seen(self, pictures: torch.Tensor) -> Features:
        with self._convolving():
            return {layer: features.float() for layer, features in self._eyes(pictures).items()}

    def _follow(self) -> None:
        """Let the mean weights follow: quickly at first, over about 200 steps later."""
        share = max(1 / 200, 1 / (self.step_number / 4 + 1))
        with torch.no_grad():
            torch._foreach_lerp_(self._average, list(self.network.parameters()), share)

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
        return Window(int(x), int(y), side)


def _window_px(boxes: np.ndarray, size_px: int) -> int:
    """A window that holds most of what is looked at, a multiple of 16: a larger one costs more than it teaches."""
    side = np.median(np.maximum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])) * size_px
    return int(min(size_px, max(32, 16 * round(0.75 * side / 16))))
