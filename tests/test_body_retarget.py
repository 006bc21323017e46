"""Body retargeting: lengths are the target's, directions the driver's, feet stand, and what is unseen does not jump."""

import numpy as np
import pytest
from figures import body_at_rest

from cxanim.errors import NoFigure
from cxanim.motion.body_build import Build, Filmed
from cxanim.motion.body_retarget import BodyRetarget, retargeted
from cxanim.motion.skeleton import (
    ANKLE,
    CHEST,
    ELBOW,
    HEEL,
    HIPS,
    KNEE,
    PARENTS,
    SHOULDER,
    TOE,
    WRIST,
    bones_of,
    joints_from,
    joints_of,
)

FPS = 30.0
DRAWN = (CHEST, SHOULDER, ELBOW, WRIST, KNEE, ANKLE)


def swinging(frames: int = 40, scale: float = 1.0, shift: tuple[float, float] = (0.0, 0.0)) -> list[np.ndarray]:
    """Somebody whose left arm swings through half a circle, from straight down on."""
    bodies = []
    for number in range(frames):
        body = body_at_rest()
        angle = -np.pi * number / (frames - 1)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        arm = [13, 15, 17, 19, 21]
        body[arm, :2] = body[11, :2] + (body[arm, :2] - body[11, :2]) @ turn.T
        body[:, :2] = scale * body[:, :2] + shift
        bodies.append(body)
    return bodies


def longer_arms(by: float) -> np.ndarray:
    """Rest joints (35, 2) of somebody whose arms are so many times as long."""
    rest = joints_of(body_at_rest())[0]
    bones = bones_of(rest)
    arms = list(range(13, 23))
    bones[arms] *= by
    return joints_from(rest[HIPS], bones)


def build(rest: np.ndarray) -> Build:
    return Build.of(rest[None], np.ones((1, len(rest))))


def test_bones_put_together_are_the_joints():
    joints = joints_of(np.stack(swinging(5)))[0]
    np.testing.assert_allclose(joints_from(joints[:, HIPS], bones_of(joints)), joints, atol=1e-12)
    assert (bones_of(joints)[:, HIPS] == 0).all() and PARENTS[HIPS] == HIPS


def test_driven_by_itself_a_body_does_what_the_driver_does():
    bodies = swinging()
    rest = joints_of(bodies[0])[0]
    made = np.stack(retargeted(bodies, FPS, rest, build(rest)))
    wanted = joints_of(np.stack(bodies))[0]
    np.testing.assert_allclose(made[..., :2], wanted, atol=0.02)


@pytest.mark.parametrize(("scale", "shift"), [(0.4, (0.1, 0.3)), (1.7, (-0.5, 0.2))])
def test_where_and_how_large_the_driver_is_seen_changes_nothing(scale: float, shift: tuple[float, float]):
    rest = joints_of(body_at_rest())[0]
    made = [np.stack(retargeted(swinging(scale=a, shift=b), FPS, rest, build(rest)))[..., :2]
            for a, b in ((1.0, (0.0, 0.0)), (scale, shift))]  # fmt: skip
    np.testing.assert_allclose(made[1], made[0], atol=1e-4)


def test_lengths_are_the_targets_and_directions_the_drivers():
    bodies, rest = swinging(), longer_arms(1.5)
    made = bones_of(np.stack(retargeted(bodies, FPS, rest, build(rest)))[..., :2])
    given = bones_of(joints_of(np.stack(bodies))[0])
    for joint in (ELBOW, WRIST):
        lengths = np.linalg.norm(made[:, joint], axis=1)
        np.testing.assert_allclose(lengths, 1.5 * np.linalg.norm(given[:, joint], axis=1), rtol=0.02)
        cosines = (made[:, joint] * given[:, joint]).sum(1) / lengths / np.linalg.norm(given[:, joint], axis=1)
        assert cosines.min() > 0.999


def test_a_driver_who_comes_nearer_does_not_make_the_target_larger():
    sizes = np.linspace(0.4, 1.0, 150)
    bodies = [swinging(150, scale=float(size))[number] for number, size in enumerate(sizes)]
    joints, visibility = joints_of(np.stack(bodies))
    told = Filmed.of(joints, visibility, FPS).sizes
    np.testing.assert_allclose(told[20:-20] / told[75], sizes[20:-20] / sizes[75], rtol=0.06)
    rest = joints_of(body_at_rest())[0]
    made = bones_of(np.stack(retargeted(bodies, FPS, rest, build(rest)))[..., :2])
    for joint in DRAWN:
        lengths = np.linalg.norm(made[20:-20, joint], axis=1)
        assert np.ptp(lengths) < 0.15 * lengths.mean()


