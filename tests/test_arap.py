"""As rigid as possible: answers that can be checked by hand."""

import cv2
import numpy as np
import pytest
from figures import COLOURS, body_at_rest, draw, where

from cxanim.motion.arap import AsRigidAsPossible, held_by
from cxanim.motion.drawing_warp import DrawingWarp
from cxanim.motion.limb_parts import LEFT_ARM, RIGHT_ARM, TRUNK, along_limb
from cxanim.motion.skeleton import joints_of

TRIANGLE = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]), np.array([[0, 1, 2]])


def strip(cells: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """A strip, one wide and `cells` long, of two triangles a cell."""
    points = np.array([[x, y] for x in range(cells + 1) for y in (0.0, 1.0)], float)
    triangles = []
    for x in range(cells):
        a, b, c, d = 2 * x, 2 * x + 1, 2 * x + 2, 2 * x + 3
        triangles += [[a, c, b], [b, c, d]]
    return points, np.array(triangles)


def rotated(points: np.ndarray, degrees: float) -> np.ndarray:
    angle = np.radians(degrees)
    return points @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])


def settled(sheet: AsRigidAsPossible, handles: np.ndarray) -> np.ndarray:
    return sheet.moved(handles, rounds=300)


def test_a_place_hangs_on_the_corners_round_it_and_one_beside_on_the_nearest():
    points, triangles = TRIANGLE
    held = held_by(points, triangles, np.array([[0.25, 0.5], [1.0, 0.0], [3.0, -0.2]])).toarray()
    np.testing.assert_allclose(held, [[0.25, 0.25, 0.5], [0, 1, 0], [0, 1, 0]], atol=1e-9)


def test_at_rest_nothing_moves():
    points, triangles = strip()
    handles = points[[0, 11, 25]]
    np.testing.assert_allclose(settled(AsRigidAsPossible(points, triangles, handles), handles), points, atol=1e-6)


@pytest.mark.parametrize("degrees", [20, 90, -120])
def test_what_moves_as_a_whole_stays_itself(degrees: float):
    for (points, triangles), held in ((TRIANGLE, [0, 1, 2]), (strip(), [0, 1, 12, 13, 24, 25])):
        handles = points[held]
        moved = settled(AsRigidAsPossible(points, triangles, handles), rotated(handles, degrees) + (2.0, -1.0))
        np.testing.assert_allclose(moved, rotated(points, degrees) + (2.0, -1.0), atol=2e-2)


def test_one_handle_carries_everything_without_turning_it():
    points, triangles = strip()
    moved = settled(AsRigidAsPossible(points, triangles, points[:1]), points[:1] + (5.0, 7.0))
    np.testing.assert_allclose(moved, points + (5.0, 7.0), atol=1e-3)


def test_a_strip_whose_ends_turn_is_bent_and_hardly_stretched():
    points, triangles = strip()
    ends = [0, 1, 24, 25]
    handles = points[ends].copy()
    handles[2:] = rotated(points[[24, 25]] - (6, 0.5), 90) + (4.0, 4.5)
    moved = settled(AsRigidAsPossible(points, triangles, points[ends]), handles)
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    was, now = (np.linalg.norm(places[edges[:, 0]] - places[edges[:, 1]], axis=1) for places in (points, moved))
    assert np.abs(now / was - 1).mean() < 0.1
    np.testing.assert_allclose(moved[ends], handles, atol=0.05)


def test_the_next_frame_begins_where_the_last_one_ended():
    points, triangles = strip()
    sheet = AsRigidAsPossible(points, triangles, points[[0, 24]])
    far = points[[0, 24]] + [[0, 0], [-3.0, 6.0]]
    whole = settled(sheet, far)
    np.testing.assert_allclose(sheet.moved(far, rounds=1), whole, atol=1e-3)
    sheet.reset()
    assert np.abs(sheet.moved(far, rounds=1) - whole).max() > 0.05


def test_without_a_handle_there_is_nothing_to_bend_by():
    with pytest.raises(ValueError, match="handles: got none"):
        AsRigidAsPossible(*TRIANGLE, np.zeros((0, 2)))


def test_a_drawing_at_rest_is_itself_and_a_lifted_arm_is_lifted():
    picture, matte = draw(body_at_rest())
    rest = joints_of(body_at_rest())[0]
    warp = DrawingWarp(picture, matte, rest, np.full_like(picture, 128))
    assert (np.abs(warp.show(rest).astype(int) - picture).max(2) > 24).mean() < 0.002
    lifted = rest.copy()
    lifted[[13, 15, 17, 19, 21]] = rest[11] + (rest[[13, 15, 17, 19, 21]] - rest[11]) * (1, -1)
    shown = warp.show(lifted)
    x, y = np.round(lifted[15] * len(picture)).astype(int)
    assert where(shown, "left_arm")[y - 2 : y + 3, x - 2 : x + 3].mean() > 0.6
    x, y = np.round(rest[15] * len(picture)).astype(int)
    assert not where(shown, "left_arm")[y - 6 : y + 7, x - 6 : x + 7].any()


@pytest.mark.parametrize("right", [0, 1])
def test_a_hand_that_is_folded_back_lies_over_its_own_arm(right: int):
    picture, matte = draw(body_at_rest())
    rest = joints_of(body_at_rest())[0]
    rows, columns = np.nonzero(where(picture, "right_arm" if right else "left_arm"))
    places = (np.stack([columns, rows], axis=1) + 0.5) / len(picture)
    along = along_limb(places, rest, RIGHT_ARM if right else LEFT_ARM)
    picture[rows, columns] = np.where(along[:, None] > 1, COLOURS["right_leg"], COLOURS["head"])
    shoulder, elbow = rest[[11 + right, 13 + right]]
    folded = rest.copy()
    aside = 0.015 * np.array([-1, 1]) * (elbow - shoulder)[::-1] / np.linalg.norm(elbow - shoulder)
    folded[[15 + right, 17 + right, 19 + right, 21 + right]] = shoulder + 0.05 * (elbow - shoulder) + aside
    shown = DrawingWarp(picture, matte, rest, np.full_like(picture, 128)).show(folded)
    seen = [cv2.connectedComponents(where(shown, name, 60).astype(np.uint8))[0] - 1 for name in ("right_leg", "head")]
    assert max(seen) < 8  # whole pieces, and bits of rims: where arm and hand are painted in turns there are more
    assert where(shown, "right_leg", 60)[:150].sum() > 350  # some 250 where it lies under it


def test_how_far_along_a_limb_a_place_lies():
    rest = joints_of(body_at_rest())[0]
    shoulder, elbow, wrist, tip = rest[[11, 13, 15, 19]]
    places = np.stack([shoulder, elbow, (elbow + wrist) / 2, tip])
    np.testing.assert_allclose(along_limb(places, rest, LEFT_ARM), (0, 1, 1.5, 3))
    assert not along_limb(rest, rest, TRUNK).any()
