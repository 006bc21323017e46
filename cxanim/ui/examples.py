"""Examples that need no network: a photograph in the public domain, and a character drawn by the program."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from cxanim.images import write_image
from cxanim.ui.character import character

PHOTOGRAPH_CREDIT = "Astronaut Eileen Collins, NASA, public domain (from scikit-image)"


def make_examples(folder: Path) -> list[Path]:
    """Put the example pictures into a folder; return their paths."""
    from skimage.data import astronaut  # part of its wheel, nothing is downloaded

    pictures: dict[str, Callable[[], np.ndarray]] = {"astronaut.png": astronaut, "character.png": character}
    for name, make in pictures.items():
        if not (folder / name).exists():
            write_image(folder / name, make())
    return [folder / name for name in pictures]
