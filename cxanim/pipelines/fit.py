"""Trains a puppet from a target's files, keeps it, and goes on where it stopped.

Three doors: `train` reads files and writes a puppet, `fit_photo` trains a photo puppet in memory, `learn` trains on a
training set. What a step is stands in `trainer.py`.
"""

import copy
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from cxanim.errors import BadSetting, Cancelled, CxanimError, NotEnoughMemory, is_out_of_memory
from cxanim.images import count_pictures
from cxanim.losses import FeatureNetwork, available, feature_network
from cxanim.output import ensure_writable, one_writer
from cxanim.pipelines.machine import Machine
from cxanim.pipelines.objectives import layers_of
from cxanim.pipelines.photo import observe_photo, photo_puppet
from cxanim.pipelines.photo_set import Lessons, photo_training_set
from cxanim.pipelines.placed_face import PlacedFace
from cxanim.pipelines.puppet import PUPPET_SUFFIX, SIZES_PX, Puppet, ensure_puppet_writable, facts_of
from cxanim.pipelines.render import Renderer
from cxanim.pipelines.steady import Stretch, fitting_stillness
from cxanim.pipelines.trainer import Trainer, TrainerSettings
from cxanim.pipelines.training_loop import train_until_told
from cxanim.pipelines.training_set import TrainingSet, clip_training_set
from cxanim.pipelines.training_state import TrainingState, state_path
from cxanim.pipelines.watch import Watch
from cxanim.settings import setting

_PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".heic", ".heif")
_CLIP_SUFFIXES = (".mp4", ".m4v", ".mov", ".webm", ".mkv", ".avi", ".gif")
TARGET_SUFFIXES = (*_PHOTO_SUFFIXES, *_CLIP_SUFFIXES)
_LEAST_WATCHED, _WATCH_S = 24, 40.0  # frames that tell how much a puppet trembles; a slow network shows fewer

Call = Callable[..., Any]


def here(work: Call, *args: Any, watch: Watch) -> Any:
    """Call a piece of work in this process."""
    return work(*args, watch=watch)


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
    references: int = setting(48, "frames of the clip that the puppet keeps", low=1, high=128, step=1)


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
    placed: PlacedFace | None = None,
    resume: bool = False,
    longest_min: float = math.inf,
    where: Call = here,
) -> Trained:
    """Train a puppet from clips or one photo of a target and keep it.

    Args:
        targets: clips of one target; or one photo; or one puppet made from a photo.
        output: the .puppet file; the state for resuming lies beside it.
        settings: size, length and losses.
        machine: where to compute.
        watch: who is told. Stopping while training keeps what is learnt, and a crash loses a minute at most;
            before the first step nothing is kept.
        placed: where a person has placed the face of the one photo; found if None.
        resume: go on from the state beside `output`, to the settings' steps, or for their minutes more.
        longest_min: minutes after which training ends, whatever the settings say.
        where: calls the training itself, `where(learn, ..., watch=watch)`; another process may do it.

    Raises:
        CxanimError: whatever the world holds against it, with the next step.
    """
    settings, machine, watch = settings or FitSettings(), machine or Machine(), watch or Watch()
    device = machine.prepare()
    targets, output = [Path(target) for target in targets], Path(output)
    state = state_path(output)
    ensure_puppet_writable(output)
    ensure_writable(state)
    if resume:
        TrainingState.ensure_there(state)
    is_photo = bool(targets) and _kind(targets[0]) != "clip"
    _eyes(settings, is_photo, device)  # what is missing is said now, not after the clip was read
    with one_writer(output):
        data = make_training_set(targets, settings, machine, watch, placed)
        earlier = TrainingState.load(state, data.fingerprint) if resume else None
        trained = where(learn, data, settings, machine, earlier, output, longest_min, watch=watch)
        return replace(trained, path=output)


def fit_photo(
    puppet: Puppet,
    settings: FitSettings,
    machine: Machine,
    watch: Watch,
    where: Call = here,
    lessons: Lessons | None = None,
) -> Puppet:
    """Train a photo puppet in memory, from a driver's lessons too, which show what the photo does not."""
    data = photo_training_set(puppet, watch, seed=machine.seed, lessons=lessons)
    return where(learn, data, replace(settings, size=puppet.size_px), machine, watch=watch).puppet


def make_training_set(
    targets: Sequence[Path],
    settings: FitSettings,
    machine: Machine,
    watch: Watch,
    placed: PlacedFace | None = None,
) -> TrainingSet:
    """Read the targets and make what is learnt from them."""
    data = _read_targets(targets, settings, machine, watch, placed)
    about = data.puppet.about | {"files": facts_of(targets)}
    return replace(data, puppet=replace(data.puppet, about=about))


