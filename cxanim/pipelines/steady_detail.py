"""Detail of an enlarged video that follows what moves, so that it does not boil from frame to frame.

What a network adds to a frame is guessed anew for each. Here what it added to the one before is carried along the
optical flow, and mixed with the new where the small frames say that it is the same thing still.

Source of the flow: T. Kroeger and others, "Fast Optical Flow using Dense Inverse Search", ECCV 2016, by OpenCV.
"""

import cv2
import numpy as np

_SAME_LEVELS = 6.0  # grey levels by which a place may differ and still count as the same, about
_STILL_LEVELS = 3.0  # where two frames differ by less, nothing moves: a flow there follows the noise
_CUT_BELOW = 0.4  # share of a frame that can be found in the one before; below it is another shot
_LEAST_SIDE_PX = 16  # the flow needs some room


class SteadyDetail:
    """Steadies one video, frame after frame.

    Args:
        scale: how many times as large the enlarged frames are.
        share: of the detail of the frame before, where it is the same thing; 0 changes nothing.

    Convention:
        flow: a pixel of this frame is seen in the one before at its own place plus the flow, (x, y), in pixels of the
        small frame; pixel centres.
    """

    def __init__(self, scale: int, share: float):
        self._scale, self._share = scale, share
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        self._grey: np.ndarray | None = None
        self._small: np.ndarray | None = None
        self._detail: np.ndarray | None = None

    def __call__(self, small: np.ndarray, large: np.ndarray) -> np.ndarray:
        """The steadied large frame (sH, sW, 3) uint8.

        Args:
            small: the frame (H, W, 3) uint8.
            large: what the network makes of it.
        """
        if not self._share or min(small.shape[:2]) < _LEAST_SIDE_PX:
            return large
        grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
        plain = cv2.resize(small, large.shape[1::-1], interpolation=cv2.INTER_CUBIC)
        detail = cv2.subtract(large, plain, dtype=cv2.CV_16S)
        steadied = large
        if self._detail is not None and self._grey is not None and self._grey.shape == grey.shape:
            flow = self._flow.calc(grey, self._grey, None)
            flow[_blurred(cv2.absdiff(grey, self._grey)) < _STILL_LEVELS] = 0
            trust = self._trust(small, flow)
            if trust.mean() >= _CUT_BELOW:
                detail = self._mixed(detail, flow, trust)
                steadied = cv2.add(plain.astype(np.int16), detail, dtype=cv2.CV_8U)
        self._grey, self._small, self._detail = grey, small.copy(), detail
        return steadied

    def _trust(self, small: np.ndarray, flow: np.ndarray) -> np.ndarray:
        """(H, W) in [0, 1]: how surely a place is the same as where the flow says it was."""
        before = cv2.remap(self._small, _places(flow), None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        difference = _blurred(cv2.absdiff(small, before).max(axis=2))
        return np.exp(-((difference / _SAME_LEVELS) ** 2))

    def _mixed(self, detail: np.ndarray, flow: np.ndarray, trust: np.ndarray) -> np.ndarray:
        size = detail.shape[1::-1]
        far = cv2.resize(flow, size, interpolation=cv2.INTER_LINEAR) * np.float32(self._scale)
        carried = cv2.remap(self._detail, _places(far), None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
        share = self._share * cv2.resize(trust, size, interpolation=cv2.INTER_LINEAR)[..., None]
        return np.rint(detail + share * (carried.astype(np.float32) - detail)).astype(np.int16)


def _blurred(difference: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(difference.astype(np.float32), (5, 5), 0)


def _places(flow: np.ndarray) -> np.ndarray:
    """Where each pixel was, as `cv2.remap` wants it."""
    height, width = flow.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    return np.dstack([x, y]) + flow
