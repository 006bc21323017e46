"""What of a picture is the person, where it is known what is behind."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from figures import body_at_rest

from cxanim.motion.matte import apart_from, figure_stencil, joined, without_rim
from cxanim.motion.segment import person_matte
from cxanim.motion.skeleton import joints_of
from cxanim.pipelines.figure_set import figure_training_set
from cxanim.pipelines.watch import Watch

SIZE_PX = 128


@pytest.fixture
def wall() -> np.ndarray:
    noise = np.random.default_rng(5).integers(0, 256, (16, 16, 3), np.uint8)
    return cv2.resize(noise, (SIZE_PX, SIZE_PX), interpolation=cv2.INTER_CUBIC)


def test_what_is_behind_is_known_again_by_a_camera_that_trembles_and_what_stands_before_it_is_not(wall: np.ndarray):
    assert not apart_from(wall, wall).any()
    moved = np.roll(wall, (1, -1), (0, 1))[2:-2, 2:-2]
    assert not apart_from(moved, np.ascontiguousarray(wall[2:-2, 2:-2])).any()
    picture = wall.copy()
    picture[40:80, 50:70] = 255 - picture[40:80, 50:70] // 4
    picture[40:80, 50:70, 0] = 0
    apart = apart_from(picture, wall)
    assert apart[42:78, 52:68].mean() > 0.9
    apart[38:82, 48:72] = 0
    assert not apart.any()


def test_a_stripe_like_the_wall_is_the_shirts_and_a_spot_on_the_wall_is_not():
    whole, surely = np.zeros((SIZE_PX, SIZE_PX), np.float32), np.zeros((SIZE_PX, SIZE_PX), np.uint8)
    whole[20:100, 20:100] = 1
    part = whole.copy()
    part[50:52] = 0  # as the wall
    part[20:100, 80:] = 0
    part[30:40, 96:106] = 1  # a shadow
    part = cv2.GaussianBlur(part, (0, 0), 1.5)
    part[45:90, 25:75] = whole[45:90, 25:75]
    part[50:52] = 0
    surely[60:70, 40:50] = 255
    result = joined(part, whole, surely)
    assert (result[45:90, 25:75] == 1).all()
    assert not result[:, 86:].any() and not result[:15].any()


def test_the_rim_goes_and_thin_limbs_stay():
    matte = np.zeros((SIZE_PX, SIZE_PX), np.float32)
    matte[20:100, 60:66] = 1
    result = without_rim(matte)
    assert (result[30:90, 62:64] == 1).all()
    assert (result[30:90, [60, 65]] < 0.5).all() and not result[:, [58, 67]].any()


def test_a_head_may_be_smaller():
    joints = joints_of(body_at_rest())[0]
    usual, sure = (figure_stencil(joints, SIZE_PX, 0.03, *head) > 0 for head in ((), (0.2,)))
    assert not (sure & ~usual).any()
    head = np.s_[: int(0.25 * SIZE_PX)]
    assert 0 < sure[head].sum() < 0.4 * usual[head].sum()


def test_no_wall_is_taken_along_with_a_filmed_figure(test_data: Path):
    clip = test_data / "bodies" / "tfjs_pose_squats.mp4"
    puppet = figure_training_set([clip], SIZE_PX, 8, 0.5, Watch()).puppet
    for reference in puppet.references:
        figure, is_wall = reference.matte > 128, apart_from(reference.picture, puppet.plate) == 0
        assert (figure & is_wall).sum() < 0.03 * figure.sum()
        found = person_matte(reference.picture) > 0.5
        whole = cv2.dilate(figure.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0  # with its rim
        assert (whole & found).sum() > 0.95 * found.sum()
