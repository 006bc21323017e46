"""The one door to MediaPipe.

The legacy solutions of MediaPipe 0.10.21 are used: their models lie inside the wheel, so nothing is fetched.
"""

import contextlib
import os
import sys
import threading
from collections.abc import Iterator
from functools import cache
from typing import Any

import cv2
import numpy as np

LARGEST_INPUT_PX = 640  # the networks look at windows of 128 to 256 px: larger frames mostly cost time
_ONE_AT_A_TIME = threading.RLock()


def shrunk(picture: np.ndarray, longest_px: int = LARGEST_INPUT_PX) -> np.ndarray:
    """A picture (H, W, 3) of which no side is longer than a network can use."""
    scale = longest_px / max(picture.shape[:2])
    if scale >= 1:
        return picture
    return cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """MediaPipe's C++ core greets on stderr, below Python; a command line should not, but where CXANIM_DEBUG is set."""
    if os.environ.get("CXANIM_DEBUG"):
        yield
        return
    os.environ.setdefault("GLOG_minloglevel", "3")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with _ONE_AT_A_TIME:  # two threads that each keep and restore the handle would end with it closed for good
        kept = os.dup(2)
        try:
            with open(os.devnull, "wb") as nowhere:
                sys.stderr.flush()
                os.dup2(nowhere.fileno(), 2)
            yield
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)


@cache
def solutions() -> Any:
    """MediaPipe's legacy solutions, imported when they are first needed: that takes seconds."""
    import mediapipe

    return mediapipe.solutions
