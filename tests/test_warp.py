"""The instant puppet: a warp that goes the right way, leaves the background alone, and hides what it must."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from faces import portrait, portrait_face

from cxanim.motion import landmarks as lm
from cxanim.motion.expression import Expression, ExpressionBasis
from cxanim.motion.head import rotation_from_angles
from cxanim.motion.matte import background_plate, composite, face_stencil
from cxanim.motion.mesh import MeshMap, motion_in_eyes, upsampled
from cxanim.motion.retarget import perform, still
from cxanim.motion.warp import Warp, _leading, shown_together

SIZE_PX = 256


def acted(**sliders: float) -> np.ndarray:
    return perform(ExpressionBasis(portrait_face()).performance(Expression(**sliders)), portrait_face())


def moved(right_px: int, down_px: int) -> np.ndarray:
    return portrait_face() + np.float32((right_px / SIZE_PX, down_px / SIZE_PX, 0))


def identity(count: int) -> np.ndarray:
    centres = (np.arange(count) + 0.5) / count
    return np.stack(np.meshgrid(centres, centres), axis=2)


def difference(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a.astype(int) - b.astype(int)).mean())


@pytest.mark.parametrize("layered", [False, True])
def test_the_pictures_own_face_gives_the_picture_back(layered):
    matte = face_stencil(portrait_face(), SIZE_PX) if layered else None
    shown = Warp(portrait(), portrait_face(), matte).show(portrait_face())
    assert shown.dtype == np.uint8
    assert difference(shown, portrait()) < (1 if layered else 0.1)


def test_a_map_speaks_of_pixel_centres_x_first():
    # Entry (row 3, column 5) of a map of 64 belongs to (5.5 / 64, 3.5 / 64); the face's own map leads there itself.
    look = upsampled(MeshMap(portrait_face(), nodes=64).way(portrait_face()), 64)
    np.testing.assert_allclose(look[3, 5], (5, 3), atol=1e-5)
    np.testing.assert_allclose((look + 0.5) / 64, identity(64), atol=1e-5)


def test_an_upsampled_map_counts_in_pixels_whose_integers_are_centres_up_to_the_edges():
    full = upsampled(np.tile(np.float32((0.25, -0.5)), (32, 32, 1)), 256)
    for row, column in ((0, 0), (0, 255), (100, 7), (255, 255)):
        np.testing.assert_allclose(full[row, column], (column + 64, row - 128), atol=1e-3)


def test_a_face_that_moves_right_is_fetched_from_the_left():
    # The map is backward: the pixel at the moved nose looks to where the nose was, 12 px to its left, 8 px below it.
    backward = upsampled(MeshMap(portrait_face()).way(moved(12, -8)), SIZE_PX)
    column, row = np.floor(moved(12, -8)[lm.NOSE_TIP, :2] * SIZE_PX).astype(int)
    np.testing.assert_allclose(backward[row, column], (column - 12, row + 8), atol=0.5)


def test_a_face_that_moves_takes_its_pixels_along():
    right_px, down_px, reach = 8, -6, 8
    shown = Warp(portrait(), portrait_face()).show(moved(right_px, down_px))
    column, row = (portrait_face()[lm.NOSE_TIP, :2] * SIZE_PX).astype(int)

    def nose(picture: np.ndarray, right: int, down: int) -> np.ndarray:
        return picture[row + down - reach : row + down + reach, column + right - reach : column + right + reach]

    there = difference(nose(shown, right_px, down_px), nose(portrait(), 0, 0))
    opposite = difference(nose(shown, -right_px, -down_px), nose(portrait(), 0, 0))
    assert there < 0.5
    assert opposite > 10


@pytest.mark.parametrize(("follows", "least", "most"), [(0.2, 0, 0.25), (1.0, 0.4, 1)])
def test_hair_goes_along_with_the_head_and_the_collar_as_far_as_it_follows(follows: float, least: float, most: float):
    face, right_px = portrait_face(), 6
    mesh = MeshMap(face, SIZE_PX, body_follows=follows)
    way_px = -SIZE_PX * mesh.way(moved(right_px, 0))[..., 0]
    centre = face[list(lm.FACE_OVAL), :2].mean(0)

    def carried(towards: int, how_far: float) -> float:
        """The share of the head's way that is gone along `how_far` times as far out as a point of its oval."""
        column, row = ((centre + how_far * (face[towards, :2] - centre)) * SIZE_PX).astype(int)
        return way_px[row, column] / right_px

    below_the_ear = lm.FACE_OVAL[12]  # on the way to where collars and shoulders begin
    assert face[below_the_ear, 1] > face[lm.NOSE_TIP, 1]
    assert carried(lm.CHIN, 0.9) > 0.95
    assert carried(lm.FOREHEAD, 1.4) > 0.9
    assert least <= carried(lm.CHIN, 1.4) < most
    assert least <= carried(below_the_ear, 1.5) < most


