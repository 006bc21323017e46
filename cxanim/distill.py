"""Teach the feature network `small` to see as VGG-19 does.

    python -m cxanim.distill --images DIR --teacher VGG19.safetensors -o checkpoints/small.safetensors

Two lessons at every ReLU layer, on random crops and flips of natural images:

* a linear map, 1x1 and thrown away afterwards, turns the student's features into the teacher's (per channel of
  zero mean and unit variance); squared error (A. Romero et al., "FitNets", ICLR 2015);
* the cosines between centred features at random pairs of places are the teacher's (F. Tung, G. Mori,
  "Similarity-Preserving Knowledge Distillation", ICCV 2019): they are all that the Contextual loss sees.

Scaled so that each layer's mean activation on the validation images is 1; ReLU lets one convolution's scale be
undone in the next, so this changes no map and no cosine. Images are split by source, never by file.
"""

import argparse
import csv
import hashlib
import json
import math
import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save
from torch import Tensor, nn

from cxanim.errors import CannotWrite
from cxanim.losses.features import WIDTHS, FeatureNetwork, feature_network, layer_names

LAYERS = tuple(layer for layer in layer_names("small") if layer.startswith("relu"))
GRID_PX = {"1": 4, "2": 2, "3": 1}  # a stage is compared at one place in so many each way: as often as the deepest
LICENCE = "Distilled from VGG-19 (K. Simonyan, A. Zisserman, CC BY 4.0, weights changed by distillation)."
HELD_OUT_SHARE = 0.1


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


def split_by_source(folder: Path, skipped_prefixes: tuple[str, ...]) -> tuple[list[Path], list[Path]]:
    """Return the images to learn from and those held out, about a tenth, with no source in both.

    A source is what stands before the colon in the column `source` of `index.csv`; without that file, each image
    is its own. Hashes of their names decide which sources are held out.
    """
    index_file = folder / "index.csv"
    index = {}
    if index_file.is_file():
        with open(index_file, newline="", encoding="utf-8") as file:
            index = {row["name"]: row["source"] for row in csv.DictReader(file)}
    by_source: dict[str, list[Path]] = {}
    for path in sorted(path for ending in ("jpg", "jpeg", "png") for path in folder.glob(f"*.{ending}")):
        if not path.name.startswith(skipped_prefixes):
            by_source.setdefault(index.get(path.name, path.name).split(":")[0], []).append(path)
    room = sum(map(len, by_source.values())) * HELD_OUT_SHARE
    learn: list[Path] = []
    held_out: list[Path] = []
    for source in sorted(by_source, key=lambda name: hashlib.sha256(name.encode()).digest()):
        paths = by_source[source]
        fits = len(held_out) + len(paths) <= room
        (held_out if fits else learn).extend(paths)
    return learn, held_out


def read_pixels(paths: list[Path]) -> list[np.ndarray]:
    """Read images as uint8 RGB (H, W, 3)."""
    return [np.asarray(Image.open(path).convert("RGB")) for path in paths]


def crops(pixels: list[np.ndarray], size_px: int, count: int, random: np.random.Generator) -> Tensor:
    """Cut `count` random crops, half of them mirrored: (count, 3, size_px, size_px) in [0, 1]."""
    large_enough = [image for image in pixels if min(image.shape[:2]) >= size_px]
    batch = np.empty((count, size_px, size_px, 3), np.uint8)
    for slot, which in zip(batch, random.integers(len(large_enough), size=count), strict=True):
        image = large_enough[which]
        top, left = (random.integers(side - size_px + 1) for side in image.shape[:2])
        crop = image[top : top + size_px, left : left + size_px]
        slot[:] = crop[:, ::-1] if random.random() < 0.5 else crop
    return torch.from_numpy(batch).permute(0, 3, 1, 2).float() / 255


