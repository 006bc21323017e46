"""How faithfully, and how much faster, the feature network `small` judges pictures as VGG-19 does.

    python bench/features.py [--images DIR] [--teacher VGG19.safetensors] [--deep-teacher FILE] [--student FILE]

Pictures of sources that the student never saw are paired with distorted, shifted and foreign ones; the rank
correlation (Spearman) says how far two networks agree on which pairs are the more alike. Plain pixel differences
and an untrained network of the same shape stand beside it, to show what agreement costs nothing. VGG-19 is at hand as
far as conv3_4; at relu4_1 the judge is the published student that `small` learnt it from.
"""

import argparse
import io
import json
import os
import sys
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors import safe_open
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from cxanim.distill.course import Recipe
from cxanim.distill.photographs import read_pixels, split_by_source
from cxanim.distill.teachers import DEEP_LAYER, load_teachers
from cxanim.losses import contextual_loss, feature_network, l1_loss, relative_l1
from cxanim.losses.features import FeatureNetwork
from cxanim.losses.weights import CHECKPOINTS

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("CXANIM_TEST_DATA", ROOT.parent / "shared" / "data"))
TEACHER = DATA / "weights" / "vgg19_torchvision_keys_to_conv3_4.safetensors"
DEEP_TEACHER = DATA / "weights" / "vgg19_quarter_width_student.safetensors"
LAYERS = ("relu1_2", "relu2_2", "relu3_2")
JUDGEMENTS = ("perceptual", "CX relu3_2", f"CX {DEEP_LAYER}")
SIDE_PX = 128


def crop(picture: np.ndarray, top: int, left: int) -> np.ndarray:
    """A square part of a picture."""
    return picture[top : top + SIDE_PX, left : left + SIDE_PX]


def as_jpeg(picture: np.ndarray, quality: int) -> np.ndarray:
    """The picture after JPEG compression."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def shrunk(picture: np.ndarray, factor: int) -> np.ndarray:
    """The picture after losing detail finer than `factor` pixels."""
    small = Image.fromarray(picture).resize((SIDE_PX // factor,) * 2, Image.Resampling.BOX)
    return np.asarray(small.resize((SIDE_PX,) * 2, Image.Resampling.BICUBIC))


def pairs(pictures: list[np.ndarray], count: int, random: np.random.Generator) -> dict[str, list[tuple]]:
    """`count` pairs (changed, original) of every kind, each change of a random strength."""
    fitting = [picture for picture in pictures if min(picture.shape[:2]) >= SIDE_PX + 16]
    kinds: dict[str, list[tuple]] = {kind: [] for kind in ("noise", "blur", "jpeg", "colour", "shift", "foreign")}
    for kind, made in kinds.items():
        for which in random.integers(len(fitting), size=count):
            picture = fitting[which]
            top, left = (random.integers(side - SIDE_PX - 16 + 1) for side in picture.shape[:2])
            original = crop(picture, top, left)
            if kind == "noise":
                changed = original + random.normal(0, random.uniform(2, 50), original.shape)
            elif kind == "blur":
                changed = shrunk(original, int(random.choice([2, 4, 8, 16])))
            elif kind == "jpeg":
                changed = as_jpeg(original, int(random.integers(3, 60)))
            elif kind == "colour":
                changed = original * random.uniform(0.6, 1.2, 3) + random.uniform(-30, 30)
            elif kind == "shift":
                changed = crop(picture, top + random.integers(17), left + random.integers(17))
            else:
                changed = crop(fitting[random.integers(len(fitting))], 0, 0)
            made.append((changed.clip(0, 255).astype(np.uint8), original))
    return kinds


def tensor(picture: np.ndarray) -> Tensor:
    """(1, 3, H, W) in [0, 1]."""
    return torch.from_numpy(picture.copy()).permute(2, 0, 1)[None].float() / 255


def judged(network: nn.Module, pair: tuple) -> list[float]:
    """How far apart a pair is to a network, by each of `JUDGEMENTS`."""
    fx, fy = (network(tensor(picture)) for picture in pair)
    contextual = [contextual_loss(fx[layer], fy[layer]).item() for layer in ("relu3_2", DEEP_LAYER)]
    shallow = [{layer: features[layer] for layer in LAYERS} for features in (fx, fy)]
    return [relative_l1(*shallow).item(), *contextual]


def spearman(a: np.ndarray, b: np.ndarray) -> float:
    """Correlation of ranks."""
    return float(np.corrcoef(a.argsort().argsort(), b.argsort().argsort())[0, 1])


def step_ms(network: FeatureNetwork, side_px: int = 256) -> float:
    """Best time of features, loss and gradient to the image, with the target's features known."""
    image = torch.rand(1, 3, side_px, side_px, requires_grad=True)
    target = {layer: features.detach() for layer, features in network(torch.rand_like(image)).items()}
    times = []
    for _ in range(7):
        begun = time.perf_counter()
        relative_l1(network(image), target).backward()
        times.append(time.perf_counter() - begun)
    return 1000 * min(times)


