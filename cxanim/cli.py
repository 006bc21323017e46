"""The command line: each command reads its flags from the settings of its task, and runs one pipeline.

Exit codes: 0 when it worked, 2 with one line on stderr for anything a person can put right, 130 when it was stopped.
With --json one JSON object is the last and only thing on stdout; progress goes to stderr.
"""

import argparse
import json
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from cxanim import __version__
from cxanim.errors import BadSetting, Cancelled, CxanimError, NotEnoughMemory, is_out_of_memory
from cxanim.settings import add_flags, from_flags, knobs
from cxanim.terminal import Terminal, quiet_native_libraries


@dataclass(frozen=True)
class Command:
    """One word after `cxanim`.

    Attributes:
        summary: what it does, in one line.
        add: gives its parser flags; called only for the command that was typed, so that help is instant.
        run: does it, and returns what --json prints.
    """

    summary: str
    add: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace, Terminal], dict[str, Any]]


_OUTPUT = "an .mp4, .webm or .gif, the last two transparent where the target is; of a still picture also a .png or .jpg"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    quiet_native_libraries()
    flags = _parser(arguments).parse_args(arguments)
    terminal = Terminal(sys.stderr, keeps_on_stop=flags.command == "train")
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


def _add_machine(parser: argparse.ArgumentParser, *, shows_json: bool = True) -> None:
    from cxanim.pipelines.machine import Machine

    add_flags(parser.add_argument_group("machine"), Machine)
    if shows_json:
        parser.add_argument("--json", action="store_true", help="print one JSON object on stdout, and nothing else")


def _add_beside(parser: argparse.ArgumentParser) -> None:
    help = "write a second video here, which shows the driver beside the result"
    parser.add_argument("--beside", type=Path, metavar="OUT", help=help)
    help = "a picture of the relaxed face of whom a still picture that drives shows; guessed without"
    parser.add_argument("--neutral-picture", type=Path, metavar="PICTURE", help=help)


def _add_landmarks(parser: argparse.ArgumentParser) -> None:
    help = "where the photo's face is: points of a JSON file, or those that a puppet keeps"
    parser.add_argument("--landmarks", type=Path, metavar="FILE", help=help)


def _landmarks(flags: argparse.Namespace) -> Any:
    from cxanim.pipelines.photo import read_landmarks

    return read_landmarks(flags.landmarks) if flags.landmarks else None


def _machine(flags: argparse.Namespace) -> Any:
    from cxanim.pipelines.machine import Machine

    return from_flags(Machine, flags)


def _add_app(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", default=None, help="address to listen on (default 127.0.0.1)")
    parser.add_argument("--port", type=int, default=None, help="port to listen on (default 7860)")
    parser.add_argument("--share", action="store_true", help="ask Gradio for a public link")
    _add_machine(parser, shows_json=False)


def _app(flags: argparse.Namespace, terminal: Terminal) -> dict[str, Any]:
    from cxanim.ui.app import launch

    terminal.release()
    launch(flags.host, flags.port, flags.share, _machine(flags))
    return {}


def _add_animate(parser: argparse.ArgumentParser) -> None:
    from cxanim.pipelines.animate import AnimateSettings

    parser.add_argument("photo", type=Path, metavar="PHOTO")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT", help=_OUTPUT)
    parser.add_argument(
        "--motion", required=True, metavar="MOTION",
        help="name of a preset (see 'cxanim motion list'), a video, a motion file, or a still picture of a face",
    )  # fmt: skip
    parser.add_argument("--puppet", type=Path, metavar="NAME.puppet", help="keep the puppet that is made")
    _add_beside(parser)
    _add_landmarks(parser)
    add_flags(parser.add_argument_group("settings"), AnimateSettings)
    _add_machine(parser)


def _animate(flags: argparse.Namespace, terminal: Terminal) -> dict[str, Any]:
    from cxanim.pipelines.animate import AnimateSettings, animate

    rendered = animate(
        flags.photo,
        flags.motion,
        flags.output,
        from_flags(AnimateSettings, flags),
        _machine(flags),
        terminal.watch,
        placed=_landmarks(flags),
        keep_puppet=flags.puppet,
        beside=flags.beside,
        neutral_picture=flags.neutral_picture,
    )
    terminal.say(*rendered.notes)
    return rendered.to_dict()


def _add_train(parser: argparse.ArgumentParser) -> None:
    from cxanim.pipelines.fit import FitSettings

    parser.add_argument("targets", type=Path, nargs="*", metavar="TARGET", help="clips of one target, or one photo")
    help = "train a puppet for each file in DIR, and for each folder of clips in it; -o is then a folder"
    parser.add_argument("--targets", dest="folder", type=Path, metavar="DIR", help=help)
    parser.add_argument("--engine", default="local", choices=("local", "ray"), help="where many targets are trained")
    help = "trainings at a time with --targets and the engine local (default 1: each has all cores)"
    parser.add_argument("--workers", type=int, default=1, metavar="N", help=help)
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="NAME.puppet")
    parser.add_argument("--resume", action="store_true", help="go on where the training of this puppet stopped")
    parser.add_argument("--preview", type=Path, metavar="FILE.jpg", help="keep a picture here that gets better")
    _add_landmarks(parser)
    add_flags(parser.add_argument_group("settings"), FitSettings)
    _add_machine(parser)


