"""How long a training goes on, what is told meanwhile, and how often what is learnt is kept."""

import math
import time
from collections.abc import Callable
from typing import Protocol, TypeVar

import numpy as np

from cxanim.errors import Cancelled
from cxanim.pipelines.watch import Watch

T = TypeVar("T")
_TELL_EVERY_S, _PREVIEW_EVERY_S, _KEEP_EVERY_S = 1.0, 4.0, 60.0
_PACE_AFTER_S = 2.0


class Learning(Protocol):
    """What takes the steps."""

    @property
    def step_number(self) -> int:
        """How many steps were taken."""

    def step(self) -> dict[str, float]:
        """Take one; return the value of each term of the loss."""

    def preview(self) -> np.ndarray:
        """A picture of what is learnt so far, (H, W, 3) uint8."""


def train_until_told(
    learning: Learning,
    minutes: float,
    steps: int,
    longest_min: float,
    watch: Watch,
    keep: Callable[[float, dict[str, float]], T],
) -> tuple[T, bool]:
    """Step until settings or the person say stop; return what was kept last, and whether it was the settings.

    Args:
        learning: takes the steps.
        minutes: how long, where `steps` is 0.
        steps: how many in all, with those of an earlier training.
        longest_min: minutes after which it ends, whatever else is said.
        watch: who is told, and may stop it.
        keep: keeps what is learnt, every minute and at the end; is told the seconds and the terms.

    Raises:
        Cancelled: stopped before the first step.
    """
    start_s = told_s = shown_s = kept_s = time.monotonic()
    first = learning.step_number
    limit_s = 60 * (longest_min if steps else min(minutes, longest_min))
    terms: dict[str, float] = {}
    while True:
        now_s = time.monotonic()
        elapsed_s = now_s - start_s
        done = learning.step_number
        over = elapsed_s >= limit_s or bool(steps and done >= steps)
        if now_s - told_s >= _TELL_EVERY_S or done == first or over:
            told_s = now_s
            preview = None
            if watch.sees_previews and (now_s - shown_s >= _PREVIEW_EVERY_S or done == first or over):
                shown_s, preview = now_s, learning.preview()
            pace = (done - first) / elapsed_s if elapsed_s > _PACE_AFTER_S else 0.0
            total = steps or (first + max(done - first, round(pace * limit_s)) if pace else 0)
            left_s = min(limit_s - elapsed_s, (total - done) / pace if pace else math.inf)
            remaining_s = max(0.0, left_s) if left_s < math.inf else None
            watch.tell("Training", done, total, "steps", elapsed_s, terms, preview, remaining_s)
        if over:
            break
        if watch.should_stop():
            if done == 0:
                raise Cancelled
            break
        terms = learning.step()
        if time.monotonic() - kept_s >= _KEEP_EVERY_S:
            keep(time.monotonic() - start_s, terms)
            kept_s = time.monotonic()
    return keep(time.monotonic() - start_s, terms), over
