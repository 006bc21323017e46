"""One animated window, set into a picture of any size so that no edge and no change of texture is seen.

General idea: the window is rendered at a size of its own, and a picture may be finer. What the picture has beyond that
size, its *texture*, is the difference between the picture and its own still window at the picture's resolution. It
moves as the face does, and is added to what is rendered. A window in which nothing moves therefore gives the picture
back, bit for bit, however it was scaled. Towards the window's edges the change dies away.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from cxanim.motion import landmarks as lm
from cxanim.motion.crop import Crop
from cxanim.motion.mesh import Edges, MeshMap, upsampled
from cxanim.motion.pose import eye_distance
from cxanim.pipelines.puppet import Puppet

_STRIP_PX = 32
_EDGE = 0.05  # of the window, over which a change dies away
_BETWEEN = 0.3  # the same between two faces, as a share of the way from one to the other
_MAKES_NEW = 0.02  # of the distance of the eyes: lids or lips that moved so far show what no texture belongs to
# Points by whose change of shape it is told whether something new is seen, and the outline of where.
_MADE_UP = (
    (list(lm.RIGHT_EYE + lm.RIGHT_IRIS), list(lm.closed(lm.RIGHT_LID_FOLD, lm.RIGHT_EYE_LOWER))),
    (list(lm.LEFT_EYE + lm.LEFT_IRIS), list(lm.closed(lm.LEFT_LID_FOLD, lm.LEFT_EYE_LOWER))),
    (list(lm.INNER_LIPS), list(lm.INNER_LIPS)),
)


class Patch:
    """One face's window in a picture.

    Args:
        picture: (H, W, 3) uint8, the whole picture, or (H, W, 4) with alpha.
        crop: the window in it, whole pixels; it may reach over the picture's edges.
        puppet: what is rendered.
        rest: (S, S, C) uint8, what is rendered of the puppet's neutral face.
        moving_background: whether what is behind the person moves along.
        others: (x, y) of the middles of other faces in the window's coordinates, which are left as they are.
    """

    def __init__(
        self,
        picture: np.ndarray,
        crop: Crop,
        puppet: Puppet,
        rest: np.ndarray,
        *,
        moving_background: bool = False,
        others: Sequence[np.ndarray] = (),
    ):
        height, width = picture.shape[:2]
        self._side = int(crop.side_px)
        x0, y0 = int(crop.x_px), int(crop.y_px)
        left, top, right, bottom = max(0, x0), max(0, y0), min(width, x0 + self._side), min(height, y0 + self._side)
        self.place = slice(top, bottom), slice(left, right)
        self._inside = slice(top - y0, bottom - y0), slice(left - x0, right - x0)
        self._face = puppet.neutral_face
        self._mesh = MeshMap(self._face, held_edges=puppet.held_edges, body_follows=puppet.body_follows)
        self._texture = cv2.subtract(crop.cut(picture, self._side), self._scaled(rest), dtype=cv2.CV_16S)
        # Bytes are moved three times as fast as larger numbers; the bit that is lost stays where it is.
        travels = (self._texture >> 1) + 128
        self._lost_bit = (self._texture & 1).astype(np.uint8)
        matte = puppet.references[puppet.neutral].matte
        # Before a background that stands, only the person's texture moves.
        self._matte: np.ndarray | None = None
        if matte is not None and not puppet.cut_out and not moving_background:
            self._matte = cv2.resize(matte, (self._side, self._side), interpolation=cv2.INTER_LINEAR)
            travels = np.dstack([travels, self._matte])
        self._travels = travels.astype(np.uint8)
        self._weight = self._dying_away(crop.held_edges(width, height), others)

    def lay(self, canvas: np.ndarray, shown: np.ndarray, face: np.ndarray) -> None:
        """Set the window `shown` (S, S, C), which shows `face` (478, 3), into `canvas`, in place."""
        window = self._scaled(shown)
        way = upsampled(self._mesh.way(face), self._side)
        moved = cv2.remap(self._travels, way, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        new = self._new(face)
        rows, columns = self._inside
        under = canvas[self.place]
        # In strips that stay in the processor's cache.
        for first in range(rows.start, rows.stop, _STRIP_PX):
            strip = slice(first, min(first + _STRIP_PX, rows.stop)), columns
            change = self._textured(strip, moved[strip], None if new is None else new[strip])
            change += window[strip]
            below = under[first - rows.start : first - rows.start + _STRIP_PX]
            change -= below
            change *= self._weight[strip][..., None]
            change += below
            np.rint(change, out=change)
            below[:] = np.clip(change, 0, 255, out=change)

    def _scaled(self, window: np.ndarray) -> np.ndarray:
        enlarge = self._side > window.shape[0]
        size = (self._side, self._side)
        return cv2.resize(window, size, interpolation=cv2.INTER_CUBIC if enlarge else cv2.INTER_AREA)

    def _textured(self, strip: tuple[slice, slice], moved: np.ndarray, new: np.ndarray | None) -> np.ndarray:
        """What a strip of the picture has beyond the rendered size, where the face now is, (rows, columns, C)."""
        channels = self._texture.shape[2]
        texture = moved[..., :channels].astype(np.float32)
        texture -= 128
        texture *= 2
        texture += self._lost_bit[strip]
        if new is not None:
            texture *= 1 - new[..., None] / np.float32(255)
        if self._matte is None:
            return texture
        person, was = moved[..., channels].astype(np.float32), self._matte[strip].astype(np.float32)
        # What a moving person uncovers is made up, and has no texture.
        bare = np.minimum(1 - (was - person) / np.maximum(was, 8), 1)
        share = person * np.float32(1 / 255)
        texture *= share[..., None]
        texture += ((1 - share) * bare)[..., None] * self._texture[strip]
        return texture

    def _new(self, face: np.ndarray) -> np.ndarray | None:
        """Where eyes or mouth show what the picture does not, (side, side) uint8; None if nowhere."""
        unit = eye_distance(self._face) * _MAKES_NEW
        mask = np.zeros((self._side, self._side), np.uint8)
        for numbers, outline in _MADE_UP:
            shape_now, shape_was = (points[numbers, :2] - points[numbers, :2].mean(0) for points in (face, self._face))
            changed = float(np.clip(np.linalg.norm(shape_now - shape_was, axis=1).max() / unit, 0, 1))
            if changed > 0.05:
                cv2.fillPoly(
                    mask, [np.round(face[outline, :2] * self._side - 0.5).astype(np.int32)], round(255 * changed)
                )
        if not mask.any():
            return None
        soft = max(1.0, 0.03 * eye_distance(self._face) * self._side)
        return cv2.GaussianBlur(mask, (0, 0), soft)

    def _dying_away(self, held_edges: Edges, others: Sequence[np.ndarray]) -> np.ndarray:
        """(side, side) float32: 1 inside, 0 at the edges behind which the picture goes on, and on other faces."""
        centres = ((np.arange(self._side) + 0.5) / self._side).astype(np.float32)
        rise = _eased((centres - centres[0]) / _EDGE)
        left, top, right, bottom = held_edges
        one = np.ones(self._side, np.float32)
        across = np.minimum(rise if left else one, rise[::-1] if right else one)
        down = np.minimum(rise if top else one, rise[::-1] if bottom else one)
        weight = np.minimum(down[:, None], across[None, :])
        middle = self._face[:468, :2].mean(0)
        for other in others:
            way = other - middle
            along = ((centres - middle[0])[None, :] * way[0] + (centres - middle[1])[:, None] * way[1]) / (way @ way)
            weight = np.minimum(weight, _eased((0.5 - along) / _BETWEEN + 0.5))
        return weight


def _eased(u: np.ndarray) -> np.ndarray:
    u = np.clip(u, 0, 1)
    return (u * u * (3 - 2 * u)).astype(np.float32)
