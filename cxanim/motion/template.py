"""A whole face mesh from the few points that a person places where no detector finds a face.

General idea: a common face is brought to the points by the best similarity, then bent onto them by a thin-plate
spline, so that every given point is met exactly and the rest follows smoothly.

Source: F. L. Bookstein, "Principal Warps: Thin-Plate Splines and the Decomposition of Deformations", PAMI 1989.
"""

from collections.abc import Mapping
from functools import cache

import numpy as np
from scipy.interpolate import RBFInterpolator

from cxanim.motion import landmarks as lm
from cxanim.motion.detect import find_face
from cxanim.motion.head import fit_similarity, head_axes, head_centre
from cxanim.motion.ratios import with_mouth_gap

LEAST_POINTS = 5


@cache
def template_face() -> np.ndarray:
    """A common face (478, 3), upright, looking straight ahead, its mouth closed.

    It is the mesh that MediaPipe finds on the astronaut of scikit-image (NASA, public domain).
    """
    from skimage.data import astronaut

    face, _ = find_face(astronaut(), "the astronaut")
    upright = (face.astype(np.float64) - head_centre(face)) @ head_axes(face)
    return with_mouth_gap(upright, 0.0)


def fit_template(points: Mapping[str, tuple[float, float]]) -> np.ndarray:
    """The face (478, 3) that has the given points, in their coordinates.

    Args:
        points: names of `landmarks.NAMED` to (x, y); at least five, not all on one line.

    Raises:
        ValueError: an unknown name, too few points, or points on one line.
    """
    unknown = sorted(set(points) - set(lm.NAMED))
    if unknown:
        raise ValueError(f"points: got {unknown[0]!r}, expected names among {', '.join(lm.NAMED)}")
    if len(points) < LEAST_POINTS:
        raise ValueError(f"points: got {len(points)}, expected at least {LEAST_POINTS}")
    numbers = [lm.NAMED[name] for name in points]
    wanted = np.array([points[name] for name in points], dtype=np.float64)
    if not np.isfinite(wanted).all():
        raise ValueError("points: got coordinates that are not numbers, expected x and y for each")
    spread = np.linalg.svd(wanted - wanted.mean(0), compute_uv=False)
    if spread[1] < 0.05 * spread[0]:
        raise ValueError("points: got points on one line, expected eyes, mouth and chin")
    template = template_face()
    flat = np.c_[template[numbers, :2], np.zeros(len(numbers))]
    motion = fit_similarity(flat, np.c_[wanted, np.zeros(len(numbers))])
    face = motion.scale * template @ motion.rotation.T + motion.shift
    places = face[numbers, :2]
    bent = RBFInterpolator(places, wanted - places, kernel="thin_plate_spline", degree=1)
    face[:, :2] += bent(face[:, :2])
    return face.astype(np.float32)
