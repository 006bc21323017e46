"""One real face that every test may lean on: the astronaut of scikit-image (Eileen Collins, NASA, public domain)."""

from functools import cache

import numpy as np
import skimage.data

from cxanim.motion.crop import Crop
from cxanim.motion.detect import find_face
from cxanim.motion.pose import Pose

SIZE_PX = 256


@cache
def astronaut() -> np.ndarray:
    """The whole photograph, (512, 512, 3) uint8: one woman, looking at the camera, smiling."""
    return frozen(skimage.data.astronaut())


@cache
def astronaut_face() -> np.ndarray:
    """Her face (478, 3) in the photograph's own square."""
    return frozen(find_face(astronaut())[0])


@cache
def crop() -> Crop:
    """A window round her face."""
    return Crop.around_faces([astronaut_face()], 512, 512)


@cache
def portrait() -> np.ndarray:
    """The picture in that window, (256, 256, 3) uint8."""
    return frozen(crop().cut(astronaut(), SIZE_PX))


@cache
def portrait_face() -> np.ndarray:
    """Her face (478, 3) in the window."""
    return frozen(crop().from_frame(Pose(face=astronaut_face()), 512, 512).need_face())


def rotated(face: np.ndarray, matrix: np.ndarray, centre: tuple[float, float, float] = (0.5, 0.5, 0.0)) -> np.ndarray:
    """The face after a turn given in the camera's axes (x right, y down, z away from it)."""
    return ((face - centre) @ np.asarray(matrix).T + centre).astype(np.float32)


def about_camera_axis(axis: str, angle_deg: float) -> np.ndarray:
    """The textbook's rotation matrix about one of the camera's axes."""
    c, s = np.cos(np.deg2rad(angle_deg)), np.sin(np.deg2rad(angle_deg))
    return {
        "x": np.array([[1, 0, 0], [0, c, -s], [0, s, c]]),
        "y": np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]),
        "z": np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]),
    }[axis]


def frozen(array: np.ndarray) -> np.ndarray:
    """The array, safe to share between tests: writing to it is an error."""
    array.flags.writeable = False
    return array
