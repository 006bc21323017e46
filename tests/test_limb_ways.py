"""What goes along with a figure: nothing where it stands, and with a forearm what is on the forearm."""

import cv2
import numpy as np
import pytest
from figures import SIZE_PX, body_at_rest
from test_limb_warp import LEFT_ARM_POINTS, turned

from cxanim.models.crn import Window
from cxanim.motion.limb_ways import way_back
from cxanim.motion.mesh import own_places
from cxanim.motion.skeleton import ELBOW, HIPS, WRIST, joints_of
from cxanim.pipelines.refine import Word


@pytest.fixture(scope="module")
def rest() -> np.ndarray:
    return joints_of(body_at_rest())[0]


def test_who_stands_still_is_where_they_were(rest: np.ndarray):
    way = way_back(rest, rest, SIZE_PX)
    assert np.abs(way.look_px - own_places(SIZE_PX)).max() < 1e-3
    assert way.holds == pytest.approx(1, abs=1e-4)


def test_who_goes_aside_was_as_far_on_the_other_side(rest: np.ndarray):
    way = way_back(rest, rest + [0.05, -0.02], SIZE_PX)
    back = way.look_px - own_places(SIZE_PX)
    assert back == pytest.approx(np.broadcast_to([-0.05 * SIZE_PX, 0.02 * SIZE_PX], back.shape), abs=1e-3)


def test_a_spot_on_the_forearm_goes_along_with_it_and_the_trunk_stays(rest: np.ndarray):
    raised = turned(rest, 11, LEFT_ARM_POINTS, -40)
    spot, there = (((one[ELBOW] + one[WRIST]) / 2 * SIZE_PX - 0.5) for one in (rest, raised))
    assert np.linalg.norm(there - spot) > 0.1 * SIZE_PX
    change = np.zeros((SIZE_PX, SIZE_PX, 3), np.float32)
    cv2.circle(change, np.round(spot).astype(int).tolist(), 4, (1, 1, 1), -1)
    belly = np.round(rest[HIPS] * SIZE_PX - [0, 0.1 * SIZE_PX]).astype(int)
    cv2.circle(change, belly.tolist(), 4, (1, 1, 1), -1)
    whole, part = Window(0, 0, SIZE_PX, SIZE_PX), Window(8, 4, SIZE_PX - 16, SIZE_PX - 8)
    word = Word(change, np.zeros((SIZE_PX, SIZE_PX, 2), np.float32), whole)
    moved = word.fetched(part.of(way_back(rest, raised, SIZE_PX).look_px), part)
    assert moved.change.shape == (part.height, part.width, 3) and moved.window == part
    _, _, _, middles = cv2.connectedComponentsWithStats((moved.change[..., 0] > 0.5).astype(np.uint8))
    middles = middles[1:] + [part.x, part.y]
    assert len(middles) == 2
    for wanted, within_px in ((there, 2.5), (belly, 1.5)):
        assert np.linalg.norm(middles - wanted, axis=1).min() < within_px


@pytest.mark.parametrize(("degrees", "least", "most"), [(1, 0.8, 1.0), (8, 0.3, 0.8), (40, 0.0, 0.3), (70, 0.0, 0.0)])
def test_the_way_is_trusted_the_less_the_farther_a_limb_has_turned(
    rest: np.ndarray, degrees: float, least: float, most: float
):
    raised = turned(rest, 11, LEFT_ARM_POINTS, -degrees)
    holds = way_back(rest, raised, SIZE_PX).holds
    x, y = np.round((raised[ELBOW] + raised[WRIST]) / 2 * SIZE_PX).astype(int)
    assert least <= holds[y, x] <= most
    x, y = np.round(raised[HIPS] * SIZE_PX - [0, 0.1 * SIZE_PX]).astype(int)
    assert holds[y, x] > 0.95  # the trunk has not turned


@pytest.mark.parametrize(("gone", "there"), [(0.02, 0.75), (0.04, 0.5), (0.1, 0.0)])
def test_the_way_is_trusted_the_less_the_farther_it_goes(rest: np.ndarray, gone: float, there: float):
    assert way_back(rest, rest + [gone, 0], SIZE_PX).holds == pytest.approx(there, abs=1e-3)
