"""From a drive to a file: every frame is shown, written, and on request set beside the driver's."""

import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from cxanim import images, video
from cxanim.errors import CannotWrite
from cxanim.pipelines.clip import DETECTION_SIDE_PX
from cxanim.pipelines.driver import Drive, is_still
from cxanim.pipelines.watch import Watch
from cxanim.video import VideoReader, ensure_video_writable, open_video, open_video_writer

_MOST_BESIDE_PX = 1080  # height of a side-by-side video, which is to be looked at, twice as wide as the result


@dataclass(frozen=True)
class Rendered:
    """A video that was made, or a picture: that is one frame.

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


def ensure_results_writable(output: Path, beside: Path | None, driver: str | Path) -> None:
    """Find out before the work whether the results can be written.

    Raises:
        CannotWrite: a place that cannot be written, one place for both, or a picture of what is a motion.
    """
    if beside is not None and os.path.realpath(beside) == os.path.realpath(output):
        raise CannotWrite(f"{Path(output).name} is asked for twice, as both videos.", "Give the second another name.")
    if images.is_picture_name(output):
        if not is_still(driver):
            problem = f"{Path(output).name} would be a picture, and {Path(driver).name} is a motion."
            raise CannotWrite(problem, "Name a video: .mp4, .webm or .gif. A picture is made by a still picture.")
        if beside is not None:
            raise CannotWrite("A picture has no second video.", "Name a video as the result, or leave the second away.")
        images.ensure_picture_writable(output)
        return
    for path in filter(None, (output, beside)):
        ensure_video_writable(path)


def keeps_alpha(output: Path) -> bool:
    """Whether a result with this ending can be transparent."""
    return images.keeps_alpha(output) or video.keeps_alpha(output)


def render_drive(
    ready: Drive,
    show: Callable[[Any], np.ndarray],
    width_px: int,
    height_px: int,
    output: Path,
    watch: Watch,
    *,
    beside: Path | None = None,
    still: np.ndarray | None = None,
    with_alpha: bool = False,
) -> Rendered:
    """Show every face of a drive and write the pictures to a video, or the picture of its peak to a picture.

    Args:
        ready: the faces.
        show: makes the picture (height_px, width_px, 3) of a face.
        output: the video or picture.
        watch: who is told, and may stop it.
        beside: a second video of the same frames, each with the driver's on its left.
        still: picture that stands for the driver's frames where the driver has none.
        with_alpha: whether `show` gives (height_px, width_px, 4), colours before a white wall and alpha, and the video
            is to be transparent; the one beside never is.
    """
    start_s = time.monotonic()
    frames = 0
    if images.is_picture_name(output):
        if ready.peak is None:
            raise ValueError(f"output: got {Path(output).name} for a motion, expected a video")
        picture = _straight(show(ready.peak)) if with_alpha else show(ready.peak)
        images.write_image(output, np.ascontiguousarray(picture[..., :3]), picture[..., 3] if with_alpha else None)
        seconds = time.monotonic() - start_s
        return Rendered(Path(output), 1, ready.fps, width_px, height_px, seconds, ready.notes)
    with ExitStack() as stack:
        writer = stack.enter_context(
            open_video_writer(output, width_px, height_px, ready.fps, ready.video, ready.start_s, with_alpha=with_alpha)
        )
        left, both = None, None
        if beside is not None:
            both_px = min(height_px, _MOST_BESIDE_PX)
            right_px = round(width_px * both_px / height_px)
            left = stack.enter_context(_Left(ready, still if ready.picture is None else ready.picture, both_px))
            both = stack.enter_context(
                open_video_writer(beside, left.width_px + right_px, both_px, ready.fps, ready.video, ready.start_s)
            )
        for face in ready.lead_in:
            show(face)  # pictures are averaged over time: the first is to be like the last
        for face in watch.each(ready.faces, "Rendering", ready.frames):
            picture = show(face)
            writer.write(_straight(picture) if with_alpha else picture)
            if left is not None and both is not None:
                right = picture[..., :3]
                if both_px < height_px:
                    right = cv2.resize(right, (right_px, both_px), interpolation=cv2.INTER_AREA)
                both.write(np.hstack([left.next(), right]))
            frames += 1
        for one in filter(None, (writer, both)):
            one.finish()  # neither appears before both are whole
    seconds = time.monotonic() - start_s
    return Rendered(Path(output), frames, ready.fps, width_px, height_px, seconds, ready.notes)


def _straight(picture: np.ndarray) -> np.ndarray:
    """A picture before a white wall and its alpha, (H, W, 4), with straight colours."""
    return images.from_over_white(picture[..., :3], picture[..., 3])


class _Left:
    """The picture on the left of a side-by-side video: the driver's frame, or a still."""

    def __init__(self, ready: Drive, still: np.ndarray | None, height_px: int):
        self._video: VideoReader | None = None
        if ready.video is not None:
            self._video = open_video(
                ready.video, None, ready.start_s, ready.start_s + ready.frames / ready.fps, DETECTION_SIDE_PX
            )
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
