"""The square window: pixels cut and put back, and coordinates that follow them."""

import numpy as np
import pytest
from faces import astronaut, astronaut_face

from cxanim.motion.crop import Crop
from cxanim.motion.pose import Pose, face_box


def noise(height_px: int, width_px: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height_px, width_px, 3), dtype=np.uint8)


def one_point(x: float, y: float) -> Pose:
    face = np.zeros((478, 3), np.float32)
    face[0, :2] = (x, y)
    return Pose(face=face)


def test_the_whole_square_of_a_landscape_frame_reaches_over_its_top_and_bottom():
    # 200 x 100: the square is 200 wide, and 50 of its rows lie above the frame, 50 below.
    assert Crop.whole(200, 100) == Crop(0, -50, 200)


def test_the_whole_square_of_a_portrait_frame_reaches_over_its_sides():
    assert Crop.whole(100, 200) == Crop(-50, 0, 200)


def test_from_frame_by_hand():
    # Frame 200 x 100, its square 200 from (0, -50). The point (0.5, 0.5) of it is the pixel corner (100, 50).
    # In a window 40 wide from (90, 30) that is ((100 - 90) / 40, (50 - 30) / 40).
    moved = Crop(90, 30, 40).from_frame(one_point(0.5, 0.5), 200, 100)
    np.testing.assert_allclose(moved.face[0, :2], (0.25, 0.5), atol=1e-6)


def test_from_frame_into_the_whole_square_changes_nothing():
    face = astronaut_face()
    moved = Crop.whole(640, 360).from_frame(Pose(face=face), 640, 360)
    np.testing.assert_allclose(moved.face, face, atol=1e-7)


def test_cut_and_from_frame_agree_on_where_a_pixel_is():
    # One bright pixel in column 70, row 20 of a frame 100 x 60: its centre is (70.5, 20.5) from the corner.
    frame = np.zeros((60, 100, 3), np.uint8)
    frame[20, 70] = 255
    window = Crop(60, 10, 20)
    row, column = np.argwhere(window.cut(frame, 20)[..., 0] == 255)[0]
    in_square = ((70.5 - 0) / 100, (20.5 + 20) / 100)  # the square of 100 begins 20 rows above the frame
    x, y = window.from_frame(one_point(*in_square), 100, 60).face[0, :2]
    np.testing.assert_allclose((x * 20, y * 20), (column + 0.5, row + 0.5), atol=1e-4)


def test_cutting_shrinks_by_averaging_pixels():
    frame = noise(64, 64)
    small = Crop(0, 0, 64).cut(frame, 32)
    expected = frame.reshape(32, 2, 32, 2, 3).astype(float).mean((1, 3))
    assert np.abs(small - expected).max() <= 1


def test_over_the_edge_the_nearest_pixel_is_repeated():
    frame = noise(8, 8)
    cut = Crop(-2, -3, 8).cut(frame, 8)
    np.testing.assert_array_equal(cut[3:, 2:], frame[:5, :6])
    np.testing.assert_array_equal(cut[:3, 2:], np.broadcast_to(frame[0, :6], (3, 6, 3)))
    np.testing.assert_array_equal(cut[3:, 0], frame[:5, 0])


@pytest.mark.parametrize("window", [Crop(10, 5, 24), Crop(-6, 20, 30), Crop(30, -4, 40), Crop(-5, -5, 80)])
def test_what_is_cut_and_pasted_changes_nothing(window):
    frame = noise(48, 64)
    np.testing.assert_array_equal(window.paste(frame, window.cut(frame, int(window.side_px))), frame)


def test_pasting_touches_only_the_window_and_never_the_given_frame():
    frame = noise(48, 64)
    before = frame.copy()
    pasted = Crop(10, 5, 24).paste(frame, np.zeros((12, 12, 3), np.uint8))
    np.testing.assert_array_equal(frame, before)
    assert not pasted[5:29, 10:34].any()
    pasted[5:29, 10:34] = before[5:29, 10:34]
    np.testing.assert_array_equal(pasted, before)


def test_a_window_round_faces_holds_them_all_and_lies_in_the_frame():
    face = astronaut_face()
    other = face * (0.5, 0.5, 0.5) + np.float32((0.5, 0.1, 0))
    window = Crop.around_faces([face, other], 512, 512)
    assert window.x_px >= 0 and window.y_px >= 0
    assert window.x_px + window.side_px <= 512 and window.y_px + window.side_px <= 512
    for one in (face, other):
        x0, y0, x1, y1 = face_box(window.from_frame(Pose(face=one.astype(np.float32)), 512, 512).need_face())
        assert x0 > 0 and y0 > 0 and x1 < 1 and y1 < 1


def test_a_wider_margin_makes_a_wider_window():
    narrow, wide = (Crop.around_faces([astronaut_face()], 512, 512, margin=margin) for margin in (0.2, 0.6))
    assert narrow.side_px < wide.side_px


def test_a_window_needs_a_face():
    with pytest.raises(ValueError, match="at least one"):
        Crop.around_faces([], 100, 100)


def test_a_cut_of_the_frame_itself_is_the_frame():
    np.testing.assert_array_equal(Crop(0, 0, 512).cut(astronaut(), 512), astronaut())
