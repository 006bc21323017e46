"""Which point of the face mesh is the mirror image of which."""

from functools import cache

import numpy as np

from cxanim.motion import landmarks as lm
from cxanim.motion.detect import face_triangles

MESH_POINTS = 468
_MIDLINE = (10, 151)  # two neighbours in the middle of the forehead
_UNLIKE = (
    (lm.RIGHT_EYE_UPPER, lm.LEFT_EYE_UPPER),
    (lm.RIGHT_EYE_LOWER, lm.LEFT_EYE_LOWER),
    ((79,), (309,)),
)


@cache
def mirrored_points() -> np.ndarray:
    """For each of the 468 mesh points the number of the point on the face's other side; midline points are their own.

    The mesh is symmetric as a graph: from an edge on the midline the two sides are walked at the same time.
    """
    across: dict[tuple[int, int], int] = {}
    for a, b, c in face_triangles().tolist():
        across |= {(a, b): c, (b, c): a, (c, a): b}
    top, below = _MIDLINE
    mirror = np.full(MESH_POINTS, -1)
    mirror[[top, below]] = top, below
    waiting = [((top, below), (below, top))]
    while waiting:
        # An edge as one side runs along it; its image is run along the other way, since a reflection turns triangles.
        (a, b), image = waiting.pop()
        third, other = across.get((a, b)), across.get(image)
        if third is None or other is None or mirror[third] >= 0:
            continue
        mirror[third] = other
        waiting += [((third, b), (image[0], other)), ((a, third), (other, image[1]))]
    # MediaPipe's mesh is not the same on both sides at the corners of the eyes and of the mouth.
    for right, left in _UNLIKE:
        mirror[list(right)], mirror[list(left[::-1])] = left[::-1], right
    return mirror
