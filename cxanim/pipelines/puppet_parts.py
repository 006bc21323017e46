"""What the files of all puppets are made of: pictures as JPEG bytes, mattes, and the account a puppet gives of itself.

Whatever is read here anyone may have written.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cxanim.errors import CannotWrite
from cxanim.images import decode_jpeg, encode_jpeg
from cxanim.output import ensure_writable

PUPPET_SUFFIX = ".puppet"
SIZES_PX = (64, 128, 256, 512)
MOST_REFERENCES = 256
_JPEG_QUALITY = 95


class SelfTold:
    """What a puppet tells of itself.

    Attributes:
        about: kind, the files it is made from, settings and training curve, as JSON holds them.
    """

    about: dict[str, Any]

    @property
    def trained_windows(self) -> list[tuple[str, tuple[int, int, int, int, int]]]:
        """Name of each clip it was trained on, and the window: x, y, side, and the frame's width and height, in px."""
        windows = zip(self.about.get("sources", []), self.about.get("crops", []), strict=False)
        return [(str(name), tuple(crop)) for name, crop in windows]

    @property
    def training(self) -> dict[str, Any]:
        """How it was trained: settings, features, seed, steps, whether finished, and the curve; empty if it was not."""
        return self.about.get("training", {})

    @property
    def is_photo(self) -> bool:
        """Whether it was made from one picture."""
        return self.about.get("kind") == "photo"


def check_about(about: Any) -> None:
    """What a puppet tells of itself is shown and used; whoever made it may have written anything."""
    if not isinstance(about, dict):
        raise ValueError("no account of itself")
    crops, training = about.get("crops", []), about.get("training", {})
    if not isinstance(about.get("files", []), list):
        raise ValueError("impossible account of its files")
    if not isinstance(training, dict) or not isinstance(training.get("steps", 0), int):
        raise ValueError("impossible account of its training")
    for crop in crops:
        if len(crop) != 5 or not all(isinstance(value, int) and abs(value) < 1 << 16 for value in crop):
            raise ValueError("impossible window")


def check_counts(header: dict[str, Any]) -> tuple[int, int, int]:
    """Side, number of references and of the neutral one among them, as a header tells them."""
    size, count, neutral = header["size_px"], header["references"], header["neutral"]
    if not isinstance(size, int) or size not in SIZES_PX:
        raise ValueError("impossible geometry")
    if not isinstance(count, int) or not 1 <= count <= MOST_REFERENCES:
        raise ValueError("impossible geometry")
    if not isinstance(neutral, int) or not 0 <= neutral < count:
        raise ValueError("impossible geometry")
    return size, count, neutral


def facts_of(files: Sequence[Path]) -> list[list[Any]]:
    """Name and bytes of each file that a puppet is made from, by which it is told later whether it is the same."""
    return [[path.name, path.stat().st_size] for path in map(Path, files)]


def ensure_puppet_writable(path: Path) -> None:
    """Find out before the work whether a puppet can be kept at `path`.

    Raises:
        CannotWrite: another ending, or a place that cannot be written.
    """
    if Path(path).suffix.lower() != PUPPET_SUFFIX:
        raise CannotWrite(f"{Path(path).name}: a puppet is kept in a .puppet file.", "Let its name end in .puppet.")
    ensure_writable(path)


def as_stored(picture: np.ndarray) -> np.ndarray:
    """A picture as it will be after the puppet was saved and loaded."""
    return decode_jpeg(encode_jpeg(picture, _JPEG_QUALITY))


def jpeg_of(picture: np.ndarray) -> np.ndarray:
    """A picture as the bytes of a JPEG."""
    return np.frombuffer(encode_jpeg(np.ascontiguousarray(picture), _JPEG_QUALITY), np.uint8)


def matte_from(data: np.ndarray | None, size_px: int) -> np.ndarray | None:
    """A matte as it was kept: byte for byte, or as a JPEG."""
    if data is None or (data.dtype == np.uint8 and data.shape == (size_px, size_px)):
        return data
    return np.ascontiguousarray(picture_from(data, size_px)[..., 0])


def picture_from(data: np.ndarray, size_px: int) -> np.ndarray:
    """A picture that was kept as the bytes of a JPEG.

    Raises:
        ValueError: it is none, or of another size.
    """
    if data.dtype != np.uint8 or data.ndim != 1:
        raise ValueError("pictures are not bytes")
    picture = decode_jpeg(data.tobytes(), size_px * size_px)
    if picture.shape != (size_px, size_px, 3):
        raise ValueError(f"a picture of {picture.shape[1]}x{picture.shape[0]}, expected {size_px}")
    return picture