def test_the_background_is_bit_for_bit_the_pictures_while_the_head_turns():
    face, turned = portrait_face(), acted(yaw_deg=15, right=0.1, jaw=0.6)
    stencil = face_stencil(face, SIZE_PX)
    shown = Warp(portrait(), face, stencil).show(turned)
    person = np.maximum(stencil, face_stencil(turned, SIZE_PX)) > 0
    background = cv2.dilate(person.astype(np.uint8), np.ones((9, 9), np.uint8)) == 0
    assert background.mean() > 0.5
    np.testing.assert_array_equal(shown[background], portrait()[background])
    assert difference(shown[~background], portrait()[~background]) > 2


def test_pictures_shown_together_are_the_mean_of_each_by_its_share():
    face, plate = acted(roll_deg=8, jaw=0.4), np.full_like(portrait(), 200)
    other = acted(right=-0.1, smile=0.5)
    warps = [
        Warp(picture, own, face_stencil(own, SIZE_PX), plate, rest=portrait_face())
        for picture, own in ((portrait(), portrait_face()), (cv2.GaussianBlur(portrait(), (0, 0), 3), other))
    ]
    shown, alpha = shown_together(warps, [0.7, 0.3], face)
    each = [warp.show_with_alpha(face).astype(float) for warp in warps]
    wanted = 0.7 * each[0] + 0.3 * each[1]
    assert np.abs(np.dstack([shown, alpha]) - wanted).max() <= 3
    assert difference(each[0], each[1]) > 1


def test_details_are_drawn_from_the_nearest_pictures_and_none_jumps():
    assert _leading([0.6, 0.4]) == [0.6, 0.4]
    np.testing.assert_allclose(_leading([0.5, 0.3, 0.2]), [0.75, 0.25])
    np.testing.assert_allclose(_leading([0.4, 0.3, 0.3]), [1, 0])  # the second and the third change places


@pytest.mark.parametrize("layered", [False, True])
def test_a_cheek_that_is_guessed_is_as_bright_as_the_face(layered):
    # Turned by 25 degrees the picture hides a cheek, which shows when the head comes back. All is of one grey.
    own, grey = acted(yaw_deg=25), np.full_like(portrait(), 120)
    matte = face_stencil(own, SIZE_PX) if layered else None
    warp = Warp(grey, own, matte, grey if layered else None)
    face = acted(yaw_deg=-10)
    layer = warp._face_map.at(face)
    assert layer is not None and layer.guess is not None
    shown, alpha = shown_together([warp], [1.0], face)
    mouth = face_stencil(face, SIZE_PX) > 0.999  # eyes and mouth have colours of their own
    outline = (alpha > 8) & (alpha < 247) & ~mouth if layered else ~mouth
    assert outline.any() and np.abs(shown[outline].astype(int) - 120).max() <= 2


def test_a_given_plate_is_what_stands_behind():
    plate = np.full_like(portrait(), 77)
    shown = Warp(portrait(), portrait_face(), face_stencil(portrait_face(), SIZE_PX), plate).show(portrait_face())
    assert (shown[:10] == 77).all()
    column, row = (portrait_face()[lm.NOSE_TIP, :2] * SIZE_PX).astype(int)
    assert difference(shown[row - 5 : row + 5, column - 5 : column + 5], np.uint8(77)) > 20


@pytest.mark.parametrize("edge", range(4))
def test_a_held_edge_does_not_move(edge):
    held = tuple(side == edge for side in range(4))
    # A face pushed against that edge: left, top, right, bottom.
    to = [(-0.28, 0), (0, -0.28), (0.28, 0), (0, 0.32)][edge]
    near = portrait_face() + np.float32((*to, 0))
    push = near + np.float32((*(0.15 * np.sign(to)), 0))
    strip = [np.s_[:, 0], np.s_[0], np.s_[:, -1], np.s_[-1]][edge]
    free, kept = (MeshMap(near, 128, edges).way(push) for edges in ((False,) * 4, held))
    assert np.abs(free)[strip].max() > 3 / 128  # nothing held: more than three nodes away
    assert np.abs(kept)[strip].max() < 1e-6
    assert np.abs(kept).max() > 3 / 128


