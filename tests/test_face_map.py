"""The fine map of the face: its own edge, the way it looks, and what it takes from the other side."""

import cv2
import numpy as np
import pytest
from faces import about_camera_axis, portrait, portrait_face, rotated

from cxanim.motion import doubled, face_map
from cxanim.motion import landmarks as lm
from cxanim.motion.detect import face_triangles
from cxanim.motion.doubled import Doubled, bicubic
from cxanim.motion.face_map import FaceMap, facing
from cxanim.motion.symmetry import mirrored_points
from cxanim.motion.triangles import carried, interpolation, paint, signed_areas
from cxanim.motion.warp import Warp

SIZE_PX = 256


def turned(degrees: float) -> np.ndarray:
    centre = tuple(portrait_face()[[127, 356]].mean(0))
    return rotated(portrait_face(), about_camera_axis("y", degrees), centre)


def test_every_point_has_one_mirror_image_and_is_its_own_images_image():
    mirror = mirrored_points()
    np.testing.assert_array_equal(mirror[mirror], np.arange(468))
    for right, left in ((33, 263), (61, 291), (159, 386), (127, 356), (78, 308)):
        assert mirror[right] == left
    for middle in (lm.NOSE_TIP, lm.CHIN, lm.FOREHEAD, 0, 13, 14, 17):
        assert mirror[middle] == middle


def test_a_triangle_by_hand():
    # Shown where it is twice as large as in the source, and moved.
    target = np.array([[[2.0, 2.0], [10.0, 2.0], [2.0, 10.0]]])
    source = np.array([[[1.0, 1.0], [5.0, 1.0], [1.0, 5.0]]])
    np.testing.assert_allclose(signed_areas(target), [64])
    painted = paint(np.empty((12, 13), np.int32), target, np.array([0]))
    assert painted[4, 4] == 0 and painted[0, 0] == -1 and painted[11, 11] == -1
    hanging = interpolation(painted, target, np.array([[4, 0, 2]]), 5)
    assert hanging.shape == (12 * 13, 5)
    looks = (hanging[:, [4, 0, 2]] @ source[0]).reshape(12, 13, 2)
    # The node in row 5, column 3 lies at (3.5, 5.5).
    np.testing.assert_allclose([looks[5, 3], looks[2, 2], looks[2, 8]], [[1.75, 2.75], [1.25, 1.25], [4.25, 1.25]])
    assert (looks[painted < 0] == 0).all()
    assert abs(hanging[:, [1, 3]]).sum() == 0  # points of other triangles have no say


def test_what_is_carried_to_nodes_is_what_the_matrix_takes_there():
    random = np.random.default_rng(0)
    corners, known = random.uniform(-3, 27, (25, 3, 2)), random.uniform(0, 100, (25, 3, 2))
    corners[24] = (3, 5.498), (18, 5.498), (10, 5.495)  # so thin that the nodes it paints lie beside it
    painted = paint(np.empty((24, 22), np.int32), corners, np.arange(25))
    assert {-1, 24} <= set(painted.ravel())
    matrix = interpolation(painted, corners, np.arange(75).reshape(25, 3), 75)
    before = known.copy()
    looks = carried(painted, corners, known, elsewhere=-2)
    expected = (matrix @ known.reshape(75, 2)).reshape(24, 22, 2)
    np.testing.assert_allclose(looks[painted >= 0], expected[painted >= 0], atol=1e-3)
    assert (looks[painted < 0] == -2).all() and (known == before).all()


def test_a_face_at_rest_looks_at_its_own_pixels():
    layer = FaceMap(portrait_face(), SIZE_PX).at(portrait_face())
    height, width = layer.cover.shape
    own = np.stack(np.meshgrid(np.arange(width) + layer.x0_px, np.arange(height) + layer.y0_px), axis=2)
    np.testing.assert_allclose(layer.look_px[layer.cover > 0], own[layer.cover > 0], atol=1e-2)
    assert layer.guess is None
    column, row = (portrait_face()[lm.NOSE_TIP, :2] * SIZE_PX).astype(int)
    assert layer.cover[row - layer.y0_px, column - layer.x0_px] == 1
    assert layer.cover[0].max() == 0 and layer.cover[:, 0].max() == 0


def test_a_face_out_of_the_picture_is_no_layer():
    assert FaceMap(portrait_face(), SIZE_PX).at(portrait_face() + np.float32((3, 0, 0))) is None


def test_a_turned_photos_hidden_side_is_taken_from_the_other():
    # Seen from the side, then turned back: the far cheek is guessed, the near one is not.
    aside = turned(38)
    layer = FaceMap(aside, SIZE_PX).at(portrait_face())
    assert layer.guess is not None and layer.guess.share.max() > 0.3
    squarely = facing(aside, face_triangles())
    far = 454 if squarely[_of(454)].mean() < squarely[_of(234)].mean() else 234
    guessed_x = layer.x0_px + (layer.guess.columns.start + layer.guess.columns.stop) / 2
    nose_x = portrait_face()[lm.NOSE_TIP, 0] * SIZE_PX
    assert (guessed_x - nose_x) * (portrait_face()[far, 0] * SIZE_PX - nose_x) > 0


def _of(point: int) -> np.ndarray:
    return np.flatnonzero((face_triangles() == point).any(1))


