"""How live a live puppet is: pictures a second and delay, in a browser and without one, everything on the same cores.

    python bench/live.py [--photo PHOTO] [--puppet NAME.puppet] [--clip lp_d10] [--seconds 20] [--size 256]

The browser is a headless Chromium (CXANIM_CHROMIUM names another program) whose camera plays a clip. A number is drawn
into each of its frames. The delay is the time from the moment a frame with a number comes to the page to the moment
the puppet's picture for it is painted, by the page's clock. While that is noted nothing else is connected to the
browser: what drives it would be told every frame that goes over a socket, which takes an eighth of the two cores.
Without a browser a script sends the same frames over the same WebSocket, as JPEGs (a page sends them so to another
machine), 30 a second, two under way. The default photo is the astronaut of scikit-image (NASA).

Then the same script beside a second one with a puppet of its own, and beside one that sends frames and reads nothing.
With --visits the browser comes so often, anew each time: the table has the middle of each figure, with the least and
the most. A machine that others use too is not the same from one minute to the next.
With --hours it runs once for so long and says what became of the server's memory: its slope over the second half.
"""

import argparse
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from editor import FLAGS, app
from held_out import ROOT, clip_named, commit_here, head, into_readme
from playwright.sync_api import sync_playwright

from cxanim.images import decode_jpeg, encode_jpeg
from cxanim.pipelines import render
from cxanim.pipelines.follower import Follower
from cxanim.pipelines.live import LivePuppet, LiveSettings
from cxanim.pipelines.live_clip import live_target
from cxanim.pipelines.machine import Machine
from cxanim.pipelines.refine import Refiner, Word
from cxanim.pipelines.render import Renderer
from cxanim.pipelines.steady import Steady
from cxanim.ui import live_frames
from cxanim.ui.examples import make_examples
from cxanim.ui.live_route import ANSWER, FRAME, STAGES
from cxanim.video import open_video

