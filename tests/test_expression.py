"""The sliders of the face: each moves its own feature, on its own side, the way its name says."""

import numpy as np
import pytest
from faces import portrait_face

from cxanim.motion import landmarks as lm
from cxanim.motion.expression import GROUPS, SLIDERS, Expression, ExpressionBasis
from cxanim.motion.head import head_angles, head_centre
from cxanim.motion.pose import eye_distance
from cxanim.motion.ratios import eye_openness, mouth_gap
from cxanim.motion.retarget import perform


def acted(**sliders: float) -> np.ndarray:
    return perform(ExpressionBasis(portrait_face()).performance(Expression(**sliders)), portrait_face())


def change(points: tuple[int, ...] | int, **sliders: float) -> np.ndarray:
    """Mean way (x, y) of the points in eye distances: the portrait looks at the camera, so x is right and y is down."""
    points = [points] if isinstance(points, int) else list(points)
    way = (acted(**sliders) - portrait_face())[points, :2].mean(0)
    return way / eye_distance(portrait_face())


def test_all_sliders_at_zero_are_the_neutral_face():
    np.testing.assert_allclose(acted(), portrait_face(), atol=1e-6)


@pytest.mark.parametrize(("slider", "angle"), [("yaw_deg", 0), ("pitch_deg", 1), ("roll_deg", 2)])
def test_the_head_turns_by_the_degrees_asked_for(slider, angle):
    # Turned about its own axes, which the portrait holds within 4 degrees of the camera's.
    turn = np.array(head_angles(acted(**{slider: 12.0}))) - head_angles(portrait_face())
    assert turn[angle] == pytest.approx(12, abs=0.2)
    assert np.abs(np.delete(turn, angle)).max() < 1.5


def test_right_and_down_move_the_head_in_the_picture():
    np.testing.assert_allclose(change(lm.STABLE, right=0.3, down=-0.2), (0.3, -0.2), atol=1e-3)


def test_blinks_shut_the_subjects_own_eye():
    rest = eye_openness(portrait_face())
    right, left = eye_openness(acted(blink_left=1)) / rest
    assert left < 0.05 and right == pytest.approx(1, abs=0.01)
    right, left = eye_openness(acted(blink_right=1)) / rest
    assert right < 0.05 and left == pytest.approx(1, abs=0.01)


def test_half_a_blink_shuts_half_way_and_a_negative_one_opens_wider():
    rest = eye_openness(portrait_face())
    np.testing.assert_allclose(eye_openness(acted(blink_left=0.5, blink_right=0.5)) / rest, 0.5, atol=0.05)
    np.testing.assert_allclose(eye_openness(acted(blink_left=-0.3, blink_right=-0.3)) / rest, 1.3, atol=0.05)


def test_a_jaw_opens_the_mouth_downwards():
    assert mouth_gap(acted(jaw=1)) - mouth_gap(portrait_face()) == pytest.approx(0.42, rel=0.03)
    assert change(lm.CHIN, jaw=1)[1] > 0.15
    assert abs(change(lm.NOSE_TIP, jaw=1)[1]) < 0.03


def test_a_smile_lifts_and_widens_the_corners_and_a_sad_mouth_drops_them():
    right, left = (change(corner, smile=1) for corner in (lm.RIGHT_MOUTH_CORNER, lm.LEFT_MOUTH_CORNER))
    assert right[0] < -0.08 and left[0] > 0.08
    assert right[1] < -0.08 and left[1] < -0.08
    assert change(lm.LEFT_MOUTH_CORNER, smile=-1)[1] > 0.08


def test_a_smile_narrows_the_eyes_a_little():
    narrowed = eye_openness(acted(smile=1)) / eye_openness(portrait_face())
    assert (narrowed > 0.75).all() and (narrowed < 0.95).all()


def test_puckered_lips_are_narrow():
    assert change(lm.RIGHT_MOUTH_CORNER, pucker=1)[0] > 0.08
    assert change(lm.LEFT_MOUTH_CORNER, pucker=1)[0] < -0.08


def test_brows_rise_on_their_own_side():
    assert change(lm.LEFT_BROW, brow_left=1)[1] < -0.1
    assert abs(change(lm.RIGHT_BROW, brow_left=1)[1]) < 0.03
    assert change(lm.RIGHT_BROW, brow_right=1)[1] < -0.1
    assert abs(change(lm.LEFT_BROW, brow_right=1)[1]) < 0.03


def test_a_frown_draws_the_inner_brows_together_and_down():
    right, left = change(107, frown=1), change(336, frown=1)  # the inner ends of the brows
    assert right[0] > 0.03 and left[0] < -0.03
    assert right[1] > 0.02 and left[1] > 0.02


def test_gaze_moves_the_irises_and_nothing_else():
    np.testing.assert_allclose(change(lm.LEFT_IRIS, gaze_right=1), (0.11, 0), atol=0.02)
    np.testing.assert_allclose(change(lm.RIGHT_IRIS, gaze_down=1), (0, 0.06), atol=0.02)
    assert np.abs(acted(gaze_right=1) - portrait_face())[:468].max() < 1e-6


def test_a_slider_for_both_sides_adds_to_those_of_each():
    np.testing.assert_array_equal(acted(blink=0.4, blink_left=0.3), acted(blink_left=0.7, blink_right=0.4))
    np.testing.assert_allclose(acted(brows=0.5, brow_left=0.5), acted(brow_left=1, brow_right=0.5), atol=1e-6)
    np.testing.assert_array_equal(acted(blink=1, blink_left=1), acted(blink=1))


def test_scale_makes_the_head_larger_where_it_is():
    assert eye_distance(acted(scale=1.2)) == pytest.approx(1.2 * eye_distance(portrait_face()), rel=1e-4)
    np.testing.assert_allclose(
        head_centre(acted(scale=1.2))[:2] - head_centre(portrait_face())[:2],
        0,
        atol=0.02 * eye_distance(portrait_face()),
    )


def test_parted_lips_open_without_the_chin_and_pressed_ones_are_thin_and_shut():
    parted, rest, pressed = (acted(lips=lips) for lips in (1, 0, -1))
    assert mouth_gap(parted) > mouth_gap(rest) + 0.08
    assert abs(change(lm.CHIN, lips=1)[1]) < 0.03
    assert mouth_gap(pressed) < 0.3 * mouth_gap(rest)
    thick = [np.linalg.norm(face[0, :2] - face[17, :2]) for face in (rest, pressed)]
    assert thick[1] < 0.8 * thick[0]


def test_every_slider_has_one_group():
    assert sorted(name for group in GROUPS.values() for name in group) == sorted(SLIDERS)


def test_what_is_clamped_goes_as_far_as_it_goes():
    assert Expression.clamped(yaw_deg=100, jaw=-1, smile=0.5) == Expression(yaw_deg=25, jaw=0, smile=0.5)
