"""cxanim edit: make a picture whose face is as sliders say."""

import argparse
from pathlib import Path
from typing import Any

from cxanim.commands.command import Command, add_landmarks, add_machine, landmarks_of, machine_of
from cxanim.settings import add_flags, from_flags
from cxanim.terminal import Terminal


def _add(parser: argparse.ArgumentParser) -> None:
    from cxanim.motion.expression import Expression
    from cxanim.pipelines.edit import EditSettings

    parser.add_argument("target", type=Path, metavar="TARGET", help="a photo, or a NAME.puppet")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT", help="a .png, .jpg or .webp")
    add_landmarks(parser)
    add_flags(parser.add_argument_group("sliders"), Expression)
    add_flags(parser.add_argument_group("settings"), EditSettings)
    add_machine(parser)


def _run(flags: argparse.Namespace, terminal: Terminal) -> dict[str, Any]:
    from cxanim.motion.expression import Expression
    from cxanim.pipelines.edit import EditSettings, edit

    settings, machine = from_flags(EditSettings, flags), machine_of(flags)
    edited = edit(
        flags.target, flags.output, from_flags(Expression, flags), settings, machine, placed=landmarks_of(flags)
    )
    terminal.say(*edited.notes)
    return edited.to_dict()


COMMAND = Command("make a picture whose face is as sliders say", _add, _run)
