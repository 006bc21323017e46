"""A puppet of a whole figure: what shows one person from head to foot in any pose, and the file that keeps it.

As with a face, the file is safetensors with a JSON header, and nothing in it is ever executed.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy as np

from cxanim.checkpoint import kind_of, read_checkpoint, write_checkpoint
from cxanim.errors import BadPuppet, CxanimError
from cxanim.models import CRN
from cxanim.motion import landmarks as lm
from cxanim.motion.body_build import Build
from cxanim.motion.pose import Pose
from cxanim.motion.room import Room
from cxanim.motion.skeleton import HIPS, joints_of
from cxanim.pipelines.puppet import KIND as FACE_KIND
from cxanim.pipelines.puppet import Puppet
from cxanim.pipelines.puppet_network import network_from, weights_of
from cxanim.pipelines.puppet_parts import SelfTold, check_about, check_counts, jpeg_of, matte_from, picture_from

KIND, FORMAT = "figure puppet", 1
FACE_PX = 64  # side of the pictures of the second network, which refines the face
_PARTS = {
    "body": (lm.BODY_POINTS, 4),
    "face": (lm.FACE_POINTS, 3),
    "left_hand": (lm.HAND_POINTS, 3),
    "right_hand": (lm.HAND_POINTS, 3),
}


@dataclass(frozen=True)
class FigureReference:
    """One picture of the figure.

    Attributes:
        picture: (S, S, 3) uint8 RGB.
        matte: (S, S) uint8, 255 where the figure is.
        pose: its body, and what was seen of hands and face, normalised to the picture.
    """

    picture: np.ndarray
    matte: np.ndarray
    pose: Pose

    @property
    def body(self) -> np.ndarray:
        """(33, 4)."""
        return self.pose.need_body()


@dataclass(frozen=True)
class FigurePuppet(SelfTold):
    """One figure, ready to be driven.

    Attributes:
        size_px: side of its square pictures.
        references: pictures of the figure, at least one.
        neutral: number of the reference that shows it at rest.
        plate: (S, S, 3) uint8, what is behind it.
        frame: left, top, right, bottom in px: what of the square the clip's frames show. The rest repeats their edge.
        network: the trained CRN, or None where the warp is all there is.
        face_network: a second one, of `FACE_PX`, that looks at the face alone; or None.
        about: kind ("clip"), the files it is made from, settings and training curve, as JSON holds them.
    """

    size_px: int
    references: tuple[FigureReference, ...]
    neutral: int
    plate: np.ndarray
    frame: tuple[int, int, int, int]
    network: CRN | None = None
    face_network: CRN | None = None
    about: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def build(self) -> Build:
        """How the figure is made, as its references show."""
        joints, visibility = joints_of(np.stack([reference.body for reference in self.references]))
        return Build.of(joints, visibility)

    @property
    def rest(self) -> FigureReference:
        """The reference that shows it at rest."""
        return self.references[self.neutral]

    @property
    def still(self) -> np.ndarray:
        """The picture (S, S, 3) that shows it at rest, black where the clip's frames have nothing."""
        return self.boxed(self.rest.picture)

    @property
    def is_trained(self) -> bool:
        """Whether a network refines what the warp shows."""
        return self.network is not None

    @property
    def faces(self) -> list[np.ndarray]:
        """The faces (478, 3) that its references show."""
        return [reference.pose.face for reference in self.references if reference.pose.face is not None]

    def instant(self) -> "FigurePuppet":
        """The same figure without training: the picture at rest and the warp."""
        return replace(self, references=(self.rest,), neutral=0, network=None, face_network=None)

    def room(self) -> Room:
        """How far aside it may go in its picture; of one driver's own."""
        left, _, right, _ = self.frame
        rest_x = float(joints_of(self.rest.body)[0][HIPS, 0])
        return Room(rest_x, (left / self.size_px, right / self.size_px), self.build.trunk)

    def framed(self, square: np.ndarray) -> np.ndarray:
        """What of a square (S, S, C) the clip's frames show, (h, w, C)."""
        left, top, right, bottom = self.frame
        return np.ascontiguousarray(square[top:bottom, left:right])

    def boxed(self, square: np.ndarray) -> np.ndarray:
        """A square (S, S, 3), black where the clip's frames have nothing."""
        left, top, right, bottom = self.frame
        result = np.zeros_like(square)
        result[top:bottom, left:right] = square[top:bottom, left:right]
        return result

    def save(self, path: Path) -> None:
        """Write the puppet's file, whole or not at all."""
        tensors: dict[str, np.ndarray] = {"plate": jpeg_of(self.plate)}
        for part, shape in _PARTS.items():
            unseen = np.full(shape, np.nan, np.float32)
            points = [getattr(reference.pose, part) for reference in self.references]
            tensors[part] = np.stack([unseen if one is None else one.astype(np.float32) for one in points])
        for number, reference in enumerate(self.references):
            tensors[f"picture.{number}"] = jpeg_of(reference.picture)
            tensors[f"matte.{number}"] = jpeg_of(np.dstack([reference.matte] * 3))
        header: dict[str, Any] = {
            "size_px": self.size_px,
            "references": len(self.references),
            "neutral": self.neutral,
            "frame": list(self.frame),
            "about": self.about,
        }
        for name, network in (("network", self.network), ("face_network", self.face_network)):
            header[name] = None if network is None else asdict(network.shape)
            tensors |= {} if network is None else weights_of(network, name)
        write_checkpoint(path, KIND, FORMAT, header, tensors)

    @classmethod
    def load(cls, path: Path) -> "FigurePuppet":
        """Read a puppet that anyone may have made.

        Raises:
            BadPuppet: damaged, of an unknown format, or not a puppet of a figure.
        """
        path = Path(path)
        header, tensors = read_checkpoint(path, KIND, (FORMAT,))
        try:
            return _from_parts(header, tensors)
        except (KeyError, TypeError, ValueError, RuntimeError, cv2.error) as error:
            raise BadPuppet(
                f"{path.name} is a damaged puppet ({error}).", "Make it again, or ask its maker for a whole copy."
            ) from error


