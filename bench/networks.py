"""Which network: what each shape costs and how good its puppets are after the same minutes on the same clips.

    python bench/networks.py --minutes 3 lp_d10 moore_talk_4

A shape is a name of `cxanim.models.PRESETS`, or widths from 4 pixels up with the side of the packed squares behind
them: 96,96,96,96,64/4. Each learns for the same time, a cheap one in more steps, from the first four fifths of a clip,
and is scored on the last. Times are those of one 256 px picture: the network alone, and all of `show`.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from held_out import HeldOut, cells, commit_here, head, learnt_share, seen_clip

from cxanim.models import PRESETS, CRNShape, multiply_adds
from cxanim.pipelines.fit import FitSettings, learn, make_training_set
from cxanim.pipelines.live import MOST_BLENDED
from cxanim.pipelines.machine import Machine
from cxanim.pipelines.puppet import CONDITION_CHANNELS, Puppet, make_network
from cxanim.pipelines.render import Renderer
from cxanim.pipelines.watch import Watch

SHOWN = ("face_vgg_dist", "akd_px", "vgg_dist", "face_psnr", "flicker_ratio")
_SHAPES = ("live", "96,96,96,96,64,32/2", "96,96,96,96,64/4")
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
            how = replace(settings, network=known(shape))
            learnt = learn(data, how, machine, watch=watch)
            renderer = Renderer(learnt.puppet, most_blended=MOST_BLENDED)
            row = HeldOut(seen, learnt.puppet, flags.frames).score(renderer.show)
            gflop = 2 * multiply_adds(make_network(settings.size, how.network)) / 1e9
            times = f"{network_ms(how.network):.1f} | {show_ms(learnt.puppet):.1f}"
            print(f"| {clip} | {shape} | {gflop:.1f} | {times} | {learnt.steps} | {cells(row, SHOWN)} |", flush=True)


def known(shape: str) -> str:
    """The name by which a shape can be asked for."""
    if shape not in PRESETS:
        widths, _, packed = shape.partition("/")
        PRESETS[shape] = CRNShape(tuple(int(width) for width in widths.split(",")), packed=int(packed or 1))
    return shape


def network_ms(shape: str, size_px: int = 256) -> float:
    """Median time of the network for one picture."""
    network = make_network(size_px, shape).eval().to(memory_format=torch.channels_last)
    seen = torch.rand(1, CONDITION_CHANNELS, size_px, size_px).to(memory_format=torch.channels_last)
    with torch.inference_mode():
        return median_ms(lambda: network(seen))


def show_ms(puppet: Puppet) -> float:
    """Median time of a picture, of faces between the references."""
    renderer, random = Renderer(puppet, most_blended=MOST_BLENDED), np.random.default_rng(0)
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
