"""How a long job tells its watcher where it is, and learns that it should stop.

A pipeline calls ``on_progress(Progress(...))`` now and then and asks ``should_stop()`` between two pieces
of work. It knows nothing of terminals and browsers; they know nothing of its insides.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Progress:
    """Where a job stands.

    Attributes:
        stage: what is being done, in words a person reads ("Finding faces").
        done: units finished in this stage.
        total: units in this stage, or 0 where it cannot be known.
        unit: what is counted ("frames", "steps").
        elapsed_s: seconds since the stage began.
        remaining_s: estimated seconds to its end, or None.
        terms: current value of each named loss term.
        preview: picture to watch, (H, W, 3) uint8 RGB, or None.
    """

    stage: str
    done: int
    total: int = 0
    unit: str = "frames"
    elapsed_s: float = 0.0
    remaining_s: float | None = None
    terms: dict[str, float] = field(default_factory=dict)
    preview: np.ndarray | None = None

    @property
    def fraction(self) -> float:
        """Share of the stage that is done, in [0, 1]; 0 where the total is unknown."""
        return min(1.0, self.done / self.total) if self.total else 0.0


OnProgress = Callable[[Progress], None]
ShouldStop = Callable[[], bool]


def ignore_progress(progress: Progress) -> None:
    """Watch nothing."""


def never_stop() -> bool:
    """Go on to the end."""
    return False
