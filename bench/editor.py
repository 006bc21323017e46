"""How soon the expression editor shows a change of a slider: in the server alone, and in a browser on the same cores.

    python bench/editor.py [--changes 60]

The browser is a headless Chromium (CXANIM_CHROMIUM names another program). From the moment the slider moves to the
moment its picture is decoded and could be painted. One change at a time.
"""

import argparse
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from playwright.sync_api import Page, sync_playwright  # noqa: E402

from cxanim.images import encode_jpeg  # noqa: E402
from cxanim.motion.expression import Expression  # noqa: E402
from cxanim.pipelines.edit import Editor, EditSettings  # noqa: E402
from cxanim.pipelines.machine import Machine  # noqa: E402
from cxanim.ui.examples import make_examples  # noqa: E402

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"
]  # fmt: skip
# Slides to `value` and waits until another picture is decoded; returns the milliseconds.
SLIDE = """async (value) => {
  const slider = document.querySelector("#slider-yaw_deg input[type=range]"), place = "#editor-picture img";
  const before = document.querySelector(place).src, began = performance.now();
  slider.value = value;
  slider.dispatchEvent(new Event("input", { bubbles: true }));
  while (document.querySelector(place).src === before) await new Promise((done) => setTimeout(done));
  await document.querySelector(place).decode();
  return performance.now() - began;
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--changes", type=int, default=60)
    flags = parser.parse_args()
    Machine().prepare()
    print("| 512 px | median ms | 95 of 100 within ms |")
    print("|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        photo = make_examples(Path(folder))[0]
        show("the server alone: picture and JPEG", in_server(photo, flags.changes))
    with tempfile.TemporaryDirectory() as folder, app(Path(folder)) as url, sync_playwright() as playwright:
        program = os.environ.get("CXANIM_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
        chromium = playwright.chromium.launch(executable_path=program, args=FLAGS)
        page = chromium.new_page(viewport={"width": 1280, "height": 900})
        page.goto(url)
        page.get_by_role("tab", name="Expression editor").click()
        page.locator("#editor-examples img").first.click()
        page.locator("#editor-picture img").wait_for(timeout=60_000)
        page.wait_for_timeout(2000)
        show("from the slider to the decoded picture", in_browser(page, flags.changes))
        chromium.close()


def angles(changes: int) -> list[int]:
    """Where the slider goes, one after the other, there and back."""
    return [round(12 * np.sin(number)) or 1 for number in range(1, changes + 1)]


def in_server(photo: Path, changes: int) -> list[float]:
    """Milliseconds of each change."""
    editor, took = Editor(photo, EditSettings(size=512)), []
    for angle in angles(changes):
        start_s = time.perf_counter()
        encode_jpeg(editor.show(Expression(yaw_deg=angle)), 85)
        took.append(1000 * (time.perf_counter() - start_s))
    return took


def in_browser(page: Page, changes: int) -> list[float]:
    """Milliseconds of each change."""
    took, last = [], 0
    for angle in angles(changes):
        if angle != last:
            took.append(page.evaluate(SLIDE, str(angle)))
            page.wait_for_timeout(30)
        last = angle
    return took


def show(what: str, took: list[float]) -> None:
    """A row of the table; the first changes warm caches and do not count."""
    took = took[5:]
    print(f"| {what} | {np.median(took):.0f} | {np.quantile(took, 0.95):.0f} |", flush=True)


@contextmanager
def app(home: Path) -> Iterator[str]:
    """The app as a program of its own."""
    with socket.socket() as finder:
        finder.bind(("127.0.0.1", 0))
        port = finder.getsockname()[1]
    place = {"CXANIM_HOME": str(home), "PORT": str(port), "HOST": "127.0.0.1"}
    program = subprocess.Popen([sys.executable, ROOT / "app.py"], env=os.environ | place, stdout=subprocess.DEVNULL)
    try:
        for _ in range(600):
            with socket.socket() as door:
                if door.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/"
    finally:
        program.terminate()
        program.wait(20)


if __name__ == "__main__":
    main()
