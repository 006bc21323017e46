"""Super-resolution on pictures that nobody learnt from: bicubic, and one network by three losses.

    python bench/upscale.py [--steps 3000] [--scales 2 4] [--methods l1 perceptual cx] [--pictures 60] [--readme]

Whole sources are held out. Each network takes the same steps on the same pictures and lies in
bench/out/x2-cx.upscaler and so on; one that lies there already is only scored. What comes with the program is
x2-cx and x4-cx. The sheets bench/out/upscale-x2.png
show test material: look at them, do not publish them.

Pictures are made small by a bicubic filter; four pixels of the edge are not scored. Sharpness is the mean gradient over
the truth's. The last table is of a clip made small: how much more than the truth the still parts change.
"""

import argparse
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from held_out import clip_named, commit_here, head, into_readme, material
from lpips import LPIPS

from cxanim.distill.photographs import split_by_source
from cxanim.images import as_seen, read_image, write_image
from cxanim.models.srresnet import bicubic
from cxanim.pipelines import metrics
from cxanim.pipelines.machine import Machine
from cxanim.pipelines.refine import as_pictures, as_tensor
from cxanim.pipelines.upscale import Enlargement, UpscaleSettings
from cxanim.pipelines.upscale_fit import UpscaleFitSettings, fit_upscaler, shrunk
from cxanim.pipelines.upscaler import Upscaler
from cxanim.video import open_video

OUT = Path(__file__).parent / "out"
METHODS = ("l1", "perceptual", "cx")
_SKIPPED, _EDGE_PX, _LEAST_PX, _SHOWN = ("kaokore_", "stylised_"), 4, 160, 6
_CLIP, _FRAMES = "moore_talk_4", 60


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--scales", type=int, nargs="+", default=[2, 4])
    parser.add_argument("--methods", nargs="+", default=METHODS, choices=METHODS)
    parser.add_argument("--pictures", type=int, default=60, help="how many of those held out")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--readme", action="store_true", help="write the tables into the README too")
    flags = parser.parse_args()
    OUT.mkdir(exist_ok=True)
    folder = material("images")
    learnt, held_out = split_by_source(folder, _SKIPPED)
    truths = [as_seen(read_image(path)) for path in held_out]
    truths = [whole_squares(one) for one in truths if min(one.shape[:2]) >= _LEAST_PX]
    truths = truths[:: max(1, len(truths) // flags.pictures)][: flags.pictures]
    machine = Machine(threads=flags.threads) if flags.threads else Machine()
    machine.prepare()
    lines = [
        f"`python bench/upscale.py --steps {flags.steps}`: {len(truths)} held-out pictures, learnt from "
        f"{len(learnt)}; {time.strftime('%Y-%m-%d')}, commit {commit_here()}.\n",
        head("scale", "made by", "PSNR dB", "SSIM", "LPIPS", "sharpness"),
    ]
    flicker = [head("scale", "made by", "still parts change, of the truth's")]
    for scale in flags.scales:
        networks = {method: network(scale, method, learnt, flags.steps, machine) for method in flags.methods}
        lines += table(scale, truths, networks)
        flicker += flickers(scale, networks)
    text = "\n".join([*lines, "", *flicker]) + "\n"
    print(text)
    if flags.readme:
        into_readme("upscale", text)


def network(scale: int, method: str, learnt: list[Path], steps: int, machine: Machine) -> Upscaler:
    """The one that lies there, or that is taught now."""
    path = OUT / f"x{scale}-{method}.upscaler"
    if not path.exists():
        settings = UpscaleFitSettings(scale=scale, method=method, steps=steps)
        print(fit_upscaler(learnt, path, settings, machine).to_dict(), file=sys.stderr, flush=True)
    return Upscaler.load(path)


def table(scale: int, truths: list[np.ndarray], networks: dict[str, Upscaler]) -> list[str]:
    """Rows of the means over pictures, and the sheet."""
    lpips = LPIPS()
    ways = {"bicubic": lambda small: plain(small, scale)} | {name: one.enlarge for name, one in networks.items()}
    rows: dict[str, list[tuple[float, ...]]] = {name: [] for name in ways}
    sheet = []
    for number, truth in enumerate(truths):
        small = made_small(truth, scale)
        made = {name: way(small) for name, way in ways.items()}
        for name, picture in made.items():
            inner, wanted = (one[_EDGE_PX:-_EDGE_PX, _EDGE_PX:-_EDGE_PX] for one in (picture, truth))
            scores = metrics.psnr_db(inner, wanted), metrics.ssim(inner, wanted), lpips(inner, wanted)
            rows[name].append((*scores, gradient(inner) / gradient(wanted)))
        if number % max(1, len(truths) // _SHOWN) == 0 and len(sheet) < _SHOWN:
            sheet.append(np.hstack([cut(one) for one in (*made.values(), truth)]))
    write_image(OUT / f"upscale-x{scale}.png", np.vstack(sheet))
    lines = []
    for name, scores in rows.items():
        psnr, ssim, distance, sharp = np.mean(scores, axis=0)
        lines.append(f"| x{scale} | {name} | {psnr:.2f} | {ssim:.3f} | {distance:.3f} | {sharp:.2f} |")
    return lines


def flickers(scale: int, networks: dict[str, Upscaler]) -> list[str]:
    """How steady a video is: what changes where nothing does in the truth."""
    with open_video(clip_named(_CLIP), max_side_px=512) as video:
        truth = [whole_squares(frame) for _, frame in zip(range(_FRAMES), video, strict=False)]
    small = [made_small(frame, scale) for frame in truth]
    films = {"bicubic": [plain(frame, scale) for frame in small]}
    for name, one in networks.items():
        films[name] = [one.enlarge(frame) for frame in small]
        steadiness = UpscaleSettings().steadiness
        films[f"{name}, steadied"] = list(map(Enlargement(one, steadiness), small))
    lines = []
    for name, frames in films.items():
        changed, was = metrics.flicker(frames, truth)
        lines.append(f"| x{scale} | {name} | {changed / max(was, 1e-9):.2f} |")
    return lines


def made_small(truth: np.ndarray, scale: int) -> np.ndarray:
    return as_pictures(shrunk(as_tensor(truth[None], torch.device("cpu")), scale))[0]


def plain(small: np.ndarray, scale: int) -> np.ndarray:
    return as_pictures(bicubic(as_tensor(small[None], torch.device("cpu")), scale))[0]


def gradient(picture: np.ndarray) -> float:
    """Mean length of the gradient: sharpness without a reference."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return float(np.hypot(np.diff(grey, axis=1)[:-1], np.diff(grey, axis=0)[:, :-1]).mean())


def whole_squares(picture: np.ndarray) -> np.ndarray:
    """The picture without what is left of its last whole four pixels."""
    height, width = (length - length % 4 for length in picture.shape[:2])
    return np.ascontiguousarray(picture[:height, :width])


def cut(picture: np.ndarray, side: int = 144) -> np.ndarray:
    """Its middle, twice as large."""
    top, left = ((length - side) // 2 for length in picture.shape[:2])
    part = picture[top : top + side, left : left + side]
    return cv2.resize(part, None, fx=2, fy=2, interpolation=cv2.INTER_NEAREST)


if __name__ == "__main__":
    main()
