"""Trains a puppet from a target's files, keeps it, and goes on where it stopped.

Three doors: `train` reads files and writes a puppet, `fit_photo` trains a photo puppet in memory, `fit_set` trains on
a training set. What a step is stands in `trainer.py`.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import torch

from cxanim.errors import Cancelled, CxanimError, NotEnoughMemory
from cxanim.losses import available, feature_network
from cxanim.output import ensure_writable
from cxanim.pipelines.machine import Machine
from cxanim.pipelines.objectives import layers_of
from cxanim.pipelines.photo import observe_photo, photo_puppet
from cxanim.pipelines.puppet import SIZES_PX, Puppet
from cxanim.pipelines.trainer import Trainer, TrainerSettings
from cxanim.pipelines.training_set import TrainingSet, clip_training_set, photo_training_set
from cxanim.pipelines.training_state import TrainingState, state_path
from cxanim.pipelines.watch import Watch
from cxanim.settings import setting

_PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")
_TELL_EVERY_S, _PREVIEW_EVERY_S, _KEEP_EVERY_S = 1.0, 4.0, 60.0


@dataclass(frozen=True)
class FitSettings(TrainerSettings):
    """How a puppet is trained."""

    minutes: float = setting(5.0, "how long to train", low=0.05, high=1440, step=0.5, unit="min", folded=False)
    steps: int = setting(0, "train so many steps instead of minutes; 0 lets the minutes decide", low=0, high=10**7)
    until: float = setting(1.0, "learn from this first share of each clip only", low=0.05, high=1.0, step=0.05)
    size: int = setting(256, "side of the puppet's pictures", choices=SIZES_PX, unit="px")
    features: str = setting(
        "auto", "network that the losses look through; auto takes small on a CPU, vgg19 on a GPU where it is at hand",
        choices=("auto", "small", "vgg19"),
    )  # fmt: skip
    references: int = setting(24, "frames of the clip that the puppet keeps", low=1, high=64, step=1)


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
        watch: who is told. Stopping while training keeps what is learnt, and a crash loses a minute at most;
            before the first step nothing is kept.
        resume: go on from the state beside `output`, to the settings' steps, or for their minutes more.

    Raises:
        CxanimError: whatever the world holds against it, with the next step.
    """
    settings, machine, watch = settings or FitSettings(), machine or Machine(), watch or Watch()
    machine.prepare()
    targets, output = [Path(target) for target in targets], Path(output)
    if output.suffix.lower() != ".puppet":
        raise CxanimError(f"{output.name}: a puppet is kept in a .puppet file.", "Let its name end in .puppet.")
    ensure_writable(output)
    data = make_training_set(targets, settings, machine, watch)
    state = TrainingState.load(state_path(output), data.fingerprint) if resume else None

    def keep(trained: Trained, state: TrainingState) -> None:
        trained.puppet.save(output)
        state.save(state_path(output))

    return replace(_fit(data, settings, machine, watch, state, keep), path=output)


def fit_photo(puppet: Puppet, settings: FitSettings, machine: Machine, watch: Watch) -> Puppet:
    """Train a photo puppet in memory."""
    data = photo_training_set(puppet, watch, seed=machine.seed)
    return fit_set(data, replace(settings, size=puppet.size_px), machine, watch).puppet


def fit_set(data: TrainingSet, settings: FitSettings, machine: Machine, watch: Watch) -> Trained:
    """Train a puppet on a training set in memory."""
    return _fit(data, settings, machine, watch, None, lambda trained, state: None)


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
    data: TrainingSet,
    settings: FitSettings,
    machine: Machine,
    watch: Watch,
    state: TrainingState | None,
    keep: Callable[[Trained, TrainingState], None],
) -> Trained:
    """Train, and `keep` what is learnt every minute and at the end."""
    device = machine.prepare()
    features = chosen_features(settings, device)
    is_photo = data.puppet.about.get("kind") == "photo"
    eyes = feature_network(features, layers_of(settings.recipe, is_photo, features)).to(device)
    trainer = Trainer(data, settings, eyes, machine.seed, device)
    if state is not None:
        trainer.restore(state)

    def learnt(seconds: float, terms: dict[str, float]) -> Trained:
        training = {"settings": asdict(settings), "features": features, "seed": machine.seed}
        training |= {"steps": trainer.step_number, "curve": trainer.curve}
        network = trainer.averaged_network().cpu().to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
        about = data.puppet.about | {"training": training}
        puppet = replace(data.puppet, network=network, network_shape=settings.network, about=about)
        trained = Trained(puppet, None, trainer.step_number, seconds, terms, data.notes)
        keep(trained, trainer.state())
        return trained

    try:
        return _run(trainer, settings, watch, learnt)
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise NotEnoughMemory(
            "The machine ran out of memory while training.", "Train at a smaller size, or with a smaller batch."
        ) from error


def _run(
    trainer: Trainer, settings: FitSettings, watch: Watch, learnt: Callable[[float, dict[str, float]], Trained]
) -> Trained:
    """Step until the settings or the person say stop."""
    start_s = told_s = shown_s = kept_s = time.monotonic()
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
        if time.monotonic() - kept_s >= _KEEP_EVERY_S:
            learnt(time.monotonic() - start_s, terms)
            kept_s = time.monotonic()
    return learnt(time.monotonic() - start_s, terms)