def test_a_map_of_every_other_pixel_looks_where_one_of_each_does(monkeypatch: pytest.MonkeyPatch):
    def looks(turn: float) -> tuple[np.ndarray, np.ndarray]:
        layer = FaceMap(portrait_face(), SIZE_PX).at(turned(turn), guesses=False)
        look, cover = np.full((SIZE_PX, SIZE_PX, 2), np.nan, np.float32), np.zeros((SIZE_PX, SIZE_PX), np.float32)
        part = (
            slice(layer.y0_px, layer.y0_px + len(layer.cover)),
            slice(layer.x0_px, layer.x0_px + len(layer.cover[0])),
        )
        look[part], cover[part] = layer.look_px, layer.cover
        return look, cover

    half = [looks(turn) for turn in (0, 12, -20)]
    assert FaceMap(portrait_face(), SIZE_PX)._step == 2 and FaceMap(portrait_face(), SIZE_PX // 2)._step == 1
    monkeypatch.setattr(face_map, "_EVERY_OTHER_FROM_PX", 1024)
    assert FaceMap(portrait_face(), SIZE_PX)._step == 1
    for (look, cover), turn in zip(half, (0, 12, -20), strict=True):
        fine_look, fine_cover = looks(turn)
        inside = (cover == 1) & (fine_cover == 1)
        assert inside.mean() > 0.05 and np.abs(cover - fine_cover).mean() < 0.01
        away_px = np.linalg.norm(look - fine_look, axis=2)[inside]
        assert away_px.mean() < 0.15 and np.quantile(away_px, 0.99) < 0.8  # of a face of sixty


def test_the_edge_of_a_turned_face_is_no_stair():
    white = np.full((SIZE_PX, SIZE_PX, 3), 255, np.uint8)
    layer = FaceMap(portrait_face(), SIZE_PX).at(turned(20))
    partly = (layer.cover > 0.05) & (layer.cover < 0.95)
    assert partly.sum() > 2 * layer.cover.shape[0]  # some pixels of every row lie between
    assert Warp(white, portrait_face()).show(portrait_face()).min() >= 254


def test_the_finest_texture_survives_a_small_move():
    # Half a pixel to the side: a bilinear look would average neighbours, and halve the variance of noise.
    noise = np.random.default_rng(0).integers(0, 255, (SIZE_PX, SIZE_PX, 1)).astype(np.uint8).repeat(3, axis=2)
    shown = Warp(noise, portrait_face()).show(portrait_face() + np.float32((0.5 / SIZE_PX, 0, 0)))
    column, row = (portrait_face()[lm.FOREHEAD, :2] * SIZE_PX).astype(int)
    patch = np.s_[row + 4 : row + 24, column - 12 : column + 12]
    assert shown[patch].var() > 0.6 * noise[patch].var()
    assert portrait().shape == shown.shape


def test_triangles_are_painted_as_one_would_by_hand():
    """Beside asking for every node and every triangle whether the one lies in the other, the nearest one last."""
    random, (rows, columns) = np.random.default_rng(0), np.mgrid[:31, :37] + 0.5
    for _ in range(5):
        corners, order = random.uniform(-6, 44, (50, 3, 2)), random.permutation(50)[:40]
        expected = np.full((31, 37), -1)
        for number in order:
            sides = [
                (b[0] - a[0]) * (rows - a[1]) - (b[1] - a[1]) * (columns - a[0])
                for a, b in zip(corners[number], np.roll(corners[number], -1, axis=0), strict=True)
            ]
            expected[(np.min(sides, 0) >= 0) | (np.max(sides, 0) <= 0)] = number
        painted = paint(np.empty((31, 37), np.int32), corners, order)
        assert (painted == expected).mean() > 0.985  # but for nodes on an edge
    assert (paint(np.empty((4, 4), np.int32), corners, order[:0]) == -1).all()


def test_a_doubled_picture_shows_nearly_what_a_bicubic_look_does(monkeypatch: pytest.MonkeyPatch):
    picture = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (90, 80, 4)).astype(np.uint8), (0, 0), 0.7)
    doubled_picture = Doubled(picture, np.array([[20.0, 25.0], [60.0, 70.0]]))
    x, y = np.meshgrid(np.linspace(22, 58, 50, dtype=np.float32), np.linspace(28, 66, 60, dtype=np.float32))
    look, everywhere = np.stack([x, y], 2), np.ones(x.shape, bool)
    exact = bicubic(picture, look).astype(int)
    linear = cv2.remap(picture, look, None, cv2.INTER_LINEAR).astype(int)
    monkeypatch.setattr(doubled, "bicubic", lambda *whatever: pytest.fail("looked up as slowly as before"))
    off = np.abs(doubled_picture.at(look, everywhere).astype(int) - exact).mean()
    assert off < 0.45 * np.abs(linear - exact).mean()
    whole = np.stack(np.meshgrid(np.arange(25, 55), np.arange(30, 60)), 2).astype(np.float32)
    assert (doubled_picture.at(whole, np.ones(whole.shape[:2], bool)) == picture[30:60, 25:55]).all()
    far = look.copy()
    far[0] = -300  # where nothing is seen it may look anywhere
    covered = everywhere.copy()
    covered[0] = False
    assert (doubled_picture.at(far, covered)[1:] == doubled_picture.at(look, everywhere)[1:]).all()


@pytest.mark.parametrize("aside_px", [0, 45, -60, 400])
def test_a_doubled_picture_is_looked_up_beyond_its_part_too(aside_px: float):
    picture = np.random.default_rng(1).integers(0, 256, (90, 80, 4)).astype(np.uint8)
    part = Doubled(picture, np.array([[20.0, 25.0], [60.0, 70.0]]) + aside_px)
    look = np.stack(np.meshgrid(np.arange(80), np.arange(90)), 2).astype(np.float32)
    assert (part.at(look, np.ones((90, 80), bool)) == picture).all()
