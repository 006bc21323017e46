"""What the choices of a training are worth that no setting tells: the same clip, the same steps, one thing changed.

    python bench/choices.py --steps 400 lp_d9

Rows: another seed, which says how much is chance; frames drawn evenly, where else rare expressions are seen as often as
common ones; no Contextual loss, and one on other layers; pairs of frames that follow one another, without and with a
term that wants them to change as the true ones do. Scored on the last fifth of the clip, which nobody learnt from, as
the network shows it: neither averaged over time nor given grain.
"""

import argparse
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from held_out import HeldOut, cells, head, learnt_share, seen_clip

from cxanim.losses import (
    Objective,
    Term,
    contextual_loss,
    feature_network,
    l1_loss,
    relative_l1,
    sample_positions,
)
from cxanim.pipelines.fit import make_training_set
from cxanim.pipelines.learn import FitSettings
from cxanim.pipelines.machine import Machine
from cxanim.pipelines.puppet import Puppet
from cxanim.pipelines.render import Renderer
from cxanim.pipelines.trainer import Trainer
from cxanim.pipelines.training_set import TrainingSet
from cxanim.pipelines.watch import Watch

SHOWN = ("face_vgg_dist", "akd_px", "vgg_dist", "psnr", "flicker_ratio")
LAYERS = ("relu1_2", "relu2_2", "relu3_2")
CHANGE = 4.0  # weight of the term on what changes from frame to frame


class PairsTrainer(Trainer):
    """Draws a frame and the one after it, each from the same choice of references."""

    def _drawn(self, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        chosen, warp = super()._drawn(random)
        first = min(int(chosen[0]), len(self.data) - 2)
        return np.array([first, first + 1]), np.repeat(warp[:1], 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", nargs="?", default="lp_d9", help="name of a clip in the test data's faces/")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--frames", type=int, default=24, help="frames scored")
    flags = parser.parse_args()
    seen, machine = seen_clip(flags.clip), Machine()
    device = machine.prepare()
    settings = FitSettings(steps=flags.steps, until=learnt_share(seen))
    data = make_training_set([seen.path], settings, machine, Watch())
    held_out = HeldOut(seen, data.puppet, flags.frames)
    print(f"{flags.clip}, {flags.steps} steps\n")
    print(head("choice", *SHOWN))
    for name, make in choices(data, settings, device).items():
        row = held_out.score(Renderer(learnt(make(), flags.steps)).show)
        print(f"| {name} | {cells(row, SHOWN)} |", flush=True)


def choices(data: TrainingSet, settings: FitSettings, device: torch.device) -> dict[str, Callable[[], Trainer]]:
    """Trainings by what they change."""
    even = replace(data, chances=np.full(len(data), 1 / len(data)))

    def made(
        kind: type[Trainer] = Trainer,
        data: TrainingSet = data,
        seed: int = 0,
        layer: str = "relu3_2",
        weight: float = settings.contextual,
        change: float = 0.0,
    ) -> Callable[[], Trainer]:
        def make() -> Trainer:
            eyes = feature_network("small", tuple(dict.fromkeys((*LAYERS, layer)))).to(device)
            trainer = kind(data, settings, eyes, seed, device)
            trainer._objective = objective(settings, layer, weight, change, trainer._draw)
            return trainer

        return make

    return {
        "as it is": made(),
        "another seed": made(seed=1),
        "every frame as often": made(data=even),
        "no CX": made(weight=0.0),
        "CX on relu2_2": made(layer="relu2_2"),
        "CX on relu3_4": made(layer="relu3_4"),
        "pairs of frames": made(PairsTrainer),
        "pairs of frames, and how they change": made(PairsTrainer, change=CHANGE),
    }


def objective(settings: FitSettings, layer: str, weight: float, change: float, draw: torch.Generator) -> Objective:
    """The terms of the recipe "fast", with CX on a layer of one's own, and one on what changes within a pair."""

    def contextual(output, target):
        return contextual_loss(*sample_positions(output[layer], target[layer], settings.positions, draw))

    def changing(image, truth):
        return l1_loss(image[1:] - image[:-1], truth[1:] - truth[:-1])

    return Objective(
        Term("pixels", settings.pixels, lambda image, truth: l1_loss(image, truth)),
        Term("perceptual", settings.perceptual, lambda output, source: relative_l1(shallow(output), shallow(source))),
        Term("cx_target", weight, contextual),
        Term("change", change, changing),
    )


def shallow(features):
    return {name: features[name] for name in LAYERS}


def learnt(trainer: Trainer, steps: int) -> Puppet:
    """What a training makes of its puppet in so many steps, neither averaged over time nor given grain."""
    for _ in range(steps):
        trainer.step()
    return replace(trainer.data.puppet, network=trainer.averaged_network().cpu(), steadiness=0.0, grain=0.0)


if __name__ == "__main__":
    main()
