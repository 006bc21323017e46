"""cxanim app: open the app in the browser."""

import argparse
from typing import Any

from cxanim.commands.command import Command, add_machine, machine_of
from cxanim.terminal import Terminal


def _add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", default=None, help="address to listen on (default 127.0.0.1)")
    parser.add_argument("--port", type=int, default=None, help="port to listen on (default 7860)")
    parser.add_argument("--share", action="store_true", help="ask Gradio for a public link")
    add_machine(parser, shows_json=False)


def _run(flags: argparse.Namespace, terminal: Terminal) -> dict[str, Any]:
    from cxanim.ui.app import launch

    terminal.release()
    launch(flags.host, flags.port, flags.share, machine_of(flags))
    return {}


COMMAND = Command("open the app in the browser", _add, _run)
