"""A face that a person has placed on a picture: a JSON file of named points in the picture's pixels.

{"points": {"right_eye_outer": [120, 210], "left_eye_outer": [260, 205], "nose_tip": [190, 270],
            "mouth_right": [150, 330], "mouth_left": [232, 328], "chin": [190, 400]}}
"""

import json
from pathlib import Path

import numpy as np

from cxanim.errors import CxanimError
from cxanim.images import read_image
from cxanim.motion.crop import Crop
from cxanim.motion.landmarks import NAMED
from cxanim.motion.pose import Pose
from cxanim.motion.template import LEAST_POINTS, fit_template

_MOST_BYTES = 1 << 20


def read_placed_face(points: Path, photo: Path) -> np.ndarray:
    """Read placed points and fit a face to them.

    Returns:
        (478, 3) face in the picture's own square.

    Raises:
        CxanimError: the file is not what it should be.
        UnreadableImage, TooLarge: the picture is not.
    """
    points, picture = Path(points), read_image(photo).rgb
    how = f'Write {{"points": {{"chin": [x, y], ...}}}} with at least {LEAST_POINTS} of {", ".join(NAMED)}.'
    try:
        if points.stat().st_size > _MOST_BYTES:
            raise ValueError("it is larger than 1 MB")
        given = json.loads(points.read_text())["points"]
        placed = fit_template({str(name): (float(x), float(y)) for name, (x, y) in given.items()})
    except OSError as error:
        raise CxanimError(f"{points.name} cannot be read ({error.strerror}).", how) from error
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise CxanimError(f"{points.name} does not say where the face is ({error}).", how) from error
    height, width = picture.shape[:2]
    whole = Crop.whole(width, height)
    scale = 1 / whole.side_px
    return Pose(face=placed).placed(scale, -whole.x_px * scale, -whole.y_px * scale).need_face()
