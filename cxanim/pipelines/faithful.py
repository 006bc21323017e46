"""Scores how a photo follows a driver: does each part of the face do what the driver's does, and is it still the photo?

General idea: nobody has seen this photo move, so there is no truth to compare its frames with. What the result does is
measured again on its own pictures, and set beside what the driver did, reading by reading; who it is, how sharp it is
and how still its background stands is set beside the photo.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from cxanim.errors import CxanimError
from cxanim.losses import FeatureNetwork
from cxanim.motion.crop import Crop
from cxanim.motion.detect import Detector, find_faces
from cxanim.motion.ratios import eye_closure
from cxanim.motion.readings import READINGS, read_face
from cxanim.motion.retarget import Retargeting
from cxanim.motion.segment import person_matte
from cxanim.pipelines import metrics
from cxanim.pipelines.animate import QUALITY_MINUTES
from cxanim.pipelines.clip import DETECTION_SIDE_PX, clip_crop, observe_clip
from cxanim.pipelines.fit import fit_photo
from cxanim.pipelines.learn import FitSettings
from cxanim.pipelines.machine import Machine
from cxanim.pipelines.photo import observe_photo, photo_puppet
from cxanim.pipelines.photo_set import driver_lessons
from cxanim.pipelines.placed_face import PlacedFace
from cxanim.pipelines.puppet import Puppet
from cxanim.pipelines.puppet_parts import SIZES_PX
from cxanim.pipelines.render import Renderer
from cxanim.pipelines.scoring import ScoreSettings
from cxanim.pipelines.watch import Watch
from cxanim.settings import setting
from cxanim.video import open_video

_SHUT = 0.8  # closure from which an eye of the driver counts as closed
# In degrees, and in ratios: what the driver moves less tells nothing of whether it is followed.
_LEAST_SWING = dict.fromkeys(("yaw", "pitch", "roll"), 2.0)
_LEAST_RATIO_SWING = 0.01
_LEAST_SHUT = 2  # eyes in frames: a single one may be a slip of the detector
_PORTRAITS, _SELDOM = 8, 5  # what changes little is measured on some frames


@dataclass(frozen=True)
class FaithfulSettings(ScoreSettings):
    """How a photo that follows a driver is scored."""

    quality: str = setting("instant", "quality of the photo's puppet, as for animate", choices=tuple(QUALITY_MINUTES))
    size: int = setting(512, "side of the puppet's pictures", choices=SIZES_PX[1:], unit="px")


def evaluate_photo(
    photo: Path,
    driver: Path,
    settings: FaithfulSettings | None = None,
    machine: Machine | None = None,
    watch: Watch | None = None,
    *,
    placed: PlacedFace | None = None,
) -> dict[str, Any]:
    """Score how `photo` follows the video `driver`.

    Args:
        placed: where a person has placed the face; found if None.

    Returns:
        What `PhotoExam.score` does, and device, threads, size, quality, features.

    Raises:
        UnreadableImage, NoFace, UnreadableVideo, TooLarge, Cancelled.
    """
    settings, machine, watch = settings or FaithfulSettings(), machine or Machine(), watch or Watch()
    device = machine.prepare()
    eyes = settings.eyes()
    seen = observe_photo(Path(photo), placed)
    watch.notes += seen.notes
    puppet = photo_puppet(seen, settings.size, Path(photo).name)
    minutes = QUALITY_MINUTES[settings.quality]
    if minutes:
        how = FitSettings(minutes=minutes, size=settings.size)
        puppet = fit_photo(puppet, how, machine, watch, lessons=driver_lessons(Path(driver), puppet, watch))
    followed = Followed.read(Path(driver), settings.frames, watch)
    watch.notes += followed.notes
    scores = PhotoExam(puppet, eyes, watch).score(followed, Renderer(puppet, device).show)
    return scores | {
        "device": device.type,
        "threads": machine.thread_count,
        "size": settings.size,
        "quality": settings.quality,
        "features": eyes.name,
    }


@dataclass(frozen=True)
class Followed:
    """A driver, looked at once, for any number of photos that follow it.

    Attributes:
        faces: (T, 478, 3) where it was found in the frames that are scored, in order.
        calm: (T, 478, 3) the same, as they drive.
        neutral: (478, 3) its relaxed face, as it drives.
        numbers: which frames of the video these are.
        crop: the window round its face, in the pixels of the frames that were looked at.
        portraits: aligned pictures of some frames (see `metrics.aligned`), by which it is told from the photo.
        trembling: how much its aligned face changes unevenly from frame to frame, in shares of its contrast.
        notes: what a person should know.
    """

    faces: np.ndarray
    calm: np.ndarray
    neutral: np.ndarray
    numbers: tuple[int, ...]
    crop: Crop
    portraits: tuple[np.ndarray, ...]
    trembling: float
    notes: tuple[str, ...] = ()

    @classmethod
    def read(cls, driver: Path, frames: int, watch: Watch) -> "Followed":
        """Look at a video.

        Raises:
            NoFace, UnreadableVideo, TooLarge, Cancelled; CxanimError where next to nothing is left to score.
        """
        seen = observe_clip(driver, watch, stage="Following the driver")
        calm = seen.motion.calmed(0.5).parts["face"]
        numbers = [number for number, face in enumerate(seen.motion.faces) if face is not None]
        chosen = [numbers[place] for place in _evenly(len(numbers), frames)]
        if len(chosen) < 3:
            raise CxanimError(f"{driver.name} shows a face too briefly to follow.", "Use a longer clip.")
        trembling, portraits = metrics.Trembling(), []
        kept = {chosen[place] for place in _evenly(len(chosen), _PORTRAITS)}
        with open_video(driver, max_side_px=DETECTION_SIDE_PX) as video:
            whole = Crop.whole(seen.width_px, seen.height_px)
            for number, frame in enumerate(video):
                if number in chosen:
                    portrait = metrics.aligned(whole.cut(frame, round(whole.side_px)), calm[number])
                    trembling.add(portrait)
                    if number in kept:
                        portraits.append(portrait)
        faces = np.stack([face for face in seen.motion.faces if face is not None])
        at = [numbers.index(number) for number in chosen]
        neutral = calm[seen.motion.neutral]
        crop, pictures = clip_crop(seen), tuple(portraits)
        return cls(faces[at], calm[chosen], neutral, tuple(chosen), crop, pictures, trembling.mean, seen.notes)


class PhotoExam:
    """What is known of a photo, beside which its puppet's pictures are set.

    Args:
        puppet: the photo's puppet.
        eyes: feature network that tells who is who.
        watch: who is told.
    """

    def __init__(self, puppet: Puppet, eyes: FeatureNetwork, watch: Watch):
        self._puppet, self._eyes, self._watch = puppet, eyes, watch
        reference = puppet.references[puppet.neutral]
        self._picture = reference.picture
        found = find_faces(self._picture, most=1)
        self._face = found[0] if found else reference.face  # as it will be measured on the results
        self._portrait = metrics.aligned(self._picture, reference.face)
        person = (person_matte(self._picture) > 0.1).astype(np.uint8)
        reach = max(3, self._picture.shape[0] // 16) | 1
        self._person = cv2.dilate(person, np.ones((reach, reach), np.uint8)).astype(bool)

    def score(self, driver: Followed, show: Callable[[np.ndarray], np.ndarray]) -> dict[str, Any]:
        """Let the photo follow a driver and score its pictures.

        Returns:
            frames; miss_rate: share of the pictures in which no face is found; correlation and gain: of each reading
            (see `read_face`) of the result over the driver's, None where the driver does not move it; closed: how
            shut the eyes are while the driver's are, over the driver's own; identity_distance: of the result's face
            to the photo's, over that of the driver's face to the photo's; contextual_distance: the same by the
            Contextual loss; sharpness_ratio: variance of the Laplacian on the face, over the photo's; background_drift:
            px; flicker_ratio: uneven change of the face from frame to frame, over the driver's; ms_per_frame: to show
            one.
        """
        neutral = self._puppet.neutral_face
        retargeting = Retargeting(driver.neutral, neutral)
        asked, told, shut = [], [], []
        distances, sharpness, drifts = [], [], []
        trembling, missed, seconds = metrics.Trembling(), 0, 0.0
        with Detector() as detector:
            frames = list(zip(driver.faces, driver.calm, strict=True))
            for number, (face, calm) in enumerate(self._watch.each(frames, "Scoring the photo", len(frames))):
                wanted = retargeting.face(calm)
                start_s = time.perf_counter()
                picture = show(wanted)
                seconds += time.perf_counter() - start_s
                portrait = metrics.aligned(picture, wanted)
                trembling.add(portrait)
                sharpness.append(metrics.sharpness(picture, wanted))
                if number % _SELDOM == 0:
                    distances.append(self._distances(portrait))
                    drifts.append(self._drift_px(picture))
                found = detector.detect(picture).face
                if found is None:
                    missed += 1
                    continue
                asked.append(read_face(face))
                told.append(read_face(found))
                shut.append((eye_closure(face, driver.neutral), eye_closure(found, self._face)))
        apart = [self._distances(portrait) for portrait in driver.portraits]
        identity, contextual = np.mean(distances, axis=0) / np.mean(apart, axis=0)
        return {
            "frames": len(frames),
            "miss_rate": round(missed / len(frames), 4),
            "correlation": {name: _correlation(name, asked, told) for name in READINGS},
            "gain": {name: _gain(name, asked, told) for name in READINGS},
            "closed": _closed(shut),
            "identity_distance": round(float(identity), 4),
            "contextual_distance": round(float(contextual), 4),
            "sharpness_ratio": round(float(np.mean(sharpness) / metrics.sharpness(self._picture, neutral)), 4),
            "background_drift": round(float(np.mean(drifts)), 4),
            "flicker_ratio": round(trembling.mean / max(driver.trembling, 1e-9), 4),
            "ms_per_frame": round(1000 * seconds / len(frames), 2),
        }

    def _distances(self, portrait: np.ndarray) -> tuple[float, float]:
        """How far an aligned face is from the photo's, by the features in their places and by their set."""
        return (
            metrics.vgg_dist(portrait, self._portrait, self._eyes),
            metrics.contextual_dist(portrait, self._portrait, self._eyes),
        )

    def _drift_px(self, picture: np.ndarray) -> float:
        person = cv2.dilate((person_matte(picture) > 0.1).astype(np.uint8), np.ones((9, 9), np.uint8)).astype(bool)
        return metrics.drift_px(picture, self._picture, self._person | person)


