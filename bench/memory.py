"""What a long clip costs: memory and time of training on ten minutes at 1920x1080.

    python bench/memory.py [--minutes 10] [--steps 20] [CLIP]

The clip is made from a short one by repeating it; the training is the command line's, in a process of its own.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from held_out import ROOT, clip_named

from cxanim.video.probe import ffmpeg_program

FULL_HD = "scale=1920:1080:force_original_aspect_ratio=increase,crop=1920:1080"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", nargs="?", default="lp_d9", help="name of a clip in the test data's faces/")
    parser.add_argument("--minutes", type=float, default=10.0, help="length of the clip that is made")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--size", type=int, default=256)
    flags = parser.parse_args()
    source = clip_named(flags.clip)
    with tempfile.TemporaryDirectory() as folder:
        clip, puppet = Path(folder) / "long.mp4", Path(folder) / "long.puppet"
        ask = [ffmpeg_program(), "-loglevel", "error", "-stream_loop", "-1", "-i", source, "-an"]
        ask += ["-t", str(60 * flags.minutes), "-vf", FULL_HD, "-preset", "ultrafast", "-pix_fmt", "yuv420p", clip]
        subprocess.run(ask, check=True)
        train = [sys.executable, "-m", "cxanim", "train", clip, "-o", puppet, "--json"]
        start_s = time.monotonic()
        job = subprocess.run(
            [*train, "--steps", str(flags.steps), "--size", str(flags.size)], cwd=ROOT, stdout=subprocess.PIPE
        )
        seconds = time.monotonic() - start_s
        job.check_returncode()
        answer = json.loads(job.stdout)
        # The largest of all children's, so the encoder's counts too; it needs less.
        peak_kib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss  # on Linux; macOS counts bytes
        print("| clip | MB | size | reading s | training s | steps | peak MiB |\n|---|---|---|---|---|---|---|")
        training_s, steps = answer["seconds"], answer["steps"]
        print(
            f"| {flags.minutes:g} min at 1920x1080 | {clip.stat().st_size / 1e6:.0f} | {flags.size} "
            f"| {seconds - training_s:.0f} | {training_s:.0f} | {steps} | {peak_kib / 1024:.0f} |"
        )


if __name__ == "__main__":
    main()
