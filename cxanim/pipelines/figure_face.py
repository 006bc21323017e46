"""The second look at a figure: its face alone, enlarged, so that a small face stays a face.

General idea: of a whole figure the face is some dozens of pixels, too few for a network that works from the feet to the
hair. A second, small one sees nothing but the face, enlarged to `FACE_PX`, with its own layout map, and says what to
change; only the change is shrunk and added, so that nothing is resampled that need not be.

Source: the face GAN of C. Chan et al., "Everybody Dance Now", ICCV 2019, section 4.4.
Differs from the paper: a CRN with the losses of the first, no adversary.
"""

import copy
import hashlib
from dataclasses import replace

import cv2
import numpy as np
import torch

from cxanim.models import CRN
from cxanim.motion.crop import Crop
from cxanim.motion.head import way_in_picture
from cxanim.motion.layout import draw_layout
from cxanim.motion.pose import Pose, face_box
from cxanim.pipelines.carried_on import Said, carried_on
from cxanim.pipelines.figure_puppet import FACE_PX, FigurePuppet, FigureReference
from cxanim.pipelines.refine import Refiner
from cxanim.pipelines.training_set import TrainingSet
from cxanim.pipelines.watch import Watch

LEAST_FACE_PX = 10  # side of the window below which there is nothing to see
LEAST_FACES = 8  # frames that show one, below which nothing is learnt
_ROOM = 1.6  # side of the window, in sides of the face
_LOOKS = 2  # at each frame: as the first network shows it from so many choices of references


class FaceRefiner:
    """Refines the faces of pictures, one after the other.

    Args:
        network: what was learnt, of `FACE_PX`.
        device: where it runs.
    """

    def __init__(self, network: CRN, device: torch.device):
        self._refiner, self._reach = Refiner(network, device), _reach()

    def refined(self, picture: np.ndarray, face: np.ndarray) -> np.ndarray:
        """The picture (S, S, 3) uint8 with its face (478, 3) refined; as it is where that is too small."""
        said = self.said_of(picture, face)
        return picture if said is None else self.carried_out(said, face, picture, face)

    def said_of(self, picture: np.ndarray, face: np.ndarray) -> Said | None:
        """What the network says of the face of a picture, enlarged; None where it is too small."""
        window = face_window(face, len(picture))
        if window is None:
            return None
        shown = window.cut(picture, FACE_PX)
        word = self._refiner.word_on(shown, self._reach, _layout(face, window, len(picture)))
        return None if word is None else Said(word, shown, word.carried_out(shown, self._reach))

    def carried_out(self, said: Said, asked: np.ndarray, picture: np.ndarray, face: np.ndarray) -> np.ndarray:
        """A picture (S, S, 3) uint8 with its face refined by what was said of another.

        Args:
            said: what was said, of a face enlarged.
            asked: (478, 3) that face.
            face: (478, 3) the picture's own.
        """
        size = len(picture)
        window = face_window(face, size)
        if window is None:
            return picture
        shown = window.cut(picture, FACE_PX)
        asked_window = face_window(asked, size)
        if asked_window is None:
            return picture
        if asked is face and np.array_equal(shown, said.shown):
            made = said.made
        else:
            way = way_in_picture(_in_window(asked, asked_window, size), _in_window(face, window, size), FACE_PX)
            word, part = said.word.moved(way, said.word.window), said.word.window
            was, before = (
                part.of(cv2.warpAffine(one, way, (FACE_PX, FACE_PX), borderMode=cv2.BORDER_REPLICATE))
                for one in (said.shown, said.made)
            )
            made = carried_on(word, was, before, shown, self._reach, np.ones(was.shape[:2], np.float32))
        return added(picture, cv2.subtract(made, shown, dtype=cv2.CV_16S), window)


def face_window(face: np.ndarray, size_px: int) -> Crop | None:
    """The window round a face (478, 3) of a picture, in whole pixels; None where it is too small or not in it."""
    x0, y0, x1, y1 = (edge * size_px for edge in face_box(face))
    side = round(_ROOM * max(x1 - x0, y1 - y0))
    x, y = round((x0 + x1 - side) / 2), round((y0 + y1 - side) / 2)
    is_in = x < size_px and y < size_px and x + side > 0 and y + side > 0
    return Crop(x, y, side) if LEAST_FACE_PX <= side <= 2 * size_px and is_in else None


