"""The instant puppet: one picture of a face, shown with any other expression and turn of the head, without training.

General idea: the person is warped along the face mesh (`mesh.py`), the face is laid over once more with its own edge
(`face_map.py`), then what must not smear: eyeballs, lids, and the inside of the mouth. The whole is set before a
background plate that does not move.
"""

import cv2
import numpy as np

from cxanim.motion.eye_frame import EYES
from cxanim.motion.eyeballs import Eyeball
from cxanim.motion.eyelids import Eyelid
from cxanim.motion.face_map import FaceLayer, FaceMap, Guess
from cxanim.motion.mesh import BODY_FOLLOWS, Edges, MeshMap, upsampled
from cxanim.motion.mouth import Mouth
from cxanim.motion.ratios import eye_openness

_REACH_CELLS = 64
_SHUT = 0.1  # openness of an eye
_SURELY = 230  # of 255, what is the person and nothing of what is behind it


class Warp:
    """Shows one picture's face as other faces.

    Args:
        picture: (S, S, 3) uint8 RGB, the crop round the face.
        face: (478, 3) the face in it, normalised to the crop.
        matte: (S, S) float32 in [0, 1], how much of each pixel is the person; None if everything may move.
        plate: (S, S, 3) uint8, the background without the person; made from the picture by inpainting if None.
        nodes: resolution of the motion field.
        held_edges: edges of the crop (left, top, right, bottom) where nothing may move.
        body_follows: how much collar and shoulders go along with the head, in [0, 1], see `MeshMap`.
        moving_background: let what is behind the person move along instead of standing still.
        cut_out: the matte is the picture's own alpha, the picture stands before a white wall, and so does what is
            shown: the wall moves along, so that alpha and colours go together.
        teeth: whether teeth are drawn where the picture shows none.
    """

    def __init__(
        self,
        picture: np.ndarray,
        face: np.ndarray,
        matte: np.ndarray | None = None,
        plate: np.ndarray | None = None,
        nodes: int = 128,
        held_edges: Edges = (False, False, False, False),
        body_follows: float = BODY_FOLLOWS,
        *,
        moving_background: bool = False,
        cut_out: bool = False,
        teeth: bool = True,
    ):
        if picture.ndim != 3 or picture.shape[0] != picture.shape[1] or picture.dtype != np.uint8:
            raise ValueError(f"picture: got {picture.dtype} {picture.shape}, expected uint8 (S, S, 3)")
        self.picture, self.face = picture, face
        self.size_px = picture.shape[0]
        self._mesh = MeshMap(face, nodes, held_edges, body_follows)
        self._face_map = FaceMap(face, self.size_px, held_edges, matte)
        self._evened: np.ndarray | None = None
        self._face_px = face[:, :2].astype(np.float64) * self.size_px
        # Behind a lid that is shut in the picture there is no eyeball to show.
        seen = [eye for eye, openness in zip(EYES, eye_openness(face), strict=True) if openness >= _SHUT]
        self._eyeballs = {eye: Eyeball(picture, self._face_px, eye) for eye in seen}
        self._lids = {eye: Eyelid(picture, self._face_px, eye) for eye in seen}
        self._mouth = Mouth(picture, face, teeth=teeth)
        self._still: np.ndarray | None = None
        if matte is None:
            self._layered = np.dstack([picture, np.full(picture.shape[:2], 255, np.uint8)])
            return
        if not cut_out:
            matte = np.maximum(matte, face_stencil(face, self.size_px))
        self._layered = np.dstack([picture, np.round(matte * 255).astype(np.uint8)])
        if not moving_background and not cut_out:
            self._still = plate if plate is not None else background_plate(picture, matte)

    def show(self, face: np.ndarray) -> np.ndarray:
        """The picture (S, S, 3) uint8 with its face as `face` (478, 3)."""
        return self._shown(face)[0]

    def show_with_reach(self, face: np.ndarray) -> np.ndarray:
        """The picture and, as a fourth channel, what is near the person and may be refined: (S, S, 4) uint8."""
        shown, alpha = self._shown(face)
        return np.dstack([shown, reach_of(alpha)])

    def show_with_alpha(self, face: np.ndarray) -> np.ndarray:
        """The picture and, as a fourth channel, where in it the person is: (S, S, 4) uint8."""
        return np.dstack(self._shown(face))

    def _shown(self, face: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The picture, and where in it the person is."""
        backward = upsampled(self._mesh.backward(face), self.size_px)
        moved = self._fetched_beyond(backward)
        self._lay_face(moved, face)
        alpha = np.ascontiguousarray(moved[..., 3])
        if self._still is None:
            shown = np.ascontiguousarray(moved[..., :3])
        else:
            shown = composite(moved[..., :3], alpha, self._still)
        face_px = face[:, :2].astype(np.float64) * self.size_px
        for eye, eyeball in self._eyeballs.items():
            eyeball.draw(shown, face_px)
            self._lids[eye].draw(shown, face_px)
        self._mouth.draw(shown, face)
        return shown, alpha

    def _fetched_beyond(self, look_px: np.ndarray) -> np.ndarray:
        """The picture with its matte, (S, S, 4), as these places (S, S, 2) look, which may lie beyond its edges."""
        moved = cv2.remap(self._layered, look_px, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
        if look_px.min() < 0 or look_px.max() > self.size_px - 1:
            # Who is cut off by the edge goes on beyond it, and hair does so better mirrored than as streaks. Who is
            # not is not mirrored.
            matte = np.ascontiguousarray(self._layered[..., 3])
            moved[..., 3] = cv2.remap(matte, look_px, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return moved

    def _lay_face(self, moved: np.ndarray, face: np.ndarray) -> None:
        """Lay the face, mapped finely, over the head that was moved with it."""
        layer = self._face_map.at(face)
        if layer is None:
            return
        fine = _fetched(self._layered, layer.look_px)
        if layer.guess is not None:
            self._guess(fine, layer, layer.guess)
        height, width = layer.cover.shape
        under = moved[layer.y0_px : layer.y0_px + height, layer.x0_px : layer.x0_px + width]
        under[:] = cv2.blendLinear(fine, np.ascontiguousarray(under), layer.cover, 1 - layer.cover)

    def _guess(self, fine: np.ndarray, layer: FaceLayer, guess: Guess) -> None:
        """Blend in what the other side of the face shows, in the light of this one."""
        if self._evened is None:
            width = (self.face[:468, 0].max() - self.face[:468, 0].min()) * self.size_px
            self._evened = _evened(self._layered, max(1.0, 0.07 * width))
        texture = _fetched(self.picture, guess.look_px).astype(np.float32)
        here = _fetched(self._evened, np.ascontiguousarray(layer.look_px[guess.rows, guess.columns]))
        there = _fetched(self._evened, guess.look_px)
        colour = texture + here.astype(np.float32) - there
        window = fine[guess.rows, guess.columns, :3]
        window[:] = np.clip(window + guess.share[..., None] * (colour - window), 0, 255)


def _evened(layered: np.ndarray, sigma_px: float) -> np.ndarray:
    """The person (S, S, 4) without its details, and near its outline without what is behind it; (S, S, 3) uint8."""
    person = (layered[..., 3:] > _SURELY).astype(np.float32)
    colours = cv2.GaussianBlur(layered[..., :3] * person, (0, 0), sigma_px)
    weight = cv2.GaussianBlur(person, (0, 0), sigma_px)[..., None]
    return np.round(colours / np.maximum(weight, 1e-3)).clip(0, 255).astype(np.uint8)


def _fetched(picture: np.ndarray, look_px: np.ndarray) -> np.ndarray:
    # A bilinear look between pixels would take half of a picture's finest texture away.
    return cv2.remap(picture, look_px, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def composite(front: np.ndarray, alpha: np.ndarray, back: np.ndarray) -> np.ndarray:
    """Set `front` (H, W, 3) before `back` where `alpha` (H, W) uint8 says so."""
    weight = alpha.astype(np.float32) * (1 / 255)
    return cv2.blendLinear(front, back, weight, 1 - weight)


def reach_of(alpha: np.ndarray) -> np.ndarray:
    """(S, S) uint8, 255 where the person (S, S) uint8 is, falling to 0 over a rim of some 1/24 of the picture."""
    little = cv2.resize(alpha, (_REACH_CELLS, _REACH_CELLS), interpolation=cv2.INTER_AREA)
    little = cv2.blur(cv2.dilate(little, np.ones((5, 5), np.uint8)), (3, 3))
    return cv2.resize(little, alpha.shape[::-1], interpolation=cv2.INTER_LINEAR)


def face_stencil(face: np.ndarray, size_px: int) -> np.ndarray:
    """(S, S) float32, 1 on the face and a soft rim round it, 0 elsewhere: what surely belongs to the person."""
    hull = cv2.convexHull((face[:468, :2] * size_px).astype(np.float32)).astype(np.int32)
    stencil = np.zeros((size_px, size_px), np.uint8)
    cv2.fillConvexPoly(stencil, hull, 255, cv2.LINE_AA)
    width = face[:468, 0].max() - face[:468, 0].min()
    rim = max(3, int(0.08 * width * size_px) | 1)
    stencil = cv2.dilate(stencil, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (rim, rim)))
    return cv2.GaussianBlur(stencil, (0, 0), rim / 3).astype(np.float32) / 255


def background_plate(picture: np.ndarray, matte: np.ndarray) -> np.ndarray:
    """The picture with the person painted over from the sides: what shows where a moving head uncovers it."""
    size = picture.shape[0]
    small = 128 if size >= 128 else size
    little = cv2.resize(picture, (small, small), interpolation=cv2.INTER_AREA)
    person = cv2.resize(matte, (small, small), interpolation=cv2.INTER_AREA) > 0.1
    person = cv2.dilate(person.astype(np.uint8), np.ones((3, 3), np.uint8))
    if person.all():
        return picture.copy()
    filled = cv2.inpaint(little, person, 4, cv2.INPAINT_TELEA)
    filled = cv2.resize(filled, (size, size), interpolation=cv2.INTER_CUBIC)
    # Where nobody stands the plate is the picture itself, pixel for pixel.
    grown = cv2.dilate((matte > 0.02).astype(np.uint8), np.ones((3, 3), np.uint8)) * 255
    return composite(filled, cv2.GaussianBlur(grown, (0, 0), max(1.0, size / 256)), picture)