def test_no_hole_opens_whatever_the_face_does():
    white = np.full((SIZE_PX, SIZE_PX, 3), 255, np.uint8)
    face = acted(yaw_deg=25, pitch_deg=-12, roll_deg=15, right=0.3, brow_left=1)
    shown = Warp(white, portrait_face()).show(face)
    # Between the lips of a smile, which such a turn moves a little, teeth are drawn.
    mouth = np.zeros((SIZE_PX, SIZE_PX), np.uint8)
    cv2.fillPoly(mouth, [np.int32(face[list(lm.OUTER_LIPS), :2] * SIZE_PX)], 1)
    shown[cv2.dilate(mouth, np.ones((5, 5), np.uint8)) > 0] = 255
    assert shown.min() >= 254


@pytest.mark.parametrize(
    "further", [dict(rotation=rotation_from_angles(40, 0, 30)), {}, dict(shift=np.array([3, 2, 0]))]
)
def test_maps_are_finite_and_lead_into_or_near_the_picture(further):
    """Wherever a driver's face goes, which may be further than sliders do."""
    performance = ExpressionBasis(portrait_face()).performance(Expression(jaw=1, pucker=1))
    way = MeshMap(portrait_face()).way(perform(replace(performance, **further), portrait_face()))
    assert way.shape == (128, 128, 2)
    assert np.isfinite(way).all()
    backward = identity(128) + way
    assert backward.min() > -0.5 and backward.max() < 1.5


def test_a_shut_eye_covers_the_iris():
    shown = Warp(portrait(), portrait_face()).show(acted(blink_left=1, blink_right=1))
    rows, columns = np.mgrid[:SIZE_PX, :SIZE_PX] + 0.5
    for iris in (lm.RIGHT_IRIS, lm.LEFT_IRIS):
        points = portrait_face()[list(iris), :2] * SIZE_PX
        radius = np.linalg.norm(points[1:] - points[0], axis=1).mean()
        disc = np.hypot(columns - points[0, 0], rows - points[0, 1]) < 0.8 * radius
        dark, covered = (np.percentile(picture[disc].mean(1), 20) for picture in (portrait(), shown))
        assert dark < 50
        assert covered > 1.5 * dark


def test_a_shut_lid_is_smooth_skin_over_one_dark_line():
    lashes = portrait().copy()
    for fold, upper in ((lm.RIGHT_LID_FOLD, lm.RIGHT_EYE_UPPER), (lm.LEFT_LID_FOLD, lm.LEFT_EYE_UPPER)):
        ends = zip(portrait_face()[list(upper[2:-2]), :2], portrait_face()[list(fold[2:-2]), :2], strict=True)
        for edge, top in ends:  # lashes up to half the way to the fold, which a lid must not draw out into bars
            places = [tuple(np.int32(16 * (SIZE_PX * place - 0.5))) for place in (edge, (edge + top) / 2)]
            cv2.line(lashes, *places, (0, 0, 0), 1, cv2.LINE_AA, 4)
    face = acted(blink_left=1, blink_right=1)
    shown = Warp(lashes, portrait_face()).show(face).mean(2)
    for fold, upper in ((lm.RIGHT_LID_FOLD, lm.RIGHT_EYE_UPPER), (lm.LEFT_LID_FOLD, lm.LEFT_EYE_UPPER)):
        edge, top = (face[list(numbers[3:-3]), :2] * SIZE_PX for numbers in (upper, fold))
        lid = [shown[tuple(np.int32(0.6 * a + 0.4 * b)[::-1])] for a, b in zip(edge, top, strict=True)]
        line = [shown[tuple(np.int32(a)[::-1])] for a in edge]
        assert max(line) < 0.75 * min(lid)
        assert np.ptp(lid) < 0.25 * np.mean(lid)


