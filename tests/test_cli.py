"""The command line's contract: flags derive from settings, JSON alone on stdout, exit 2 with one line, nothing left."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage.data import astronaut, coffee

from cxanim.cli import main
from cxanim.errors import CannotWrite
from cxanim.motion.expression import Expression
from cxanim.pipelines.animate import AnimateSettings
from cxanim.pipelines.authored import BakeSettings
from cxanim.pipelines.domain_apply import DomainApplySettings
from cxanim.pipelines.domain_fit import DomainFitSettings
from cxanim.pipelines.drive_settings import DriveSettings
from cxanim.pipelines.edit import EditSettings
from cxanim.pipelines.extract import ExtractSettings
from cxanim.pipelines.learn import FitSettings
from cxanim.pipelines.live import LiveSettings
from cxanim.pipelines.machine import Machine
from cxanim.pipelines.scoring import EvaluateSettings
from cxanim.pipelines.style import StyleSettings
from cxanim.pipelines.style_apply import StyleApplySettings
from cxanim.pipelines.style_fit import StyleFitSettings
from cxanim.settings import Settings, knobs
from cxanim.video import open_video_writer

SIZE = ["--size", "128"]
CXANIM = [sys.executable, "-m", "cxanim"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cli")


@pytest.fixture(scope="module")
def photo(folder: Path) -> Path:
    path = folder / "astronaut.png"
    Image.fromarray(astronaut()).save(path)
    return path


@pytest.fixture(scope="module")
def clip(folder: Path) -> Path:
    path = folder / "still.mp4"
    with open_video_writer(path, 256, 256, 10) as writer:
        for shift in range(12):
            writer.write(np.ascontiguousarray(np.roll(astronaut(), shift, axis=1)[:256, 100:356]))
    return path


def run(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


def test_help_is_instant_and_lists_every_command() -> None:
    start_s = time.monotonic()
    shown = subprocess.run([*CXANIM, "--help"], capture_output=True, text=True, check=True).stdout
    loaded = (
        "import sys, cxanim.cli; print(*(name for name in sys.modules if name in {'torch', 'gradio', 'mediapipe'}))"
    )
    heavy = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True).stdout
    assert time.monotonic() - start_s < 20
    assert heavy.strip() == ""
    for command in ("app", "animate", "train", "drive", "live", "edit", "style", "domain", "evaluate", "motion"):
        assert re.search(rf"^\s+{command}\s+\w+", shown, re.MULTILINE)


@pytest.mark.parametrize(
    ("command", "settings"),
    [
        (["animate"], AnimateSettings),
        (["train"], FitSettings),
        (["drive"], DriveSettings),
        (["live"], LiveSettings),
        (["edit"], EditSettings),
        (["edit"], Expression),
        (["evaluate"], EvaluateSettings),
        (["style", "paint"], StyleSettings),
        (["style", "fit"], StyleFitSettings),
        (["style", "apply"], StyleApplySettings),
        (["domain", "fit"], DomainFitSettings),
        (["domain", "apply"], DomainApplySettings),
        (["motion", "bake"], BakeSettings),
        (["motion", "extract"], ExtractSettings),
        (["animate"], Machine),
    ],
)
def test_every_setting_has_a_flag(
    command: list[str], settings: type[Settings], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main([*command, "--help"])
    assert left.value.code == 0
    shown = capsys.readouterr().out
    for knob in knobs(settings):
        flag = "--from" if (settings, knob.name) == (EvaluateSettings, "start") else knob.flag
        assert flag in shown


def test_animate_prints_nothing_but_json(photo: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run("animate", photo, "-o", tmp_path / "o.mp4", "--motion", "blink", "--json", *SIZE) == 0
    result = json.loads(capfd.readouterr().out)
    assert result["frames"] == 60 and Path(result["path"]).stat().st_size > 1000


def test_a_clip_stands_in_for_the_camera(
    photo: Path, character_clip: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run("live", photo, "--input", character_clip, "-o", tmp_path / "live.mp4", "--json", *SIZE) == 0
    result = json.loads(capfd.readouterr().out)
    assert result["frames"] == 60 >= result["shown"] > 0 and Path(result["path"]).stat().st_size > 1000
    assert set(result["stages_ms"]) == {"decode", "follow", "warp", "refine", "encode"}


def test_the_whole_chain(clip: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    puppet, preview = tmp_path / "a.puppet", tmp_path / "preview.jpg"
    tiny = ["--steps", 2, "--size", 64, "--batch", 1, "--references", 2]
    assert run("train", clip, "-o", puppet, "--json", "--preview", preview, *tiny) == 0
    assert json.loads(capfd.readouterr().out)["steps"] == 2
    assert preview.exists()
    assert run("train", clip, "-o", puppet, "--json", "--resume", *tiny[:1], 3, *tiny[2:]) == 0
    assert json.loads(capfd.readouterr().out)["steps"] == 3
    assert run("drive", puppet, clip, "-o", tmp_path / "o.webm", "--beside", tmp_path / "b.mp4", "--json") == 0
    assert json.loads(capfd.readouterr().out)["frames"] == 12
    assert run("evaluate", puppet, clip, "--frames", 3, "--features", "small", "--json") == 0
    assert {"akd_px", "baselines"} <= set(json.loads(capfd.readouterr().out))
    assert run("evaluate", puppet, clip, "--frames", 3, "--features", "small") == 0
    assert "nearest" in capfd.readouterr().out
    assert run("motion", "extract", clip, "-o", tmp_path / "m.npz", "--json") == 0
    assert json.loads(capfd.readouterr().out)["frames"] == 12
    assert run("drive", puppet, tmp_path / "m.npz", "-o", tmp_path / "n.gif") == 0


def test_motion_list_names_the_presets(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("motion", "list") == 0
    shown = capsys.readouterr().out
    for name in ("nod", "shake", "look-around", "blink", "wink", "smile", "talk", "surprise"):
        assert re.search(rf"^{name}\s", shown, re.MULTILINE)


def refused(capfd: pytest.CaptureFixture[str], tmp_path: Path, *arguments: object) -> str:
    """The command fails with exit 2 and one sentence, prints nothing else and writes nothing."""
    before = set(tmp_path.iterdir())
    assert run(*arguments) == 2
    shown = capfd.readouterr()
    assert shown.out == ""
    lines = [line for line in shown.err.splitlines() if line.startswith("cxanim: ")]
    assert len(lines) == 1 and "Traceback" not in shown.err
    assert len(lines[0]) > 30 and lines[0].rstrip().endswith((".", ")"))
    assert set(tmp_path.iterdir()) == before
    return lines[0]


def test_limits_come_from_the_environment(
    photo: Path, clip: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXANIM_MAX_MEGAPIXELS", "0.01")
    assert (
        "megapixel" in refused(capfd, tmp_path, "animate", photo, "--motion", "nod", "-o", tmp_path / "o.mp4").lower()
    )
    monkeypatch.setenv("CXANIM_MAX_MEGAPIXELS", "50")
    monkeypatch.setenv("CXANIM_MAX_VIDEO_SECONDS", "0.5")
    refused(capfd, tmp_path, "train", clip, "-o", tmp_path / "o.puppet")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--motion", "jump"], "Presets are"),
        (["--motion", "nod", "--head", "9"], "head: got 9"),
        (["--motion", "nod", "--device", "cuda"], "device"),
    ],
)
def test_what_cannot_be_asked_is_said(
    photo: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    import torch

    if "cuda" in arguments and torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    assert run("animate", photo, "-o", tmp_path / "o.mp4", *arguments) == 2
    assert said in capfd.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("output", ["o.avi", "none/o.mp4", "o"])
def test_an_unwritable_output_is_said(
    photo: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], output: str
) -> None:
    refused(capfd, tmp_path, "animate", photo, "--motion", "nod", "-o", tmp_path / output, *SIZE)


@pytest.mark.parametrize(
    "arguments",
    [["animate", "a.png"], ["animate", "a.png", "--motion", "nod", "-o", "b.mp4", "--quality", "superb"], ["dance"]],
)
def test_what_is_not_understood_is_one_line(arguments: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run(*arguments)
    assert ended.value.code == 2
    assert len(capfd.readouterr().err.strip().splitlines()) == 1


@pytest.mark.parametrize("name", ["a.jpg", "none/a.puppet"])
def test_a_puppet_that_cannot_be_kept_is_said_before_the_work(
    photo: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str
) -> None:
    command = ("animate", photo, "--motion", "nod", "-o", tmp_path / "o.mp4", "--puppet", tmp_path / name, *SIZE)
    assert "puppet" in refused(capfd, tmp_path, *command)


def test_a_preview_that_can_no_longer_be_written_does_not_end_the_training(
    photo: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: Path, rgb: np.ndarray) -> None:
        raise CannotWrite("The disk is full.", "Free some space.")

    monkeypatch.setattr("cxanim.images.write_image", fail)
    command = ["train", photo, "-o", tmp_path / "a.puppet", "--steps", 2, "--size", 64, "--preview", tmp_path / "p.jpg"]
    assert run(*command) == 0
    assert capfd.readouterr().err.count("The training goes on without a preview.") == 1
    assert (tmp_path / "a.puppet").exists()


def test_a_photo_with_the_ending_of_a_clip_is_a_photo(photo: Path, tmp_path: Path) -> None:
    shutil.copy(photo, tmp_path / "face.mp4")
    assert run("train", tmp_path / "face.mp4", "-o", tmp_path / "a.puppet", "--steps", 1, "--size", 64) == 0


def test_placed_points_animate_what_no_detector_finds(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    Image.fromarray(coffee()).save(tmp_path / "coffee.png")
    points = tmp_path / "face.json"
    places = {
        "right_eye_outer": [200, 120], "right_eye_inner": [240, 120], "left_eye_inner": [300, 120],
        "left_eye_outer": [340, 120], "mouth_right": [235, 220], "mouth_left": [305, 220], "chin": [270, 270],
    }  # fmt: skip
    points.write_text(json.dumps({"points": places}))
    command = ("animate", tmp_path / "coffee.png", "--motion", "talk", "-o", tmp_path / "o.mp4", "--landmarks", points)
    assert run(*command, *SIZE) == 0
    for bad in ("", "[]", '{"points": {"chin": [1, 2]}}', '{"points": {"ear": [1, 2]}}', '{"points": 3}'):
        points.write_text(bad)
        refused(capfd, tmp_path, *command, *SIZE)


def test_a_picture_that_pillow_warns_of_is_refused_in_one_line(tmp_path: Path) -> None:
    Image.new("1", (10_000, 11_000)).save(tmp_path / "big.png")
    command = [*CXANIM, "animate", tmp_path / "big.png", "--motion", "nod", "-o", tmp_path / "o.mp4"]
    for limit, words in (("50", "110.0 megapixels; the limit is 50"), ("200", "No face was found")):
        place = os.environ | {"CXANIM_MAX_MEGAPIXELS": limit}
        job = subprocess.run(command, stderr=subprocess.PIPE, text=True, env=place)
        assert job.returncode == 2
        assert words in job.stderr and len(job.stderr.splitlines()) == 1


def test_debugging_shows_the_traceback_before_the_line(tmp_path: Path) -> None:
    command = [*CXANIM, "animate", tmp_path / "gone.png", "--motion", "nod", "-o", tmp_path / "o.mp4"]
    job = subprocess.run(command, stderr=subprocess.PIPE, text=True, env=os.environ | {"CXANIM_DEBUG": "1"})
    assert job.returncode == 2
    assert "Traceback (most recent call last)" in job.stderr
    assert job.stderr.splitlines()[-1].startswith("cxanim: There is no file")


def test_one_place_for_two_videos_is_refused(photo: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    both = tmp_path / "o.mp4"
    refused(capfd, tmp_path, "animate", photo, "--motion", "nod", "-o", both, "--beside", both)


def test_killed_in_the_middle_leaves_nothing_half_written(photo: Path, tmp_path: Path) -> None:
    command = [*CXANIM, "animate", photo, "--motion", "idle", "--loops", "20", "-o", tmp_path / "o.mp4"]
    job = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    deadline_s = time.monotonic() + 60
    while not list(tmp_path.iterdir()) and time.monotonic() < deadline_s and job.poll() is None:
        time.sleep(0.05)
    job.send_signal(signal.SIGTERM)
    _, said = job.communicate(timeout=30)
    assert job.returncode == 130 and "Stopped" in said
    assert list(tmp_path.iterdir()) == []


def test_stopping_a_training_keeps_the_puppet(photo: Path, tmp_path: Path) -> None:
    command = [*CXANIM, "train", photo, "-o", tmp_path / "a.puppet", "--size", "64", "--preview", tmp_path / "p.jpg"]
    job = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    deadline_s = time.monotonic() + 90
    while not (tmp_path / "p.jpg").exists() and time.monotonic() < deadline_s and job.poll() is None:
        time.sleep(0.05)
    time.sleep(1.0)
    job.send_signal(signal.SIGINT)
    _, said = job.communicate(timeout=60)
    assert job.returncode == 0, said
    assert (tmp_path / "a.puppet").exists() and (tmp_path / "a.state").exists()


def test_the_readme_tells_true_commands() -> None:
    """Every `cxanim ...` line of the README parses with today's flags."""
    from cxanim.cli import parsed

    readme = (Path(__file__).resolve().parent.parent / "README.md").read_text()
    lines = [part.strip() for line in re.findall(r"^cxanim .*$", readme, re.MULTILINE) for part in line.split("&&")]
    assert len(lines) >= 7
    for line in lines:
        parsed(line.split("#")[0].split()[1:])