def _train(flags: argparse.Namespace, terminal: Terminal) -> dict[str, Any]:
    from cxanim.pipelines.fit import FitSettings, train

    if bool(flags.targets) == bool(flags.folder):
        raise BadSetting("targets: got both files and --targets, or neither.", "Give files, or --targets DIR.")
    if flags.folder and (flags.resume or flags.preview or flags.landmarks):
        problem = "--targets goes on by itself, has no preview, and finds faces itself."
        raise BadSetting(problem, "Leave --resume, --preview and --landmarks away.")
    if flags.folder:
        return _train_many(flags, terminal)
    terminal.preview_to(flags.preview)
    settings, machine = from_flags(FitSettings, flags), _machine(flags)
    trained = train(
        flags.targets,
        flags.output,
        settings,
        machine,
        terminal.watch,
        placed=_landmarks(flags),
        resume=flags.resume,
    )
    terminal.say(*trained.notes)
    return trained.to_dict()


def _train_many(flags: argparse.Namespace, terminal: Terminal) -> dict[str, Any]:
    from cxanim.pipelines.engines import make_engine
    from cxanim.pipelines.fit import FitSettings
    from cxanim.pipelines.many import FAILED, train_many

    engine = make_engine(flags.engine, flags.workers)
    settings, machine = from_flags(FitSettings, flags), _machine(flags)
    outcomes = train_many(
        flags.folder, flags.output, settings, machine, engine, terminal.show_one_of_many, terminal.is_stopping
    )
    failed = {name: outcome for name, outcome in outcomes.items() if outcome.status == FAILED}
    terminal.say(*(f"{name}: {outcome.words}" for name, outcome in failed.items()))
    if failed:
        raise CxanimError(
            f"{len(failed)} of {len(outcomes)} targets failed: {', '.join(failed)}.",
            "Put right what is said above, and give the same command again: what is done is skipped.",
        )
    return {name: vars(outcome) for name, outcome in outcomes.items()}


def _add_drive(parser: argparse.ArgumentParser) -> None:
    from cxanim.pipelines.drive import DriveSettings

    parser.add_argument("puppet", type=Path, metavar="NAME.puppet")
    parser.add_argument("driver", metavar="DRIVER", help="a video, a motion file, a picture, or a preset")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT", help=_OUTPUT)
    _add_beside(parser)
    add_flags(parser.add_argument_group("settings"), DriveSettings)
    _add_machine(parser)


def _drive(flags: argparse.Namespace, terminal: Terminal) -> dict[str, Any]:
    from cxanim.pipelines.drive import DriveSettings, drive
    from cxanim.pipelines.puppet import Puppet

    settings, machine = from_flags(DriveSettings, flags), _machine(flags)
    puppet = Puppet.load(flags.puppet)
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