PORT = 17860
IN_SHOW = ("warp", "layout", "condition", "CRN", "composite", "steady")
BESIDE = ("layout", "condition", "CRN")  # parts that a picture may not wait for
PARTS = ("decode", "detect", "retarget", *IN_SHOW, "rest of show", "encode")
_CAMERA_PX, _FPS, _BITS, _BIT_PX = (480, 360), 30, 10, 16
_SETTLED_S = 6.0  # from the first picture until it is calibrated and every cache is warm
_LONGEST_START_S = 60.0
_CONNECTING_S = 1.0  # before the page is asked what it noted
# Notes when each camera frame is seen in the page, which of them is sent with which number, and when its picture comes.
WATCH = """
window.arrived = {}, window.newest = 0, window.seen = {}, window.sent = [], window.painted = [];
const bits = BITS, strip = document.createElement("canvas");
[strip.width, strip.height] = [bits * 16, 16];
const pen = strip.getContext("2d", { willReadFrequently: true });
function numberIn(source, width) {
  const scale = width / CAMERA_PX;
  pen.drawImage(source, 0, 0, bits * 16 * scale, 16 * scale, 0, 0, bits * 16, 16);
  const pixels = pen.getImageData(0, 8, bits * 16, 1).data;
  let number = 0;
  for (let bit = 0; bit < bits; bit++) number = 2 * number + (pixels[4 * (16 * bit + 8)] > 127);
  return number;
}
const toBlob = HTMLCanvasElement.prototype.toBlob, copyTo = VideoFrame.prototype.copyTo;
HTMLCanvasElement.prototype.toBlob = function (...rest) {
  if (this.className !== "puppet") {
    const number = numberIn(this, this.width);
    window.seen[number] = window.newest;
    window.sent.push(number);
  }
  return toBlob.apply(this, rest);
};
VideoFrame.prototype.copyTo = function (bytes) {  // the page sends it
  const place = window.sent.push(null), width = this.displayWidth, when = window.arrived[this.timestamp];
  return copyTo.call(this, bytes).then(() => {
    window.seen[(window.sent[place - 1] = numberAt(bytes, 8 * width, width))] = when;
  });
};
const read = ReadableStreamDefaultReader.prototype.read;
ReadableStreamDefaultReader.prototype.read = async function () {
  const had = await read.call(this);
  if (had.value instanceof VideoFrame) window.arrived[had.value.timestamp] = window.newest = performance.now();
  return had;
};
function numberAt(bytes, start, width) {
  const scale = width / CAMERA_PX;
  let number = 0;
  for (let bit = 0; bit < bits; bit++) number = 2 * number + (bytes[start + Math.round((16 * bit + 8) * scale)] > 127);
  return number;
}
window.watchStage = () => {
  const puppet = document.querySelector("#live-stage canvas.puppet");
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
    parser.add_argument("--figure", type=Path, help="one of a whole figure, before a camera that plays --body-clip")
    parser.add_argument("--body-clip", default="callus_sample", help="name of a clip in the test data's bodies/")
    parser.add_argument("--clip", default="lp_d10", help="name of a clip in the test data's faces/")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--visits", type=int, default=1, help="how often the browser comes")
    parser.add_argument("--readme", action="store_true", help="write the table into the README too")
    parser.add_argument("--size", type=int, default=256, help="side of the photo's pictures")
    parser.add_argument("--hours", type=float, default=0, help="run for so long, and watch the memory")
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    flags = parser.parse_args()
    if flags.visits < 1:
        parser.error(f"--visits: got {flags.visits}, expected 1 or more")
    if flags.serve:
        serve(flags.serve, flags.size)
        return
    with tempfile.TemporaryDirectory() as folder:
        photo = flags.photo or make_examples(Path(folder))[0]
        frames = camera_frames(clip_named(flags.clip))
        if flags.hours:
            endure(flags.puppet or photo, flags.size, frames, 3600 * flags.hours)
            return
        lines = [
            f"`python bench/live.py`: {time.strftime('%Y-%m-%d')}, commit {commit_here()}, {os.cpu_count()} cores, "
            f"photo at {flags.size} px.\n",
            head("puppet", "where", "fps", "delay p50 ms", "p95 ms", *(f"{name} ms" for name in STAGES)),
        ]
        print(*lines, sep="\n", flush=True)
        film = Path(folder) / "film.y4m"
        told = [f"\n{head('puppet', *PARTS, 'transport and waiting')}"]
        for target in filter(None, (photo, flags.puppet, flags.figure)):
            if target == flags.figure:
                frames = camera_frames(clip_named(flags.body_clip, "bodies"))
            write_film(film, frames)
            with serving(target, flags.size) as server:
                alone = visit(server, frames, flags.seconds)
                lines.append(row(target.stem, "a script", alone))
                print(lines[-1], flush=True)
            if target != flags.figure:
                told.append(parts(target.stem, server.parts_ms, alone))
            with serving(target, flags.size) as server:
                for where, reads in (("a script beside a second one", True), ("beside one that reads nothing", False)):
                    lines.append(row(target.stem, where, visit(server, frames, flags.seconds, other_reads=reads)))
                    print(lines[-1], flush=True)
            visits = [in_browser(target, film, flags.seconds) for _ in range(flags.visits)]
            lines.append(row(target.stem, "the browser" + f", {flags.visits} times" * (flags.visits > 1), *visits))
            print(lines[-1], flush=True)
        lines += told
        print(*told, sep="\n", flush=True)
    if flags.readme:
        into_readme("live", "\n".join(lines) + "\n")


def camera_frames(clip: Path) -> list[bytes]:
    """The frames of a clip as a camera of 480 x 360 sees them, each with its number drawn into it, as JPEGs."""
    frames = []
    width, height = _CAMERA_PX
    with open_video(clip) as video:
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


def write_film(path: Path, frames: list[bytes]) -> None:
    """Frames as the film that a browser's camera plays: uncompressed, as common cameras give pictures of this size."""
    with path.open("wb") as film:
        film.write(f"YUV4MPEG2 W{_CAMERA_PX[0]} H{_CAMERA_PX[1]} F{_FPS}:1 Ip A1:1\n".encode())
        for frame in frames:
            film.write(b"FRAME\n" + cv2.cvtColor(decode_jpeg(frame), cv2.COLOR_RGB2YUV_I420).tobytes())


@dataclass
class Visit:
    """What a script saw of a live puppet, once it was warm: when pictures came, how old they were, and the stages."""

    times_s: list[float] = field(default_factory=list)
    delays_ms: list[float] = field(default_factory=list)
    stages_ms: list[list[float]] = field(default_factory=list)


def row(name: str, where: str, *visits: Visit) -> str:
    """A row of the table: of each figure the middle over the visits, and the least and the most."""
    fps = [(len(seen.times_s) - 1) / (seen.times_s[-1] - seen.times_s[0]) for seen in visits]
    p50, p95 = np.transpose([np.quantile(seen.delays_ms, [0.5, 0.95]) for seen in visits])
    stages_ms = visits[0].stages_ms
    means = [f"{ms:.1f}" for ms in np.mean(stages_ms, axis=0)] if stages_ms else ["-"] * len(STAGES)
    told = [spread(fps, 1), spread(p50, 0), spread(p95, 0)]
    return f"| {name} | {where} | {' | '.join(told)} | {' | '.join(means)} |"


def spread(values: Sequence[float], digits: int) -> str:
    """The middle of some values, and behind it, where there are several, the least and the most."""
    middle, least, most = (f"{value:.{digits}f}" for value in (np.median(values), min(values), max(values)))
    return middle if len(values) == 1 else f"{middle} ({least} to {most})"


