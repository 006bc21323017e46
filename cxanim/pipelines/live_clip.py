"""A clip in the camera's place: its frames come as a camera's would, and what the puppet shows becomes a video.

Nothing is computed in advance, and frames are left out as they are before a camera when the machine does not keep up.
"""

import time
from pathlib import Path

from cxanim.errors import CannotWrite
from cxanim.images import is_picture_name
from cxanim.pipelines.clip import DETECTION_SIDE_PX
from cxanim.pipelines.figure_puppet import AnyPuppet, load_puppet
from cxanim.pipelines.live import LiveSettings
from cxanim.pipelines.live_figure import live_before
from cxanim.pipelines.live_loop import CameraFrame, LiveLoop
from cxanim.pipelines.live_screen import LiveRun, Screen
from cxanim.pipelines.machine import Machine
from cxanim.pipelines.photo import observe_photo, photo_puppet
from cxanim.pipelines.puppet_parts import PUPPET_SUFFIX
from cxanim.pipelines.watch import Watch
from cxanim.video import ensure_video_writable, open_video, open_video_writer


def live_target(target: Path, size_px: int) -> AnyPuppet:
    """The puppet of a file: a .puppet as it is, a photo as an instant one.

    Raises:
        BadPuppet, UnreadableImage, TooLarge, NoFace.
    """
    if target.suffix.lower() == PUPPET_SUFFIX:
        return load_puppet(target)
    return photo_puppet(observe_photo(target), size_px, target.name)


def live_from_clip(
    puppet: AnyPuppet,
    clip: Path,
    output: Path,
    settings: LiveSettings | None = None,
    machine: Machine | None = None,
    watch: Watch | None = None,
) -> LiveRun:
    """Let a puppet follow a clip as if a camera filmed it now, and write what is shown, with the clip's sound.

    Args:
        puppet: who moves.
        clip: what the camera sees; it takes as long as the clip is.
        output: .mp4, .webm or .gif, at the clip's rate: where a frame is left out the one before stays.
        settings: how the person moves the puppet.
        machine: where to compute.
        watch: who is told, and may stop it; nothing is left behind then.

    Raises:
        UnreadableVideo, TooLarge, CannotWrite, Cancelled.
    """
    machine, watch = machine or Machine(), watch or Watch()
    if is_picture_name(output):
        raise CannotWrite(f"{Path(output).name} would be a picture.", "Name a video: .mp4, .webm or .gif.")
    ensure_video_writable(output)
    screen = Screen(puppet.still)
    with open_video(clip, max_side_px=DETECTION_SIDE_PX) as video:
        live = live_before(puppet, settings, machine.prepare(), video.info.fps)
        live.prepare()
        loop = LiveLoop(live, screen.deliver, screen.fail)
        size_px, fps = puppet.size_px, video.info.fps
        try:
            with open_video_writer(output, size_px, size_px, fps, clip) as writer:
                began_s = time.monotonic()
                for number, frame in enumerate(watch.each(video, "Live", video.info.frames_estimate)):
                    time.sleep(max(0.0, began_s + number / fps - time.monotonic()))
                    loop.offer(CameraFrame(number, time.monotonic(), frame))
                    writer.write(screen.picture(size_px))
                screen.wait_for(number + 1)
        finally:
            loop.close()
    return screen.account(Path(output), number + 1, fps)