def _add_live(parser: argparse.ArgumentParser) -> None:
    from cxanim.pipelines.live import LiveSettings

    parser.add_argument("target", type=Path, metavar="TARGET", help="a NAME.puppet, or a photo")
    parser.add_argument("--camera", type=int, default=0, metavar="N", help="number of the camera (default 0)")
    help = "let other programs see the puppet as a camera: pip install 'cxanim[virtualcam]'"
    parser.add_argument("--virtual-camera", action="store_true", help=help)
    help = "a clip in the camera's place: its frames come at their own pace, and there is no window"
    parser.add_argument("--input", type=Path, metavar="CLIP", help=help)
    parser.add_argument("-o", "--output", type=Path, metavar="OUT", help="record what is shown: .mp4, .webm or .gif")
    add_flags(parser.add_argument_group("settings"), LiveSettings)
    _add_machine(parser)


def _live(flags: argparse.Namespace, terminal: Terminal) -> dict[str, Any]:
    from cxanim.pipelines.live import LiveSettings
    from cxanim.pipelines.live_camera import live_from_camera
    from cxanim.pipelines.live_clip import live_from_clip, live_target

    if flags.input and (not flags.output or flags.camera or flags.virtual_camera):
        raise BadSetting("input: a clip in the camera's place needs --output, and no camera.", "Give one of the two.")
    settings, machine = from_flags(LiveSettings, flags), _machine(flags)
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


def _add_edit(parser: argparse.ArgumentParser) -> None:
    from cxanim.motion.expression import Expression
    from cxanim.pipelines.edit import EditSettings

    parser.add_argument("target", type=Path, metavar="TARGET", help="a photo, or a NAME.puppet")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT", help="a .png, .jpg or .webp")
    _add_landmarks(parser)
    add_flags(parser.add_argument_group("sliders"), Expression)
    add_flags(parser.add_argument_group("settings"), EditSettings)
    _add_machine(parser)


def _edit(flags: argparse.Namespace, terminal: Terminal) -> dict[str, Any]:
    from cxanim.motion.expression import Expression
    from cxanim.pipelines.edit import EditSettings, edit

    settings, machine = from_flags(EditSettings, flags), _machine(flags)
    edited = edit(
        flags.target, flags.output, from_flags(Expression, flags), settings, machine, placed=_landmarks(flags)
    )
    terminal.say(*edited.notes)
    return edited.to_dict()


def _add_evaluate(parser: argparse.ArgumentParser) -> None:
    from cxanim.pipelines.evaluate import EvaluateSettings
    from cxanim.pipelines.faithful import FaithfulSettings

    parser.add_argument("puppet", type=Path, nargs="?", metavar="NAME.puppet", help="a puppet to score, and")
    parser.add_argument("clip", type=Path, nargs="?", metavar="CLIP", help="a clip of its target")
    help = "instead of a puppet and a clip: score how this photo follows a driver"
    parser.add_argument("--photo", type=Path, metavar="PHOTO", help=help)
    parser.add_argument("--driver", type=Path, metavar="CLIP", help="the video that the photo follows")
    _add_landmarks(parser)
    help = "score what follows this share of the clip and a second (0 to 0.95, default 0)"
    parser.add_argument("--from", dest="start", type=float, default=None, metavar="SHARE", help=help)
    add_flags(parser.add_argument_group("settings"), EvaluateSettings, without=("start",))
    photo = parser.add_argument_group("settings of a photo")
    add_flags(photo, FaithfulSettings, without=[knob.name for knob in knobs(EvaluateSettings)])
    _add_machine(parser)


def _evaluate(flags: argparse.Namespace, terminal: Terminal) -> dict[str, Any]:
    from cxanim.pipelines.evaluate import EvaluateSettings, evaluate
    from cxanim.pipelines.puppet import Puppet

    if bool(flags.photo) != bool(flags.driver) or bool(flags.photo) == bool(flags.puppet and flags.clip):
        raise BadSetting("evaluate: expected a puppet and a clip, or --photo and --driver.", "Give one of both pairs.")
    if flags.photo:
        return _evaluate_photo(flags, terminal)
    settings, machine = from_flags(EvaluateSettings, flags), _machine(flags)
    watch = terminal.watch
    scores = evaluate(Puppet.load(flags.puppet), flags.clip, settings, machine, watch)
    terminal.say(*watch.notes)
    if not flags.json:
        terminal.close()
        _print_scores(scores)
    return scores


