"""What a puppet learns from: frames of its target, and beside each what the warp alone would show.

General idea: each frame's condition is made from a reference that was *not* taken near it, as it will be when the
puppet is driven with frames that nobody has seen; otherwise the network would learn to copy. It is made more than once,
from other references, since with one it would learn by heart what to do with that one.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic

import numpy as np

from cxanim.motion.crop import Crop
from cxanim.motion.layout import draw_layout
from cxanim.motion.matte import composite, face_stencil
from cxanim.motion.pose import Pose, face_box
from cxanim.motion.retarget import most_neutral
from cxanim.motion.segment import person_matte
from cxanim.pipelines.bank import calm_frames, farthest_points, rarity
from cxanim.pipelines.clip import ClipFaces, clip_crop, cut_frames, film, observe_clip
from cxanim.pipelines.figure_puppet import P
from cxanim.pipelines.habits import body_follows, likeness, too_near
from cxanim.pipelines.likeness import appearance
from cxanim.pipelines.plate import plate_of
from cxanim.pipelines.puppet import Puppet, Reference
from cxanim.pipelines.puppet_parts import as_stored
from cxanim.pipelines.render import Renderer
from cxanim.pipelines.watch import Watch

_MEMORY_BYTES = 1 << 30
_WARPS = 3  # of each frame: from the references that suit best, and from those left without the best one, or two
_TAKES, _SHORTEST_TAKE = 4, 8


@dataclass(frozen=True)
class Take:
    """A stretch of the film as it was filmed, from which it is told how still its target is.

    Attributes:
        pictures: (N, S, S, 3) uint8 frames, one after the other.
        faces: (N, 478, 3) where the face is in each.
    """

    pictures: np.ndarray
    faces: np.ndarray


@dataclass(frozen=True)
class TrainingSet(Generic[P]):
    """Everything that is learnt from, as arrays in memory.

    Attributes:
        puppet: the puppet before training: its references, plate and geometry.
        truth: (T, S, S, 3) uint8 what the puppet should show.
        warped: (T, K, S, S, 4) uint8 what the warp shows, from K choices of references, and where it may be
            refined.
        layout: (T, S, S, 3) uint8 layout maps.
        faces: (T, 478, 3) where the face is in each; of a figure there are none, (T, 0, 3).
        boxes: (T, 4) what a step mostly looks at in each, x0, y0, x1, y1, normalised.
        chances: (T,) how often each is drawn, summing to 1.
        fingerprint: says whether a training may be resumed on this set.
        takes: stretches of the clips; none of a photo.
        notes: what a person should know.
        poses: of a figure, the pose in each.
    """

    puppet: P
    truth: np.ndarray
    warped: np.ndarray
    layout: np.ndarray
    faces: np.ndarray
    boxes: np.ndarray
    chances: np.ndarray
    fingerprint: str
    takes: tuple[Take, ...] = ()
    notes: tuple[str, ...] = ()
    poses: tuple[Pose, ...] = ()

    def __len__(self) -> int:
        return len(self.truth)


def most_frames(size_px: int) -> int:
    """How many frames of a side are learnt from at most, so that memory stays bounded however long the clips are."""
    return max(60, min(1200, _MEMORY_BYTES // ((2 * 3 + _WARPS * 4) * size_px * size_px)))


def clip_training_set(
    clips: Sequence[Path], size_px: int, references: int, until: float, watch: Watch
) -> TrainingSet[Puppet]:
    """Make a training set from clips of one target.

    Args:
        clips: the files.
        size_px: side of the pictures.
        references: how many frames the puppet keeps.
        until: share of each clip's seconds that is looked at.

    Raises:
        NoFace, UnreadableVideo, TooLarge, Cancelled.
    """
    share = max(1, most_frames(size_px) // len(clips))
    pictures, faces, times_s, follows, notes = [], [], [], [], []
    looked_at = []
    crop_facts, held_edges = [], []
    for number, path in enumerate(clips):
        clip = observe_clip(path, watch, most_frames=share, until=until)
        crop = clip_crop(clip)
        looked_at.append((clip, crop))
        crop_facts.append([crop.x_px, crop.y_px, crop.side_px, clip.width_px, clip.height_px])
        held_edges.append(crop.held_edges(clip.width_px, clip.height_px))
        calm = clip.motion.calmed(longest_gap_s=0.2)
        last = len(clip.motion) * clip.stride
        frames = cut_frames(path, crop, size_px, stride=clip.stride, last=last)
        before = -2
        for index, picture in enumerate(watch.each(frames, "Reading frames", len(clip.motion))):
            pose = calm[index] if index < len(calm) else Pose()
            if pose.face is None:
                continue
            follows.append(index == before + 1)
            before = index
            placed = crop.from_frame(pose, clip.width_px, clip.height_px).need_face()
            pictures.append(picture)
            faces.append(placed)
            times_s.append(number * 1e6 + index / clip.motion.fps)
        notes += list(clip.notes)
    truth = np.stack(pictures)
    if any(clip.stride > 1 for clip, _ in looked_at):
        takes = _filmed_takes(looked_at, size_px, watch)
    else:
        takes = _takes(truth, faces, follows)
    puppet, chosen, moves = _bank(truth, faces, references)
    if moves and puppet.plate is not None:
        notes.append("The background is not the same throughout: the puppet stands before that of one frame.")
        _set_before(puppet.plate, truth, faces, watch)
    about = {"kind": "clip", "sources": [Path(path).name for path in clips], "crops": crop_facts, "until": until}
    puppet = replace(puppet, held_edges=held_edges[0], about=about)
    times = np.array(times_s)
    apart_s = np.abs(times[:, None] - times[chosen])
    puppet = replace(puppet, body_follows=body_follows(puppet, truth, faces, apart_s, watch))
    puppet = replace(puppet, likeness=likeness(puppet, truth, faces, apart_s, watch))
    warped = _warped(puppet, faces, apart_s, watch)
    return as_training_set(puppet, truth, warped, faces, takes, notes)


def as_training_set(
    puppet: Puppet,
    truth: np.ndarray,
    warped: np.ndarray,
    faces: Sequence[np.ndarray],
    takes: Sequence[Take],
    notes: Sequence[str],
    boxes: Sequence[tuple[float, float, float, float]] | None = None,
) -> TrainingSet[Puppet]:
    """What is shown, what should be shown, and the faces, with all that follows from them; a step looks at the faces
    unless `boxes` say at what."""
    boxes = [face_box(face, grow=0.3) for face in faces] if boxes is None else boxes
    layout = np.stack([draw_layout(Pose(face=face), puppet.size_px) for face in faces])
    stacked = np.stack(faces)
    kept = np.stack([reference.face for reference in puppet.references])
    digest = hashlib.sha256(truth.tobytes() + stacked.tobytes() + kept.tobytes()).hexdigest()[:16]
    chances = rarity(np.stack([appearance(face, puppet.neutral_face) for face in faces]))
    return TrainingSet(
        puppet, truth, warped, layout, stacked, np.array(boxes), chances, digest, tuple(takes), tuple(notes)
    )


def _takes(truth: np.ndarray, faces: Sequence[np.ndarray], follows: Sequence[bool]) -> list[Take]:
    """Some stretches of the film, spread over it; no frame of it was left out."""
    length = _take_length(truth.shape[1])
    begun = np.flatnonzero(~np.array(follows))
    runs = [range(start, end) for start, end in zip(begun, [*begun[1:], len(truth)], strict=True)]
    pieces = [run[at : at + length] for run in runs for at in range(0, len(run), length)]
    pieces = [piece for piece in pieces if len(piece) >= min(length, _SHORTEST_TAKE)]
    some = sorted({int(number) for number in np.linspace(0, len(pieces) - 1, _TAKES)}) if pieces else []
    chosen = [slice(pieces[number].start, pieces[number].stop) for number in some]
    return [Take(truth[piece].copy(), np.stack(faces[piece])) for piece in chosen]


def _filmed_takes(clips: Sequence[tuple[ClipFaces, Crop]], size_px: int, watch: Watch) -> list[Take]:
    """Some stretches of clips that are learnt from in part only, read once more as they were filmed.

    With frames left out, what is between two that are kept would be taken for what moves from one to the next.
    """
    length = _take_length(size_px)
    chosen = [clips[int(number)] for number in np.linspace(0, len(clips) - 1, _TAKES)]
    pictures, faces, follows = [], [], []
    for place, (clip, crop) in enumerate(watch.each(chosen, "Watching stretches", _TAKES)):
        rest_s = max(0.0, len(clip.motion) / clip.motion.fps - length / (clip.motion.fps * clip.stride))
        last = None
        for picture, face in film(clip, crop, size_px, rest_s * place / (_TAKES - 1), length):
            if face is not None:
                pictures.append(picture)
                faces.append(face)
                follows.append(last is not None)
            last = face
    return _takes(np.stack(pictures), faces, follows) if pictures else []


def _take_length(size_px: int) -> int:
    """How many frames a stretch has: fewer the larger they are."""
    return min(50, max(16, 50 * 256**2 // size_px**2))


def _bank(truth: np.ndarray, faces: Sequence[np.ndarray], count: int) -> tuple[Puppet, list[int], bool]:
    """The references among the frames, the neutral one first, before their background; and whether that moves."""
    neutral = most_neutral(faces)
    vectors = np.stack([appearance(face, faces[neutral]) for face in faces])
    calm = calm_frames(faces)
    calm[neutral] = True
    numbers = np.flatnonzero(calm)
    first = int(np.searchsorted(numbers, neutral))
    chosen = numbers[farthest_points(vectors[numbers], count, first)].tolist()
    mattes = [person_matte(truth[number]) for number in chosen]
    plate, moves = plate_of(truth[chosen], np.stack(mattes))
    references = tuple(
        Reference(
            as_stored(truth[number]),
            faces[number],
            np.round(matte * 255).astype(np.uint8) if plate is not None else None,
        )
        for number, matte in zip(chosen, mattes, strict=True)
    )
    return Puppet(truth.shape[1], references, neutral=0, plate=plate), chosen, moves


def _set_before(plate: np.ndarray, truth: np.ndarray, faces: Sequence[np.ndarray], watch: Watch) -> None:
    """Set the person of every frame before a background that stands still: where the camera goes no face tells."""
    frames = watch.each(truth, "Looking for the person", len(truth))
    for picture, face in zip(frames, faces, strict=True):
        matte = np.maximum(person_matte(picture), face_stencil(face, len(plate)))
        picture[:] = composite(picture, np.round(matte * 255).astype(np.uint8), plate)


def _warped(puppet: Puppet, faces: Sequence[np.ndarray], apart_s: np.ndarray, watch: Watch) -> np.ndarray:
    """What the warp shows for every frame, from the nearest references that are not the frame itself.

    Args:
        apart_s: (T, N) how far each reference lies from each frame in time.
    """
    renderer = Renderer(puppet)
    count = min(_WARPS, len(puppet.references))
    warped = np.empty((len(faces), count, puppet.size_px, puppet.size_px, 4), np.uint8)
    for index, face in enumerate(watch.each(faces, "Aligning references", len(faces))):
        left_out = too_near(apart_s[index], count)
        for place in range(count):
            shares = renderer.retrieval.shares(face, left_out)
            warped[index, place] = renderer.warped(face, shares)
            if (~left_out).sum() > 1:
                left_out[next(iter(shares))] = True
    return warped
