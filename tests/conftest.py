"""What every test may lean on: where the real material lies, and the running app."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def test_data() -> Path:
    """Folder of real clips, portraits and weights; the test is skipped where it is absent."""
    folder = Path(os.environ.get("CXANIM_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no test material at {folder}; set CXANIM_TEST_DATA to its folder")
    return folder


@pytest.fixture(scope="session")
def app_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of everything temporary of the running app."""
    return tmp_path_factory.mktemp("app")


@pytest.fixture(scope="session")
def app_url(app_home: Path) -> Iterator[str]:
    """Address of the app, which runs as a program of its own for as long as tests want it."""
    with socket.socket() as finder:
        finder.bind(("127.0.0.1", 0))
        port = finder.getsockname()[1]
    place = {"CXANIM_HOME": str(app_home), "PORT": str(port), "HOST": "127.0.0.1"}
    url = f"http://127.0.0.1:{port}/"
    with open(app_home.with_suffix(".log"), "w+") as log:
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
            yield url
        finally:
            app.terminate()
            app.wait(20)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - our own address
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False
