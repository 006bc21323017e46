"""The desktop's road: a film in the place of the camera, a pretended window in the place of the screen."""

import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from test_live import before_the_camera

from cxanim.cli import main
from cxanim.errors import CxanimError
from cxanim.images import read_image
from cxanim.motion.expression import Expression
from cxanim.pipelines.live import KEYS, LivePuppet, LiveSettings
from cxanim.pipelines.live_camera import Keyboard, live_from_camera
from cxanim.pipelines.live_clip import live_target
from cxanim.pipelines.live_screen import LiveRun
from cxanim.pipelines.watch import Watch
from cxanim.video import probe_video
from cxanim.video.camera import Camera, NoCamera, VirtualCamera
from cxanim.video.window import Window, caption


class PretendWindow:
    """Notes what is shown, and presses keys after so many pictures."""

    def __init__(self, keys: dict[int, str]):
        self.keys, self.pictures, self.lines, self.closed = keys, [], [], 0
        self.is_closed = False

    def show(self, picture: np.ndarray, lines: tuple[str, ...] = ()) -> str:
        self.pictures.append(picture)
        self.lines.append(lines)
        return self.keys.get(len(self.pictures), "")

    def close(self) -> None:
        self.closed += 1


@pytest.fixture(scope="module")
def puppet(character: Path):
    return live_target(character, 128)


@pytest.fixture
def film(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four seconds, which come at the rate of a camera."""
    path = tmp_path / "film.mjpeg"
    with open(path, "wb") as file:
        for number in range(120):
            picture = before_the_camera(min(50, max(0, number - 50)))
            file.write(cv2.imencode(".jpg", picture[..., ::-1])[1].tobytes())
    real = cv2.VideoCapture

    class Paced:
        def __init__(self, number: int):
            self._film, self._next_s = real(str(path)), time.monotonic()

        def isOpened(self) -> bool:  # noqa: N802 - as OpenCV names it
            return self._film.isOpened()

        def set(self, what: int, value: float) -> bool:
            return True

        def get(self, what: int) -> float:
            return 15.0 if what == cv2.CAP_PROP_FPS else 0.0

        def read(self):
            time.sleep(max(0.0, self._next_s - time.monotonic()))
            self._next_s += 1 / 30
            return self._film.read()

        def release(self) -> None:
            self._film.release()

    monkeypatch.setattr(cv2, "VideoCapture", Paced)
    return path


def lasted_s(run: LiveRun) -> float:
    """How long a run lasted: a busy machine shows 30 pictures in more than a second."""
    return run.frames / run.fps


def test_a_camera_moves_the_puppet_until_q_is_pressed(puppet, film: Path, tmp_path: Path):
    window = PretendWindow({95: "s", 100: "q"})
    settings = LiveSettings(mirror=False)
    run = live_from_camera(
        puppet, settings, output=tmp_path / "out.mp4", snapshots=tmp_path, open_window=lambda: window
    )
    assert len(window.pictures) == 100 and window.closed == 1
    assert 0 < run.shown <= run.frames and "q quit" in window.lines[0][1] and "1 smile" in window.lines[0][2]
    assert "following" in window.lines[-1][0] and "ms behind" in window.lines[-1][0]
    assert np.abs(window.pictures[-1].astype(int) - window.pictures[0]).mean() > 1
    assert lasted_s(run) > 3
    assert probe_video(tmp_path / "out.mp4").duration_s == pytest.approx(lasted_s(run), abs=0.1)
    (kept,) = tmp_path.glob("cxanim-*.png")
    assert read_image(kept).rgb.shape == (128, 128, 3) and str(kept) in run.notes[0]


def test_a_puppet_is_told_what_the_camera_says(puppet, film: Path, monkeypatch: pytest.MonkeyPatch):
    def told(puppet, settings, device, camera_fps: float):
        raise CxanimError(f"{camera_fps}", "")

    monkeypatch.setattr("cxanim.pipelines.live_camera.live_before", told)
    with pytest.raises(CxanimError, match=r"15\.0"):
        live_from_camera(puppet, open_window=lambda: PretendWindow({}))


def test_a_camera_that_is_unplugged_ends_it_and_the_recording_is_kept(puppet, film: Path, tmp_path: Path):
    run = live_from_camera(puppet, output=tmp_path / "out.mp4", open_window=lambda: PretendWindow({}))
    assert "gives no more pictures" in run.notes[-1] and run.frames == 120
    assert probe_video(tmp_path / "out.mp4").duration_s > 4
    with pytest.raises(NoCamera, match="Plug it in again"):
        live_from_camera(puppet, open_window=lambda: PretendWindow({}))


def test_whoever_watches_may_stop_it(puppet, film: Path, tmp_path: Path):
    stops = iter([False] * 20 + [True] * 100)
    watch = Watch(should_stop=lambda: next(stops))
    run = live_from_camera(puppet, watch=watch, output=tmp_path / "out.mp4", open_window=lambda: PretendWindow({}))
    assert lasted_s(run) > 0.6
    assert probe_video(tmp_path / "out.mp4").duration_s == pytest.approx(lasted_s(run), abs=0.1)


def test_hotkeys(puppet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    live = LivePuppet(puppet)
    keyboard, picture = Keyboard(live, tmp_path / "nowhere"), np.zeros((8, 8, 3), np.uint8)
    keyboard.press("1", picture)
    assert live.pressed == Expression.from_text(KEYS["smile"])
    keyboard.press("", picture)
    assert live.pressed != Expression()
    keyboard.press("0", picture)
    assert live.pressed == Expression()
    keyboard.press("9", picture)
    for _ in range(3):
        keyboard.press("f", picture)
    assert live.is_frozen
    keyboard.press("m", picture)
    assert not live.settings.mirror
    keyboard.press("s", picture)
    assert "nowhere" in keyboard.notes[0]
    keyboard.press("\x1b", picture)
    assert keyboard.wants_to_quit
    live.close()


def test_no_camera_no_screen_and_no_driver_are_said_with_what_to_do(
    puppet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, character: Path, capfd: pytest.CaptureFixture[str]
):
    with pytest.raises(NoCamera, match=r"Camera 87 cannot be opened\. Plug one in"):
        Camera(87)
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(CxanimError, match="There is no screen for a window"):
        Window("cxanim")
    monkeypatch.setitem(__import__("sys").modules, "pyvirtualcam", None)
    with pytest.raises(CxanimError, match=r"pip install 'cxanim\[virtualcam\]'"):
        VirtualCamera(128, 30)
    assert main(["live", str(character), "--camera", "87"]) == 2
    assert "cannot be opened" in capfd.readouterr().err
    assert main(["live", str(character), "--input", "clip.mp4"]) == 2


def test_a_driver_that_is_missing_is_said(monkeypatch: pytest.MonkeyPatch):
    class Package:
        @staticmethod
        def Camera(*_: object) -> None:  # noqa: N802 - as the package names it
            raise RuntimeError("no backend available")

    monkeypatch.setitem(__import__("sys").modules, "pyvirtualcam", Package)
    with pytest.raises(CxanimError, match="load v4l2loopback"):
        VirtualCamera(128, 30)


def test_a_caption_holds_its_lines():
    assert caption(("one", "two"), 200).shape == (52, 200, 3) and caption((), 200).shape == (0, 200, 3)
    long = caption(("as many words as no window of this width has room for",), 200)
    assert (long[:, -4:] == long[0, -1]).all() and not (long[:, 150:] == long[0, -1]).all()
