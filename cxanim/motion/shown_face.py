"""A face that is about to be shown: what of its eyes and mouth is the same for every picture that it is shown from."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from cxanim.motion import landmarks as lm
from cxanim.motion.eye_frame import Eye, EyeFrame, places
from cxanim.motion.head import head_axes, head_centre
from cxanim.motion.inlay import masked_window
from cxanim.motion.pose import eye_distance


@dataclass(frozen=True)
class Slit:
    """A window over an eye, and what of it is seen there.

    Attributes:
        x0_px, y0_px: the window's first column and row.
        mask: (h, w) float32, how much of each pixel is inside.
        along, down: (h, w) float32 its pixels in the eye's own axes.
    """

    x0_px: int
    y0_px: int
    mask: np.ndarray
    along: np.ndarray
    down: np.ndarray


@dataclass(frozen=True)
class ShownEye:
    """An eye of a face.

    Attributes:
        frame: its own axes.
        opening: how far apart its lids are, in its widths.
    """

    frame: EyeFrame
    opening: float


class ShownFace:
    """A face in a picture that is to be made.

    Args:
        face: (478, 3).
        size_px: side of the picture.

    Attributes:
        face, size_px: the same.
        face_px: (478, 2) float64 its points in the picture.
    """

    def __init__(self, face: np.ndarray, size_px: int):
        self.face, self.size_px = face, size_px
        self.face_px = face[:, :2].astype(np.float64) * size_px
        self._eyes: dict[Eye, ShownEye] = {}
        self._slits: dict[tuple[Eye, float | None], Slit | None] = {}

    @cached_property
    def axes(self) -> np.ndarray:
        """The head's own, see `head_axes`."""
        return head_axes(self.face)

    @cached_property
    def centre(self) -> np.ndarray:
        """Of the head, see `head_centre`."""
        return head_centre(self.face)

    @cached_property
    def unit(self) -> float:
        """The distance of the eyes."""
        return eye_distance(self.face)

    @cached_property
    def upright(self) -> np.ndarray:
        """(478, 3) the face in the head's own axes, from its centre, in distances of the eyes."""
        return (self.face - self.centre) @ self.axes / self.unit

    @cached_property
    def lips_window(self) -> tuple[int, int, np.ndarray] | None:
        """The window over what is between the lips, see `masked_window`."""
        return masked_window(self.face_px[list(lm.INNER_LIPS)], self.size_px)

    def eye(self, eye: Eye) -> ShownEye:
        """One of its eyes."""
        if eye not in self._eyes:
            frame = EyeFrame.of(self.face_px, eye)
            self._eyes[eye] = ShownEye(frame, frame.opening(self.face_px, eye))
        return self._eyes[eye]

    def slit(self, eye: Eye) -> Slit | None:
        """What is between the lids of an eye; None where that is out of the picture."""
        return self._slit(eye, None)

    def lid(self, eye: Eye, grown: float) -> Slit | None:
        """What is between the fold of an eye's upper lid and its edge, and so many widths of the eye round it."""
        return self._slit(eye, grown)

    def _slit(self, eye: Eye, grown: float | None) -> Slit | None:
        if (eye, grown) not in self._slits:
            frame = self.eye(eye).frame
            if grown is None:
                found = masked_window(self.face_px[list(eye.contour)], self.size_px)
            else:
                outline = self.face_px[[*eye.fold, *eye.upper[::-1]]]
                found = masked_window(outline, self.size_px, max(1, round(grown * frame.width_px)))
            self._slits[eye, grown] = None if found is None else _in_eye(frame, *found)
        return self._slits[eye, grown]


def _in_eye(frame: EyeFrame, x0_px: int, y0_px: int, mask: np.ndarray) -> Slit:
    return Slit(x0_px, y0_px, mask, *frame.inside(places(x0_px, y0_px, mask.shape)))
