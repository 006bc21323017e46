"""From what drives to the target's face in every frame: a video, a motion file, a preset, or a still picture.

Motion files are of two kinds: recorded ones (.npz) and keyframed ones (.json), as the presets are.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np

from cxanim.errors import BadSetting, CxanimError, NoFace
from cxanim.images import count_pictures, over_white, read_image
from cxanim.motion.bvh_poses import BVH_SUFFIX
from cxanim.motion.detect import find_faces
from cxanim.motion.expression import Expression, ExpressionBasis
from cxanim.motion.keyframes import KEYFRAMES_SUFFIX, KeyframedMotion
from cxanim.motion.pose import face_box
from cxanim.motion.presets import PRESETS
from cxanim.motion.recording import Motion
from cxanim.motion.retarget import Performance, Retargeting, perform, still
from cxanim.motion.smooth import faded_into_its_beginning
from cxanim.motion.still_expression import still_driver
from cxanim.pipelines.clip import DETECTION_SIDE_PX, observe_clip
from cxanim.pipelines.drive_settings import DriveSettings, check_times
from cxanim.pipelines.follower import Follower
from cxanim.pipelines.watch import Watch
from cxanim.video import open_video, probe_video

MOTION_SUFFIX = ".npz"
AUTHORED_FPS = 30.0
_EASE_S, _HOLD_S, _REST_S = 0.7, 1.6, 0.2  # of the loop that shows the expression of a still picture
_FADE_S = 0.5
_LEAD_IN_S = 1.0  # of a loop: a second on, averaging over time has forgotten where it began
_SETTLE_S = 0.3  # a detector that tracks takes some frames to come to rest


@dataclass(frozen=True)
class Drive:
    """A driver, ready: the target's face, or what its figure does, for every frame.

    Attributes:
        faces: the target's faces (478, 3), in order; of a figure its joints (35, 3) or its poses.
        frames: how many they are.
        fps: their rate.
        video: the driver's video, whose sound and pictures may be wanted; None where the driver is no video.
        picture: (H, W, 3) uint8, the still picture that drives; None where the driver is none.
        start_s: when the first frame is seen in that video.
        lead_in: in a loop, the faces that come before the first of them; they are not shown.
        peak: the target's face with the whole expression of a still picture; None where the driver is none.
        notes: what a person should know.
    """

    faces: Iterator[Any]
    frames: int
    fps: float
    video: Path | None = None
    picture: np.ndarray | None = None
    start_s: float = 0.0
    lead_in: Sequence[np.ndarray] = ()
    peak: np.ndarray | None = None
    notes: tuple[str, ...] = ()


def is_still(driver: str | Path) -> bool:
    """Whether a driver is a picture that does not move."""
    return str(driver) not in PRESETS and count_pictures(driver) == 1


def prepare_drive(
    driver: str | Path,
    neutral: np.ndarray,
    settings: DriveSettings,
    watch: Watch,
    neutral_picture: Path | None = None,
) -> Drive:
    """Find out what the target's face (478, 3) does in every frame: `prepare_drives` for one."""
    return prepare_drives(driver, [neutral], settings, watch, neutral_picture)[0]


def prepare_drives(
    driver: str | Path,
    neutrals: Sequence[np.ndarray],
    settings: DriveSettings,
    watch: Watch,
    neutral_picture: Path | None = None,
) -> list[Drive]:
    """Find out what the faces of several targets do in every frame; the driver is looked at once.

    Args:
        driver: name of a preset, or a video, a motion file, or a still picture.
        neutrals: (478, 3) each target's relaxed face.
        settings: how much of the driver arrives, and what of it is used.
        watch: who is told.
        neutral_picture: a picture of the relaxed face of whom a still picture shows.

    Raises:
        NoFace, UnreadableImage, UnreadableVideo, TooLarge, BadPuppet, Cancelled.
        BadSetting: a part, a face or a time that the driver does not have.
    """
    path = Path(driver)
    if neutral_picture is not None and not is_still(driver):
        raise BadSetting(
            "A picture of the relaxed face belongs to a still picture that drives.",
            "Say when the face of a video or a motion is relaxed with neutral_s.",
        )
    if str(driver) in PRESETS:
        return [_authored(PRESETS[str(driver)], f"The motion {driver}", neutral, settings) for neutral in neutrals]
    if not os.path.exists(path):  # unlike Path's, False also for a name that no disk would take
        raise CxanimError(
            f"There is no motion {str(driver)!r}: it is neither a file nor a preset.",
            f"Presets are {', '.join(PRESETS)}; anything else must be a video, a picture or a motion file.",
        )
    if is_still(path):
        return [_still(path, neutral, settings, neutral_picture) for neutral in neutrals]
    if path.suffix.lower() == BVH_SUFFIX:
        raise CxanimError(
            f"{path.name} moves a body, and this puppet is a face.", "Animate a photo of a whole figure with it."
        )
    if path.suffix.lower() == KEYFRAMES_SUFFIX:
        motion = KeyframedMotion.load(path)
        return [_authored(motion, f"The motion {path.name}", neutral, settings) for neutral in neutrals]
    if path.suffix.lower() == MOTION_SUFFIX:
        ready, own_neutral = _recorded(path, settings)
    else:
        ready, own_neutral = _filmed(path, settings, watch)
    own = list(ready.faces)

    def followed_by(neutral: np.ndarray) -> Drive:
        retargeting = _retargeting(own_neutral, neutral, settings)
        followed = replace(ready, faces=(retargeting.face(face) for face in own))
        return _seamless(followed) if settings.seamless else followed

    return [followed_by(neutral) for neutral in neutrals]


