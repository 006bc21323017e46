"""How finely a live puppet is shown so that it keeps up: fewer pixels rather than fewer pictures."""

from collections import deque
from collections.abc import Sequence

BUDGET_MS = 28.0  # of the 33 between two frames of a camera: the rest is for what runs beside
_LOOKED_AT, _WAIT_S, _LONGEST_WAIT_S = 15, 8.0, 120.0
_DEARER, _SURE = 3.0, 0.8  # a larger size costs at most so many times as much; and only where it surely fits


class Pace:
    """Chooses among sizes by how long pictures take.

    Args:
        sizes_px: what there is to choose from, the largest first.
    """

    def __init__(self, sizes_px: Sequence[int]):
        self._sizes_px, self._place = tuple(sizes_px), 0
        self._took_ms: deque[float] = deque(maxlen=_LOOKED_AT)
        self._changed_s = 0.0
        self._wait_s = _WAIT_S

    @property
    def size_px(self) -> int:
        """How large the next picture is to be."""
        return self._sizes_px[self._place]

    def note(self, took_ms: float, time_s: float) -> None:
        """Tell how long a picture of this size took, and when.

        A size that turned out too large is tried again later and later.
        """
        self._took_ms.append(took_ms)
        if len(self._took_ms) < _LOOKED_AT:
            return
        usual_ms, since_s = sorted(self._took_ms)[_LOOKED_AT // 2], time_s - self._changed_s
        if usual_ms > BUDGET_MS and self._place + 1 < len(self._sizes_px):
            self._wait_s = min(_LONGEST_WAIT_S, 2 * self._wait_s) if since_s < self._wait_s else _WAIT_S
            self._change(1, time_s)
        elif usual_ms * _DEARER < _SURE * BUDGET_MS and self._place > 0 and since_s > self._wait_s:
            self._change(-1, time_s)

    def _change(self, step: int, time_s: float) -> None:
        self._place += step
        self._changed_s = time_s
        self._took_ms.clear()
