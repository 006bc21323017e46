"""The authored motions: loops that end where they began, and do what their names say."""

from functools import cache

import numpy as np
import pytest
from faces import portrait_face

from cxanim.motion import landmarks as lm
from cxanim.motion.expression import ExpressionBasis
from cxanim.motion.head import fit_similarity, head_angles, stable_points
from cxanim.motion.pose import eye_distance
from cxanim.motion.presets import PRESETS
from cxanim.motion.ratios import eye_openness, mouth_gap
from cxanim.motion.retarget import Gains, perform

FPS = 20


@cache
def faces(name: str) -> np.ndarray:
    return np.stack(list(PRESETS[name].faces(portrait_face(), FPS)))


@cache
def unposed(name: str) -> np.ndarray:
    """The faces with the turn of the head taken out."""
    rest = stable_points(portrait_face())
    return np.stack([fit_similarity(rest, stable_points(face)).undone(face) for face in faces(name)])


def swing(name: str) -> np.ndarray:
    """Range of yaw, pitch and roll in degrees."""
    return np.ptp([head_angles(face) for face in faces(name)], axis=0)


def openness(name: str) -> np.ndarray:
    """(frames, 2): opening of the right and left eye against the neutral face."""
    return np.array([eye_openness(face) for face in faces(name)]) / eye_openness(portrait_face())


def test_the_promised_motions_are_there():
    promised = {"nod", "shake", "look-around", "blink", "wink", "smile", "talk", "surprise"}
    assert promised <= set(PRESETS)
    assert all(name == preset.name and preset.description for name, preset in PRESETS.items())


@pytest.mark.parametrize("name", PRESETS)
def test_a_loop_ends_where_it_began(name):
    preset, basis = PRESETS[name], ExpressionBasis(portrait_face())
    assert preset.closes and preset.expression_at(0.0) == preset.expression_at(preset.duration_s)
    first, last = (
        perform(basis.performance(preset.expression_at(time_s)), portrait_face()) for time_s in (0.0, preset.duration_s)
    )
    assert np.abs(last - first).max() < 0.001  # a quarter of a pixel of 256


@pytest.mark.parametrize("name", PRESETS)
def test_it_moves_smoothly_and_for_its_duration(name):
    assert len(faces(name)) == round(PRESETS[name].duration_s * FPS)
    steps = np.abs(np.diff(faces(name)[:, list(lm.STABLE)], axis=0)).max((1, 2))
    assert 1e-4 < steps.max() < 0.05 * 0.6
    assert np.isfinite(faces(name)).all()


@pytest.mark.parametrize("name", PRESETS)
def test_without_gains_nothing_moves(name):
    nothing = Gains(head=0, brows=0, eyes=0, gaze=0, mouth=0)
    frames = list(PRESETS[name].faces(portrait_face(), 5, nothing))
    np.testing.assert_allclose(frames, np.broadcast_to(portrait_face(), np.shape(frames)), atol=1e-4)


def test_nodding_moves_pitch_and_not_yaw():
    yaw, pitch, roll = swing("nod")
    assert pitch > 12 and yaw < 2 and roll < 2


def test_shaking_moves_yaw_and_not_pitch():
    yaw, pitch, _ = swing("shake")
    assert yaw > 20 and pitch < 3


def test_looking_around_turns_both_ways_and_lifts_the_chin():
    angles = np.array([head_angles(face) for face in faces("look-around")]) - head_angles(portrait_face())
    assert angles[:, 0].max() > 10 and angles[:, 0].min() < -10
    assert angles[:, 1].max() > 6


def test_blinking_shuts_both_eyes_and_opens_them_again():
    both = openness("blink")
    assert (both.min(0) < 0.2).all() and (both.max(0) > 0.9).all()
    shut = both < 0.5
    np.testing.assert_array_equal(shut[:, 0], shut[:, 1])
    assert np.count_nonzero(np.diff(shut[:, 0].astype(int)) == 1) == 3  # "blinks three times"


def test_winking_shuts_the_subjects_left_eye_only():
    right, left = openness("wink").min(0)
    assert left < 0.1
    assert right > 0.6


def test_smiling_widens_the_mouth_and_lifts_its_corners():
    middle, unit = unposed("smile")[len(faces("smile")) // 2], eye_distance(portrait_face())
    rest = portrait_face()
    corners = [lm.RIGHT_MOUTH_CORNER, lm.LEFT_MOUTH_CORNER]
    assert np.ptp(middle[corners, 0]) > 1.1 * np.ptp(rest[corners, 0])
    assert ((middle - rest)[corners, 1] < -0.08 * unit).all()


def test_talking_opens_and_closes_the_mouth_several_times():
    gap = np.array([mouth_gap(face) for face in faces("talk")]) - mouth_gap(portrait_face())
    assert gap.max() > 0.15
    is_open = gap > 0.08
    assert np.count_nonzero(np.diff(is_open.astype(int)) == 1) >= 4


def test_surprise_raises_the_brows_opens_the_mouth_and_widens_the_eyes():
    struck, rest = unposed("surprise")[round(1.0 * FPS)], portrait_face()
    unit = eye_distance(rest)
    for brow in (lm.RIGHT_BROW, lm.LEFT_BROW):
        assert (struck - rest)[list(brow), 1].mean() < -0.1 * unit
    assert mouth_gap(struck) > mouth_gap(rest) + 0.2
    assert (eye_openness(struck) > 1.2 * eye_openness(rest)).all()
