"""The expression of a photo's figure: its face, moved within the picture before the limb warp bends that.

General idea: the face is the instant puppet of a photo (`photo.py`), set back into the figure's square (`patch.py`). It
does what the driver's face does in its own proportions (`retarget.py`), but for the head's motion: that is the body's.
So the face stays where the photo has it, and what the limb warp bends is the same picture with another look on it.

Convention: faces as in `pose.py`, in the figure's square.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.ndimage import distance_transform_edt, gaussian_filter1d, minimum_filter1d

from cxanim.motion.crop import Crop
from cxanim.motion.detect import find_faces
from cxanim.motion.head import head_axes
from cxanim.motion.pose import eye_distance
from cxanim.motion.ratios import eye_openness, mouth_gap, with_lids
from cxanim.motion.retarget import Gains, Retargeting, most_neutral
from cxanim.pipelines.figure import Figure
from cxanim.pipelines.photo import Photo, photo_puppet
from cxanim.pipelines.puppet_parts import SIZES_PX
from cxanim.pipelines.render import Renderer
from cxanim.pipelines.scene import Scene

LEAST_EYES_PX = 20.0  # distance of the eyes below which lids are a pixel or two, and an expression is a tremble
_EYES = (2, 5)  # of a body
_EYE_CORNERS = (33, 133, 362, 263)  # of a face
_ASTRAY = 1.0  # distances of the eyes by which a face may lie from the eyes of the body that it belongs to
_EASE_S = 0.1  # how softly a face begins to act that was not seen
_SEEN_AT_PX = 640  # side of the square in which a detector saw a driver
_READ_FROM_PX = (9.0, 14.0)  # distance of the driver's eyes there: below the first nothing can be read, then all
_READ_TO_DEG = (30.0, 45.0)  # turn of the driver's head up to which all can be read, and beyond which nothing
_LEAST_TOLD = 0.1
_MOST_WIDENED, _MOST_GAP = 0.12, 0.25  # of lids; of lips, in distances of the eyes: what is inside nobody has seen
_ROOM = 0.6  # round the face, in faces: its head is held, so less than a photo's face needs


def face_of(figure: Figure) -> np.ndarray | None:
    """The face (478, 3) of a figure in its square, whatever its size; None where none is found on its head."""
    eyes = figure.joints[list(_EYES)].mean(0)
    for face in find_faces(figure.square, everyone=True):
        if np.linalg.norm(face[list(_EYE_CORNERS), :2].mean(0) - eyes) < _ASTRAY * eye_distance(face):
            return face
    return None


def expressions(
    faces: Sequence[np.ndarray | None], fps: float, face: np.ndarray, gains: Gains | None = None
) -> list[np.ndarray] | None:
    """What a target's face does for a driver's faces, its head held: (478, 3) for each frame.

    As far as a driver's face is too small or turned too far away to be read the target's is as in the photo, and goes
    over into that softly. Lids open hardly wider than in the photo, lips not very far, and lids close together: in the
    face of a whole figure a wink cannot be told from a mistake.

    Args:
        faces: the driver's, (478, 3) or None.
        fps: of the frames.
        face: (478, 3) the target's own.
        gains: how much of the motion arrives; that of the head never does.

    Returns:
        None where no frame shows a face that can be read.
    """
    told = np.array([0.0 if one is None else _told(one) for one in faces])
    told = minimum_filter1d(told, 2 * round(_EASE_S * fps) + 1, mode="nearest")
    share = gaussian_filter1d(told, _EASE_S * fps, mode="nearest")
    readable = [one if so >= _LEAST_TOLD else None for one, so in zip(faces, told, strict=True)]
    relaxed = readable[most_neutral(readable)] if any(one is not None for one in readable) else None
    if relaxed is None:
        return None
    gains = replace(gains or Gains(), head=0.0)
    retargeting = Retargeting(relaxed, face, gains)
    gap = mouth_gap(face)
    widest = gap + _MOST_GAP * max(1.0, gains.mouth)
    rest = retargeting.face(relaxed)
    relaxed_openness, openness = eye_openness(relaxed), eye_openness(face)
    unknown = np.array([one is None for one in faces])
    nearest = distance_transform_edt(unknown, return_distances=False, return_indices=True)[0]
    acted = []
    for number, near in enumerate(nearest):
        shown = faces[near]
        if shown is None:
            continue
        shown = _both_alike(shown, relaxed_openness)
        retargeting.gains = gains
        made = retargeting.face(shown)
        if mouth_gap(made) > widest:
            retargeting.gains = replace(gains, mouth=gains.mouth * (widest - gap) / (mouth_gap(made) - gap))
            made = retargeting.face(shown)
        acted.append(_no_wider(face + share[number] * (made - rest), openness).astype(np.float32))
    return acted


def _told(face: np.ndarray) -> float:
    """How far a driver's face (478, 3) can be read, in [0, 1]: by its size, and how it is turned to the camera."""
    eyes_px = eye_distance(face) * _SEEN_AT_PX
    turned_deg = float(np.degrees(np.arccos(np.clip(head_axes(face)[2, 2], -1, 1))))
    least, enough = _READ_FROM_PX
    straight, aside = _READ_TO_DEG
    large = np.clip((eyes_px - least) / (enough - least), 0, 1)
    return float(large * np.clip((aside - turned_deg) / (aside - straight), 0, 1))


