"""The head's turn: fits that recover it, and signs that mean what the convention says.

The camera's axes: x to the right of the picture, y down, z away from the camera. A frontal face looks along -z, the
subject's left is the picture's right (+x).
"""

import numpy as np
import pytest
from faces import about_camera_axis, portrait_face, rotated

from cxanim.motion import landmarks as lm
from cxanim.motion.head import (
    angles_from_rotation,
    fit_similarity,
    head_angles,
    head_axes,
    head_centre,
    rotation_from_angles,
    scaled_rotation,
    stable_points,
)

NOSE, CROWN = np.array([0.0, 0, -1]), np.array([0.0, -1, 0])
S, C = np.sin(np.deg2rad(20)), np.cos(np.deg2rad(20))


def cloud(count: int = 30) -> np.ndarray:
    return np.random.default_rng(3).normal(size=(count, 3))


def test_a_known_similarity_is_recovered():
    rotation = rotation_from_angles(25, -12, 8)
    source = cloud()
    found = fit_similarity(source, 1.7 * source @ rotation.T + (0.3, -2, 5))
    assert found.scale == pytest.approx(1.7)
    np.testing.assert_allclose(found.rotation, rotation, atol=1e-12)
    np.testing.assert_allclose(found.shift, (0.3, -2, 5), atol=1e-12)


def test_undoing_brings_points_back():
    source, rotation = cloud(), rotation_from_angles(-30, 5, 14)
    target = 0.4 * source @ rotation.T + (1, 2, 3)
    np.testing.assert_allclose(fit_similarity(source, target).undone(target), source, atol=1e-12)


def test_a_fit_of_noisy_points_is_better_than_its_neighbours():
    source = cloud()
    target = 1.2 * source @ rotation_from_angles(10, 20, 30).T + np.random.default_rng(4).normal(0, 0.05, (30, 3))
    found = fit_similarity(source, target)

    def error(scale: float, rotation: np.ndarray, shift: np.ndarray) -> float:
        return float(((scale * source @ rotation.T + shift - target) ** 2).sum())

    best = error(found.scale, found.rotation, found.shift)
    for turn in ((1, 0, 0), (0, 1, 0), (0, 0, 1), (-1, 0, 0)):
        assert error(found.scale, found.rotation @ rotation_from_angles(*turn), found.shift) > best
    assert error(found.scale * 1.01, found.rotation, found.shift) > best
    assert error(found.scale, found.rotation, found.shift + 0.01) > best


def test_a_mirrored_cloud_is_fitted_by_a_rotation_never_by_a_reflection():
    found = fit_similarity(cloud(), cloud() * (-1, 1, 1))
    assert np.linalg.det(found.rotation) == pytest.approx(1)


# A head that turns to its own left moves its nose to the picture's right: (0, 0, -1) -> (sin, 0, -cos).
def test_positive_yaw_turns_the_nose_to_the_subjects_left():
    np.testing.assert_allclose(rotation_from_angles(20, 0, 0) @ NOSE, (S, 0, -C), atol=1e-12)


# A chin that lifts takes the nose up, against y: (0, 0, -1) -> (0, -sin, -cos).
def test_positive_pitch_lifts_the_nose():
    np.testing.assert_allclose(rotation_from_angles(0, 20, 0) @ NOSE, (0, -S, -C), atol=1e-12)


# A head that tilts towards its left shoulder takes its crown to the picture's right: (0, -1, 0) -> (sin, -cos, 0).
def test_positive_roll_takes_the_crown_towards_the_subjects_left():
    np.testing.assert_allclose(rotation_from_angles(0, 0, 20) @ CROWN, (S, -C, 0), atol=1e-12)


def test_roll_comes_first_then_pitch_then_yaw():
    one_by_one = rotation_from_angles(20, 0, 0) @ rotation_from_angles(0, 10, 0) @ rotation_from_angles(0, 0, 5)
    np.testing.assert_allclose(rotation_from_angles(20, 10, 5), one_by_one, atol=1e-12)


@pytest.mark.parametrize("angles", [(0, 0, 0), (35, -20, 15), (-70, 60, -90), (10, 89, 3)])
def test_angles_survive_the_round_trip(angles):
    np.testing.assert_allclose(angles_from_rotation(rotation_from_angles(*angles)), angles, atol=1e-6)


# In the textbook's matrices a positive turn about y takes -z to -x, one about x takes -z to +y, one about z takes
# -y to +x: so the first two have the opposite sign of yaw and pitch, the third that of roll.
@pytest.mark.parametrize(("axis", "sign", "angle"), [("y", -1, 0), ("x", -1, 1), ("z", 1, 2)])
def test_a_real_face_turned_by_15_degrees_measures_15_degrees_more(axis, sign, angle):
    face = portrait_face()
    upright = rotated(face, head_axes(face).T)
    np.testing.assert_allclose(head_angles(upright), 0, atol=1e-3)
    expected = np.zeros(3)
    expected[angle] = 15
    np.testing.assert_allclose(head_angles(rotated(upright, about_camera_axis(axis, sign * 15))), expected, atol=1e-3)


def test_the_real_face_looks_about_straight_at_the_camera():
    assert np.abs(head_angles(portrait_face())).max() < 10


def test_axes_are_a_right_handed_frame_from_the_right_eye_to_the_left_and_down():
    axes = head_axes(portrait_face())
    np.testing.assert_allclose(axes.T @ axes, np.eye(3), atol=1e-6)
    assert np.linalg.det(axes) == pytest.approx(1, abs=1e-6)
    assert axes[0, 0] > 0.9 and axes[1, 1] > 0.9 and axes[2, 2] > 0.9


def test_the_centre_lies_behind_the_face_between_the_temples():
    face = portrait_face()
    x, _, z = head_centre(face)
    assert face[lm.RIGHT_TEMPLE, 0] < x < face[lm.LEFT_TEMPLE, 0]
    assert z > face[lm.NOSE_TIP, 2]


def test_the_centre_goes_along_with_the_head():
    face, turn = portrait_face(), about_camera_axis("y", 30)
    expected = (head_centre(face) - (0.5, 0.5, 0)) @ turn.T + (0.5, 0.5, 0)
    np.testing.assert_allclose(head_centre(rotated(face, turn)), expected, atol=1e-5)


def test_half_a_turn_done_twice_is_the_turn():
    turn = rotation_from_angles(40, -15, 10)
    half = scaled_rotation(turn, 0.5)
    np.testing.assert_allclose(half @ half, turn, atol=1e-12)


def test_a_turn_scaled_by_nothing_one_and_minus_one():
    turn = rotation_from_angles(40, -15, 10)
    np.testing.assert_allclose(scaled_rotation(turn, 0), np.eye(3), atol=1e-12)
    np.testing.assert_allclose(scaled_rotation(turn, 1), turn, atol=1e-12)
    np.testing.assert_allclose(scaled_rotation(turn, -1), turn.T, atol=1e-12)
    np.testing.assert_allclose(scaled_rotation(np.eye(3), 1.5), np.eye(3))


def test_yaw_alone_scales_as_its_angle():
    np.testing.assert_allclose(angles_from_rotation(scaled_rotation(rotation_from_angles(30, 0, 0), 1.5)), (45, 0, 0))


def test_stable_points_are_rows_of_the_face():
    face = portrait_face()
    np.testing.assert_array_equal(stable_points(face)[0], face[lm.STABLE[0]])
    assert not set(lm.STABLE) & set(lm.INNER_LIPS + lm.OUTER_LIPS + lm.RIGHT_BROW + lm.LEFT_BROW)