def added(picture: np.ndarray, change: np.ndarray, window: Crop) -> np.ndarray:
    """The picture (S, S, 3) uint8 with a change (FACE_PX, FACE_PX, 3) int16 added where its window is."""
    side, size = round(window.side_px), len(picture)
    interpolation = cv2.INTER_AREA if side < FACE_PX else cv2.INTER_LINEAR
    change = cv2.resize(change, (side, side), interpolation=interpolation)
    x, y = round(window.x_px), round(window.y_px)
    left, top, right, bottom = max(0, x), max(0, y), min(size, x + side), min(size, y + side)
    result = picture.copy()
    part = change[top - y : bottom - y, left - x : right - x]
    result[top:bottom, left:right] = np.clip(result[top:bottom, left:right] + part, 0, 255)
    return result


def face_training_set(
    puppet: FigurePuppet, data: TrainingSet[FigurePuppet], device: torch.device, watch: Watch
) -> TrainingSet[FigurePuppet] | None:
    """What the second network learns from: the faces of the first one's pictures, beside the true ones.

    Args:
        puppet: with its first network trained.
        data: what that learnt from.
        device: where it runs.
        watch: who is told.

    Returns:
        The set, whose puppet is the face alone; None where hardly a frame shows one.
    """
    if puppet.network is None:
        raise ValueError("puppet: got one without a network, expected a trained one")
    size = puppet.size_px
    windows = [None if pose.face is None else face_window(pose.face, size) for pose in data.poses]
    numbers = [number for number, window in enumerate(windows) if window is not None]
    if len(numbers) < LEAST_FACES:
        return None
    first = Refiner(copy.deepcopy(puppet.network), device)
    looks = min(_LOOKS, data.warped.shape[1])
    truth = np.empty((len(numbers), FACE_PX, FACE_PX, 3), np.uint8)
    warped = np.empty((len(numbers), looks, FACE_PX, FACE_PX, 4), np.uint8)
    warped[..., 3] = _reach()
    layout = np.empty_like(truth)
    for place, number in enumerate(watch.each(numbers, "Looking at faces", len(numbers))):
        window, face = windows[number], data.poses[number].need_face()
        if window is None:
            continue
        truth[place] = window.cut(data.truth[number], FACE_PX)
        layout[place] = _layout(face, window, size)
        for look in range(looks):
            seen = data.warped[number, look]
            shown = first.refined(np.ascontiguousarray(seen[..., :3]), seen[..., 3], data.layout[number])
            warped[place, look, ..., :3] = window.cut(shown, FACE_PX)
    # To a training the face alone is a puppet of its own size.
    alone = FigureReference(truth[0], np.full((FACE_PX, FACE_PX), 255, np.uint8), puppet.rest.pose)
    whole = (0, 0, FACE_PX, FACE_PX)
    face_puppet = replace(
        puppet, size_px=FACE_PX, references=(alone,), neutral=0, plate=truth[0], frame=whole, network=None
    )
    return TrainingSet(
        face_puppet,
        truth,
        warped,
        layout,
        np.stack([data.poses[number].need_face() for number in numbers]),
        np.tile(np.array([0.0, 0.0, 1.0, 1.0]), (len(numbers), 1)),
        np.full(len(numbers), 1 / len(numbers)),
        hashlib.sha256(truth.tobytes() + warped.tobytes()).hexdigest()[:16],
    )


def _layout(face: np.ndarray, window: Crop, size_px: int) -> np.ndarray:
    """The layout map (FACE_PX, FACE_PX, 3) of a face in its window."""
    return draw_layout(Pose(face=_in_window(face, window, size_px)), FACE_PX)


def _in_window(face: np.ndarray, window: Crop, size_px: int) -> np.ndarray:
    """A face (478, 3) of a picture, normalised to its window."""
    side_px = window.side_px
    return Pose(face=face).placed(size_px / side_px, -window.x_px / side_px, -window.y_px / side_px).need_face()


def _reach() -> np.ndarray:
    """Where a face may be changed, (FACE_PX, FACE_PX) uint8: not at the window's edges, so that no seam shows."""
    disc = np.zeros((FACE_PX, FACE_PX), np.uint8)
    cv2.circle(disc, (FACE_PX // 2, FACE_PX // 2), round(0.4 * FACE_PX), 255, -1)
    return cv2.blur(disc, (FACE_PX // 8, FACE_PX // 8))
