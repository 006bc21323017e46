"""What every test may lean on: where the real material lies, and the running app."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from browsing import browser, page  # noqa: F401 - fixtures

from cxanim.images import write_image
from cxanim.ui.workspace import Workspace

ROOT = Path(__file__).resolve().parent.parent
Make = Callable[..., Path]


@pytest.fixture(scope="session")
def test_data() -> Path:
    """Folder of real clips, portraits and weights; the test is skipped where it is absent."""
    folder = Path(os.environ.get("CXANIM_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no test material at {folder}; set CXANIM_TEST_DATA to its folder")
    return folder


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The photographer of scikit-image, who is seen as a whole."""
    from skimage import data

    path = tmp_path_factory.mktemp("standing") / "photographer.png"
    write_image(path, np.dstack([data.camera()] * 3))
    return path


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The photograph of the astronaut, in a folder of this module's own."""
    from faces import astronaut

    path = tmp_path_factory.mktemp("photo") / "astronaut.png"
    write_image(path, astronaut())
    return path


@pytest.fixture(scope="session")
def character(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture of a face: the character that the project draws itself."""
    from cxanim.ui.character import character

    path = tmp_path_factory.mktemp("character") / "character.png"
    write_image(path, character())
    return path


@pytest.fixture(scope="session")
def character_clip(character: Path) -> Path:
    """Two seconds of the character, blinking."""
    from cxanim.pipelines.animate import AnimateSettings, animate

    return animate(character, "blink", character.with_suffix(".mp4"), AnimateSettings(size=256)).path


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A folder for the results of the app's handlers."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))  # and it is put back afterwards
    return Workspace(tmp_path / "work")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk with room for 64 kB, where this machine lets us mount one."""
    place, mount = tmp_path / "small-disk", shutil.which("mount")
    place.mkdir()
    make = [str(mount), "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)]
    if not mount or subprocess.run(make, capture_output=True).returncode:
        pytest.skip("a tmpfs cannot be mounted here")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.fixture(scope="session")
def app_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of everything temporary of the running app."""
    return tmp_path_factory.mktemp("app")


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Run ffmpeg with some options, and return the file it made."""
    from cxanim.video.probe import ffmpeg_program

    def run(name: str, *options: str) -> Path:
        command = [ffmpeg_program(), "-nostdin", "-loglevel", "error", "-y", *options, str(tmp_path / name)]
        subprocess.run(command, check=True, capture_output=True)
        return tmp_path / name

    return run


@pytest.fixture(scope="session")
def app_url(app_home: Path) -> Iterator[str]:
    """Address of the app, which runs as a program of its own for as long as tests want it."""
    with serve_app(app_home) as (url, _):
        yield url


@contextmanager
def serve_app(home: Path) -> Iterator[tuple[str, subprocess.Popen]]:
    """The app as a program of its own: its address, and the program."""
    with socket.socket() as finder:
        finder.bind(("127.0.0.1", 0))
        port = finder.getsockname()[1]
    place = {"CXANIM_HOME": str(home), "PORT": str(port), "HOST": "127.0.0.1"}
    url = f"http://127.0.0.1:{port}/"
    with open(home.with_suffix(".log"), "w+") as log:
        app = subprocess.Popen([sys.executable, ROOT / "app.py"], env=os.environ | place, stdout=log, stderr=log)
        try:
            for _ in range(600):
                if app.poll() is not None or _answers(url):
                    break
                time.sleep(0.1)
            else:
                pytest.fail("the app did not open within a minute")
            log.seek(0)
            assert app.poll() is None, log.read()
            yield url, app
        finally:
            app.terminate()
            app.wait(20)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - our own address
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False
