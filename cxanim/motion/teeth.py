"""Rows of teeth as they are seen from the front.

Sizes: means of adults, with the eyes 62 mm apart (S. J. Nelson, "Wheeler's Dental Anatomy", 2014).
"""

from dataclasses import dataclass

import numpy as np

# Half a row of teeth, from the middle outwards: where each ends, in eye distances, as the curved row is seen.
_UPPER_ENDS = np.array([0.137, 0.236, 0.335, 0.40, 0.44])
_LOWER_ENDS = np.array([0.087, 0.180, 0.285, 0.36, 0.41])
_ROW_HALF_WIDTH = 0.46
_PLACES = 1000  # of a table, to an eye distance: a twentieth of a pixel even of a large face


@dataclass(frozen=True)
class TeethRow:
    """A row of teeth, by the way from its middle, in `_PLACES` to an eye distance.

    Attributes:
        edge: (N,) how far down, of the upper row up, its edge draws back from where it is in the middle.
        lit: (N,) light: a little darker between teeth, much darker where the row runs back.
        there: (N,) 1 on the row, 0 beyond its end.
    """

    edge: np.ndarray
    lit: np.ndarray
    there: np.ndarray

    @classmethod
    def of(cls, ends: np.ndarray, scallop: float, curve: float, light: float, half_width: float) -> "TeethRow":
        """A row whose teeth end there, with an edge that draws back by `scallop` between two, and by `curve` for the
        square of the way."""
        x = (np.arange(_PLACES) + 0.5) / _PLACES
        starts = np.concatenate([[0.0], ends[:-1]])
        number = np.clip(np.searchsorted(ends, x), 0, len(ends) - 1)
        along = (x - starts[number]) / (ends - starts)[number]
        between = sum(np.exp(-(((x - end) / 0.011) ** 2)) for end in ends) + np.exp(-((x / 0.009) ** 2))
        turned = 1 - 0.55 * np.clip(x / _ROW_HALF_WIDTH, 0, 1) ** 2
        edge = scallop * np.abs(2 * along - 1) ** 3 + curve * x * x
        table = edge, light * turned * (1 - 0.14 * between), edge_at(half_width - x, 0.05)
        return cls(*(column.astype(np.float32) for column in table))


def places_in_row(x: np.ndarray) -> np.ndarray:
    """Where in the tables of a row places are that lie so far, in eye distances, from its middle."""
    return np.minimum(np.abs(x) * _PLACES, _PLACES - 1).astype(np.int32)


def edge_at(distance: np.ndarray, soft: float) -> np.ndarray:
    """0 outside (negative), 1 inside, smooth over `soft`."""
    u = np.clip(distance / soft * 0.5 + 0.5, 0, 1)
    return u * u * (3 - 2 * u)


UPPER = TeethRow.of(_UPPER_ENDS, 0.020, 0.22, 1.0, _ROW_HALF_WIDTH)
LOWER = TeethRow.of(_LOWER_ENDS, 0.012, 0.25, 0.52, _ROW_HALF_WIDTH - 0.06)
