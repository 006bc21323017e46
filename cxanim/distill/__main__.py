"""Teach the feature network `small` to see as VGG-19 does.

    python -m cxanim.distill --images DIR --teacher VGG19.safetensors --deep-teacher STUDENT.safetensors \\
        -o checkpoints/small.safetensors
"""

import argparse
import hashlib
import json
import sys
from dataclasses import asdict
from pathlib import Path

import torch

from cxanim.distill.course import LICENCE, Recipe, distill, write_weights
from cxanim.distill.photographs import read_pixels, read_sources, split_by_source, write_list
from cxanim.distill.teachers import load_teachers


def main(arguments: list[str] | None = None) -> None:
    """Read the flags, distil, and write the best weights so far after every tenth of the time."""
    parser = argparse.ArgumentParser(prog="python -m cxanim.distill", description="Distil the feature network 'small'.")
    parser.add_argument("--images", type=Path, required=True, help="folder of images, with index.csv naming sources")
    parser.add_argument("--teacher", type=Path, required=True, help="VGG-19 in torchvision's layout, to conv3_4")
    parser.add_argument("--deep-teacher", type=Path, required=True, help="the published student, for conv4_1")
    parser.add_argument("-o", "--output", type=Path, required=True, help="safetensors file to write")
    parser.add_argument("--minutes", type=float, default=Recipe.minutes)
    parser.add_argument("--threads", type=int, default=2)
    flags = parser.parse_args(arguments)
    torch.set_num_threads(flags.threads)
    recipe = Recipe(minutes=flags.minutes)
    learn, held_out = split_by_source(flags.images, recipe.skipped_prefixes)
    data_hash = hashlib.sha256("\n".join(path.name for path in learn).encode()).hexdigest()
    facts = {"recipe": asdict(recipe), "images": len(learn), "images_sha256": data_hash, "licence": LICENCE}
    write_list(flags.output.with_suffix(".pictures.csv"), learn, held_out, read_sources(flags.images))
    teachers = load_teachers(flags.teacher, flags.deep_teacher)
    best = -1.0
    for step, fidelity, state in distill(read_pixels(learn), read_pixels(held_out), teachers, recipe):
        sys.stderr.write(f"step {step}: {json.dumps(fidelity)}\n")
        if sum(fidelity.values()) > best:
            best = sum(fidelity.values())
            write_weights(flags.output, state, facts | {"steps": step, "fidelity": fidelity})


if __name__ == "__main__":
    main()
