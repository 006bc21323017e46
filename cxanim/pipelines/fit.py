"""Trains a puppet: a small CRN that repairs what the warp cannot know, with the Contextual loss.

General idea: the network starts as the instant puppet (its mask is nearly closed) and opens the mask where its own
colour is better. It learns on the whole frame by pixels and, through a feature network, on a window that falls mostly
on the face. The mean of the weights over the last steps is what is kept, so that the training may stop at any step.

Source: R. Mechrez, I. Talmi, L. Zelnik-Manor, "The Contextual Loss for Image Transformation with Non-Aligned Data",
ECCV 2018, sections 5.2 (single-image animation) and 5.3 (puppet control).

Differs from the paper: the condition holds a warped reference; L1 on the frame and a relative perceptual term beside
CX (recipe "fast"); averaged weights; windows instead of whole frames. The recipe "paper" keeps the paper's terms.
"""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np
import torch

from cxanim.errors import Cancelled, CxanimError, NotEnoughMemory
from cxanim.losses import FeatureNetwork, available, feature_network
from cxanim.pipelines.machine import Machine
from cxanim.pipelines.objectives import ObjectiveSettings, layers_of, make_objective
from cxanim.pipelines.photo import observe_photo, photo_puppet
from cxanim.pipelines.puppet import SIZES_PX, Puppet, make_network
from cxanim.pipelines.render import as_condition, as_pictures, refine
from cxanim.pipelines.training_set import TrainingSet, clip_training_set, photo_training_set
from cxanim.pipelines.training_state import TrainingState, state_path
from cxanim.pipelines.watch import Watch
from cxanim.settings import setting

_PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")
_TELL_EVERY_S, _PREVIEW_EVERY_S = 1.0, 4.0


@dataclass(frozen=True)
class FitSettings(ObjectiveSettings):
    """How a puppet is trained."""

    minutes: float = setting(5.0, "how long to train", low=0.05, high=1440, step=0.5, unit="min", folded=False)
    steps: int = setting(0, "train so many steps instead of minutes; 0 lets the minutes decide", low=0, high=10**7)
    until: float = setting(1.0, "learn from this first share of each clip only", low=0.05, high=1.0, step=0.05)
    size: int = setting(256, "side of the puppet's pictures", choices=SIZES_PX, unit="px")
    features: str = setting(
        "auto", "network that the losses look through; auto takes small on a CPU, vgg19 on a GPU where it is at hand",
        choices=("auto", "small", "vgg19"),
    )  # fmt: skip
    network: str = setting("live", "size of the network", choices=("live", "good", "paper"))
    references: int = setting(24, "frames of the clip that the puppet keeps", low=1, high=64, step=1)
    batch: int = setting(2, "frames in one step", low=1, high=64)
    rate: float = setting(1e-3, "learning rate of Adam", low=1e-6, high=0.1)


@dataclass(frozen=True)
class Trained:
    """A puppet that was trained.

    Attributes:
        puppet: the result.
        path: its file, or None where it was not kept.
        steps: steps it has learnt in all.
        seconds: how long this training took, without reading the target.
        terms: the last values of the loss's terms.
        notes: what a person should know.
    """

    puppet: Puppet
    path: Path | None
    steps: int
    seconds: float
    terms: dict[str, float]
    notes: tuple[str, ...] = field(default=())

    def to_dict(self) -> dict[str, object]:
        """As JSON shows it."""
        return {
            "path": str(self.path) if self.path else None,
            "steps": self.steps,
            "seconds": round(self.seconds, 1),
            "steps_per_second": round(self.steps / max(self.seconds, 1e-9), 2),
            "terms": {name: round(value, 5) for name, value in self.terms.items()},
            "notes": list(self.notes),
        }


def train(
    targets: Sequence[Path],
    output: Path,
    settings: FitSettings | None = None,
    machine: Machine | None = None,
    watch: Watch | None = None,
    *,
    resume: bool = False,
) -> Trained:
    """Train a puppet from clips or one photo of a target and keep it.

    Args:
        targets: clips of one target; or one photo; or one puppet made from a photo.
        output: the .puppet file; the state for resuming lies beside it.
        settings: size, length and losses.
        machine: where to compute.
        watch: who is told. Stopping while training keeps what is learnt; before that nothing is kept.
        resume: go on from the state beside `output`, to the settings' steps, or for their minutes more.

    Raises:
        CxanimError: whatever the world holds against it, with the next step.
    """
    settings, machine, watch = settings or FitSettings(), machine or Machine(), watch or Watch()
    machine.prepare()
    targets, output = [Path(target) for target in targets], Path(output)
    if output.suffix.lower() != ".puppet":
        raise CxanimError(f"{output.name}: a puppet is kept in a .puppet file.", "Let its name end in .puppet.")
    data = make_training_set(targets, settings, machine, watch)
    state = TrainingState.load(state_path(output), data.fingerprint) if resume else None
    trained, state = _fit(data, settings, machine, watch, state)
    trained.puppet.save(output)
    state.save(state_path(output))
    return replace(trained, path=output)


