"""Makes pictures and videos of one kind look like another kind, by a network that learnt it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cxanim.errors import BadSetting, CannotWrite
from cxanim.images import count_pictures
from cxanim.pipelines.machine import Machine
from cxanim.pipelines.picture_set import PICTURE_SUFFIXES, NoPictures
from cxanim.pipelines.repaint import PartSettings, Repainted, ensure_paintable, repaint
from cxanim.pipelines.translator import Translator
from cxanim.pipelines.watch import Watch
from cxanim.settings import setting


@dataclass(frozen=True)
class DomainApplySettings(PartSettings):
    """How a network that learnt another kind is used."""

    size: int = setting(512, "longest side of the results", low=64, high=4096, step=64, unit="px")


def translate(
    translator: Path,
    source: Path,
    output: Path,
    settings: DomainApplySettings | None = None,
    machine: Machine | None = None,
    watch: Watch | None = None,
) -> Repainted:
    """Write a picture, or a video with its sound, as one of the other kind.

    Args:
        translator: a .translator file.
        source: a picture or a video.
        output: .png, .jpg or .webp of a picture; .mp4, .webm or .gif of a video.
        settings: size, part of a video.
        machine: where to compute.
        watch: who is told, and may stop it; then nothing is kept.

    Raises:
        BadPuppet, UnreadableImage, UnreadableVideo, TooLarge, CannotWrite, Cancelled.
    """
    settings, watch = settings or DomainApplySettings(), watch or Watch()
    ensure_paintable(Path(source), Path(output))
    made = _on(translator, machine)
    return repaint(Path(source), Path(output), made.translate, settings.size, watch, settings)


def apply_domain(
    translator: Path,
    sources: Sequence[Path],
    folder: Path,
    settings: DomainApplySettings | None = None,
    machine: Machine | None = None,
    watch: Watch | None = None,
) -> list[Repainted]:
    """Write each picture (.png) or video (.mp4, with its sound) as one of the other kind into a folder.

    Args:
        translator: a .translator file.
        sources: pictures, videos, folders of pictures.
        folder: where the results go, under the names of their sources; it is made if it is not there.
        settings: size, part of videos.
        machine: where to compute.
        watch: who is told, and may stop it; what is done is kept.

    Raises:
        BadPuppet, UnreadableImage, UnreadableVideo, TooLarge, CannotWrite, NoPictures, Cancelled.
    """
    settings, watch = settings or DomainApplySettings(), watch or Watch()
    made = _on(translator, machine)
    files = _files(sources)
    names = [path.stem for path in files]
    if len(set(names)) < len(names):
        raise BadSetting("sources: two of them have one name.", "Give them names of their own.")
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotWrite(f"The folder {folder} cannot be made ({error.strerror}).", "Name another one.") from error
    done: list[Repainted] = []
    for path in watch.each(files, "Translating", len(files), "files"):
        output = folder / f"{path.stem}{'.png' if count_pictures(path) == 1 else '.mp4'}"
        done.append(repaint(path, output, made.translate, settings.size, watch, settings))
    return done


def _on(translator: Path, machine: Machine | None) -> Translator:
    """The translator, where it shall compute."""
    device = (machine or Machine()).prepare()
    made = Translator.load(translator)
    made.network.to(device)
    return made


def _files(sources: Sequence[Path]) -> list[Path]:
    files: list[Path] = []
    for source in map(Path, sources):
        if source.is_dir():
            files += sorted(path for path in source.iterdir() if path.suffix.lower() in PICTURE_SUFFIXES)
        else:
            files.append(source)
    if not files:
        raise NoPictures("There is no picture to translate.", "Name pictures, videos, or a folder of pictures.")
    return files
