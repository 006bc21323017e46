"""The instant puppet: one picture of a face, shown with any other expression and turn of the head, without training.

General idea: the person is warped along the face mesh (`mesh.py`), the face is laid over once more with its own edge
(`face_map.py`), then what must not smear: eyeballs, lids, and the inside of the mouth. The whole is set before a
background plate that does not move.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from cxanim.motion.doubled import Doubled, bicubic
from cxanim.motion.eye_frame import EYES
from cxanim.motion.eyeballs import Eyeball
from cxanim.motion.eyelids import Eyelid
from cxanim.motion.face_map import FaceLayer, FaceMap, Guess
from cxanim.motion.inlay import Inlay, lay
from cxanim.motion.matte import background_plate, face_stencil, reach_of
from cxanim.motion.mesh import BODY_FOLLOWS, Edges, MeshMap, upsampled
from cxanim.motion.mouth import Mouth
from cxanim.motion.ratios import eye_openness
from cxanim.motion.shown_face import ShownFace

_SHUT = 0.1  # openness of an eye
_MARGIN = 4  # a quarter of the picture is made beyond each of its edges
_DETAILED = 2  # from so many of the pictures shown at once eyes and mouth are drawn
_SURELY = 230  # of 255, what is the person and nothing of what is behind it


class Warp:
    """Shows one picture's face as other faces.

    Args:
        picture: (S, S, 3) uint8 RGB, the crop round the face.
        face: (478, 3) the face in it, normalised to the crop.
        matte: (S, S) float32 in [0, 1], how much of each pixel is the person; None if everything may move.
        plate: (S, S, 3) uint8, the background without the person; made from the picture by inpainting if None.
        nodes: resolution of the motion field; every fourth pixel if None.
        held_edges: edges of the crop (left, top, right, bottom) where nothing may move.
        body_follows: how much collar and shoulders go along with the head, in [0, 1], see `MeshMap`.
        moving_background: let what is behind the person move along instead of standing still.
        cut_out: the matte is the picture's own alpha, the picture stands before a white wall, and so does what is
            shown: the wall moves along, so that alpha and colours go together.
        teeth: whether teeth are drawn where the picture shows none.
        rest: (478, 3) the target's relaxed face, see `MeshMap`.
    """

    def __init__(
        self,
        picture: np.ndarray,
        face: np.ndarray,
        matte: np.ndarray | None = None,
        plate: np.ndarray | None = None,
        nodes: int | None = None,
        held_edges: Edges = (False, False, False, False),
        body_follows: float = BODY_FOLLOWS,
        *,
        moving_background: bool = False,
        cut_out: bool = False,
        teeth: bool = True,
        rest: np.ndarray | None = None,
    ):
        if picture.ndim != 3 or picture.shape[0] != picture.shape[1] or picture.dtype != np.uint8:
            raise ValueError(f"picture: got {picture.dtype} {picture.shape}, expected uint8 (S, S, 3)")
        self.picture, self.face = picture, face
        self.size_px = picture.shape[0]
        self._mesh = MeshMap(face, nodes or max(32, self.size_px // 4), held_edges, body_follows, rest)
        self._face_map = FaceMap(face, self.size_px, held_edges, matte)
        self._evened: np.ndarray | None = None
        face_px = face[:, :2].astype(np.float64) * self.size_px
        # Behind a lid that is shut in the picture there is no eyeball to show.
        seen = [eye for eye, openness in zip(EYES, eye_openness(face), strict=True) if openness >= _SHUT]
        self._eyeballs = {eye: Eyeball(picture, face_px, eye) for eye in seen}
        self._lids = {eye: Eyelid(picture, face_px, eye) for eye in seen}
        self._mouth = Mouth(picture, face, teeth=teeth)
        self._still: np.ndarray | None = None
        if matte is not None and not cut_out:
            matte = np.maximum(matte, face_stencil(face, self.size_px))
            if not moving_background:
                self._still = plate if plate is not None else background_plate(picture, matte)
        alpha = np.full(picture.shape[:2], 255, np.uint8) if matte is None else np.round(matte * 255).astype(np.uint8)
        self._alpha = alpha
        self._margin_px = self.size_px // _MARGIN
        self._wide = self._with_margin(premultiplied=self._still is not None)
        self._fine = Doubled(self._wide, face_px + self._margin_px)

    def show(self, face: np.ndarray) -> np.ndarray:
        """The picture (S, S, 3) uint8 with its face as `face` (478, 3)."""
        return shown_together([self], [1.0], face)[0]

    def show_with_reach(self, face: np.ndarray) -> np.ndarray:
        """The picture and, as a fourth channel, what is near the person and may be refined: (S, S, 4) uint8."""
        shown, alpha = shown_together([self], [1.0], face)
        return np.dstack([shown, reach_of(alpha)])

    def show_with_alpha(self, face: np.ndarray) -> np.ndarray:
        """The picture and, as a fourth channel, where in it the person is: (S, S, 4) uint8."""
        return np.dstack(shown_together([self], [1.0], face))

    def _with_margin(self, *, premultiplied: bool) -> np.ndarray:
        """The picture with its matte, (S + 2 M, S + 2 M, 4): what is looked at beyond its edges is made once."""
        # Who is cut off by the edge goes on beyond it, and hair does so better mirrored than as streaks. Who is not is
        # not mirrored.
        edges = (self._margin_px,) * 4
        colours = cv2.copyMakeBorder(self.picture, *edges, cv2.BORDER_REFLECT_101)
        alpha = cv2.copyMakeBorder(self._alpha, *edges, cv2.BORDER_REPLICATE)
        if premultiplied:
            colours = cv2.multiply(colours, cv2.merge([alpha] * 3), scale=1 / 255)
        return np.dstack([colours, alpha])

    def _head(self, face: np.ndarray) -> np.ndarray:
        """The whole picture with its matte, (S, S, 4), moved along with the head."""
        look = upsampled(self._mesh.way(face), self.size_px)
        look += self._margin_px
        return cv2.remap(self._wide, look, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)

    def _fine_face(self, layer: FaceLayer) -> np.ndarray:
        """The face in its window, (h, w, 4)."""
        fine = self._fine.at(layer.look_px + np.float32(self._margin_px), layer.cover > 0)
        if layer.guess is not None:
            self._guess(fine, layer, layer.guess)
        return fine

    def _guess(self, fine: np.ndarray, layer: FaceLayer, guess: Guess) -> None:
        """Blend in what the other side of the face shows, in the light of this one."""
        if self._evened is None:
            width = (self.face[:468, 0].max() - self.face[:468, 0].min()) * self.size_px
            self._evened = _evened(self.picture, self._alpha, max(1.0, 0.07 * width))
        texture = bicubic(self.picture, guess.look_px).astype(np.float32)
        here = bicubic(self._evened, np.ascontiguousarray(layer.look_px[guess.rows, guess.columns]))
        there = bicubic(self._evened, guess.look_px)
        colour = texture + here.astype(np.float32) - there
        if self._still is not None:  # what it is blended into is premultiplied
            colour *= fine[guess.rows, guess.columns, 3:].astype(np.float32) / 255
        window = fine[guess.rows, guess.columns, :3]
        window[:] = np.clip(window + guess.share[..., None] * (colour - window), 0, 255)

    def _details(self, shown_face: ShownFace) -> list[Inlay | None]:
        """What is laid over the moved picture: eyeballs, lids and the inside of the mouth, in this order."""
        eyes = [
            part[eye].seen(shown_face) if eye in part else None for eye in EYES for part in (self._eyeballs, self._lids)
        ]
        return [*eyes, self._mouth.seen(shown_face)]


def shown_together(
    warps: Sequence[Warp], shares: Sequence[float], face: np.ndarray, *, guesses: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """What several pictures of one target show as one face, mixed, and where in it the person is.

    Args:
        warps: of pictures of one size, before one plate; the one with the largest share first.
        shares: of each, summing to 1.
        face: (478, 3).
        guesses: whether a picture alone may guess what it hides of the face.

    Returns:
        (S, S, 3) uint8 and (S, S) uint8.
    """
    moved = mixed([warp._head(face) for warp in warps], shares)
    # What one picture hides another shows: only a picture alone is in need of guesses.
    layers = [warp._face_map.at(face, guesses=guesses and len(warps) == 1) for warp in warps]
    first = layers[0]
    if first is not None:
        fine = mixed([warp._fine_face(layer) for warp, layer in zip(warps, layers, strict=True) if layer], shares)
        height, width = first.cover.shape
        under = moved[first.y0_px : first.y0_px + height, first.x0_px : first.x0_px + width]
        under[:] = cv2.blendLinear(fine, np.ascontiguousarray(under), first.cover, 1 - first.cover)
    shown, alpha = np.empty((*moved.shape[:2], 3), np.uint8), np.empty(moved.shape[:2], np.uint8)
    cv2.mixChannels([moved], [shown, alpha], [0, 0, 1, 1, 2, 2, 3, 3])
    still = warps[0]._still
    if still is not None:
        shown = cv2.add(shown, cv2.multiply(still, cv2.merge([255 - alpha] * 3), scale=1 / 255))
    _lay_details(shown, warps, shares, face)
    return shown, alpha


def _lay_details(canvas: np.ndarray, warps: Sequence[Warp], shares: Sequence[float], face: np.ndarray) -> None:
    leading, shown_face = _leading(shares), ShownFace(face, len(canvas))
    details = [warp._details(shown_face) for warp, _ in zip(warps, leading, strict=False)]
    for inlays in zip(*details, strict=True):
        there = [(inlay, share) for inlay, share in zip(inlays, leading, strict=True) if inlay is not None]
        if there:
            lay(canvas, *zip(*there, strict=True))


def _leading(shares: Sequence[float]) -> list[float]:
    """Shares of the first `_DETAILED`, summing to 1; the last is 0 when the next one is about to take its place."""
    if len(shares) <= _DETAILED:
        return list(shares)
    above = [max(share - shares[_DETAILED], 0.0) for share in shares[:_DETAILED]]
    total = sum(above)
    return [share / total for share in above] if total > 0 else [1.0]


def mixed(pictures: Sequence[np.ndarray], shares: Sequence[float]) -> np.ndarray:
    """Pictures (S, S, C) uint8 mixed by their shares, the largest first, which sum to 1; of many to two grey levels."""
    mix, total = pictures[-1], shares[-1]
    # In floats it takes ten times as long. What is rounded first counts least.
    for picture, share in zip(pictures[-2::-1], shares[-2::-1], strict=True):
        total += share
        mix = cv2.addWeighted(picture, share / total, mix, 1 - share / total, 0.0) if total > 0 else picture
    return mix


def _evened(picture: np.ndarray, alpha: np.ndarray, sigma_px: float) -> np.ndarray:
    """The person without its details, and near its outline without what is behind it; (S, S, 3) uint8."""
    person = (alpha > _SURELY).astype(np.float32)
    colours = cv2.GaussianBlur(picture * person[..., None], (0, 0), sigma_px)
    weight = cv2.GaussianBlur(person, (0, 0), sigma_px)[..., None]
    return np.round(colours / np.maximum(weight, 1e-3)).clip(0, 255).astype(np.uint8)