def walking(frames: int = 90) -> list[np.ndarray]:
    """Somebody who steps aside: one foot stands while the other is set, both in turn."""
    bodies = []
    feet = np.array([0.58, 0.42])
    for number in range(frames):
        body = body_at_rest()
        phase, right = number % 30, (number // 30) % 2
        begun = feet.copy()
        if phase < 15:
            feet[right] = begun[right] + 0.012
        lift = 0.05 * np.sin(np.pi * phase / 15) if phase < 15 else 0.0
        middle = feet.mean() - 0.5
        body[:, 0] += middle
        for side in (0, 1):
            up = lift if side == right else 0.0
            for joint in (ANKLE, HEEL, TOE):
                body[joint + side, 0] += feet[side] - (0.58, 0.42)[side] - middle
                body[joint + side, 1] -= up
            body[KNEE + side, :2] = (body[23 + side, :2] + body[ANKLE + side, :2]) / 2 + (0.08, 0.0)
        bodies.append(body)
    return bodies


def slides(made: np.ndarray, given: np.ndarray) -> float:
    """How far aside, in all, the target's feet go while the driver's stand."""
    total = 0.0
    for right in (0, 1):
        still = np.linalg.norm(np.diff(given[:, ANKLE + right], axis=0), axis=1) < 1e-6
        total += np.abs(np.diff(made[:, ANKLE + right, 0]))[still].sum()
    return total


def test_a_foot_stands_while_the_drivers_stands():
    bodies, rest = walking(), joints_of(body_at_rest())[0]
    given = joints_of(np.stack(bodies))[0]
    free, standing = (
        # Legs that do not look shorter when they lead towards the camera do not reach where the driver's do.
        slides(np.stack(retargeted(bodies, FPS, rest, build(rest), feet=feet, foreshortening=0.0)), given)
        for feet in (False, True)
    )
    assert standing < 0.2 * free and free > 0.005


def test_a_limb_that_is_not_seen_falls_to_rest_and_does_not_jump():
    bodies = swinging(60)
    for body in bodies[30:]:
        body[[13, 15, 17, 19, 21], 3] = 0.1
    rest = joints_of(body_at_rest())[0]
    made = np.stack(retargeted(bodies, FPS, rest, build(rest)))[..., :2]
    steps = np.linalg.norm(np.diff(made[:, WRIST], axis=0), axis=1)
    assert steps[30:].max() < 3 * steps[:29].max()
    gone = np.linalg.norm(bones_of(made)[:, ELBOW] - bones_of(rest)[ELBOW], axis=1)
    assert gone[-1] < 0.5 * gone[29]


def test_where_frames_come_unevenly_a_limb_falls_to_rest_as_fast():
    joints, visibility = joints_of(np.stack(swinging(30)))
    rest = joints_of(body_at_rest())[0]
    hidden = visibility[-1].copy()
    hidden[WRIST - 2 : WRIST + 10 : 2] = 0.1
    ways = []
    for steps_s in ([1 / FPS] * 12, [2 / FPS, 5 / FPS, 1 / FPS, 4 / FPS]):
        worker = BodyRetarget(build(rest), rest, build(rest), joints[0], FPS)
        for one, seen in zip(joints, visibility, strict=True):
            worker.next(one, seen, 1.0, np.nan)
        for step_s in steps_s:
            placed = worker.next(joints[-1], hidden, 1.0, np.nan, step_s)
        ways.append(placed)
    np.testing.assert_allclose(ways[0], ways[1], atol=1e-9)
    assert np.abs(ways[0] - joints[-1]).max() > 0.01


@pytest.mark.parametrize("step_s", [1 / 60, 1 / 30, 0.1, 0.4])
def test_a_foot_stands_by_its_speed_however_far_frames_lie_apart(step_s: float):
    joints, visibility = joints_of(body_at_rest())
    filmed = Filmed.of(np.stack([joints] * 9), np.stack([visibility] * 9), FPS)
    size, floor = float(filmed.sizes[0]), float(filmed.floors[0])
    stood = {}
    for heights_s in (0.1, 0.4):
        worker = BodyRetarget(filmed.build, joints, build(joints), joints, FPS)
        worker.next(joints, visibility, size, floor, step_s)
        worker.next(joints + (heights_s * size * filmed.build.height * step_s, 0), visibility, size, floor, step_s)
        stood[heights_s] = worker._stood[0] is not None
    assert stood == {0.1: True, 0.4: False}


def test_after_a_pause_feet_stand_where_they_come_to():
    joints, visibility = joints_of(body_at_rest())
    filmed = Filmed.of(np.stack([joints] * 9), np.stack([visibility] * 9), FPS)
    size, floor = float(filmed.sizes[0]), float(filmed.floors[0])
    placed = {}
    for step_s in (1 / FPS, 20.0):
        worker = BodyRetarget(filmed.build, joints, build(joints), joints, FPS)
        worker.next(joints, visibility, size, floor)
        placed[step_s] = worker.next(joints + (0.004, 0), visibility, size, floor, step_s)[ANKLE, 0] - joints[ANKLE, 0]
    assert placed[20.0] == pytest.approx(0.004, abs=1e-6) and abs(placed[1 / FPS]) < 0.001


def test_frames_without_anybody_are_bridged_and_none_at_all_is_refused():
    bodies: list[np.ndarray | None] = [*swinging(20)]
    bodies[8:12] = [None] * 4
    rest = joints_of(body_at_rest())[0]
    assert len(retargeted(bodies, FPS, rest, build(rest))) == 20
    with pytest.raises(ValueError, match="bodies: got none"):
        retargeted([None], FPS, rest, build(rest))


def test_whom_the_picture_cuts_off_at_the_hips_does_not_rise_into_the_air():
    rest, visibility = joints_of(body_at_rest())
    visibility = visibility.copy()
    visibility[25:33] = 0
    target = Build.of(rest[None], visibility[None])
    assert not target.has_legs
    bodies = []
    for number in range(30):
        body = body_at_rest()
        body[:, 1] -= 0.2 * np.sin(np.pi * number / 29)
        bodies.append(body)
    made = np.stack(retargeted(bodies, FPS, rest, target))
    assert made[:, HIPS, 1].min() >= rest[HIPS, 1] - 1e-9


def test_a_driver_of_whom_only_legs_are_seen_does_not_move_a_half_figure():
    rest, visibility = joints_of(body_at_rest())
    half = visibility.copy()
    half[25:33] = 0
    legs = body_at_rest()
    legs[:23, 3] = 0
    with pytest.raises(NoFigure, match="not the same is seen"):
        retargeted([legs] * 5, FPS, rest, Build.of(rest[None], half[None]))
