"""cxanim live: move a puppet with what a camera sees now."""

import argparse
from pathlib import Path
from typing import Any

from cxanim.commands.command import Command, add_machine, machine_of
from cxanim.errors import BadSetting
from cxanim.settings import add_flags, from_flags
from cxanim.terminal import Terminal


def _add(parser: argparse.ArgumentParser) -> None:
    from cxanim.pipelines.live import LiveSettings

    parser.add_argument("target", type=Path, metavar="TARGET", help="a NAME.puppet, or a photo")
    parser.add_argument("--camera", type=int, default=0, metavar="N", help="number of the camera (default 0)")
    help = "let other programs see the puppet as a camera: pip install 'cxanim[virtualcam]'"
    parser.add_argument("--virtual-camera", action="store_true", help=help)
    help = "a clip in the camera's place: its frames come at their own pace, and there is no window"
    parser.add_argument("--input", type=Path, metavar="CLIP", help=help)
    parser.add_argument("-o", "--output", type=Path, metavar="OUT", help="record what is shown: .mp4, .webm or .gif")
    add_flags(parser.add_argument_group("settings"), LiveSettings)
    add_machine(parser)


def _run(flags: argparse.Namespace, terminal: Terminal) -> dict[str, Any]:
    from cxanim.pipelines.live import LiveSettings
    from cxanim.pipelines.live_camera import live_from_camera
    from cxanim.pipelines.live_clip import live_from_clip, live_target

    if flags.input and (not flags.output or flags.camera or flags.virtual_camera):
        raise BadSetting("input: a clip in the camera's place needs --output, and no camera.", "Give one of the two.")
    settings, machine = from_flags(LiveSettings, flags), machine_of(flags)
    puppet = live_target(flags.target, settings.size)
    if flags.input:
        run = live_from_clip(puppet, flags.input, flags.output, settings, machine, terminal.watch)
    else:
        camera, virtual = flags.camera, flags.virtual_camera
        terminal.keep_on_stop()
        run = live_from_camera(
            puppet, settings, machine, terminal.watch, camera=camera, output=flags.output, virtual_camera=virtual
        )
    terminal.say(*run.notes)
    return run.to_dict()


COMMAND = Command("move a puppet with what a camera sees now", _add, _run)
