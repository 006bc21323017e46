"""A camera of this machine, and one that other programs see: frames in and out as they happen.

OpenCV opens the real one. The other needs the package pyvirtualcam (`pip install 'cxanim[virtualcam]'`) and a driver:
v4l2loopback on Linux, OBS on macOS and Windows.
"""

import time

import cv2
import numpy as np

from cxanim.errors import CxanimError

_SILENT_S = 2.0  # a camera that gives nothing for so long is gone


class NoCamera(CxanimError):
    """There is no such camera, or no longer."""


class Camera:
    """An open camera; for one thread.

    Args:
        number: which, counted from 0 as the system does.
        width_px, height_px, fps: what is asked for; the camera may give something else.

    Attributes:
        fps: how many frames a second it says that it gives; many say nonsense.

    Raises:
        NoCamera: it cannot be opened.
    """

    def __init__(self, number: int = 0, width_px: int = 640, height_px: int = 480, fps: float = 30.0):
        self._number = number
        self._capture = cv2.VideoCapture(number)
        if not self._capture.isOpened():
            self._capture.release()
            raise NoCamera(
                f"Camera {number} cannot be opened.",
                "Plug one in, close other programs that use it, or name another with --camera.",
            )
        for what, value in (
            (cv2.CAP_PROP_FRAME_WIDTH, width_px), (cv2.CAP_PROP_FRAME_HEIGHT, height_px), (cv2.CAP_PROP_FPS, fps),
            (cv2.CAP_PROP_BUFFERSIZE, 1),
        ):  # fmt: skip
            self._capture.set(what, value)
        self.fps = self._capture.get(cv2.CAP_PROP_FPS)

    def read(self) -> tuple[np.ndarray, float]:
        """Wait for the next frame, (H, W, 3) uint8 RGB, and when it came by `time.monotonic`.

        Raises:
            NoCamera: none has come for two seconds.
        """
        until_s = time.monotonic() + _SILENT_S
        while time.monotonic() < until_s:
            is_there, frame = self._capture.read()
            if is_there:
                return cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), time.monotonic()
            time.sleep(0.01)
        raise NoCamera(f"Camera {self._number} gives no more pictures.", "Plug it in again, and start again.")

    def close(self) -> None:
        """Let other programs have it."""
        self._capture.release()

    def __enter__(self) -> "Camera":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class VirtualCamera:
    """A camera that other programs see, and that shows what is sent.

    Args:
        side_px: width and height of its pictures.
        fps: its rate.

    Raises:
        CxanimError: the package or the driver is missing.
    """

    def __init__(self, side_px: int, fps: float):
        try:
            import pyvirtualcam
        except ImportError as error:
            problem = "The virtual camera needs the package pyvirtualcam."
            raise CxanimError(problem, "Install it: pip install 'cxanim[virtualcam]'.") from error
        try:
            self._camera = pyvirtualcam.Camera(side_px, side_px, fps)
        except RuntimeError as error:
            raise CxanimError(
                "There is no driver of a virtual camera on this machine.",
                "On Linux load v4l2loopback (modprobe v4l2loopback); on macOS and Windows install OBS.",
            ) from error

    def send(self, picture: np.ndarray) -> None:
        """Show (side_px, side_px, 3) uint8 RGB."""
        self._camera.send(np.ascontiguousarray(picture))

    def close(self) -> None:
        """Take the camera away."""
        self._camera.close()
