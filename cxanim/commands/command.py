"""What a command is, and the flags that several of them have."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cxanim.settings import add_flags, from_flags
from cxanim.terminal import Terminal

VIDEO_OUTPUT = (
    "an .mp4, .webm or .gif, the last two transparent where the target is; of a still picture also a .png or .jpg"
)


@dataclass(frozen=True)
class Command:
    """One word after `cxanim`.

    Attributes:
        summary: what it does, in one line.
        add: gives its parser flags; called only for the command that was typed, so that help is instant.
        run: does it, and returns what --json prints.
        keeps_on_stop: whether what has been learnt is kept when it is stopped.
        actions: second words, of which the first may be left out.
    """

    summary: str
    add: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace, Terminal], dict[str, Any]]
    keeps_on_stop: bool = False
    actions: tuple[str, ...] = ()

    def spelt_out(self, arguments: list[str]) -> list[str]:
        """What was typed, `arguments`, with the action that may be left out."""
        bare = self.actions and arguments[1:2] and arguments[1] not in (*self.actions, "-h", "--help")
        return [arguments[0], self.actions[0], *arguments[1:]] if bare else arguments


def add_machine(parser: argparse.ArgumentParser, *, shows_json: bool = True) -> None:
    """Flags that say where to compute, and --json."""
    from cxanim.pipelines.machine import Machine

    add_flags(parser.add_argument_group("machine"), Machine)
    if shows_json:
        parser.add_argument("--json", action="store_true", help="print one JSON object on stdout, and nothing else")


def add_beside(parser: argparse.ArgumentParser) -> None:
    """Flags of what a driver can have beside it."""
    help = "write a second video here, which shows the driver beside the result"
    parser.add_argument("--beside", type=Path, metavar="OUT", help=help)
    help = "a picture of the relaxed face of whom a still picture that drives shows; guessed without"
    parser.add_argument("--neutral-picture", type=Path, metavar="PICTURE", help=help)


def add_landmarks(parser: argparse.ArgumentParser) -> None:
    """The flag for points that a person placed."""
    help = "where the photo's face is: points of a JSON file, or those that a puppet keeps"
    parser.add_argument("--landmarks", type=Path, metavar="FILE", help=help)


def landmarks_of(flags: argparse.Namespace) -> Any:
    """The points that the flags name."""

    from cxanim.pipelines.photo import read_landmarks

    return read_landmarks(flags.landmarks) if flags.landmarks else None


def machine_of(flags: argparse.Namespace) -> Any:
    """Where the flags say to compute."""
    from cxanim.pipelines.machine import Machine

    return from_flags(Machine, flags)
