"""Many puppets by one command: failures stay alone, what is finished is skipped, what was stopped goes on."""

import json
import multiprocessing
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from cxanim.cli import main
from cxanim.errors import CxanimError
from cxanim.pipelines.engines import LocalEngine, carry_out, make_engine
from cxanim.pipelines.learn import FitSettings
from cxanim.pipelines.machine import Machine
from cxanim.pipelines.many import FAILED, SKIPPED, STOPPED, TRAINED, Order, Outcome, find_targets, train_many
from cxanim.pipelines.puppet import Puppet

QUICK = FitSettings(steps=2, size=64, batch=1, positions=64)
FLAGS = ["--steps", "2", "--size", "64", "--batch", "1", "--positions", "64"]


@pytest.fixture
def folder(tmp_path: Path, character: Path) -> Path:
    """Two good targets and a bad one."""
    folder = tmp_path / "targets"
    (folder / "carl").mkdir(parents=True)
    (folder / "anna.png").write_bytes(character.read_bytes())
    Image.new("RGB", (128, 128)).save(folder / "ben.png")
    (folder / "carl" / "front.png").write_bytes(character.read_bytes())
    (folder / "notes.txt").write_text("no target")
    return folder


@pytest.fixture(autouse=True)
def no_cluster_is_left() -> Iterator[None]:
    yield
    if "ray" in sys.modules and sys.modules["ray"] is not None:
        sys.modules["ray"].shutdown()


def statuses(outcomes: dict[str, Outcome]) -> dict[str, str]:
    return {name: outcome.status for name, outcome in outcomes.items()}


def test_targets_are_files_and_folders_of_files(folder: Path):
    found = {name: [path.name for path in paths] for name, paths in find_targets(folder)}
    assert found == {"anna": ["anna.png"], "ben": ["ben.png"], "carl": ["front.png"]}
    (folder / "anna.mp4").touch()
    with pytest.raises(CxanimError, match="are called anna"):
        find_targets(folder)


@pytest.mark.parametrize("name", ["missing", "empty"])
def test_a_folder_without_targets_is_said(tmp_path: Path, name: str):
    (tmp_path / "empty").mkdir()
    with pytest.raises(CxanimError, match=name):
        find_targets(tmp_path / name)


def test_a_folder_that_may_not_be_looked_into_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(CxanimError, match="targets may not be looked into"):
        find_targets(folder)


