"""Run the paper's experiments.

python -m cxanim.experiments gaussians misaligned extremes ... [-o DIR] [--quick]
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

from cxanim.errors import CxanimError
from cxanim.experiments import animation, bandwidths, domains, extremes, gaussians, layers, misaligned, puppets, styles
from cxanim.experiments.report import Report

EXPERIMENTS: dict[str, Callable[[bool], Report]] = {
    "gaussians": gaussians.run,
    "misaligned": misaligned.run,
    "extremes": extremes.run,
    "bandwidths": bandwidths.run,
    "layers": layers.run,
    "style": styles.run,
    "animation": animation.run,
    "puppet": puppets.run,
    "domain": domains.run,
}


def main(arguments: list[str] | None = None) -> int:
    """Run some; write their texts and figures; return 1 where one did not come out as expected."""
    parser = argparse.ArgumentParser(prog="python -m cxanim.experiments", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="+", choices=[*EXPERIMENTS, "all"], metavar="NAME", help=", ".join(EXPERIMENTS))
    parser.add_argument("-o", "--output", type=Path, default=Path("experiments"), help="folder of texts and figures")
    parser.add_argument("--quick", action="store_true", help="fewer seeds, pictures and steps: a look, no evidence")
    parser.add_argument("--threads", type=int, default=0)
    flags = parser.parse_args(arguments)
    if flags.threads:
        torch.set_num_threads(flags.threads)
    names = list(EXPERIMENTS) if "all" in flags.names else flags.names
    flags.output.mkdir(parents=True, exist_ok=True)
    holds = True
    for name in names:
        began_s = time.monotonic()
        try:
            report = EXPERIMENTS[name](flags.quick)
            report.write(flags.output, name)
        except CxanimError as error:
            sys.stderr.write(f"{error}\n")
            return 2
        sys.stdout.write(report.text)
        sys.stderr.write(f"{name}: {time.monotonic() - began_s:.0f} s, {flags.output / name}.png\n")
        holds = holds and report.holds
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
