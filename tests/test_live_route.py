"""The roads of the Live tab without a browser: who is let in, what comes back, and what a rude visitor can do."""

import base64
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import Make
from fastapi import FastAPI
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect
from test_live import NOBODY, before_the_camera, wait_for

from cxanim.errors import Busy, CxanimError
from cxanim.images import decode_jpeg, encode_jpeg
from cxanim.pipelines.live import KEYS, LivePuppet, LiveSettings
from cxanim.pipelines.live_clip import live_target
from cxanim.pipelines.machine import Machine
from cxanim.ui import live_route, live_stages
from cxanim.ui.live_route import ANSWER, FRAME, STATES
from cxanim.ui.live_stages import Stage, Stages
from cxanim.ui.live_tab import commanded, prepared, recorded, slow_frame
from cxanim.ui.workspace import Workspace
from cxanim.video import probe_video

SOMEBODY = encode_jpeg(before_the_camera(), 85)


@pytest.fixture
def stages() -> Iterator[Stages]:
    stages = Stages(lambda: Machine(device="cpu").torch_device)
    yield stages
    for visitor in ("anna", "ben", "cleo", "dora", "emil", "fritz"):
        stages.forget(visitor)


@pytest.fixture(scope="module")
def puppet(character: Path):
    return live_target(character, 128)


@pytest.fixture
def stage(stages: Stages, puppet) -> Stage:
    return stages.open("anna", puppet, LiveSettings())


@pytest.fixture
def client(stages: Stages) -> Iterator[TestClient]:
    app = FastAPI()
    live_route.mount(app, stages)
    with TestClient(app) as client:
        yield client


def frame(number: int, content: bytes = SOMEBODY, time_ms: float | None = None, read: int | None = None) -> bytes:
    return (
        FRAME.pack(number, max(0, number - 1) if read is None else read, 33.3 * number if time_ms is None else time_ms)
        + content
    )


def opened(answer: bytes) -> tuple[int, float, str, list[float], bytes]:
    number, time_ms, mark, *stages_ms = ANSWER.unpack_from(answer)
    assert (mark >= 128) == (len(answer) > ANSWER.size)  # by default it moves as a mirror would
    return number, time_ms, STATES[mark % 128], stages_ms, answer[ANSWER.size :]


def live_threads() -> int:
    return sum(thread.name.startswith("cxanim-live") for thread in threading.enumerate())


def closing_code(socket) -> int:
    with pytest.raises(WebSocketDisconnect) as closed:
        while True:
            socket.receive_text()
    return closed.value.code


def test_a_frame_comes_back_as_the_puppets_picture_with_its_number_and_time(client: TestClient, stage: Stage):
    with client.websocket_connect(f"/live?ticket={stage.ticket}") as socket:
        for number in range(5):
            socket.send_bytes(frame(number))
            which, time_ms, state, stages_ms, picture = opened(socket.receive_bytes())
            assert (which, time_ms) == (number, pytest.approx(33.3 * number))
            assert state in ("waiting", "calibrating") and all(ms > 0 for ms in stages_ms)
            assert decode_jpeg(picture).shape == (128, 128, 3)
        assert stage.is_taken and live_threads() == 2
    wait_for(lambda: not stage.is_taken and live_threads() == 0)


@pytest.mark.parametrize(
    ("said", "taken"), [("", 30), ("&fps=15", 15), ("&fps=60", 30), ("&fps=0", 30), ("&fps=nan", 30), ("&fps=x", 30)]
)
def test_a_page_may_say_how_often_its_camera_gives_frames(client: TestClient, stage: Stage, said: str, taken: float):
    with client.websocket_connect(f"/live?ticket={stage.ticket}{said}") as socket:
        socket.send_bytes(frame(0))
        opened(socket.receive_bytes())
        assert 30 / stage._live._pace._longer == pytest.approx(taken)


