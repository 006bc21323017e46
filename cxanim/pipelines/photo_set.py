"""What a photo puppet learns from: the photo posed, and a driver's frames where they show what the photo lacks.

General idea: the layered warp is right about everything that the photo shows, and makes up what it does not: the inside
of an opened mouth. There a driver's frame is the better teacher. It is brought into the wanted face along the mesh, so
that its lips lie on the photo's lips, its colours are matched to the photo's round the mouth, and only what lies
between the lips is grafted in: nothing of the driver's skin, make-up or light is ever seen by the loss.

Differs from the paper (single-image animation: CX to the target + CX to the source, whole driver frames): the source
of CX_s is the posed photo with the driver's mouth grafted in, since CX to whole driver frames brings their colours and
features into the target's face.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from cxanim.motion import landmarks as lm
from cxanim.motion.expression import Expression, ExpressionBasis
from cxanim.motion.face_map import FaceMap
from cxanim.motion.inlay import Inlay, lay, masked_window, stencil
from cxanim.motion.ratios import mouth_gap
from cxanim.motion.retarget import Retargeting, perform
from cxanim.pipelines.bank import farthest_points
from cxanim.pipelines.clip import DETECTION_SIDE_PX, clip_crop, observe_clip
from cxanim.pipelines.drive_settings import DriverSettings
from cxanim.pipelines.likeness import appearance
from cxanim.pipelines.puppet import Puppet
from cxanim.pipelines.render import Renderer
from cxanim.pipelines.training_set import TrainingSet, as_training_set
from cxanim.pipelines.watch import Watch
from cxanim.video import open_video

_POSES, _LESSONS = 160, 96
_TAUGHT_SHARE = 0.75  # of the steps
_OPEN = 0.03  # gap of the lips, in eye distances, from which there is an inside to see
_MOST_GAIN = 2.0  # by which the driver's light may differ from the photo's

_LEAST_REACH = 0.01  # hues of the lips nearer than this to that of the skin tell nothing


@dataclass(frozen=True)
class Lessons:
    """Some frames of a driver, as unlike one another as can be.

    Attributes:
        pictures: (N, S, S, 3) uint8 the window round its face.
        faces: (N, 478, 3) its face in each.
        wanted: (N, 478, 3) the photo's face that does the same.
    """

    pictures: np.ndarray
    faces: np.ndarray
    wanted: np.ndarray


def driver_lessons(
    driver: Path, puppet: Puppet, watch: Watch, part: DriverSettings | None = None, count: int = _LESSONS
) -> Lessons:
    """Choose frames of a video from which a photo puppet can learn.

    Args:
        driver: the video.
        puppet: the photo's.
        watch: who is told.
        part: which part of the video, and which of its faces.
        count: at most so many frames.

    Raises:
        NoFace, UnreadableVideo, TooLarge, BadSetting, Cancelled.
    """
    part = part or DriverSettings()
    seen = observe_clip(
        driver, watch, start_s=part.start_s, end_s=part.end_s, face_number=part.driver_face,
        stage="Looking at the driver",
    )  # fmt: skip
    crop = clip_crop(seen)
    faces = [crop.from_frame(pose, seen.width_px, seen.height_px).need_face() for pose in seen.motion.calmed()]
    neutral = faces[seen.motion.neutral]
    numbers = [number for number, face in enumerate(seen.motion.faces) if face is not None]
    vectors = np.stack([appearance(faces[number], neutral) for number in numbers])
    chosen = {numbers[place] for place in farthest_points(vectors, count)}
    retargeting = Retargeting(neutral, puppet.neutral_face)
    pictures, own, wanted = [], [], []
    with open_video(driver, None, part.start_s, part.end_s, DETECTION_SIDE_PX) as video:
        for number, frame in enumerate(watch.each(video, "Reading frames", len(faces))):
            if number in chosen:
                pictures.append(crop.cut(frame, puppet.size_px))
                own.append(faces[number])
                wanted.append(retargeting.face(faces[number]))
    return Lessons(np.stack(pictures), np.stack(own), np.stack(wanted))


def photo_training_set(
    puppet: Puppet, watch: Watch, count: int = _POSES, seed: int = 0, lessons: Lessons | None = None
) -> TrainingSet[Puppet]:
    """Make a training set from a photo puppet.

    Args:
        puppet: the photo's.
        watch: who is told.
        count: sampled expressions and turns of the head. Where there are lessons half of them, with the mouth as in
            the photo, since a driver shows it better.
        seed: of the sampling.
        lessons: frames of a driver, which show what the photo does not.

    Raises:
        Cancelled.
    """
    random, neutral = np.random.default_rng(seed), puppet.neutral_face
    basis = ExpressionBasis(neutral)
    count = count if lessons is None else count // 2
    faces = [perform(basis.performance(_sampled(random, mouth=lessons is None)), neutral) for _ in range(count)]
    faces[0] = neutral
    show = Renderer(puppet.instant()).warp(0).show_with_reach
    warped = [show(face) for face in watch.each(faces, "Posing the photo", count)]
    truth = [shown[..., :3].copy() for shown in warped]
    if lessons is None:
        return as_training_set(puppet, np.stack(truth), np.stack(warped)[:, None], faces, (), ())
    for number, face in enumerate(watch.each(lessons.wanted, "Following the driver", len(lessons.wanted))):
        warped.append(show(face))
        truth.append(grafted(warped[-1][..., :3], face, lessons.pictures[number], lessons.faces[number]))
        faces.append(face)
    boxes = [_mouth_box(face) for face in faces]
    data = as_training_set(puppet, np.stack(truth), np.stack(warped)[:, None], faces, (), (), boxes)
    taught = np.array([(right != shown[..., :3]).any() for right, shown in zip(truth, warped, strict=True)])
    return replace(data, chances=_shared(data.chances, taught))


def _shared(chances: np.ndarray, taught: np.ndarray) -> np.ndarray:
    """Chances (T,) of which most fall to the frames (T,) bool that teach something, the others keeping the rest."""
    if not taught.any() or taught.all():
        return chances
    share = np.where(taught, _TAUGHT_SHARE / chances[taught].sum(), (1 - _TAUGHT_SHARE) / chances[~taught].sum())
    return chances * share


def _mouth_box(face: np.ndarray) -> tuple[float, float, float, float]:
    """The mouth and as much again round it: all that a driver teaches."""
    lips = face[list(lm.OUTER_LIPS), :2]
    middle, reach = (lips.min(0) + lips.max(0)) / 2, np.ptp(lips, axis=0).max()
    return (*(middle - reach), *(middle + reach))


def grafted(shown: np.ndarray, face: np.ndarray, picture: np.ndarray, driver_face: np.ndarray) -> np.ndarray:
    """A posed photo (S, S, 3) with what is between the driver's lips between its own.

    Args:
        shown: the photo as the warp poses it.
        face: (478, 3) the face that it shows.
        picture: (S, S, 3) the driver's frame.
        driver_face: (478, 3) the face in it.
    """
    truth = shown.copy()
    size = len(truth)
    gap, driver_gap = mouth_gap(face), mouth_gap(driver_face)
    # A driver whose lips are closed has no inside to show.
    share = np.clip(gap / _OPEN - 1, 0, 1) * np.clip((driver_gap / max(gap, 1e-6) - 0.5) / 0.3, 0, 1)
    if share == 0:
        return truth
    layer = FaceMap(driver_face, size).at(face)
    found = masked_window(face[list(lm.INNER_LIPS), :2] * size, size)
    if layer is None or found is None:
        return truth
    theirs = cv2.remap(picture, layer.look_px, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    theirs = theirs.astype(np.float32)
    height, width = layer.cover.shape
    ours = truth[layer.y0_px : layer.y0_px + height, layer.x0_px : layer.x0_px + width].astype(np.float32)
    corner = np.array([layer.x0_px, layer.y0_px])
    matched = _in_light_of(theirs, ours, *_round_the_mouth((height, width), face[:, :2] * size - corner))
    x0, y0, mask = found
    part = np.s_[
        y0 - layer.y0_px : y0 - layer.y0_px + mask.shape[0], x0 - layer.x0_px : x0 - layer.x0_px + mask.shape[1]
    ]
    if matched[part].shape[:2] == mask.shape:
        lay(truth, [Inlay(x0, y0, matched[part], mask * np.float32(share))])
    return truth


def _round_the_mouth(shape: tuple[int, int], points_px: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(h, w) bool, the skin next to the lips, and the lips themselves."""
    outer = stencil(shape, points_px[list(lm.OUTER_LIPS)])
    reach = max(3, int(0.3 * np.ptp(points_px[list(lm.OUTER_LIPS), 0])) | 1)
    round_it = cv2.dilate(outer, np.ones((reach, reach), np.uint8)) > cv2.dilate(outer, np.ones((3, 3), np.uint8))
    return round_it, (outer > 0) & (stencil(shape, points_px[list(lm.INNER_LIPS)]) == 0)


