"""Whole figures of photos, through the doors: a picture and a capture or a video in, a video out."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from figures import SIZE_PX, body_at_rest, draw, where, write_capture
from PIL import Image

from cxanim.cli import main
from cxanim.errors import BadSetting, CxanimError, NoFigure
from cxanim.images import read_image, write_image
from cxanim.motion.bvh_poses import motion_from_bvh
from cxanim.motion.drawing_matte import drawing_matte
from cxanim.motion.recording import Motion
from cxanim.pipelines.animate import AnimateSettings, animate
from cxanim.pipelines.figure import observe_figure
from cxanim.pipelines.placed_figure import PlacedFigure
from cxanim.pipelines.watch import Watch
from cxanim.video import open_video


@pytest.fixture(scope="module")
def waving(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A capture, made here: both arms go up and down, the rest stands."""
    path = tmp_path_factory.mktemp("capture") / "waving.bvh"
    write_capture(path)
    return path


def frames_of(path: Path) -> list[np.ndarray]:
    with open_video(path) as video:
        return list(video)


def test_the_capture_that_is_made_here_is_one(waving: Path):
    body = motion_from_bvh(waving).parts["body"]
    assert len(body) == 24 and body[12, 15, 1] < body[0, 15, 1] - 0.1 and body[12, 16, 1] < body[0, 16, 1] - 0.1


