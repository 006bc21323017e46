"""cxanim domain: teach a network to make pictures of one kind look like another kind, and use it."""

import argparse
from pathlib import Path
from typing import Any

from cxanim.commands.command import Command, add_machine, machine_of
from cxanim.settings import add_flags, from_flags
from cxanim.terminal import Terminal


def _add(parser: argparse.ArgumentParser) -> None:
    from cxanim.pipelines.domain_apply import DomainApplySettings
    from cxanim.pipelines.domain_fit import DomainFitSettings

    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    fit = actions.add_parser("fit", help="learn from two sets of pictures, which need not be pairs")
    fit.add_argument("sources", type=Path, metavar="DIR_A", help="a folder or a zip: what is given")
    fit.add_argument("targets", type=Path, metavar="DIR_B", help="a folder or a zip: what it shall look like")
    fit.add_argument("-o", "--output", type=Path, required=True, metavar="NAME.translator")
    fit.add_argument("--resume", action="store_true", help="go on where the training of this network stopped")
    fit.add_argument("--preview", type=Path, metavar="FILE.jpg", help="keep a grid of samples here that gets better")
    add_flags(fit.add_argument_group("settings"), DomainFitSettings)
    add_machine(fit)
    apply = actions.add_parser("apply", help="make pictures and videos look like the other kind")
    apply.add_argument("translator", type=Path, metavar="NAME.translator")
    apply.add_argument("inputs", type=Path, nargs="+", metavar="INPUT", help="pictures, videos, folders of pictures")
    apply.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="folder of the results")
    add_flags(apply.add_argument_group("settings"), DomainApplySettings)
    add_machine(apply)


def _run(flags: argparse.Namespace, terminal: Terminal) -> dict[str, Any]:
    return (_fit if flags.action == "fit" else _apply)(flags, terminal)


def _fit(flags: argparse.Namespace, terminal: Terminal) -> dict[str, Any]:
    from cxanim.pipelines.domain_fit import DomainFitSettings, fit_domain

    terminal.preview_to(flags.preview)
    settings, machine = from_flags(DomainFitSettings, flags), machine_of(flags)
    places = ([flags.sources], [flags.targets], flags.output)
    fitted = fit_domain(*places, settings, machine, terminal.watch, resume=flags.resume)
    terminal.say(*fitted.notes)
    return fitted.to_dict()


def _apply(flags: argparse.Namespace, terminal: Terminal) -> dict[str, Any]:
    from cxanim.pipelines.domain_apply import DomainApplySettings, apply_domain

    settings, machine = from_flags(DomainApplySettings, flags), machine_of(flags)
    done = apply_domain(flags.translator, flags.inputs, flags.output, settings, machine, terminal.watch)
    return {one.path.name: one.to_dict() for one in done}


COMMAND = Command(
    "make pictures of one kind look like another kind, learnt without pairs", _add, _run, keeps_on_stop=True
)
