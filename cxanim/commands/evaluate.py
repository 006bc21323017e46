"""cxanim evaluate: score a puppet on a clip of its target, or how a photo follows a driver."""

import argparse
from pathlib import Path
from typing import Any

from cxanim.commands.command import Command, add_landmarks, add_machine, landmarks_of, machine_of
from cxanim.errors import BadSetting
from cxanim.settings import add_flags, from_flags, knobs
from cxanim.terminal import Terminal


def _add(parser: argparse.ArgumentParser) -> None:
    from cxanim.pipelines.faithful import FaithfulSettings
    from cxanim.pipelines.scoring import EvaluateSettings

    parser.add_argument("puppet", type=Path, nargs="?", metavar="NAME.puppet", help="a puppet to score, and")
    parser.add_argument("clip", type=Path, nargs="?", metavar="CLIP", help="a clip of its target")
    help = "instead of a puppet and a clip: score how this photo follows a driver"
    parser.add_argument("--photo", type=Path, metavar="PHOTO", help=help)
    parser.add_argument("--driver", type=Path, metavar="CLIP", help="the video that the photo follows")
    add_landmarks(parser)
    help = "score what follows this share of the clip and a second (0 to 0.95, default 0)"
    parser.add_argument("--from", dest="start", type=float, default=None, metavar="SHARE", help=help)
    add_flags(parser.add_argument_group("settings"), EvaluateSettings, without=("start",))
    photo = parser.add_argument_group("settings of a photo")
    add_flags(photo, FaithfulSettings, without=[knob.name for knob in knobs(EvaluateSettings)])
    add_machine(parser)


def _run(flags: argparse.Namespace, terminal: Terminal) -> dict[str, Any]:
    from cxanim.pipelines.evaluate import evaluate
    from cxanim.pipelines.figure_puppet import load_puppet
    from cxanim.pipelines.scoring import EvaluateSettings

    if bool(flags.photo) != bool(flags.driver) or bool(flags.photo) == bool(flags.puppet and flags.clip):
        raise BadSetting("evaluate: expected a puppet and a clip, or --photo and --driver.", "Give one of both pairs.")
    if flags.photo:
        return _evaluate_photo(flags, terminal)
    settings, machine = from_flags(EvaluateSettings, flags), machine_of(flags)
    watch = terminal.watch
    scores = evaluate(load_puppet(flags.puppet), flags.clip, settings, machine, watch)
    terminal.say(*watch.notes)
    if not flags.json:
        terminal.close()
        _print_scores(scores)
    return scores


def _evaluate_photo(flags: argparse.Namespace, terminal: Terminal) -> dict[str, Any]:
    from cxanim.pipelines.faithful import FaithfulSettings, evaluate_photo

    settings, watch = from_flags(FaithfulSettings, flags), terminal.watch
    scores = evaluate_photo(flags.photo, flags.driver, settings, machine_of(flags), watch, placed=landmarks_of(flags))
    terminal.say(*watch.notes)
    if not flags.json:
        terminal.close()
        for name, value in scores.items():
            if isinstance(value, dict):
                value = ", ".join(f"{part} {'-' if one is None else one}" for part, one in value.items())
            print(f"{name:18}{'-' if value is None else value}")
    return scores


def _print_scores(scores: dict[str, Any]) -> None:
    columns = {"puppet": scores, **scores["baselines"]}
    print(f"{scores['frames']} frames, {scores['size']} px, features {scores['features']}, {scores['device']}")
    print(f"{'':18}" + "".join(f"{who:>10}" for who in columns))
    for name in scores["baselines"]["warp"]:
        if name != "frames":
            values = (block[name] for block in columns.values())
            print(f"{name:18}" + "".join(f"{'-' if value is None else f'{value:.3f}':>10}" for value in values))


COMMAND = Command("score a puppet on a clip of its target, or how a photo follows a driver", _add, _run)