def test_a_figure_moves_as_a_capture_does(
    standing: Path, waving: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    output = tmp_path / "waves.mp4"
    assert main(["animate", str(standing), "--motion", str(waving), "-o", str(output), "--json"]) == 0
    told = json.loads(capfd.readouterr().out)
    assert (told["frames"], told["width_px"], told["height_px"]) == (24, 512, 512)
    frames = frames_of(output)
    picture = read_image(standing).rgb
    lifted, back = (np.abs(frames[number].astype(int) - frames[0]).max(2) > 40 for number in (12, 23))
    assert 0.01 < lifted.mean() < 0.3 and back.mean() < 0.1 * lifted.mean()
    beside = np.abs(frames[12].astype(int) - picture).max(2)[:, -64:]  # where the figure never comes
    assert (beside > 40).mean() < 0.001


def test_a_part_of_a_motion_file_moves_it_too(standing: Path, waving: Path, tmp_path: Path):
    motion_from_bvh(waving).save(tmp_path / "waving.npz")
    settings = AnimateSettings(start_s=0.2, end_s=0.6)
    rendered = animate(standing, tmp_path / "waving.npz", tmp_path / "part.mp4", settings)
    assert rendered.frames == 10 and not rendered.notes
    loud = animate(standing, waving, tmp_path / "loud.mp4", AnimateSettings(end_s=0.2, loops=3, mouth=0.5))
    assert loud.notes == ("A whole figure has no use for mouth, loops.",)


def test_who_is_cut_out_stays_transparent(standing: Path, waving: Path, tmp_path: Path):
    figure = observe_figure(standing)
    alpha = np.round(figure.matte * 255).astype(np.uint8)
    Image.fromarray(np.dstack([figure.picture, alpha])).save(tmp_path / "cut.png")
    rendered = animate(tmp_path / "cut.png", waving, tmp_path / "cut.webm")
    assert rendered.frames == 24
    with Image.open(_still(tmp_path / "cut.webm", tmp_path / "first.png")) as shown:
        assert shown.mode == "RGBA"
        there = np.asarray(shown.getchannel("A")) > 128
    assert not there[:, -64:].any() and 0.5 < there.mean() / (alpha > 128).mean() < 1.5


def _still(video: Path, output: Path) -> Path:
    """The first frame with its alpha, as the program that writes videos reads it."""
    import subprocess

    import imageio_ffmpeg

    program = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-c:v", "libvpx-vp9", "-i", str(video)]
    subprocess.run([*program, "-frames:v", "1", "-pix_fmt", "rgba", str(output)], check=True)
    return output


def test_a_picture_without_a_figure_is_said(waving: Path, character: Path, photo: Path, tmp_path: Path):
    Image.new("RGB", (300, 300), "grey").save(tmp_path / "wall.png")
    for path in (tmp_path / "wall.png", photo):  # of the astronaut there is hardly more than the head
        with pytest.raises(NoFigure, match=path.name):
            animate(path, waving, tmp_path / "none.mp4")
    assert not (tmp_path / "none.mp4").exists()


def test_what_moves_faces_moves_no_figure_and_the_other_way_round(
    standing: Path, waving: Path, photo: Path, tmp_path: Path
):
    with pytest.raises(CxanimError, match="smile moves a face and no figure"):
        animate(standing, "smile", tmp_path / "no.mp4", AnimateSettings(moves="figure"))
    with pytest.raises(CxanimError, match="waving.bvh moves a body"):
        animate(photo, waving, tmp_path / "no.mp4", AnimateSettings(moves="face"))
    with pytest.raises(BadSetting, match="quality"):
        AnimateSettings(moves="figure", quality="draft")
    with pytest.raises(BadSetting, match="puppet: got it for a figure"):
        animate(standing, waving, tmp_path / "no.mp4", keep_puppet=tmp_path / "no.puppet")
    faces = Motion(30.0, {"face": np.zeros((3, 478, 3), np.float32)})
    faces.save(tmp_path / "faces.npz")
    with pytest.raises(NoFigure, match="no body"):
        animate(standing, tmp_path / "faces.npz", tmp_path / "no.mp4", AnimateSettings(moves="figure"))
    motion = motion_from_bvh(waving)
    motion.parts["body"][:10] = np.nan
    motion.save(tmp_path / "late.npz")
    with pytest.raises(NoFigure, match="late.npz that is used shows no body"):
        animate(standing, tmp_path / "late.npz", tmp_path / "no.mp4", AnimateSettings(end_s=0.2))
    with pytest.raises(BadSetting, match="start_s"):
        animate(standing, waving, tmp_path / "no.mp4", AnimateSettings(start_s=99))


def test_stopped_it_leaves_nothing_behind(standing: Path, waving: Path, tmp_path: Path):
    with pytest.raises(CxanimError, match="Stopped"):
        animate(standing, waving, tmp_path / "stopped.mp4", watch=Watch(should_stop=lambda: True))
    assert list(tmp_path.iterdir()) == []


def test_a_person_dances_as_another_one_does(test_data: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    """A video of a body drives a photo of another one: limbs are where the driver's are, at the target's lengths."""
    photo, driver = test_data / "portraits" / "moore_body_3.png", test_data / "bodies" / "lp_s13_dance.mp4"
    output = tmp_path / "dance.mp4"
    command = ["animate", str(photo), "--motion", str(driver), "--moves", "figure", "--end-s", "1", "-o", str(output)]
    assert main([*command, "--longest-side", "512", "--json"]) == 0
    told = json.loads(capfd.readouterr().out)
    assert told["frames"] == 25 and max(told["width_px"], told["height_px"]) == 512
    frames = frames_of(output)
    change = [np.abs(frame.astype(int) - frames[0]).mean() for frame in frames]
    assert max(change) > 2


def test_a_hand_alone_is_no_driver(test_data: Path, standing: Path, tmp_path: Path):
    driver = test_data / "bodies" / "tfjs_asl_hand.mp4"
    with pytest.raises(NoFigure, match="tfjs_asl_hand.mp4"):
        animate(standing, driver, tmp_path / "no.mp4", AnimateSettings(moves="figure", end_s=2))


JOINTS = {
    "head": (128, 46), "left_shoulder": (154, 77), "right_shoulder": (102, 77), "left_elbow": (179, 108),
    "right_elbow": (77, 108), "left_wrist": (195, 138), "right_wrist": (61, 138), "left_hip": (141, 141),
    "right_hip": (115, 141), "left_knee": (146, 187), "right_knee": (110, 187), "left_ankle": (148, 230),
    "right_ankle": (108, 230),
}  # fmt: skip


@pytest.fixture(scope="module")
def drawing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A figure drawn on grey paper, lit from one side."""
    picture, _ = draw(body_at_rest())
    light = np.linspace(0.85, 1.1, SIZE_PX)[None, :, None]
    grain = np.random.default_rng(0).normal(0, 2, picture.shape)
    path = tmp_path_factory.mktemp("drawing") / "drawing.png"
    write_image(path, np.clip(picture * light + grain, 0, 255).astype(np.uint8))
    return path


@pytest.fixture
def joints(tmp_path: Path) -> Path:
    path = tmp_path / "joints.json"
    path.write_text(json.dumps({"joints": JOINTS, "picture": [SIZE_PX, SIZE_PX]}))
    return path


def test_what_is_drawn_is_told_from_its_paper(drawing: Path):
    matte = drawing_matte(read_image(drawing).rgb) > 0.5
    wanted = draw(body_at_rest())[1] > 0.5
    assert (matte & wanted).sum() / (matte | wanted).sum() > 0.85
    assert not drawing_matte(np.full((90, 120, 3), 200, np.uint8)).any()


def test_a_drawing_moves_by_the_joints_that_were_placed(drawing: Path, joints: Path, waving: Path, tmp_path: Path):
    output = tmp_path / "drawn.mp4"
    assert main(["animate", str(drawing), "--motion", str(waving), "--joints", str(joints), "-o", str(output)]) == 0
    frames = frames_of(output)
    assert len(frames) == 24
    up, down = (np.flatnonzero(where(frames[number], "left_arm", 60).sum(1) > 3).max() for number in (12, 0))
    assert up < down - 20  # the hand, which hung lowest


@pytest.mark.parametrize("is_placed", [True, False])
def test_who_touches_the_edge_of_a_picture_leaves_nothing_behind_there(is_placed: bool, tmp_path: Path):
    picture, _ = draw(body_at_rest())
    aside = picture[:, 52:-52].copy()  # both hands are cut off by the edge
    aside[180:] = np.where(aside[180:] == 128, np.arange(76)[:, None, None] % 2 * 80 + 90, aside[180:])  # and a floor
    write_image(tmp_path / "narrow.png", aside)
    mask = 255 * (picture[:, 52:-52] != 128).any(2).astype(np.uint8)
    write_image(tmp_path / "mask.png", np.dstack([mask] * 3))
    figure = observe_figure(
        tmp_path / "narrow.png",
        placed=PlacedFigure({name: (x - 52, y) for name, (x, y) in JOINTS.items()}),
        mask=tmp_path / "mask.png",
    )
    warp = replace(figure, is_drawn=is_placed).warp()
    away = np.full_like(figure.joints, 9.0)  # it has left
    left = figure.framed(warp.show(away)).astype(int)
    assert np.abs(left[:170] - 128).max() < 12
    np.testing.assert_array_equal(left[240:, :20], aside[240:, :20])  # nobody was there: pixel for pixel


def test_a_mask_says_what_the_figure_is_and_its_ground_may_be_left_away(
    drawing: Path, joints: Path, waving: Path, tmp_path: Path
):
    mask = np.zeros((SIZE_PX, SIZE_PX, 3), np.uint8)
    mask[:, SIZE_PX // 2 :] = 255
    write_image(tmp_path / "mask.png", mask)
    command = ["animate", str(drawing), "--motion", str(waving), "--joints", str(joints), "--background", "none"]
    assert main([*command, "--mask", str(tmp_path / "mask.png"), "-o", str(tmp_path / "half.mp4")]) == 0
    first = frames_of(tmp_path / "half.mp4")[0]
    assert (
        (first[:, :60] > 240).all() and where(first, "left_leg", 60).any() and not where(first, "right_leg", 60).any()
    )
    write_image(tmp_path / "other.png", np.zeros((10, 90, 3), np.uint8))
    assert main([*command, "--mask", str(tmp_path / "other.png"), "-o", str(tmp_path / "no.mp4")]) == 2


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("[]", 'no "joints"'), ("{", "does not say"), ('{"joints": {"nose": [1, 2]}}', "'nose'"),
        ('{"joints": {"head": [1, 2]}}', "left_shoulder is missing"), ('{"joints": {"head": [1, "x"]}}', "head"),
        (json.dumps({"joints": JOINTS, "picture": [100, 400]}), "another shape"),
        (json.dumps({"joints": JOINTS | {"head": (9000, 0)}}), "far outside"),
    ],
)  # fmt: skip
def test_joints_that_are_none_are_said(
    drawing: Path, waving: Path, tmp_path: Path, said: str, words: str, capfd: pytest.CaptureFixture[str]
):
    (tmp_path / "bad.json").write_text(said)
    command = ["animate", str(drawing), "--motion", str(waving), "--joints", str(tmp_path / "bad.json")]
    assert main([*command, "-o", str(tmp_path / "no.mp4")]) == 2
    assert words in capfd.readouterr().err and not (tmp_path / "no.mp4").exists()


def test_joints_are_kept_as_they_were_written():
    placed = PlacedFigure.from_dict({"joints": JOINTS, "picture": [256, 256]})
    assert PlacedFigure.from_dict(json.loads(json.dumps(placed.to_dict()))) == placed


def test_what_is_for_figures_is_refused_for_faces(photo: Path, tmp_path: Path):
    with pytest.raises(BadSetting, match="background"):
        animate(photo, "smile", tmp_path / "no.mp4", AnimateSettings(background="none"))
    with pytest.raises(BadSetting, match="joints"):
        placed = PlacedFigure.from_dict({"joints": JOINTS})
        animate(photo, "smile", tmp_path / "no.mp4", AnimateSettings(moves="face"), joints=placed)
