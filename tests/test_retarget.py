"""Retargeting: what the driver does arrives, whose face the driver has does not."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from faces import about_camera_axis, portrait_face, rotated

from cxanim.motion import landmarks as lm
from cxanim.motion.expression import Expression, ExpressionBasis
from cxanim.motion.head import head_angles, head_centre
from cxanim.motion.pose import eye_distance
from cxanim.motion.ratios import eye_openness, mouth_gap
from cxanim.motion.regions import REGIONS, region_weights
from cxanim.motion.retarget import Gains, Retargeting, measure, most_neutral, perform, still

STILL_GAINS = dict(head=0.0, brows=0.0, eyes=0.0, gaze=0.0, mouth=0.0)
BUSY = Expression(
    yaw_deg=15, pitch_deg=-6, smile=0.6, jaw=0.3, brow_left=0.8, brow_right=0.3, gaze_right=0.7, blink_left=0.5
)


def acted(neutral: np.ndarray, **sliders: float) -> np.ndarray:
    return perform(ExpressionBasis(neutral).performance(Expression(**sliders)), neutral)


def driver() -> np.ndarray:
    """A relaxed face: the portrait's with its mouth closed."""
    return perform(replace(still(), gap=-1.0), portrait_face())


def somebody_else() -> np.ndarray:
    """A face of other proportions: longer, turned a little, with narrow eyes, elsewhere in the picture."""
    stretched = (portrait_face() - (0.5, 0.5, 0)) * (0.8, 1.1, 0.9) + (0.45, 0.55, 0.02)
    narrow = acted(stretched.astype(np.float32), blink_left=0.4, blink_right=0.4)
    return rotated(narrow, about_camera_axis("y", 7))


def test_the_neutral_of_a_long_clip_costs_no_memory():
    """Twenty minutes at 60 frames a second, one face in fifty relaxed; all faces as float64 would be 826 MB."""
    relaxed, busy = driver(), acted(driver(), jaw=0.8, blink_left=0.5)
    faces = [relaxed if number % 72 == 0 or number % 5 else busy for number in range(72_000)]
    tracemalloc.start()
    chosen = most_neutral(faces)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert faces[chosen] is relaxed
    assert peak_bytes < 100e6


def test_a_neutral_driver_leaves_the_target_exactly_neutral():
    target = somebody_else()
    np.testing.assert_allclose(Retargeting(driver(), target).face(driver()), target, atol=1e-4)
    np.testing.assert_allclose(perform(still(), portrait_face()), portrait_face(), atol=1e-6)


def test_a_driver_who_is_the_target_is_reproduced():
    # Lids obey a ratio that shuts what MediaPipe sees as nearly shut, so this driver's are left alone.
    neutral = driver()
    sliders = dict(yaw_deg=15, pitch_deg=-6, roll_deg=4, smile=0.0, jaw=0.4, brow_left=0.8, gaze_right=0.7, right=0.1)
    face = acted(neutral, **sliders)
    again = Retargeting(neutral, neutral).face(face)
    lids = np.unique(lm.RIGHT_EYE + lm.LEFT_EYE)
    moved = np.abs(face - neutral).max()
    assert moved > 0.05
    others = np.setdiff1d(np.arange(478), lids)
    assert np.abs(again - face)[others].max() < 0.03 * moved


@pytest.mark.parametrize("turn", [("y", 12), ("x", -9), ("z", 10)])
def test_a_turn_of_the_drivers_head_arrives_as_that_turn(turn):
    target = somebody_else()
    before = np.array(head_angles(target))
    moved = Retargeting(driver(), target).face(rotated(driver(), about_camera_axis(*turn)))
    same_turn = rotated(target, about_camera_axis(*turn), tuple(head_centre(target)))
    # The turn is taken about the driver's axes and given about the target's, which differ by a few degrees.
    np.testing.assert_allclose(np.array(head_angles(moved)) - before, np.array(head_angles(same_turn)) - before, atol=3)


def test_a_step_of_the_driver_arrives_in_eye_distances():
    target = somebody_else()
    step = np.float32((0.08, -0.05, 0))
    moved = Retargeting(driver(), target).face(driver() + step)
    expected = target + step * eye_distance(target) / eye_distance(driver())
    np.testing.assert_allclose(moved, expected, atol=1e-4)


def test_a_driver_who_comes_nearer_makes_the_target_larger_by_as_much():
    target = somebody_else()
    moved = Retargeting(driver(), target).face(driver() * np.float32(1.2))
    assert eye_distance(moved) == pytest.approx(1.2 * eye_distance(target), rel=1e-3)