@pytest.mark.parametrize("engine", ["local", "ray"])
def test_one_that_fails_leaves_the_others_alone_and_a_second_run_skips_them(
    engine: str, folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    if engine == "ray":
        pytest.importorskip("ray")
    command = [
        "train",
        "--targets",
        str(folder),
        "-o",
        str(tmp_path / "out"),
        "--engine",
        engine,
        "--threads",
        "1",
        *FLAGS,
    ]
    assert main(command) == 2
    said = capfd.readouterr().err
    assert "ben: No face was found in ben.png" in said and "cxanim: 1 of 3 targets failed: ben." in said
    puppets = sorted(path.name for path in (tmp_path / "out").glob("*.puppet"))
    assert puppets == ["anna.puppet", "carl.puppet"]
    assert Puppet.load(tmp_path / "out" / "anna.puppet").about["training"]["finished"]
    (folder / "ben.png").unlink()
    assert main([*command, "--json"]) == 0
    answer = json.loads(capfd.readouterr().out)
    assert {name: facts["status"] for name, facts in answer.items()} == {"anna": SKIPPED, "carl": SKIPPED}
    Image.open(folder / "anna.png").resize((300, 300)).save(folder / "anna.png")  # another picture, trained afresh
    assert main([*command, "--json"]) == 0
    answer = json.loads(capfd.readouterr().out)
    assert {name: facts["status"] for name, facts in answer.items()} == {"anna": TRAINED, "carl": SKIPPED}
    assert main([*command, "--steps", "3"]) == 0  # other settings: another training


def test_what_was_stopped_goes_on(folder: Path, tmp_path: Path):
    endless = FitSettings(steps=10**6, size=64, batch=1, positions=64)
    seen: list[str] = []

    def note(name: str, news: object) -> None:
        if getattr(news, "done", 0) > 0 and getattr(news, "unit", "") == "steps":
            seen.append(name)

    (folder / "ben.png").unlink()
    out = tmp_path / "out"
    first = train_many(folder, out, endless, Machine(), LocalEngine(1), note, lambda: bool(seen))
    assert statuses(first) == {"anna": STOPPED, "carl": STOPPED}
    learnt = first["anna"].steps
    assert learnt > 0 and not (out / "carl.puppet").exists()
    seen.clear()
    second = train_many(folder, out, endless, Machine(), LocalEngine(1), note, lambda: bool(seen))
    assert second["anna"].steps > learnt
    other = train_many(folder, out, QUICK, Machine(), LocalEngine(2), lambda name, news: None)
    assert statuses(other) == {"anna": TRAINED, "carl": TRAINED} and other["anna"].steps == 2


def _die(*_: object) -> None:
    import os
    import signal

    os.kill(os.getpid(), signal.SIGKILL)


def test_a_process_that_is_killed_fails_alone(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("cxanim.pipelines.engines._in_process", _die)
    (folder / "ben.png").unlink()
    outcomes = train_many(folder, tmp_path / "out", QUICK, Machine(), LocalEngine(1), lambda name, news: None)
    assert statuses(outcomes) == {"anna": FAILED, "carl": FAILED}
    assert "killed, as happens when memory runs out" in outcomes["anna"].words
    assert multiprocessing.active_children() == []


def test_any_error_is_an_outcome(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    order = Order("anna", (folder / "anna.png",), tmp_path / "a.puppet", QUICK, Machine())
    for error, words in {MemoryError(): "ran out of memory", KeyError("odd"): "KeyError: 'odd'"}.items():

        def fail(*_: object, error: Exception = error, **__: object) -> None:
            raise error

        monkeypatch.setattr("cxanim.pipelines.engines.train", fail)
        outcome = carry_out(order, lambda progress: None, lambda: False)
        assert outcome.status == FAILED and words in outcome.words


def test_an_unknown_engine_and_a_missing_ray_are_said(monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(ValueError, match="engine: got 'slurm'"):
        make_engine("slurm")
    with pytest.raises(ValueError, match="workers: got -1"):
        make_engine("local", -1)
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(CxanimError, match=r"pip install 'cxanim\[ray\]'"):
        make_engine("ray")


def test_a_cluster_that_is_named_and_does_not_answer_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch):
    ray = pytest.importorskip("ray")

    def refuse(**options: object) -> None:
        raise ConnectionError

    monkeypatch.setattr(ray, "init", refuse)
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    with pytest.raises(CxanimError, match="127.0.0.1:1 .* does not answer"):
        train_many(folder, folder / "out", QUICK, Machine(), make_engine("ray"), lambda *_: None)
    monkeypatch.delenv("RAY_ADDRESS")
    with pytest.raises(CxanimError, match="could not be started"):
        train_many(folder, folder / "out", QUICK, Machine(), make_engine("ray"), lambda *_: None)


def test_two_workers_of_a_cluster_that_is_there_already_find_files_named_from_here(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    (folder / "ben.png").unlink()
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        cluster.add_node(num_cpus=1)
        cluster.wait_for_nodes()
        monkeypatch.setenv("RAY_ADDRESS", cluster.address)
        monkeypatch.chdir(tmp_path)
        where = Path(folder.relative_to(tmp_path))
        # More threads than a worker has cores: it takes those it has.
        outcomes = train_many(where, Path("out"), QUICK, Machine(threads=8), make_engine("ray"), lambda *_: None)
        assert statuses(outcomes) == {"anna": TRAINED, "carl": TRAINED}
        assert sorted(path.name for path in (tmp_path / "out").glob("*.puppet")) == ["anna.puppet", "carl.puppet"]
        with pytest.raises(CxanimError, match="No worker of the Ray cluster has a GPU"):
            train_many(where, Path("gpu"), QUICK, Machine(device="cuda"), make_engine("ray"), lambda *_: None)
    finally:
        __import__("ray").shutdown()
        cluster.shutdown()


def test_what_many_trainings_cannot_have_is_said(folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    assert main(["train", "--targets", str(folder), "-o", str(tmp_path / "out"), "--resume"]) == 2
    assert "Leave --resume, --preview and --landmarks away" in capfd.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("targets", [[], ["a.png", "--targets", "."]])
def test_files_or_a_folder_are_asked_for(targets: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    assert main(["train", *targets, "-o", str(tmp_path / "o.puppet")]) == 2
    assert "Give files, or --targets DIR" in capfd.readouterr().err
