"""What a picture in a style costs, and how it looks: every method on the shared pairs, side by side.

    python bench/style.py [--size 512] [--steps 300] [--pairs 13] [--largest 2048] [--readme]

Each method paints each pair, in a process of its own, since a process's peak memory never falls. The sheets
(bench/out/style-N.png: content, style, then every method) show test material: look at them, do not publish them. The
last row is one picture at --largest by a few steps, for its memory.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from held_out import commit_here, head, into_readme, material

from cxanim.images import as_seen, fitted, read_image, write_image
from cxanim.pipelines.machine import cores
from cxanim.pipelines.style import StyleSettings, stylize
from cxanim.pipelines.style_objective import METHODS

OUT = Path(__file__).parent / "out"
_SHOWN_PX, _LARGE_STEPS = 384, 12


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--pairs", type=int, default=13, help="how many of pairs.json, evenly spread")
    parser.add_argument("--largest", type=int, default=2048)
    parser.add_argument("--readme", action="store_true", help="write the table into the README too")
    parser.add_argument("--paint", nargs=6, help=argparse.SUPPRESS)
    flags = parser.parse_args()
    if flags.paint:
        paint(*flags.paint)
        return
    OUT.mkdir(exist_ok=True)
    all_pairs = json.loads(material("style_pairs/pairs.json").read_text())
    chosen = sorted(set(np.linspace(0, len(all_pairs) - 1, flags.pairs).round().astype(int).tolist()))
    pairs = [all_pairs[number] for number in chosen]
    lines = [
        f"`python bench/style.py --size {flags.size} --steps {flags.steps}`: {len(pairs)} pairs, features small, "
        f"{cores()} cores; {time.strftime('%Y-%m-%d')}, commit {commit_here()}.\n",
        head("method", "px", "steps", "seconds", "peak MB", "style before", "style after"),
    ]
    found: dict[str, list[dict]] = {method: [] for method in METHODS}
    with tempfile.TemporaryDirectory() as folder:
        for number, pair in enumerate(pairs):
            pictures = [material(pair[which]) for which in ("content", "style")]
            row = [shown(path) for path in pictures]
            for method in METHODS:
                output = Path(folder) / f"{number}-{method}.png"
                found[method].append(painted(*pictures, output, method, flags.size, flags.steps))
                row.append(shown(output))
                print(number, method, found[method][-1], file=sys.stderr, flush=True)
            write_image(OUT / f"style-{number}.png", np.hstack(row))
        for method, results in found.items():
            lines.append(table_row(method, flags.size, flags.steps, results))
        large = painted(*pictures, Path(folder) / "large.png", "cx", flags.largest, _LARGE_STEPS)
        lines.append(table_row("cx", flags.largest, _LARGE_STEPS, [large]))
    print(*lines, sep="\n")
    if flags.readme:
        into_readme("style", "\n".join(lines) + "\n")


def table_row(method: str, size: int, steps: int, results: list[dict]) -> str:
    """Medians over pairs."""
    seconds, peak, before, after = (
        float(np.median([result[name] for result in results])) for name in ("seconds", "peak_mb", "before", "after")
    )
    return f"| {method} | {size} | {steps} | {seconds:.0f} | {peak:.0f} | {before:.3f} | {after:.3f} |"


def painted(content: Path, style: Path, output: Path, method: str, size: int, steps: int) -> dict:
    """`paint` in a process of its own."""
    order = [content, style, output, method, size, steps]
    program = [sys.executable, __file__, "--paint", *map(str, order)]
    return json.loads(subprocess.run(program, check=True, capture_output=True, text=True).stdout)


def paint(content: str, style: str, output: str, method: str, size: str, steps: str) -> None:
    """Paint once, and print what it took: a first step for the style as it was, then all of them."""
    settings = StyleSettings(method=method, size=int(size), steps=1)
    before = stylize(Path(content), Path(style), Path(output), settings).terms["style"]
    settings = StyleSettings(method=method, size=int(size), steps=int(steps))
    styled = stylize(Path(content), Path(style), Path(output), settings)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1e-6 if sys.platform == "darwin" else 1024e-6)
    result = {"seconds": styled.seconds, "peak_mb": peak_mb, "before": before, "after": styled.terms["style"]}
    print(json.dumps({name: round(value, 4) for name, value in result.items()}))


def shown(path: Path) -> np.ndarray:
    """A picture in a square tile."""
    picture = fitted(as_seen(read_image(path)), _SHOWN_PX)
    tile = np.full((_SHOWN_PX, _SHOWN_PX, 3), 255, np.uint8)
    height, width = picture.shape[:2]
    top, left = (_SHOWN_PX - height) // 2, (_SHOWN_PX - width) // 2
    tile[top : top + height, left : left + width] = picture
    return tile


if __name__ == "__main__":
    main()
