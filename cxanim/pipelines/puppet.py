"""A Puppet: everything that shows one target with any face, and the one small file that keeps it.

The file is safetensors with a JSON header: format number, settings, geometry, provenance and training curve; the
reference pictures as JPEG bytes; the weights of the network as float16. Nothing in it is ever executed.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from cxanim.checkpoint import read_checkpoint, write_checkpoint
from cxanim.errors import BadPuppet, CannotWrite
from cxanim.images import decode_jpeg, encode_jpeg
from cxanim.models import CRN, PRESETS, CRNShape
from cxanim.motion.landmarks import FACE_POINTS
from cxanim.motion.mesh import BODY_FOLLOWS
from cxanim.output import ensure_writable
from cxanim.pipelines.grain import MOST_LEVELS
from cxanim.pipelines.likeness import MOST_WEIGHT, Likeness
from cxanim.pipelines.network_file import shape_from_header
from cxanim.pipelines.placed_face import PlacedFace
from cxanim.pipelines.steady import MOST_STRENGTH

KIND, FORMAT = "puppet", 7
_READ = (5, 6, FORMAT)  # puppets of format 5 are neither cut out nor placed by hand; up to 6 a network has a name only
PUPPET_SUFFIX = ".puppet"
SIZES_PX = (64, 128, 256, 512)
CONDITION_CHANNELS = 7  # warped reference, where it may be refined, and layout map
OUTPUT_CHANNELS, NUDGE_CHANNELS = 3, 2  # change of colour; a smooth field that moves the warp into place
_SHAPES_BY_NAME = PRESETS | {"live": CRNShape((96, 96, 96, 96, 64, 32, 12, 8))}
_MOST_REFERENCES = 256
_JPEG_QUALITY = 95


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
class Puppet:
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
    def trained_windows(self) -> list[tuple[str, tuple[int, int, int, int, int]]]:
        """Name of each clip it was trained on, and the window: x, y, side, and the frame's width and height, in px."""
        windows = zip(self.about.get("sources", []), self.about.get("crops", []), strict=False)
        return [(str(name), tuple(crop)) for name, crop in windows]

    @property
    def training(self) -> dict[str, Any]:
        """How it was trained: settings, features, seed, steps, whether finished, and the curve; empty if it was not."""
        return self.about.get("training", {})

    @property
    def is_photo(self) -> bool:
        """Whether it was made from one picture."""
        return self.about.get("kind") == "photo"

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
            tensors[f"picture.{number}"] = _jpeg(reference.picture)
            if reference.matte is not None:
                # JPEG would lay a veil over what is clear.
                exact = np.ascontiguousarray(reference.matte)
                tensors[f"matte.{number}"] = exact if self.cut_out else _jpeg(np.dstack([reference.matte] * 3))
        if self.plate is not None:
            tensors["plate"] = _jpeg(self.plate)
        if self.network is not None:
            for name, weights in self.network.state_dict().items():
                tensors[f"network.{name}"] = weights.detach().cpu().to(torch.float16).numpy()
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
    size, count, neutral = header["size_px"], header["references"], header["neutral"]
    if (
        not isinstance(size, int)
        or size not in SIZES_PX
        or not isinstance(count, int)
        or not 1 <= count <= _MOST_REFERENCES
    ):
        raise ValueError("impossible geometry")
    faces = tensors["faces"]
    if faces.shape != (count, FACE_POINTS, 3) or faces.dtype != np.float32 or not np.isfinite(faces).all():
        raise ValueError("impossible faces")
    if np.abs(faces).max() > 8 or not isinstance(neutral, int) or not 0 <= neutral < count:
        raise ValueError("impossible faces")
    references = []
    for number in range(count):
        matte = _matte(tensors.get(f"matte.{number}"), size)
        references.append(
            Reference(
                picture=_picture(tensors[f"picture.{number}"], size),
                face=faces[number],
                matte=matte,
            )
        )
    network = None
    if header["network"] is not None:
        network = make_network(size, _shape(header["network"]))
        weights = {
            name.removeprefix("network."): torch.from_numpy(values.astype(np.float32))
            for name, values in tensors.items()
            if name.startswith("network.")
        }
        if not all(torch.isfinite(values).all() for values in weights.values()):
            raise ValueError("weights that are not numbers")
        network.load_state_dict(weights, strict=True)
        network.eval()
    plate = tensors.get("plate")
    cut_out = header.get("cut_out", False)
    if not isinstance(cut_out, bool) or (cut_out and any(reference.matte is None for reference in references)):
        raise ValueError("impossible mattes")
    edges = tuple(bool(edge) for edge in header["held_edges"])
    if len(edges) != 4:
        raise ValueError("impossible header")
    _check_about(header["about"])
    return Puppet(
        size_px=size,
        references=tuple(references),
        neutral=neutral,
        plate=None if plate is None else _picture(plate, size),
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


def _shape(told: Any) -> CRNShape:
    """The shape of a network that anyone may have told of."""
    if isinstance(told, str):
        if told not in _SHAPES_BY_NAME:
            raise ValueError(f"unknown network {told!r}")
        return _SHAPES_BY_NAME[told]
    return shape_from_header(told)


def _number(value: Any, most: float) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= most:
        raise ValueError("impossible header")
    return float(value)


def _check_about(about: Any) -> None:
    """What a puppet tells of itself is shown and used; whoever made it may have written anything."""
    if not isinstance(about, dict):
        raise ValueError("no account of itself")
    crops, training = about.get("crops", []), about.get("training", {})
    if not isinstance(about.get("files", []), list):
        raise ValueError("impossible account of its files")
    if not isinstance(training, dict) or not isinstance(training.get("steps", 0), int):
        raise ValueError("impossible account of its training")
    for crop in crops:
        if len(crop) != 5 or not all(isinstance(value, int) and abs(value) < 1 << 16 for value in crop):
            raise ValueError("impossible window")


def facts_of(files: Sequence[Path]) -> list[list[Any]]:
    """Name and bytes of each file that a puppet is made from, by which it is told later whether it is the same."""
    return [[path.name, path.stat().st_size] for path in map(Path, files)]


def ensure_puppet_writable(path: Path) -> None:
    """Find out before the work whether a puppet can be kept at `path`.

    Raises:
        CannotWrite: another ending, or a place that cannot be written.
    """
    if Path(path).suffix.lower() != PUPPET_SUFFIX:
        raise CannotWrite(f"{Path(path).name}: a puppet is kept in a .puppet file.", "Let its name end in .puppet.")
    ensure_writable(path)


def make_network(size_px: int, shape: str | CRNShape) -> CRN:
    """A fresh network that begins by showing the warp as it is."""
    network = CRN(CONDITION_CHANNELS, OUTPUT_CHANNELS, size_px, shape, coarse_channels=NUDGE_CHANNELS)
    for head in (network.to_picture, network.to_coarse):
        for weights in head.parameters() if head is not None else ():
            torch.nn.init.zeros_(weights)
    return network


def as_stored(picture: np.ndarray) -> np.ndarray:
    """A picture as it will be after the puppet was saved and loaded."""
    return decode_jpeg(encode_jpeg(picture, _JPEG_QUALITY))


def _jpeg(picture: np.ndarray) -> np.ndarray:
    return np.frombuffer(encode_jpeg(np.ascontiguousarray(picture), _JPEG_QUALITY), np.uint8)


def _matte(data: np.ndarray | None, size_px: int) -> np.ndarray | None:
    """A matte as it was kept: byte for byte, or as a JPEG."""
    if data is None or (data.dtype == np.uint8 and data.shape == (size_px, size_px)):
        return data
    return np.ascontiguousarray(_picture(data, size_px)[..., 0])


def _picture(data: np.ndarray, size_px: int) -> np.ndarray:
    if data.dtype != np.uint8 or data.ndim != 1:
        raise ValueError("pictures are not bytes")
    picture = decode_jpeg(data.tobytes(), size_px * size_px)
    if picture.shape != (size_px, size_px, 3):
        raise ValueError(f"a picture of {picture.shape[1]}x{picture.shape[0]}, expected {size_px}")
    return picture
