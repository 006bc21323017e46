"""Eyeballs that do not stretch with the lids, and irises that move under them.

General idea: the eyeball rides on the corners of the eye and is seen through the opening of the lids. Where the gaze
moves, the iris of the picture, completed where a lid hides it, moves as a disc over the white, completed where the
iris hides that. At the picture's own gaze nothing is made up.
"""

import cv2
import numpy as np

from cxanim.motion.eye_frame import Eye, EyeFrame
from cxanim.motion.inlay import Inlay, spread, stencil
from cxanim.motion.shown_face import ShownFace

_PATCH = (64, 96)  # rows and columns of an eyeball's own picture
_REACH = 0.65  # how far it goes from the middle of the eye, in widths of the eye
_LEAST_WHITE = 30  # pixels of the patch


class Eyeball:
    """The eyeball of one eye of a picture.

    Args:
        picture: (S, S, 3) uint8.
        source_px: (478, 2) the face in it.
        eye: which one.
    """

    def __init__(self, picture: np.ndarray, source_px: np.ndarray, eye: Eye):
        self._picture, self._source_px, self._eye = picture, source_px, eye
        self._was = EyeFrame.of(source_px, eye)
        self._opening = self._was.opening(source_px, eye)
        self._iris = np.array(self._was.inside(source_px[eye.iris[0]]))
        rim = source_px[list(eye.iris[1:])] - source_px[eye.iris[0]]
        self._radius = float(np.linalg.norm(rim, axis=1).mean() / self._was.width_px)
        self._white, self._disc = self._taken_apart()

    def seen(self, shown_face: ShownFace) -> Inlay | None:
        """The eyeball in the slit of a face; None where nothing of it is seen."""
        eye = shown_face.eye(self._eye)
        # A slit narrower than a pixel shows nothing.
        shown = min(1.0, eye.opening * eye.frame.width_px - 0.4)
        slit = shown_face.slit(self._eye) if shown > 0 else None
        if slit is None:
            return None
        # An eye opened wider than the picture's is stretched.
        along, down = slit.along, slit.down * np.float32(min(1.0, self._opening / max(eye.opening, 1e-6)))
        eyeball = self._was.fetch(self._picture, along, down).astype(np.float32)
        shift = np.array(eye.frame.inside(shown_face.face_px[self._eye.iris[0]])) - self._iris
        shift = np.clip(shift, (-0.32, -0.8 * self._radius), (0.32, 0.8 * self._radius))
        moved = float(np.clip(np.linalg.norm(shift) / (0.15 * self._radius), 0, 1))
        if moved > 0:
            eyeball += moved * (self._looking(along, down, shift) - eyeball)
        return Inlay(slit.x0_px, slit.y0_px, eyeball, slit.mask * np.float32(shown))

    def _looking(self, along: np.ndarray, down: np.ndarray, shift: np.ndarray) -> np.ndarray:
        """White and iris, the iris out of its place by `shift`."""
        white, disc = (
            cv2.remap(patch, *_in_patch(x, y), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            for patch, x, y in ((self._white, along, down), (self._disc, along - shift[0], down - shift[1]))
        )
        away = np.hypot(along - shift[0] - self._iris[0], down - shift[1] - self._iris[1])
        on_iris = np.clip((1.06 * self._radius - away) / (0.16 * self._radius) + 0.5, 0, 1)[..., None]
        return white + on_iris * (disc - white)

    def _taken_apart(self) -> tuple[np.ndarray, np.ndarray]:
        """The white without the iris, and the whole iris, as patches (rows, columns, 3) float32."""
        rows, columns = _PATCH
        x, y = np.meshgrid((np.arange(columns) + 0.5) / columns * 2 - 1, (np.arange(rows) + 0.5) / rows * 2 - 1)
        x, y = x * _REACH, y * _REACH * rows / columns
        patch = self._was.fetch(self._picture, x, y).astype(np.float32)
        slit = stencil(self._picture.shape, self._source_px[list(self._eye.contour)])
        slit = cv2.erode(slit, np.ones((3, 3), np.uint8))
        seen = self._was.fetch(slit, x, y) > 200
        away = np.hypot(x - self._iris[0], y - self._iris[1])
        is_white = seen & (away > 1.25 * self._radius)
        is_iris = seen & (away < 1.1 * self._radius)
        if is_white.sum() < _LEAST_WHITE:  # an iris that fills the eye, as in a drawing
            is_white = seen
        white = spread(patch, is_white)
        # What a lid hides of the iris is as its other half.
        flipped = (2 * self._iris[1] - y).astype(np.float32)
        below = self._was.fetch(self._picture, x, flipped).astype(np.float32)
        is_below = (self._was.fetch(slit, x, flipped) > 200) & (away < 1.1 * self._radius) & ~is_iris
        patch[is_below] = below[is_below]
        return white, spread(patch, is_iris | is_below)


def _in_patch(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places of the eye as the maps that ``cv2.remap`` wants for a patch."""
    rows, columns = _PATCH
    scale = columns / (2 * _REACH)
    return (x * scale + columns / 2 - 0.5).astype(np.float32), (y * scale + rows / 2 - 0.5).astype(np.float32)
