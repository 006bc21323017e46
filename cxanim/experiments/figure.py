"""Curves, maps and rows of pictures, drawn without a screen."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import cv2
import numpy as np


class Sheet:
    """A figure on its way.

    Attributes:
        axes: one of Matplotlib's per panel, from left to right.
        picture: (H, W, 3) uint8, once it is drawn.
    """

    def __init__(self, axes: Sequence[Any]):
        self.axes = list(axes)
        self.picture = np.empty((0, 0, 3), np.uint8)


@contextmanager
def drawn_sheet(panels: int) -> Iterator[Sheet]:
    """Panels side by side; the picture is there when the block ends."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.2 * panels, 3.6), dpi=110, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    sheet = Sheet([figure.add_subplot(1, panels, number + 1) for number in range(panels)])
    yield sheet
    canvas.draw()
    sheet.picture = np.ascontiguousarray(np.asarray(canvas.buffer_rgba())[..., :3])


def row_of_pictures(pictures: Sequence[np.ndarray], titles: Sequence[str], side_px: int = 192) -> np.ndarray:
    """Square pictures (S, S, 3) uint8 side by side under their names."""
    tiles = []
    for picture, title in zip(pictures, titles, strict=True):
        tile = np.full((side_px + 28, side_px + 8, 3), 255, np.uint8)
        enlarged = cv2.resize(picture, (side_px, side_px), interpolation=cv2.INTER_NEAREST)
        tile[24 : 24 + side_px, 4 : 4 + side_px] = enlarged
        cv2.putText(tile, title, (6, 17), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (40, 40, 40), 1, cv2.LINE_AA)
        tiles.append(tile)
    return np.hstack(tiles)