def fit_photo(puppet: Puppet, settings: FitSettings, machine: Machine, watch: Watch) -> Puppet:
    """Train a photo puppet in memory."""
    data = photo_training_set(puppet, watch, seed=machine.seed)
    return fit_set(data, replace(settings, size=puppet.size_px), machine, watch).puppet


def fit_set(data: TrainingSet, settings: FitSettings, machine: Machine, watch: Watch) -> Trained:
    """Train a puppet on a training set in memory."""
    return _fit(data, settings, machine, watch, None)[0]


def make_training_set(targets: Sequence[Path], settings: FitSettings, machine: Machine, watch: Watch) -> TrainingSet:
    """Read the targets and make what is learnt from them."""
    if not targets:
        raise ValueError("targets: got none, expected at least one file")
    kinds = {_kind(target) for target in targets}
    if kinds == {"clip"}:
        return clip_training_set(targets, settings.size, settings.references, settings.until, watch)
    if len(targets) > 1:
        raise CxanimError(
            "A puppet is trained from clips of one target, or from one photo.", "Give one photo, or clips only."
        )
    if kinds == {"puppet"}:
        puppet = Puppet.load(targets[0])
        if puppet.about.get("kind") != "photo":
            raise CxanimError(
                f"{targets[0].name} was made from a clip, whose frames it does not hold.",
                "Train on the clip itself, with --resume to go on where it stopped.",
            )
        return photo_training_set(puppet, watch, seed=machine.seed)
    seen = observe_photo(targets[0])
    data = photo_training_set(photo_puppet(seen, settings.size, targets[0].name), watch, seed=machine.seed)
    return replace(data, notes=seen.notes)


def _kind(path: Path) -> str:
    suffix = path.suffix.lower()
    return "puppet" if suffix == ".puppet" else "photo" if suffix in _PHOTO_SUFFIXES else "clip"


def chosen_features(settings: FitSettings, device: torch.device) -> str:
    """The feature network that "auto" stands for."""
    if settings.features != "auto":
        return settings.features
    return "vgg19" if device.type != "cpu" and available("vgg19") else "small"


def _fit(
    data: TrainingSet, settings: FitSettings, machine: Machine, watch: Watch, state: TrainingState | None
) -> tuple[Trained, TrainingState]:
    device = machine.prepare()
    features = chosen_features(settings, device)
    is_photo = data.puppet.about.get("kind") == "photo"
    eyes = feature_network(features, layers_of(settings.recipe, is_photo, features)).to(device)
    trainer = Trainer(data, settings, eyes, machine.seed, device)
    if state is not None:
        trainer.restore(state)
    try:
        seconds, terms = _run(trainer, settings, watch)
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise NotEnoughMemory(
            "The machine ran out of memory while training.", "Train at a smaller size, or with a smaller batch."
        ) from error
    about = dict(data.puppet.about)
    about["training"] = {
        "settings": asdict(settings),
        "features": features,
        "steps": trainer.step_number,
        "seed": machine.seed,
        "curve": trainer.curve,
    }
    network = trainer.averaged_network().cpu().to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    puppet = replace(data.puppet, network=network, network_shape=settings.network, about=about)
    return Trained(puppet, None, trainer.step_number, seconds, terms, data.notes), trainer.state()


