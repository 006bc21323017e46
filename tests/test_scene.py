"""A face that moves in a picture of any size: the picture itself where nothing moves, and no edge where it does."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from faces import astronaut, astronaut_face

from cxanim.errors import BadSetting
from cxanim.images import write_image
from cxanim.motion.crop import Crop
from cxanim.motion.expression import Expression, ExpressionBasis
from cxanim.motion.pose import Pose
from cxanim.motion.retarget import perform
from cxanim.pipelines.animate import AnimateSettings, animate
from cxanim.pipelines.photo import Photo, observe_everyone, observe_photo, photo_puppet
from cxanim.pipelines.placed_face import PlacedFace
from cxanim.pipelines.render import Renderer
from cxanim.pipelines.scene import Scene
from cxanim.video import open_video

TURNED = Expression(yaw_deg=12, pitch_deg=5, jaw=0.4, blink_left=1.0)


def placed(width: int, height: int, scale: float, x: int, y: int) -> Photo:
    """The astronaut, scaled, with her corner at (x, y) of a grainy wall."""
    random = np.random.default_rng(1)
    picture = random.integers(90, 110, (height, width, 3), np.uint8)
    side = round(512 * scale)
    her = cv2.resize(astronaut(), (side, side), interpolation=cv2.INTER_CUBIC)
    seen = her[max(0, -y) : height - y, max(0, -x) : width - x]
    picture[max(0, y) : max(0, y) + seen.shape[0], max(0, x) : max(0, x) + seen.shape[1]] = seen
    face = Crop(x, y, side).to_frame(Pose(face=astronaut_face()), width, height).need_face()
    return Photo(picture, face, Crop.around_faces([face], width, height))


def scene_of(seen: list[Photo], size: int = 256, longest: int = 3840, **options) -> tuple[Scene, list]:
    puppets = [photo_puppet(one, size) for one in seen]
    rests = [Renderer(puppet).show(puppet.neutral_face) for puppet in puppets]
    return Scene(seen, puppets, rests, longest, **options), puppets


def shown(scene: Scene, puppets: list, expression: Expression | None = None) -> np.ndarray:
    faces = [puppet.neutral_face for puppet in puppets]
    if expression is not None:
        faces = [perform(ExpressionBasis(face).performance(expression), face) for face in faces]
    windows = [Renderer(puppet).show(face) for puppet, face in zip(puppets, faces, strict=True)]
    return scene.show(windows, faces).copy()


# width, height, scale of the astronaut, her place
PICTURES = {
    "4K": (3840, 2160, 4.0, 900, 60),
    "portrait": (540, 960, 1.0, 20, 300),
    "panorama": (1600, 300, 0.55, 700, 10),
    "small face": (900, 700, 0.5, 500, 300),
    "at the corner": (700, 700, 1.4, -120, -20),
}


@pytest.fixture(scope="module", params=PICTURES)
def case(request: pytest.FixtureRequest) -> tuple[Photo, Scene, list]:
    seen = placed(*PICTURES[request.param])
    return seen, *scene_of([seen])


def test_a_face_that_does_nothing_gives_the_picture_back(case):
    seen, scene, puppets = case
    assert scene.still is seen.picture
    np.testing.assert_array_equal(shown(scene, puppets), seen.picture)


def test_outside_the_window_a_moving_picture_is_the_picture_bit_for_bit(case):
    seen, scene, puppets = case
    moved = shown(scene, puppets, TURNED)
    x0, y0, side = int(seen.crop.x_px), int(seen.crop.y_px), int(seen.crop.side_px)
    changed = (moved != seen.picture).any(2)
    assert changed[max(0, y0) : y0 + side, max(0, x0) : x0 + side].mean() > 0.05
    changed[max(0, y0) : y0 + side, max(0, x0) : x0 + side] = False
    assert not changed.any()
    np.testing.assert_array_equal(shown(scene, puppets), seen.picture)  # and nothing of a frame stays behind


def test_no_seam_is_seen_at_the_edge_of_the_window(case):
    seen, scene, puppets = case
    moved = shown(scene, puppets, TURNED)
    height, width = moved.shape[:2]
    x0, y0, side = int(seen.crop.x_px), int(seen.crop.y_px), int(seen.crop.side_px)
    steps = []
    for picture in (moved, seen.picture):
        grey = picture.astype(np.float32).mean(2)
        across = [np.abs(grey[:, x] - grey[:, x - 1])[max(0, y0) : y0 + side] for x in (x0, x0 + side) if 0 < x < width]
        across += [np.abs(grey[y] - grey[y - 1])[max(0, x0) : x0 + side] for y in (y0, y0 + side) if 0 < y < height]
        steps.append(np.concatenate(across).mean())
    assert steps[0] <= 1.02 * steps[1]


def test_a_picture_finer_than_its_window_keeps_its_texture():
    seen = placed(1600, 1600, 3.0, 32, 32)
    grain = np.random.default_rng(2).normal(0, 8, seen.picture.shape)
    seen = replace(seen, picture=np.clip(np.round(seen.picture + grain), 0, 255).astype(np.uint8))
    scene, puppets = scene_of([seen])
    nod = Expression(yaw_deg=5)
    face = perform(ExpressionBasis(puppets[0].neutral_face).performance(nod), puppets[0].neutral_face)
    window = Renderer(puppets[0]).show(face)
    side = int(seen.crop.side_px)
    coarse = cv2.resize(window, (side, side), interpolation=cv2.INTER_CUBIC)
    fine = seen.crop.cut(scene.show([window], [face]), side)
    # The cheeks, where nothing new is seen.
    points = face[[50, 280, 205, 425], :2] * side
    reach = round(0.04 * side)

    def sharpness(picture: np.ndarray) -> float:
        grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        windows = [grey[y - reach : y + reach, x - reach : x + reach] for x, y in points.astype(int)]
        return float(np.mean([cv2.Laplacian(window, cv2.CV_64F).var() for window in windows]))

    own = sharpness(seen.crop.cut(seen.picture, side))
    # A look between pixels costs a good part of what is as fine as they are.
    assert sharpness(coarse) < 0.1 * own < 0.2 * own < sharpness(fine)


def test_a_larger_picture_is_scaled_down_and_still_itself():
    seen = placed(1600, 900, 1.6, 300, 40)
    scene, puppets = scene_of([seen], longest=800)
    assert scene.still.shape == (450, 800, 3) and (scene.width_px, scene.height_px) == (800, 450)
    np.testing.assert_array_equal(shown(scene, puppets), scene.still)


def test_the_window_alone_is_what_is_rendered():
    seen = placed(700, 700, 1.0, 100, 100)
    scene, puppets = scene_of([seen], size=128, alone=True)
    window = Renderer(puppets[0]).show(puppets[0].neutral_face)
    np.testing.assert_array_equal(scene.show([window], [puppets[0].neutral_face]), window)
    assert (scene.width_px, scene.height_px) == (128, 128)


@pytest.fixture(scope="module")
def couple(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The astronaut twice, the one on the right larger."""
    left, right = placed(1100, 520, 0.7, 30, 100).picture, placed(1100, 520, 1.0, 560, 4).picture
    picture = np.hstack([left[:, :500], right[:, 500:]])
    path = tmp_path_factory.mktemp("couple") / "couple.png"
    write_image(path, picture)
    return path


