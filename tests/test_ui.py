"""The app without a browser: controls, jobs, the folder, the handlers, and the API that programs use."""

import json
import os
import pickle
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr  # noqa: TID253 - the tests of the one place that may load it
import numpy as np
import pytest
from conftest import serve_app
from gradio_client import Client, handle_file
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from cxanim.errors import BadSetting, Busy, Cancelled, CannotWrite, CxanimError, NoFace
from cxanim.images import read_image, write_image
from cxanim.motion.detect import find_faces
from cxanim.motion.recording import Motion
from cxanim.pipelines.animate import AnimateSettings
from cxanim.pipelines.drive_settings import DriverSettings, DriveSettings
from cxanim.pipelines.learn import FitSettings
from cxanim.pipelines.live import LiveSettings
from cxanim.pipelines.machine import Machine
from cxanim.pipelines.puppet import Puppet
from cxanim.pipelines.style import StyleSettings
from cxanim.pipelines.style_apply import StyleApplySettings
from cxanim.pipelines.style_fit import StyleFitSettings
from cxanim.pipelines.watch import Watch
from cxanim.progress import Progress
from cxanim.settings import Settings, knobs
from cxanim.ui import gpu
from cxanim.ui.animate_tab import run_animation
from cxanim.ui.app import Address, build_app
from cxanim.ui.controls import build_controls, control
from cxanim.ui.examples import make_examples
from cxanim.ui.feedback import failure_card, in_words, progress_card
from cxanim.ui.jobs import WAITING, Desk
from cxanim.ui.motion_picker import chosen_motion, keep_motion, relaxed_picture
from cxanim.ui.result import suffix_of
from cxanim.ui.studio_tab import run_drive, run_training, show_puppet
from cxanim.ui.workspace import Workspace, file_name
from cxanim.video import open_video

ROOT = Path(__file__).resolve().parent.parent
QUICK = AnimateSettings(size=128)
QUICK_FIT = FitSettings(steps=2, size=64, batch=1, positions=64)
SETTINGS = (
    AnimateSettings, DriveSettings, FitSettings, LiveSettings, StyleSettings, StyleFitSettings, StyleApplySettings,
)  # fmt: skip