def test_where_and_how_large_the_driver_is_filmed_changes_nothing():
    neutral, target = driver(), somebody_else()
    face = perform(ExpressionBasis(neutral).performance(BUSY), neutral)
    elsewhere = [(points * 0.4 + (0.3, 0.1, 0)).astype(np.float32) for points in (neutral, face)]
    here, there = Retargeting(neutral, target).face(face), Retargeting(elsewhere[0], target).face(elsewhere[1])
    np.testing.assert_allclose(there, here, atol=1e-4)


def test_no_gain_at_all_freezes_the_target():
    neutral, target = driver(), somebody_else()
    face = perform(ExpressionBasis(neutral).performance(BUSY), neutral) * np.float32(1.2)  # nearer, too
    np.testing.assert_allclose(Retargeting(neutral, target, Gains(**STILL_GAINS)).face(face), target, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "points"),
    [("mouth", lm.OUTER_LIPS), ("brows", lm.LEFT_BROW), ("gaze", lm.LEFT_IRIS), ("eyes", lm.LEFT_EYE_UPPER[2:-2])],
)
def test_no_gain_freezes_a_region_and_only_that_one(name, points):
    target = somebody_else()
    performance = ExpressionBasis(driver()).performance(
        Expression(smile=0.6, jaw=0.5, brow_left=1, gaze_right=1, blink_left=1)
    )
    free, frozen = perform(performance, target), perform(performance, target, Gains(**{name: 0.0}))
    moves, rests = (np.linalg.norm((face - target)[list(points)], axis=1).mean() for face in (free, frozen))
    assert rests < 0.25 * moves
    everything_else = sum(np.abs((frozen - target)[_strongest(target, other)]).mean() for other in {*REGIONS} - {name})
    assert everything_else > 0.003


def _strongest(face: np.ndarray, region: str) -> np.ndarray:
    return np.argsort(region_weights(face)[region])[-10:]


def test_a_head_gain_of_two_turns_twice_as_far():
    target = driver()
    performance = ExpressionBasis(target).performance(Expression(yaw_deg=10))
    yaw = [head_angles(perform(performance, target, Gains(head=gain)))[0] for gain in (0, 1, 2)]
    assert yaw[1] - yaw[0] == pytest.approx(10, abs=0.3)
    assert yaw[2] - yaw[0] == pytest.approx(20, abs=0.6)


def test_a_driver_who_shuts_the_eyes_shuts_the_targets_whatever_their_shape():
    neutral, target = driver(), somebody_else()
    assert eye_openness(target).max() < 0.9 * eye_openness(neutral).min()  # the shapes do differ
    for driving, driven in ((neutral, target), (target, neutral)):
        shut = Retargeting(driving, driven).face(acted(driving, blink_left=1, blink_right=1))
        assert (eye_openness(shut) < 0.12 * eye_openness(driven)).all()


def test_one_shut_eye_shuts_only_that_one():
    neutral, target = driver(), somebody_else()
    right, left = eye_openness(Retargeting(neutral, target).face(acted(neutral, blink_left=1))) / eye_openness(target)
    assert left < 0.12
    assert right > 0.9


def test_the_mouth_opens_by_the_drivers_gap_in_eye_distances():
    neutral, target = driver(), somebody_else()
    face = acted(neutral, jaw=0.7)
    opened = Retargeting(neutral, target).face(face)
    # The jaw slider opens a mouth by 0.42 eye distances.
    assert mouth_gap(opened) - mouth_gap(target) == pytest.approx(0.7 * 0.42, rel=0.03)


def test_a_mouth_never_closes_further_than_shut():
    smiling, relaxed = portrait_face(), driver()
    # The driver is neutral with an open mouth and then shuts it; the target's is shut already.
    shut = Retargeting(smiling, relaxed).face(relaxed)
    upper, lower = shut[list(lm.INNER_LIP_UPPER[2:-2])], shut[list(lm.INNER_LIP_LOWER[2:-2])]
    assert ((lower - upper)[:, 1] > -0.004).all()


def test_a_performance_is_what_was_done():
    neutral = driver()
    done = measure(acted(neutral, yaw_deg=10, blink_right=1, jaw=0.5), neutral)
    assert done.closure[0] == pytest.approx(1) and done.closure[1] < 0.05
    assert done.scale == pytest.approx(1, abs=0.01)
    assert done.gap == pytest.approx(0.5 * 0.42, rel=0.03)


