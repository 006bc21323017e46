"""cxanim style: give a picture the look of another; teach a network one look, and give it to pictures and videos."""

import argparse
from pathlib import Path
from typing import Any

from cxanim.commands.command import Command, add_machine, machine_of
from cxanim.errors import BadSetting
from cxanim.settings import add_flags, from_flags
from cxanim.terminal import Terminal


def _add(parser: argparse.ArgumentParser) -> None:
    from cxanim.pipelines.style import StyleSettings
    from cxanim.pipelines.style_apply import StyleApplySettings
    from cxanim.pipelines.style_fit import StyleFitSettings

    parser.usage = (
        "cxanim style [paint] CONTENT STYLE -o OUT.png ... | "
        "cxanim style fit STYLE -o NAME.style ... | cxanim style apply NAME.style INPUT -o OUT ..."
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    paint = actions.add_parser("paint", help="paint one picture's content in another's style (may be left out)")
    paint.add_argument("content_picture", type=Path, metavar="CONTENT", help="a picture: what is shown")
    paint.add_argument("style_picture", type=Path, metavar="STYLE", help="a picture: how it looks")
    paint.add_argument("-o", "--output", type=Path, required=True, metavar="OUT", help="a .png, .jpg or .webp")
    paint.add_argument(
        "--compare", action="store_true", help="every method, each in a picture of its own: OUT-cx.png ..."
    )
    help = (
        "a picture in whose colours parts of the content are painted; with --style-mask, the same colours in the style"
    )
    paint.add_argument("--content-mask", type=Path, metavar="PICTURE", help=help)
    paint.add_argument("--style-mask", type=Path, metavar="PICTURE", help="see --content-mask")
    paint.add_argument("--resume", action="store_true", help="go on where the painting of this picture was stopped")
    paint.add_argument("--preview", type=Path, metavar="FILE.jpg", help="keep a picture here that gets better")
    add_flags(paint.add_argument_group("settings"), StyleSettings)
    add_machine(paint)
    fit = actions.add_parser(
        "fit", help="teach a network one style, which it then gives to any picture or video at once"
    )
    fit.add_argument("style", type=Path, metavar="STYLE", help="a picture: how things shall look")
    fit.add_argument("-o", "--output", type=Path, required=True, metavar="NAME.style")
    help = "what to practise on: pictures, folders of them, or the video itself; photographs that come along if none"
    fit.add_argument("--on", type=Path, nargs="+", default=[], metavar="FILE", help=help)
    fit.add_argument("--resume", action="store_true", help="go on where the training of this network stopped")
    fit.add_argument("--preview", type=Path, metavar="FILE.jpg", help="keep a picture here that gets better")
    add_flags(fit.add_argument_group("settings"), StyleFitSettings)
    add_machine(fit)
    apply = actions.add_parser("apply", help="give a picture or a video a style that was taught")
    apply.add_argument("network", type=Path, metavar="NAME.style")
    apply.add_argument("input", type=Path, metavar="INPUT", help="a picture or a video, whose sound is kept")
    apply.add_argument("-o", "--output", type=Path, required=True, metavar="OUT")
    add_flags(apply.add_argument_group("settings"), StyleApplySettings)
    add_machine(apply)


def _run(flags: argparse.Namespace, terminal: Terminal) -> dict[str, Any]:
    return {"paint": _paint, "fit": _fit, "apply": _apply}[flags.action](flags, terminal)


def _paint(flags: argparse.Namespace, terminal: Terminal) -> dict[str, Any]:
    from cxanim.pipelines.style import StyleSettings, compare_styles, stylize
    from cxanim.pipelines.style_masks import Masks

    if bool(flags.content_mask) != bool(flags.style_mask):
        raise BadSetting("masks: got one of two.", "Give --content-mask and --style-mask, or neither.")
    if flags.compare and flags.resume:
        raise BadSetting("compare: got it with --resume.", "Resume one method after the other.")
    masks = Masks(flags.content_mask, flags.style_mask) if flags.content_mask else None
    terminal.preview_to(flags.preview)
    settings, machine = from_flags(StyleSettings, flags), machine_of(flags)
    pair, watch = (flags.content_picture, flags.style_picture, flags.output), terminal.watch
    if flags.compare:
        painted = compare_styles(*pair, settings, machine, watch, masks=masks)
    else:
        painted = {settings.method: stylize(*pair, settings, machine, watch, masks=masks, resume=flags.resume)}
    for styled in painted.values():
        terminal.say(*styled.notes)
    results = {method: styled.to_dict() for method, styled in painted.items()}
    return results if flags.compare else results[settings.method]


def _fit(flags: argparse.Namespace, terminal: Terminal) -> dict[str, Any]:
    from cxanim.pipelines.style_fit import StyleFitSettings, fit_style

    terminal.preview_to(flags.preview)
    settings, machine = from_flags(StyleFitSettings, flags), machine_of(flags)
    fitted = fit_style(flags.style, flags.output, settings, machine, terminal.watch, on=flags.on, resume=flags.resume)
    terminal.say(*fitted.notes)
    return fitted.to_dict()


def _apply(flags: argparse.Namespace, terminal: Terminal) -> dict[str, Any]:
    from cxanim.pipelines.style_apply import StyleApplySettings, apply_style

    settings, machine = from_flags(StyleApplySettings, flags), machine_of(flags)
    applied = apply_style(flags.network, flags.input, flags.output, settings, machine, terminal.watch)
    terminal.say(*applied.notes)
    return applied.to_dict()


COMMAND = Command(
    "give a picture or a video the look of another picture", _add, _run, keeps_on_stop=True,
    actions=("paint", "fit", "apply"),
)  # fmt: skip
