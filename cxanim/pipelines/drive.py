"""Drives a puppet: with a video, a recorded motion or an authored preset, into a video."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path

import cv2
import numpy as np

from cxanim.errors import CannotWrite, CxanimError
from cxanim.images import from_over_white
from cxanim.motion.presets import PRESETS
from cxanim.motion.recording import Motion
from cxanim.motion.retarget import Gains, Retargeting
from cxanim.pipelines.clip import DETECTION_SIDE_PX, observe_clip
from cxanim.pipelines.machine import Machine
from cxanim.pipelines.puppet import Puppet
from cxanim.pipelines.render import Renderer
from cxanim.pipelines.watch import Watch
from cxanim.settings import setting
from cxanim.video import ensure_video_writable, keeps_alpha, open_video, open_video_writer

MOTION_SUFFIX = ".npz"
PRESET_FPS = 30.0


@dataclass(frozen=True)
class DriveSettings(Gains):
    """How a driver moves a puppet."""

    smoothing: float = setting(0.5, "how calm the motion is made; 0 keeps every tremble", low=0, high=4, step=0.1)
    moving_background: bool = setting(False, "let the background follow the head instead of standing still")
    loops: int = setting(1, "how often a preset is repeated", low=1, high=20, step=1)

    @property
    def gains(self) -> Gains:
        """The gains alone."""
        return Gains(self.head, self.brows, self.eyes, self.gaze, self.mouth)


@dataclass(frozen=True)
class Rendered:
    """A video that was made.

    Attributes:
        path: the file.
        frames, fps, width_px, height_px: what is in it.
        seconds: how long rendering and encoding took, without the search for faces.
        notes: what a person should know.
    """

    path: Path
    frames: int
    fps: float
    width_px: int
    height_px: int
    seconds: float
    notes: tuple[str, ...] = field(default=())

    def to_dict(self) -> dict[str, object]:
        """As JSON shows it."""
        facts = asdict(self) | {"path": str(self.path), "notes": list(self.notes)}
        facts["frames_per_second_rendered"] = round(self.frames / max(self.seconds, 1e-9), 1)
        facts["seconds"] = round(self.seconds, 3)
        return facts


@dataclass(frozen=True)
class Drive:
    """A driver, ready: the target's face for every frame.

    Attributes:
        faces: the target's faces (478, 3), in order.
        frames: how many they are.
        fps: their rate.
        video: the driver's video, whose sound and pictures may be wanted; None for presets and motion files.
        notes: what a person should know.
    """

    faces: Iterator[np.ndarray]
    frames: int
    fps: float
    video: Path | None = None
    notes: tuple[str, ...] = ()


def drive(
    puppet: Puppet,
    driver: str | Path,
    output: Path,
    settings: DriveSettings | None = None,
    machine: Machine | None = None,
    watch: Watch | None = None,
    *,
    beside: Path | None = None,
) -> Rendered:
    """Make a video of `puppet` moving as `driver` does.

    Args:
        puppet: who moves.
        driver: name of a preset, a motion file (.npz), or a video whose sound is kept.
        output: .mp4, .webm or .gif.
        settings: gains, smoothing and what is shown.
        machine: where to compute.
        watch: who is told, and may stop it; nothing is left behind then.
        beside: a second video to write, which shows the driver on the left of the result.

    Raises:
        NoFace, UnreadableVideo, TooLarge, BadPuppet, CannotWrite, Cancelled.
    """
    settings, machine, watch = settings or DriveSettings(), machine or Machine(), watch or Watch()
    device = machine.prepare()
    ensure_videos_writable(output, beside)
    ready = prepare_drive(driver, puppet.neutral_face, settings, watch)
    renderer = Renderer(puppet, device, moving_background=settings.moving_background)
    with_alpha = puppet.cut_out and keeps_alpha(output)
    return render_video(
        ready,
        renderer.show_with_alpha if with_alpha else renderer.show,
        puppet.size_px,
        puppet.size_px,
        output,
        watch,
        beside=beside,
        still=puppet.references[puppet.neutral].picture,
        with_alpha=with_alpha,
    )


def ensure_videos_writable(output: Path, beside: Path | None) -> None:
    """Find out before the work whether the videos can be written.

    Raises:
        CannotWrite: a place that cannot be written, or one place for both.
    """
    if beside is not None and os.path.realpath(beside) == os.path.realpath(output):
        raise CannotWrite(f"{Path(output).name} is asked for twice, as both videos.", "Give the second another name.")
    for video in filter(None, (output, beside)):
        ensure_video_writable(video)


def prepare_drive(driver: str | Path, neutral: np.ndarray, settings: DriveSettings, watch: Watch) -> Drive:
    """Find out what the target's face (neutral: (478, 3)) does in every frame."""
    if str(driver) in PRESETS:
        preset = PRESETS[str(driver)]
        frames = round(preset.duration_s * PRESET_FPS)

        def loop() -> Iterator[np.ndarray]:
            for _ in range(settings.loops):
                yield from preset.faces(neutral, PRESET_FPS, settings.gains)

        return Drive(loop(), frames * settings.loops, PRESET_FPS)
    path = Path(driver)
    if not os.path.exists(path):  # unlike Path's, False also for a name that no disk would take
        raise CxanimError(
            f"There is no motion {str(driver)!r}: it is neither a file nor a preset.",
            f"Presets are {', '.join(PRESETS)}; anything else must be a video or a motion file.",
        )
    video: Path | None = None
    notes: tuple[str, ...] = ()
    if path.suffix.lower() == MOTION_SUFFIX:
        motion = Motion.load(path)
        _need_faces(motion, path)
    else:
        clip = observe_clip(path, watch, stage="Following the driver")
        motion, video, notes = clip.motion, path, clip.notes
    calm = motion.calmed(settings.smoothing)
    faces = calm.parts["face"]
    retargeting = Retargeting(faces[motion.neutral], neutral, settings.gains)
    return Drive((retargeting.face(face) for face in faces), len(faces), motion.fps, video, tuple(notes))


