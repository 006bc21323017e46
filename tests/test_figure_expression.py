"""The face of a photo's figure: it acts as the driver's does, its head held, and nothing round it changes."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from faces import about_camera_axis, astronaut, astronaut_face, rotated
from figures import SIZE_PX, body_at_rest, draw, write_capture
from skimage import data

from cxanim.images import read_image, write_image
from cxanim.motion.body_retarget import retargeted
from cxanim.motion.bvh_poses import motion_from_bvh
from cxanim.motion.crop import Crop
from cxanim.motion.expression import Expression, ExpressionBasis
from cxanim.motion.limb_warp import LimbWarp
from cxanim.motion.pose import eye_distance
from cxanim.motion.ratios import eye_openness, mouth_gap
from cxanim.motion.recording import Motion
from cxanim.motion.retarget import Gains, as_detected, perform, still
from cxanim.motion.skeleton import joints_of
from cxanim.pipelines import animate_figure
from cxanim.pipelines.animate import AnimateSettings, animate
from cxanim.pipelines.driver import Drive
from cxanim.pipelines.figure import observe_figure
from cxanim.pipelines.figure_driver import Driving
from cxanim.pipelines.figure_expression import FigureExpression, expressions, face_of
from cxanim.pipelines.rendering import Rendered
from cxanim.video import open_video

FPS = 25.0


def acting(face: np.ndarray, **sliders: float) -> np.ndarray:
    """A face (478, 3) that does what sliders say, as a detector would see it."""
    return perform(as_detected(ExpressionBasis(face).performance(Expression(**sliders))), face)


@pytest.fixture(scope="module")
def face() -> np.ndarray:
    return astronaut_face()


@pytest.fixture(scope="module")
def speaking(face: np.ndarray) -> list[np.ndarray | None]:
    """Half a second at rest, then the mouth is open for as long."""
    return [face] * 12 + [acting(face, jaw=0.8)] * 13


def test_at_rest_the_picture_is_what_it_was(face: np.ndarray):
    shown = FigureExpression(astronaut(), face).show(face)
    assert np.array_equal(shown, astronaut())


def test_a_mouth_opens_and_nothing_round_the_face_changes(face: np.ndarray):
    expression = FigureExpression(astronaut(), face)
    opened = acting(face, jaw=0.8)
    for _ in range(3):
        shown = expression.show(opened)
    changed = np.abs(shown.astype(int) - astronaut()).max(2) > 24
    rows, columns = np.nonzero(changed)
    lips = face[[13, 14], :2].mean(0) * 512
    assert len(rows) > 50
    assert np.abs(np.median(np.stack([columns, rows], 1), axis=0) - lips).max() < 0.5 * eye_distance(face) * 512
    outside = np.ones((512, 512), bool)
    outside[expression.place] = False
    assert not changed[outside].any() and outside.mean() > 0.5


def test_what_a_mouth_does_arrives_and_what_the_head_does_does_not(face: np.ndarray, speaking: list[np.ndarray | None]):
    acted = expressions(speaking, FPS, face)
    assert acted is not None and len(acted) == 25
    assert mouth_gap(acted[0]) == pytest.approx(mouth_gap(face), abs=0.01)
    assert mouth_gap(acted[-1]) > mouth_gap(face) + 0.15
    turned = [rotated(one, about_camera_axis("y", 12)) for one in speaking if one is not None]
    nodding = expressions([*speaking[:12], *turned[12:]], FPS, face)
    assert nodding is not None
    stable = [33, 263, 6, 168, 10]  # corners of the eyes, bridge of the nose, brow
    assert np.abs(nodding[-1][stable, :2] - face[stable, :2]).max() < 0.05 * eye_distance(face)
    assert mouth_gap(nodding[-1]) == pytest.approx(mouth_gap(acted[-1]), abs=0.05)


def test_lips_do_not_open_wider_than_what_is_inside_can_be_believed(face: np.ndarray):
    shouting = perform(replace(still(), gap=0.5), face)
    acted = expressions([face] * 12 + [shouting] * 12, FPS, face)
    assert acted is not None and mouth_gap(acted[-1]) == pytest.approx(mouth_gap(face) + 0.25, abs=0.04)


def test_gains_say_how_much_arrives(face: np.ndarray, speaking: list[np.ndarray | None]):
    silent = expressions(speaking, FPS, face, Gains(mouth=0.0))
    assert silent is not None and mouth_gap(silent[-1]) == pytest.approx(mouth_gap(face), abs=0.02)


def test_where_a_driver_shows_no_face_the_photo_is_as_it_was(face: np.ndarray, speaking: list[np.ndarray | None]):
    acted = expressions([*speaking, *[None] * 25], FPS, face)
    assert acted is not None
    assert np.abs(acted[-1] - face).max() < 1e-3 * eye_distance(face)
    steps = [np.abs(after - before).max() for before, after in zip(acted[20:], acted[21:], strict=False)]
    whole = np.abs(acted[20] - acted[-1]).max()
    assert max(steps) < 0.35 * whole  # it goes over softly


def test_lids_close_together_and_open_no_wider_than_looks_well(face: np.ndarray):
    squinting = acting(face, blink=0.5)
    acted = expressions([squinting] * 20 + [acting(face, blink=-0.5)] * 20, FPS, face)
    assert acted is not None
    assert (eye_openness(acted[-1]) < 1.2 * eye_openness(face)).all()
    winking = acting(face, blink_left=1.0)
    acted = expressions([face] * 20 + [winking] * 20, FPS, face)
    assert acted is not None
    closed = 1 - eye_openness(acted[-1]) / eye_openness(face)
    assert closed[0] == pytest.approx(closed[1], abs=0.05) and closed[0] > 0.2


def test_a_driver_too_small_or_turned_too_far_away_is_not_read(face: np.ndarray, speaking: list[np.ndarray | None]):
    known = [one for one in speaking if one is not None]
    unit = eye_distance(face)
    assert expressions([one * np.float32(8 / 640 / unit) for one in known], FPS, face) is None
    assert expressions([rotated(one, about_camera_axis("y", 60)) for one in known], FPS, face) is None
    assert expressions([None] * 5, FPS, face) is None


def test_a_face_is_read_as_large_as_it_was_filmed(face: np.ndarray):
    """A camera that comes nearer is taken out of the body; a face is no smaller for that."""
    bodies = np.tile(body_at_rest(), (5, 1, 1))
    seen = Motion(FPS, {"face": np.stack([face] * 5), "body": bodies})
    steady = replace(seen, parts={part: track * np.float32(0.2) for part, track in seen.parts.items()})
    assert all(np.array_equal(one, face) for one in Driving(steady, filmed=seen).calmed(0.0).faces)
    assert all(np.array_equal(one, face) for one in Driving(seen).faces)


def test_a_repainted_figure_is_the_figure_of_the_other_picture():
    """Where nothing was filled in, bending the changed picture and changing the bent one are the same."""
    picture, matte = draw(body_at_rest())
    rest, plate = joints_of(body_at_rest())[0], np.full_like(picture, 128)
    rows, columns = slice(24, 56), slice(100, 156)
    other = picture.copy()
    other[rows, columns] = 255 - other[rows, columns]
    warp = LimbWarp(picture, matte, rest, plate)
    before = warp.show(rest)
    warp.repaint(other, rows, columns)
    moved = rest + (0.05, 0.02)
    assert np.array_equal(warp.show(moved), LimbWarp(other, matte, rest, plate).show(moved))
    warp.repaint(picture, rows, columns)
    assert np.array_equal(warp.show(rest), before)


def test_a_face_that_is_known_turns_with_its_head_to_the_corner_of_the_jaw():
    """A mark there comes to be where the turn of the head alone brings it."""
    picture, matte = draw(body_at_rest())
    rest, plate = joints_of(body_at_rest())[0], np.full_like(picture, 128)
    picture[58:62, 138:142] = 0
    aside = rest.copy()
    aside[:11] += (0.08, 0.02)
    head, chest = rest[:11].mean(0), rest[34]
    now = aside[:11].mean(0)
    angles = [np.arctan2(*(place - chest)[::-1]) for place in (head, now)]
    cosine, sine = np.cos(angles[1] - angles[0]), np.sin(angles[1] - angles[0])
    wanted = now + np.array([[cosine, -sine], [sine, cosine]]) @ ((140 / SIZE_PX, 60 / SIZE_PX) - head)

    def off_px(face: np.ndarray | None) -> float:
        shown = LimbWarp(picture, matte, rest, plate, face).show(aside)
        rows, columns = np.nonzero((shown < 60).all(2))
        return float(np.hypot(columns.mean() + 0.5 - SIZE_PX * wanted[0], rows.mean() + 0.5 - SIZE_PX * wanted[1]))

    jaw_and_all = np.array([[0.44, 0.1], [0.56, 0.1], [0.56, 0.27], [0.44, 0.27]])
    assert off_px(jaw_and_all) < 1 < 2 < off_px(None)


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("figure") / "photographer.png"
    write_image(path, np.dstack([data.camera()] * 3))
    return path


@pytest.mark.parametrize("name", ["waving.bvh", "waving.npz"])
def test_motions_without_faces_move_a_figure_as_ever(
    standing: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
):
    """Bit for bit what the limb warp shows, and nobody looks for a face."""
    write_capture(tmp_path / "waving.bvh")
    motion = motion_from_bvh(tmp_path / "waving.bvh")
    motion.save(tmp_path / "waving.npz")
    motion = Motion.load(tmp_path / name) if name.endswith("npz") else motion
    motion = replace(motion, parts={part: track[: round(0.5 * motion.fps)] for part, track in motion.parts.items()})
    shown: list[tuple[np.ndarray, np.ndarray]] = []

    def watched(
        ready: Drive, show: Callable[[object], np.ndarray], width_px: int, height_px: int, output: Path, *_, **__
    ):
        shown.extend((frame[0], show(frame).copy()) for frame in ready.faces)
        return Rendered(output, ready.frames, ready.fps, width_px, height_px, 0.0, ready.notes)

    monkeypatch.setattr(animate_figure, "render_drive", watched)
    monkeypatch.setattr(animate_figure, "face_of", lambda figure: pytest.fail("a face was looked for"))
    rendered = animate(standing, tmp_path / name, tmp_path / "waves.mp4", AnimateSettings(end_s=0.5))
    assert not rendered.notes and len(shown) == rendered.frames > 10
    figure = observe_figure(standing)
    bodies = [pose.body for pose in motion.calmed(AnimateSettings.smoothing, 0.5)]
    wanted = retargeted(bodies[: len(shown)], motion.fps, figure.joints, figure.build)
    warp = figure.warp()
    for (joints, frame), placed in zip(shown, wanted, strict=True):
        assert np.array_equal(joints, placed) and np.array_equal(frame, figure.framed(warp.show(placed)))


def test_the_face_of_the_figure_is_found_and_not_another_one(test_data: Path):
    figure = observe_figure(test_data / "portraits" / "st_full_body_1.png")
    face = face_of(figure)
    assert face is not None and 80 < eye_distance(face) * len(figure.square) < 95
    elsewhere = replace(figure, joints=figure.joints + (0.3, 0.3))
    assert face_of(elsewhere) is None


def test_a_dancers_face_speaks_too(test_data: Path, tmp_path: Path):
    """A video of a dancer, whose lips open: so do the photo's, which the frames show where its head has come to be."""
    photo, driver = test_data / "portraits" / "moore_body_3.png", test_data / "bodies" / "lp_s13_dance.mp4"
    frames: dict[float, list[np.ndarray]] = {}
    for mouth in (0.0, 2.0):
        output = tmp_path / f"mouth_{mouth:g}.gif"
        settings = AnimateSettings(moves="figure", start_s=1.2, end_s=1.6, mouth=mouth)
        rendered = animate(photo, driver, output, settings)
        assert not any("no use for" in note for note in rendered.notes)
        with open_video(output) as video:
            frames[mouth] = list(video)
    change = np.abs(frames[2.0][-1].astype(int) - frames[0.0][-1]).max(2)
    rows, columns = np.nonzero(change > 40)
    assert len(rows) > 15 and np.ptp(rows) < 120 and np.ptp(columns) < 120  # a mouth, and nothing else


def test_who_has_no_face_or_a_small_one_is_told_so(test_data: Path, tmp_path: Path):
    driver = test_data / "bodies" / "lp_s13_dance.mp4"
    settings = AnimateSettings(moves="figure", end_s=0.2)
    told = animate(test_data / "portraits" / "moore_body_10.png", driver, tmp_path / "armour.mp4", settings).notes
    assert any("no face is found" in note for note in told)
    photo = Crop.whole(614, 922)
    picture = read_image(test_data / "portraits" / "moore_body_3.png").rgb
    write_image(tmp_path / "small.png", photo.cut(picture, 460))
    told = animate(tmp_path / "small.png", driver, tmp_path / "small.mp4", settings).notes
    assert any("so small" in note for note in told)