def _read_targets(
    targets: Sequence[Path], settings: FitSettings, machine: Machine, watch: Watch, placed: PlacedFace | None
) -> TrainingSet:
    if not targets:
        raise BadSetting("targets: got none, expected at least one file.")
    kinds = {_kind(target) for target in targets}
    if placed is not None and kinds != {"photo"}:
        raise BadSetting("landmarks: got them without a photo.", "Points say where the face of a photo is.")
    if kinds == {"clip"}:
        return clip_training_set(targets, settings.size, settings.references, settings.until, watch)
    if len(targets) > 1:
        raise CxanimError(
            "A puppet is trained from clips of one target, or from one photo.", "Give one photo, or clips only."
        )
    if kinds == {"puppet"}:
        puppet = Puppet.load(targets[0])
        if not puppet.is_photo:
            raise CxanimError(
                f"{targets[0].name} was made from a clip, whose frames it does not hold.",
                "Train on the clip itself, with --resume to go on where it stopped.",
            )
        return photo_training_set(puppet, watch, seed=machine.seed)
    seen = observe_photo(targets[0], placed)
    data = photo_training_set(photo_puppet(seen, settings.size, targets[0].name), watch, seed=machine.seed)
    return replace(data, notes=seen.notes)


def _kind(path: Path) -> str:
    """What a file is, by its content where that can be told, as photos and clips often have the wrong ending."""
    suffix = path.suffix.lower()
    if suffix == PUPPET_SUFFIX:
        return "puppet"
    pictures = count_pictures(path)
    if pictures:
        return "photo" if pictures == 1 else "clip"
    return "photo" if suffix in _PHOTO_SUFFIXES else "clip"


def chosen_features(settings: FitSettings, device: torch.device) -> str:
    """The feature network that "auto" stands for."""
    if settings.features != "auto":
        return settings.features
    return "vgg19" if device.type != "cpu" and available("vgg19") else "small"


def learn(
    data: TrainingSet,
    settings: FitSettings,
    machine: Machine,
    earlier: TrainingState | None = None,
    output: Path | None = None,
    longest_min: float = math.inf,
    *,
    watch: Watch,
) -> Trained:
    """Train on a training set; keep what is learnt in `output`, every minute and at the end.

    Args:
        data: what to learn from.
        settings, machine: how, and where.
        earlier: where an earlier training stopped.
        output: the puppet's file; the state lies beside it. Nothing is kept if None.
        longest_min: minutes after which training ends, whatever the settings say.
        watch: who is told, and may stop it.
    """
    device = machine.prepare()
    eyes = _eyes(settings, data.puppet.is_photo, device).to(device)
    trainer = Trainer(data, settings, eyes, machine.seed, device)
    if earlier is not None:
        trainer.restore(earlier)

    def learnt(seconds: float, terms: dict[str, float]) -> Trained:
        training = {"settings": asdict(settings), "features": eyes.name, "seed": machine.seed}
        training |= {"steps": trainer.step_number, "finished": False, "curve": trainer.curve}
        network = trainer.averaged_network().cpu().to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
        about = data.puppet.about | {"training": training}
        puppet = replace(data.puppet, network=network, about=about)
        if output is not None:
            puppet.save(output)
            trainer.state().save(state_path(output))
        return Trained(puppet, None, trainer.step_number, seconds, terms, data.notes)

    try:
        trained, over = train_until_told(trainer, settings.minutes, settings.steps, longest_min, watch, learnt)
        puppet, judged = _steadied(trained.puppet, data, device, watch)
        training = puppet.training | {"finished": over and judged}
        puppet = replace(puppet, about=puppet.about | {"training": training})
        if output is not None:
            puppet.save(output)
        return replace(trained, puppet=puppet)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        raise NotEnoughMemory(
            "The machine ran out of memory while training.", "Train at a smaller size, or with a smaller batch."
        ) from error


def _eyes(settings: FitSettings, is_photo: bool, device: torch.device) -> FeatureNetwork:
    features = chosen_features(settings, device)
    return feature_network(features, layers_of(settings.recipe, is_photo, features))


def _steadied(puppet: Puppet, data: TrainingSet, device: torch.device, watch: Watch) -> tuple[Puppet, bool]:
    """The same puppet, averaged over time and given grain so that it is as still as its target is; and whether it came
    to that.

    A photo puppet stays as it is: there is no truth but the warp, which trembles itself. The puppet is kept already, so
    whoever stops now loses nothing. It takes some seconds, after a stop too.
    """
    if not data.takes:
        return puppet, True
    try:
        watch.tell("Judging stillness", 0, sum(len(take.faces) for take in data.takes))
        stretches = _stretches(puppet, data, device)
        if sum(len(stretch.pictures) for stretch in stretches) < _LEAST_WATCHED:
            return puppet, True
        steadiness, grain = fitting_stillness(stretches)
    except Cancelled:
        return puppet, False
    return replace(puppet, steadiness=steadiness, grain=grain), True


def _stretches(puppet: Puppet, data: TrainingSet, device: torch.device) -> list[Stretch]:
    """What a puppet shows of the takes of its clips."""
    renderer = Renderer(replace(puppet, network=copy.deepcopy(puppet.network), steadiness=0.0, grain=0.0), device)
    until_s = time.monotonic() + _WATCH_S
    stretches = []
    for take in data.takes:
        pictures = [renderer.show(face) for face in take.faces if time.monotonic() < until_s]
        shown = len(pictures)
        if shown:
            stretches.append(Stretch(pictures, list(take.faces[:shown]), list(take.pictures[:shown])))
    return stretches