def _correlation(name: str, asked: list[dict[str, float]], told: list[dict[str, float]]) -> float | None:
    x, y = _series(name, asked, told)
    if len(x) < 3 or np.std(x) < _LEAST_SWING.get(name, _LEAST_RATIO_SWING):
        return None
    return round(float(np.corrcoef(x, y)[0, 1]), 4) if np.std(y) > 0 else 0.0


def _gain(name: str, asked: list[dict[str, float]], told: list[dict[str, float]]) -> float | None:
    """Slope of the line through what is told over what is asked."""
    x, y = _series(name, asked, told)
    if len(x) < 3 or np.std(x) < _LEAST_SWING.get(name, _LEAST_RATIO_SWING):
        return None
    return round(float(np.cov(x, y)[0, 1] / np.var(x, ddof=1)), 4)


def _series(name: str, asked: list[dict[str, float]], told: list[dict[str, float]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([reading[name] for reading in asked]), np.array([reading[name] for reading in told])


def _closed(shut: list[tuple[np.ndarray, np.ndarray]]) -> float | None:
    """Closure of the result's eyes over the driver's, where the driver's are shut."""
    pairs = [(theirs, ours) for driver, result in shut for theirs, ours in zip(driver, result, strict=True)]
    closed = [(theirs, ours) for theirs, ours in pairs if theirs >= _SHUT]
    if len(closed) < _LEAST_SHUT:
        return None
    theirs, ours = np.mean(closed, axis=0)
    return round(float(ours / theirs), 4)


def _evenly(count: int, most: int) -> list[int]:
    """Numbers of at most `most` of `count` things, evenly spread."""
    return sorted({int(place) for place in np.linspace(0, count - 1, min(count, most))})
