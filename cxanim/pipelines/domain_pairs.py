"""Which picture of the target set a source looks at, where the two sets have no pairs.

Drawn from the whole set, as in the paper, one step asks for a head that looks to the left and the next for one that
looks to the right; what is left of both in the end is a colour. Those whose parts lie alike ask for the same.
"""

from collections.abc import Sequence

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from cxanim.losses import FeatureNetwork
from cxanim.pipelines.refine import as_tensor

_GRID, _AT_ONCE, _LEAST_CUT = 4, 16, 0.92
_NEIGHBOURS = 10
# How much tints count beside layout: a source that looks at another tint learns the grey between all of them.
_TINT = 0.3


class DomainPairs:
    """Sources beside targets, a batch at a time.

    Args:
        sources, targets: square pictures (S, S, 3) uint8, of any sizes.
        alike: each source looks at one of so many targets that are most like it in layout, mirrored ones among them; 0
            lets it look at any.
        size_px: side of what is drawn.
        eyes: tells what is alike, by a layer of features.
        layer: its name.
        device: where all is computed.
    """

    def __init__(
        self,
        sources: Sequence[np.ndarray],
        targets: Sequence[np.ndarray],
        alike: int,
        size_px: int,
        eyes: FeatureNetwork,
        layer: str,
        device: torch.device,
    ):
        self._sources, self._targets, self._size_px, self._device = sources, targets, size_px, device
        self._looks_at: np.ndarray | None = None
        if alike:
            wanted = [*targets, *(one[:, ::-1] for one in targets)]
            given, asked = (_features(some, size_px, eyes, layer, device) for some in (sources, wanted))
            likeness = _likeness(given, asked) + _TINT * _likeness(_tints(sources), _tints(wanted)).to(device)
            self._looks_at = _most_alike(likeness, min(alike, len(wanted))).cpu().numpy()

    def draw(self, random: np.random.Generator, batch: int) -> tuple[Tensor, Tensor]:
        """Sources and targets, (B, 3, S, S) each in [0, 1]: both of a pair are cut alike, and half of all mirrored."""
        pairs = [self._pair(random) for _ in range(batch)]
        sources, targets = (np.stack([pair[which] for pair in pairs]) for which in (0, 1))
        return as_tensor(sources, self._device), as_tensor(targets, self._device)

    def _pair(self, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        index, count = int(random.integers(len(self._sources))), len(self._targets)
        which = int(random.integers(2 * count)) if self._looks_at is None else int(random.choice(self._looks_at[index]))
        source, target = self._sources[index], self._targets[which % count]
        pair = [source, target[:, ::-1] if which >= count else target]
        part, right, down = random.uniform(_LEAST_CUT, 1), *random.uniform(0, 1, 2)
        mirrored = random.random() < 0.5
        cut = [resized(_cut(one, part, right, down), self._size_px) for one in pair]
        return (cut[0][:, ::-1], cut[1][:, ::-1]) if mirrored else (cut[0], cut[1])


def _likeness(given: Tensor, asked: Tensor) -> Tensor:
    """How alike (N, M) what is seen of sources (N, C, 4, 4) and of targets (M, C, 4, 4) is, in [-1, 1].

    Each set is seen from its own mean, or the targets that are least of their kind would be found.
    """
    given, asked = (
        F.normalize((one - one.mean(dim=(0, 2, 3), keepdim=True)).flatten(1), dim=1) for one in (given, asked)
    )
    return given @ asked.T


def _most_alike(likeness: Tensor, count: int) -> Tensor:
    """Numbers (N, count) of the targets that are most like each source, by how alike they are (N, M).

    What is everybody's neighbour counts less: CSLS of A. Conneau et al., "Word Translation Without Parallel Data", ICLR
    2018, equation 3.
    """
    popularity = likeness.topk(min(_NEIGHBOURS, len(likeness)), dim=0).values.mean(dim=0)
    return (2 * likeness - popularity).topk(count, dim=1).indices


def resized(picture: np.ndarray, size_px: int) -> np.ndarray:
    """A square picture at another size."""
    interpolation = cv2.INTER_AREA if len(picture) > size_px else cv2.INTER_CUBIC
    return cv2.resize(picture, (size_px, size_px), interpolation=interpolation)


def _cut(picture: np.ndarray, part: float, right: float, down: float) -> np.ndarray:
    """A square with `part` of a picture's side; `right` and `down` of the rest lie before it."""
    side = max(1, round(len(picture) * part))
    left, top = (int((len(picture) - side) * where) for where in (right, down))
    return picture[top : top + side, left : left + side]


def _features(
    pictures: Sequence[np.ndarray], size_px: int, eyes: FeatureNetwork, layer: str, device: torch.device
) -> Tensor:
    """What is seen of each in the fields of a coarse grid, (N, C, 4, 4)."""
    seen = []
    with torch.no_grad():
        for first in range(0, len(pictures), _AT_ONCE):
            some = np.stack([resized(one, size_px) for one in pictures[first : first + _AT_ONCE]])
            seen.append(F.adaptive_avg_pool2d(eyes(as_tensor(some, device))[layer], _GRID))
    return torch.cat(seen)


def _tints(pictures: Sequence[np.ndarray]) -> Tensor:
    """The tint of each in the fields of the same grid, a* and b* of CIELAB, (N, 2, 4, 4)."""
    grids = [
        cv2.resize(
            cv2.cvtColor(one, cv2.COLOR_RGB2LAB).astype(np.float32), (_GRID, _GRID), interpolation=cv2.INTER_AREA
        )
        for one in pictures
    ]
    return torch.from_numpy(np.stack(grids)[..., 1:]).permute(0, 3, 1, 2)
