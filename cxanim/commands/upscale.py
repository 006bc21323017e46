"""cxanim upscale: make a picture or a video two or four times as large; teach a network to do so."""

import argparse
from pathlib import Path
from typing import Any

from cxanim.commands.command import Command, add_machine, machine_of
from cxanim.settings import add_flags, from_flags
from cxanim.terminal import Terminal


def _add(parser: argparse.ArgumentParser) -> None:
    from cxanim.pipelines.upscale import UpscaleSettings
    from cxanim.pipelines.upscale_fit import UpscaleFitSettings

    parser.usage = "cxanim upscale [enlarge] INPUT -o OUT ... | cxanim upscale fit INPUT ... -o NAME.upscaler ..."
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    enlarge = actions.add_parser("enlarge", help="make a picture or a video larger (may be left out)")
    enlarge.add_argument("input", type=Path, metavar="INPUT", help="a picture or a video, whose sound is kept")
    enlarge.add_argument("-o", "--output", type=Path, required=True, metavar="OUT")
    help = "a network that you have taught, instead of what comes with the program"
    enlarge.add_argument("--with", dest="upscaler", type=Path, metavar="NAME.upscaler", help=help)
    add_flags(enlarge.add_argument_group("settings"), UpscaleSettings)
    add_machine(enlarge)
    fit = actions.add_parser("fit", help="teach a network to find the detail of pictures like yours")
    fit.add_argument("inputs", type=Path, nargs="+", metavar="INPUT", help="pictures, folders, zips, videos")
    fit.add_argument("-o", "--output", type=Path, required=True, metavar="NAME.upscaler")
    fit.add_argument("--resume", action="store_true", help="go on where the training of this network stopped")
    help = "keep a picture here that gets better: a formula's, the network's, the truth"
    fit.add_argument("--preview", type=Path, metavar="FILE.jpg", help=help)
    add_flags(fit.add_argument_group("settings"), UpscaleFitSettings)
    add_machine(fit)


def _run(flags: argparse.Namespace, terminal: Terminal) -> dict[str, Any]:
    return (_fit if flags.action == "fit" else _enlarge)(flags, terminal)


def _enlarge(flags: argparse.Namespace, terminal: Terminal) -> dict[str, Any]:
    from cxanim.pipelines.upscale import UpscaleSettings, upscale

    settings, machine = from_flags(UpscaleSettings, flags), machine_of(flags)
    done = upscale(flags.input, flags.output, settings, machine, terminal.watch, network=flags.upscaler)
    terminal.say(*done.notes)
    return done.to_dict()


def _fit(flags: argparse.Namespace, terminal: Terminal) -> dict[str, Any]:
    from cxanim.pipelines.upscale_fit import UpscaleFitSettings, fit_upscaler

    terminal.preview_to(flags.preview)
    settings, machine = from_flags(UpscaleFitSettings, flags), machine_of(flags)
    taught = fit_upscaler(flags.inputs, flags.output, settings, machine, terminal.watch, resume=flags.resume)
    terminal.say(*taught.notes)
    return taught.to_dict()


COMMAND = Command(
    "make a picture or a video two or four times as large, with detail", _add, _run, keeps_on_stop=True,
    actions=("enlarge", "fit"),
)  # fmt: skip