@pytest.fixture(autouse=True)
def own_folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test writes into the folder of a running app, or changes where Gradio keeps its files."""
    folder = str(tmp_path_factory.mktemp("home"))
    monkeypatch.setenv("CXANIM_HOME", folder)
    monkeypatch.setenv("GRADIO_TEMP_DIR", folder)


def last(updates: Iterator[Any]) -> Any:
    """Exhaust a handler; return the last of its updates."""
    return list(updates)[-1]


# Examples


def test_examples_need_no_network_and_each_shows_one_face(tmp_path: Path):
    for path in make_examples(tmp_path):
        assert len(find_faces(read_image(path).rgb)) == 1, path.name


# Controls


@pytest.mark.parametrize("settings_class", SETTINGS)
def test_every_knob_has_a_control_and_untouched_controls_mean_the_defaults(settings_class: type[Settings]):
    with gr.Blocks():
        controls = build_controls(settings_class, title="More")
    assert set(controls.names) == {knob.name for knob in knobs(settings_class)}
    assert controls.read([component.value for component in controls.components]) == settings_class()


@pytest.mark.parametrize("settings_class", SETTINGS)
def test_a_control_shows_its_knob(settings_class: type[Settings]):
    for knob in knobs(settings_class):
        with gr.Blocks():
            shown = control(knob)
        assert knob.help[1:] in shown.info and knob.label in shown.label
        if knob.choices:
            assert [value for _, value in shown.choices] == list(knob.choices)
        elif isinstance(shown, gr.Slider):
            assert knob.low <= shown.minimum <= shown.maximum == knob.high


def test_what_a_control_cannot_mean_is_refused():
    with gr.Blocks():
        controls = build_controls(DriveSettings, title="More")
    values = dict(zip(controls.names, [component.value for component in controls.components], strict=True))
    with pytest.raises(ValueError, match=r"head: got 7 , expected 0 to 2|head: got 7, expected 0 to 2"):
        controls.read(list((values | {"head": 7}).values()))
    with pytest.raises(ValueError, match="smoothing"):
        controls.read(list((values | {"smoothing": None}).values()))


def test_a_number_may_be_left_out():
    with gr.Blocks():
        controls = build_controls(DriveSettings, title="More")
    values = dict(zip(controls.names, [component.value for component in controls.components], strict=True))
    said = controls.read(list((values | {"end_s": "2.5", "neutral_s": " "}).values()))
    assert (said.end_s, said.neutral_s) == (2.5, None)
    with pytest.raises(BadSetting, match="end_s"):
        controls.read(list((values | {"end_s": "soon"}).values()))


def test_ranges_and_choices_can_be_narrowed():
    with gr.Blocks():
        fit = build_controls(FitSettings, title="More", highest={"minutes": 1.5})
        animate = build_controls(AnimateSettings, title="More", choices={"quality": ("instant", "draft")})
    minutes = fit.components[fit.names.index("minutes")]
    quality = animate.components[animate.names.index("quality")]
    assert minutes.maximum == 1.5 and minutes.value == 1.5
    assert [value for _, value in quality.choices] == ["instant", "draft"]


# Endpoints


def test_every_event_that_does_something_for_a_person_has_a_named_endpoint_with_named_values():
    endpoints = build_app().get_api_info()["named_endpoints"]
    assert set(endpoints) == {
        "/animate", "/train", "/drive", "/load_puppet", "/extract_motion", "/extract_motion_drive",
        "/stop_animate", "/stop_train", "/stop_drive", "/stop_extract_motion", "/stop_extract_motion_drive",
        "/edit", "/show_motion", "/stop_show_motion", "/style", "/stop_style", "/compare_styles",
        "/stop_compare_styles", "/fit_style", "/stop_fit_style", "/apply_style", "/stop_apply_style",
        "/fit_domain", "/stop_fit_domain", "/apply_domain", "/stop_apply_domain", "/upscale", "/stop_upscale",
        "/fit_upscaler", "/stop_fit_upscaler",
    }  # fmt: skip
    takes = {name: [value["parameter_name"] for value in facts["parameters"]] for name, facts in endpoints.items()}
    motion = ["motion_kind", "preset", "driver", "motion_file", "driver_picture", "neutral_picture", "file_format"]
    assert takes["/animate"][:8] == ["photo", *motion]
    assert takes["/drive"][:8] == ["puppet", *motion]
    assert takes["/train"][:3] == ["target_kind", "clip", "photo"]
    assert takes["/style"][:2] == ["content", "style"] and takes["/apply_style"][:2] == ["network", "source"]
    for endpoint, settings_class in (
        ("/animate", AnimateSettings), ("/drive", DriveSettings), ("/train", FitSettings), ("/style", StyleSettings),
        ("/compare_styles", StyleSettings), ("/fit_style", StyleFitSettings), ("/apply_style", StyleApplySettings),
    ):  # fmt: skip
        assert {knob.name for knob in knobs(settings_class)} <= set(takes[endpoint])
    others = [fn for fn in build_app().fns.values() if fn.api_visibility == "public" and f"/{fn.api_name}" not in takes]
    assert others == []


def test_importing_the_package_loads_no_gradio():
    program = "import cxanim.ui, sys; sys.exit('gradio' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


# Jobs


def wait_until(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)


def until_stopped(watch: Watch) -> None:
    """Work that goes on until somebody stops it."""
    wait_until(watch.should_stop)
    raise Cancelled


def test_a_visitor_has_one_job_at_a_time():
    desk = Desk()
    job = desk.start("anna", until_stopped)
    with pytest.raises(Busy, match="Another job of yours is still running"):
        desk.start("anna", until_stopped)
    assert desk.stop("anna")
    with pytest.raises(Cancelled):
        job.result()
    assert desk.start("anna", lambda watch: 7).result() == 7


def test_jobs_of_others_wait_in_order_and_are_told_so():
    desk, order = Desk(), []
    jobs = {"anna": desk.start("anna", until_stopped)}
    for name in ("ben", "cleo"):
        jobs[name] = desk.start(name, lambda watch, name=name: order.append(name))
    told = next(jobs["cleo"].updates())
    assert told.stage == WAITING and "2 jobs before yours" in progress_card(told)
    assert order == []
    desk.stop("anna")
    jobs["cleo"].result()
    assert order == ["ben", "cleo"]


def test_a_job_that_waits_can_be_stopped_and_leaves_the_line():
    desk = Desk()
    desk.start("anna", until_stopped)
    waiting = desk.start("ben", until_stopped)
    desk.stop("ben")
    with pytest.raises(Cancelled):
        waiting.result()
    third = desk.start("cleo", lambda watch: 3)
    assert "1 job before yours" in progress_card(next(third.updates()))
    desk.stop("anna")
    assert third.result() == 3


def test_the_line_has_an_end():
    desk = Desk(most_waiting=1)
    desk.start("anna", until_stopped)
    desk.start("ben", until_stopped)
    with pytest.raises(Busy, match="2 jobs are waiting already"):
        desk.start("cleo", until_stopped)
    desk.stop("anna"), desk.stop("ben")


def test_a_job_frees_its_place_though_nobody_watches_it_and_its_thread_ends():
    desk, before = Desk(), threading.active_count()

    def fail(watch: Watch) -> None:
        raise MemoryError("boom")

    job = desk.start("anna", fail)
    wait_until(lambda: job.has_ended)
    assert desk.start("ben", lambda watch: 1).result() == 1
    wait_until(lambda: threading.active_count() <= before)


def test_a_job_that_fails_lets_go_of_what_it_worked_on():
    class Frames:
        """Stands for gigabytes."""

    kept: list[weakref.ref] = []

    def work(watch: Watch) -> None:
        frames = Frames()
        kept.append(weakref.ref(frames))
        raise CxanimError("It failed.", "Try again.")

    job = Desk().start("anna", work)
    with pytest.raises(CxanimError, match="It failed"):
        job.result()
    assert kept[0]() is None, "it waits for the garbage collector"


def test_updates_skip_what_is_old_but_never_lose_a_picture():
    desk, shown = Desk(), np.zeros((8, 8, 3), np.uint8)

    def work(watch: Watch) -> str:
        watch.tell("Training", 1, preview=shown)
        for step in range(2, 50):
            watch.tell("Training", step)
        return "done"

    job = desk.start("anna", work)
    job.result()
    updates = list(job.updates())
    assert [update.done for update in updates] == [49] and updates[0].preview is shown


# The folder


def test_everything_temporary_lies_in_one_folder_and_a_visitor_can_be_forgotten(workspace: Workspace):
    mine, yours = workspace.new_folder("me"), workspace.new_folder("you")
    assert mine.is_relative_to(workspace.folder) and os.environ["GRADIO_TEMP_DIR"] == str(workspace.folder)
    workspace.forget("me")
    assert not mine.exists() and yours.exists()


@pytest.mark.parametrize("name", ["../../etc", "/", "", "a/../../b", "x" * 500])
def test_no_visitor_gets_out_of_the_folder(workspace: Workspace, name: str):
    assert workspace.new_folder(name).parent.parent == workspace.folder / "visitors"


def test_what_nobody_touches_is_deleted_and_what_is_in_use_is_not(workspace: Workspace):
    old, new = workspace.new_folder("old"), workspace.new_folder("new")
    uploaded = workspace.folder / "0123abcd"
    uploaded.mkdir()
    for path in (old, old.parent, uploaded):
        os.utime(path, (1, 1))
    workspace.clean(older_than_s=60)
    assert not old.exists() and not uploaded.exists() and new.exists() and workspace.examples.exists()


def test_a_run_deletes_what_a_killed_one_left_and_nothing_of_one_that_lives(tmp_path: Path):
    killed = "import os, sys; from cxanim.ui.workspace import *; mine = Workspace(Path(sys.argv[1])).new_folder('me')"
    program = [sys.executable, "-c", killed + "; os._exit(9)", str(tmp_path)]
    assert subprocess.run(program).returncode == 9
    (left,) = tmp_path.glob("run-*/visitors/me/*")
    alive = Workspace(tmp_path)
    assert not left.exists()
    mine, next_run = alive.new_folder("me"), Workspace(tmp_path)
    assert mine.exists()
    alive.close(), next_run.close()
    assert list(tmp_path.iterdir()) == []


def test_an_app_that_is_told_to_end_takes_everything_temporary_with_it(character: Path, tmp_path: Path):
    home = tmp_path / "home"
    home.mkdir()
    with serve_app(home) as (url, app):
        client = Client(url, verbose=False, download_files=str(tmp_path / "results"))
        client.predict(photo=handle_file(character), preset="blink", size=128, api_name="/animate")
        assert [path.suffix for path in home.glob("run-*/visitors/*/*/*.mp4")] == [".mp4", ".mp4"]
        app.terminate()
        app.wait(20)
        assert list(home.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotWrite, match="run-"):
        Workspace(tmp_path / "file")


def test_names_of_results_recall_their_source():
    assert file_name("My Photo (2) ä nod", ".mp4") == "my-photo-2-nod.mp4"
    assert file_name("../..", ".puppet") == "result.puppet"


# Words


def test_an_error_of_the_world_becomes_a_sentence_with_its_next_step():
    @in_words
    def handler() -> None:
        raise NoFace("No face was found in a.png.", "Use another picture.")

    with pytest.raises(gr.Error, match=r"No face was found in a\.png\. Use another picture\."):
        handler()


def test_an_error_of_ours_is_logged_whole_and_said_calmly(caplog: pytest.LogCaptureFixture):
    @in_words
    def handler() -> Iterator[int]:
        yield 1
        raise KeyError("secret")

    with pytest.raises(gr.Error, match="Something went wrong inside the program") as caught:
        list(handler())
    assert "secret" not in str(caught.value)
    assert "secret" in caplog.text and "Traceback" in caplog.text


def test_what_comes_from_outside_is_escaped():
    card = failure_card(CxanimError("<script>alert(1)</script> is no picture.", "Try <b>another</b>."))
    assert "<script>" not in card and "<b>" not in card


def test_progress_is_told_in_words():
    progress = Progress("Training", 30, 120, "steps", 10, 75, {"pixels": 0.0312, "cx_target": 0.5, "cx_source": 0.0})
    card = progress_card(progress)
    assert "30 of 120 steps" in card and "75 s left" in card and "width:25.0%" in card
    assert "colours 0.031, texture 0.500" in card and "expression" not in card


# Handlers


def test_a_photo_and_a_preset_give_two_videos_and_a_puppet(workspace: Workspace, character: Path):
    updates = list(run_animation(Desk(), workspace, "anna", str(character), "blink", QUICK))
    video, beside, picture, puppet, status, _ = updates[-1]
    assert picture is None
    assert Path(video).name == "character-blink.mp4" and "Done" in status
    assert any("Rendering" in update[-2] for update in updates)
    with open_video(video) as result, open_video(beside) as both:
        assert result.info.width_px * 2 == both.info.width_px
        frames, twice = list(result), list(both)
    assert len(frames) == len(twice) == 60
    assert np.abs(frames[15].astype(int) - frames[0]).max() > 40  # the lids have moved
    assert Puppet.load(Path(puppet)).size_px == 128


def test_a_motion_can_be_kept_and_used_again(workspace: Workspace, character: Path, character_clip: Path):
    motion, status = last(keep_motion(Desk(), workspace, "anna", str(character_clip)))
    assert len(Motion.load(Path(motion))) == 60 and "60 frames" in status
    chosen = chosen_motion("file", None, None, motion)
    assert Path(last(run_animation(Desk(), workspace, "anna", str(character), chosen, QUICK))[0]).exists()


def test_the_part_that_drives_is_the_part_that_is_kept(workspace: Workspace, character_clip: Path):
    part = DriverSettings(start_s=0.5, end_s=1.5, neutral_s=1.0)
    motion, _ = last(keep_motion(Desk(), workspace, "anna", str(character_clip), part))
    kept = Motion.load(Path(motion))
    assert len(kept) == pytest.approx(kept.fps, abs=1) and kept.neutral == pytest.approx(0.5 * kept.fps, abs=1)


def test_a_picture_gives_its_expression_in_the_format_asked_for(workspace: Workspace, character: Path):
    assert chosen_motion("picture", None, None, None, str(character)) == character
    relaxed = relaxed_picture("picture", str(character))
    assert relaxed == character and relaxed_picture("video", str(character)) is None
    suffix = suffix_of("webm")
    steps = run_animation(Desk(), workspace, "anna", str(character), character, QUICK, relaxed, suffix)
    video, _, picture, puppet, status, _ = last(steps)
    assert picture is None
    assert Path(video).suffix == ".webm" and "Done" in status
    again, *_, status = last(run_drive(Desk(), workspace, "ben", puppet, character, DriveSettings(), relaxed, suffix))
    assert Path(again).suffix == ".webm" and "Done" in status
    with pytest.raises(BadSetting, match="file_format"):
        suffix_of("exe")


def test_a_gif_and_a_still_picture_are_shown_as_pictures(workspace: Workspace, character: Path):
    steps = run_animation(Desk(), workspace, "anna", str(character), "blink", QUICK, suffix=".gif")
    video, beside, picture, puppet, status, _ = last(steps)
    assert video is None and Path(picture).suffix == ".gif" and Path(beside).exists() and "Done" in status
    steps = run_drive(Desk(), workspace, "ben", puppet, character, DriveSettings(), suffix=".png")
    video, beside, picture, status = last(steps)
    assert video is beside is None and read_image(picture).rgb.shape == (128, 128, 3) and "Done" in status
    steps = run_animation(Desk(), workspace, "carl", str(character), "blink", QUICK, suffix=".png")
    with pytest.raises(CannotWrite, match="would be a picture"):
        last(steps)


def test_a_puppet_is_trained_shown_and_driven_by_a_video(workspace: Workspace, character: Path, character_clip: Path):
    updates = list(run_training(Desk(), workspace, "anna", str(character), QUICK_FIT))
    puppet, status, _ = updates[-1]
    assert Puppet.load(Path(puppet)).is_trained and "2 steps" in status
    assert any("<img" in str(update[2]) for update in updates)
    assert "2 steps" in last(show_puppet(puppet))
    video, beside, _, status = last(run_drive(Desk(), workspace, "anna", puppet, character_clip, DriveSettings()))
    with open_video(video) as result:
        assert len(list(result)) == 60
    assert Path(beside).exists() and "Done" in status


def test_stopping_a_training_keeps_what_is_learnt(workspace: Workspace, character: Path):
    desk = Desk()
    endless = FitSettings(steps=10**6, size=64, batch=1, positions=64)
    for update in run_training(desk, workspace, "anna", str(character), endless):
        if "Training" in update[1] and "0 of" not in update[1]:
            desk.stop("anna")
    assert "The puppet is ready" in update[1]
    assert 0 < Puppet.load(Path(update[0])).about["training"]["steps"] < 10**6


def test_nobody_trains_longer_than_the_app_allows(
    workspace: Workspace, character: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("CXANIM_MAX_TRAIN_MINUTES", "0.02")
    endless = FitSettings(steps=10**6, size=64, batch=1, positions=64)
    puppet, status, _ = last(run_training(Desk(), workspace, "anna", str(character), endless))
    assert "The puppet is ready" in status and 0 < Puppet.load(Path(puppet)).training["steps"] < 10**6


def test_stopping_an_animation_leaves_no_video_and_lets_the_next_one_start(workspace: Workspace, character: Path):
    desk, long = Desk(), AnimateSettings(size=128, loops=20)
    for update in run_animation(desk, workspace, "anna", str(character), "idle", long):
        if "Rendering" in update[-2]:
            desk.stop("anna")
    assert "Stopped" in update[-2]
    assert list(workspace.folder.rglob("*.mp4")) == []
    desk.start("anna", lambda watch: None).result()


def test_a_visitor_who_leaves_stops_the_job(workspace: Workspace, character: Path):
    desk = Desk()
    updates = run_animation(desk, workspace, "anna", str(character), "idle", AnimateSettings(size=128, loops=20))
    next(updates)
    desk.stop("anna")  # what the page's unload does; nobody reads the updates any more
    workspace.forget("anna")
    assert desk.start("ben", lambda watch: "free").result() == "free"


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("video", "There is no video to follow yet"),
        ("picture", "There is no picture with an expression"),
        ("file", "There is no motion file yet"),
        ("preset", "No motion is"),
    ],
)
def test_a_missing_motion_is_asked_for(kind: str, words: str):
    with pytest.raises(CxanimError, match=words):
        chosen_motion(kind, None, None, None)


# A shared GPU


def count_to(limit: int, *, watch: Watch) -> int:
    """Work that tells how far it is, and may be stopped."""
    for number in range(limit):
        watch.tell("Counting", number, limit)
        if watch.should_stop():
            return number
        time.sleep(0.01)
    return limit


def refuse(*, watch: Watch) -> None:
    raise NoFace("No face was found.", "Use another.")


def lent_worker(seconds: int, *rest: Any) -> Iterator[Any]:
    """The worker as ZeroGPU would call it: all that passes is pickled."""
    lent_worker.seconds = seconds  # type: ignore[attr-defined]
    for message in gpu._work_in_worker(seconds, *pickle.loads(pickle.dumps(rest))):  # noqa: S301 - our own bytes
        yield pickle.loads(pickle.dumps(message))  # noqa: S301


@pytest.fixture
def zero_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "IS_ZERO_GPU", True)
    monkeypatch.setattr(gpu, "_in_worker", lent_worker)


@pytest.mark.usefixtures("zero_gpu")
def test_on_a_shared_gpu_progress_results_and_errors_cross_the_process():
    told: list[Progress] = []
    assert gpu.with_gpu(count_to, 5, watch=Watch(told.append), minutes=0.5) == 5
    assert told[-1].stage == "Counting" and lent_worker.seconds == 60  # type: ignore[attr-defined]
    with pytest.raises(NoFace, match=r"No face was found\. Use another\."):
        gpu.with_gpu(refuse, watch=Watch(), minutes=30)
    assert lent_worker.seconds == 120  # type: ignore[attr-defined]


@pytest.mark.usefixtures("zero_gpu")
def test_on_a_shared_gpu_a_job_still_stops():
    assert gpu.with_gpu(count_to, 10**6, watch=Watch(should_stop=lambda: True), minutes=1) < 10**6


@pytest.mark.usefixtures("zero_gpu")
def test_on_a_shared_gpu_a_whole_training_crosses_the_process(workspace: Workspace, character: Path):
    puppet, status, _ = last(run_training(Desk(), workspace, "anna", str(character), QUICK_FIT))
    assert "2 steps" in status and Puppet.load(Path(puppet)).is_trained


def test_elsewhere_the_call_is_a_plain_call(monkeypatch: pytest.MonkeyPatch):
    told: list[Progress] = []
    assert gpu.with_gpu(count_to, 3, watch=Watch(told.append), minutes=1) == 3
    assert [progress.done for progress in told] == [0, 1, 2]


def test_the_environment_bounds_the_training(monkeypatch: pytest.MonkeyPatch):
    assert gpu.longest_training_min() == 60
    monkeypatch.setenv("CXANIM_MAX_TRAIN_MINUTES", "3")
    assert gpu.longest_training_min() == 3
    monkeypatch.setattr(gpu, "IS_ZERO_GPU", True)
    assert gpu.longest_training_min() == 1.5
    told = Machine(device="auto", threads=3)
    assert gpu.machine_for(told, training=False) == Machine(device="cpu", threads=3)
    assert gpu.machine_for(told, training=True) == told
    monkeypatch.setenv("CXANIM_MAX_TRAIN_MINUTES", "soon")
    with pytest.raises(ValueError, match="CXANIM_MAX_TRAIN_MINUTES"):
        gpu.longest_training_min()


# Where it listens


def test_it_listens_to_this_machine_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch):
    for name in ("HOST", "PORT", "GRADIO_SERVER_NAME", "GRADIO_SERVER_PORT", "SPACE_ID"):
        monkeypatch.delenv(name, raising=False)
    assert Address.from_environment() == Address("127.0.0.1", 7860)
    monkeypatch.setenv("SPACE_ID", "someone/something")
    assert Address.from_environment() == Address("0.0.0.0", 7860)  # noqa: S104 - what a Space does
    monkeypatch.setenv("GRADIO_SERVER_PORT", "7000")
    monkeypatch.setenv("HOST", "127.0.0.2")
    assert Address.from_environment() == Address("127.0.0.2", 7000)
    monkeypatch.delenv("SPACE_ID")
    monkeypatch.setenv("HOST", "x86_64-conda-linux-gnu")  # what compilers export
    assert Address.from_environment() == Address("127.0.0.1", 7000)
    monkeypatch.setenv("PORT", "many")
    with pytest.raises(BadSetting, match="PORT"):
        Address.from_environment()


@pytest.mark.parametrize(
    ("address", "words"),
    [(Address("127.0.0.1", 70000), "port: got 70000"), (Address("127.0.0.1", 0), "port: got 0"),
     (Address("no.such.host.invalid", 7999), "is no address of this machine")],
)  # fmt: skip
def test_where_nobody_can_listen_is_said(address: Address, words: str):
    with pytest.raises(BadSetting, match=words):
        address.ensure_free()


def test_a_taken_port_is_said_in_words(app_url: str):
    port = app_url.rstrip("/").rsplit(":", 1)[1]
    told = subprocess.run(
        [sys.executable, ROOT / "app.py"], env=os.environ | {"PORT": port}, capture_output=True, text=True
    )
    assert told.returncode != 0
    assert told.stderr.strip().splitlines()[-1].startswith(f"Port {port} is taken by another program")


# The API


def test_what_is_live_is_not_pressed_twice(app_url: str):
    """A browser offers to press what goes over its sockets; of JPEGs that takes milliseconds and gains nothing."""
    place = f"ws{app_url.removeprefix('http')}live?ticket=none"
    for _ in range(50):  # the page may answer a moment before the road is there
        try:
            socket = connect(place, compression="deflate")
            break
        except InvalidStatus:
            time.sleep(0.1)
    with socket:
        assert "Sec-WebSocket-Extensions" in socket.request.headers
        assert "Sec-WebSocket-Extensions" not in socket.response.headers
        assert "problem" in socket.recv()


def test_a_program_can_animate_a_photo(app_url: str, character: Path, tmp_path: Path):
    client = Client(app_url, verbose=False, download_files=str(tmp_path))
    video, beside, _, puppet, status, _ = client.predict(
        photo=handle_file(character), preset="wink", size=128, api_name="/animate"
    )
    with open_video(video["video"] if isinstance(video, dict) else video) as result:
        assert len(list(result)) > 30
    assert "Done" in status and Puppet.load(Path(puppet)).size_px == 128
    assert beside


def test_a_program_is_told_in_words_what_is_wrong(app_url: str, tmp_path: Path):
    write_image(tmp_path / "nobody.png", np.full((128, 128, 3), 120, np.uint8))
    client = Client(app_url, verbose=False)
    with pytest.raises(Exception, match="No face was found in nobody.png"):
        client.predict(photo=handle_file(tmp_path / "nobody.png"), api_name="/animate")
    (tmp_path / "letter.jpg").write_text("Dear Anna")
    with pytest.raises(Exception, match="is not a picture that can be read"):
        client.predict(photo=handle_file(tmp_path / "letter.jpg"), api_name="/animate")


def test_the_api_description_is_json(app_url: str):
    assert json.dumps(Client(app_url, verbose=False).view_api(return_format="dict"))
