"""A whole face mesh from the few points that a person places where no detector finds a face.

General idea: a face, the common one or one that was found, is turned and brought to the points as well as a rigid face
can be, then bent onto them by a thin-plate spline, so that every given point is met exactly and the rest follows
smoothly. Depth comes from the turned face: points in a picture tell of it only by how far the head is turned.

Source: F. L. Bookstein, "Principal Warps: Thin-Plate Splines and the Decomposition of Deformations", PAMI 1989.
"""

from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np
from scipy.interpolate import RBFInterpolator
from scipy.optimize import least_squares

from cxanim.motion import landmarks as lm
from cxanim.motion.detect import face_triangles, find_face
from cxanim.motion.head import fit_similarity, head_axes, head_centre, rotation_from_angles
from cxanim.motion.pose import eye_distance
from cxanim.motion.ratios import with_mouth_gap
from cxanim.motion.symmetry import MESH_POINTS, mirrored_points

LEAST_POINTS = 5
# How far heads are turned in pictures, degrees, and how far features lie from a common face's, in eye distances: a
# muzzle may as well be a long nose as a lifted head, so a face is taken as turned only where both sides say so.
_USUAL_YAW_DEG, _USUAL_PITCH_DEG, _USUAL_SPREAD = 25.0, 6.0, 0.12
_MOST_TURNED_DEG = 45.0
SAME_FACE = 0.25  # eye distances between points and a face that was found, at most, where they mean the same
_LEAST_WIDTH = 0.02  # of an eye or a mouth, as a share of the points' extent
_MOST_FOLDED = 0.25  # of the mesh's area; eyes far apart over a small mouth make 0.13
# Named from the subject's right to the left.
_IN_ORDER = (
    ("right_eye_outer", "right_eye_inner", "left_eye_inner", "left_eye_outer"),
    ("right_brow_outer", "right_brow_inner", "left_brow_inner", "left_brow_outer"),
    ("mouth_right", "mouth_left"),
    ("right_cheek", "left_cheek"),
)
_CORNERS = (
    ("right_eye_outer", "right_eye_inner"),
    ("left_eye_outer", "left_eye_inner"),
    ("mouth_right", "mouth_left"),
    ("right_eye_outer", "left_eye_outer"),
    ("right_eye_inner", "left_eye_inner"),
)


@cache
def template_face() -> np.ndarray:
    """A common face (478, 3), upright, looking straight ahead, its mouth closed, both sides alike.

    It is the mesh that MediaPipe finds on the astronaut of scikit-image (NASA, public domain), whose mouth is not alike
    on both sides: each side is the mean of both.
    """
    from skimage.data import astronaut

    face, _ = find_face(astronaut(), "the astronaut")
    upright = (face.astype(np.float64) - head_centre(face)) @ head_axes(face)
    return with_mouth_gap((upright + _mirrored(upright)) / 2, 0.0)


def _mirrored(upright: np.ndarray) -> np.ndarray:
    """The mirror image of an upright face (478, 3), point for point."""
    image = upright * (-1, 1, 1)
    mirrored = np.empty_like(image)
    mirrored[:MESH_POINTS] = image[mirrored_points()]
    for iris, other in ((lm.RIGHT_IRIS, lm.LEFT_IRIS), (lm.LEFT_IRIS, lm.RIGHT_IRIS)):
        for number in iris:
            nearest = np.linalg.norm(image[list(other)] - upright[number], axis=1).argmin()
            mirrored[number] = image[other[nearest]]
    return mirrored


def named_points(face: np.ndarray) -> dict[str, tuple[float, float]]:
    """The points of `landmarks.NAMED` of a face (478, 3), as a person would place them."""
    return {name: (float(face[number, 0]), float(face[number, 1])) for name, number in lm.NAMED.items()}


def fit_template(points: Mapping[str, tuple[float, float]], found: np.ndarray | None = None) -> np.ndarray:
    """The face (478, 3) that has the given points, in their coordinates.

    Args:
        points: names of `landmarks.NAMED` to (x, y); at least five, not all on one line.
        found: (478, 3) the same face as a detector sees it, which says more than the points where it agrees with them.

    Raises:
        ValueError: an unknown name, too few points, points on one line or in one place, left and right exchanged, or a
            face that lies in folds.
    """
    numbers, wanted = _checked(points)
    base = template_face()
    if found is not None and disagreement(found, wanted, numbers) < SAME_FACE:
        base = found.astype(np.float64)
    else:
        base = _turned(base, numbers, wanted)
    places = base[numbers, :2]
    bent = RBFInterpolator(places, wanted - places, kernel="thin_plate_spline", degree=1)
    face = base.copy()
    face[:, :2] += bent(base[:, :2])
    if _folded(base, face) > _MOST_FOLDED:
        raise ValueError("points: got a face that lies in folds, expected each point where its name says")
    return face.astype(np.float32)