def main() -> None:
    """Print the tables as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=Path, default=DATA / "images", help="what the student was distilled on")
    parser.add_argument("--teacher", type=Path, default=TEACHER)
    parser.add_argument("--deep-teacher", type=Path, default=DEEP_TEACHER)
    parser.add_argument("--student", type=Path, default=CHECKPOINTS[0] / "small.safetensors", help="weights of `small`")
    parser.add_argument("--pairs", type=int, default=40, help="pairs of each kind")
    parser.add_argument("--threads", type=int, default=2)
    flags = parser.parse_args()
    for needed in (flags.images, flags.teacher, flags.deep_teacher):
        if not needed.exists():
            print(f"Nothing to measure on: {needed} is needed.")
            return
    torch.set_num_threads(flags.threads)
    torch.manual_seed(0)
    _, held_out = split_by_source(flags.images, Recipe.skipped_prefixes)
    kinds = pairs(read_pixels(held_out), flags.pairs, np.random.default_rng(0))
    networks = {
        "teachers": load_teachers(flags.teacher, flags.deep_teacher),
        "small": feature_network("small", (*LAYERS, DEEP_LAYER), flags.student),
        "untrained": FeatureNetwork("small", (*LAYERS, DEEP_LAYER)),
    }
    with torch.no_grad():
        verdicts = {
            name: {kind: np.array([judged(network, pair) for pair in made]) for kind, made in kinds.items()}
            for name, network in networks.items()
        }
        pixels = {kind: [l1_loss(*map(tensor, pair)).item() for pair in made] for kind, made in kinds.items()}
    print(
        f"Spearman's rank correlation with VGG-19 over {len(held_out)} held-out pictures, {flags.pairs} pairs a kind\n"
    )
    print("| pairs | " + " | ".join(f"{judgement}: small | untrained | pixel L1" for judgement in JUDGEMENTS) + " |")
    print("|---|" + "---|" * 3 * len(JUDGEMENTS))
    for shown in ("all", *kinds):
        chosen = list(kinds) if shown == "all" else [shown]
        cells = []
        for column in range(len(JUDGEMENTS)):
            truth = np.concatenate([verdicts["teachers"][kind][:, column] for kind in chosen])
            for name in ("small", "untrained"):
                cells.append(spearman(truth, np.concatenate([verdicts[name][kind][:, column] for kind in chosen])))
            cells.append(spearman(truth, np.concatenate([pixels[kind] for kind in chosen])))
        print(f"| {shown} | " + " | ".join(f"{cell:.3f}" for cell in cells) + " |")
    with safe_open(flags.student, framework="pt") as file:
        fidelity = json.loads(file.metadata()["cxanim"])["fidelity"]
    print("\nCorrelation with the teachers' activations through a linear map, as distillation measured it\n")
    print("| " + " | ".join(fidelity) + " |\n|" + "---|" * len(fidelity))
    print("| " + " | ".join(f"{value:.3f}" for value in fidelity.values()) + " |")
    files = {"vgg19": flags.teacher, "small": flags.student}
    cost = {name: step_ms(feature_network(name, LAYERS, file)) for name, file in files.items()}
    print(
        f"\nFeatures, loss and gradient at 256 px: VGG-19 {cost['vgg19']:.0f} ms, small {cost['small']:.0f} ms, ",
        end="",
    )
    print(f"{cost['vgg19'] / cost['small']:.1f} times faster ({flags.threads} threads)")


if __name__ == "__main__":
    main()
