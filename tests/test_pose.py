"""A pose: its axes, its parts, and how it is placed."""

import numpy as np
import pytest

from cxanim.motion.pose import Pose, eye_distance, face_box


def points(count: int, columns: int = 3) -> np.ndarray:
    return np.random.default_rng(0).random((count, columns)).astype(np.float32)


def test_a_pose_with_nothing_is_empty_and_a_hand_alone_is_not():
    assert Pose().is_empty
    assert not Pose(left_hand=points(21)).is_empty


@pytest.mark.parametrize("name", ["face", "body", "left_hand", "right_hand"])
def test_a_part_of_a_wrong_shape_is_refused_by_name(name):
    with pytest.raises(ValueError, match=rf"{name}: got shape \(5, 3\), expected"):
        Pose(**{name: points(5)})


def test_placing_scales_x_y_and_depth_then_shifts_x_and_y():
    face = np.zeros((478, 3), np.float32)
    face[0] = (0.2, 0.4, -0.1)
    # x: 2 * 0.2 + 1 = 1.4; y: 2 * 0.4 - 3 = -2.2; z has no shift: 2 * -0.1
    np.testing.assert_allclose(Pose(face=face).placed(2.0, 1.0, -3.0).face[0], (1.4, -2.2, -0.2), rtol=1e-6)


def test_placing_leaves_visibility_missing_parts_and_the_pose_itself_alone():
    body = points(33, 4)
    before = body.copy()
    placed = Pose(body=body).placed(3.0, 0.5, 0.5)
    np.testing.assert_array_equal(placed.body[:, 3], before[:, 3])
    np.testing.assert_array_equal(body, before)
    assert placed.face is None and placed.left_hand is None and placed.right_hand is None


def test_a_missing_face_is_named_when_it_is_needed():
    with pytest.raises(ValueError, match="no face"):
        Pose().need_face()


def test_another_face_keeps_the_other_parts():
    pose = Pose(body=points(33, 4)).with_face(points(478).astype(np.float64))
    assert pose.body is not None
    assert pose.need_face().dtype == np.float32


def test_a_box_is_x_before_y_and_ignores_the_irises():
    face = np.full((478, 3), 0.5, np.float32)
    face[0, :2], face[1, :2] = (0.2, 0.3), (0.6, 0.9)
    face[470, :2] = (0.0, 1.0)
    np.testing.assert_allclose(face_box(face), (0.2, 0.3, 0.6, 0.9), rtol=1e-6)
    # Grown by half: 0.4 wide gains 0.1 on either side, 0.6 high gains 0.15.
    np.testing.assert_allclose(face_box(face, 0.5), (0.1, 0.15, 0.7, 1.05), rtol=1e-5)


def test_eye_distance_is_that_of_the_eyes_centres_in_space():
    face = np.zeros((478, 3), np.float32)
    face[33], face[133] = (0.1, 0.0, 0.0), (0.3, 0.0, 0.0)  # the right eye's centre: (0.2, 0, 0)
    face[362], face[263] = (0.5, 0.4, 0.0), (0.5, 0.4, 0.0)  # the left eye's: (0.5, 0.4, 0)
    assert eye_distance(face) == pytest.approx(0.5)  # 3-4-5
