"""How live a live puppet is: pictures a second and delay, in a browser and without one, everything on the same cores.

    python bench/live.py [--photo PHOTO] [--puppet NAME.puppet] [--clip lp_d10] [--seconds 20]

The browser is a headless Chromium (CXANIM_CHROMIUM names another program) whose camera plays a clip. A number is drawn
into each of its frames. The delay is the time from the moment a frame with a number is seen in the page to the moment
the puppet's picture for it is painted beside it, by the page's clock. Without a browser a script sends the same frames
over the same WebSocket, 30 a second, two under way. The default photo is the astronaut of scikit-image (NASA).
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
from editor import FLAGS, app
from held_out import ROOT, clip_named, commit_here, head, into_readme
from playwright.sync_api import sync_playwright

from cxanim.images import encode_jpeg
from cxanim.pipelines.live import LiveSettings
from cxanim.pipelines.live_clip import live_target
from cxanim.pipelines.machine import Machine
from cxanim.ui.examples import make_examples
from cxanim.ui.live_route import ANSWER, FRAME, STAGES
from cxanim.video import open_video

_CAMERA_PX, _FPS, _BITS, _BIT_PX = (480, 360), 30, 10, 16
_SETTLED_S = 6.0  # until it is calibrated and every cache is warm
# Notes when each camera frame is seen in the page, which of them is sent with which number, and when its picture comes.
WATCH = """
window.seen = {}, window.sent = [], window.painted = [];
function numberIn(source, width) {
  const bits = BITS, scale = width / CAMERA_PX, strip = document.createElement("canvas");
  [strip.width, strip.height] = [bits * 16, 16];
  const pen = strip.getContext("2d", { willReadFrequently: true });
  pen.drawImage(source, 0, 0, bits * 16 * scale, 16 * scale, 0, 0, bits * 16, 16);
  const pixels = pen.getImageData(0, 8, bits * 16, 1).data;
  let number = 0;
  for (let bit = 0; bit < bits; bit++) number = 2 * number + (pixels[4 * (16 * bit + 8)] > 127);
  return number;
}
const toBlob = HTMLCanvasElement.prototype.toBlob;
HTMLCanvasElement.prototype.toBlob = function (...rest) {
  if (this.className !== "puppet") window.sent.push(numberIn(this, this.width));
  return toBlob.apply(this, rest);
};
window.watchStage = () => {
  const video = document.querySelector("#live-stage video"), puppet = document.querySelector("#live-stage canvas");
  const look = () => {
    window.seen[numberIn(video, video.videoWidth)] = performance.now();
    video.requestVideoFrameCallback(look);
  };
  video.requestVideoFrameCallback(look);
  new MutationObserver(() => {
    const number = window.sent[Number(puppet.dataset.frame) - 1];
    window.painted.push([performance.now(), performance.now() - window.seen[number]]);
  }).observe(puppet, { attributes: true, attributeFilter: ["data-frame"] });
};
""".replace("BITS", str(_BITS)).replace("CAMERA_PX", str(_CAMERA_PX[0]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photo", type=Path)
    parser.add_argument("--puppet", type=Path, help="a trained one, beside the photo")
    parser.add_argument("--clip", default="lp_d10", help="name of a clip in the test data's faces/")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--readme", action="store_true", help="write the table into the README too")
    parser.add_argument("--serve", nargs=2, metavar=("TARGET", "PORT"), help=argparse.SUPPRESS)
    flags = parser.parse_args()
    if flags.serve:
        serve(Path(flags.serve[0]), int(flags.serve[1]))
        return
    stages = [f"{name} ms" for name in STAGES]
    lines = [
        f"`python bench/live.py`: {time.strftime('%Y-%m-%d')}, commit {commit_here()}, {os.cpu_count()} cores.\n",
        head("puppet", "where", "fps", "delay p50 ms", "p95 ms", *stages),
    ]
    print(*lines, sep="\n", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        photo = flags.photo or make_examples(Path(folder))[0]
        frames = camera_frames(flags.clip)
        film = Path(folder) / "film.mjpeg"
        film.write_bytes(b"".join(frames))
        for target in filter(None, (photo, flags.puppet)):
            for made in (alone(target, frames, flags.seconds), in_browser(target, film, flags.seconds)):
                lines.append(made)
                print(made, flush=True)
    if flags.readme:
        into_readme("live", "\n".join(lines) + "\n")


def camera_frames(clip: str) -> list[bytes]:
    """The frames of a clip as a camera of 480 x 360 sees them, each with its number drawn into it, as JPEGs."""
    frames = []
    width, height = _CAMERA_PX
    with open_video(clip_named(clip)) as video:
        for number, frame in enumerate(video):
            scale = height / frame.shape[0]
            shrunk = cv2.resize(frame, (round(frame.shape[1] * scale), height), interpolation=cv2.INTER_AREA)
            view = np.full((height, width, 3), 90, np.uint8)
            left = (width - shrunk.shape[1]) // 2
            view[:, max(0, left) : left + shrunk.shape[1]] = shrunk[:, max(0, -left) :][:, :width]
            for bit in range(_BITS):
                one = number >> (_BITS - 1 - bit) & 1
                view[:_BIT_PX, bit * _BIT_PX : (bit + 1) * _BIT_PX] = 255 * one
            frames.append(encode_jpeg(view, 92))
    return frames


def row(name: str, where: str, times_s: list[float], delays_ms: list[float], stages_ms: list[float]) -> str:
    """A row of the table."""
    fps = (len(times_s) - 1) / (times_s[-1] - times_s[0])
    p50, p95 = np.quantile(delays_ms, [0.5, 0.95])
    stages = " | ".join(f"{ms:.1f}" for ms in stages_ms) if stages_ms else " | ".join("-" for _ in STAGES)
    return f"| {name} | {where} | {fps:.1f} | {p50:.0f} | {p95:.0f} | {stages} |"


def alone(target: Path, frames: list[bytes], seconds: float) -> str:
    """A script in the browser's place."""
    from websockets.sync.client import connect

    port = 17860
    program = [sys.executable, __file__, "--serve", str(target), str(port)]
    server = subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        ticket = server.stdout.readline().strip()
        times_s, delays_ms, stages_ms, under_way, number = [], [], [], 0, 0
        time.sleep(1)
        with connect(f"ws://127.0.0.1:{port}/live?ticket={ticket}", compression=None) as socket:
            began_s = time.monotonic()
            while (now_s := time.monotonic() - began_s) < seconds + _SETTLED_S:
                if now_s * _FPS > number and under_way < 2:
                    number = int(now_s * _FPS) + 1
                    socket.send(FRAME.pack(number, 1000 * now_s) + frames[number % len(frames)])
                    under_way += 1
                try:
                    answer = socket.recv(timeout=0.002)
                except TimeoutError:
                    continue
                under_way -= 1
                _, sent_ms, _, *stages = ANSWER.unpack_from(answer)
                now_s = time.monotonic() - began_s
                if len(answer) > ANSWER.size and now_s > _SETTLED_S:
                    times_s.append(now_s)
                    delays_ms.append(1000 * now_s - sent_ms)
                    stages_ms.append(stages)
        return row(target.stem, "a script", times_s, delays_ms, list(np.mean(stages_ms, axis=0)))
    finally:
        server.kill()
        server.wait()


