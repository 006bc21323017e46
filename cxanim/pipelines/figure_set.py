"""What a puppet of a whole figure learns from: frames of its clip, and beside each what the warp alone would show."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from cxanim.motion.body_build import Build
from cxanim.motion.camera_hold import Anchor, brought, farthest_px
from cxanim.motion.crop import Crop
from cxanim.motion.layout import draw_layout
from cxanim.motion.matte import apart_from, background_plate, composite, decided, figure_stencil, joined, without_rim
from cxanim.motion.pose import Pose
from cxanim.motion.segment import FigureSegmenter, person_matte
from cxanim.motion.skeleton import SEEN, SHOULDER, joints_of, posed_joints
from cxanim.pipelines.bank import farthest_points, rarity
from cxanim.pipelines.clip import cut_frames
from cxanim.pipelines.figure_bank import calm_poses, stance
from cxanim.pipelines.figure_clip import ClipFigures, observe_figures
from cxanim.pipelines.figure_puppet import FigurePuppet, FigureReference
from cxanim.pipelines.figure_render import FigureRenderer
from cxanim.pipelines.habits import too_near
from cxanim.pipelines.plate import is_seen_behind, plate_of
from cxanim.pipelines.puppet_parts import as_stored
from cxanim.pipelines.training_set import TrainingSet, most_frames
from cxanim.pipelines.watch import Watch

_WARPS = 3  # of each frame: from the references that suit best, and from those left without the best one, or two
# Thickness of the bones beyond which a person is somebody else, and within which it surely is the figure, in lengths of
# the trunk: a segmentation may lose a limb that is as what is behind it. And how much of a head surely is one.
_ROUND, _SURELY, _SURE_HEAD = 0.9, 0.12, 0.2
_ITS_OWN = 0.6  # of what surely is a figure lies in a matte that is its own and not a bystander's
_SMOOTHING, _GAP_S = 0.5, 0.2
_FULL, _BURNT = 246, 0.05  # grey levels from which on colour is lost; of a figure's colours, beyond what is usual
_AWAY = 0.6  # thickness of the bones beyond which nothing is the figure's, in lengths of the trunk
_KNOWN, _TOLD_PX = (
    0.95,
    1.0,
)  # share of frames whose view must be known; a camera that trembles less is not worth a word


def figure_training_set(
    clips: Sequence[Path], size_px: int, references: int, until: float, watch: Watch
) -> TrainingSet[FigurePuppet]:
    """Make a training set from clips of one figure, whose camera stands.

    Args:
        clips: the files.
        size_px: side of the pictures.
        references: how many frames the puppet keeps.
        until: share of each clip's seconds that is looked at.

    Raises:
        NoFigure, UnreadableVideo, TooLarge, Cancelled.
    """
    share = max(1, most_frames(size_px) // len(clips))
    pictures: list[np.ndarray] = []
    poses: list[Pose] = []
    times_s: list[float] = []
    seen: list[ClipFigures] = []
    notes: list[str] = []
    for number, path in enumerate(clips):
        clip = observe_figures(path, watch, most_frames=share, until=until)
        seen.append(clip)
        notes += clip.notes
        if clip.missing:
            notes.append(f"No figure in {clip.missing} of {len(clip.motion)} frames of {clip.path.name}: left out.")
        filmed = _frames(clip, size_px, watch)
        lit = _lit([picture for picture, _, _ in filmed], [pose for _, pose, _ in filmed])
        if len(lit) < len(filmed):
            count = len(filmed) - len(lit)
            notes.append(f"The figure is burnt out in {count} of {len(filmed)} frames of {clip.path.name}: left out.")
        pictures += [filmed[index][0] for index in lit]
        poses += [filmed[index][1] for index in lit]
        times_s += [number * 1e6 + filmed[index][2] for index in lit]
    went_px = _hold(pictures, poses, watch)
    if went_px > _TOLD_PX:
        notes.append(f"The camera trembles, up to {went_px:.0f} px of {size_px}: its frames are brought to one view.")
    truth = np.stack(pictures)
    puppet, chosen, moves = _bank(truth, poses, references)
    if moves:
        notes.append("The camera moves: the puppet stands before the background of one frame.")
        _set_before(puppet, truth, poses, watch)
    crops = [[*map(round, (c.crop.x_px, c.crop.y_px, c.crop.side_px)), c.width_px, c.height_px] for c in seen]
    about = {"kind": "clip", "sources": [Path(path).name for path in clips], "crops": crops, "until": until}
    puppet = replace(puppet, frame=frame_of(seen[0].crop, seen[0].width_px, seen[0].height_px, size_px), about=about)
    times = np.array(times_s)
    warped = _warped(puppet, poses, np.abs(times[:, None] - times[chosen]), watch)
    bodies = [pose.need_body() for pose in poses]
    stacked = np.stack(bodies)
    kept = np.stack([reference.body for reference in puppet.references])
    return TrainingSet(
        puppet,
        truth,
        warped,
        np.stack([draw_layout(pose, size_px) for pose in poses]),
        np.empty((len(poses), 0, 3), np.float32),
        np.stack([body_box(body) for body in bodies]),
        rarity(np.stack([stance(body, puppet.build.trunk) for body in bodies])),
        hashlib.sha256(truth.tobytes() + stacked.tobytes() + kept.tobytes()).hexdigest()[:16],
        notes=tuple(notes),
        poses=tuple(poses),
    )


def _frames(clip: ClipFigures, size_px: int, watch: Watch) -> list[tuple[np.ndarray, Pose, float]]:
    """The frames of a clip that show its figure: picture, the pose in it, and when, in seconds."""
    last = len(clip.motion) * clip.stride
    calm = clip.motion.calmed(_SMOOTHING, longest_gap_s=_GAP_S)
    pictures = cut_frames(clip.path, clip.crop, size_px, stride=clip.stride, last=last)
    pictures = watch.each(pictures, "Reading frames", len(clip.motion))
    return [
        (picture, clip.crop.from_frame(pose, clip.width_px, clip.height_px), number / clip.motion.fps)
        for number, (picture, pose) in enumerate(zip(pictures, calm, strict=False))
        if pose.body is not None
    ]


def background_of(pose: Pose, size_px: int) -> np.ndarray:
    """(S, S) bool, what of a picture surely does not belong to the figure in it."""
    body = pose.need_body()
    trunk = Build.of(*joints_of(body[None])).trunk
    trunk = trunk if np.isfinite(trunk) else 0.3
    return figure_stencil(posed_joints(body, trunk), size_px, _AWAY * trunk) == 0


def body_box(body: np.ndarray, grow: float = 0.1) -> np.ndarray:
    """The box (x0, y0, x1, y1) round what is seen of a body (33, 4), grown by a share of its larger side, in [0, 1]."""
    seen = body[body[:, 3] >= SEEN, :2] if (body[:, 3] >= SEEN).sum() > 1 else body[:, :2]
    low, high = seen.min(0), seen.max(0)
    more = grow * (high - low).max()
    return np.clip(np.concatenate([low - more, high + more]), 0, 1)


def frame_of(crop: Crop, width_px: int, height_px: int, size_px: int) -> tuple[int, int, int, int]:
    """What of a window's square picture lies in the frame: left, top, right, bottom in px, of even sides."""
    scale = size_px / crop.side_px
    starts = [max(0, round(-start * scale)) for start in (crop.x_px, crop.y_px)]
    ends = [
        min(size_px, round((length - start) * scale))
        for start, length in ((crop.x_px, width_px), (crop.y_px, height_px))
    ]
    (left, top), (right, bottom) = starts, ends
    return left, top, right - (right - left) % 2, bottom - (bottom - top) % 2


