"""Where persons are in pictures, as MediaPipe's networks see it."""

import contextlib
from types import TracebackType

import cv2
import numpy as np

from cxanim.motion.mediapipe_door import quiet, shrunk, solutions


def person_matte(picture: np.ndarray) -> np.ndarray:
    """How much of each pixel is person rather than background, (H, W) float32 in [0, 1]."""
    with quiet(), solutions().selfie_segmentation.SelfieSegmentation(model_selection=0) as solution:
        matte = solution.process(shrunk(picture)).segmentation_mask
    return _as_large(matte, picture)


class FigureSegmenter:
    """Tells one whole figure from what is behind it, in pictures each looked at by itself.

    The network that finds the body says this too. It looks at a window round the figure, the most prominent one, and
    knows limbs: where dark trousers are before a dark curtain the one for any person (`person_matte`) takes the curtain
    along.
    """

    def __init__(self) -> None:
        with quiet():
            self._solution = solutions().pose.Pose(
                static_image_mode=True, model_complexity=1, enable_segmentation=True, smooth_segmentation=False
            )
        self._greeted = False

    def matte(self, picture: np.ndarray) -> np.ndarray | None:
        """How much of each pixel is the figure, (H, W) float32 in [0, 1]; None where there is none.

        Args:
            picture: (H, W, 3) uint8 RGB.
        """
        with contextlib.nullcontext() if self._greeted else quiet():
            matte = self._solution.process(shrunk(picture)).segmentation_mask
        self._greeted = True
        return None if matte is None else _as_large(matte, picture)

    def close(self) -> None:
        """Free the networks."""
        if self._solution is not None:
            self._solution.close()
            self._solution = None

    def __enter__(self) -> "FigureSegmenter":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _as_large(matte: np.ndarray, picture: np.ndarray) -> np.ndarray:
    height, width = picture.shape[:2]
    return np.clip(cv2.resize(matte, (width, height), interpolation=cv2.INTER_LINEAR), 0.0, 1.0)
