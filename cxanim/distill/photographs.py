"""The pictures that are learnt from, and those that are held out."""

import csv
import hashlib
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

HELD_OUT_SHARE = 0.1


def split_by_source(folder: Path, skipped_prefixes: tuple[str, ...]) -> tuple[list[Path], list[Path]]:
    """Return the images to learn from and those held out, about a tenth, with no source in both.

    A source is what stands before the colon in the column `source` of `index.csv`; without that file, each image
    is its own. Hashes of their names decide which sources are held out.
    """
    index = read_sources(folder)
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


def read_sources(folder: Path) -> dict[str, str]:
    """Where each image comes from, by its name: the column `source` of `index.csv`, empty without that file."""
    index_file = folder / "index.csv"
    if not index_file.is_file():
        return {}
    with open(index_file, newline="", encoding="utf-8") as file:
        return {row["name"]: row["source"] for row in csv.DictReader(file)}


def write_list(path: Path, learn: list[Path], held_out: list[Path], sources: dict[str, str]) -> None:
    """Write which images were learnt from and held out, and where each comes from, as CSV."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("name", "use", "source"))
        for use, paths in (("learnt", learn), ("held out", held_out)):
            writer.writerows((image.name, use, sources.get(image.name, "")) for image in paths)


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