def _lit(pictures: Sequence[np.ndarray], poses: Sequence[Pose]) -> list[int]:
    """Numbers of the frames of a clip that show the figure in its usual light, or less: not where a lamp burns it out.

    What colour is lost there comes back in no other light.
    """
    bodies = np.stack([pose.need_body() for pose in poses])
    trunk = Build.of(*joints_of(bodies)).trunk
    burnt = np.zeros(len(pictures))
    for number, (picture, body) in enumerate(zip(pictures, bodies, strict=True)):
        figure = figure_stencil(posed_joints(body, trunk), len(picture), _SURELY * trunk, _SURE_HEAD)
        if figure.any():  # a body that was seen wrongly may lie outside
            burnt[number] = (picture[figure > 0] >= _FULL).mean()
    return np.flatnonzero(burnt <= np.median(burnt) + _BURNT).tolist()


def _hold(pictures: list[np.ndarray], poses: list[Pose], watch: Watch) -> float:
    """Bring frames and poses to the view of the middle one, in place; return how far the camera went, in pixels.

    Where only some of them show enough of the same place they all stay as they are: that camera moves.
    """
    size = len(pictures[0])
    away = [~background_of(pose, size) for pose in poses]
    middle = len(pictures) // 2
    anchor = Anchor(pictures[middle], away[middle])
    ways = [
        anchor.way_from(picture, person)
        for picture, person in zip(watch.each(pictures, "Steadying", len(pictures)), away, strict=True)
    ]
    known = [way for way in ways if way is not None]
    if len(known) < _KNOWN * len(ways):
        return 0.0
    for number, way in enumerate(ways):
        pictures[number], poses[number] = brought(pictures[number], poses[number], way)
    return float(np.quantile([farthest_px(way, size) for way in known], 0.95))


