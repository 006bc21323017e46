"""Trains a puppet from a target's files, keeps it, and goes on where it stopped.

Two doors: `train` reads files and writes a puppet, `fit_photo` trains a photo puppet in memory. How a training set is
learnt from stands in `learn.py`, what a step is in `trainer.py`.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from cxanim.errors import BadSetting, CxanimError, NoFace, NoFigure
from cxanim.images import count_pictures
from cxanim.output import ensure_writable, one_writer
from cxanim.pipelines.figure_fit import learn_figure
from cxanim.pipelines.figure_puppet import FigurePuppet, load_puppet
from cxanim.pipelines.figure_set import figure_training_set
from cxanim.pipelines.learn import FitSettings, Trained, eyes_of, learn
from cxanim.pipelines.machine import Machine
from cxanim.pipelines.photo import observe_photo, photo_puppet
from cxanim.pipelines.photo_set import Lessons, photo_training_set
from cxanim.pipelines.placed_face import PlacedFace
from cxanim.pipelines.puppet import Puppet
from cxanim.pipelines.puppet_parts import PUPPET_SUFFIX, ensure_puppet_writable, facts_of
from cxanim.pipelines.training_set import TrainingSet, clip_training_set
from cxanim.pipelines.training_state import TrainingState, state_path
from cxanim.pipelines.watch import Watch

_PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".heic", ".heif")
_CLIP_SUFFIXES = (".mp4", ".m4v", ".mov", ".webm", ".mkv", ".avi", ".gif")
TARGET_SUFFIXES = (*_PHOTO_SUFFIXES, *_CLIP_SUFFIXES)

Call = Callable[..., Any]


def here(work: Call, *args: Any, watch: Watch) -> Any:
    """Call a piece of work in this process."""
    return work(*args, watch=watch)


def train(
    targets: Sequence[Path],
    output: Path,
    settings: FitSettings | None = None,
    machine: Machine | None = None,
    watch: Watch | None = None,
    *,
    placed: PlacedFace | None = None,
    resume: bool = False,
    longest_min: float = math.inf,
    where: Call = here,
) -> Trained[Any]:
    """Train a puppet from clips or one photo of a target and keep it.

    Args:
        targets: clips of one target; or one photo; or one puppet made from a photo.
        output: the .puppet file; the state for resuming lies beside it.
        settings: size, length and losses.
        machine: where to compute.
        watch: who is told. Stopping while training keeps what is learnt, and a crash loses a minute at most;
            before the first step nothing is kept.
        placed: where a person has placed the face of the one photo; found if None.
        resume: go on from the state beside `output`, to the settings' steps, or for their minutes more.
        longest_min: minutes after which training ends, whatever the settings say.
        where: calls the training itself, `where(learn, ..., watch=watch)`; another process may do it.

    Raises:
        CxanimError: whatever the world holds against it, with the next step.
    """
    settings, machine, watch = settings or FitSettings(), machine or Machine(), watch or Watch()
    device = machine.prepare()
    targets, output = [Path(target) for target in targets], Path(output)
    state = state_path(output)
    ensure_puppet_writable(output)
    ensure_writable(state)
    if resume:
        TrainingState.ensure_there(state)
    is_photo = bool(targets) and _kind(targets[0]) != "clip"
    eyes_of(settings, is_photo, device)  # what is missing is said now, not after the clip was read
    with one_writer(output):
        data = make_training_set(targets, settings, machine, watch, placed)
        earlier = TrainingState.load(state, data.fingerprint) if resume else None
        lesson = learn_figure if isinstance(data.puppet, FigurePuppet) else learn
        trained = where(lesson, data, settings, machine, earlier, output, longest_min, watch=watch)
        return replace(trained, path=output)


def fit_photo(
    puppet: Puppet,
    settings: FitSettings,
    machine: Machine,
    watch: Watch,
    where: Call = here,
    lessons: Lessons | None = None,
) -> Puppet:
    """Train a photo puppet in memory, from a driver's lessons too, which show what the photo does not."""
    data = photo_training_set(puppet, watch, seed=machine.seed, lessons=lessons)
    return where(learn, data, replace(settings, size=puppet.size_px), machine, watch=watch).puppet


def make_training_set(
    targets: Sequence[Path],
    settings: FitSettings,
    machine: Machine,
    watch: Watch,
    placed: PlacedFace | None = None,
) -> TrainingSet[Any]:
    """Read the targets and make what is learnt from them."""
    data = _read_targets(targets, settings, machine, watch, placed)
    about = data.puppet.about | {"files": facts_of(targets)}
    return replace(data, puppet=replace(data.puppet, about=about))


def _read_targets(
    targets: Sequence[Path], settings: FitSettings, machine: Machine, watch: Watch, placed: PlacedFace | None
) -> TrainingSet[Any]:
    if not targets:
        raise BadSetting("targets: got none, expected at least one file.")
    kinds = {_kind(target) for target in targets}
    if placed is not None and kinds != {"photo"}:
        raise BadSetting("landmarks: got them without a photo.", "Points say where the face of a photo is.")
    if kinds == {"clip"}:
        return _read_clips(targets, settings, watch)
    if settings.moves == "figure":
        raise BadSetting(
            "moves: got figure for a photo, expected a clip.", "A photo's figure moves without training: animate it."
        )
    if len(targets) > 1:
        raise CxanimError(
            "A puppet is trained from clips of one target, or from one photo.", "Give one photo, or clips only."
        )
    if kinds == {"puppet"}:
        puppet = load_puppet(targets[0])
        if not isinstance(puppet, Puppet) or not puppet.is_photo:
            raise CxanimError(
                f"{targets[0].name} was made from a clip, whose frames it does not hold.",
                "Train on the clip itself, with --resume to go on where it stopped.",
            )
        return photo_training_set(puppet, watch, seed=machine.seed)
    seen = observe_photo(targets[0], placed)
    data = photo_training_set(photo_puppet(seen, settings.size, targets[0].name), watch, seed=machine.seed)
    return replace(data, notes=seen.notes)


def _read_clips(clips: Sequence[Path], settings: FitSettings, watch: Watch) -> TrainingSet[Any]:
    """The face that clips show, or the figure, as is asked for; left open, the figure where there is no face."""
    order = clips, settings.size, settings.references, settings.until, watch
    if settings.moves == "figure":
        return figure_training_set(*order)
    try:
        return clip_training_set(*order)
    except NoFace as no_face:
        if settings.moves == "face":
            raise
        try:
            data = figure_training_set(*order)
        except NoFigure:
            raise no_face from None
        return replace(data, notes=(*data.notes, f"{no_face.problem} The whole figure is trained."))


def _kind(path: Path) -> str:
    """What a file is, by its content where that can be told, as photos and clips often have the wrong ending."""
    suffix = path.suffix.lower()
    if suffix == PUPPET_SUFFIX:
        return "puppet"
    pictures = count_pictures(path)
    if pictures:
        return "photo" if pictures == 1 else "clip"
    return "photo" if suffix in _PHOTO_SUFFIXES else "clip"
