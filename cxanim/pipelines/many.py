"""Trains a puppet for each of many targets, side by side; one that fails leaves the others alone.

Each file of a folder is a target; a folder inside it holds clips of one target. A puppet that is finished already is
left as it is, one that was stopped goes on, so that the same command may be given until all are done. Where the work
is done is the engine's business (`engines.py`).
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from cxanim.errors import BadPuppet, CxanimError
from cxanim.output import cannot_write
from cxanim.pipelines.figure_puppet import load_puppet
from cxanim.pipelines.fit import TARGET_SUFFIXES
from cxanim.pipelines.learn import FitSettings
from cxanim.pipelines.machine import Machine
from cxanim.pipelines.puppet_parts import facts_of
from cxanim.pipelines.training_state import state_path
from cxanim.progress import Progress, ShouldStop, never_stop

TRAINED, SKIPPED, STOPPED, FAILED = "trained", "skipped", "stopped", "failed"


@dataclass(frozen=True)
class Order:
    """One puppet that is to be trained.

    Attributes:
        name: of the target, and of its puppet.
        targets: its files.
        output: the puppet's file.
        settings, machine: how, and where.
        resume: go on from where an earlier training stopped.
    """

    name: str
    targets: tuple[Path, ...]
    output: Path
    settings: FitSettings
    machine: Machine
    resume: bool = False


@dataclass(frozen=True)
class Outcome:
    """How one order ended.

    Attributes:
        status: "trained", "skipped" (it was finished before), "stopped" (what is learnt is kept) or "failed".
        words: why it failed, and what to do about it.
        steps: steps that the puppet has learnt.
    """

    status: str
    words: str = ""
    steps: int = 0


class Engine(Protocol):
    """Whoever works on orders."""

    def work(self, orders: Sequence[Order], should_stop: ShouldStop) -> Iterator[tuple[str, Progress | Outcome]]:
        """Work on all orders; yield where each stands and, last for each, how it ended."""


def train_many(
    folder: Path,
    output: Path,
    settings: FitSettings,
    machine: Machine,
    engine: Engine,
    on_news: Callable[[str, Progress | Outcome], None],
    should_stop: ShouldStop = never_stop,
) -> dict[str, Outcome]:
    """Train a puppet for each target in `folder` and keep it in the folder `output`.

    Args:
        on_news: is told the name of a target and where it stands, or how it ended.
        should_stop: asked now and then; what is learnt until then is kept.

    Returns:
        How each ended, by name.

    Raises:
        CxanimError: there is no target, or the folder cannot be made.
    """
    try:
        Path(output).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(Path(output), error) from error
    outcomes: dict[str, Outcome] = {}
    orders = []
    for name, targets in find_targets(folder):
        # Whole names: a worker of a cluster stands in another folder.
        output_file = Path(output).absolute() / f"{name}.puppet"
        order = Order(name, tuple(target.absolute() for target in targets), output_file, settings, machine)
        earlier = earlier_training(order)
        if earlier.get("finished"):
            outcomes[name] = Outcome(SKIPPED, steps=earlier["steps"])
            on_news(name, outcomes[name])
        else:
            orders.append(replace(order, resume=bool(earlier) and state_path(order.output).exists()))
    for name, news in engine.work(orders, should_stop):
        on_news(name, news)
        if isinstance(news, Outcome):
            outcomes[name] = news
    return outcomes


def find_targets(folder: Path) -> list[tuple[str, tuple[Path, ...]]]:
    """The targets in a folder, each with its name and its files.

    Raises:
        CxanimError: there is none, or two have the same name.
    """
    folder = Path(folder)
    if not os.path.isdir(folder):
        raise CxanimError(f"There is no folder {folder}.", "Name a folder of clips and photos.")
    found = {}
    for entry in _entries(folder):
        is_folder = os.path.isdir(entry)
        files = _targets_among(_entries(entry) if is_folder else [entry])
        name = entry.name if is_folder else entry.stem
        if files and name in found:
            raise CxanimError(f"Two targets in {folder} are called {name}.", "Rename one, or put both into a folder.")
        if files:
            found[name] = files
    if not found:
        raise CxanimError(f"There is no clip and no photo in {folder}.", "Put some there, or name another folder.")
    return list(found.items())


def earlier_training(order: Order) -> dict[str, Any]:
    """How the puppet that stands in an order's place was trained, where that was by the same order; else nothing.

    The same settings, seed and files, which are told by their names and sizes.
    """
    try:
        puppet = load_puppet(order.output)
    except BadPuppet:
        return {}
    training = puppet.training
    same = training.get("settings") == asdict(order.settings) and training.get("seed") == order.machine.seed
    return training if same and puppet.about.get("files") == facts_of(order.targets) else {}


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise CxanimError(f"The folder {folder} may not be looked into.", "Give yourself the right to.") from error


def _targets_among(paths: Iterable[Path]) -> tuple[Path, ...]:
    return tuple(sorted(path for path in paths if os.path.isfile(path) and path.suffix.lower() in TARGET_SUFFIXES))
