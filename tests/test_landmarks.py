"""The named points: whose left is left, contours that meet, and a mesh without a tear."""

from collections import Counter
from itertools import combinations

import numpy as np
import pytest
from faces import portrait_face

from cxanim.motion import landmarks as lm
from cxanim.motion.detect import face_triangles

PAIRS = [
    ("RIGHT_EYE", "LEFT_EYE"),
    ("RIGHT_BROW", "LEFT_BROW"),
    ("RIGHT_IRIS", "LEFT_IRIS"),
]


@pytest.mark.parametrize(("right", "left"), PAIRS)
def test_right_is_the_subjects_own_and_stands_on_the_left_of_the_picture(right, left):
    x = portrait_face()[:, 0]
    assert x[list(getattr(lm, right))].max() < x[list(getattr(lm, left))].min()


def test_single_points_keep_to_their_side_too():
    x, y = portrait_face()[:, :2].T
    assert x[lm.RIGHT_MOUTH_CORNER] < x[lm.NOSE_TIP] < x[lm.LEFT_MOUTH_CORNER]
    assert x[lm.RIGHT_TEMPLE] < x[lm.NOSE_TIP] < x[lm.LEFT_TEMPLE]
    assert y[lm.FOREHEAD] < y[lm.NOSE_TIP] < y[lm.CHIN]


def test_the_nose_is_nearer_to_the_camera_than_the_temples():
    z = portrait_face()[:, 2]
    assert z[lm.NOSE_TIP] < min(z[lm.RIGHT_TEMPLE], z[lm.LEFT_TEMPLE])


CONTOURS = ["RIGHT_EYE", "LEFT_EYE", "OUTER_LIP", "INNER_LIP"]


@pytest.mark.parametrize("name", CONTOURS)
def test_upper_and_lower_contours_share_their_corners_and_nothing_else(name):
    upper, lower = getattr(lm, f"{name}_UPPER"), getattr(lm, f"{name}_LOWER")
    assert (upper[0], upper[-1]) == (lower[0], lower[-1])
    assert set(upper) & set(lower) == {upper[0], upper[-1]}
    assert len(upper) == len(lower)


@pytest.mark.parametrize("name", CONTOURS)
def test_contours_run_from_the_subjects_right_with_the_upper_one_above(name):
    face = portrait_face()
    upper, lower = (list(getattr(lm, f"{name}_{which}")) for which in ("UPPER", "LOWER"))
    assert face[upper[0], 0] < face[upper[-1], 0]
    assert (face[upper[1:-1], 1] < face[lower[1:-1], 1]).all()


def test_joined_contours_visit_each_point_once():
    assert lm.closed((1, 2, 3), (1, 4, 3)) == (1, 2, 3, 4)
    for contour, count in ((lm.RIGHT_EYE, 16), (lm.LEFT_EYE, 16), (lm.OUTER_LIPS, 20), (lm.INNER_LIPS, 20)):
        assert len(contour) == len(set(contour)) == count


def test_irises_surround_their_centre():
    face = portrait_face()[:, :2]
    for iris in (lm.RIGHT_IRIS, lm.LEFT_IRIS):
        centre, rim = face[iris[0]], face[list(iris[1:])]
        np.testing.assert_allclose(rim.mean(0), centre, atol=0.2 * np.linalg.norm(rim - centre, axis=1).mean())


def test_every_hand_has_five_fingers_of_four_bones_from_the_wrist():
    assert len(lm.HAND_BONES) == 20
    assert [end for start, end in lm.HAND_BONES if start == 0] == [1, 5, 9, 13, 17]
    assert sorted(end for _, end in lm.HAND_BONES) == list(range(1, 21))


def test_left_limbs_mirror_right_ones():
    # In BlazePose's numbering each left point is odd from 11 on, its right fellow the next number.
    mirrored = {
        tuple(sorted(joint + 1 if joint in lm.LEFT_BODY else joint - 1 for joint in limb)) for limb in lm.BODY_LIMBS
    }
    assert mirrored == {tuple(sorted(limb)) for limb in lm.BODY_LIMBS}


def edges() -> Counter:
    return Counter(tuple(sorted(edge)) for ring in face_triangles().tolist() for edge in combinations(ring, 2))


def contour_edges(contour: tuple[int, ...]) -> set[tuple[int, int]]:
    return {tuple(sorted(edge)) for edge in zip(contour, contour[1:] + contour[:1], strict=True)}


def test_the_mesh_has_852_triangles_and_an_edge_has_one_or_two_of_them():
    assert face_triangles().shape == (852, 3)
    assert len({tuple(sorted(ring)) for ring in face_triangles().tolist()}) == 852
    assert set(edges().values()) == {1, 2}


def test_the_mesh_ends_at_the_oval_the_eyes_and_the_mouth_only():
    rim = {edge for edge, uses in edges().items() if uses == 1}
    expected = set().union(*(contour_edges(c) for c in (lm.FACE_OVAL, lm.RIGHT_EYE, lm.LEFT_EYE, lm.INNER_LIPS)))
    assert rim == expected
    assert len(rim) == 36 + 2 * 16 + 20


def test_neighbours_run_along_their_common_edge_in_opposite_directions():
    runs = Counter((a, b) for ring in face_triangles().tolist() for a, b in zip(ring, ring[1:] + ring[:1], strict=True))
    assert max(runs.values()) == 1


def test_a_frontal_face_shows_all_but_a_few_triangles_from_the_front():
    a, b, c = np.moveaxis(portrait_face()[face_triangles(), :2], 1, 0)
    (ux, uy), (vx, vy) = (b - a).T, (c - a).T
    # The few are seen edge-on: in front of the ears and at the wings of the nose.
    assert (ux * vy - uy * vx <= 0).sum() <= 16