def test_of_many_frames_at_once_each_is_answered_and_the_newest_is_shown(client: TestClient, stage: Stage):
    with client.websocket_connect(f"/live?ticket={stage.ticket}") as socket:
        for number in range(6):
            socket.send_bytes(frame(number))
        answers = [opened(socket.receive_bytes()) for _ in range(6)]
    assert sorted(answer[0] for answer in answers) == list(range(6))
    shown = [answer[0] for answer in answers if answer[4]]
    assert shown == sorted(shown) and shown[-1] == 5


def test_nobody_without_a_ticket_is_let_in(client: TestClient, stage: Stage):
    for ticket in ("", "guess", stage.ticket[:-1]):
        with client.websocket_connect(f"/live?ticket={ticket}") as socket:
            assert json.loads(socket.receive_text())["problem"] == ("This puppet is no longer ready. Choose it again.")
            assert closing_code(socket) == 1013
    assert not stage.is_taken


@pytest.mark.parametrize(
    ("rude", "code"),
    [
        (b"", 1007),
        (b"short", 1007),
        (FRAME.pack(1, 0, float("nan")) + SOMEBODY, 1007),
        (frame(1, b"x" * (live_route.MOST_FRAME_BYTES + 1)), 1009),
    ],
)
def test_what_is_no_frame_ends_the_visit_and_frees_everything(client: TestClient, stage: Stage, rude: bytes, code: int):
    with client.websocket_connect(f"/live?ticket={stage.ticket}") as socket:
        socket.send_bytes(rude)
        assert closing_code(socket) == code
    wait_for(lambda: not stage.is_taken and live_threads() == 0)


def test_damaged_and_huge_pictures_are_left_out_and_the_next_one_is_not(client: TestClient, stage: Stage):
    huge = encode_jpeg(np.zeros((2000, 2000, 3), np.uint8), 30)
    with client.websocket_connect(f"/live?ticket={stage.ticket}") as socket:
        for number, content in enumerate((b"no picture", SOMEBODY[:2000], huge)):
            socket.send_bytes(frame(number, content))
            assert opened(socket.receive_bytes())[4] == b""
        socket.send_bytes(frame(9))
        assert opened(socket.receive_bytes())[4]


