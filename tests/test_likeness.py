"""What counts when two frames of a person are compared, and how a clip tells."""

import numpy as np
import pytest
import torch
from faces import about_camera_axis, portrait_face, rotated

from cxanim.motion.expression import Expression, ExpressionBasis
from cxanim.motion.head import stable_points
from cxanim.motion.retarget import perform
from cxanim.pipelines.likeness import PARTS, Likeness, _shares, appearance, learn_likeness, shares_by, squared_parts

FRAMES, REFERENCES = 24, 12


def looks(face: np.ndarray) -> np.ndarray:
    return appearance(face, portrait_face())


def acted(**sliders: float) -> np.ndarray:
    return perform(ExpressionBasis(portrait_face()).performance(Expression(**sliders)), portrait_face())


def tilted(angle_deg: float) -> np.ndarray:
    """The portrait tilted on the spot: what holds the head's place does not move."""
    face = rotated(portrait_face(), about_camera_axis("z", angle_deg))
    shift = (stable_points(portrait_face()) - stable_points(face)).mean(0)
    return (face + shift).astype(np.float32)


def only(part: str, weight: float = 1.0, rest: float = 0.01) -> Likeness:
    return Likeness(tuple(weight if name == part else rest for name in PARTS))


def test_parts_are_those_of_the_whole_distance():
    some = np.stack([looks(acted(jaw=0.5, blink_left=1)), looks(rotated(portrait_face(), about_camera_axis("y", 9)))])
    parts = squared_parts(some, looks(portrait_face()))
    assert parts.shape == (2, len(PARTS))
    np.testing.assert_allclose(np.sqrt(parts.sum(1)), np.linalg.norm(some - looks(portrait_face()), axis=1))
    np.testing.assert_allclose(np.sqrt(parts.sum(1)), Likeness().distances(some, looks(portrait_face())))


@pytest.mark.parametrize(
    ("part", "face"),
    [
        ("mouth", acted(jaw=1.0)),
        ("lids", acted(blink_left=1.0, blink_right=1.0)),
        ("brows", acted(brow_left=1.0, brow_right=1.0)),
        ("facing", rotated(portrait_face(), about_camera_axis("y", 15))),
        ("tilt", tilted(15)),
        ("place", (portrait_face() + (0.1, 0, 0)).astype(np.float32)),
    ],
)
def test_each_part_tells_its_own_change(part: str, face: np.ndarray):
    # Judged by this part alone the change is large; what is left with the part switched off is less than that.
    there, neutral = looks(face)[None], looks(portrait_face())
    off = Likeness(tuple(0.01 if name == part else 1.0 for name in PARTS))
    assert only(part).distances(there, neutral)[0] > off.distances(there, neutral)[0]


def clip_in_which(part: int, noise: float = 0.0) -> tuple[np.ndarray, ...]:
    """Faces and references whose pictures are told by one part of their appearance, all parts being drawn at random."""
    random = np.random.default_rng(3)
    faces, references = (random.uniform(-1, 1, (count, len(PARTS))) for count in (FRAMES, REFERENCES))
    parts = (faces[:, None] - references[None]) ** 2
    grey = 128 + 100 * references[:, part]
    shown = np.broadcast_to(grey[None, :, None], (FRAMES, REFERENCES, 8))
    truth = np.broadcast_to(128 + 100 * faces[:, part, None], (FRAMES, 8)) + noise * random.normal(size=(FRAMES, 8))
    allowed = np.ones((FRAMES, REFERENCES), bool)
    return parts, np.round(shown).astype(np.uint8), np.round(truth).clip(0, 255).astype(np.uint8), allowed


def error(likeness: Likeness, parts: np.ndarray, shown: np.ndarray, truth: np.ndarray) -> float:
    distances = np.sqrt((parts * np.square(likeness.weights)).sum(2))
    errors = []
    for frame, row in enumerate(distances):
        shares = shares_by(row)
        mixed = sum(share * shown[frame, number].astype(float) for number, share in shares.items())
        errors.append(np.abs(mixed - truth[frame]).mean())
    return float(np.mean(errors))


@pytest.mark.parametrize("part", [0, 3, 6])
def test_a_clip_tells_what_counts(part: int):
    parts, shown, truth, allowed = clip_in_which(part)
    learnt = learn_likeness(parts, shown, truth, allowed)
    others = [weight for number, weight in enumerate(learnt.weights) if number != part]
    assert learnt.weights[part] > 2 * max(others)
    assert error(learnt, parts, shown, truth) < 0.5 * error(Likeness(), parts, shown, truth)


def test_what_a_clip_does_not_tell_stays_as_it_was():
    parts, shown, truth, allowed = clip_in_which(0)
    learnt = learn_likeness(parts, np.full_like(shown, 90), np.full_like(truth, 90), allowed)
    np.testing.assert_allclose(learnt.weights, 1, atol=0.01)
    nothing_differs = parts.copy()
    nothing_differs[..., 2] = 0
    assert learn_likeness(nothing_differs, shown, truth, allowed).weights[2] == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("count", [1, 5, 9, 20])
def test_it_learns_with_the_shares_that_are_shown(count: int):
    distances = np.random.default_rng(count).uniform(1, 1.5, (4, count))
    distances[:, 2:4] = np.inf
    for row, learnt_with in zip(distances, _shares(torch.from_numpy(distances)).numpy(), strict=True):
        shown = shares_by(row)
        np.testing.assert_allclose(learnt_with.sum(), 1)
        assert all(learnt_with[number] == pytest.approx(share, abs=0.05) for number, share in shown.items())
        assert all(share < 0.025 for number, share in enumerate(learnt_with) if number not in shown)


def test_what_may_not_be_shown_teaches_nothing():
    parts, shown, truth, allowed = clip_in_which(4)
    allowed[:, ::3] = False
    forged = shown.copy()
    forged[:, ::3] = 255
    assert learn_likeness(parts, shown, truth, allowed) == learn_likeness(parts, forged, truth, allowed)


@pytest.mark.parametrize("wrong", [dict(weights=(1.0,)), dict(weights=(0.0,) * 7), dict(weights=(1e9,) * 7)])
def test_an_impossible_likeness_is_refused(wrong: dict):
    with pytest.raises(ValueError, match="weights: got"):
        Likeness(**wrong)
