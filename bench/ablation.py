"""What each part is worth: the same clip, the same number of steps, one thing changed at a time.

    python bench/ablation.py --steps 220 lp_d9

Rows: map only, warp only, warp + map; with and without CX; one reference against the bank. Scored on the last 20 % of
the clip, which nobody learnt from.
"""

import argparse
from dataclasses import replace

import numpy as np
import torch
from held_out import HeldOut, cells, head, learnt_share, seen_clip

from cxanim.motion.layout import draw_layout
from cxanim.motion.pose import Pose
from cxanim.pipelines.evaluate import Show
from cxanim.pipelines.fit import make_training_set
from cxanim.pipelines.learn import FitSettings, learn
from cxanim.pipelines.machine import Machine
from cxanim.pipelines.refine import as_condition, as_pictures, refine
from cxanim.pipelines.render import Renderer
from cxanim.pipelines.training_set import TrainingSet
from cxanim.pipelines.watch import Watch

SHOWN = ("face_vgg_dist", "face_psnr", "akd_px", "vgg_dist", "psnr", "flicker_ratio")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", nargs="?", default="lp_d9", help="name of a clip in the test data's faces/")
    parser.add_argument("--steps", type=int, default=220)
    parser.add_argument("--frames", type=int, default=16, help="frames scored")
    flags = parser.parse_args()
    seen, machine, watch = seen_clip(flags.clip), Machine(), Watch()
    settings = FitSettings(steps=flags.steps, until=learnt_share(seen))
    data = make_training_set([seen.path], settings, machine, watch)
    single = make_training_set([seen.path], replace(settings, references=1), machine, watch)
    held_out = HeldOut(seen, data.puppet, flags.frames)
    print(head("variant", "steps", *SHOWN))

    def report(name: str, show: Show, steps: int = 0) -> None:
        print(f"| {name} | {steps or '-'} | {cells(held_out.score(show), SHOWN)} |", flush=True)

    for name, show in held_out.exam.baselines().items():
        report(name, show)
    report("bank, aligned, no training", Renderer(data.puppet).show)
    variants: dict[str, tuple[TrainingSet, FitSettings, bool, bool]] = {
        "warp + map, CX": (data, settings, True, True),
        "warp + map, no CX": (data, replace(settings, contextual=0.0), True, True),
        "warp only, CX": (data, settings, True, False),
        "map only, CX": (data, settings, False, True),
        "one reference, warp + map, CX": (single, settings, True, True),
    }
    for name, (training, how, warp, layout) in variants.items():
        seen = replace(
            training,
            warped=training.warped * shown_by(warp),
            layout=training.layout if layout else np.zeros_like(training.layout),
        )
        trained = learn(seen, how, machine, watch=watch)
        report(name, shown_with(trained.puppet, warp, layout), trained.steps)


def shown_by(warp: bool) -> np.ndarray:
    """What of the warp's four channels is seen: its colours or not, and always where it may be refined."""
    return np.array([warp, warp, warp, True], np.uint8)


def shown_with(puppet, warp: bool, layout: bool) -> Show:
    """The puppet with a part of its condition blacked out, as it was while it learnt."""
    renderer = Renderer(puppet)

    def show(face: np.ndarray) -> np.ndarray:
        warped = renderer.warped(face)
        drawn = draw_layout(Pose(face=face), puppet.size_px)
        condition = as_condition(warped[None] * shown_by(warp), drawn[None] * np.uint8(layout))
        with torch.inference_mode():
            return as_pictures(refine(puppet.network(condition), condition))[0]

    return show


if __name__ == "__main__":
    main()