def disagreement(found: np.ndarray, points: np.ndarray, numbers: Sequence[int] = tuple(range(468))) -> float:
    """Mean distance of points (N, 2 or 3) from those of a face (478, 3) with the same numbers, in its eye distances."""
    return float(
        np.linalg.norm((found[list(numbers), :2] - points[: len(numbers), :2]), axis=1).mean() / eye_distance(found)
    )


def at_eyes(right_eye: tuple[float, float], left_eye: tuple[float, float]) -> np.ndarray:
    """The common face (478, 3) with the middles of its eyes in two places, of the subject's right and left eye."""
    template = template_face()
    middles = np.stack([template[[33, 133], :2].mean(0), template[[362, 263], :2].mean(0)])
    motion = fit_similarity(_flat(middles), _flat(np.array([right_eye, left_eye], dtype=np.float64)))
    return (motion.scale * template @ motion.rotation.T + motion.shift).astype(np.float32)


def _checked(points: Mapping[str, tuple[float, float]]) -> tuple[list[int], np.ndarray]:
    unknown = sorted(set(points) - set(lm.NAMED))
    if unknown:
        raise ValueError(f"points: got {unknown[0]!r}, expected names among {', '.join(lm.NAMED)}")
    if len(points) < LEAST_POINTS:
        raise ValueError(f"points: got {len(points)}, expected at least {LEAST_POINTS}")
    wanted = np.array([points[name] for name in points], dtype=np.float64)
    if not np.isfinite(wanted).all():
        raise ValueError("points: got coordinates that are not numbers, expected x and y for each")
    spread = np.linalg.svd(wanted - wanted.mean(0), compute_uv=False)
    if spread[1] < 0.05 * spread[0]:
        raise ValueError("points: got points on one line, expected eyes, mouth and chin")
    extent = float(np.linalg.norm(np.ptp(wanted, axis=0)))
    for one, other in _CORNERS:
        if (
            one in points
            and other in points
            and np.hypot(*np.subtract(points[one], points[other])) < (_LEAST_WIDTH * extent)
        ):
            raise ValueError(f"points: got {one} and {other} in one place, expected them apart")
    numbers = [lm.NAMED[name] for name in points]
    _refuse_exchanged(points, template_face()[numbers, :2], wanted)
    return numbers, wanted


def _refuse_exchanged(points: Mapping[str, tuple[float, float]], template: np.ndarray, wanted: np.ndarray) -> None:
    a, b = template - template.mean(0), wanted - wanted.mean(0)
    across = a.T @ b
    if np.linalg.det(across) < 0 and np.linalg.svd(across, compute_uv=False)[1] > 0.05 * np.linalg.norm(across):
        raise ValueError(
            "points: got left and right exchanged, expected the subject's own: right is on the picture's left"
        )
    x = fit_similarity(_flat(template), _flat(wanted)).rotation[:2, 0]
    for names in _IN_ORDER:
        given = [name for name in names if name in points]
        for one, other in zip(given, given[1:], strict=False):
            if np.subtract(points[other], points[one]) @ x <= 0:
                raise ValueError(f"points: got {one} and {other} exchanged, expected the subject's own right and left")


def _turned(template: np.ndarray, numbers: list[int], wanted: np.ndarray) -> np.ndarray:
    """The common face, turned and brought to the points as nearly as it is likely to be turned."""
    start = fit_similarity(_flat(template[numbers, :2]), _flat(wanted))
    unit = start.scale * eye_distance(template)

    def placed(how: np.ndarray) -> np.ndarray:
        rotation = start.rotation @ rotation_from_angles(how[0], how[1], 0.0)
        return template @ rotation.T * start.scale

    def off(how: np.ndarray) -> np.ndarray:
        face = placed(how)[numbers, :2]
        motion = fit_similarity(_flat(face), _flat(wanted))
        met = motion.scale * face @ motion.rotation[:2, :2].T + motion.shift[:2]
        missed = (met - wanted) / (unit * _USUAL_SPREAD)
        return np.concatenate([missed.ravel(), how / (_USUAL_YAW_DEG, _USUAL_PITCH_DEG)])

    bounds = (-_MOST_TURNED_DEG, _MOST_TURNED_DEG)
    face = placed(least_squares(off, np.zeros(2), bounds=bounds, diff_step=1e-3, x_scale=10.0).x)
    motion = fit_similarity(_flat(face[numbers, :2]), _flat(wanted))
    return motion.scale * face @ motion.rotation.T + motion.shift


def _folded(base: np.ndarray, face: np.ndarray) -> float:
    """Share of the mesh that lies face down, where it did not before."""
    before, after = _areas(base), _areas(face)
    return float(np.abs(after[(after < 0) & (before > 0)]).sum() / np.abs(after).sum())


def _areas(face: np.ndarray) -> np.ndarray:
    corners = face[face_triangles(), :2]
    (ax, ay), (bx, by) = (corners[:, 1] - corners[:, 0]).T, (corners[:, 2] - corners[:, 0]).T
    return ax * by - ay * bx


def _flat(points: np.ndarray) -> np.ndarray:
    return np.c_[points, np.zeros(len(points))]
