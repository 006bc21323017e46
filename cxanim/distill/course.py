"""The course: a student of random weights, a clock, and the weights that are kept."""

import json
import math
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor, nn

from cxanim.distill.lesson import Lesson, unit_scaled
from cxanim.distill.photographs import crops
from cxanim.distill.teachers import LAYERS, Teachers
from cxanim.errors import CannotWrite
from cxanim.losses.features import FeatureNetwork

LICENCE = (
    "Distilled from VGG-19 (K. Simonyan, A. Zisserman, CC BY 4.0, weights changed by distillation); "
    "conv4_1 from the student of Collaborative Distillation (H. Wang et al., CVPR 2020, MIT)."
)


@dataclass(frozen=True)
class Recipe:
    """What was done, as it is written into the weights file."""

    minutes: float = 20.0
    batch_size: int = 8
    crop_sizes_px: tuple[int, ...] = (96, 112, 128)
    learning_rate: float = 3e-3
    similarity_weight: float = 1.0
    similarity_places: int = 512
    skipped_prefixes: tuple[str, ...] = ("kaokore_", "stylised_")
    seed: int = 0


def distill(learn: list[np.ndarray], held_out: list[np.ndarray], teachers: Teachers, recipe: Recipe) -> Iterator:
    """Train for `recipe.minutes`, yielding (steps, fidelity, weights) after every tenth of the time."""
    torch.manual_seed(recipe.seed)
    random = np.random.default_rng(recipe.seed)
    largest_px = max(recipe.crop_sizes_px)
    examples = [crops(held_out, largest_px, recipe.batch_size, random) for _ in range(6)]
    student = FeatureNetwork("small", LAYERS)
    for key in student.keys.values():
        nn.init.kaiming_normal_(student.get_parameter(f"{key}.weight"), nonlinearity="relu")
        nn.init.zeros_(student.get_parameter(f"{key}.bias"))
    lesson = Lesson(
        teachers,
        [crops(learn, largest_px, recipe.batch_size, random) for _ in range(12)],
        similarity_weight=recipe.similarity_weight,
        similarity_places=recipe.similarity_places,
    )
    optimizer = torch.optim.Adam([*student.parameters(), *lesson.maps.parameters()], recipe.learning_rate)
    begun, step, reported = time.monotonic(), 0, 0
    while reported < 10:
        spent = (time.monotonic() - begun) / (60 * recipe.minutes)
        warm_up = min(1.0, (step + 1) / 100)
        optimizer.param_groups[0]["lr"] = (
            recipe.learning_rate * warm_up * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, spent))))
        )
        error = lesson(student, crops(learn, int(random.choice(recipe.crop_sizes_px)), recipe.batch_size, random))
        optimizer.zero_grad()
        error.backward()
        optimizer.step()
        step += 1
        if spent >= (reported + 1) / 10:
            reported += 1
            yield step, lesson.fidelity(student, examples), unit_scaled(student, examples)


def write_weights(path: Path, state: dict[str, Tensor], facts: dict[str, object]) -> None:
    """Write weights and what is known of them, whole or not at all."""
    unfinished = path.with_name(path.name + ".part")
    try:
        unfinished.write_bytes(save(state, metadata={"cxanim": json.dumps(facts, sort_keys=True)}))
        os.replace(unfinished, path)
    except OSError as error:
        raise CannotWrite(f"{path} cannot be written ({error}).", "Choose a folder with room to write.") from error
    finally:
        unfinished.unlink(missing_ok=True)
