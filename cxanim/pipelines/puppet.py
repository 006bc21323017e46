"""A Puppet: everything that shows one target with any face, and the one small file that keeps it.

The file is safetensors with a JSON header: format number, settings, geometry, provenance and training curve; the
reference pictures as JPEG bytes; the weights of the network as float16. Nothing in it is ever executed.
"""

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from cxanim.checkpoint import read_checkpoint, write_checkpoint
from cxanim.errors import BadPuppet
from cxanim.models import CRN
from cxanim.motion.landmarks import FACE_POINTS
from cxanim.motion.mesh import BODY_FOLLOWS
from cxanim.pipelines.grain import MOST_LEVELS
from cxanim.pipelines.likeness import MOST_WEIGHT, Likeness
from cxanim.pipelines.placed_face import PlacedFace
from cxanim.pipelines.puppet_network import network_from, weights_of
from cxanim.pipelines.puppet_parts import SelfTold, check_about, check_counts, jpeg_of, matte_from, picture_from
from cxanim.pipelines.steady import MOST_STRENGTH

KIND, FORMAT = "puppet", 7
_READ = (5, 6, FORMAT)  # puppets of format 5 are neither cut out nor placed by hand; up to 6 a network has a name only


@dataclass(frozen=True)
class Reference:
    """One picture of the target and the face in it.

    Attributes:
        picture: (S, S, 3) uint8 RGB.
        face: (478, 3) normalised to the crop.
        matte: (S, S) uint8, 255 where the person is, of a cut-out its alpha; None where all may move.
    """

    picture: np.ndarray
    face: np.ndarray
    matte: np.ndarray | None = None


@dataclass(frozen=True)
class Puppet(SelfTold):
    """One target, ready to be driven.

    Attributes:
        size_px: side of its pictures.
        references: pictures of the target, at least one.
        neutral: number of the reference that shows the relaxed face.
        plate: (S, S, 3) uint8 background that stands still, or None.
        held_edges: edges of the crop (left, top, right, bottom) where nothing may move.
        cut_out: whether the matte is the picture's own alpha: nothing stands behind the person, nor in what is shown.
        teeth: whether a person's teeth are drawn in a mouth that opens where the pictures show none.
        placed: the points by which a person placed the face on the photo, or None where it was found.
        body_follows: how much collar and shoulders go along with the head, in [0, 1], see `MeshMap`.
        likeness: what counts when references are chosen for a face.
        network: the trained CRN, or None for an instant puppet.
        steadiness: how strongly its pictures are averaged over time, see `Steady`.
        grain: grey levels by which they are to change from frame to frame where they rest, see `Grain`.
        about: kind ("photo" or "clip"), the files it is made from, settings and training curve, as JSON holds them.
    """

    size_px: int
    references: tuple[Reference, ...]
    neutral: int = 0
    plate: np.ndarray | None = None
    held_edges: tuple[bool, bool, bool, bool] = (False, False, False, False)
    cut_out: bool = False
    teeth: bool = True
    placed: PlacedFace | None = None
    body_follows: float = BODY_FOLLOWS
    likeness: Likeness = Likeness()
    network: CRN | None = None
    steadiness: float = 1.0
    grain: float = 0.0
    about: dict[str, Any] = field(default_factory=dict)

    @property
    def neutral_face(self) -> np.ndarray:
        """The target's relaxed face (478, 3)."""
        return self.references[self.neutral].face

    @property
    def still(self) -> np.ndarray:
        """The picture (S, S, 3) that shows its relaxed face."""
        return self.references[self.neutral].picture

    @property
    def is_trained(self) -> bool:
        """Whether a network refines what the warp shows."""
        return self.network is not None

    def instant(self) -> "Puppet":
        """The same target without training: its neutral picture and the warp."""
        neutral = self.references[self.neutral]
        return replace(self, references=(neutral,), neutral=0, network=None, steadiness=1.0, grain=0.0)

    def resized(self, size_px: int) -> "Puppet":
        """The same target in pictures of another size.

        Raises:
            ValueError: it is trained: its network knows one size.
        """
        if self.network is not None:
            raise ValueError(f"puppet: got a trained one of {self.size_px} px, expected one without a network")

        def fitted(picture: np.ndarray) -> np.ndarray:
            shrinks = size_px < picture.shape[0]
            return cv2.resize(picture, (size_px, size_px), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)

        references = tuple(
            replace(one, picture=fitted(one.picture), matte=None if one.matte is None else fitted(one.matte))
            for one in self.references
        )
        plate = None if self.plate is None else fitted(self.plate)
        return replace(self, size_px=size_px, references=references, plate=plate)

    def save(self, path: Path) -> None:
        """Write the puppet's file, whole or not at all."""
        tensors: dict[str, np.ndarray] = {
            "faces": np.stack([reference.face for reference in self.references]).astype(np.float32)
        }
        for number, reference in enumerate(self.references):
            tensors[f"picture.{number}"] = jpeg_of(reference.picture)
            if reference.matte is not None:
                # JPEG would lay a veil over what is clear.
                exact = np.ascontiguousarray(reference.matte)
                tensors[f"matte.{number}"] = exact if self.cut_out else jpeg_of(np.dstack([reference.matte] * 3))
        if self.plate is not None:
            tensors["plate"] = jpeg_of(self.plate)
        if self.network is not None:
            tensors |= weights_of(self.network, "network")
        header = {
            "size_px": self.size_px,
            "references": len(self.references),
            "neutral": self.neutral,
            "held_edges": list(self.held_edges),
            "cut_out": self.cut_out,
            "teeth": self.teeth,
            "placed": None if self.placed is None else self.placed.to_dict(),
            "body_follows": self.body_follows,
            "likeness": list(self.likeness.weights),
            "network": None if self.network is None else asdict(self.network.shape),
            "steadiness": self.steadiness,
            "grain": self.grain,
            "about": self.about,
        }
        write_checkpoint(path, KIND, FORMAT, header, tensors)

    @classmethod
    def load(cls, path: Path) -> "Puppet":
        """Read a puppet that anyone may have made.

        Raises:
            BadPuppet: damaged, of an unknown format, or not a puppet.
        """
        path = Path(path)
        header, tensors = read_checkpoint(path, KIND, _READ)
        try:
            return _from_parts(header, tensors)
        except (KeyError, TypeError, ValueError, RuntimeError, cv2.error) as error:
            raise BadPuppet(
                f"{path.name} is a damaged puppet ({error}).", "Make it again, or ask its maker for a whole copy."
            ) from error