AnyPuppet = Puppet | FigurePuppet
P = TypeVar("P", bound=AnyPuppet)


def load_puppet(path: Path) -> AnyPuppet:
    """Read a puppet of a face or of a figure.

    Raises:
        BadPuppet: it is neither, or damaged.
    """
    kind: type[Puppet] | type[FigurePuppet] = FigurePuppet if kind_of(path, FACE_KIND) == KIND else Puppet
    return kind.load(path)


def load_face_puppet(path: Path, what: str) -> Puppet:
    """Read the puppet of a face for what shows faces only.

    Args:
        path: the file.
        what: that is called, for the sentence that says so.

    Raises:
        BadPuppet: damaged, or no puppet.
        CxanimError: it is a whole figure.
    """
    puppet = load_puppet(path)
    if isinstance(puppet, Puppet):
        return puppet
    raise CxanimError(f"{Path(path).name} is a whole figure, and {what} moves faces.", "Drive it with a video instead.")


def _from_parts(header: dict[str, Any], tensors: dict[str, np.ndarray]) -> FigurePuppet:
    size, count, neutral = check_counts(header)
    poses = _poses(tensors, count)
    references = []
    for number, pose in enumerate(poses):
        matte = matte_from(tensors[f"matte.{number}"], size)
        if matte is None:
            raise ValueError("impossible mattes")
        references.append(FigureReference(picture_from(tensors[f"picture.{number}"], size), matte, pose))
    frame = header["frame"]
    if not isinstance(frame, list) or len(frame) != 4 or not all(type(edge) is int for edge in frame):
        raise ValueError("impossible frame")
    left, top, right, bottom = frame
    if not (0 <= left < right <= size and 0 <= top < bottom <= size and right - left >= 2 and bottom - top >= 2):
        raise ValueError("impossible frame")
    check_about(header["about"])
    networks = {
        name: None if header[name] is None else network_from(header[name], tensors, name, side)
        for name, side in (("network", size), ("face_network", FACE_PX))
    }
    return FigurePuppet(
        size_px=size,
        references=tuple(references),
        neutral=neutral,
        plate=picture_from(tensors["plate"], size),
        frame=(left, top, right, bottom),
        about=header["about"],
        **networks,
    )


def _poses(tensors: dict[str, np.ndarray], count: int) -> Sequence[Pose]:
    for part, shape in _PARTS.items():
        points = tensors[part]
        if points.shape != (count, *shape) or points.dtype != np.float32 or np.nanmax(np.abs(points), initial=0) > 64:
            raise ValueError("impossible poses")
    if not np.isfinite(tensors["body"]).all():
        raise ValueError("impossible bodies")
    seen = {part: ~np.isnan(tensors[part]).any(axis=(1, 2)) for part in _PARTS}
    return [
        Pose(**{part: tensors[part][number] if seen[part][number] else None for part in _PARTS})
        for number in range(count)
    ]
