"""A Motion: the poses of one subject at a steady rate, and the small file that keeps it.

Differs from the common practice of pickled motion templates: the file is an npz of plain arrays, loaded with pickling
switched off, and says how it was made.
"""

import io
import json
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tokenize import TokenError

import numpy as np

from cxanim.errors import BadPuppet
from cxanim.motion import landmarks as lm
from cxanim.motion.pose import Pose
from cxanim.motion.smooth import fill_gaps, smooth_track
from cxanim.output import atomic_output

FORMAT = 1
_SHAPES = {
    "face": (lm.FACE_POINTS, 3),
    "body": (lm.BODY_POINTS, 4),
    "left_hand": (lm.HAND_POINTS, 3),
    "right_hand": (lm.HAND_POINTS, 3),
}
_RELAXED = "relaxed"
_MOST_FRAMES = 60 * 60 * 30
_MOST_BYTES = 1 << 30
# What zipfile, zlib, numpy's header parser and json raise on a file that is broken or was made to break a reader.
_DAMAGE = (
    OSError, EOFError, zipfile.BadZipFile, zlib.error, TokenError, RuntimeError, MemoryError,
    ValueError, OverflowError, KeyError, TypeError, AttributeError,
)  # fmt: skip


@dataclass(frozen=True)
class Motion:
    """Poses at a steady rate.

    Attributes:
        fps: frames per second.
        parts: name of a part ("face", "body", "left_hand", "right_hand") to (T, points, 3 or 4) float32, NaN where
            the part was not seen.
        neutral: number of the frame that shows the relaxed face.
        about: where the motion comes from, for people.
        relaxed: (478, 3) the relaxed face where no frame need show it; then that of frame `neutral` is not used.
    """

    fps: float
    parts: dict[str, np.ndarray]
    neutral: int = 0
    about: dict[str, str] = field(default_factory=dict)
    relaxed: np.ndarray | None = None

    def __len__(self) -> int:
        return len(next(iter(self.parts.values())))

    def __getitem__(self, frame: int) -> Pose:
        return Pose(**{name: _seen(track[frame]) for name, track in self.parts.items()})

    def __iter__(self) -> Iterator[Pose]:
        return (self[frame] for frame in range(len(self)))

    @property
    def faces(self) -> list[np.ndarray | None]:
        """The face of each frame, or None."""
        return [self[frame].face for frame in range(len(self))]

    @classmethod
    def from_poses(cls, poses: Sequence[Pose], fps: float, **about: str) -> "Motion":
        """Collect poses; parts that no pose has are left out."""
        parts = {}
        for name, shape in _SHAPES.items():
            points = [getattr(pose, name) for pose in poses]
            if name == "face" or any(part is not None for part in points):
                missing = np.full(shape, np.nan, np.float32)
                parts[name] = np.stack([missing if part is None else part.astype(np.float32) for part in points])
        return cls(fps, parts, about=about)

    def calmed(self, strength: float = 0.5, longest_gap_s: float | None = None) -> "Motion":
        """The motion with gaps filled and trembling smoothed away."""
        longest = None if longest_gap_s is None else round(longest_gap_s * self.fps)
        calm = {}
        for name, track in self.parts.items():
            calm[name] = smooth_track(fill_gaps(track, longest), self.fps, strength)
        return Motion(self.fps, calm, self.neutral, self.about, self.relaxed)

    def save(self, path: Path) -> None:
        """Write the motion as an npz of plain arrays, rounded to 1/65536 of the crop so that it packs well."""
        header = json.dumps({"format": FORMAT, "fps": self.fps, "neutral": self.neutral, "about": self.about})
        kept = self.parts if self.relaxed is None else self.parts | {_RELAXED: self.relaxed}
        arrays = {name: (np.round(track * 65536) / 65536).astype(np.float32) for name, track in kept.items()}
        whole = io.BytesIO()  # an archive that cannot be written to its end would complain once more when deleted
        np.savez_compressed(whole, header=np.frombuffer(header.encode(), np.uint8), **arrays)
        with atomic_output(path) as temporary:
            temporary.write_bytes(whole.getbuffer())

    @classmethod
    def load(cls, path: Path) -> "Motion":
        """Read what `save` wrote.

        Raises:
            BadPuppet: the file is not a motion of a format we know.
        """
        again = "Make a new one with 'cxanim motion extract VIDEO -o MOTION.npz'."
        try:
            with zipfile.ZipFile(path) as archive:
                if sum(entry.file_size for entry in archive.infolist()) > _MOST_BYTES:
                    raise BadPuppet(f"The motion {path.name} is larger than {_MOST_BYTES >> 20} MB.", again)
            with np.load(path, allow_pickle=False) as file:
                header = json.loads(bytes(file["header"]))
                if header.get("format") != FORMAT:
                    raise BadPuppet(
                        f"The motion {path.name} has format {header.get('format')!r}; this program reads {FORMAT}.",
                        again,
                    )
                parts = {name: file[name] for name in _SHAPES if name in file}
                relaxed = file[_RELAXED] if _RELAXED in file else None
            return cls._checked(header, parts, relaxed)
        except BadPuppet:
            raise
        except _DAMAGE as error:
            raise BadPuppet(f"{path.name} is not a readable motion file.", again) from error

    @classmethod
    def _checked(cls, header: dict, parts: dict[str, np.ndarray], relaxed: np.ndarray | None) -> "Motion":
        fps, neutral = float(header["fps"]), int(header["neutral"])
        lengths = {len(track) for track in parts.values()}
        if "face" not in parts or len(lengths) != 1 or not 0 < fps <= 240:
            raise ValueError("parts or rate are missing")
        (length,) = lengths
        if not 0 <= neutral < length <= _MOST_FRAMES:
            raise ValueError("wrong number of frames")
        for name, track in parts.items():
            if track.shape[1:] != _SHAPES[name] or track.dtype != np.float32:
                raise ValueError(f"{name} has a wrong shape")
            if np.isinf(track).any():
                raise ValueError(f"{name} has a point at infinity")
        if relaxed is not None and (relaxed.shape != _SHAPES["face"] or not np.isfinite(relaxed).all()):
            raise ValueError("the relaxed face has a wrong shape")
        about = {str(key): str(value) for key, value in dict(header.get("about", {})).items()}
        return cls(fps, parts, neutral, about, None if relaxed is None else relaxed.astype(np.float32))


def _seen(points: np.ndarray) -> np.ndarray | None:
    return None if np.isnan(points).any() else points
