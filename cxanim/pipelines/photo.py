"""From the file of a photo to its face, and to the puppet that needs no training."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cxanim.images import over_white, read_image
from cxanim.motion.crop import Crop
from cxanim.motion.detect import find_face, person_matte
from cxanim.motion.pose import Pose
from cxanim.pipelines.puppet import Puppet, Reference

_LEAST_CLEAR = 0.05  # share of a picture that is transparent where somebody is cut out, not the corners rounded


@dataclass(frozen=True)
class Photo:
    """One picture and the face in it.

    Attributes:
        picture: (H, W, 3) uint8 RGB, before a white wall where it is transparent.
        face: (478, 3) in the picture's own square.
        crop: the window round the face.
        alpha: (H, W) uint8 of a picture that is cut out, or None.
        notes: what a person should know ("3 faces: the largest is used").
    """

    picture: np.ndarray
    face: np.ndarray
    crop: Crop
    alpha: np.ndarray | None = None
    notes: tuple[str, ...] = ()

    @property
    def with_alpha(self) -> np.ndarray:
        """The picture before a white wall, and how much of each pixel is the picture, (H, W, 4)."""
        alpha = np.full(self.picture.shape[:2], 255, np.uint8) if self.alpha is None else self.alpha
        return np.dstack([self.picture, alpha])

    @property
    def face_in_crop(self) -> np.ndarray:
        """The face in the coordinates of the window."""
        height, width = self.picture.shape[:2]
        return self.crop.from_frame(Pose(face=self.face), width, height).need_face()

    @property
    def held_edges(self) -> tuple[bool, bool, bool, bool]:
        """Edges of the window (left, top, right, bottom) behind which the picture goes on."""
        height, width = self.picture.shape[:2]
        return self.crop.held_edges(width, height)


def observe_photo(path: Path, face: np.ndarray | None = None) -> Photo:
    """Read a picture and find its largest face.

    Args:
        path: the picture.
        face: (478, 3) face in the picture's own square, where a person has placed it; found if None.

    Raises:
        UnreadableImage, TooLarge, NoFace.
    """
    image = read_image(path)
    picture = image.rgb if image.alpha is None else over_white(image.rgb, image.alpha)
    notes: tuple[str, ...] = ()
    if face is None:
        face, count = find_face(picture, Path(path).name)
        if count > 1:
            notes = (f"{Path(path).name} shows {count} faces: the largest is used.",)
    height, width = picture.shape[:2]
    alpha = image.alpha if image.alpha is not None and (image.alpha < 128).mean() >= _LEAST_CLEAR else None
    return Photo(picture, face, Crop.around_faces([face], width, height), alpha, notes)


def photo_puppet(seen: Photo, size_px: int, name: str = "") -> Puppet:
    """The instant puppet of a photo."""
    picture = seen.crop.cut(seen.picture, size_px)
    if seen.alpha is None:
        matte = np.round(person_matte(picture) * 255).astype(np.uint8)
    else:
        matte = seen.crop.cut(seen.alpha, size_px)
    return Puppet(
        size_px=size_px,
        references=(Reference(picture, seen.face_in_crop, matte),),
        held_edges=seen.held_edges,
        cut_out=seen.alpha is not None,
        about={"kind": "photo", "sources": [name]},
    )
