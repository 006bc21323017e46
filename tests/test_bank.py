"""The reference bank: which frames are kept, and how those that are shown change without flicker."""

import math

import numpy as np
import pytest
from faces import about_camera_axis, portrait_face, rotated

from cxanim.motion.expression import Expression, ExpressionBasis
from cxanim.motion.retarget import perform
from cxanim.pipelines.bank import Retrieval, calm_frames, farthest_points, rarity
from cxanim.pipelines.likeness import appearance, shares_by


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


def test_a_face_that_is_kept_is_shown_alone():
    bank = Retrieval(references(), portrait_face())
    assert [bank.shares(face) for face in references()] == [{0: 1.0}, {1: 1.0}, {2: 1.0}]
    assert Retrieval([portrait_face()], portrait_face()).shares(references()[1]) == {0: 1.0}


def test_shares_by_hand():
    # R = 4: weights 1/1 - 1/4, 1/2 - 1/4, 1/2 - 1/4, and 0 for those as far as the ninth; in all 5/4.
    shares = shares_by(np.array([4.0, 2, 1, 4, 9, 2, 4, math.inf, 4, 4, 4]))
    assert shares == pytest.approx({2: 0.6, 1: 0.2, 5: 0.2})
    assert next(iter(shares)) == 2
    assert shares_by(np.array([3.0, 1])) == pytest.approx({1: 0.75, 0: 0.25})  # too few for an R
    assert sum(shares_by(np.full(9, 2.0)).values()) == 1
    with pytest.raises(ValueError, match="finite"):
        shares_by(np.array([math.inf]))


def test_shares_change_smoothly_with_the_face():
    faces = [*references(), acted(blink_left=1.0), acted(brow_left=1.0), acted(smile=0.5), acted(jaw=0.3), acted(jaw=1)]
    bank = Retrieval(faces, portrait_face())
    path = [bank.shares(between(acted(smile=0.9, jaw=0.1), acted(jaw=0.9), step / 400)) for step in range(401)]
    assert all(sum(shares.values()) == pytest.approx(1) for shares in path)
    assert len({next(iter(shares)) for shares in path}) >= 3  # several are the nearest in turn
    for before, now in zip(path, path[1:], strict=False):
        assert max(abs(now.get(number, 0) - before.get(number, 0)) for number in range(len(faces))) < 0.06


def test_no_row_is_chosen_twice():
    rows = np.repeat(np.eye(3), 4, axis=0)
    assert sorted(farthest_points(rows, 8) // np.array(4)) == [0, 1, 2]
    assert farthest_points(np.ones((5, 2)), 4, first=2) == [2]


def test_rare_looks_are_drawn_more_often_than_their_share_and_none_is_left_out():
    random = np.random.default_rng(0)
    common, rare = random.normal(0, 0.1, (95, 4)), random.normal(3, 0.1, (5, 4))
    chances = rarity(np.concatenate([common, rare]))
    assert chances.sum() == pytest.approx(1) and chances.min() >= 0.5 / 100
    assert 0.15 < chances[95:].sum() < 0.5


def test_frames_that_are_all_the_same_are_drawn_alike():
    np.testing.assert_allclose(rarity(np.zeros((7, 3))), 1 / 7)


def test_fewer_references_may_be_blended_and_none_jumps():
    distances = np.linspace(1, 2, 12)
    few = shares_by(distances, 3)
    assert list(few) == [0, 1, 2] and sum(few.values()) == pytest.approx(1)
    distances[3] = distances[2] + 1e-6  # as the next one comes as near as the last, that one goes
    assert 2 not in shares_by(distances, 3)


def test_eyes_are_not_torn_open():
    """Wide eyes are not made of narrow ones, though these look more like the face otherwise."""
    narrow, turned = acted(blink=0.6), rotated(portrait_face(), about_camera_axis("y", 14))
    retrieval = Retrieval([narrow, turned], portrait_face(), most=1)
    assert retrieval.shares(acted(blink=0.7)) == {0: 1.0}
    for blink in (-0.1, -0.4):
        assert retrieval.shares(acted(blink=blink)) == {1: 1.0}
        assert distance(acted(blink=blink), narrow) < distance(acted(blink=blink), turned)