def test_only_some_may_be_live_at_once(client: TestClient, stages: Stages, puppet, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(live_stages, "MOST_TAKEN", 1)
    hers, his = (stages.open(name, puppet, LiveSettings()) for name in ("anna", "ben"))
    with client.websocket_connect(f"/live?ticket={hers.ticket}") as socket:
        socket.send_bytes(frame(0))
        socket.receive_bytes()
        with client.websocket_connect(f"/live?ticket={his.ticket}") as other:
            assert "1 others are live already" in json.loads(other.receive_text())["problem"]
        socket.send_bytes(frame(1))
        assert opened(socket.receive_bytes())[0] == 1  # who was there first is not disturbed


def test_a_page_that_connects_again_takes_the_place_of_its_old_connection(client: TestClient, stage: Stage):
    with client.websocket_connect(f"/live?ticket={stage.ticket}") as old:
        old.send_bytes(frame(0))
        old.receive_bytes()
        with client.websocket_connect(f"/live?ticket={stage.ticket}") as new:
            new.send_bytes(frame(0))
            assert opened(new.receive_bytes())[0] == 0
            assert live_threads() == 2
    wait_for(lambda: live_threads() == 0)


def test_a_page_whose_puppet_is_let_go_is_told(client: TestClient, stages: Stages, stage: Stage):
    with client.websocket_connect(f"/live?ticket={stage.ticket}") as socket:
        socket.send_bytes(frame(0))
        socket.receive_bytes()
        stages.forget("anna")
        assert "no longer ready" in json.loads(socket.receive_text())["problem"]
    wait_for(lambda: live_threads() == 0)


def test_a_puppet_that_cannot_start_is_said_and_keeps_no_place(
    client: TestClient, stage: Stage, monkeypatch: pytest.MonkeyPatch
):
    def broken(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("cxanim.pipelines.live.LivePuppet.prepare", broken)
    with client.websocket_connect(f"/live?ticket={stage.ticket}") as socket:
        assert json.loads(socket.receive_text())["problem"]
        assert closing_code(socket) == 1011
    assert not stage.is_taken and live_threads() == 0


def test_who_left_the_slow_road_or_was_forgotten_on_it_keeps_no_place(
    stages: Stages, puppet, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(live_stages, "MOST_TAKEN", 1)
    hers, his = (stages.open(name, puppet, LiveSettings()) for name in ("anna", "ben"))
    asked = {"time_ms": 0.0, "frame": base64.b64encode(SOMEBODY).decode()}
    assert "picture" in slow_frame(stages, asked | {"ticket": hers.ticket})
    assert "live already" in slow_frame(stages, asked | {"ticket": his.ticket})["problem"]
    assert commanded(stages, {"ticket": hers.ticket, "name": "leave"}) is None
    assert "picture" in slow_frame(stages, asked | {"ticket": his.ticket})
    monkeypatch.setattr(live_stages, "_FORGOTTEN_S", 0.0)
    assert "picture" in slow_frame(stages, asked | {"ticket": hers.ticket})
    assert not his.is_taken


def test_a_page_that_reads_nothing_costs_nothing_until_it_reads(
    client: TestClient, stage: Stage, monkeypatch: pytest.MonkeyPatch
):
    looked_at = []

    def follow(live: LivePuppet, frame: np.ndarray, time_s: float) -> np.ndarray:
        looked_at.append(time_s)
        return live.puppet.neutral_face

    monkeypatch.setattr(LivePuppet, "follow", follow)
    with client.websocket_connect(f"/live?ticket={stage.ticket}") as socket:
        for number in range(100):
            socket.send_bytes(frame(number, encode_jpeg(NOBODY, 50), time_ms=0, read=0))
        socket.send_bytes(frame(100, time_ms=9000, read=live_route.MOST_UNREAD))
        wait_for(lambda: 9.0 in looked_at)
        assert len(looked_at) <= live_route.MOST_UNREAD + 2
    wait_for(lambda: live_threads() == 0)


def test_an_error_inside_is_said_in_words(client: TestClient, stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog):
    def broken(*_: object) -> np.ndarray:
        raise RuntimeError("secret details")

    with client.websocket_connect(f"/live?ticket={stage.ticket}") as socket:
        socket.send_bytes(frame(0))
        socket.receive_bytes()
        monkeypatch.setattr("cxanim.pipelines.live.LivePuppet.follow", broken)
        socket.send_bytes(frame(1))
        problem = json.loads(socket.receive_text())["problem"]
        assert problem.startswith("Something went wrong inside the program.") and "secret" not in problem
        assert closing_code(socket) == 1011
    assert "secret details" in caplog.text
    wait_for(lambda: live_threads() == 0)


def test_the_slow_road_gives_the_same_pictures(stages: Stages, stage: Stage):
    asked = {"ticket": stage.ticket, "time_ms": 0.0, "frame": base64.b64encode(SOMEBODY).decode()}
    for number in range(40):
        answer = slow_frame(stages, asked | {"time_ms": 33.3 * number})
    assert answer["state"] == "following"
    assert decode_jpeg(base64.b64decode(answer["picture"])).shape == (128, 128, 3)
    for strange in (None, {}, asked | {"ticket": "x"}, asked | {"frame": "%%"}, asked | {"frame": "aGVsbG8="}):
        assert slow_frame(stages, strange)["problem"]
    stages.forget("anna")
    assert "no longer ready" in slow_frame(stages, asked)["problem"]


def test_buttons_reach_the_puppet(client: TestClient, stages: Stages, stage: Stage):
    with client.websocket_connect(f"/live?ticket={stage.ticket}") as socket:

        def states(numbers: range) -> str:
            for number in numbers:
                socket.send_bytes(frame(number))
                state = opened(socket.receive_bytes())[2]
            return state

        assert states(range(40)) == "following"
        for name, value, state in (
            ("freeze", True, "frozen"),
            ("freeze", False, "following"),
            ("calibrate", None, "calibrating"),
        ):
            assert commanded(stages, {"ticket": stage.ticket, "name": name, "value": value}) is None
            assert states(range(40, 43)) == state
    for sliders in KEYS.values():
        assert commanded(stages, {"ticket": stage.ticket, "name": "press", "value": sliders}) is None
    for strange in (None, {}, {"ticket": "x", "name": "freeze"}, {"ticket": stage.ticket, "name": "explode"}):
        assert commanded(stages, strange)
    assert "charm" in commanded(stages, {"ticket": stage.ticket, "name": "press", "value": "charm=1"})


def test_a_visitor_has_one_puppet_and_old_ones_are_let_go(stages: Stages, character: Path, monkeypatch):
    monkeypatch.setattr(live_stages, "MOST_KEPT", 2)
    tickets = {
        name: prepared(stages, name, character, LiveSettings(size=128))["ticket"] for name in ("anna", "ben", "cleo")
    }
    with pytest.raises(CxanimError, match="no longer ready"):
        stages.of(tickets["anna"])
    assert stages.of(tickets["cleo"]) is stages.of_visitor("cleo")
    again = prepared(stages, "cleo", character, LiveSettings(size=128))["ticket"]
    assert again != tickets["cleo"]
    with pytest.raises(CxanimError):
        stages.of(tickets["cleo"])
    assert issubclass(Busy, CxanimError)


def test_of_two_choices_the_later_one_counts_and_the_puppet_before_plays_until_it_is_ready(
    stages: Stages, stage: Stage, puppet, monkeypatch: pytest.MonkeyPatch
):
    seen = []
    monkeypatch.setattr(Stage, "warm_up", lambda self: seen.append(stages.of_visitor("anna")))
    first, second = stages.turn("anna"), stages.turn("anna")
    late = stages.open("anna", puppet, LiveSettings(), second)
    assert stages.open("anna", puppet, LiveSettings(), first) is None
    assert seen == [stage, late] and stages.of_visitor("anna") is late
    turn = stages.turn("anna")
    stages.forget("anna")  # who closed the page while a puppet was made ready
    assert stages.open("anna", puppet, LiveSettings(), turn) is None and stages.of_visitor("anna") is None


def test_settings_change_while_it_runs(client: TestClient, stage: Stage):
    with client.websocket_connect(f"/live?ticket={stage.ticket}") as socket:
        socket.send_bytes(frame(0))
        socket.receive_bytes()
        stage.change(LiveSettings(head=0.5))
        assert stage._live is not None and stage._live.settings.head == 0.5


def test_a_recording_becomes_an_mp4_and_no_other_file_is_touched(
    stages: Stages, stage: Stage, workspace: Workspace, make: Make
):
    picture, sound = ("-f", "lavfi", "-i", "testsrc=d=1:r=30:s=128x128"), ("-f", "lavfi", "-i", "sine=d=1")
    film = make("film.webm", *picture, *sound, "-c:v", "libvpx")
    upload = workspace.folder / "recording.webm"
    upload.write_bytes(film.read_bytes())
    output = Path(recorded(stages, workspace, {"ticket": stage.ticket, "path": str(upload)})["path"])
    made = probe_video(output)
    assert output.name == "recording.mp4" and made.has_audio and made.duration_s == pytest.approx(1, abs=0.1)
    assert not upload.exists()
    for stranger in (film, workspace.folder / ".." / ".." / film.name, workspace.folder, ""):
        answer = recorded(stages, workspace, {"ticket": stage.ticket, "path": str(stranger)})
        assert "did not arrive" in answer["problem"]
    assert film.exists()
    for strange in (None, {}, {"ticket": "x", "path": str(film)}):
        assert recorded(stages, workspace, strange)["problem"]


def test_pictures_travel_as_they_are():
    """The header is what the page's script reads: 33 bytes, then the JPEG."""
    assert (FRAME.size, ANSWER.size) == (16, 33)
    script = (Path(live_route.__file__).parent / "live_stage.js").read_text()
    assert "ANSWER_BYTES = 33" in script and json.dumps(list(STATES)) in script
    assert cv2.imdecode(np.frombuffer(SOMEBODY, np.uint8), 1) is not None
