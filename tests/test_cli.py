"""The command line's contract: flags derive from settings, JSON alone on stdout, exit 2 with one line, nothing left."""

import json
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
from cxanim.pipelines.animate import AnimateSettings
from cxanim.pipelines.drive import DriveSettings
from cxanim.pipelines.evaluate import EvaluateSettings
from cxanim.pipelines.extract import ExtractSettings
from cxanim.pipelines.fit import FitSettings
from cxanim.pipelines.machine import Machine
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
    for command in ("app", "animate", "train", "drive", "evaluate", "motion"):
        assert re.search(rf"^\s+{command}\s+\w+", shown, re.MULTILINE)


@pytest.mark.parametrize(
    ("command", "settings"),
    [
        (["animate"], AnimateSettings),
        (["train"], FitSettings),
        (["drive"], DriveSettings),
        (["evaluate"], EvaluateSettings),
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
    assert run("evaluate", puppet, clip, "--frames", 2, "--features", "small", "--json") == 0
    assert {"akd_px", "baselines"} <= set(json.loads(capfd.readouterr().out))
    assert run("evaluate", puppet, clip, "--frames", 2, "--features", "small") == 0
    assert "nearest" in capfd.readouterr().out
    assert run("motion", "extract", clip, "-o", tmp_path / "m.npz", "--json") == 0
    assert json.loads(capfd.readouterr().out)["frames"] == 12
    assert run("drive", puppet, tmp_path / "m.npz", "-o", tmp_path / "n.gif") == 0


def test_motion_list_names_the_presets(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("motion", "list") == 0
    shown = capsys.readouterr().out
    for name in ("nod", "shake", "look-around", "blink", "wink", "smile", "talk", "surprise"):
        assert re.search(rf"^{name}\s", shown, re.MULTILINE)


@pytest.fixture(scope="module")
def pictures(folder: Path, photo: Path) -> dict[str, Path]:
    """Bad and unusual pictures, by what is the matter with them."""
    face = Image.fromarray(astronaut())
    made = {
        "zero-byte": folder / "zero.jpg",
        "text": folder / "text.jpg",
        "truncated": folder / "cut.jpg",
        "tiny": folder / "tiny.png",
        "no face": folder / "coffee.png",
        "heic": folder / "phone.heic",
        "missing": folder / "missing.jpg",
        "folder": folder,
    }
    made["zero-byte"].touch()
    made["text"].write_text("not a picture")
    face.save(folder / "whole.jpg")
    made["truncated"].write_bytes((folder / "whole.jpg").read_bytes()[:5000])
    face.resize((8, 8)).save(made["tiny"])
    Image.fromarray(coffee()).save(made["no face"])
    made["heic"].write_bytes(b"\x00\x00\x00\x18ftypheic" + bytes(64))
    return made


@pytest.mark.parametrize("kind", ["zero-byte", "text", "truncated", "tiny", "no face", "heic", "missing", "folder"])
def test_a_bad_picture_is_one_sentence_and_exit_2(
    pictures: dict[str, Path], kind: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for command in (
        ("animate", pictures[kind], "--motion", "nod", "-o", tmp_path / "o.mp4", "--json"),
        ("train", pictures[kind] if kind != "folder" else pictures["missing"], "-o", tmp_path / "o.puppet", "--json"),
    ):
        refused(capfd, tmp_path, *command)


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


@pytest.mark.parametrize("kind", ["zero-byte", "text", "no frames", "no face", "missing", "truncated to nothing"])
def test_a_bad_video_is_one_sentence_and_exit_2(
    photo: Path, clip: Path, kind: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.mp4"
    if kind == "zero-byte":
        bad.touch()
    elif kind == "text":
        bad.write_text("not a video")
    elif kind == "truncated to nothing":
        bad.write_bytes(clip.read_bytes()[:900])
    elif kind == "no frames":
        bad.write_bytes(b"\x00\x00\x00\x20ftypisom" + bytes(400))
    elif kind == "no face":
        with open_video_writer(bad, 64, 64, 10) as writer:
            writer.write(np.full((64, 64, 3), 70, np.uint8))
    refused(capfd, tmp_path, "animate", photo, "--motion", bad, "-o", tmp_path / "o.mp4", *SIZE)
    refused(capfd, tmp_path, "train", bad, "-o", tmp_path / "o.puppet")
    refused(capfd, tmp_path, "motion", "extract", bad, "-o", tmp_path / "m.npz")


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


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK", "I;16", "rotated", "wrong ending"])
def test_an_unusual_picture_works(mode: str, tmp_path: Path) -> None:
    face = Image.fromarray(astronaut()).resize((256, 256))
    path = tmp_path / "photo.png"
    if mode == "rotated":
        path = tmp_path / "photo.jpg"
        exif = Image.Exif()
        exif[0x0112] = 6
        face.rotate(90, expand=True).save(path, exif=exif)
    elif mode == "CMYK":
        path = tmp_path / "photo.jpg"
        face.convert("CMYK").save(path)
    elif mode == "I;16":
        grey = np.asarray(face.convert("L")).astype(np.uint16) * 257
        Image.fromarray(grey).save(path)
    elif mode == "wrong ending":
        path = tmp_path / "photo.jpg"
        face.save(path, format="PNG")
    else:
        face.convert(mode).save(path)
    assert run("animate", path, "--motion", "blink", "-o", tmp_path / "o.gif", *SIZE) == 0


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


def test_a_damaged_puppet_is_refused(
    photo: Path, clip: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run("animate", photo, "--motion", "blink", "-o", tmp_path / "o.gif", "--puppet", tmp_path / "a.puppet", *SIZE)
    whole = (tmp_path / "a.puppet").read_bytes()
    capfd.readouterr()
    for bad in (b"", whole[: len(whole) // 2], b"\x80\x04pickle", whole.replace(b'format\\": 1', b'format\\": 9')):
        (tmp_path / "bad.puppet").write_bytes(bad)
        line = refused(capfd, tmp_path, "drive", tmp_path / "bad.puppet", clip, "-o", tmp_path / "x.mp4")
        assert "bad.puppet" in line
    assert "9" in line


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
    from cxanim.cli import _parser

    readme = (Path(__file__).resolve().parent.parent / "README.md").read_text()
    lines = [part.strip() for line in re.findall(r"^cxanim .*$", readme, re.MULTILINE) for part in line.split("&&")]
    assert len(lines) >= 7
    for line in lines:
        words = line.split("#")[0].split()[1:]
        _parser(words).parse_args(words)


def test_a_full_disk_is_said(photo: Path, folder: Path) -> None:
    """A real full disk: a small tmpfs, where this machine lets us mount one."""
    place = folder / "small-disk"
    place.mkdir()
    mount = shutil.which("mount")
    if (
        not mount
        or subprocess.run([mount, "-t", "tmpfs", "-o", "size=64k", "tmpfs", place], capture_output=True).returncode
    ):
        pytest.skip("a tmpfs cannot be mounted here")
    try:
        command = [*CXANIM, "animate", photo, "--motion", "idle", "-o", place / "o.mp4"]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 2, done.stderr
        assert len(done.stderr.strip().splitlines()) == 1 and "full" in done.stderr
        assert list(place.iterdir()) == []
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_running_out_of_memory_is_said(
    photo: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from cxanim.pipelines.trainer import Trainer

    def starve(trainer: Trainer) -> dict[str, float]:
        raise MemoryError

    monkeypatch.setattr(Trainer, "step", starve)
    line = refused(capfd, tmp_path, "train", photo, "-o", tmp_path / "a.puppet", "--size", 64, "--steps", 1)
    assert "memory" in line


def test_of_several_faces_the_largest_is_used_and_said(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    face = Image.fromarray(astronaut()).crop((120, 0, 360, 240))
    both = Image.new("RGB", (480, 240))
    both.paste(face, (0, 0))
    both.paste(face.resize((200, 200)), (260, 20))
    both.save(tmp_path / "two.png")
    assert run("animate", tmp_path / "two.png", "--motion", "blink", "-o", tmp_path / "o.mp4", "--json", *SIZE) == 0
    shown = capfd.readouterr()
    assert "2 faces: the largest is used" in shown.err
    assert json.loads(shown.out)["notes"]
