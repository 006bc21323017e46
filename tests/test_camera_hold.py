"""A held camera: how it went is found, and taken back, from picture and pose alike."""

import cv2
import numpy as np
import pytest
from figures import before_a_wall, body_at_rest

from cxanim.motion.camera_hold import Anchor, brought, farthest_px
from cxanim.motion.pose import Pose

SIZE_PX = 256


def moved(angle_deg: float, scale: float, shift: tuple[float, float]) -> np.ndarray:
    """What a camera did: pixels of the anchor to those of the frame."""
    matrix = cv2.getRotationMatrix2D((SIZE_PX / 2, SIZE_PX / 2), angle_deg, scale)
    matrix[:, 2] += shift
    return matrix


def inverse(matrix: np.ndarray) -> np.ndarray:
    return cv2.invertAffineTransform(matrix)


@pytest.mark.parametrize("way", [(0, 1, (5.5, -3)), (2, 1, (0, 0)), (-1, 1.03, (4, 6)), (0, 1, (0, 0))])
def test_how_the_camera_went_is_found_whatever_the_figure_does(way: tuple):
    body = body_at_rest()
    here = before_a_wall(body)
    other = body.copy()
    other[:, 0] += 0.1  # the figure goes elsewhere meanwhile
    there = cv2.warpAffine(before_a_wall(other), moved(*way), (SIZE_PX, SIZE_PX), borderMode=cv2.BORDER_REPLICATE)
    nobody = np.zeros((SIZE_PX, SIZE_PX), bool)
    person = (np.ptp(here.astype(int), axis=2) > 40) | (np.ptp(there.astype(int), axis=2) > 40)
    person = cv2.dilate(person.astype(np.uint8), np.ones((9, 9))) > 0
    found = Anchor(here, person).way_from(there, person)
    assert found is not None and farthest_px(found @ np.vstack([moved(*way), [0, 0, 1]]), SIZE_PX) < 1.0
    back, pose = brought(there, Pose(body=other), found)
    wall = ~person & ~nobody
    wall[:20] = wall[-20:] = wall[:, :20] = wall[:, -20:] = False
    assert np.abs(back.astype(int) - here)[wall].mean() < 4
    if way == (0, 1, (0, 0)):
        assert back is there and pose.body is other  # nothing is resampled


def test_points_go_where_their_pixels_go():
    picture = np.zeros((SIZE_PX, SIZE_PX, 3), np.uint8)
    cv2.circle(picture, (100, 60), 3, (255, 255, 255), -1)
    body = np.full((33, 4), 1.0, np.float32)
    body[:, :2] = (100.5 / SIZE_PX, 60.5 / SIZE_PX)
    way = moved(10, 0.9, (7, -4))
    back, pose = brought(picture, Pose(body=body), way)
    rows, columns = np.nonzero(back[..., 0] > 128)
    assert np.allclose(pose.need_body()[0, :2] * SIZE_PX - 0.5, [columns.mean(), rows.mean()], atol=0.6)
    assert pose.need_body()[0, 2] == pytest.approx(0.9) and pose.need_body()[0, 3] == 1


def test_where_nothing_is_the_same_nothing_is_said():
    noise = np.random.default_rng(1).integers(0, 255, (2, SIZE_PX, SIZE_PX, 3)).astype(np.uint8)
    nobody = np.zeros((SIZE_PX, SIZE_PX), bool)
    assert Anchor(noise[0], nobody).way_from(noise[1], nobody) is None
    flat = np.full((SIZE_PX, SIZE_PX, 3), 90, np.uint8)
    assert Anchor(flat, nobody).way_from(flat, nobody) is None
