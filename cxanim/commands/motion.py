"""cxanim motion: extract motions from videos; list, save and bake those made of keyframes."""

import argparse
from pathlib import Path
from typing import Any

from cxanim.commands.command import Command, add_machine, machine_of
from cxanim.settings import add_flags, from_flags
from cxanim.terminal import Terminal


def _add(parser: argparse.ArgumentParser) -> None:
    from cxanim.pipelines.authored import BakeSettings
    from cxanim.pipelines.extract import ExtractSettings

    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    extract = actions.add_parser("extract", help="take the motion out of a video and keep it in a small file")
    extract.add_argument("video", type=Path, metavar="VIDEO")
    extract.add_argument("-o", "--output", type=Path, required=True, metavar="MOTION.npz")
    add_flags(extract.add_argument_group("settings"), ExtractSettings)
    add_machine(extract)
    shown = actions.add_parser("list", help="list the motions that come with the program")
    add_machine(shown)
    saved = actions.add_parser("save", help="write one of them as a file of keyframes, to be edited and used again")
    saved.add_argument("preset", metavar="PRESET", help="its name (see 'cxanim motion list')")
    saved.add_argument("-o", "--output", type=Path, required=True, metavar="MOTION.json")
    add_machine(saved)
    bake = actions.add_parser("bake", help="make a recorded motion of a file of keyframes, or of a preset")
    bake.add_argument("motion", metavar="MOTION", help="a file of keyframes, or the name of a preset")
    bake.add_argument("-o", "--output", type=Path, required=True, metavar="MOTION.npz")
    add_flags(bake.add_argument_group("settings"), BakeSettings)
    add_machine(bake)


def _run(flags: argparse.Namespace, terminal: Terminal) -> dict[str, Any]:
    if flags.action == "list":
        return _motion_list(flags)
    if flags.action == "save":
        from cxanim.pipelines.authored import save_preset

        return save_preset(flags.preset, flags.output).to_dict()
    if flags.action == "bake":
        from cxanim.pipelines.authored import BakeSettings, bake_motion

        return bake_motion(flags.motion, flags.output, from_flags(BakeSettings, flags)).to_dict()
    from cxanim.pipelines.extract import ExtractSettings, extract_motion

    machine_of(flags).prepare()
    extracted = extract_motion(flags.video, flags.output, from_flags(ExtractSettings, flags), terminal.watch)
    terminal.say(*extracted.notes)
    return extracted.to_dict()


def _motion_list(flags: argparse.Namespace) -> dict[str, Any]:
    from cxanim.motion.presets import PRESETS

    if not flags.json:
        for preset in PRESETS.values():
            print(f"{preset.name:14}{preset.description} ({preset.duration_s:g} s)")
    return {name: {"description": p.description, "duration_s": p.duration_s} for name, p in PRESETS.items()}


COMMAND = Command("extract motions from videos; list, save and bake those made of keyframes", _add, _run)
