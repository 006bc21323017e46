"""Trains a puppet's network on a training set, and judges how still the result is."""

import copy
import math
import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Generic, cast

import torch

from cxanim.errors import Cancelled, NotEnoughMemory, is_out_of_memory
from cxanim.losses import FeatureNetwork, available, feature_network
from cxanim.pipelines.figure_puppet import P
from cxanim.pipelines.machine import Machine
from cxanim.pipelines.objectives import layers_of
from cxanim.pipelines.puppet import Puppet
from cxanim.pipelines.puppet_parts import SIZES_PX
from cxanim.pipelines.render import Renderer
from cxanim.pipelines.steady import Stretch, fitting_stillness
from cxanim.pipelines.trainer import Trainer, TrainerSettings
from cxanim.pipelines.training_loop import train_until_told
from cxanim.pipelines.training_set import TrainingSet
from cxanim.pipelines.training_state import TrainingState, state_path
from cxanim.pipelines.watch import Watch
from cxanim.settings import setting

_LEAST_WATCHED, _WATCH_S = 24, 40.0  # frames that tell how much a puppet trembles; a slow network shows fewer


@dataclass(frozen=True)
class FitSettings(TrainerSettings):
    """How a puppet is trained."""

    moves: str = setting(
        "auto", "what of the clip is to move: the face, the whole figure, or, left open, the face where there is one",
        choices=("auto", "face", "figure"), folded=False,
    )  # fmt: skip
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
class Trained(Generic[P]):
    """A puppet that was trained.

    Attributes:
        puppet: the result.
        path: its file, or None where it was not kept.
        steps: steps it has learnt in all.
        seconds: how long this training took, without reading the target.
        terms: the last values of the loss's terms.
        notes: what a person should know.
    """

    puppet: P
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


def chosen_features(settings: FitSettings, device: torch.device) -> str:
    """The feature network that "auto" stands for."""
    if settings.features != "auto":
        return settings.features
    return "vgg19" if device.type != "cpu" and available("vgg19") else "small"


def learn(
    data: TrainingSet[P],
    settings: FitSettings,
    machine: Machine,
    earlier: TrainingState | None = None,
    output: Path | None = None,
    longest_min: float = math.inf,
    *,
    watch: Watch,
) -> Trained[P]:
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
    eyes = eyes_of(settings, data.puppet.is_photo, device).to(device)
    trainer = Trainer(data, settings, eyes, machine.seed, device)
    if earlier is not None:
        trainer.restore(earlier)

    def learnt(seconds: float, terms: dict[str, float]) -> Trained[P]:
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


def eyes_of(settings: FitSettings, is_photo: bool, device: torch.device) -> FeatureNetwork:
    """The network that a training's losses look through.

    Raises:
        MissingWeights: it is not at hand.
    """
    features = chosen_features(settings, device)
    return feature_network(features, layers_of(settings.recipe, is_photo, features))


def _steadied(puppet: P, data: TrainingSet[P], device: torch.device, watch: Watch) -> tuple[P, bool]:
    """The same puppet, averaged over time and given grain so that it is as still as its target is; and whether it came
    to that.

    A photo puppet stays as it is: there is no truth but the warp, which trembles itself. The puppet is kept already, so
    whoever stops now loses nothing. It takes some seconds, after a stop too.
    """
    if not data.takes or not isinstance(puppet, Puppet):
        return puppet, True
    try:
        watch.tell("Judging stillness", 0, sum(len(take.faces) for take in data.takes))
        stretches = _stretches(puppet, data, device)
        if sum(len(stretch.pictures) for stretch in stretches) < _LEAST_WATCHED:
            return puppet, True
        steadiness, grain = fitting_stillness(stretches)
    except Cancelled:
        return puppet, False
    return cast(P, replace(puppet, steadiness=steadiness, grain=grain)), True


def _stretches(puppet: Puppet, data: TrainingSet[Any], device: torch.device) -> list[Stretch]:
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
