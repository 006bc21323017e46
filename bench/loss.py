"""Time and peak memory of the Contextual loss: the bare products, the plain matrix form, the row-block form.

    python bench/loss.py [--largest 16384] [--channels 64] [--threads 2]

One run is a forward and a backward pass to the generated features. Each form and size runs in a process of its
own, since a process's peak memory never falls; the plain form is left out where it would need more than
`--plain-gib`. "products" are the three matrix products that the row-block form cannot do without, in blocks.
"""

import argparse
import json
import platform
import resource
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FORMS = ("products", "plain", "blocks")
PLAIN_MATRICES = 8  # float32 matrices that the plain form holds at its peak, roughly


def measure(form: str, positions: int, channels: int, threads: int, repeats: int) -> dict[str, float]:
    """Run one form in this process and return its best time and the growth of the peak memory."""
    sys.path.insert(0, str(ROOT))
    import torch

    from cxanim.losses import contextual_loss

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    x, y = (torch.randn(1, channels, positions).relu_() for _ in range(2))
    x.requires_grad_()

    def products() -> None:
        points, rows = y[0].T.contiguous(), max(16, 2**18 // positions)
        for block in points.split(rows):
            block @ points.T
            block @ points.T @ points

    def loss(block: int | str | None) -> None:
        contextual_loss(x, y, block=block).backward()

    run = {"products": products, "plain": lambda: loss(None), "blocks": lambda: loss("auto")}[form]
    unit = 2**10 if sys.platform == "darwin" else 1
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    times = []
    for _ in range(repeats):
        begun = time.perf_counter()
        run()
        times.append(time.perf_counter() - begun)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return {"seconds": min(times), "mib": grown / 1024 / unit}


def measured_apart(form: str, positions: int, flags: argparse.Namespace) -> dict[str, float]:
    """`measure` in a process of its own."""
    order = [form, positions, flags.channels, flags.threads, 5 if positions <= 4096 else 2]
    program = [sys.executable, __file__, "--measure", *map(str, order)]
    return json.loads(subprocess.run(program, check=True, capture_output=True, text=True).stdout)


def commit() -> str:
    """The revision that is measured."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty"]
    return subprocess.run(command, capture_output=True, text=True).stdout.strip() or "unknown"


def main() -> None:
    """Print the table as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--largest", type=int, default=16384, help="largest number of positions (up to 65536)")
    parser.add_argument("--channels", type=int, default=64)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--plain-gib", type=float, default=4.0, help="memory that the plain form may take")
    parser.add_argument("--measure", nargs=5, help=argparse.SUPPRESS)
    flags = parser.parse_args()
    if flags.measure:
        form, *numbers = flags.measure
        sys.stdout.write(json.dumps(measure(form, *map(int, numbers))))
        return
    facts = (time.strftime("%Y-%m-%d"), commit(), platform.machine(), f"{flags.threads} threads")
    print(", ".join((*facts, f"C = {flags.channels}, float32, h = 0.5")), "\n")
    columns = [f"{form} ms | {form} MiB" for form in FORMS] + ["plain / blocks", "blocks / products"]
    print("| positions | " + " | ".join(columns) + " |")
    print("|---|" + "---|" * (2 * len(FORMS) + 2))
    positions = 1024
    while positions <= flags.largest:
        cells, seconds = [], {}
        for form in FORMS:
            if form == "plain" and PLAIN_MATRICES * 4 * positions**2 > flags.plain_gib * 2**30:
                cells += ["-", "-"]
                continue
            result = measured_apart(form, positions, flags)
            seconds[form] = result["seconds"]
            cells += [f"{1000 * result['seconds']:.0f}", f"{result['mib']:.0f}"]
        gained = f"{seconds['plain'] / seconds['blocks']:.1f}" if "plain" in seconds else "-"
        paid = f"{seconds['blocks'] / seconds['products']:.2f}"
        print(f"| {positions} | " + " | ".join([*cells, gained, paid]) + " |", flush=True)
        positions *= 2 if positions < 4096 else 4


if __name__ == "__main__":
    main()
