"""The limb warp: at rest it is the picture, a raised arm is where it should be, and a bent elbow keeps its girth."""

import numpy as np
import pytest
from figures import SIZE_PX, body_at_rest, draw, where

from cxanim.motion.limb_parts import LEFT_ARM, TRUNK, cut_into_layers
from cxanim.motion.limb_warp import LimbWarp
from cxanim.motion.skeleton import joints_of

LIMBS = ("left_arm", "right_arm", "left_leg", "right_leg")


@pytest.fixture(scope="module")
def rest() -> np.ndarray:
    return joints_of(body_at_rest())[0]


@pytest.fixture(scope="module")
def warp(rest: np.ndarray) -> LimbWarp:
    picture, matte = draw(body_at_rest())
    return LimbWarp(picture, matte, rest, np.full_like(picture, 128))


def turned(joints: np.ndarray, about: int, points: tuple[int, ...], degrees: float) -> np.ndarray:
    """Joints of which some are turned about one, clockwise as it is seen."""
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = joints.copy()
    moved[list(points)] = joints[about] + (joints[list(points)] - joints[about]) @ turn.T
    return moved


LEFT_ARM_POINTS, LEFT_FOREARM_POINTS = (13, 15, 17, 19, 21), (15, 17, 19, 21)


def test_at_rest_it_is_the_picture(warp: LimbWarp, rest: np.ndarray):
    picture, _ = draw(body_at_rest())
    difference = np.abs(warp.show(rest).astype(int) - picture).max(2)
    assert (difference > 24).mean() < 0.004  # the rims of the layers


def test_every_part_is_cut_out_once(rest: np.ndarray):
    picture, matte = draw(body_at_rest())
    layers = {layer.part: layer.picture for layer in cut_into_layers(picture, matte, rest)}
    assert len(layers) == 5
    arm = layers[LEFT_ARM][..., 3] > 128
    assert where(picture, "left_arm")[arm].mean() > 0.8
    assert (layers[TRUNK][..., 3] > 128)[where(picture, "trunk")].mean() > 0.9


def test_a_raised_arm_is_where_it_is_asked_to_be_and_nowhere_else(warp: LimbWarp, rest: np.ndarray):
    raised = turned(rest, 11, LEFT_ARM_POINTS, -120)
    shown = warp.show(raised)
    x, y = np.round(raised[15] * SIZE_PX).astype(int)
    assert where(shown, "left_arm")[y - 2 : y + 3, x - 2 : x + 3].mean() > 0.8
    x, y = np.round(rest[15] * SIZE_PX).astype(int)
    assert not where(shown, "left_arm")[y - 6 : y + 7, x - 6 : x + 7].any()
    before = warp.show(rest)
    for name in ("right_arm", "left_leg", "right_leg"):  # the subject's right arm rests: sides are not mistaken
        assert (where(before, name) ^ where(shown, name)).sum() < 0.02 * where(before, name).sum()


@pytest.mark.parametrize("degrees", [-100, -60, 60, 100])
def test_a_bent_elbow_keeps_its_girth(warp: LimbWarp, rest: np.ndarray, degrees: float):
    straight, bent = (where(warp.show(joints), "left_arm").sum() for joints in
                      (rest, turned(rest, 13, LEFT_FOREARM_POINTS, degrees)))  # fmt: skip
    assert bent == pytest.approx(straight, rel=0.2)


def test_the_whole_figure_moves_as_a_whole(warp: LimbWarp, rest: np.ndarray):
    """Moved by whole pixels it is the same picture, moved."""
    by = 16
    shown, moved = warp.show_with_alpha(rest), warp.show_with_alpha(rest + (by / SIZE_PX, 0))
    difference = np.abs(shown[:, :-by].astype(int) - moved[:, by:])
    assert difference.mean() < 0.5


def test_an_arm_farther_than_the_trunk_goes_behind_it(warp: LimbWarp, rest: np.ndarray):
    across = turned(turned(rest, 11, LEFT_ARM_POINTS, 60), 13, LEFT_FOREARM_POINTS, 60)
    before, behind = (
        where(warp.show(np.column_stack([across, depth * np.isin(np.arange(35), (13, 15))])), "trunk").sum()
        for depth in (-1.0, 1.0)
    )
    assert behind > before + 100


def test_a_leg_that_leads_towards_the_camera_is_seen_shorter(warp: LimbWarp, rest: np.ndarray):
    short = rest.copy()
    for joint in (25, 27, 29, 31):
        short[joint] = rest[23] + 0.5 * (rest[joint] - rest[23])
    rows = [np.flatnonzero(where(warp.show(joints), "left_leg").any(1)) for joints in (rest, short)]
    assert np.ptp(rows[1]) == pytest.approx(0.5 * np.ptp(rows[0]), rel=0.15)


def test_a_picture_that_is_no_square_is_refused(rest: np.ndarray):
    with pytest.raises(ValueError, match="picture: got"):
        LimbWarp(np.zeros((8, 9, 3), np.uint8), np.ones((8, 9), np.float32), rest, np.zeros((8, 9, 3), np.uint8))
