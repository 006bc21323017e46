"""A camera's frames as the page sends them, and the puppet's pictures as they go back.

Convention: a frame is a JPEG, or what the camera gave: four letters ("I420" or "NV12"), width and height (uint16,
little-endian, even) and the planes, one after the other, which are read as BT.601. On one machine it costs
more to press a frame than to carry it.
"""

import struct

import cv2
import numpy as np

from cxanim.errors import UnreadableImage
from cxanim.images import decode_camera_jpeg, encode_jpeg

_MOST_PIXELS, _JPEG_QUALITY = 1280 * 960, 85
_PLAIN = {b"I420": cv2.COLOR_YUV2RGB_I420, b"NV12": cv2.COLOR_YUV2RGB_NV12}
_HEAD = struct.Struct("<4sHH")


def decoded(content: bytes) -> np.ndarray:
    """A frame's picture, (H, W, 3) uint8.

    Raises:
        UnreadableImage: damaged, or too many pixels.
    """
    how = _PLAIN.get(content[:4])
    if how is None:
        return decode_camera_jpeg(content, _MOST_PIXELS)
    _, width, height = _HEAD.unpack_from(content) if len(content) > _HEAD.size else (b"", 0, 0)
    is_allowed = 0 < width * height <= _MOST_PIXELS and width % 2 == height % 2 == 0
    if not is_allowed or len(content) != _HEAD.size + width * height * 3 // 2:
        raise UnreadableImage(f"A frame of {width} x {height} px came in {len(content)} bytes.", "Load the page again.")
    planes = np.frombuffer(content, np.uint8, offset=_HEAD.size).reshape(height * 3 // 2, width)
    return cv2.cvtColor(planes, how)


def encoded(picture: np.ndarray) -> bytes:
    """A picture (S, S, 3) uint8 as a JPEG."""
    return encode_jpeg(picture, _JPEG_QUALITY)