class Lesson(nn.Module):
    """Compares the student's features with the teacher's."""

    def __init__(self, teacher: FeatureNetwork, examples: list[Tensor], recipe: Recipe):
        super().__init__()
        self.teacher = teacher
        self.recipe = recipe
        width_of = dict(zip("123", zip(WIDTHS["small"], WIDTHS["vgg19"], strict=False), strict=True))
        self.maps = nn.ModuleDict({layer: nn.Conv2d(*width_of[layer[4]], kernel_size=1) for layer in LAYERS})
        seen = [teacher(batch) for batch in examples]
        for layer in LAYERS:
            values = torch.cat(
                [_on_grid(layer, features[layer]).transpose(0, 1).flatten(1) for features in seen], dim=1
            )
            self.register_buffer(f"{layer}_mean", values.mean(dim=1)[:, None, None])
            deviations = values.std(dim=1)
            floor = 0.1 * deviations.mean()  # a channel that is silent on the examples must not shout later
            self.register_buffer(f"{layer}_std", deviations.clamp_min(floor)[:, None, None])

    def normalised(self, layer: str, features: Tensor) -> Tensor:
        """The teacher's features with zero mean and unit variance per channel."""
        return (features - self.get_buffer(f"{layer}_mean")) / self.get_buffer(f"{layer}_std")

    def forward(self, student: FeatureNetwork, images: Tensor) -> Tensor:
        """Mean over layers of both lessons' errors, each near 1 for a student that knows nothing."""
        with torch.no_grad():
            wanted = self.teacher(images)
        seen = student(images)
        errors = []
        for layer in LAYERS:
            offsets = torch.randint(GRID_PX[layer[4]], (2,)).tolist()
            x, y = (_on_grid(layer, features[layer], offsets) for features in (seen, wanted))
            mapped = (self.maps[layer](x) - self.normalised(layer, y)).square().mean()
            errors.append(mapped + self.recipe.similarity_weight * self.similarity_error(x, y))
        return torch.stack(errors).mean()

    def similarity_error(self, student: Tensor, teacher: Tensor) -> Tensor:
        """Squared error of the cosines between features at random places, over their variance."""
        student, teacher = (f.transpose(0, 1).flatten(1).T for f in (student, teacher))
        places = torch.randint(len(student), (self.recipe.similarity_places,))
        seen, wanted = (_cosines(f[places]) for f in (student, teacher))
        return (seen - wanted).square().mean() / wanted.var()

    @torch.no_grad()
    def fidelity(self, student: FeatureNetwork, batches: list[Tensor]) -> dict[str, float]:
        """Correlation of mapped and true teacher features, per layer the median over channels."""
        moments: dict[str, list[Tensor]] = {layer: [] for layer in LAYERS}
        for images in batches:
            seen, wanted = student(images), self.teacher(images)
            for layer in LAYERS:
                x, y = (_on_grid(layer, features[layer]) for features in (seen, wanted))
                a = self.maps[layer](x).transpose(0, 1).flatten(1).double()
                b = self.normalised(layer, y).transpose(0, 1).flatten(1).double()
                moments[layer].append(torch.stack([m.mean(1) for m in (a, b, a * a, b * b, a * b)]))
        table = {}
        for layer, parts in moments.items():
            a, b, aa, bb, ab = torch.stack(parts).mean(0)
            correlation = (ab - a * b) / ((aa - a * a) * (bb - b * b)).clamp_min(1e-12).sqrt()
            table[layer] = round(float(correlation.median()), 4)
        return table


def _on_grid(layer: str, features: Tensor, offsets: Sequence[int] = (0, 0)) -> Tensor:
    step_px = GRID_PX[layer[4]]
    return features[..., offsets[0] :: step_px, offsets[1] :: step_px]


def _cosines(features: Tensor) -> Tensor:
    unit = nn.functional.normalize(features - features.mean(dim=0), dim=1, eps=1e-6)
    return unit @ unit.T


@torch.no_grad()
def unit_scaled(student: FeatureNetwork, batches: list[Tensor]) -> dict[str, Tensor]:
    """The student's weights, each convolution scaled so that its mean ReLU activation on `batches` is 1."""
    means = {layer: torch.stack([student(images)[layer].mean() for images in batches]).mean() for layer in LAYERS}
    state, undo = {}, torch.tensor(1.0)
    for position, key in student.keys.items():
        mean = means[f"relu{position}"]
        state[f"{key}.weight"] = student.get_parameter(f"{key}.weight") * undo / mean
        state[f"{key}.bias"] = student.get_parameter(f"{key}.bias") / mean
        undo = mean
    return state


def distill(learn: list[np.ndarray], held_out: list[np.ndarray], teacher: FeatureNetwork, recipe: Recipe) -> Iterator:
    """Train for `recipe.minutes`, yielding (steps, fidelity, weights) after every tenth of the time."""
    torch.manual_seed(recipe.seed)
    random = np.random.default_rng(recipe.seed)
    largest_px = max(recipe.crop_sizes_px)
    examples = [crops(held_out, largest_px, recipe.batch_size, random) for _ in range(6)]
    student = FeatureNetwork("small", LAYERS)
    for key in student.keys.values():
        nn.init.kaiming_normal_(student.get_parameter(f"{key}.weight"), nonlinearity="relu")
        nn.init.zeros_(student.get_parameter(f"{key}.bias"))
    lesson = Lesson(teacher, [crops(learn, largest_px, recipe.batch_size, random) for _ in range(12)], recipe)
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


def main(arguments: list[str] | None = None) -> None:
    """Read the flags, distil, and write the best weights so far after every tenth of the time."""
    parser = argparse.ArgumentParser(prog="python -m cxanim.distill", description="Distil the feature network 'small'.")
    parser.add_argument("--images", type=Path, required=True, help="folder of images, with index.csv naming sources")
    parser.add_argument("--teacher", type=Path, required=True, help="VGG-19 in torchvision's layout, to conv3_4")
    parser.add_argument("-o", "--output", type=Path, required=True, help="safetensors file to write")
    parser.add_argument("--minutes", type=float, default=Recipe.minutes)
    parser.add_argument("--threads", type=int, default=2)
    flags = parser.parse_args(arguments)
    torch.set_num_threads(flags.threads)
    recipe = Recipe(minutes=flags.minutes)
    learn, held_out = split_by_source(flags.images, recipe.skipped_prefixes)
    data_hash = hashlib.sha256("\n".join(path.name for path in learn).encode()).hexdigest()
    facts = {"recipe": asdict(recipe), "images": len(learn), "images_sha256": data_hash, "licence": LICENCE}
    teacher = feature_network("vgg19", LAYERS, flags.teacher)
    best = -1.0
    for step, fidelity, state in distill(read_pixels(learn), read_pixels(held_out), teacher, recipe):
        sys.stderr.write(f"step {step}: {json.dumps(fidelity)}\n")
        if sum(fidelity.values()) > best:
            best = sum(fidelity.values())
            write_weights(flags.output, state, facts | {"steps": step, "fidelity": fidelity})


if __name__ == "__main__":
    main()
