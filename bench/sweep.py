"""What one knob of a training is worth: the same clip, the same steps, one setting at several values.

    python bench/sweep.py positions 256 1024 4096 --clip lp_d9 --steps 400

Scored on the last fifth of the clip, which nobody learnt from.
"""

import argparse
import os
import sys
from dataclasses import fields, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from cxanim.losses import available, feature_network  # noqa: E402
from cxanim.pipelines import metrics  # noqa: E402
from cxanim.pipelines.clip import observe_clip  # noqa: E402
from cxanim.pipelines.evaluate import Exam  # noqa: E402
from cxanim.pipelines.fit import FitSettings, learn, make_training_set  # noqa: E402
from cxanim.pipelines.machine import Machine  # noqa: E402
from cxanim.pipelines.render import Renderer  # noqa: E402
from cxanim.pipelines.watch import Watch  # noqa: E402

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
    folder = Path(os.environ.get("CXANIM_TEST_DATA", ROOT.parent / "shared" / "data")) / "faces"
    if not folder.is_dir():
        print(f"Nothing to measure on: no clips at {folder}; set CXANIM_TEST_DATA.")
        return
    clip, machine, watch = folder / f"{flags.clip}.mp4", Machine(), Watch()
    settings = FitSettings(steps=flags.steps, until=0.8)
    data = make_training_set([clip], settings, machine, watch)
    seen = observe_clip(clip)
    eyes = feature_network("vgg19" if available("vgg19") else "small", metrics.VGG_DIST_LAYERS)
    print(f"{flags.clip}, {flags.steps} steps\n")
    print(f"| {flags.knob} | ms a step | " + " | ".join(SHOWN) + " |\n|---|---|" + "---|" * len(SHOWN))
    for value in flags.values:
        how = replace(settings, **{flags.knob: type(getattr(settings, flags.knob))(value)})
        made = make_training_set([clip], how, machine, watch) if flags.knob in OF_THE_DATA else data
        learnt = learn(made, how, machine, watch=watch)
        exam = Exam(learnt.puppet, seen, 0.8, flags.frames, watch)
        row = exam.score(Renderer(learnt.puppet).show, eyes, value)
        cells = " | ".join(f"{row[key]:.3f}" for key in SHOWN)
        print(f"| {value} | {1000 * learnt.seconds / learnt.steps:.0f} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