def _evaluate_photo(flags: argparse.Namespace, terminal: Terminal) -> dict[str, Any]:
    from cxanim.pipelines.faithful import FaithfulSettings, evaluate_photo

    settings, watch = from_flags(FaithfulSettings, flags), terminal.watch
    scores = evaluate_photo(flags.photo, flags.driver, settings, _machine(flags), watch, placed=_landmarks(flags))
    terminal.say(*watch.notes)
    if not flags.json:
        terminal.close()
        for name, value in scores.items():
            if isinstance(value, dict):
                value = ", ".join(f"{part} {'-' if one is None else one}" for part, one in value.items())
            print(f"{name:18}{'-' if value is None else value}")
    return scores


def _print_scores(scores: dict[str, Any]) -> None:
    columns = {"puppet": scores, **scores["baselines"]}
    print(f"{scores['frames']} frames, {scores['size']} px, features {scores['features']}, {scores['device']}")
    print(f"{'':18}" + "".join(f"{who:>10}" for who in columns))
    for name in scores["baselines"]["warp"]:
        if name != "frames":
            values = (block[name] for block in columns.values())
            print(f"{name:18}" + "".join(f"{'-' if value is None else f'{value:.3f}':>10}" for value in values))


def _add_motion(parser: argparse.ArgumentParser) -> None:
    from cxanim.pipelines.authored import BakeSettings
    from cxanim.pipelines.extract import ExtractSettings

    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    extract = actions.add_parser("extract", help="take the motion out of a video and keep it in a small file")
    extract.add_argument("video", type=Path, metavar="VIDEO")
    extract.add_argument("-o", "--output", type=Path, required=True, metavar="MOTION.npz")
    add_flags(extract.add_argument_group("settings"), ExtractSettings)
    _add_machine(extract)
    shown = actions.add_parser("list", help="list the motions that come with the program")
    _add_machine(shown)
    saved = actions.add_parser("save", help="write one of them as a file of keyframes, to be edited and used again")
    saved.add_argument("preset", metavar="PRESET", help="its name (see 'cxanim motion list')")
    saved.add_argument("-o", "--output", type=Path, required=True, metavar="MOTION.json")
    _add_machine(saved)
    bake = actions.add_parser("bake", help="make a recorded motion of a file of keyframes, or of a preset")
    bake.add_argument("motion", metavar="MOTION", help="a file of keyframes, or the name of a preset")
    bake.add_argument("-o", "--output", type=Path, required=True, metavar="MOTION.npz")
    add_flags(bake.add_argument_group("settings"), BakeSettings)
    _add_machine(bake)


def _motion(flags: argparse.Namespace, terminal: Terminal) -> dict[str, Any]:
    if flags.action == "list":
        return _motion_list(flags)
    if flags.action == "save":
        from cxanim.pipelines.authored import save_preset

        return save_preset(flags.preset, flags.output).to_dict()
    if flags.action == "bake":
        from cxanim.pipelines.authored import BakeSettings, bake_motion

        return bake_motion(flags.motion, flags.output, from_flags(BakeSettings, flags)).to_dict()
    from cxanim.pipelines.extract import ExtractSettings, extract_motion

    _machine(flags).prepare()
    extracted = extract_motion(flags.video, flags.output, from_flags(ExtractSettings, flags), terminal.watch)
    terminal.say(*extracted.notes)
    return extracted.to_dict()


def _motion_list(flags: argparse.Namespace) -> dict[str, Any]:
    from cxanim.motion.presets import PRESETS

    if not flags.json:
        for preset in PRESETS.values():
            print(f"{preset.name:14}{preset.description} ({preset.duration_s:g} s)")
    return {name: {"description": p.description, "duration_s": p.duration_s} for name, p in PRESETS.items()}


COMMANDS = {
    "app": Command("open the app in the browser", _add_app, _app),
    "animate": Command("make the face of a photo move", _add_animate, _animate),
    "train": Command("train a puppet from a clip or a photo", _add_train, _train),
    "drive": Command("move a puppet with a video", _add_drive, _drive),
    "live": Command("move a puppet with what a camera sees now", _add_live, _live),
    "edit": Command("make a picture whose face is as sliders say", _add_edit, _edit),
    "evaluate": Command(
        "score a puppet on a clip of its target, or how a photo follows a driver", _add_evaluate, _evaluate
    ),
    "motion": Command("extract motions from videos; list, save and bake those made of keyframes", _add_motion, _motion),
}
