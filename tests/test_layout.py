"""Layout maps: where a point is drawn, in whose colour, and what is left out."""

import cv2
import numpy as np
import pytest
from faces import portrait_face

from cxanim.motion import landmarks as lm
from cxanim.motion.layout import draw_layout
from cxanim.motion.pose import Pose


def hand_at(x_px: float, y_px: float, size_px: int) -> np.ndarray:
    """A hand shrunk to one point, given in pixels from the corner of the crop."""
    return np.tile(np.float32((x_px / size_px, y_px / size_px, 0)), (21, 1))


def centre_of_mass(canvas: np.ndarray) -> tuple[float, float]:
    """(x, y) in pixels from the corner of the crop: pixel i lies at i + 0.5."""
    light = canvas.sum(2).astype(float)
    rows, columns = np.mgrid[: canvas.shape[0], : canvas.shape[1]] + 0.5
    return float((light * columns).sum() / light.sum()), float((light * rows).sum() / light.sum())


@pytest.mark.parametrize("at", [(20.5, 30.5), (20.0, 30.25), (41.8, 7.1), (10.2, 50.9)])
def test_a_point_is_drawn_where_it_is_to_half_a_pixel(at):
    drawn = centre_of_mass(draw_layout(Pose(left_hand=hand_at(*at, 64)), 64))
    np.testing.assert_allclose(drawn, at, atol=0.5)


def test_a_small_step_moves_the_drawing_by_as_much():
    body = np.zeros((33, 4), np.float32)
    body[[11, 12]] = [(0.3, 0.5, 0, 1), (0.7, 0.5, 0, 1)]
    step = np.float32((0.25 / 64, 0.5 / 64, 0, 0))
    before, after = (centre_of_mass(draw_layout(Pose(body=points), 64)) for points in (body, body + step))
    np.testing.assert_allclose(np.subtract(after, before), (0.25, 0.5), atol=0.15)


def test_the_subjects_right_is_red_and_left_is_green():
    canvas = draw_layout(Pose(face=portrait_face()), 256).astype(int)
    red = (canvas[..., 0] > 150) & (canvas[..., 1] < 80) & (canvas[..., 2] < 80)
    green = (canvas[..., 1] > 150) & (canvas[..., 0] < 80) & (canvas[..., 2] < 80)
    assert red.sum() > 20 and green.sum() > 20
    # The subject's right is on the left of an unmirrored picture.
    assert np.nonzero(red)[1].max() < np.nonzero(green)[1].min()


def test_arms_and_hands_have_their_sides_colours_too():
    body = np.zeros((33, 4), np.float32)
    body[13], body[15] = (0.7, 0.2, 0, 1), (0.9, 0.2, 0, 1)  # the left forearm
    body[14], body[16] = (0.3, 0.2, 0, 1), (0.1, 0.2, 0, 1)  # the right one
    canvas = draw_layout(Pose(body=body, left_hand=hand_at(51.5, 51.5, 64), right_hand=hand_at(12.5, 51.5, 64)), 64)
    for part in (canvas[:32], canvas[32:]):
        left, right = part[:, 32:].reshape(-1, 3).max(0), part[:, :32].reshape(-1, 3).max(0)
        assert left[1] > left[0] and right[0] > right[1]


def test_missing_parts_are_not_drawn():
    assert not draw_layout(Pose(), 64).any()
    hand_only = draw_layout(Pose(right_hand=hand_at(10.5, 10.5, 64)), 64)
    assert hand_only.any() and not hand_only[20:].any()


def test_limbs_that_are_not_seen_are_not_drawn():
    body = np.zeros((33, 4), np.float32)
    body[[11, 12]] = [(0.3, 0.5, 0, 1), (0.7, 0.5, 0, 0.1)]
    assert not draw_layout(Pose(body=body), 64).any()


def test_what_lies_outside_the_crop_is_clipped():
    canvas = draw_layout(Pose(face=portrait_face() + np.float32((5, 0, 0))), 64)
    assert not canvas.any()
    assert draw_layout(Pose(face=portrait_face() + np.float32((0.5, 0, 0))), 64).any()


def test_every_finger_is_drawn_from_the_wrist():
    hand = np.full((21, 3), 0.5, np.float32)
    hand[5:9, :2] = np.linspace((0.5, 0.4), (0.5, 0.1), 4)  # one finger points up
    canvas = draw_layout(Pose(left_hand=hand), 64)
    assert canvas[6:33, 31:33].sum(2).max(1).min() > 0  # without a gap from its tip to the wrist


def test_twice_the_size_is_the_same_drawing():
    small, large = (draw_layout(Pose(face=portrait_face()), size).astype(np.float32) for size in (256, 512))
    shrunk = cv2.resize(large, (256, 256), interpolation=cv2.INTER_AREA)
    assert np.corrcoef(small.ravel(), shrunk.ravel())[0, 1] > 0.9
    assert np.corrcoef(small[:, ::-1].ravel(), shrunk.ravel())[0, 1] < 0.75


def test_shut_eyes_hide_the_irises():
    def light_in_eye(face: np.ndarray) -> float:
        canvas = draw_layout(Pose(face=face), 256)
        x, y = (face[lm.LEFT_IRIS[0], :2] * 256).astype(int)
        return float(canvas[y - 1 : y + 2, x - 1 : x + 2, 2].mean())  # the iris alone has blue

    shut = portrait_face().copy()
    shut[list(lm.LEFT_EYE_UPPER)] = shut[list(lm.LEFT_EYE_LOWER)]
    assert light_in_eye(portrait_face()) > 60
    assert light_in_eye(shut) < 30
