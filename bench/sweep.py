"""What one knob of a training is worth: the same clip, the same steps, one setting at several values.

    python bench/sweep.py positions 256 1024 4096 --clip lp_d9 --steps 400

Scored on the last fifth of the clip, which nobody learnt from.
"""

import argparse
from dataclasses import fields, replace

from held_out import HeldOut, cells, head, learnt_share, seen_clip

from cxanim.pipelines.fit import make_training_set
from cxanim.pipelines.learn import FitSettings, learn
from cxanim.pipelines.machine import Machine
from cxanim.pipelines.render import Renderer
from cxanim.pipelines.watch import Watch

SHOWN = ("face_vgg_dist", "akd_px", "vgg_dist", "psnr", "flicker_ratio")
OF_THE_DATA = ("references", "size", "until")


def main() -> None:
    knobs = [field.name for field in fields(FitSettings)]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("knob", nargs="?", default="positions", choices=knobs, metavar="KNOB", help="a training's flag")
    parser.add_argument("values", nargs="*", default=["256", "1024", "4096"])
    parser.add_argument("--clip", default="lp_d9", help="name of a clip in the test data's faces/")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--frames", type=int, default=24, help="frames scored")
    flags = parser.parse_args()
    seen, machine, watch = seen_clip(flags.clip), Machine(), Watch()
    settings = FitSettings(steps=flags.steps, until=learnt_share(seen))
    data = make_training_set([seen.path], settings, machine, watch)
    print(f"{flags.clip}, {flags.steps} steps\n")
    print(head(flags.knob, "ms a step", *SHOWN))
    for value in flags.values:
        how = replace(settings, **{flags.knob: type(getattr(settings, flags.knob))(value)})
        made = make_training_set([seen.path], how, machine, watch) if flags.knob in OF_THE_DATA else data
        learnt = learn(made, how, machine, watch=watch)
        row = HeldOut(seen, learnt.puppet, flags.frames).score(Renderer(learnt.puppet).show)
        print(f"| {value} | {1000 * learnt.seconds / learnt.steps:.0f} | {cells(row, SHOWN)} |", flush=True)


if __name__ == "__main__":
    main()