def _in_light_of(theirs: np.ndarray, ours: np.ndarray, skin: np.ndarray, lips: np.ndarray) -> np.ndarray:
    """A picture as it would be in the light of the other: what is black stays black, nothing outshines the skin."""
    if not skin.any():
        return theirs
    gain = np.clip(ours[skin].mean(0) / np.maximum(theirs[skin].mean(0), 1.0), 1 / _MOST_GAIN, _MOST_GAIN)
    matched = _as_colourful_as(theirs * gain, ours, skin, lips)
    return np.minimum(matched, np.quantile(ours[skin], 0.95, axis=0))


def _as_colourful_as(theirs: np.ndarray, ours: np.ndarray, skin: np.ndarray, lips: np.ndarray) -> np.ndarray:
    """A picture in whose skin's light and hue is the other's, its other hues as far from that as lips are there.

    So a tongue is grey in an etching and brown in a brown painting.
    """
    if not lips.any():
        return theirs
    hue = ours[skin].mean(0) / max(float(ours[skin].mean()), 1.0)

    def away(picture: np.ndarray) -> np.ndarray:
        return picture - picture.mean(-1, keepdims=True) * hue

    their_reach, our_reach = (
        float(np.abs(away(picture[lips])).mean() / max(float(picture[lips].mean()), 1.0)) for picture in (theirs, ours)
    )
    share = min(1.0, our_reach / their_reach) if their_reach > _LEAST_REACH else 1.0
    return theirs - (1 - share) * away(theirs)


def _sampled(random: np.random.Generator, *, mouth: bool) -> Expression:
    """A random but plausible position of all sliders; of the mouth's as well, or not."""

    def sometimes(chance: float, low: float, high: float) -> float:
        return float(random.uniform(low, high)) if random.random() < chance else 0.0

    blink = sometimes(0.35, 0.2, 1.0)
    brow = sometimes(0.4, -0.6, 1.0)
    return Expression.clamped(
        yaw_deg=random.normal(0, 7),
        pitch_deg=random.normal(0, 5),
        roll_deg=random.normal(0, 4),
        right=random.normal(0, 0.05),
        down=random.normal(0, 0.05),
        jaw=sometimes(0.6, 0.05, 0.9) if mouth else 0.0,
        smile=sometimes(0.5, -0.4, 1.0) if mouth else 0.0,
        pucker=sometimes(0.3, 0.1, 0.8) if mouth else 0.0,
        brow_left=brow,
        brow_right=brow,
        frown=sometimes(0.2, 0.1, 0.8),
        blink_left=blink if random.random() < 0.9 else 0.0,
        blink_right=blink,
        gaze_right=random.uniform(-0.8, 0.8),
        gaze_down=random.uniform(-0.6, 0.6),
    )
