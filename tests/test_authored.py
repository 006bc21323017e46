"""Motions that are made, not filmed, through the doors: files that drive, sliders that are added, the command line."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from faces import portrait_face

from cxanim.cli import main
from cxanim.errors import BadPuppet, BadSetting, CxanimError
from cxanim.images import write_image
from cxanim.motion.expression import Expression, ExpressionBasis
from cxanim.motion.head import head_angles
from cxanim.motion.keyframes import Keyframe, KeyframedMotion
from cxanim.motion.pose import Pose, eye_distance
from cxanim.motion.presets import PRESETS
from cxanim.motion.ratios import mouth_gap
from cxanim.motion.recording import Motion
from cxanim.motion.retarget import perform
from cxanim.pipelines.driver import AUTHORED_FPS, Drive, DriveSettings, prepare_drive
from cxanim.pipelines.watch import Watch
from cxanim.ui.character import character
from cxanim.video import open_video


def prepared(driver: str | Path, **settings: Any) -> Drive:
    return prepare_drive(driver, portrait_face(), DriveSettings(**settings), Watch())


def faces_of(driver: str | Path, **settings: Any) -> np.ndarray:
    return np.stack(list(prepared(driver, **settings).faces))


def acted(**sliders: float) -> np.ndarray:
    return perform(ExpressionBasis(portrait_face()).performance(Expression(**sliders)), portrait_face())


@pytest.fixture
def nod(tmp_path: Path) -> Path:
    """A nod that was recorded from the portrait itself."""
    poses = [Pose(face=face) for face in PRESETS["nod"].faces(portrait_face(), AUTHORED_FPS)]
    Motion.from_poses(poses, AUTHORED_FPS).save(tmp_path / "nod.npz")
    return tmp_path / "nod.npz"


@pytest.fixture
def opening(tmp_path: Path) -> Path:
    """A mouth that opens in a second, and stays so."""
    path = tmp_path / "opening.json"
    KeyframedMotion("opening", "", 1.0, (Keyframe(0, {"jaw": 0.0}), Keyframe(1.0, {"jaw": 1.0}, "linear"))).save(path)
    return path


def test_a_file_of_keyframes_drives_as_the_preset_that_it_was(tmp_path: Path):
    PRESETS["wink"].save(tmp_path / "mine.json")
    np.testing.assert_array_equal(faces_of(tmp_path / "mine.json", loops=2), faces_of("wink", loops=2))


def test_a_motion_that_does_not_close_is_led_into_its_beginning_if_wanted(opening: Path):
    plain, round_ = faces_of(opening), faces_of(opening, seamless=True)
    jump, step = (np.abs(faces[0] - faces[-1]).max() for faces in (plain, round_))
    assert step < 0.3 * jump
    assert prepared(opening, seamless=True).notes == () and len(prepared(opening).lead_in) == 0
    assert "no use for seamless" in prepared("wink", seamless=True).notes[0]


def test_a_damaged_file_of_keyframes_is_refused(tmp_path: Path):
    (tmp_path / "odd.json").write_text('{"format": 1, "duration_s": 1, "keyframes": []}')
    with pytest.raises(BadPuppet, match=r"odd\.json is no motion: keyframes: got 0"):
        prepared(tmp_path / "odd.json")


# Sliders that are added


def test_sliders_are_added_to_a_preset_whatever_its_gains():
    plain, turned = faces_of("smile"), faces_of("smile", offsets="yaw_deg=10, jaw=0.5")
    angles = np.array([head_angles(face) for face in turned]) - [head_angles(face) for face in plain]
    np.testing.assert_allclose(angles[:, 0], 10, atol=0.6)
    assert min(mouth_gap(face) for face in turned) > max(mouth_gap(face) for face in plain) + 0.1
    still = dict(head=0, brows=0, eyes=0, gaze=0, mouth=0)
    np.testing.assert_allclose(faces_of("nod", offsets="yaw_deg=10", **still)[7], acted(yaw_deg=10), atol=1e-5)


def test_sliders_are_added_to_a_recorded_motion(nod: Path):
    plain, changed = faces_of(nod, smoothing=0), faces_of(nod, smoothing=0, offsets="smile=1")
    moved = (changed - plain)[:, [61, 291]] / eye_distance(portrait_face())
    assert (moved[:, 0, 0] < -0.08).all() and (moved[:, 1, 0] > 0.08).all()


def test_what_is_added_to_a_still_picture_does_not_come_and_go(tmp_path: Path):
    write_image(tmp_path / "character.png", character())
    faces = faces_of(tmp_path / "character.png", offsets="yaw_deg=10")
    np.testing.assert_allclose(faces[0], acted(yaw_deg=10), atol=1e-5)


def test_together_nothing_goes_further_than_a_face_can(opening: Path):
    both = faces_of(opening, offsets="jaw=1,yaw_deg=25,blink=1")
    assert mouth_gap(both[-1]) - mouth_gap(portrait_face()) == pytest.approx(0.55, abs=0.02)  # and not 2 x 0.42
    shut = faces_of("doze", offsets="blink=1,yaw_deg=25")
    assert np.isfinite(shut).all()
    KeyframedMotion("turned", "", 1.0, (Keyframe(0, {"yaw_deg": 25.0}),)).save(opening)
    (yaw, _, _) = np.array(head_angles(faces_of(opening, offsets="yaw_deg=25")[0])) - head_angles(portrait_face())
    assert yaw == pytest.approx(40, abs=1)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("grin=1", "no setting 'grin'"),
        ("smile", "got 'smile', expected each once"),
        ("smile=1,smile=0.5", "got 'smile=0.5', expected each once"),
        ("smile=wide", "smile: got 'wide', expected float"),
        ("smile=2", "smile: got 2, expected -1 to 1"),
        ("smile=nan", "smile: got nan"),
    ],
)
def test_sliders_that_make_no_sense_are_refused(text: str, words: str):
    with pytest.raises(BadSetting, match=words):
        DriveSettings(offsets=text)


def test_sliders_come_back_from_their_text():
    expression = Expression(smile=0.25, yaw_deg=-5, scale=1.1)
    assert Expression.from_text(expression.to_text()) == expression
    assert Expression().to_text() == "" and Expression.from_text(" , ") == Expression()


# The command line


def run(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


def test_a_preset_is_saved_edited_and_used_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    write_image(tmp_path / "face.png", character())
    saved = tmp_path / "mine.json"
    assert run("motion", "save", "wink", "-o", saved, "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"path": str(saved), "duration_s": 2.0, "keyframes": 12}
    edited = json.loads(saved.read_text()) | {"duration_s": 2.5}
    saved.write_text(json.dumps(edited))
    video = tmp_path / "out.mp4"
    offsets = ["--offsets", "smile=0.3,yaw_deg=5"]
    assert run("animate", tmp_path / "face.png", "--motion", saved, "-o", video, "--size", 128, *offsets) == 0
    with open_video(video) as frames:
        assert len(list(frames)) == 75


def test_a_motion_is_baked(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert run("motion", "bake", "nod", "-o", tmp_path / "nod.npz", "--fps", 25, "--json") == 0
    assert json.loads(capsys.readouterr().out)["frames"] == 50
    pitch = [head_angles(face)[1] for face in faces_of(tmp_path / "nod.npz")]
    assert np.ptp(pitch) > 12


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["motion", "save", "grin", "-o", "x.json"], "There is no preset 'grin'. There are nod"),
        (["motion", "save", "nod", "-o", "x.txt"], "Let its name end in .json."),
        (["motion", "bake", "nod", "-o", "x.json"], "Let its name end in .npz."),
        (["motion", "bake", "grin", "-o", "x.npz"], "neither a file nor a preset"),
        (["animate", "x.png", "--motion", "nod", "-o", "x.mp4", "--offsets", "grin=1"], "no setting 'grin'"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(
    arguments: list[str], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    monkeypatch.chdir(tmp_path)
    assert run(*arguments) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert words in said[-1] and list(tmp_path.iterdir()) == []


def test_a_saved_file_stays_whole_when_the_next_one_cannot_be_written(tmp_path: Path):
    with pytest.raises(CxanimError, match="There is no folder"):
        PRESETS["nod"].save(tmp_path / "nowhere" / "nod.json")