def _retargeting(own_neutral: np.ndarray, neutral: np.ndarray, settings: DriveSettings) -> Retargeting:
    added = _added(neutral, settings)
    return Retargeting(own_neutral, neutral, settings.gains, absolute=settings.absolute, added=added)


def _added(neutral: np.ndarray, settings: DriveSettings) -> Performance | None:
    """What the target does besides."""
    return None if settings.added == Expression() else ExpressionBasis(neutral).performance(settings.added)


def _authored(motion: KeyframedMotion, what: str, neutral: np.ndarray, settings: DriveSettings) -> Drive:
    faces = list(motion.faces(neutral, AUTHORED_FPS, settings.gains, _added(neutral, settings)))
    without = ["driver_face", "neutral_s", "absolute"]
    ready = _loop(faces, settings)
    if motion.closes:
        without.append("seamless")
    else:
        ready = replace(ready, lead_in=())
    ready = _part(replace(ready, notes=_without_effect(what, settings, *without)), settings, what[0].lower() + what[1:])
    return _seamless(ready) if settings.seamless and not motion.closes else ready


def _still(path: Path, neutral: np.ndarray, settings: DriveSettings, neutral_picture: Path | None) -> Drive:
    """The target eases from its own relaxed face into the expression of a picture, and back."""
    picture, face, notes = _face_of_picture(path, settings.driver_face)
    own_neutral = None if neutral_picture is None else _face_of_picture(neutral_picture, 0)[1]
    own_neutral, face = still_driver(face, own_neutral, neutral if settings.absolute else None)
    peak = _retargeting(own_neutral, neutral, settings).face(face)
    rest = perform(still(), neutral, added=_added(neutral, settings))
    frames = round((2 * _EASE_S + _HOLD_S + _REST_S) * AUTHORED_FPS)

    times_s = np.arange(frames) / AUTHORED_FPS
    shares = np.clip(np.minimum(times_s, 2 * _EASE_S + _HOLD_S - times_s) / _EASE_S, 0, 1)
    faces = [(rest + share**2 * (3 - 2 * share) * (peak - rest)).astype(np.float32) for share in shares]
    notes += _without_effect(f"The still picture {path.name}", settings, "neutral_s", "seamless")
    return _part(
        replace(_loop(faces, settings), picture=picture, peak=peak, notes=notes), settings, f"the loop of {path.name}"
    )


def _loop(faces: list[np.ndarray], settings: DriveSettings) -> Drive:
    """Faces whose last goes over into the first, as often as they are wanted."""
    rounds = (face for _ in range(settings.loops) for face in faces)
    lead_in = faces[-round(_LEAD_IN_S * AUTHORED_FPS) :]
    return Drive(rounds, len(faces) * settings.loops, AUTHORED_FPS, lead_in=lead_in)


def _recorded(path: Path, settings: DriveSettings) -> tuple[Drive, np.ndarray]:
    """What a motion file holds, as the driver's faces, and the relaxed one."""
    motion = Motion.load(path)
    if all(face is None for face in motion.faces):
        raise CxanimError(f"The motion {path.name} has no face in it.", "Extract one from a clip that shows a face.")
    check_times(settings, len(motion) / motion.fps, path.name)
    faces = motion.calmed(settings.smoothing).parts["face"]
    notes = _without_effect(f"The motion {path.name}", settings, "driver_face")
    if motion.relaxed is not None and settings.neutral_s is None:
        own_neutral = motion.relaxed
    else:
        relaxed_s = motion.neutral / motion.fps if settings.neutral_s is None else settings.neutral_s
        number = frame_at(relaxed_s, motion, relaxed_s, path.name)
        own_neutral, notes = faces[number], (relaxed_note(path.name, number / motion.fps), *notes)
    return _part(Drive(iter(faces), len(faces), motion.fps, notes=notes), settings, path.name), own_neutral