def render_video(
    ready: Drive,
    show: Callable[[np.ndarray], np.ndarray],
    width_px: int,
    height_px: int,
    output: Path,
    watch: Watch,
    *,
    beside: Path | None = None,
    still: np.ndarray | None = None,
    with_alpha: bool = False,
) -> Rendered:
    """Show every face of a drive and write the pictures to a video.

    Args:
        ready: the faces.
        show: makes the picture (height_px, width_px, 3) of a face.
        output: the video.
        watch: who is told, and may stop it.
        beside: a second video of the same frames, each with the driver's on its left.
        still: picture that stands for the driver's frames where the driver is no video.
        with_alpha: whether `show` gives (height_px, width_px, 4), colours before a white wall and alpha, and the video
            is to be transparent; the one beside never is.
    """
    start_s = time.monotonic()
    frames = 0
    with ExitStack() as stack:
        writer = stack.enter_context(
            open_video_writer(output, width_px, height_px, ready.fps, audio_from=ready.video, with_alpha=with_alpha)
        )
        left, both = None, None
        if beside is not None:
            left = stack.enter_context(_Left(ready, still, height_px))
            both = stack.enter_context(
                open_video_writer(beside, left.width_px + width_px, height_px, ready.fps, audio_from=ready.video)
            )
        for face in watch.each(ready.faces, "Rendering", ready.frames):
            picture = show(face)
            writer.write(from_over_white(picture[..., :3], picture[..., 3]) if with_alpha else picture)
            if left is not None and both is not None:
                both.write(np.hstack([left.next(), picture[..., :3]]))
            frames += 1
        for one in filter(None, (writer, both)):
            one.finish()  # neither appears before both are whole
    seconds = time.monotonic() - start_s
    return Rendered(Path(output), frames, ready.fps, width_px, height_px, seconds, ready.notes)


class _Left:
    """The picture on the left of a side-by-side video: the driver's frame, or a still."""

    def __init__(self, ready: Drive, still: np.ndarray | None, height_px: int):
        self._video = open_video(ready.video, max_side_px=DETECTION_SIDE_PX) if ready.video is not None else None
        self._height_px = height_px
        if self._video is not None:
            self.width_px = max(2, round(self._video.info.width_px * height_px / self._video.info.height_px))
        elif still is not None:
            self.width_px = max(2, round(still.shape[1] * height_px / still.shape[0]))
        else:
            self.width_px = height_px
        self._last = np.zeros((height_px, self.width_px, 3), np.uint8)
        if still is not None:
            self._last = self._fitted(still[..., :3])

    def next(self) -> np.ndarray:
        frame = next(self._video, None) if self._video is not None else None
        if frame is not None:
            self._last = self._fitted(frame)
        return self._last

    def __enter__(self) -> "_Left":
        return self

    def __exit__(self, *error: object) -> None:
        if self._video is not None:
            self._video.close()

    def _fitted(self, picture: np.ndarray) -> np.ndarray:
        shrink = picture.shape[0] > self._height_px
        interpolation = cv2.INTER_AREA if shrink else cv2.INTER_LINEAR
        return cv2.resize(picture, (self.width_px, self._height_px), interpolation=interpolation)


def _need_faces(motion: Motion, path: Path) -> None:
    if all(face is None for face in motion.faces) or motion[motion.neutral].face is None:
        raise CxanimError(f"The motion {path.name} has no face in it.", "Extract one from a clip that shows a face.")