def test_who_is_cut_off_goes_on_beyond_the_edge_and_who_is_not_appears_once():
    """The face goes down by a quarter: what was over the picture's upper edge is seen."""
    stripes = portrait().copy()
    stripes[:12] = np.where(np.arange(12) % 4 < 2, 250, 5)[:, None, None]
    for cut_off in (True, False):
        matte = face_stencil(portrait_face(), SIZE_PX)
        matte[: SIZE_PX // 2, 100:156] = 1
        if not cut_off:
            matte[:8] = 0
        plate = np.full_like(stripes, 128)
        top = Warp(stripes, portrait_face(), matte, plate).show(moved(0, 60))[:8, 120:136].astype(int)
        if cut_off:
            assert np.ptp(top.mean((1, 2))) > 40  # no streaks downwards
        else:
            assert np.abs(top - 128).max() < 4


def test_an_opening_mouth_shows_a_dark_inside_that_the_picture_does_not_have():
    shut = perform(replace(still(), gap=-1.0), portrait_face())
    opened = perform(replace(still(), gap=0.4), shut)
    skin = np.full((SIZE_PX, SIZE_PX, 3), (200, 160, 140), np.uint8)
    cv2.fillPoly(skin, [np.int32(shut[list(lm.OUTER_LIPS), :2] * SIZE_PX)], (170, 90, 90))
    warp = Warp(skin, shut)
    inside = np.zeros((SIZE_PX, SIZE_PX), np.uint8)
    cv2.fillPoly(inside, [np.int32(opened[list(lm.INNER_LIPS), :2] * SIZE_PX)], 1)
    mouth = warp.show(opened)[inside > 0].mean(1)
    assert np.median(mouth) < 0.7 * skin[inside > 0].mean(1).min()
    assert mouth.max() > 1.2 * np.median(mouth)  # teeth
    toothless = Warp(skin, shut, teeth=False).show(opened)[inside > 0].mean(1)
    assert np.percentile(toothless, 90) < 0.6 * np.percentile(mouth, 90)
    assert difference(warp.show(shut), skin) < 1


def test_irises_follow_the_gaze():
    def centre_of_dark(picture: np.ndarray) -> float:
        x0, y0 = np.floor(portrait_face()[list(lm.LEFT_EYE), :2].min(0) * SIZE_PX).astype(int)
        x1, y1 = np.ceil(portrait_face()[list(lm.LEFT_EYE), :2].max(0) * SIZE_PX).astype(int)
        dark = np.maximum(0, 110 - picture[y0:y1, x0:x1].mean(2))
        return float((dark.sum(0) * np.arange(x1 - x0)).sum() / dark.sum())

    warp = Warp(portrait(), portrait_face())
    left, right = (centre_of_dark(warp.show(acted(gaze_right=way))) for way in (-1.0, 1.0))
    assert right > left + 0.5


def test_a_stencil_is_one_on_the_face_and_nothing_far_from_it():
    stencil = face_stencil(portrait_face(), SIZE_PX)
    column, row = (portrait_face()[lm.NOSE_TIP, :2] * SIZE_PX).astype(int)
    assert stencil[row, column] == 1 and stencil[0, 0] == 0
    assert stencil.min() >= 0 and stencil.max() <= 1


def test_a_plate_paints_the_person_over_and_keeps_the_rest():
    matte = np.zeros((SIZE_PX, SIZE_PX), np.float32)
    matte[90:170, 90:170] = 1
    picture = np.full((SIZE_PX, SIZE_PX, 3), 120, np.uint8)
    picture[90:170, 90:170] = (255, 0, 0)
    plate = background_plate(picture, matte)
    assert np.abs(plate[100:160, 100:160].astype(int) - 120).max() <= 6  # the inpainting's own error
    np.testing.assert_array_equal(plate[:80], picture[:80])
    assert np.abs(plate.astype(int) - 120).max() < 20  # of the person's rim hardly a trace
    everybody = np.ones((SIZE_PX, SIZE_PX), np.float32)
    np.testing.assert_array_equal(background_plate(picture, everybody), picture)


def test_compositing_by_hand():
    front, back = np.full((1, 3, 3), 200, np.uint8), np.full((1, 3, 3), 100, np.uint8)
    # 51 is a fifth of 255: 0.2 * 200 + 0.8 * 100
    blended = composite(front, np.array([[0, 51, 255]], np.uint8), back)
    np.testing.assert_array_equal(blended[0, :, 0], (100, 120, 200))


def test_motion_is_told_in_eye_distances():
    face = np.zeros((478, 3), np.float32)
    face[[362, 263], 0] = 0.25  # the left eye; the right one lies at 0
    assert motion_in_eyes(face, face + np.float32((0.1, 0, 0))) == pytest.approx(0.4)


def test_a_picture_that_is_not_square_or_not_8_bit_is_refused():
    for picture in (portrait()[:100], portrait().astype(np.float32)):
        with pytest.raises(ValueError, match="expected uint8"):
            Warp(picture, portrait_face())
