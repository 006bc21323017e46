"""What training a whole figure is worth: puppets of real clips, on frames they never saw, and driven by one another.

    python bench/bodies.py [--minutes 10] [--readme] [CLIP ...]

For each clip, by default every clip of one person of 10 s or more: train on the first 80 %, skip a second, score the
rest beside the baselines. Then each puppet is driven by each other clip: `mkr_body` is how many of the pictures show no
body to the detector where the driver's frame shows one. The tables go to stdout and to bench/out/bodies.md, contact
sheets (truth, nearest, warp, puppet; and driver above driven) beside them. The sheets show people in test material:
look at them, do not publish them.
"""

import argparse
import json
import os
import platform
import sys
import time
from pathlib import Path

import cv2
import numpy as np
from held_out import LEARNT_FROM, cells, commit_here, head, into_readme, material

from cxanim.losses import available, feature_network
from cxanim.motion.camera_path import CameraPath
from cxanim.motion.detect import Detector
from cxanim.pipelines import metrics
from cxanim.pipelines.drive_figure import prepare_figure_poses
from cxanim.pipelines.drive_settings import DriveSettings
from cxanim.pipelines.evaluate_figure import FigureExam
from cxanim.pipelines.figure_clip import observe_figures
from cxanim.pipelines.figure_puppet import FigurePuppet
from cxanim.pipelines.figure_render import FigureRenderer
from cxanim.pipelines.fit import train
from cxanim.pipelines.learn import FitSettings
from cxanim.pipelines.machine import Machine
from cxanim.pipelines.watch import Watch
from cxanim.video import open_video

OUT = Path(__file__).parent / "out"
CLIPS = ("hybrik_taiji", "callus_sample", "tfjs_pose_squats")
DRIVERS = (*CLIPS, "lp_s13_dance", "ghost_dance")
SHOWN = ("person_vgg_dist", "akd_body_px", "akd_hands_px", "face_vgg_dist", "mkr_body", "psnr", "flicker_ratio",
         "background_drift")  # fmt: skip
_LOOKED_AT = 40  # pictures of each cross-driving that the detector looks at
_TILE_PX = 192


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="*", default=CLIPS, help="names of clips in the test data's bodies/")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--frames", type=int, default=30, help="frames scored per clip")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--readme", action="store_true", help="write the tables into the README too")
    flags = parser.parse_args()
    OUT.mkdir(exist_ok=True)
    commit, machine = commit_here(), Machine(threads=flags.threads)
    results: dict[str, dict] = {}
    for name in flags.clips:
        results[name] = run(name, flags, machine)
        (OUT / "bodies.json").write_text(json.dumps(results, indent=1))
        (OUT / "bodies.md").write_text(table(results, flags, commit))
    print(table(results, flags, commit))
    if flags.readme:
        into_readme("bodies", table(results, flags, commit))


def run(name: str, flags: argparse.Namespace, machine: Machine) -> dict:
    """Train on a clip; score what follows; let the other clips drive."""
    path = material(f"bodies/{name}.mp4")
    settings = FitSettings(moves="figure", minutes=flags.minutes, until=LEARNT_FROM, size=flags.size)
    trained = train([path], OUT / f"{name}.puppet", settings, machine)
    puppet = trained.puppet
    eyes = feature_network("vgg19" if available("vgg19") else "small", metrics.VGG_DIST_LAYERS)
    camera = CameraPath()
    exam = FigureExam(puppet, observe_figures(path, Watch(), camera=camera), camera, LEARNT_FROM, flags.frames, Watch())
    shown = exam.baselines() | {"puppet": FigureRenderer(puppet).show}
    scores = {who: exam.score(show, eyes, "held-out frames") for who, show in shown.items()}
    shown |= {"warp": FigureRenderer(puppet.instant()).show, "puppet": FigureRenderer(puppet).show}
    chosen = set(np.linspace(0, exam.count - 1, 7).astype(int).tolist())
    tiles: dict[str, list[np.ndarray]] = {who: [] for who in ("truth", "nearest", "warp", "puppet")}
    for number, (picture, pose) in enumerate(exam.frames()):
        # In order and without a gap: a reference gives way to the next over some frames.
        seen = {"truth": picture} | {who: shown[who](pose) for who in tiles if who in shown}
        if number in chosen:
            for who, row in tiles.items():
                row.append(puppet.framed(seen[who]))
    rows = [np.hstack(row) for row in tiles.values()]
    cv2.imwrite(str(OUT / f"{name}.png"), np.vstack(rows)[..., ::-1])
    crossed = {driver: cross(puppet, name, driver) for driver in DRIVERS if driver != name}
    print(f"{name}: {trained.steps} steps, misses {misses(scores)}, {crossed}", file=sys.stderr, flush=True)
    return {"steps": trained.steps, "features": eyes.name, "scores": scores, "crossed": crossed, "notes": trained.notes}


