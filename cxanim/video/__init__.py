"""Videos in and out.

- `probe`: what a video is, before it is decoded.
- `read`: its frames, one after the other, at a constant rate.
- `write`: frames to mp4, webm or gif, through MoviePy.
- `sound`: the driver's sound under them.

MoviePy and ffmpeg are loaded when the first video is opened, not before.
"""

from cxanim.video.probe import VideoInfo, probe_video
from cxanim.video.read import VideoReader, open_video
from cxanim.video.write import VideoWriter, ensure_video_writable, keeps_alpha, open_video_writer

__all__ = [
    "VideoInfo",
    "VideoReader",
    "VideoWriter",
    "ensure_video_writable",
    "keeps_alpha",
    "open_video",
    "open_video_writer",
    "probe_video",
]
