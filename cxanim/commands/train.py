"""cxanim train: train a puppet from a clip or a photo."""

import argparse
from pathlib import Path
from typing import Any

from cxanim.commands.command import Command, add_landmarks, add_machine, landmarks_of, machine_of
from cxanim.errors import BadSetting, CxanimError
from cxanim.settings import add_flags, from_flags
from cxanim.terminal import Terminal


def _add(parser: argparse.ArgumentParser) -> None:
    from cxanim.pipelines.learn import FitSettings

    parser.add_argument("targets", type=Path, nargs="*", metavar="TARGET", help="clips of one target, or one photo")
    help = "train a puppet for each file in DIR, and for each folder of clips in it; -o is then a folder"
    parser.add_argument("--targets", dest="folder", type=Path, metavar="DIR", help=help)
    parser.add_argument("--engine", default="local", choices=("local", "ray"), help="where many targets are trained")
    help = "trainings at a time with --targets and the engine local (default 1: each has all cores)"
    parser.add_argument("--workers", type=int, default=1, metavar="N", help=help)
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="NAME.puppet")
    parser.add_argument("--resume", action="store_true", help="go on where the training of this puppet stopped")
    parser.add_argument("--preview", type=Path, metavar="FILE.jpg", help="keep a picture here that gets better")
    add_landmarks(parser)
    add_flags(parser.add_argument_group("settings"), FitSettings)
    add_machine(parser)


def _run(flags: argparse.Namespace, terminal: Terminal) -> dict[str, Any]:
    from cxanim.pipelines.fit import train
    from cxanim.pipelines.learn import FitSettings

    if bool(flags.targets) == bool(flags.folder):
        raise BadSetting("targets: got both files and --targets, or neither.", "Give files, or --targets DIR.")
    if flags.folder and (flags.resume or flags.preview or flags.landmarks):
        problem = "--targets goes on by itself, has no preview, and finds faces itself."
        raise BadSetting(problem, "Leave --resume, --preview and --landmarks away.")
    if flags.folder:
        return _train_many(flags, terminal)
    terminal.preview_to(flags.preview)
    settings, machine = from_flags(FitSettings, flags), machine_of(flags)
    trained = train(
        flags.targets,
        flags.output,
        settings,
        machine,
        terminal.watch,
        placed=landmarks_of(flags),
        resume=flags.resume,
    )
    terminal.say(*trained.notes)
    return trained.to_dict()


def _train_many(flags: argparse.Namespace, terminal: Terminal) -> dict[str, Any]:
    from cxanim.pipelines.engines import make_engine
    from cxanim.pipelines.learn import FitSettings
    from cxanim.pipelines.many import FAILED, train_many

    engine = make_engine(flags.engine, flags.workers)
    settings, machine = from_flags(FitSettings, flags), machine_of(flags)
    outcomes = train_many(
        flags.folder, flags.output, settings, machine, engine, terminal.show_one_of_many, terminal.is_stopping
    )
    failed = {name: outcome for name, outcome in outcomes.items() if outcome.status == FAILED}
    terminal.say(*(f"{name}: {outcome.words}" for name, outcome in failed.items()))
    if failed:
        raise CxanimError(
            f"{len(failed)} of {len(outcomes)} targets failed: {', '.join(failed)}.",
            "Put right what is said above, and give the same command again: what is done is skipped.",
        )
    return {name: vars(outcome) for name, outcome in outcomes.items()}


COMMAND = Command("train a puppet from a clip or a photo", _add, _run, keeps_on_stop=True)