def parts(name: str, parts_ms: dict[str, float], seen: Visit) -> str:
    """Where the time of a picture goes, as a row; the rest is on its way, or waits. Networks may answer meanwhile."""
    rest = float(np.mean(seen.delays_ms)) - sum(parts_ms[part] for part in PARTS) + parts_ms["beside"]
    return f"| {name} | {' | '.join(f'{parts_ms[part]:.1f}' for part in PARTS)} | {rest:.1f} |"


class Server:
    """The route in a process of its own, with a puppet for each of some visitors."""

    def __init__(self, target: Path, size_px: int):
        program = [sys.executable, __file__, "--serve", str(target), "--size", str(size_px)]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(program, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True)
        self.tickets = json.loads(self._line())
        self.parts_ms: dict[str, float] = {}
        time.sleep(1)

    def _line(self) -> str:
        return self.process.stdout.readline() if self.process.stdout else ""

    def end(self) -> None:
        """Ask it what its time went into, and let it end."""
        self.parts_ms = json.loads(self.process.communicate("\n")[0] or "{}")


@contextmanager
def serving(target: Path, size_px: int) -> Iterator[Server]:
    """A server, for as long as it is needed."""
    server = Server(target, size_px)
    try:
        yield server
    finally:
        server.end()


def visit(server: Server, frames: list[bytes], seconds: float, *, other_reads: bool | None = None) -> Visit:
    """A script in the browser's place, with another beside it or without.

    Args:
        other_reads: whether the other takes its answers; None where there is no other.
    """
    stopped = threading.Event()
    other = threading.Thread(target=_script, args=(server.tickets[1], frames, seconds + 60, stopped, other_reads))
    if other_reads is not None:
        other.start()
    try:
        return _script(server.tickets[0], frames, seconds, threading.Event())
    finally:
        stopped.set()
        if other_reads is not None:
            other.join()


def _script(ticket: str, frames: list[bytes], seconds: float, stopped: threading.Event, reads: bool = True) -> Visit:
    """Send 30 frames a second, two under way, or without reading any answer as many as the connection takes."""
    from websockets.sync.client import connect

    seen, under_way, filmed, number, read = Visit(), 0, 0, 0, 0
    with connect(f"ws://127.0.0.1:{PORT}/live?ticket={ticket}", compression=None, max_queue=2) as socket:
        began_s, warm_s = time.monotonic(), math.inf
        while (now_s := time.monotonic() - began_s) < min(warm_s, _LONGEST_START_S) + seconds and not stopped.is_set():
            if now_s * _FPS > filmed and under_way < 2:
                filmed, number = int(now_s * _FPS) + 1, number + 1
                socket.send(FRAME.pack(number, read, 1000 * now_s) + frames[filmed % len(frames)])
                under_way += reads
            if not reads:
                time.sleep(0.002)
                continue
            try:
                answer = socket.recv(timeout=0.002)
            except TimeoutError:
                continue
            if isinstance(answer, str):
                raise RuntimeError(answer)
            under_way -= 1
            read, sent_ms, _, *stages = ANSWER.unpack_from(answer)
            now_s = time.monotonic() - began_s
            warm_s = min(warm_s, now_s + _SETTLED_S)
            if len(answer) > ANSWER.size and now_s > warm_s:
                seen.times_s.append(now_s)
                seen.delays_ms.append(1000 * now_s - sent_ms)
                seen.stages_ms.append(stages)
    return seen