def _bank(truth: np.ndarray, poses: Sequence[Pose], count: int) -> tuple[FigurePuppet, list[int], bool]:
    """The references among the frames, before their background; their numbers; and whether that moves."""
    bodies = [pose.need_body() for pose in poses]
    trunk = Build.of(*joints_of(np.stack(bodies))).trunk
    stances = np.stack([stance(body, trunk) for body in bodies])
    neutral = _at_rest(np.stack(bodies), stances)
    calm = calm_poses(bodies) if len(bodies) > 2 else np.ones(len(bodies), bool)
    calm[neutral] = True
    numbers = np.flatnonzero(calm)
    first = int(np.searchsorted(numbers, neutral))
    chosen = numbers[farthest_points(stances[numbers], count, first)].tolist()
    with FigureSegmenter() as segmenter:
        persons = np.stack([_person(truth[number], bodies[number], trunk, segmenter) for number in chosen])
    plate, moves = plate_of(truth[chosen], persons)
    behind = None if plate is None or moves else (plate, is_seen_behind(persons))
    mattes = [
        _matte(truth[number], person, bodies[number], trunk, behind)
        for number, person in zip(chosen, persons, strict=True)
    ]
    if plate is None:
        plate = as_stored(background_plate(truth[neutral], mattes[0].astype(np.float32) / 255))
    kept = tuple(
        FigureReference(as_stored(truth[number]), matte, poses[number])
        for number, matte in zip(chosen, mattes, strict=True)
    )
    whole = (0, 0, truth.shape[1], truth.shape[1])
    return FigurePuppet(truth.shape[1], kept, 0, plate, whole), chosen, moves


def _at_rest(bodies: np.ndarray, stances: np.ndarray) -> int:
    """Number of the body of (T, 33, 4) that stands most as the figure mostly does, seen well and facing the camera."""
    far = np.linalg.norm(stances - np.median(stances, axis=0), axis=1)
    facing = bodies[:, SHOULDER, 0] - bodies[:, SHOULDER + 1, 0]
    aside = 1 - facing / max(float(np.abs(facing).max()), 1e-6)
    return int(np.argmin(far / max(float(np.median(far)), 1e-6) + aside + 2 * (1 - bodies[:, 11:, 3].mean(1))))


def _person(picture: np.ndarray, body: np.ndarray, trunk: float, segmenter: FigureSegmenter) -> np.ndarray:
    """How much of each pixel (S, S) is the figure with a body; where the segmenter sees another, or none, anybody."""
    matte = segmenter.matte(picture)
    if matte is not None:
        surely = figure_stencil(posed_joints(body, trunk), len(picture), _SURELY * trunk, _SURE_HEAD) > 0
        if surely.any() and (matte[surely] > 0.5).mean() > _ITS_OWN:
            return matte
    return person_matte(picture)


def _matte(
    picture: np.ndarray,
    person: np.ndarray,
    body: np.ndarray,
    trunk: float,
    behind: tuple[np.ndarray, np.ndarray] | None = None,
) -> np.ndarray:
    """Where the figure with a body is, (S, S) uint8, without others who stand about.

    Args:
        person: (S, S) how much of each pixel is a person.
        behind: (S, S, 3) what is behind it, and (S, S) bool where that is known: what shows just that is not it.
    """
    joints, size = posed_joints(body, trunk), len(picture)
    near = figure_stencil(joints, size, _ROUND * trunk)
    surely = figure_stencil(joints, size, _SURELY * trunk, _SURE_HEAD)
    softly = cv2.GaussianBlur(surely, (0, 0), max(1.0, size / 256)).astype(np.float32) / 255
    found = np.where(near > 0, decided(person), np.float32(0))
    if behind is None:
        matte = joined(np.maximum(found, softly), found, surely)
    else:
        plate, is_known = behind
        seen = found * np.where(is_known, apart_from(picture, plate), 1)
        # The rim last: of what is surely the figure, a thin arm is all rim.
        matte = np.maximum(without_rim(joined(np.maximum(seen, softly), found, surely)), 0.5 * softly)
    return np.round(matte * 255).astype(np.uint8)


def _set_before(puppet: FigurePuppet, truth: np.ndarray, poses: Sequence[Pose], watch: Watch) -> None:
    """Set the figure of every frame before a background that stands still: where the camera goes no pose tells."""
    frames = watch.each(truth, "Looking for the person", len(truth))
    with FigureSegmenter() as segmenter:
        for picture, pose in zip(frames, poses, strict=True):
            body, trunk = pose.need_body(), puppet.build.trunk
            person = _person(picture, body, trunk, segmenter)
            picture[:] = composite(picture, _matte(picture, person, body, trunk), puppet.plate)


def _warped(puppet: FigurePuppet, poses: Sequence[Pose], apart_s: np.ndarray, watch: Watch) -> np.ndarray:
    """What the warp shows for every frame, from the nearest references that are not the frame itself, (T, K, S, S, 4).

    Args:
        apart_s: (T, N) how far each reference lies from each frame in time.
    """
    renderer = FigureRenderer(puppet)
    count = min(_WARPS, len(puppet.references))
    warped = np.empty((len(poses), count, puppet.size_px, puppet.size_px, 4), np.uint8)
    for index, pose in enumerate(watch.each(poses, "Bending references", len(poses))):
        left_out = too_near(apart_s[index], count)
        for place in range(count):
            shares = renderer.retrieval.shares(pose.need_body(), left_out)
            warped[index, place] = renderer.warped(pose.need_body(), shares)
            if (~left_out).sum() > 1:
                left_out[next(iter(shares))] = True
    return warped
