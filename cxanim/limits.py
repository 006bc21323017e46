"""How large an input may be: bytes, pixels and seconds, each from one environment variable."""

import math
import os
from dataclasses import dataclass

from cxanim.errors import BadSetting


@dataclass(frozen=True)
class Limits:
    """Largest inputs that are accepted.

    Attributes:
        image_mb: size of a picture's file in MB (`CXANIM_MAX_IMAGE_MB`).
        megapixels: pixels of a picture, or of one frame of a video, in millions (`CXANIM_MAX_MEGAPIXELS`).
        video_mb: size of a video's file in MB (`CXANIM_MAX_VIDEO_MB`).
        video_s: length of the part of a video that is read, in seconds (`CXANIM_MAX_VIDEO_SECONDS`).
    """

    image_mb: float = 50.0
    megapixels: float = 50.0
    video_mb: float = 500.0
    video_s: float = 600.0

    @classmethod
    def from_environment(cls) -> "Limits":
        """Read the limits from the environment; what is not set keeps its default.

        Raises:
            BadSetting: a variable is not a positive number.
        """
        return cls(
            image_mb=_positive("CXANIM_MAX_IMAGE_MB", cls.image_mb),
            megapixels=_positive("CXANIM_MAX_MEGAPIXELS", cls.megapixels),
            video_mb=_positive("CXANIM_MAX_VIDEO_MB", cls.video_mb),
            video_s=_positive("CXANIM_MAX_VIDEO_SECONDS", cls.video_s),
        )


def _positive(variable: str, default: float) -> float:
    text = os.environ.get(variable, "").strip()
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise BadSetting(f"{variable}: got {text!r}, expected a positive number.")
    return value
