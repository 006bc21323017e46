"""What people really hand in, and what the world does meanwhile: every case through the command line and through the
app's handlers, which say the same words, keep nothing half-written, and go on afterwards."""

import os
import pickle
import re
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import gradio as gr  # noqa: TID253 - the handlers answer with its errors
import numpy as np
import pytest
import torch
from conftest import Make, serve_app
from gradio_client import Client, handle_file
from PIL import Image
from skimage.data import astronaut

from cxanim.cli import main
from cxanim.errors import NotEnoughMemory, is_out_of_memory
from cxanim.output import atomic_output, one_writer
from cxanim.pipelines.animate import AnimateSettings
from cxanim.pipelines.drive_settings import DriveSettings
from cxanim.pipelines.learn import FitSettings
from cxanim.pipelines.puppet import FORMAT, Puppet
from cxanim.pipelines.trainer import Trainer
from cxanim.ui.animate_tab import run_animation
from cxanim.ui.feedback import in_words
from cxanim.ui.jobs import Desk
from cxanim.ui.motion_picker import keep_motion
from cxanim.ui.studio_tab import run_drive, run_training, show_puppet
from cxanim.ui.workspace import Workspace
from cxanim.video import open_video, open_video_writer

QUICK = AnimateSettings(size=128)
QUICK_FIT = FitSettings(steps=2, size=64, batch=1, positions=64)


