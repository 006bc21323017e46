"""How a puppet gets better with the minutes of its training, beside the baselines it must beat.

    python bench/curve.py [--minutes 1 2 5 10 20] lp_d19

One training that is stopped at each mark, scored on frames it never saw, and gone on with; only training counts.
"""

import argparse
from dataclasses import replace
from pathlib import Path

from held_out import HeldOut, cells, head, learnt_share, seen_clip
from quality import SHOWN, misses

from cxanim.pipelines.fit import make_training_set
from cxanim.pipelines.learn import FitSettings, learn
from cxanim.pipelines.machine import Machine
from cxanim.pipelines.render import Renderer
from cxanim.pipelines.training_state import TrainingState, state_path
from cxanim.pipelines.watch import Watch

OUT = Path(__file__).parent / "out"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", nargs="?", default="lp_d19", help="name of a clip in the test data's faces/")
    parser.add_argument("--minutes", type=float, nargs="+", default=[1.0, 2.0, 5.0, 10.0, 20.0])
    parser.add_argument("--frames", type=int, default=30, help="frames scored")
    flags = parser.parse_args()
    OUT.mkdir(exist_ok=True)
    seen, machine, watch = seen_clip(flags.clip), Machine(), Watch()
    settings = FitSettings(until=learnt_share(seen))
    data = make_training_set([seen.path], settings, machine, watch)
    held_out = HeldOut(seen, data.puppet, flags.frames)
    scores = {who: held_out.score(show) for who, show in held_out.exam.baselines().items()}
    print(head("minutes", "steps", *SHOWN, "misses"))
    for who, row in scores.items():
        print(f"| {who} | - | {cells(row, SHOWN)} | |", flush=True)
    output, earlier, done = OUT / f"{flags.clip}-curve.puppet", None, 0.0
    for minutes in sorted(flags.minutes):
        learnt = learn(data, replace(settings, minutes=minutes - done), machine, earlier, output, watch=watch)
        earlier, done = TrainingState.load(state_path(output), data.fingerprint), minutes
        scores["puppet"] = held_out.score(Renderer(learnt.puppet).show)
        row = cells(scores["puppet"], SHOWN)
        print(f"| {minutes:g} | {learnt.steps} | {row} | {misses(scores)} |", flush=True)


if __name__ == "__main__":
    main()