def _filmed(path: Path, settings: DriveSettings, watch: Watch) -> tuple[Drive, np.ndarray]:
    """What a video shows, as the driver's faces, and the relaxed one, which may lie outside the part that is used."""
    check_times(settings, probe_video(path).duration_s, path.name)
    clip = observe_clip(
        path,
        watch,
        start_s=settings.start_s,
        end_s=settings.end_s,
        face_number=settings.driver_face,
        stage="Following the driver",
    )
    motion = clip.motion
    faces = motion.calmed(settings.smoothing).parts["face"]
    relaxed_s = settings.start_s + motion.neutral / motion.fps if settings.neutral_s is None else settings.neutral_s
    if settings.start_s <= relaxed_s < settings.start_s + len(motion) / motion.fps:
        own_neutral = faces[frame_at(relaxed_s - settings.start_s, motion, relaxed_s, path.name)]
    else:
        own_neutral = _face_at(path, relaxed_s, settings.driver_face)
    notes = (*clip.notes, relaxed_note(path.name, relaxed_s))
    return Drive(iter(faces), len(faces), motion.fps, path, start_s=settings.start_s, notes=notes), own_neutral


def _part(ready: Drive, settings: DriveSettings, name: str) -> Drive:
    """The part of a drive that is used."""
    check_times(settings, ready.frames / ready.fps, name)
    first = min(round(settings.start_s * ready.fps), ready.frames - 1)
    last = ready.frames if settings.end_s is None else min(round(settings.end_s * ready.fps), ready.frames)
    last = max(last, first + 1)
    if last - first == ready.frames:
        return ready
    return replace(ready, faces=islice(ready.faces, first, last), frames=last - first, lead_in=())


def _seamless(ready: Drive) -> Drive:
    """The end passes into the beginning, which is left out where it was."""
    fade = min(round(_FADE_S * ready.fps), ready.frames // 3)
    lead_in = list(islice(ready.faces, fade))
    return replace(
        ready,
        faces=faded_into_its_beginning(chain(lead_in, ready.faces), ready.frames, fade),
        lead_in=lead_in,
        frames=ready.frames - fade,
        start_s=ready.start_s + fade / ready.fps,
    )


def frame_at(into_s: float, motion: Motion, time_s: float, name: str) -> int:
    """Number of the frame of a motion, so many seconds into it, that is to show the relaxed face.

    Args:
        into_s: seconds after the motion's first frame.
        motion: what was seen.
        time_s, name: the same moment, and of what, as a person knows it.

    Raises:
        NoFace: none is seen there.
        BadSetting: the motion does not reach there.
    """
    if not -0.5 / motion.fps <= into_s < len(motion) / motion.fps:
        raise BadSetting(f"neutral_s: got {time_s:g} s, which lies outside the part of {name} that is kept.")
    number = min(max(0, round(into_s * motion.fps)), len(motion) - 1)
    if motion[number].face is None:
        raise _no_face_at(time_s, name)
    return number


def _face_at(path: Path, time_s: float, face_number: int) -> np.ndarray:
    """The face (478, 3) in one frame of a video."""
    start_s = max(0.0, time_s - _SETTLE_S)
    part = open_video(path, None, start_s, time_s + 1, DETECTION_SIDE_PX)
    with part as video, Follower("face", face_number) as follower:
        for number, frame in enumerate(video):
            face = follower.next(frame).face
            if number >= round((time_s - start_s) * video.info.fps):
                break
    if face is None:
        raise _no_face_at(time_s, path.name)
    return face


def _no_face_at(time_s: float, name: str) -> NoFace:
    return NoFace(
        f"{name} shows no face at {time_s:g} s, where it is to be relaxed.",
        "Name another time, or none: then one is chosen.",
    )


def _face_of_picture(path: Path, number: int) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """A picture, its largest face (478, 3) or the one of a number from left to right, and what is to be said."""
    image = read_image(path)
    picture = image.rgb if image.alpha is None else over_white(image.rgb, image.alpha)
    faces = find_faces(picture, everyone=number > 0)
    if not faces:
        raise NoFace(f"No face was found in {path.name}.", "Use a picture whose face looks roughly towards the camera.")
    if number > len(faces):
        raise BadSetting(f"driver_face: got {number}, but {path.name} shows {len(faces)}.")
    face = sorted(faces, key=lambda face: face_box(face)[0])[number - 1] if number else faces[0]
    which = f"number {number} from the left" if number else "the largest"
    notes = (f"{path.name} shows {len(faces)} faces: {which} is used.",) if len(faces) > 1 else ()
    return picture, face, notes


def relaxed_note(name: str, time_s: float) -> str:
    """Say which moment was taken."""
    return f"The face of {name} at {time_s:.2f} s is taken as relaxed."


def _without_effect(what: str, settings: DriveSettings, *names: str) -> tuple[str, ...]:
    """Say which settings were made that this kind of driver has no use for."""
    made = [name for name in names if getattr(settings, name) != getattr(DriveSettings(), name)]
    return (f"{what} has no use for {', '.join(made)}.",) if made else ()