def cross(puppet: FigurePuppet, name: str, driver: str) -> float:
    """Share of pictures without a body, of those whose driver's frame shows one; and a contact sheet."""
    path = material(f"bodies/{driver}.mp4")
    ready = prepare_figure_poses(path, puppet, DriveSettings(), Watch())
    renderer = FigureRenderer(puppet)
    looked_at = set(np.linspace(0, ready.frames - 1, min(_LOOKED_AT, ready.frames)).astype(int).tolist())
    judged = missed = 0
    tiles = []
    with open_video(path) as video, Detector("body", tracks=False) as detector:
        for number, (frame, pose) in enumerate(zip(video, ready.faces, strict=False)):
            shown = puppet.framed(renderer.show(pose))
            if number not in looked_at:
                continue
            seen = detector.detect(frame).body is not None
            judged += seen
            missed += seen and detector.detect(shown).body is None
            if len(tiles) < 10 and number >= len(tiles) * ready.frames // 10:
                tiles.append(np.vstack([_tile(frame), _tile(shown)]))
    cv2.imwrite(str(OUT / f"{name}-by-{driver}.png"), np.hstack(tiles)[..., ::-1])
    return round(missed / max(judged, 1), 3)


def _tile(picture: np.ndarray) -> np.ndarray:
    """A picture in a square."""
    height, width = picture.shape[:2]
    scale = _TILE_PX / max(height, width)
    small = cv2.resize(picture, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_AREA)
    tile = np.zeros((_TILE_PX, _TILE_PX, 3), np.uint8)
    top, left = (_TILE_PX - small.shape[0]) // 2, (_TILE_PX - small.shape[1]) // 2
    tile[top : top + small.shape[0], left : left + small.shape[1]] = small
    return tile


def table(results: dict, flags: argparse.Namespace, commit: str) -> str:
    """Both tables."""
    names = "" if tuple(results) == CLIPS else " " + " ".join(results)
    features = " and ".join(sorted({result["features"] for result in results.values()}))
    cores = flags.threads or os.cpu_count()
    told = f"python bench/bodies.py --minutes {flags.minutes:g}{names}"
    lines = [
        f"`{told}`: {flags.minutes:g} minutes of training on {cores} CPU core{'s' if cores != 1 else ''} "
        f"({platform.machine()}), {flags.size} px, first 80 % of each clip; after a second's gap "
        f"{flags.frames} frames of the rest are scored, with the features of {features}; {time.strftime('%Y-%m-%d')}, "
        f"commit {commit}.",
        "",
        head("clip", "who", *SHOWN, "misses"),
    ]
    for name, result in results.items():
        for who in ("puppet", "nearest", "warp", "static"):
            label = f"{name} ({result['steps']} steps)" if who == "puppet" else ""
            aims = misses(result["scores"]) if who == "puppet" else ""
            lines.append(f"| {label} | {who} | {cells(result['scores'][who], SHOWN)} | {aims} |")
    lines += ["", "Driven by another clip, share of pictures in which no body is found (`mkr_body`):", ""]
    lines.append(head("puppet", *DRIVERS))
    for name, result in results.items():
        shares = (result["crossed"].get(driver) for driver in DRIVERS)
        lines.append(f"| {name} | " + " | ".join("" if one is None else f"{100 * one:.0f} %" for one in shares) + " |")
    return "\n".join(lines) + "\n"


def misses(scores: dict) -> str:
    """Which of the aims a puppet misses."""
    puppet, nearest, warp = (
        {name: np.nan if value is None else value for name, value in scores[who].items()}
        for who in ("puppet", "nearest", "warp")
    )
    met = {
        "person": puppet["person_vgg_dist"] < warp["person_vgg_dist"],
        "joints": puppet["akd_body_px"] < min(warp["akd_body_px"], nearest["akd_body_px"]),
        "background": puppet["background_drift"] <= warp["background_drift"] + 0.1,
    }
    return ", ".join(name for name, so in met.items() if not so) or "none"


if __name__ == "__main__":
    main()