def test_a_face_is_chosen_by_its_number_from_the_left(couple: Path):
    largest, first, second = (observe_photo(couple, number=number) for number in (0, 1, 2))
    np.testing.assert_array_equal(largest.face, second.face)
    assert first.face[4, 0] < 0.4 < second.face[4, 0]
    assert "2 faces" in largest.notes[0] and "the largest" in largest.notes[0] and "number 1" in first.notes[0]
    with pytest.raises(BadSetting, match="face: got 3, but couple.png shows 2"):
        observe_photo(couple, number=3)


def test_all_faces_move_each_in_its_own_place(couple: Path):
    seen = observe_everyone(couple)
    scene, puppets = scene_of(seen)
    np.testing.assert_array_equal(shown(scene, puppets), scene.still)
    moved = shown(scene, puppets, TURNED)
    alone_scene, alone = scene_of([seen[1]])
    alone_moved = shown(alone_scene, alone, TURNED)
    change, of_one = (np.abs(picture.astype(int) - scene.still).max(2) for picture in (moved, alone_moved))
    for one in seen:
        x, y = (one.face[[33, 263], :2].mean(0) * 1100 + (0, (520 - 1100) / 2)).astype(int)
        assert change[y - 25 : y + 25, x - 25 : x + 25].mean() > 5
    # What moves the one leaves the other's face alone.
    x, y = (seen[0].face[4, :2] * 1100 + (0, (520 - 1100) / 2)).astype(int)
    assert of_one[y - 60 : y + 60, x - 60 : x + 60].max() == 0


def test_all_faces_make_one_video(couple: Path, tmp_path: Path):
    settings = AnimateSettings(size=128, all_faces=True)
    rendered = animate(couple, "nod", tmp_path / "o.mp4", settings)
    assert (rendered.width_px, rendered.height_px) == (1100, 520)
    with open_video(rendered.path) as video:
        frames = np.stack(list(video)).astype(int)
    change = np.abs(frames[12] - frames[0]).mean(2)
    assert change[:, :500].max() > 40 and change[:, 500:].max() > 40


@pytest.mark.parametrize("wrong", [{"crop": True}, {"face": 2}])
def test_all_faces_and_one_of_them_contradict(wrong: dict):
    with pytest.raises(BadSetting, match="all_faces"):
        AnimateSettings(all_faces=True, **wrong)


def test_a_puppet_is_of_one_face(couple: Path, tmp_path: Path):
    settings = AnimateSettings(size=128, all_faces=True)
    with pytest.raises(BadSetting, match="one face"):
        animate(couple, "nod", tmp_path / "o.mp4", settings, keep_puppet=tmp_path / "a.puppet")
    with pytest.raises(BadSetting, match="placed"):
        animate(couple, "nod", tmp_path / "o.mp4", settings, placed=PlacedFace({}))
    assert list(tmp_path.iterdir()) == []


def test_alpha_goes_through_the_scene():
    seen = placed(600, 600, 1.0, 40, 40)
    rows, columns = np.mgrid[:600, :600]
    alpha = np.where(np.hypot(rows - 280, columns - 280) < 250, 255, 0).astype(np.uint8)
    seen = replace(seen, alpha=alpha)
    puppet = photo_puppet(seen, 256)
    rest = Renderer(puppet).show_with_alpha(puppet.neutral_face)
    scene = Scene([seen], [puppet], [rest], 3840, with_alpha=True)
    still = scene.show([rest], [puppet.neutral_face]).copy()
    np.testing.assert_array_equal(still, seen.with_alpha)


def test_the_side_by_side_of_a_large_picture_is_smaller(tmp_path: Path):
    seen = placed(1200, 2000, 1.5, 200, 500)
    write_image(tmp_path / "a.png", seen.picture)
    settings = AnimateSettings(size=128, end_s=0.1)
    rendered = animate(tmp_path / "a.png", "nod", tmp_path / "o.mp4", settings, beside=tmp_path / "b.mp4")
    assert (rendered.width_px, rendered.height_px) == (1200, 2000)
    with open_video(tmp_path / "b.mp4") as video:
        assert (video.info.width_px, video.info.height_px) == (1296, 1080)