def _run(trainer: "Trainer", settings: FitSettings, watch: Watch) -> tuple[float, dict[str, float]]:
    """Step until the settings or the person say stop."""
    start_s = told_s = shown_s = time.monotonic()
    first = trainer.step_number
    terms: dict[str, float] = {}
    while True:
        now_s = time.monotonic()
        elapsed_s = now_s - start_s
        if settings.steps:
            total, over = settings.steps, trainer.step_number >= settings.steps
        else:
            rate = (trainer.step_number - first) / elapsed_s if elapsed_s > 2 else 0.0
            total = max(trainer.step_number, first + round(rate * settings.minutes * 60))
            over = elapsed_s >= settings.minutes * 60
        if now_s - told_s >= _TELL_EVERY_S or trainer.step_number == first or over:
            told_s = now_s
            preview = None
            if now_s - shown_s >= _PREVIEW_EVERY_S or trainer.step_number == first or over:
                shown_s, preview = now_s, trainer.preview()
            watch.tell("Training", trainer.step_number, total, "steps", elapsed_s, terms, preview)
        if over:
            break
        if watch.should_stop():
            if trainer.step_number == 0:
                raise Cancelled
            break
        terms = trainer.step()
    return time.monotonic() - start_s, terms


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

    def __init__(self, data: TrainingSet, settings: FitSettings, eyes: FeatureNetwork, seed: int, device: torch.device):
        self.data, self.settings, self.device, self._seed, self._eyes = data, settings, device, seed, eyes
        torch.manual_seed(seed)
        size = data.puppet.size_px
        network = make_network(size, settings.network).to(device)
        self.network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._average = [weights.detach().clone() for weights in self.network.parameters()]
        self._optimiser = torch.optim.Adam(self.network.parameters(), lr=settings.rate, betas=(0.9, 0.99))
        self.step_number = 0
        self.curve: list[dict[str, float]] = []
        self._is_photo = data.puppet.about.get("kind") == "photo"
        self._draw = torch.Generator()
        self._objective = make_objective(settings, self._is_photo, eyes.name, self._draw)
        self._window_px = _window_px(data.boxes, size)
        self._photo = _as_tensor(data.puppet.references[data.puppet.neutral].picture[None], device)

    def step(self) -> dict[str, float]:
        """Learn from one batch; return the value of each term of the loss."""
        random = np.random.default_rng((self._seed, self.step_number))
        self._draw.manual_seed(int(random.integers(2**31)))
        chosen = random.integers(len(self.data), size=self.settings.batch)
        condition = as_condition(self.data.warped[chosen], self.data.layout[chosen])
        condition = condition.to(self.device, memory_format=torch.channels_last)
        truth = _as_tensor(self.data.truth[chosen], self.device)
        self.network.train()
        output = refine(self.network(condition), condition)
        corners = [self._window(self.data.boxes[index], random) for index in chosen]
        with torch.no_grad():
            if self._is_photo:
                # The target is the photo where its own face is; the source is what the warp shows.
                place = self._window(self.data.boxes[0], random, on_face=True)
                target = self._eyes(self._cut(self._photo, [place]).expand(len(chosen), -1, -1, -1))
                source = self._eyes(self._cut(truth, corners))
            else:
                target = source = self._eyes(self._cut(truth, corners))
        total, terms = self._objective(
            image=output, truth=truth, output=self._eyes(self._cut(output, corners)), target=target, source=source
        )
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
        condition = as_condition(self.data.warped[chosen], self.data.layout[chosen]).to(self.device)
        with torch.inference_mode():
            shown = as_pictures(refine(self.averaged_network()(condition), condition))
        tiles = [
            np.hstack([self.data.truth[index], self.data.warped[index], picture])
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

    def _follow(self) -> None:
        """Let the mean weights follow: quickly at first, over about 200 steps later."""
        share = max(1 / 200, 1 / (self.step_number / 4 + 1))
        with torch.no_grad():
            torch._foreach_lerp_(self._average, list(self.network.parameters()), share)

    def _window(self, box: np.ndarray, random: np.random.Generator, *, on_face: bool | None = None) -> tuple[int, int]:
        """Top-left corner in pixels of the window that the losses look at: mostly on the face, sometimes anywhere."""
        size, side = self.data.puppet.size_px, self._window_px
        if on_face is None:
            on_face = random.random() < 0.8
        if on_face:
            centre = np.array([box[0] + box[2], box[1] + box[3]]) / 2 * size
            corner = centre - side / 2 + random.uniform(-0.2, 0.2, 2) * side
        else:
            corner = random.uniform(0, size - side + 1, 2)
        x, y = np.clip(corner, 0, size - side).astype(int)
        return int(x), int(y)

    def _cut(self, pictures: torch.Tensor, corners: Sequence[tuple[int, int]]) -> torch.Tensor:
        side = self._window_px
        cuts = [picture[:, y : y + side, x : x + side] for picture, (x, y) in zip(pictures, corners, strict=True)]
        return torch.stack(cuts)


def _window_px(boxes: np.ndarray, size_px: int) -> int:
    """A window that holds most of a face, a multiple of 16: the features of a larger one cost more than they teach."""
    face = np.median(np.maximum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])) * size_px
    return int(min(size_px, max(32, 16 * round(0.75 * face / 16))))


def _as_tensor(pictures: np.ndarray, device: torch.device) -> torch.Tensor:
    """(B, S, S, 3) uint8 as (B, 3, S, S) in [0, 1]."""
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).to(device).float().div_(255)
