"""cxanim animate: make the face of a photo move, or its whole figure."""

import argparse
from pathlib import Path
from typing import Any

from cxanim.commands.command import (
    VIDEO_OUTPUT,
    Command,
    add_beside,
    add_landmarks,
    add_machine,
    landmarks_of,
    machine_of,
)
from cxanim.settings import add_flags, from_flags
from cxanim.terminal import Terminal


def _add(parser: argparse.ArgumentParser) -> None:
    from cxanim.pipelines.animate import AnimateSettings

    parser.add_argument("photo", type=Path, metavar="PHOTO")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT", help=VIDEO_OUTPUT)
    parser.add_argument(
        "--motion", required=True, metavar="MOTION",
        help="name of a preset (see 'cxanim motion list'), a video, a motion file, a still picture of a face, or a BVH "
        "capture, which moves the whole figure",
    )  # fmt: skip
    parser.add_argument("--puppet", type=Path, metavar="NAME.puppet", help="keep the puppet that is made")
    add_beside(parser)
    add_landmarks(parser)
    parser.add_argument(
        "--joints", type=Path, metavar="FILE.json",
        help="where the joints of a whole figure are, as a drawing's: {\"joints\": {\"head\": [x, y], ...}} in pixels",
    )  # fmt: skip
    parser.add_argument(
        "--mask", type=Path, metavar="FILE", help="a picture that is white where the whole figure is, black elsewhere"
    )  # fmt: skip
    add_flags(parser.add_argument_group("settings"), AnimateSettings)
    add_machine(parser)


def _run(flags: argparse.Namespace, terminal: Terminal) -> dict[str, Any]:
    from cxanim.pipelines.animate import AnimateSettings, animate
    from cxanim.pipelines.placed_figure import read_placed_figure

    rendered = animate(
        flags.photo,
        flags.motion,
        flags.output,
        from_flags(AnimateSettings, flags),
        machine_of(flags),
        terminal.watch,
        placed=landmarks_of(flags),
        keep_puppet=flags.puppet,
        beside=flags.beside,
        neutral_picture=flags.neutral_picture,
        joints=read_placed_figure(flags.joints) if flags.joints else None,
        mask=flags.mask,
    )
    terminal.say(*rendered.notes)
    return rendered.to_dict()


COMMAND = Command("make the face of a photo move, or the whole figure", _add, _run)
