"""The reference bank: which frames are kept, and how the shown one changes without flicker."""

import numpy as np
import pytest
from faces import about_camera_axis, portrait_face, rotated

from cxanim.motion.expression import Expression, ExpressionBasis
from cxanim.motion.retarget import perform
from cxanim.pipelines.bank import Retrieval, appearance, calm_frames, farthest_points, rarity


def acted(**sliders: float) -> np.ndarray:
    return perform(ExpressionBasis(portrait_face()).performance(Expression(**sliders)), portrait_face())


def between(a: np.ndarray, b: np.ndarray, share: float) -> np.ndarray:
    return (a + share * (b - a)).astype(np.float32)


def distance(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.linalg.norm(appearance(a, portrait_face()) - appearance(b, portrait_face())))


def test_half_a_jaw_counts_as_much_as_a_fortieth_of_the_picture():
    face = acted(smile=0.5)
    opened = distance(face, acted(smile=0.5, jaw=0.5))
    nearer, farther = (distance(face, (face + (share, 0, 0)).astype(np.float32)) for share in (0.02, 0.04))
    assert 0.5 * opened < nearer < opened < farther < 2 * opened


def test_lids_count_less_than_lips():
    assert distance(portrait_face(), acted(blink_left=1, blink_right=1)) < distance(portrait_face(), acted(jaw=0.5))


def test_calm_frames_leave_out_the_fast_ones():
    still = [portrait_face()] * 6
    jump = (portrait_face() + (0.1, 0, 0)).astype(np.float32)
    calm = calm_frames([*still, jump, *still])
    # The jump and its two neighbours move; of 13 frames a quarter may be left out.
    assert calm.tolist() == [True] * 5 + [False] * 3 + [True] * 5


@pytest.mark.parametrize("sliders", [dict(jaw=1.0), dict(blink_left=1.0), dict(brow_left=1.0), dict(smile=1.0)])
def test_every_expression_looks_different(sliders):
    assert distance(portrait_face(), acted(**sliders)) > 0.02


@pytest.mark.parametrize("axis", ["x", "y", "z"])
def test_every_turn_looks_different(axis):
    assert distance(portrait_face(), rotated(portrait_face(), about_camera_axis(axis, 20))) > 0.1


def test_farthest_points_by_hand():
    # From 0 the farthest is 10; then 4 lies 4 from its nearest, 9 only 1, 1 only 1; then 1 and 9 tie, the first wins.
    numbers = np.array([0.0, 1, 4, 9, 10])[:, None]
    assert farthest_points(numbers, 3) == [0, 4, 2]
    assert farthest_points(numbers, 4) == [0, 4, 2, 1]
    assert farthest_points(numbers, 2, first=2) == [2, 4]


def test_farthest_points_are_different_ones_and_at_most_all():
    vectors = np.random.default_rng(0).normal(size=(30, 4))
    assert len(set(farthest_points(vectors, 12))) == 12
    assert sorted(farthest_points(vectors, 99)) == list(range(30))


def test_farthest_points_keep_the_rare_expression():
    common = [acted(smile=0.01 * step) for step in range(15)]
    faces = [*common, acted(jaw=1.0)]
    vectors = np.stack([appearance(face, portrait_face()) for face in faces])
    assert 15 in farthest_points(vectors, 3)


def references() -> list[np.ndarray]:
    return [portrait_face(), acted(jaw=0.8), acted(smile=1.0)]


def test_the_nearest_reference_is_the_face_itself():
    bank = Retrieval(references(), portrait_face())
    assert [bank.nearest(face) for face in references()] == [0, 1, 2]
    np.testing.assert_allclose(bank.distances(references()[1])[1], 0, atol=1e-6)


def test_the_first_frame_shows_its_nearest_alone():
    assert Retrieval(references(), portrait_face()).next(acted(jaw=0.7)) == {1: 1.0}


def test_it_does_not_flip_between_two_that_are_nearly_equal():
    shut, opened = references()[:2]
    bank = Retrieval([shut, opened], portrait_face())
    nearest = set()
    for frame in range(40):
        face = between(shut, opened, 0.49 if frame % 2 else 0.51)
        nearest.add(bank.nearest(face))
        shares = bank.next(face)
        if frame == 0:
            first = shares
        assert shares == first
    assert nearest == {0, 1}  # without loyalty it would have


def test_shares_sum_to_one_and_fade_over_in_a_few_frames():
    bank = Retrieval(references(), portrait_face(), fade_frames=4)
    bank.next(references()[0])
    new = []
    for _ in range(6):
        shares = bank.next(references()[1])
        assert sum(shares.values()) == pytest.approx(1)
        assert min(shares.values()) > 0
        new.append(shares[1])
    np.testing.assert_allclose(new, (0.25, 0.5, 0.75, 1, 1, 1))


def test_shares_sum_to_one_when_it_changes_its_mind_in_the_middle():
    bank, random = Retrieval(references(), portrait_face()), np.random.default_rng(0)
    seen_three = False
    for number in random.integers(0, 3, 60):
        shares = bank.next(references()[number])
        seen_three |= len(shares) == 3
        assert sum(shares.values()) == pytest.approx(1)
        assert all(0 < share <= 1 for share in shares.values())
    assert seen_three


def test_rare_looks_are_drawn_more_often_than_their_share_and_none_is_left_out():
    random = np.random.default_rng(0)
    common, rare = random.normal(0, 0.1, (95, 4)), random.normal(3, 0.1, (5, 4))
    chances = rarity(np.concatenate([common, rare]))
    assert chances.sum() == pytest.approx(1) and chances.min() >= 0.5 / 100
    assert 0.15 < chances[95:].sum() < 0.5


def test_frames_that_are_all_the_same_are_drawn_alike():
    np.testing.assert_allclose(rarity(np.zeros((7, 3))), 1 / 7)


def test_no_row_is_chosen_twice():
    rows = np.repeat(np.eye(3), 4, axis=0)
    assert sorted(farthest_points(rows, 8) // np.array(4)) == [0, 1, 2]
    assert farthest_points(np.ones((5, 2)), 4, first=2) == [2]