def test_the_most_neutral_frame_is_the_relaxed_one_and_not_the_first():
    neutral = driver()
    clip = [
        acted(neutral, jaw=0.8, blink_left=1, blink_right=1),
        None,
        acted(neutral, jaw=0.6),
        acted(neutral, yaw_deg=1),
        acted(neutral, blink_left=1, blink_right=1),
        acted(neutral, yaw_deg=25),
        acted(neutral, smile=1, jaw=0.3),
    ]
    assert most_neutral(clip) == 3


def test_a_clip_without_a_face_has_no_neutral():
    with pytest.raises(ValueError, match="no face"):
        most_neutral([None, None])


def test_regions_are_shares_and_the_irises_belong_to_the_gaze_alone():
    weights = region_weights(portrait_face())
    assert tuple(sorted(weights)) == tuple(sorted(REGIONS))
    total = sum(weights.values())
    assert total.max() <= 1 + 1e-6
    assert min(weight.min() for weight in weights.values()) >= 0
    irises = list(lm.RIGHT_IRIS + lm.LEFT_IRIS)
    np.testing.assert_array_equal(weights["gaze"][irises], 1)
    assert weights["gaze"].sum() == 10
    for name, points in (("mouth", lm.OUTER_LIPS), ("eyes", lm.LEFT_EYE), ("brows", lm.RIGHT_BROW)):
        assert weights[name][list(points)].min() > 0.5


def test_gains_out_of_range_are_refused():
    with pytest.raises(ValueError, match="mouth: got 3"):
        Gains(mouth=3)


def test_absolute_motion_brings_the_target_into_the_drivers_state():
    """Two people who stand differently: the target ends as the driver is, not as the driver has changed."""
    neutral = rotated(acted(driver(), jaw=0.2, gaze_right=0.4), about_camera_axis("y", -8))
    target = acted(somebody_else(), gaze_right=-0.4)
    face = rotated(acted(neutral, jaw=0.4, blink_left=0.3), about_camera_axis("z", 9))
    relative, absolute = (Retargeting(neutral, target, absolute=way).face(face) for way in (False, True))
    np.testing.assert_allclose(head_angles(absolute), head_angles(face), atol=1)
    assert np.abs(np.subtract(head_angles(relative), head_angles(face))).max() > 5
    assert mouth_gap(absolute) == pytest.approx(mouth_gap(face), rel=0.1)

    def gaze(points: np.ndarray) -> float:
        right, corners = points[lm.RIGHT_IRIS[0]], points[[33, 133]]
        return float((right - corners.mean(0)) @ (corners[1] - corners[0]) / ((corners[1] - corners[0]) ** 2).sum())

    assert abs(gaze(absolute) - gaze(face)) < 0.3 * abs(gaze(relative) - gaze(face))


def test_absolute_lids_stand_as_far_open_as_the_drivers():
    neutral, target = acted(driver(), blink_left=0.2, blink_right=0.2), driver()
    there = Retargeting(neutral, target, absolute=True).face(neutral)
    np.testing.assert_allclose(eye_openness(there), eye_openness(neutral), rtol=0.05)
    shut = acted(neutral, blink_left=1.0, blink_right=1.0)
    both = [Retargeting(neutral, target, absolute=way).face(shut) for way in (False, True)]
    np.testing.assert_allclose(eye_openness(both[1]), eye_openness(both[0]), atol=0.02)


def test_absolute_motion_of_the_target_itself_is_relative_motion():
    neutral = driver()
    face = perform(ExpressionBasis(neutral).performance(BUSY), neutral)
    relative, absolute = (Retargeting(neutral, neutral, absolute=way).face(face) for way in (False, True))
    np.testing.assert_allclose(absolute, relative, atol=1e-5)


def test_no_gain_at_all_freezes_the_target_in_absolute_motion_too():
    neutral, target = driver(), somebody_else()
    face = perform(ExpressionBasis(neutral).performance(BUSY), neutral)
    frozen = Retargeting(neutral, target, Gains(**STILL_GAINS), absolute=True).face(face)
    np.testing.assert_allclose(frozen, target, atol=1e-4)


@pytest.mark.parametrize("blink", [-0.5, -0.3, -0.1])
def test_eyes_are_opened_as_wide_as_they_are(blink: float):
    face = portrait_face()
    wide = acted(face, blink=blink)
    assert eye_openness(wide) == pytest.approx(eye_openness(face) * (1 - blink), rel=0.01)
    assert eye_openness(Retargeting(face, face).face(wide)) == pytest.approx(eye_openness(wide), rel=0.01)
