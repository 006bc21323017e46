"""What a training is worth: puppets of real clips, scored on frames they never saw, beside the baselines.

    python bench/quality.py [--minutes 5] [--readme] [CLIP ...]

For each clip, by default every face clip of 8 s or more: train on the first 80 % of it (up to its last face), skip a
second, score the rest. The last column says which of the aims a puppet misses: a face at least 10 % nearer than
those of `nearest` and `warp`, landmarks twice as near as `nearest`'s and nearer than `warp`'s, flicker within .8 and
1.25, a background that drifts at most a tenth of a pixel more than `warp`'s. The table goes to stdout and to
bench/out/quality.md, the numbers to bench/out/quality.json, a contact sheet per clip (truth, nearest, warp, puppet)
beside them. The sheets show people in test material: look at them, do not publish them.
"""

import argparse
import json
import math
import os
import platform
import sys
import time
from pathlib import Path

import cv2
import numpy as np
from held_out import HeldOut, cells, commit_here, head, into_readme, learnt_share, seen_clip

from cxanim.pipelines.clip import ClipFaces
from cxanim.pipelines.evaluate import Exam
from cxanim.pipelines.fit import train
from cxanim.pipelines.learn import FitSettings
from cxanim.pipelines.render import Renderer

OUT = Path(__file__).parent / "out"
CLIPS = ("lp_d3", "lp_d9", "lp_d10", "lp_d13", "lp_d14", "lp_d19", "lp_s18", "lp_s20",
         "moore_talk_1", "moore_talk_2", "moore_talk_4")  # fmt: skip
SHOWN = ("face_vgg_dist", "akd_px", "vgg_dist", "psnr", "flicker_ratio", "background_drift", "miss_rate")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="*", default=CLIPS, help="names of clips in the test data's faces/")
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--frames", type=int, default=30, help="frames scored per clip")
    parser.add_argument("--readme", action="store_true", help="write the table into the README too")
    flags = parser.parse_args()
    OUT.mkdir(exist_ok=True)
    commit, results = commit_here(), {}
    for name in flags.clips:
        results[name] = run(seen_clip(name), flags.minutes, flags.frames)
        (OUT / "quality.json").write_text(json.dumps(results, indent=1))
        (OUT / "quality.md").write_text(table(results, flags.minutes, flags.frames, commit))
    print(table(results, flags.minutes, flags.frames, commit))
    if flags.readme:
        into_readme("quality", table(results, flags.minutes, flags.frames, commit))


def run(seen: ClipFaces, minutes: float, frames: int) -> dict:
    name, settings = seen.path.stem, FitSettings(minutes=minutes, until=learnt_share(seen))
    trained = train([seen.path], OUT / f"{name}.puppet", settings)
    held_out = HeldOut(seen, trained.puppet, frames)
    shown = held_out.exam.baselines() | {"puppet": Renderer(trained.puppet).show}
    scores = {who: held_out.score(show) for who, show in shown.items()}
    for who, puppet in (("warp", trained.puppet.instant()), ("puppet", trained.puppet)):
        shown[who] = lambda face, puppet=puppet: Renderer(puppet).show(face)  # each frame by itself, without fading
    sheet(name, held_out.exam, shown)
    seconds = round(trained.seconds, 1)
    calm = {"steadiness": round(trained.puppet.steadiness, 2), "grain": round(trained.puppet.grain, 2)}
    print(f"{name}: {trained.steps} steps in {seconds} s, misses {misses(scores)}", file=sys.stderr, flush=True)
    return {"steps": trained.steps, "seconds": seconds, "features": held_out.features, "scores": scores} | calm


def sheet(name: str, exam: Exam, shown: dict) -> None:
    chosen = set(np.linspace(0, len(exam.faces) - 1, 7).astype(int).tolist())
    frames = [frame for index, frame in enumerate(exam.frames()) if index in chosen]
    rows = [np.hstack([picture for picture, _ in frames])]
    rows += [np.hstack([shown[who](face) for _, face in frames]) for who in ("nearest", "warp", "puppet")]
    cv2.imwrite(str(OUT / f"{name}.png"), np.vstack(rows)[..., ::-1])


def table(results: dict, minutes: float, frames: int, commit: str) -> str:
    names = "" if tuple(results) == CLIPS else " " + " ".join(results)
    features = " and ".join(sorted({result["features"] for result in results.values()}))
    lines = [
        f"`python bench/quality.py --minutes {minutes:g}{names}`: {minutes:g} minutes of training on {os.cpu_count()} "
        f"CPU cores ({platform.machine()}), 256 px, first 80 % of each clip up to its last face; after a second's gap "
        f"{frames} frames of the rest are scored, with the features of {features}; {time.strftime('%Y-%m-%d')}, commit "
        f"{commit}.",
        "",
        head("clip", "who", *SHOWN, "misses"),
    ]
    for name, result in results.items():
        for who in ("puppet", "nearest", "warp", "static"):
            row = result["scores"][who]
            label = f"{name} ({result['steps']} steps)" if who == "puppet" else ""
            lines.append(
                f"| {label} | {who} | {cells(row, SHOWN)} | {misses(result['scores']) if who == 'puppet' else ''} |"
            )
    return "\n".join(lines) + "\n"


def misses(scores: dict) -> str:
    """Which of the aims a puppet misses."""

    def known(row: dict) -> dict:
        return {name: math.nan if value is None else value for name, value in row.items()}

    puppet, nearest, warp = (known(scores[who]) for who in ("puppet", "nearest", "warp"))
    met = {
        "face": puppet["face_vgg_dist"] <= 0.9 * min(nearest["face_vgg_dist"], warp["face_vgg_dist"]),
        "landmarks": puppet["akd_px"] < min(nearest["akd_px"] / 2, warp["akd_px"]),
        "flicker": 0.8 <= puppet["flicker_ratio"] <= 1.25,
        "background": puppet["background_drift"] <= warp["background_drift"] + 0.1,
    }
    return ", ".join(name for name, so in met.items() if not so) or "none"


if __name__ == "__main__":
    main()
