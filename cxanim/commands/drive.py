"""cxanim drive: move a puppet with a video."""

import argparse
from pathlib import Path
from typing import Any

from cxanim.commands.command import VIDEO_OUTPUT, Command, add_beside, add_machine, machine_of
from cxanim.settings import add_flags, from_flags
from cxanim.terminal import Terminal


def _add(parser: argparse.ArgumentParser) -> None:
    from cxanim.pipelines.drive_settings import DriveSettings

    parser.add_argument("puppet", type=Path, metavar="NAME.puppet")
    parser.add_argument(
        "driver",
        metavar="DRIVER",
        help="a video, a motion file, a picture, or a preset; of a figure a video, a motion or a BVH capture",
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT", help=VIDEO_OUTPUT)
    add_beside(parser)
    add_flags(parser.add_argument_group("settings"), DriveSettings)
    add_machine(parser)


def _run(flags: argparse.Namespace, terminal: Terminal) -> dict[str, Any]:
    from cxanim.pipelines.drive import drive
    from cxanim.pipelines.drive_settings import DriveSettings
    from cxanim.pipelines.figure_puppet import load_puppet

    settings, machine = from_flags(DriveSettings, flags), machine_of(flags)
    puppet = load_puppet(flags.puppet)
    rendered = drive(
        puppet,
        flags.driver,
        flags.output,
        settings,
        machine,
        terminal.watch,
        beside=flags.beside,
        neutral_picture=flags.neutral_picture,
    )
    terminal.say(*rendered.notes)
    return rendered.to_dict()


COMMAND = Command("move a puppet with a video", _add, _run)