def _from_parts(header: dict[str, Any], tensors: dict[str, np.ndarray]) -> Puppet:
    size, count, neutral = check_counts(header)
    faces = tensors["faces"]
    if faces.shape != (count, FACE_POINTS, 3) or faces.dtype != np.float32 or not np.isfinite(faces).all():
        raise ValueError("impossible faces")
    if np.abs(faces).max() > 8:
        raise ValueError("impossible faces")
    references = []
    for number in range(count):
        matte = matte_from(tensors.get(f"matte.{number}"), size)
        references.append(
            Reference(
                picture=picture_from(tensors[f"picture.{number}"], size),
                face=faces[number],
                matte=matte,
            )
        )
    network = None
    if header["network"] is not None:
        network = network_from(header["network"], tensors, "network", size)
    plate = tensors.get("plate")
    cut_out = header.get("cut_out", False)
    if not isinstance(cut_out, bool) or (cut_out and any(reference.matte is None for reference in references)):
        raise ValueError("impossible mattes")
    edges = tuple(bool(edge) for edge in header["held_edges"])
    if len(edges) != 4:
        raise ValueError("impossible header")
    check_about(header["about"])
    return Puppet(
        size_px=size,
        references=tuple(references),
        neutral=neutral,
        plate=None if plate is None else picture_from(plate, size),
        held_edges=edges,
        cut_out=cut_out,
        teeth=bool(header.get("teeth", True)),
        placed=None if header.get("placed") is None else PlacedFace.from_dict(header["placed"]),
        body_follows=_number(header["body_follows"], 1.0),
        likeness=Likeness(tuple(_number(weight, MOST_WEIGHT) for weight in header["likeness"])),
        network=network,
        steadiness=_number(header["steadiness"], MOST_STRENGTH),
        grain=_number(header["grain"], MOST_LEVELS),
        about=header["about"],
    )


def _number(value: Any, most: float) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= most:
        raise ValueError("impossible header")
    return float(value)
