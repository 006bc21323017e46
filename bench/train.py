"""What a training step costs, stage by stage, beside the plain step that it replaces, in the same run.

    python bench/train.py [--steps 40] [--size 256] [CLIP]

The plain step is what the equations say: the whole frame, VGG-19's features of output and truth, the relative L1 over
three layers, and the dense Contextual loss over every position of relu3_2. Both train the same network, `live`. What a
step of ours costs grows with the share of the picture that the face takes, so a clip of the test data may be named;
without one the training set is made from a photo.

The last table is the cost model for machines that are not at hand: what a step computes, and in how many calls. A GPU
that computes TFLOPs in a second spends its time on the calls: on an H100 some 20 microseconds each, Python included.
"""

import argparse
import os
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import torch
from held_out import clip_named
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from cxanim.losses import FeatureNetwork, feature_network, l1_loss, relative_l1
from cxanim.losses.contextual import contextual_loss
from cxanim.pipelines.fit import make_training_set
from cxanim.pipelines.learn import FitSettings
from cxanim.pipelines.machine import Machine
from cxanim.pipelines.objectives import layers_of
from cxanim.pipelines.photo import observe_photo, photo_puppet
from cxanim.pipelines.photo_set import photo_training_set
from cxanim.pipelines.puppet_network import make_network
from cxanim.pipelines.refine import as_condition, refine
from cxanim.pipelines.trainer import Trainer
from cxanim.pipelines.training_set import TrainingSet
from cxanim.pipelines.watch import Watch
from cxanim.ui.examples import make_examples

LAYERS = ("relu1_2", "relu2_2", "relu3_2")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", nargs="?", help="name of a clip in the test data's faces/; else a photo is used")
    parser.add_argument("--steps", type=int, default=40, help="steps of ours that are timed; a quarter of the plain")
    parser.add_argument("--size", type=int, default=256)
    flags = parser.parse_args()
    Machine().prepare()
    settings = FitSettings(size=flags.size)
    if flags.clip:
        few = replace(settings, until=0.2)  # what a step costs does not depend on how many frames there are
        data = make_training_set([clip_named(flags.clip)], few, Machine(), Watch())
    else:
        data = of_a_photo(flags.size)
    eyes = feature_network("small", layers_of(settings.recipe, False, "small"))
    trainer = Trainer(data, settings, eyes, 0, torch.device("cpu"))
    stages = Stages(trainer)
    ours = timed(trainer.step, flags.steps)
    shares = stages.medians(ours)
    plain = timed(PlainStep(data, flags.size), max(4, flags.steps // 4))
    batch = settings.batch
    of, window = flags.clip or "photo", trainer._window_px
    print(f"{of}, {flags.size} px, windows of {window} px, {os.cpu_count()} cores, torch {torch.__version__}", end="")
    print(f", median of {flags.steps} steps")
    print("\n| step | frames in it | ms | steps/s | frames/s | times faster, per frame |\n|---|---|---|---|---|---|")
    print(f"| plain, VGG-19 | 1 | {1000 * plain:.0f} | {1 / plain:.1f} | {1 / plain:.1f} | 1 |")
    print(f"| ours | {batch} | {1000 * ours:.0f} | {1 / ours:.1f} | {batch / ours:.1f} | {plain / ours * batch:.1f} |")
    print("\n| stage of ours | ms | share |\n|---|---|---|")
    for name, seconds in shares.items():
        print(f"| {name} | {1000 * seconds:.1f} | {seconds / ours:.0%} |")
    print("\n| step | GFLOP of convolutions and products | calls of kernels |\n|---|---|---|")
    for name, step in {"plain, VGG-19": PlainStep(data, flags.size), "ours": trainer.step}.items():
        work, calls = cost(step)
        print(f"| {name} | {work / 1e9:.1f} | {calls} |")


def of_a_photo(size_px: int) -> TrainingSet:
    """A small training set that is learnt from as a clip's is: one target, no second feature loss."""
    with tempfile.TemporaryDirectory() as folder:
        photo = make_examples(Path(folder))[0]
        data = photo_training_set(photo_puppet(observe_photo(photo), size_px, photo.name), Watch(), count=32)
    data.puppet.about["kind"] = "clip"
    return data


def timed(step: Callable[[], Any], count: int) -> float:
    """Median seconds of a step, after three to warm up."""
    seconds = []
    for number in range(count + 3):
        start_s = time.perf_counter()
        step()
        if number >= 3:
            seconds.append(time.perf_counter() - start_s)
    return median(seconds)


def cost(step: Callable[[], Any]) -> tuple[int, int]:
    """Floating-point operations of a step's convolutions and matrix products, and how many operators it calls."""
    with FlopCounterMode(display=False) as counter:
        step()
    with Calls() as calls:
        step()
    return counter.get_total_flops(), calls.count


class Calls(TorchDispatchMode):
    """Counts the operators that compute something; views of what is there cost nothing."""

    count = 0

    def __torch_dispatch__(self, operator: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += not operator.is_view
        return operator(*args, **(kwargs or {}))


class PlainStep:
    """One step as the equations say, on one whole frame."""

    def __init__(self, data: TrainingSet, size_px: int):
        self.network = make_network(size_px, "live")
        self.optimiser = torch.optim.Adam(self.network.parameters(), lr=1e-3)
        self.eyes = FeatureNetwork("vgg19", LAYERS).requires_grad_(False)  # its weights do not change its cost
        self.condition = as_condition(data.warped[:1, 0], data.layout[:1])
        self.truth = torch.from_numpy(data.truth[:1]).permute(0, 3, 1, 2).float() / 255

    def __call__(self) -> None:
        output = refine(self.network(self.condition), self.condition)
        seen, wanted = self.eyes(output), self.eyes(self.truth)
        x, y = seen["relu3_2"].flatten(2), wanted["relu3_2"].flatten(2)
        loss = l1_loss(output, self.truth) + relative_l1(seen, wanted) + contextual_loss(x, y, block=None)
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()


class Stages:
    """Times the parts of a trainer's step by standing in for them."""

    def __init__(self, trainer: Trainer):
        self._seconds: dict[str, list[float]] = defaultdict(list)
        trainer.network.forward = self._timing("network, forward", trainer.network.forward)
        trainer._eyes.forward = self._timing("features, forward", trainer._eyes.forward)
        trainer._objective = self._timing("losses, forward", trainer._objective)
        learner = trainer._learner
        learner._optimiser.step = self._timing("optimiser", learner._optimiser.step)
        learner._follow = self._timing("mean weights", learner._follow)
        backward = self._timing("backward of all", torch.Tensor.backward)
        torch.Tensor.backward = lambda loss: backward(loss)  # type: ignore[method-assign]

    def _timing(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def timed_call(*args: Any, **named: Any) -> Any:
            start_s = time.perf_counter()
            result = call(*args, **named)
            self._seconds[name].append(time.perf_counter() - start_s)
            return result

        return timed_call

    def medians(self, step_s: float) -> dict[str, float]:
        """Median seconds of each stage in one step, and what is left."""
        steps = len(self._seconds["optimiser"])
        found = {name: median(seconds) * round(len(seconds) / steps) for name, seconds in self._seconds.items()}
        return found | {"data and the rest": max(0.0, step_s - sum(found.values()))}


if __name__ == "__main__":
    main()
