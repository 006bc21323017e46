"""From the file of a photo to its face, and to the puppet that needs no training."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from cxanim.errors import BadSetting, CxanimError, NoFace
from cxanim.images import over_white, read_image
from cxanim.motion.crop import Crop
from cxanim.motion.detect import find_faces
from cxanim.motion.pose import Pose, face_box
from cxanim.motion.segment import person_matte
from cxanim.pipelines.placed_face import PlacedFace, read_placed_face
from cxanim.pipelines.puppet import Puppet, Reference
from cxanim.pipelines.puppet_parts import PUPPET_SUFFIX

_LEAST_CLEAR = 0.05  # share of a picture that is transparent where somebody is cut out, not the corners rounded


@dataclass(frozen=True)
class Photo:
    """One picture and the face in it.

    Attributes:
        picture: (H, W, 3) uint8 RGB, before a white wall where it is transparent.
        face: (478, 3) in the picture's own square.
        crop: the window round the face.
        alpha: (H, W) uint8 of a picture that is cut out, or None.
        placed: the points by which a person placed the face, or None.
        is_seen: whether a detector sees the face too.
        notes: what a person should know ("3 faces: the largest is used").
    """

    picture: np.ndarray
    face: np.ndarray
    crop: Crop
    alpha: np.ndarray | None = None
    placed: PlacedFace | None = None
    is_seen: bool = True
    notes: tuple[str, ...] = ()

    @property
    def with_alpha(self) -> np.ndarray:
        """The picture before a white wall, and how much of each pixel is the picture, (H, W, 4)."""
        alpha = np.full(self.picture.shape[:2], 255, np.uint8) if self.alpha is None else self.alpha
        return np.dstack([self.picture, alpha])

    @property
    def face_in_crop(self) -> np.ndarray:
        """The face in the coordinates of the window."""
        return self.within(self.face)

    def within(self, face: np.ndarray) -> np.ndarray:
        """A face (478, 3) of the picture in the coordinates of the window."""
        height, width = self.picture.shape[:2]
        return self.crop.from_frame(Pose(face=face), width, height).need_face()

    @property
    def held_edges(self) -> tuple[bool, bool, bool, bool]:
        """Edges of the window (left, top, right, bottom) behind which the picture goes on."""
        height, width = self.picture.shape[:2]
        return self.crop.held_edges(width, height)


def observe_photo(path: Path, placed: PlacedFace | None = None, number: int = 0) -> Photo:
    """Read a picture and find one face in it.

    Args:
        path: the picture.
        placed: where a person has placed the face; found if None.
        number: which of several faces, counted from left to right; 0 is the largest.

    Raises:
        UnreadableImage, TooLarge, NoFace.
        BadSetting: there are not so many faces.
        CxanimError: the points that were placed make no face on this picture.
    """
    picture, alpha = read_picture(path)
    if placed is not None:
        height, width = picture.shape[:2]
        face, is_seen = placed.fit(picture)
        return replace(_photo(picture, alpha, face), placed=placed.on(width, height), is_seen=is_seen)
    faces = _faces(picture, Path(path), everyone=number > 0)
    if number > len(faces):
        raise BadSetting(f"face: got {number}, but {Path(path).name} shows {len(faces)}.")
    which = f"number {number} from the left" if number else "the largest"
    notes = (f"{Path(path).name} shows {len(faces)} faces: {which} is used.",) if len(faces) > 1 else ()
    return _photo(picture, alpha, from_left_to_right(faces)[number - 1] if number else faces[0], notes)


def observe_everyone(path: Path) -> list[Photo]:
    """Read a picture and find all faces in it, from left to right.

    Raises:
        UnreadableImage, TooLarge, NoFace.
    """
    picture, alpha = read_picture(path)
    return [_photo(picture, alpha, face) for face in from_left_to_right(_faces(picture, Path(path), everyone=True))]


def read_landmarks(path: Path) -> PlacedFace:
    """Read the points by which a person placed a face, from a JSON file or from the puppet that keeps them.

    Raises:
        BadPuppet, CxanimError: the file is not what it should be, or keeps no points.
    """
    if Path(path).suffix.lower() != PUPPET_SUFFIX:
        return read_placed_face(path)
    placed = Puppet.load(path).placed
    if placed is None:
        raise CxanimError(f"{Path(path).name} keeps no points: its face was found.", "Place them on its picture.")
    return placed


def read_picture(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """A picture (H, W, 3) before a white wall, and its alpha (H, W) where somebody is cut out.

    Raises:
        UnreadableImage, TooLarge.
    """
    image = read_image(path)
    if image.alpha is None:
        return image.rgb, None
    return over_white(image.rgb, image.alpha), image.alpha if (image.alpha < 128).mean() >= _LEAST_CLEAR else None


def from_left_to_right(faces: list[np.ndarray]) -> list[np.ndarray]:
    """Faces (478, 3) in the order in which a person counts them."""
    return sorted(faces, key=lambda face: face_box(face)[0])


def _faces(picture: np.ndarray, path: Path, *, everyone: bool) -> list[np.ndarray]:
    faces = find_faces(picture, everyone=everyone)
    if not faces:
        raise NoFace(
            f"No face was found in {path.name}.",
            "Say where it is: place its points on the picture, or give them with --landmarks FILE.json.",
        )
    return faces


def _photo(picture: np.ndarray, alpha: np.ndarray | None, face: np.ndarray, notes: tuple[str, ...] = ()) -> Photo:
    height, width = picture.shape[:2]
    return Photo(picture, face, Crop.around_faces([face], width, height), alpha, notes=notes)


def photo_puppet(seen: Photo, size_px: int, name: str = "", *, teeth: bool | None = None) -> Puppet:
    """The instant puppet of a photo.

    Args:
        teeth: whether a person's teeth are drawn in its mouth; if None, where a detector sees a person's face.
    """
    picture = seen.crop.cut(seen.picture, size_px)
    matte: np.ndarray | None
    if seen.alpha is None and not seen.is_seen:
        matte = None  # what no detector takes for a face is no person to the matte: it would cut ears and outlines off
    elif seen.alpha is None:
        matte = np.round(person_matte(picture) * 255).astype(np.uint8)
    else:
        matte = seen.crop.cut(seen.alpha, size_px)
    return Puppet(
        size_px=size_px,
        references=(Reference(picture, seen.face_in_crop, matte),),
        held_edges=seen.held_edges,
        cut_out=seen.alpha is not None,
        teeth=seen.is_seen if teeth is None else teeth,
        placed=seen.placed,
        about={"kind": "photo", "sources": [name]},
    )
