"""Many pictures of one kind, from wherever a person has them: files, folders, a zip, the frames of a video.

Nothing of a zip is written under a name that it says: a member's bytes are read up to a limit and go into a file of
our own.
"""

import math
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from cxanim.errors import CxanimError, TooLarge, UnreadableImage
from cxanim.images import as_seen, count_pictures, fitted, read_image
from cxanim.limits import Limits
from cxanim.output import atomic_output
from cxanim.pipelines.watch import Watch
from cxanim.video import open_video

PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".avif")
MOST_PICTURES = 4000
_OF_A_CLIP = 60
_NONE_HERE = "Give a folder or a zip of .jpg or .png pictures."


class NoPictures(CxanimError):
    """There is no picture where some should be."""


@dataclass(frozen=True)
class PictureSet:
    """Pictures, and what a person should know of them.

    Attributes:
        pictures: (H, W, 3) uint8 RGB each.
        names: where each came from.
        notes: what was left out.
    """

    pictures: list[np.ndarray]
    names: list[str]
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.pictures)


def read_pictures(sources: Sequence[Path], longest_px: int, watch: Watch | None = None, least: int = 1) -> PictureSet:
    """Read all pictures of some sources, made smaller where they are larger.

    Args:
        sources: pictures, folders, zips, videos.
        longest_px: longest side of what comes.
        watch: who is told, and may stop it.
        least: how many there must be.

    Raises:
        NoPictures: fewer than `least`, or a source that is not there.
        TooLarge: more than the limits allow.
    """
    watch = watch or Watch()
    pictures: list[np.ndarray] = []
    names: list[str] = []
    left_out: list[str] = []
    for name, read in watch.each(_all(sources), "Reading pictures", unit="pictures"):
        if len(pictures) >= MOST_PICTURES:
            left_out.append(name)
            continue
        try:
            found = read(longest_px)
        except UnreadableImage:
            left_out.append(name)
            continue
        pictures += found
        names += [name] * len(found)
    if len(pictures) < least:
        where = ", ".join(source.name for source in sources)
        raise NoPictures(f"{where}: {len(pictures)} pictures can be read; at least {least} are needed.", _NONE_HERE)
    notes: tuple[str, ...] = ()
    if left_out:
        some = ", ".join(left_out[:3]) + (" and others" if len(left_out) > 3 else "")
        notes = (f"{len(left_out)} files were left out: {some}.",)
    return PictureSet(pictures, names, notes)


def photographs() -> PictureSet:
    """Photographs that come with scikit-image, for whoever has none at hand; nothing is downloaded."""
    from skimage import data

    left, right, _ = data.stereo_motorcycle()
    found = {
        "astronaut": data.astronaut(), "chelsea": data.chelsea(), "coffee": data.coffee(), "rocket": data.rocket(),
        "motorcycle left": left, "motorcycle right": right, "hubble": data.hubble_deep_field(),
        "camera": cv2.cvtColor(data.camera(), cv2.COLOR_GRAY2RGB),
    }  # fmt: skip
    return PictureSet([np.ascontiguousarray(picture[..., :3]) for picture in found.values()], list(found))


def _all(sources: Sequence[Path]) -> Iterator[tuple[str, "_Reader"]]:
    for source in map(Path, sources):
        if source.is_dir():
            files = sorted(path for path in source.rglob("*") if path.suffix.lower() in PICTURE_SUFFIXES)
            yield from ((path.name, _File(path)) for path in files if not path.name.startswith("."))
        elif not source.exists():
            raise NoPictures(f"There is no {source}.", "Check the name.")
        elif zipfile.is_zipfile(source):
            yield from _members(source)
        else:
            yield source.name, _File(source) if count_pictures(source) == 1 else _Clip(source)


class _Reader:
    """Reads the pictures of one thing."""

    def __call__(self, longest_px: int) -> list[np.ndarray]:
        raise NotImplementedError


@dataclass(frozen=True)
class _File(_Reader):
    path: Path

    def __call__(self, longest_px: int) -> list[np.ndarray]:
        return [fitted(as_seen(read_image(self.path)), longest_px, enlarges=False)]


@dataclass(frozen=True)
class _Clip(_Reader):
    path: Path

    def __call__(self, longest_px: int) -> list[np.ndarray]:
        with open_video(self.path, max_side_px=longest_px) as video:
            every = max(1, math.ceil(video.info.frames_estimate / _OF_A_CLIP))
            return [frame.copy() for number, frame in enumerate(video) if number % every == 0]


@dataclass(frozen=True)
class _Member(_Reader):
    archive: zipfile.ZipFile
    info: zipfile.ZipInfo
    limits: Limits

    def __call__(self, longest_px: int) -> list[np.ndarray]:
        most = round(self.limits.image_mb * 1e6)
        try:
            with self.archive.open(self.info) as member:
                content = member.read(most + 1)  # whatever size the zip says it has
        except (zipfile.BadZipFile, RuntimeError, NotImplementedError, OSError, EOFError, ValueError) as error:
            raise UnreadableImage(f"{self.info.filename} cannot be unpacked.", "Pack the zip again.") from error
        if len(content) > most:
            raise UnreadableImage(
                f"{self.info.filename} has more than {self.limits.image_mb:g} MB.", "Make it smaller."
            )
        with tempfile.TemporaryDirectory(prefix="cxanim-") as folder:
            place = Path(folder) / f"member{Path(self.info.filename).suffix.lower()}"
            with atomic_output(place) as temporary:
                temporary.write_bytes(content)
            return _File(place)(longest_px)


def _members(source: Path) -> Iterator[tuple[str, _Reader]]:
    limits = Limits.from_environment()
    if source.stat().st_size > limits.video_mb * 1e6:
        raise TooLarge(
            f"{source.name} has {source.stat().st_size / 1e6:.0f} MB; the limit is {limits.video_mb:g} MB.",
            "Put fewer or smaller pictures in, or raise CXANIM_MAX_VIDEO_MB.",
        )
    try:
        archive = zipfile.ZipFile(source)
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise NoPictures(f"{source.name} is damaged.", "Pack it again.") from error
    with archive:
        for info in sorted(archive.infolist(), key=lambda one: one.filename):
            name = info.filename.replace("\\", "/").rsplit("/", 1)[-1]
            hidden = name.startswith(".") or "__MACOSX" in info.filename
            if not info.is_dir() and not hidden and Path(name).suffix.lower() in PICTURE_SUFFIXES:
                yield name, _Member(archive, info, limits)