def endure(target: Path, size_px: int, frames: list[bytes], seconds: float) -> None:
    """Run for long and print what memory the server has, every minute, and its slope over the second half."""
    with serving(target, size_px) as server:
        resident_mb, stopped = [], threading.Event()
        visits: list[Visit] = []
        run = partial(_script, server.tickets[0], frames, seconds, stopped)
        visitor = threading.Thread(target=lambda: visits.append(run()))
        visitor.start()
        while visitor.is_alive():
            visitor.join(60)
            pages = int(Path(f"/proc/{server.process.pid}/statm").read_text().split()[1])
            resident_mb.append(pages * os.sysconf("SC_PAGE_SIZE") / 1e6)
            print(f"{len(resident_mb)} min: {resident_mb[-1]:.1f} MB", flush=True)
        half = resident_mb[len(resident_mb) // 2 :]
        slope = 60 * float(np.polyfit(range(len(half)), half, 1)[0])
        shown = sum(len(visit.times_s) for visit in visits)
        print(f"Over the second half {slope:+.1f} MB an hour; {shown} pictures in all.")


def serve(target: Path, size_px: int) -> None:
    """The route alone; prints its tickets, and at the end the ms that each part of a picture took."""
    import uvicorn
    from fastapi import FastAPI

    from cxanim.ui import live_route
    from cxanim.ui.live_stages import Stages

    took = timed_parts()
    machine, settings = Machine(), LiveSettings(size=size_px)
    stages, site = Stages(machine.prepare), FastAPI()
    opened = [stages.open(name, live_target(target, size_px), settings) for name in ("first", "second")]
    print(json.dumps([stage.ticket for stage in opened if stage is not None]), flush=True)
    live_route.mount(site, stages)

    server = uvicorn.Server(uvicorn.Config(site, port=PORT, log_level="error"))
    threading.Thread(target=server.run, daemon=True).start()
    sys.stdin.readline()
    shown = max(took["finish"][0], 1)
    ms = {name: 1000 * seconds / shown for name, (_, seconds) in took.items()}
    rest = {
        "retarget": ms["follow"] - ms["detect"],
        "rest of show": ms["begin"] + ms["finish"] - sum(ms[part] for part in IN_SHOW) + ms["beside"],
    }
    print(json.dumps({part: {**ms, **rest}[part] for part in (*PARTS, "beside")}), flush=True)
    os._exit(0)  # whatever its threads still do


def timed_parts() -> dict[str, list[float]]:
    """Let every part of a picture be timed: [how often, seconds in all] by name; "beside" are those not waited for."""
    beside = [0, 0.0]
    took: dict[str, list[float]] = {"beside": beside}

    def timed(name: str, where: object, method: str) -> None:
        work, spent = getattr(where, method), took.setdefault(name, [0, 0.0])

        def timed_work(*args: object, **named: object) -> object:
            began_s = time.perf_counter()
            try:
                return work(*args, **named)
            finally:
                spent[0] += 1
                spent[1] += time.perf_counter() - began_s
                if name in BESIDE and threading.current_thread().name.startswith("cxanim-beside"):
                    beside[1] += time.perf_counter() - began_s

        setattr(where, method, timed_work)

    for name, where, method in (
        ("decode", live_frames, "decode_camera_jpeg"), ("follow", LivePuppet, "follow"), ("detect", Follower, "next"),
        ("begin", LivePuppet, "begin"), ("finish", LivePuppet, "finish"),
        ("warp", Renderer, "_aligned"), ("layout", render, "draw_layout"),
        ("condition", Refiner, "_look_at"), ("CRN", Refiner, "_asked"), ("composite", Word, "carried_out"),
        ("steady", Steady, "next"), ("encode", live_frames, "encode_jpeg"),
    ):  # fmt: skip
        timed(name, where, method)
    return took


def in_browser(target: Path, film: Path, seconds: float) -> Visit:
    """The page itself, without what only a server knows."""
    with tempfile.TemporaryDirectory() as home, app(Path(home)) as url, chromium(film) as door, sync_playwright() as pw:
        browser = pw.chromium.connect_over_cdp(door)
        page = browser.contexts[0].pages[0]
        page.set_viewport_size({"width": 1280, "height": 900})
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
        page.locator("#live-stage canvas.puppet[data-frame]").wait_for(timeout=60_000)
        page.evaluate("window.watchStage()")
        browser.close()  # lets go of it: the page goes on
        time.sleep(_SETTLED_S + seconds)
        page = pw.chromium.connect_over_cdp(door).contexts[0].pages[0]
        now_ms, painted = page.evaluate("[performance.now(), window.painted]")
    # What was painted while nobody was connected, and everything was warm.
    warm = [(when, delay) for when, delay in painted if now_ms - 1000 * seconds < when < now_ms - 1000 * _CONNECTING_S]
    delays_ms = [delay for _, delay in warm if delay is not None and np.isfinite(delay)]
    return Visit([when / 1000 for when, _ in warm], delays_ms)


@contextmanager
def chromium(film: Path) -> Iterator[str]:
    """A headless Chromium whose camera plays a film; gives the address by which it is driven."""
    program = os.environ.get("CXANIM_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        raise SystemExit("No Chromium on this machine; install it, or name one in CXANIM_CHROMIUM.")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        flags = [
            "--headless", "--remote-debugging-port=0", f"--user-data-dir={profile}", "--no-first-run", "--mute-audio",
            "--window-size=1280,900", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
            f"--use-file-for-fake-video-capture={film}", *FLAGS, "about:blank",
        ]  # fmt: skip
        process = subprocess.Popen([program, *flags], stderr=subprocess.DEVNULL)
        try:
            told = Path(profile) / "DevToolsActivePort"
            while not told.exists() or len(told.read_text().split()) < 2:
                if process.poll() is not None:
                    raise SystemExit("Chromium ended before it was ready.")
                time.sleep(0.1)
            port, place = told.read_text().split()
            yield f"ws://127.0.0.1:{port}{place}"
        finally:
            process.kill()
            process.wait()


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
