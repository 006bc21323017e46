"""Calming landmarks: the filter against its paper, and gaps that are filled or left."""

import math

import numpy as np
import pytest

from cxanim.motion.smooth import OneEuro, fill_gaps, smooth_track


def one_euro_of_the_paper(values, rate_hz, mincutoff, beta, dcutoff):
    """Algorithm 1 of the paper, number by number, with its own names.

    Differs from it in one word: the speed is taken against the last *filtered* value, as the authors' own
    implementations do.
    """

    def alpha(cutoff):
        tau, te = 1.0 / (2 * math.pi * cutoff), 1.0 / rate_hz
        return 1.0 / (1.0 + tau / te)

    filtered, xhat, dxhat = [], None, 0.0
    for x in values:
        if xhat is None:
            xhat = x
        else:
            dx = (x - xhat) * rate_hz
            dxhat = alpha(dcutoff) * dx + (1 - alpha(dcutoff)) * dxhat
            cutoff = mincutoff + beta * abs(dxhat)
            xhat = alpha(cutoff) * x + (1 - alpha(cutoff)) * xhat
        filtered.append(xhat)
    return filtered


def walk(frames: int = 40) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.02, (frames, 2, 3)).cumsum(0)


@pytest.mark.parametrize("strength", [0.5, 1.0, 3.0])
def test_it_is_the_papers_filter(strength):
    values = walk()
    euro = OneEuro(strength, beta=20.0, speed_cutoff_hz=2.0)
    filtered = np.stack([euro(value, 1 / 25) for value in values])
    for point in range(2):
        for axis in range(3):
            slow = one_euro_of_the_paper(values[:, point, axis], 25.0, 3.0 / strength, 20.0 / strength, 2.0)
            np.testing.assert_allclose(filtered[:, point, axis], slow, rtol=1e-9)


def test_the_first_value_passes_and_so_does_the_first_after_a_reset():
    euro, values = OneEuro(), walk()
    np.testing.assert_array_equal(euro(values[0], 0.04), values[0])
    assert not np.array_equal(euro(values[1], 0.04), values[1])
    euro.reset()
    np.testing.assert_array_equal(euro(values[2], 0.04), values[2])


def test_strength_zero_lets_everything_through():
    euro, values = OneEuro(0.0), walk()
    for value in values:
        np.testing.assert_array_equal(euro(value, 0.04), value)
    np.testing.assert_array_equal(smooth_track(values, 25, 0.0), values)


def test_a_negative_strength_is_refused():
    with pytest.raises(ValueError, match="strength"):
        OneEuro(-1.0)


def test_what_rests_stays_where_it_is():
    track = np.full((20, 4, 3), 0.3, np.float32)
    np.testing.assert_allclose(smooth_track(track, 30), track, atol=1e-7)


def test_trembling_shrinks_and_more_strength_shrinks_it_more():
    track = (0.5 + np.random.default_rng(1).normal(0, 0.002, (60, 5, 3))).astype(np.float32)
    spread = [np.diff(smooth_track(track, 30, strength), axis=0).std() for strength in (0, 1, 3)]
    assert spread[0] > 1.5 * spread[1] > 1.5 * spread[2]


def test_a_fast_move_arrives_nearly_at_once():
    track = np.zeros((20, 1, 3))
    track[10:] = 0.3
    euro = OneEuro()
    filtered = np.stack([euro(value, 1 / 30) for value in track])
    assert filtered[11, 0, 0] > 0.25


def test_a_recording_is_calmed_the_same_forwards_and_backwards():
    track = walk()
    np.testing.assert_allclose(smooth_track(track, 25), smooth_track(track[::-1], 25)[::-1], atol=1e-12)


def test_repeated_frames_stay_equal_and_change_nothing_else():
    track = walk()
    slow = smooth_track(track, 12.5)
    twice = smooth_track(np.repeat(track, 2, axis=0), 25)
    np.testing.assert_array_equal(twice[::2], twice[1::2])
    np.testing.assert_allclose(twice[::2], slow, atol=1e-12)


def test_a_calmed_recording_does_not_lag():
    t = np.arange(100) / 25
    wave = np.tile((0.5 + 0.01 * np.sin(2 * np.pi * t))[:, None, None], (1, 1, 3))

    def lag(filtered: np.ndarray) -> int:
        a, b = wave[25:75, 0, 0] - 0.5, filtered[:, 0, 0] - 0.5
        return max(range(-8, 9), key=lambda shift: float(a @ b[25 + shift : 75 + shift]))

    euro = OneEuro(3.0)
    assert lag(np.stack([euro(value, 1 / 25) for value in wave])) > 0  # one way does
    assert lag(smooth_track(wave, 25, 3.0)) == 0


def test_type_and_given_arrays_are_kept():
    track = walk().astype(np.float32)
    before = track.copy()
    assert smooth_track(track, 25).dtype == np.float32
    np.testing.assert_array_equal(track, before)


def ramp_with_gaps() -> np.ndarray:
    track = np.tile(np.arange(12, dtype=np.float32)[:, None, None] ** 1, (1, 2, 3))
    track[[0, 3, 4, 8, 9, 10]] = np.nan
    return track


def test_gaps_are_filled_on_a_straight_line_and_the_ends_keep_the_nearest():
    expected = np.arange(12, dtype=np.float32)
    expected[0] = 1
    np.testing.assert_allclose(fill_gaps(ramp_with_gaps())[:, 0, 0], expected)


def test_gaps_that_are_too_long_are_left():
    filled = fill_gaps(ramp_with_gaps(), longest=2)[:, 1, 2]
    np.testing.assert_array_equal(np.flatnonzero(np.isnan(filled)), [8, 9, 10])
    np.testing.assert_allclose(filled[[3, 4]], [3, 4])


def test_long_gaps_at_the_ends_are_left_too():
    track = walk().astype(np.float32)[:12]
    track[:4] = track[9:] = np.nan
    filled = fill_gaps(track, longest=3)
    np.testing.assert_array_equal(np.flatnonzero(np.isnan(filled[:, 0, 0])), [0, 1, 2, 3])
    np.testing.assert_array_equal(filled[10:], np.stack([track[8]] * 2))


def test_a_recording_without_gaps_or_without_anything_comes_back_as_it_is():
    full, empty = walk(), np.full((5, 2, 3), np.nan)
    assert fill_gaps(full) is full
    assert np.isnan(fill_gaps(empty)).all()
    assert len(fill_gaps(np.empty((0, 2, 3)))) == 0


def test_missing_frames_stay_missing_and_spoil_no_other():
    track = walk()
    track[[0, 15, 16, 17, 39]] = np.nan
    calm = smooth_track(track, 25)
    np.testing.assert_array_equal(np.isnan(calm), np.isnan(track))
    # A stretch is calmed as if it were the whole recording.
    np.testing.assert_allclose(calm[18:39], smooth_track(track[18:39], 25))
    assert not np.allclose(calm[18:39], track[18:39])
