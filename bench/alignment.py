"""Where the Contextual loss earns its place: pairs that lie on one another, and pairs that do not.

    python bench/alignment.py --steps 400 lp_d9

The same puppet is trained with and without CX, and with CX in the place of the terms that compare pixel by pixel, on
three kinds of pairs:

- *aligned*: what the clip gives;
- *shifted*: each true frame is shifted by a random amount, as landmarks that are off by a few pixels would;
- *other frame*: each true frame is replaced by the most alike one that lies a second away at least, as when a driver's
  frame must be paired with a target's.

All are scored on aligned frames that nobody learnt from.
"""

import argparse
from dataclasses import replace

import cv2
import numpy as np
from held_out import HeldOut, cells, head, learnt_share, seen_clip

from cxanim.pipelines.fit import make_training_set
from cxanim.pipelines.learn import FitSettings, learn
from cxanim.pipelines.likeness import appearance
from cxanim.pipelines.machine import Machine
from cxanim.pipelines.render import Renderer
from cxanim.pipelines.training_set import TrainingSet
from cxanim.pipelines.watch import Watch

SHOWN = ("face_vgg_dist", "face_psnr", "akd_px", "vgg_dist", "psnr")
SHIFT_PX = 3.0  # deviation, at 256 px
APART_FRAMES = 30


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", nargs="?", default="lp_d9", help="name of a clip in the test data's faces/")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--frames", type=int, default=24, help="frames scored")
    flags = parser.parse_args()
    seen, machine, watch = seen_clip(flags.clip), Machine(), Watch()
    settings = FitSettings(steps=flags.steps, until=learnt_share(seen))
    data = make_training_set([seen.path], settings, machine, watch)
    held_out = HeldOut(seen, data.puppet, flags.frames)
    objectives = {
        "pixels + perceptual": replace(settings, contextual=0.0),
        "pixels + perceptual + CX": settings,
        "pixels / 10 + perceptual / 10 + CX": replace(settings, contextual=1.0, pixels=0.2, perceptual=0.1),
    }
    print(f"{flags.clip}, {flags.steps} steps\n")
    print(head("pairs", "objective", *SHOWN))

    def report(pairs: str, objective: str, puppet) -> None:
        row = held_out.score(Renderer(puppet).show)
        print(f"| {pairs} | {objective} | {cells(row, SHOWN)} |", flush=True)

    report("-", "none: the bank, aligned", data.puppet)
    for pairs, made in {"aligned": data, "shifted": shifted(data), "other frame": other_frames(data)}.items():
        for objective, how in objectives.items():
            report(pairs, objective, learn(made, how, machine, watch=watch).puppet)


def shifted(data: TrainingSet) -> TrainingSet:
    """Every true frame moved by a random amount of its own."""
    random, size = np.random.default_rng(0), data.puppet.size_px
    truth = np.empty_like(data.truth)
    for picture, place in zip(data.truth, truth, strict=True):
        x, y = random.normal(0, SHIFT_PX * size / 256, 2)
        motion = np.array([[1, 0, x], [0, 1, y]])
        place[:] = cv2.warpAffine(picture, motion, (size, size), borderMode=cv2.BORDER_REFLECT)
    return replace(data, truth=truth)


def other_frames(data: TrainingSet) -> TrainingSet:
    """Every true frame replaced by another that looks most like it."""
    looks = np.stack([appearance(face, data.puppet.neutral_face) for face in data.faces])
    truth = np.empty_like(data.truth)
    for number, look in enumerate(looks):
        distances = np.linalg.norm(looks - look, axis=1)
        distances[max(0, number - APART_FRAMES) : number + APART_FRAMES] = np.inf
        truth[number] = data.truth[distances.argmin()]
    return replace(data, truth=truth)


if __name__ == "__main__":
    main()