def serve(target: Path, port: int) -> None:
    """The route alone, for one puppet whose ticket is printed."""
    import uvicorn
    from fastapi import FastAPI

    from cxanim.ui import live_route
    from cxanim.ui.live_stages import Stages

    machine, settings = Machine(), LiveSettings()
    stages, site = Stages(machine.prepare), FastAPI()
    stage = stages.open("bench", live_target(target, settings.size), settings)
    live_route.mount(site, stages)
    print(stage.ticket, flush=True)
    uvicorn.run(site, port=port, log_level="error")


def in_browser(target: Path, film: Path, seconds: float) -> str:
    """The page itself."""
    camera = [
        "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-video-capture={film}",
    ]  # fmt: skip
    with tempfile.TemporaryDirectory() as home, app(Path(home)) as url, sync_playwright() as playwright:
        program = os.environ.get("CXANIM_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
        chromium = playwright.chromium.launch(executable_path=program, args=[*FLAGS, *camera])
        page = chromium.new_page(viewport={"width": 1280, "height": 900})
        page.add_init_script(WATCH)
        page.goto(url)
        page.get_by_role("tab", name="Live").click()
        if target.suffix == ".puppet":
            page.locator("#live-target-kind").get_by_label("A puppet").press("Space")
            page.locator("#live-puppet input[type=file]").set_input_files(target)
        else:
            page.locator("#live-photo input[type=file]").first.set_input_files(target)
        page.locator("#live-stage .say", has_text="Ready.").wait_for(timeout=60_000)
        page.locator("#live-stage [name=start]").click()
        page.locator("#live-stage canvas[data-frame]").wait_for(timeout=60_000)
        page.evaluate("window.watchStage()")
        page.wait_for_timeout(1000 * _SETTLED_S)
        page.evaluate("window.painted = []")
        page.wait_for_timeout(1000 * seconds)
        painted = page.evaluate("window.painted")
        chromium.close()
    # Now and then the page draws a camera's frame before anybody could note when it was seen.
    delays_ms = [delay for _, delay in painted if delay is not None and np.isfinite(delay)]
    return row(target.stem, "the browser", [when / 1000 for when, _ in painted], delays_ms, [])


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
