"""Which network: what each shape costs and how good its puppets are after the same minutes on the same clips.

    python bench/networks.py --minutes 3 lp_d10 moore_talk_4

A shape is a name of `cxanim.models.PRESETS`, or widths from 4 pixels up with the side of the packed squares behind
them: 96,96,96,96,64/4. Two more letters behind it are only here: `d` makes the modules from 64 px on depthwise
separable, `h` makes colours at half the size and keeps mask and nudge as they are. Each learns for the same time, a
cheap one in more steps, from the first four fifths of a clip, and is scored on the last. Times are those of one 256 px
picture: the network alone, and all of `show`.
"""

import argparse
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from held_out import HeldOut, cells, commit_here, head, learnt_share, seen_clip
from torch import Tensor, nn

from cxanim.models import CRN, PRESETS, CRNShape, multiply_adds
from cxanim.models.crn import Window
from cxanim.pipelines import puppet as puppets
from cxanim.pipelines.fit import make_training_set
from cxanim.pipelines.learn import FitSettings, learn
from cxanim.pipelines.machine import Machine
from cxanim.pipelines.pace import grades
from cxanim.pipelines.puppet import Puppet
from cxanim.pipelines.puppet_network import CONDITION_CHANNELS, make_network
from cxanim.pipelines.render import Renderer
from cxanim.pipelines.watch import Watch

SHOWN = ("face_vgg_dist", "akd_px", "vgg_dist", "face_psnr", "flicker_ratio")
_SHAPES = (
    "live", "live/h", "96,96,96,96,64,32,12,8", "96,96,96,96,64/4", "96,96,96,96,48,32,24/2",
    "128,128,128,128,80,24,8/2", "96,96,96,96,96,96,32/2d",
)  # fmt: skip
_COLOURS, _SEPARABLE_FROM_PX = 3, 64
_OWN = dict(PRESETS)
_REPEATS = 40


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="*", default=["lp_d10"], help="names of clips in the test data's faces/")
    parser.add_argument("--shapes", nargs="+", default=_SHAPES)
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--frames", type=int, default=60, help="frames scored")
    flags = parser.parse_args()
    machine, watch = Machine(), Watch()
    machine.prepare()
    print(f"{flags.minutes:g} minutes each, commit {commit_here()}\n")
    print(head("clip", "network", "GFLOP", "network ms", "show ms", "steps", *SHOWN), flush=True)
    for clip in flags.clips or ["lp_d10"]:
        seen = seen_clip(clip)
        settings = FitSettings(minutes=flags.minutes, until=learnt_share(seen))
        data = make_training_set([seen.path], settings, machine, watch)
        for shape in flags.shapes:
            stand_in(shape)
            learnt = learn(data, settings, machine, watch=watch)
            renderer = as_live(learnt.puppet)
            row = HeldOut(seen, learnt.puppet, flags.frames).score(renderer.show)
            gflop = 2 * multiply_adds(make_network(settings.size, settings.network)) / 1e9
            times = f"{network_ms(settings.network):.1f} | {show_ms(learnt.puppet):.1f}"
            print(f"| {clip} | {shape} | {gflop:.1f} | {times} | {learnt.steps} | {cells(row, SHOWN)} |", flush=True)


def stand_in(name: str) -> None:
    """Let the preset `live` be another shape, for as long as this program runs."""
    plain, letters = name.rstrip("dh/"), name[len(name.rstrip("dh")) :]
    widths, _, packed = plain.partition("/")
    PRESETS["live"] = (
        _OWN[plain] if plain in _OWN else CRNShape(tuple(map(int, widths.split(","))), packed=int(packed or 1))
    )
    puppets.CRN = partial(Variant, letters=letters) if letters else CRN  # type: ignore[misc, assignment]


class Variant(CRN):
    """A network with what the product's has not: see above."""

    def __init__(self, *shape: object, letters: str, **more: object):
        super().__init__(*shape, **more)  # type: ignore[arg-type]
        self.halves = "h" in letters
        for side, stage in zip(self.sides, self.stages, strict=True):
            if "d" in letters and side >= _SEPARABLE_FROM_PX:
                for number, layer in enumerate(stage.layers):
                    if isinstance(layer, nn.Conv2d):
                        stage.layers[number] = separable(layer.in_channels, layer.out_channels)

    def forward(self, condition: Tensor, window: Window | None = None) -> Tensor:
        """As the product's, with colours that are means of squares of 2 x 2, grown smoothly."""
        if not self.halves:
            return super().forward(condition, window)
        # A pixel is made of its own square and the next ones; squares begin at even pixels.
        whole = Window(0, 0, self.size_px, self.size_px)
        wide = window.with_margin(4, self.size_px).shrunk(2).grown(2) if window else whole
        made = super().forward(condition, wide)
        colours = F.avg_pool2d(made[:, :_COLOURS], 2)
        colours = F.interpolate(colours, scale_factor=2.0, mode="bilinear", align_corners=False)
        made = torch.cat([colours, made[:, _COLOURS:]], dim=1)
        return window.inside(wide).cut(made) if window else made


def separable(in_channels: int, out_channels: int) -> nn.Module:
    """A 3x3 convolution of each channel by itself, then a 1x1 one that mixes them."""
    each = nn.Conv2d(in_channels, in_channels, 3, padding=1, groups=in_channels, bias=False)
    mix = nn.Conv2d(in_channels, out_channels, 1)
    nn.init.kaiming_normal_(mix.weight, a=0.2)
    nn.init.zeros_(mix.get_parameter("bias"))
    return nn.Sequential(each, mix)


def as_live(puppet: Puppet) -> Renderer:
    """What shows it live, where there is time."""
    renderer = Renderer(puppet)
    renderer.retrieval.most = grades(puppet)[0].most_blended
    return renderer


def network_ms(shape: str, size_px: int = 256) -> float:
    """Median time of the network for one picture."""
    network = make_network(size_px, shape).eval().to(memory_format=torch.channels_last)
    seen = torch.rand(1, CONDITION_CHANNELS, size_px, size_px).to(memory_format=torch.channels_last)
    with torch.inference_mode():
        return median_ms(lambda: network(seen))


def show_ms(puppet: Puppet) -> float:
    """Median time of a picture, of faces between the references."""
    renderer, random = as_live(puppet), np.random.default_rng(0)
    faces = [reference.face for reference in puppet.references]
    for number in range(len(faces)):
        renderer.warp(number)

    def show() -> None:
        one, other = random.integers(len(faces), size=2)
        renderer.show((0.6 * faces[one] + 0.4 * faces[other]).astype(np.float32))

    return median_ms(show)


def median_ms(work: Callable[[], object]) -> float:
    """The middle one of some runs, after some that do not count."""
    times_s = []
    for _ in range(_REPEATS + 5):
        began_s = time.perf_counter()
        work()
        times_s.append(time.perf_counter() - began_s)
    return 1000 * float(np.median(times_s[5:]))


if __name__ == "__main__":
    main()
