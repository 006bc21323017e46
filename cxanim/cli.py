"""The command line: each command reads its flags from the settings of its task, and runs one pipeline.

Exit codes: 0 when it worked, 2 with one line on stderr for anything a person can put right, 130 when it was stopped.
With --json one JSON object is the last and only thing on stdout; progress goes to stderr.
"""

import argparse
import json
import signal
import sys
from collections.abc import Sequence
from typing import NoReturn

from cxanim import __version__
from cxanim.commands import animate, app, domain, drive, edit, evaluate, live, motion, style, train, upscale
from cxanim.errors import Cancelled, CxanimError, NotEnoughMemory, is_out_of_memory
from cxanim.terminal import Terminal, quiet_native_libraries

COMMANDS = {
    "app": app.COMMAND,
    "animate": animate.COMMAND,
    "train": train.COMMAND,
    "drive": drive.COMMAND,
    "live": live.COMMAND,
    "edit": edit.COMMAND,
    "style": style.COMMAND,
    "domain": domain.COMMAND,
    "upscale": upscale.COMMAND,
    "evaluate": evaluate.COMMAND,
    "motion": motion.COMMAND,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code."""
    quiet_native_libraries()
    flags = parsed(list(sys.argv[1:] if arguments is None else arguments))
    terminal = Terminal(sys.stderr, keeps_on_stop=COMMANDS[flags.command].keeps_on_stop)
    signal.signal(signal.SIGTERM, lambda *_: terminal.stop())
    signal.signal(signal.SIGINT, lambda *_: terminal.stop())
    try:
        result = COMMANDS[flags.command].run(flags, terminal)
    except Cancelled as stopped:
        return terminal.fail(str(stopped), code=130)
    except CxanimError as error:
        return terminal.fail(str(error))
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        return terminal.fail(str(NotEnoughMemory()))
    terminal.close()
    if getattr(flags, "json", False):
        print(json.dumps(result, allow_nan=False))
    return 0


def parsed(arguments: list[str]) -> argparse.Namespace:
    """What was typed, as flags."""
    command = COMMANDS.get(arguments[0]) if arguments else None
    arguments = command.spelt_out(arguments) if command else arguments
    return _parser(arguments).parse_args(arguments)


class _Parser(argparse.ArgumentParser):
    """Says in one line what it did not understand."""

    def error(self, message: str) -> NoReturn:
        """End the program."""
        self.exit(2, f"{self.prog}: {message}. See '{self.prog} --help'.\n")


def _parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    parser = _Parser(prog="cxanim", description="Turn a photo or a clip into a puppet that moves.", allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"cxanim {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    typed = next((word for word in arguments if not word.startswith("-")), "")
    for name, command in COMMANDS.items():
        child = commands.add_parser(name, help=command.summary, description=command.summary, allow_abbrev=False)
        if name == typed:
            command.add(child)
    return parser