def _both_alike(face: np.ndarray, openness: np.ndarray) -> np.ndarray:
    """A face (478, 3) with both eyes closed equally far, measured by how far each is open (2,) at rest."""
    closure = 1 - eye_openness(face) / np.maximum(openness, 1e-3)
    return _with_lids(face, openness, np.full(2, closure.mean()))


def _no_wider(face: np.ndarray, openness: np.ndarray) -> np.ndarray:
    """A face (478, 3) with its eyes hardly wider than they are at rest (2,)."""
    closure = 1 - eye_openness(face) / np.maximum(openness, 1e-3)
    return face if closure.min() > -_MOST_WIDENED else _with_lids(face, openness, np.maximum(closure, -_MOST_WIDENED))


def _with_lids(face: np.ndarray, openness: np.ndarray, closure: np.ndarray) -> np.ndarray:
    axes = head_axes(face)
    return with_lids(face @ axes, openness, closure) @ axes.T


class FigureExpression:
    """Shows the square of a figure with other expressions of its face, frame after frame of one stream.

    Args:
        square: (S, S, 3) uint8.
        face: (478, 3) the face in it.

    Attributes:
        place: rows and columns of the square outside which nothing ever changes.
    """

    def __init__(self, square: np.ndarray, face: np.ndarray):
        height, width = square.shape[:2]
        seen = Photo(square, face, Crop.around_faces([face], width, height, margin=_ROOM))
        puppet = photo_puppet(seen, _size_px(seen.crop.side_px))
        self._renderer = Renderer(puppet)
        rest = Renderer(puppet).show(puppet.neutral_face)
        self._seen, self._scene = seen, Scene([seen], [puppet], [rest], width)
        x, y, side = round(seen.crop.x_px), round(seen.crop.y_px), round(seen.crop.side_px)
        self.place = slice(max(0, y), min(height, y + side)), slice(max(0, x), min(width, x + side))

    def show(self, face: np.ndarray) -> np.ndarray:
        """The square (S, S, 3) uint8 with its face as `face` (478, 3); valid until the next frame."""
        within = self._seen.within(face)
        return self._scene.show([self._renderer.show(within)], [within])


def _size_px(side_px: float) -> int:
    """The smallest size of a puppet that loses little of a window's detail, and the largest for larger ones."""
    return next((size for size in SIZES_PX[2:] if size >= 0.8 * side_px), SIZES_PX[-1])
