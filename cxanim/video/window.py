"""A window on the desktop that shows pictures as they come, and the keys that are pressed in it."""

import os
import sys

import cv2
import numpy as np

from cxanim.errors import CxanimError

_FONT, _SCALE, _SPACE_PX = cv2.FONT_HERSHEY_SIMPLEX, 0.42, 8
_LINE_PX, _INK, _PAPER = 22, (41, 37, 28), (249, 250, 250)  # BGR


class Window:
    """One window; for the thread that made it.

    Args:
        title: what stands above it.
        side_px: width of its pictures.

    Raises:
        CxanimError: there is no screen.
    """

    def __init__(self, title: str, side_px: int = 512):
        self._title, self._side_px = title, side_px
        # Where there is no screen, OpenCV ends the whole program.
        if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
            raise _no_screen()
        try:
            cv2.namedWindow(title, cv2.WINDOW_AUTOSIZE | cv2.WINDOW_GUI_NORMAL)  # without OpenCV's own tools
        except cv2.error as error:
            raise _no_screen() from error

    def show(self, picture: np.ndarray, lines: tuple[str, ...] = ()) -> str:
        """Show (S, S, 3) uint8 RGB over some lines of text; return the key that was pressed, or nothing."""
        size = (self._side_px, self._side_px)
        view = cv2.resize(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), size, interpolation=cv2.INTER_CUBIC)
        cv2.imshow(self._title, np.vstack([view, caption(lines, self._side_px)]))
        key = cv2.waitKey(1) & 0xFF
        return chr(key) if key < 128 else ""

    @property
    def is_closed(self) -> bool:
        """Whether the person has closed it."""
        return cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) < 1

    def close(self) -> None:
        """Take it away."""
        cv2.destroyWindow(self._title)


def caption(lines: tuple[str, ...], width_px: int) -> np.ndarray:
    """Lines of text on paper, (H, width_px, 3) uint8 BGR."""
    paper = np.full((_LINE_PX * len(lines) + 8 * bool(lines), width_px, 3), _PAPER, np.uint8)
    for number, line in enumerate(lines):
        place = (_SPACE_PX, _LINE_PX * (number + 1) - 4)
        (length_px, _), _ = cv2.getTextSize(line, _FONT, _SCALE, 1)
        scale = _SCALE * min(1.0, (width_px - 2 * _SPACE_PX) / max(1, length_px))
        cv2.putText(paper, line, place, _FONT, scale, _INK, 1, cv2.LINE_AA)
    return paper


def _no_screen() -> CxanimError:
    return CxanimError("There is no screen for a window.", "Let a clip drive: --input CLIP --output OUT.mp4.")