@pytest.fixture(scope="module")
def face(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A photograph of a face, 256 px."""
    path = tmp_path_factory.mktemp("photo") / "face.png"
    Image.fromarray(astronaut()).crop((96, 0, 352, 256)).save(path)
    return path


# The two doors. Each gives what was said when it was refused, or None and what it said besides when it worked.


def by_command(capfd: pytest.CaptureFixture[str], folder: Path, *arguments: object) -> tuple[str | None, str]:
    """Run a command that writes into `folder`."""
    before = set(folder.iterdir())
    code = main([str(argument) for argument in arguments])
    shown = capfd.readouterr()
    said = [line for line in shown.err.splitlines() if line.startswith("cxanim: ")]
    if code == 0:
        return None, shown.err
    assert code == 2 and len(said) == 1 and shown.out == "" and "Traceback" not in shown.err
    assert set(folder.iterdir()) == before, "something half-written stays"
    return said[0].removeprefix("cxanim: "), ""


def by_handler(workspace: Workspace, updates: Generator[tuple[Any, ...], None, None]) -> tuple[str | None, str]:
    """Run a handler of the page; its last status card says the same as the notice."""
    shown: list[str] = []

    @in_words
    def handler() -> Iterator[Any]:
        yield from updates

    try:
        for update in handler():
            shown += [part for part in update if isinstance(part, str) and "class=" in part]
    except gr.Error as error:
        left = list(workspace.folder.glob("visitors/*/*/*"))
        assert all(path.suffix == ".puppet" and Puppet.load(path) for path in left), "something half-written stays"
        if shown:
            assert "failed" in shown[-1]
        return error.message, ""
    return None, shown[-1]


def refused_alike(first: tuple[str | None, str], second: tuple[str | None, str], words: str) -> None:
    """Both doors refused, with the same sentences."""
    assert first[0] is not None and second[0] is not None
    assert first[0] == second[0] and words in first[0]
    assert len(re.findall(r"[.!)](?: |$)", first[0])) >= 2, "what is the matter, and what to do"


def animated_alike(
    capfd: pytest.CaptureFixture[str], workspace: Workspace, out: Path, photo: Path, motion: str | Path
) -> tuple[tuple[str | None, str], tuple[str | None, str]]:
    """Animate a photo through both doors."""
    command = by_command(capfd, out, "animate", photo, "--motion", motion, "-o", out / "o.mp4", "--size", QUICK.size)
    return command, by_handler(workspace, run_animation(Desk(), workspace, "anna", str(photo), motion, QUICK))


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """An empty folder for results."""
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


# Pictures


def save_as(mode: str) -> Callable[[Path, Image.Image], None]:
    return lambda path, face: face.convert(mode).save(path)


def save_turned(path: Path, face: Image.Image) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    face.rotate(90, expand=True).save(path, exif=exif)


def save_16_bit(path: Path, face: Image.Image) -> None:
    Image.fromarray(np.asarray(face.convert("L")).astype(np.uint16) * 257).save(path)


def save_two_faces(path: Path, face: Image.Image) -> None:
    both = Image.new("RGB", (512, 256))
    both.paste(face, (0, 0))
    both.paste(face.resize((180, 180)), (300, 40))
    both.save(path)


def save_half(path: Path, face: Image.Image) -> None:
    face.save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


REFUSED_PICTURES: dict[str, tuple[Callable[[Path, Image.Image], Any], str]] = {
    "nobody.png": (lambda path, face: Image.new("RGB", (256, 256), "grey").save(path), "No face was found"),
    "tiny.png": (lambda path, face: face.resize((16, 16)).save(path), "is only 16x16 px"),
    "huge.png": (lambda path, face: Image.new("1", (9000, 8000)).save(path), "72.0 megapixels; the limit is 50"),
    "half.png": (save_half, "is damaged or cut short"),
    "empty.jpg": (lambda path, face: path.touch(), "is empty (0 bytes)"),
    "letter.jpg": (lambda path, face: path.write_text("Dear Anna"), "is not a picture that can be read"),
    "phone.heic": (lambda path, face: path.write_bytes(b"\0\0\0\x18ftypheic" + bytes(64)), "is a HEIC picture"),
    "gone.png": (lambda path, face: None, "There is no file"),
    "n" * 300: (lambda path, face: None, "There is no file"),
}
TAKEN_PICTURES: dict[str, Callable[[Path, Image.Image], Any]] = {
    "grey.png": save_as("L"),
    "alpha.png": save_as("RGBA"),
    "palette.png": save_as("P"),
    "print.jpg": save_as("CMYK"),
    "deep.png": save_16_bit,
    "turned.jpg": save_turned,
    "wrong-ending.jpg": lambda path, face: face.save(path, format="PNG"),
    "two.png": save_two_faces,
}


@pytest.mark.parametrize("name", REFUSED_PICTURES)
def test_a_bad_picture_is_refused_alike(
    name: str, face: Path, tmp_path: Path, out: Path, workspace: Workspace, capfd: pytest.CaptureFixture[str]
):
    make, words = REFUSED_PICTURES[name]
    make(tmp_path / name, Image.open(face).convert("RGB"))
    refused_alike(*animated_alike(capfd, workspace, out, tmp_path / name, "nod"), words)
    command = by_command(capfd, out, "train", tmp_path / name, "-o", out / "o.puppet")
    handler = by_handler(workspace, run_training(Desk(), workspace, "anna", str(tmp_path / name), QUICK_FIT))
    refused_alike(command, handler, words)


@pytest.mark.parametrize("name", TAKEN_PICTURES)
def test_an_unusual_picture_is_taken_alike(
    name: str, face: Path, tmp_path: Path, out: Path, workspace: Workspace, capfd: pytest.CaptureFixture[str]
):
    TAKEN_PICTURES[name](tmp_path / name, Image.open(face).convert("RGB"))
    command, handler = animated_alike(capfd, workspace, out, tmp_path / name, "blink")
    assert (command[0], handler[0]) == (None, None)
    assert (out / "o.mp4").exists() and "Done" in handler[1]
    for said in (command[1], handler[1]):
        assert ("two.png shows 2 faces: the largest is used." in said) == (name == "two.png")


# Videos


def write_faces(path: Path, face: Image.Image, frames: int, *, blank: range = range(0)) -> None:
    """A video at 10 frames a second of a face that slides a little; none in the frames of `blank`."""
    picture = np.asarray(face)
    with open_video_writer(path, 256, 256, 10) as writer:
        for number in range(frames):
            shown = np.roll(picture, number % 5, axis=1)
            writer.write(np.full_like(shown, 90) if number in blank else np.ascontiguousarray(shown))


def write_cut(path: Path, face: Image.Image, share: float) -> None:
    write_faces(path, face, 30)
    path.write_bytes(path.read_bytes()[: round(path.stat().st_size * share)])


REFUSED_VIDEOS: dict[str, tuple[Callable[[Path, Image.Image], Any], str]] = {
    "empty.mp4": (lambda path, face: path.touch(), "is empty (0 bytes)"),
    "letter.mp4": (lambda path, face: path.write_text("Dear Ben"), "is not a video that can be read"),
    "frameless.mp4": (lambda path, face: path.write_bytes(b"\0\0\0\x20ftypisom" + bytes(400)), "frameless.mp4"),
    "cut.mp4": (lambda path, face: write_cut(path, face, 0.01), "cut.mp4"),
    "nobody.mp4": (lambda path, face: write_faces(path, face, 6, blank=range(6)), "was found in no frame"),
    "rarely.mp4": (lambda path, face: write_faces(path, face, 28, blank=range(1, 28)), "only in 1 of 28 frames"),
    "long.mp4": (lambda path, face: write_faces(path, face, 40), "4.0 s are to be read; the limit is 3 s"),
    "gone.mp4": (lambda path, face: None, "gone.mp4"),
    "n" * 300: (lambda path, face: None, "There is no "),
}


@pytest.mark.parametrize("name", REFUSED_VIDEOS)
def test_a_bad_video_is_refused_alike(
    name: str, face: Path, tmp_path: Path, out: Path, workspace: Workspace, capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
):  # fmt: skip
    monkeypatch.setenv("CXANIM_MAX_VIDEO_SECONDS", "3")
    make, words = REFUSED_VIDEOS[name]
    video = tmp_path / name
    make(video, Image.open(face).convert("RGB"))
    refused_alike(*animated_alike(capfd, workspace, out, face, video), words)
    command = by_command(capfd, out, "train", video, "-o", out / "o.puppet")
    refused_alike(command, by_handler(workspace, run_training(Desk(), workspace, "anna", str(video), QUICK_FIT)), words)
    command = by_command(capfd, out, "motion", "extract", video, "-o", out / "o.npz")
    refused_alike(command, by_handler(workspace, keep_motion(Desk(), workspace, "anna", str(video))), words)


def write_one_frame(make: Make, face: Path) -> Path:
    return make("one.mp4", "-i", str(face), "-frames:v", "1", "-pix_fmt", "yuv420p")


def write_unevenly(make: Make, face: Path) -> Path:
    still = ("-loop", "1", "-t", "2", "-r", "20", "-i", str(face))
    drop = "select='not(between(n,5,14))'"
    return make(
        "uneven.mp4", *still, "-vf", drop, "-fps_mode", "vfr", "-enc_time_base", "1/1000", "-pix_fmt", "yuv420p"
    )


def write_turned(make: Make, face: Path) -> Path:
    flat = make("flat.mp4", "-loop", "1", "-t", "1", "-i", str(face), "-vf", "transpose=2", "-pix_fmt", "yuv420p")
    return make("turned.mp4", "-display_rotation", "-90", "-i", str(flat), "-c", "copy")


def write_shortened(make: Make, face: Path) -> Path:
    whole = make("whole.mp4", "-loop", "1", "-t", "3", "-i", str(face), "-pix_fmt", "yuv420p", "-g", "5",
                 "-movflags", "+faststart", "-vf", "noise=alls=12:allf=t")  # fmt: skip
    short = whole.with_name("shortened.mp4")
    short.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    return short


def write_with_gap(make: Make, face: Path) -> Path:
    del make
    write_faces(face.with_name("gap.mp4"), Image.open(face).convert("RGB"), 20, blank=range(8, 12))
    return face.with_name("gap.mp4")


TAKEN_VIDEOS: dict[str, tuple[Callable[[Make, Path], Path], str]] = {
    "one frame": (write_one_frame, ""),
    "variable rate": (write_unevenly, ""),
    "turned phone": (write_turned, ""),
    "cut short": (write_shortened, "shortened.mp4 is damaged or cut short: it holds"),
    "face away for a while": (write_with_gap, "No face in 4 of 20 frames of gap.mp4"),
}


LASTS_S = {"one frame": 1 / 25, "variable rate": 2, "turned phone": 1, "face away for a while": 2}


@pytest.mark.parametrize("kind", TAKEN_VIDEOS)
def test_an_unusual_video_is_taken_alike(
    kind: str, make: Make, face: Path, out: Path, workspace: Workspace, capfd: pytest.CaptureFixture[str]
):
    write, words = TAKEN_VIDEOS[kind]
    command, handler = animated_alike(capfd, workspace, out, face, write(make, face))
    assert (command[0], handler[0]) == (None, None)
    assert words in command[1] and words in handler[1]
    with open_video(out / "o.mp4") as result:
        seconds = len(list(result)) / result.info.fps
    if kind in LASTS_S:
        assert seconds == pytest.approx(LASTS_S[kind], abs=0.05)


# Puppets and motions


def test_bad_puppets_and_motions_are_refused_alike(
    face: Path, tmp_path: Path, out: Path, workspace: Workspace, capfd: pytest.CaptureFixture[str]
):
    whole = tmp_path / "whole.puppet"
    made = by_command(
        capfd, out, "animate", face, "--motion", "blink", "-o", out / "o.gif", "--puppet", whole, "--size", 128
    )
    assert made[0] is None
    data = whole.read_bytes()
    for bad, words in {
        b"": "is empty", data[: len(data) // 2]: "", pickle.dumps({"weights": 1}): "",
        data.replace(b'format\\": %d' % FORMAT, b'format\\": 9'): "9",
    }.items():  # fmt: skip
        (tmp_path / "bad.puppet").write_bytes(bad)
        command = by_command(capfd, out, "drive", tmp_path / "bad.puppet", "nod", "-o", out / "x.mp4")
        handler = run_drive(Desk(), workspace, "anna", str(tmp_path / "bad.puppet"), "nod", DriveSettings())
        refused_alike(command, by_handler(workspace, handler), "bad.puppet")
        assert words in str(command[0])
        with pytest.raises(gr.Error) as caught:
            list(in_words(show_puppet)(str(tmp_path / "bad.puppet")))
        assert caught.value.message == command[0]
    with zipfile.ZipFile(tmp_path / "odd.npz", "w") as archive:
        archive.writestr("header.npy", b"nothing")
    refused_alike(*animated_alike(capfd, workspace, out, face, tmp_path / "odd.npz"), "odd.npz")


@pytest.mark.usefixtures("workspace")
def test_what_is_missing_is_asked_for(workspace: Workspace):
    for handler, words in {
        run_animation(Desk(), workspace, "anna", None, "nod", QUICK): "There is no photo yet",
        run_training(Desk(), workspace, "anna", None, QUICK_FIT): "There is no clip or photo yet",
        run_drive(Desk(), workspace, "anna", None, "nod", DriveSettings()): "There is no puppet yet",
    }.items():
        assert words in str(by_handler(workspace, handler)[0])
    assert list(show_puppet(None)) == [""]


# The machine


@pytest.mark.parametrize(
    "ask",
    [
        lambda: torch.empty(1 << 52),
        lambda: np.empty(1 << 52),
        lambda: cv2.resize(np.ones((9, 9)), (1 << 24, 1 << 24)),
    ],
    ids=["torch", "numpy", "opencv"],
)
def test_it_knows_when_memory_could_not_be_had(ask: Callable[[], Any]):
    with pytest.raises(Exception) as caught:
        ask()
    assert is_out_of_memory(caught.value)


@pytest.mark.parametrize("error", [ValueError("nothing"), RuntimeError("shape mismatch"), OSError(28, "disk is full")])
def test_it_takes_nothing_else_for_a_lack_of_memory(error: Exception):
    assert not is_out_of_memory(error)


def test_running_out_of_memory_is_said_alike(
    face: Path, out: Path, workspace: Workspace, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr("cxanim.pipelines.render.Renderer.show", lambda self, face: torch.empty(1 << 52))
        refused_alike(*animated_alike(capfd, workspace, out, face, "nod"), str(NotEnoughMemory()))
        meanwhile.setattr(Trainer, "step", lambda self: torch.empty(1 << 52))
        command = by_command(capfd, out, "train", face, "-o", out / "o.puppet", "--size", 64)
        handler = by_handler(workspace, run_training(Desk(), workspace, "anna", str(face), QUICK_FIT))
        refused_alike(command, handler, "ran out of memory while training. Train at a smaller size")
    assert by_handler(workspace, run_animation(Desk(), workspace, "anna", str(face), "blink", QUICK))[0] is None


def test_a_full_disk_is_said_alike(face: Path, small_disk: Path, capfd: pytest.CaptureFixture[str]):
    there = Workspace(small_disk)
    long = AnimateSettings(loops=20)
    command = by_command(
        capfd, small_disk, "animate", face, "--motion", "idle", "--loops", 20, "-o", small_disk / "o.mp4"
    )
    handlers = [
        by_handler(there, run_animation(Desk(), there, "anna", str(face), "idle", long)),
        by_handler(there, run_training(Desk(), there, "anna", str(face), FitSettings(steps=2, size=256))),
    ]
    there.close()
    for said, _ in (command, *handlers):
        assert said is not None and said.startswith("The disk is full;")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device that is always full")
@pytest.mark.parametrize("writer", ["cxanim.video.write", "cxanim.checkpoint", "cxanim.motion.recording"])
def test_a_full_disk_leaves_nothing_in_the_app_which_goes_on(
    writer: str, face: Path, character_clip: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
):
    """As above where no disk can be mounted: what the writer of one kind of file is given is always full."""

    @contextmanager
    def on_a_full_disk(path: Path) -> Iterator[Path]:
        with atomic_output(path) as temporary:
            temporary.unlink()
            temporary.symlink_to("/dev/full")
            yield temporary

    def work() -> Generator[tuple[Any, ...], None, None]:
        if writer == "cxanim.video.write":
            return run_animation(Desk(), workspace, "anna", str(face), "blink", QUICK)
        if writer == "cxanim.checkpoint":
            return run_training(Desk(), workspace, "anna", str(face), QUICK_FIT)
        return keep_motion(Desk(), workspace, "anna", str(character_clip))

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(f"{writer}.atomic_output", on_a_full_disk)
        said, _ = by_handler(workspace, work())
    assert said is not None and said.startswith("The disk is full;")
    assert by_handler(workspace, work())[0] is None


def test_a_folder_that_is_no_longer_there_is_said(face: Path, workspace: Workspace, out: Path):
    workspace.folder.rename(out / "elsewhere")
    workspace.folder.touch()
    with pytest.raises(gr.Error, match=r"There is no folder .* to write .* into\."):
        list(in_words(run_animation)(Desk(), workspace, "anna", str(face), "blink", QUICK))


def test_an_app_that_is_killed_leaves_nothing_half_written_and_opens_again(character: Path, tmp_path: Path):
    home = tmp_path / "home"
    home.mkdir()

    def files() -> list[Path]:
        return [path for path in home.glob("run-*/visitors/**/*") if path.is_file()]

    with serve_app(home) as (url, app):
        client = Client(url, verbose=False, download_files=str(tmp_path))
        client.submit(photo=handle_file(character), preset="idle", loops=20, api_name="/animate")
        deadline_s = time.monotonic() + 60
        while not any(path.name.startswith(".cxanim-") and path.suffix == ".mp4" for path in files()):
            assert time.monotonic() < deadline_s, "the job did not begin"
            time.sleep(0.02)
        os.kill(app.pid, signal.SIGKILL)
        app.wait(20)
        shown = [path.name for path in files() if not path.name.startswith(".cxanim-")]
        assert [name for name in shown if not name.endswith(".puppet")] == []
        assert all(Puppet.load(path) for path in files() if path.suffix == ".puppet" and path.name in shown)
    killed = set(files())
    with serve_app(home) as (url, _):
        client = Client(url, verbose=False, download_files=str(tmp_path))
        answer = client.predict(photo=handle_file(character), preset="blink", size=128, api_name="/animate")
        assert "Done" in answer[-2]
        assert not killed & set(files()), "what the killed app left behind is still there"


def test_two_trainings_of_one_puppet_do_not_mix(face: Path, out: Path, capfd: pytest.CaptureFixture[str]):
    """Each page trains into a folder of its own; at the command line two may name the same file."""
    with one_writer(out / "o.puppet"):
        said, _ = by_command(capfd, out, "train", face, "-o", out / "o.puppet", "--steps", 1, "--size", 64)
    assert said == (
        "Another job is writing o.puppet at this moment. Wait until it is done, or name another file."
    )  # fmt: skip
    assert by_command(capfd, out, "train", face, "-o", out / "o.puppet", "--steps", 1, "--size", 64)[0] is None
    assert sorted(path.name for path in out.iterdir()) == ["o.puppet", "o.state"]


def test_a_second_job_of_a_visitor_waits_for_an_answer_in_words(face: Path, workspace: Workspace):
    desk = Desk()
    first = run_animation(desk, workspace, "anna", str(face), "idle", AnimateSettings(size=128, loops=20))
    next(first)
    with pytest.raises(gr.Error, match=r"Another job of yours is still running\. Wait until it is done"):
        list(in_words(run_animation)(desk, workspace, "anna", str(face), "nod", QUICK))
    desk.stop("anna")
    assert "Stopped" in list(first)[-1][-2]


def test_a_killed_command_keeps_the_old_result(face: Path, out: Path):
    (out / "o.mp4").write_text("the old result")
    command = [
        sys.executable,
        "-m",
        "cxanim",
        "animate",
        face,
        "--motion",
        "idle",
        "--loops",
        "20",
        "-o",
        out / "o.mp4",
    ]
    job = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    deadline_s = time.monotonic() + 60
    while not list(out.glob(".cxanim-*")):
        assert time.monotonic() < deadline_s and job.poll() is None
        time.sleep(0.02)
    job.kill()
    job.wait(20)
    assert (out / "o.mp4").read_text() == "the old result"
