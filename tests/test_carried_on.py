"""What a network said of one picture, in the next: the same where that shows the same, else what was made before."""

import numpy as np
import pytest

from cxanim.models.crn import Window
from cxanim.pipelines.carried_on import carried_on, still_alike
from cxanim.pipelines.refine import Word

SIZE_PX = 64
WINDOW = Window(8, 16, 48, 32)


def picture(level: int) -> np.ndarray:
    return np.full((SIZE_PX, SIZE_PX, 3), level, np.uint8)


def brighter(by: float) -> Word:
    shape = (WINDOW.height, WINDOW.width)
    return Word(np.full((*shape, 3), by, np.float32), np.zeros((*shape, 2), np.float32), WINDOW)


def shown_by(was: np.ndarray, made: np.ndarray, now: np.ndarray, reach: int = 255, holds: float = 1.0) -> np.ndarray:
    trusted = np.full((WINDOW.height, WINDOW.width), holds, np.float32)
    everywhere = np.full((SIZE_PX, SIZE_PX), reach, np.uint8)
    return carried_on(brighter(0.2), WINDOW.of(was), WINDOW.of(made), now, everywhere, trusted)


def test_a_picture_that_shows_the_same_is_refined_as_it_was_said():
    same = picture(100)
    result = shown_by(same, picture(151), same)
    assert WINDOW.of(result) == pytest.approx(151, abs=1)
    outside = np.ones((SIZE_PX, SIZE_PX), bool)
    WINDOW.of(outside)[:] = False
    assert (result[outside] == 100).all()


def test_where_something_else_is_shown_nothing_is_left_of_what_is_gone():
    now = picture(220)
    np.testing.assert_array_equal(shown_by(picture(100), picture(151), now), now)


def test_where_something_else_is_shown_what_was_made_before_is_kept_as_far_as_its_colours_are_there():
    now = picture(220)
    now[:, ::2] = 120
    result = WINDOW.of(shown_by(picture(20), picture(151), now))[4:-4, 4:-4]
    assert result[:, 1::2] == pytest.approx(0.7 * 151 + 0.3 * 220, abs=1)
    assert result[:, ::2] == pytest.approx(0.7 * 151 + 0.3 * 120, abs=1)
    assert (WINDOW.of(shown_by(picture(20), picture(251), now))[4:-4, 4:-4] <= 220).all()


@pytest.mark.parametrize(("reach", "holds"), [(0, 1.0), (255, 0.0)])
def test_where_nothing_may_be_refined_or_no_way_is_known_the_picture_is_left_alone(reach: int, holds: float):
    for now in (picture(100), picture(220)):
        np.testing.assert_array_equal(shown_by(picture(100), picture(151), now, reach, holds), now)


def test_the_picture_that_is_given_stays_as_it_is():
    now = picture(220)
    shown_by(picture(100), picture(151), now)
    assert (now == 220).all()


def test_pictures_are_alike_up_to_some_levels_of_their_most_different_channel():
    was, now = picture(100), picture(100)
    now[..., 1] += np.arange(SIZE_PX, dtype=np.uint8)[:, None] * 2
    alike = still_alike(was, now)[:, 32]
    assert (alike[:7] == 1).all() and (alike[35:] == 0).all()
    assert (np.diff(alike) <= 0).all()
    assert alike[20] == pytest.approx((64 - 40) / 48, abs=0.03)
