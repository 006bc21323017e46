"""How finely a live puppet is shown so that it keeps up: coarser pictures rather than fewer.

What makes a picture has two paces: the warp's, by how many references or pixels it shows, and a network's, by how often
it is asked and whether pictures wait for it.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from cxanim.pipelines.figure_puppet import FigurePuppet
from cxanim.pipelines.puppet import Puppet
from cxanim.pipelines.puppet_parts import SIZES_PX

CAMERA_FPS = 30.0  # of a common camera; before a faster one pictures may take no less
_LEAST_FPS = 5.0  # nobody waits for longer than a fifth of a second because a camera says that it is slow
BUDGET_MS = 28.0  # of the 33 between two of its frames: the rest is for what runs beside
# Shares of it: for more references than one, which are a little nicer and take the cores from the rest, and for what no
# picture waits for.
_MIXED, _BESIDE = 0.7, 0.3
_MOST_LONGER = 3.0  # times as long pictures may take where a camera is so much slower; then they would only come later
_LOOKED_AT, _WAIT_S, _LONGEST_WAIT_S = 15, 8.0, 120.0
LEAST_PX = 128
_BLENDED = (4, 2, 1)  # half as many as in a video cost 1 % of the face's likeness (docs/log.md, 2026-11-27)
# How much dearer a grade is at most than the next coarser one.
_FEWER_REFERENCES, _FEWER_PIXELS = 1.5, 3.0
# Frames; between them what was said moves along (docs/log.md, 2026-11-29 and 30): with limbs it does not hold for long.
_ASKS_EVERY: tuple[int, ...] = (1, 2, 3, 4, 6, 10)
_FIGURES_ASK_EVERY: tuple[int, ...] = (1, 2, 3)
_WHOLE = 2.5  # times as long as of a face alone, which is all it is asked of where that is not for each frame
_SURE = 0.8  # a finer grade is taken only where it surely fits


def counted_fps(said: float) -> float:
    """The frames a second to count with, in [5, 30], where a camera says that it gives so many; many say nonsense."""
    return min(CAMERA_FPS, max(_LEAST_FPS, said)) if said >= 1 else CAMERA_FPS


@dataclass(frozen=True)
class Grade:
    """How finely a picture is shown.

    Attributes:
        size_px: its side.
        most_blended: how many references it is mixed of.
        dearer: it takes at most so many times as long as one of the next coarser grade.
        asks_every: at every so many pictures a network is asked; where that is not each, none waits for it.
    """

    size_px: int
    most_blended: int
    dearer: float = _FEWER_PIXELS
    asks_every: int = 1

    @property
    def within_ms(self) -> float:
        """What a picture of this grade may take before a common camera."""
        if self.asks_every > 1:
            return _BESIDE * BUDGET_MS
        return BUDGET_MS if self.most_blended == 1 else _MIXED * BUDGET_MS


def grades(puppet: Puppet) -> list[Grade]:
    """How finely a puppet can be shown, the finest first: of fewer references, or where it has one, in fewer pixels.

    A network knows one size.
    """
    blended = dict.fromkeys(min(most, len(puppet.references)) for most in _BLENDED)
    whole = [Grade(puppet.size_px, most, _FEWER_REFERENCES if most > 1 else _FEWER_PIXELS) for most in blended]
    if puppet.is_trained:
        return whole
    return whole + [Grade(size_px, 1) for size_px in reversed(SIZES_PX) if LEAST_PX <= size_px < puppet.size_px]


def network_grades(puppet: Puppet | FigurePuppet) -> list[Grade]:
    """How often the network of a puppet may be asked, the finest first; one that has none is always the same."""
    often, whole = (_FIGURES_ASK_EVERY, 1.0) if isinstance(puppet, FigurePuppet) else (_ASKS_EVERY, _WHOLE)
    dearer = [after / every for every, after in zip(often, [*often[1:], often[-1]], strict=True)]
    dearer[0] *= whole
    told = [Grade(puppet.size_px, 1, *grade) for grade in zip(dearer, often, strict=True)]
    return told if puppet.is_trained else told[:1]


class Pace:
    """Chooses among grades by how long pictures take.

    Args:
        grades: what there is to choose from, the finest first.
        camera_fps: how many frames a second the camera says that it gives.
    """

    def __init__(self, grades: Sequence[Grade], camera_fps: float = CAMERA_FPS):
        self._grades, self._place = tuple(grades), 0
        self._longer = min(_MOST_LONGER, CAMERA_FPS / counted_fps(camera_fps))
        self._took_ms: deque[float] = deque(maxlen=_LOOKED_AT)
        self._changed_s = 0.0
        self._wait_s = _WAIT_S

    @property
    def finest(self) -> Grade:
        """How finely it is shown where there is time for it."""
        return self._grades[0]

    @property
    def grade(self) -> Grade:
        """How finely the next picture is to be shown."""
        return self._grades[self._place]

    def note(self, took_ms: float, time_s: float) -> None:
        """Tell how long a picture of this grade took, and when.

        A grade that turned out too fine is tried again later and later.
        """
        self._took_ms.append(took_ms)
        if len(self._took_ms) < _LOOKED_AT:
            return
        usual_ms, since_s = sorted(self._took_ms)[_LOOKED_AT // 2], time_s - self._changed_s
        if usual_ms > self._longer * self.grade.within_ms and self._place + 1 < len(self._grades):
            self._wait_s = min(_LONGEST_WAIT_S, 2 * self._wait_s) if since_s < self._wait_s else _WAIT_S
            self._change(1, time_s)
        elif self._place > 0 and since_s > self._wait_s:
            finer = self._grades[self._place - 1]
            if usual_ms * finer.dearer < _SURE * self._longer * finer.within_ms:
                self._change(-1, time_s)

    def _change(self, step: int, time_s: float) -> None:
        self._place += step
        self._changed_s = time_s
        self._took_ms.clear()
