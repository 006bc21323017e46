"""What each part is worth: the same clip, the same number of steps, one thing changed at a time.

    python bench/ablation.py --steps 220 lp_d9

Rows: map only, warp only, warp + map; with and without CX; one reference against the bank. Scored on the last 20 % of
the clip, which nobody learnt from.
"""

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from cxanim.losses import available, feature_network  # noqa: E402
from cxanim.motion.layout import draw_layout  # noqa: E402
from cxanim.motion.pose import Pose  # noqa: E402
from cxanim.pipelines import metrics  # noqa: E402
from cxanim.pipelines.clip import observe_clip  # noqa: E402
from cxanim.pipelines.evaluate import Exam, Show  # noqa: E402
from cxanim.pipelines.fit import FitSettings, learn, make_training_set  # noqa: E402
from cxanim.pipelines.machine import Machine  # noqa: E402
from cxanim.pipelines.render import Renderer, as_condition, as_pictures, refine  # noqa: E402
from cxanim.pipelines.training_set import TrainingSet  # noqa: E402
from cxanim.pipelines.watch import Watch  # noqa: E402

SHOWN = ("face_vgg_dist", "face_psnr", "akd_px", "vgg_dist", "psnr", "flicker_ratio")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", nargs="?", default="lp_d9", help="name of a clip in the test data's faces/")
    parser.add_argument("--steps", type=int, default=220)
    parser.add_argument("--frames", type=int, default=16, help="frames scored")
    flags = parser.parse_args()
    folder = Path(os.environ.get("CXANIM_TEST_DATA", ROOT.parent / "shared" / "data")) / "faces"
    if not folder.is_dir():
        print(f"Nothing to measure on: no clips at {folder}; set CXANIM_TEST_DATA.")
        return
    clip = folder / f"{flags.clip}.mp4"
    machine, watch = Machine(), Watch()
    settings = FitSettings(steps=flags.steps, until=0.8)
    data = make_training_set([clip], settings, machine, watch)
    single = make_training_set([clip], replace(settings, references=1), machine, watch)
    exam = Exam(data.puppet, observe_clip(clip), 0.8, flags.frames, watch)
    eyes = feature_network("vgg19" if available("vgg19") else "small", metrics.VGG_DIST_LAYERS)
    print("| variant | steps | " + " | ".join(SHOWN) + " |\n|---|---|" + "---|" * len(SHOWN))

    def report(name: str, show: Show, steps: int = 0) -> None:
        row = exam.score(show, eyes, name)
        print(f"| {name} | {steps or '-'} | " + " | ".join(cell(row[key]) for key in SHOWN) + " |", flush=True)

    for name, show in exam.baselines().items():
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


def cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


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
