"""The Live tab in a real browser, whose camera is a film of the astronaut who goes to and fro."""

import math
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import cv2
import pytest
from browsing import FLAGS, PATIENCE_MS, upload
from figures import drawn_puppet
from playwright.sync_api import Page, Playwright, expect, sync_playwright
from test_live import before_the_camera

from cxanim.images import read_image
from cxanim.video import probe_video

Opened = Callable[..., AbstractContextManager[Page]]
CAMERA = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
# A browser in which no WebSocket passes, and one that tells of its sockets.
NO_SOCKETS = "window.WebSocket = class { constructor() { setTimeout(() => this.onclose({}), 20); } close() {} };"
# The first letters of the last frames' pictures, each after its head of 16 bytes.
SENT = """const send = WebSocket.prototype.send;
window.sent = [];
WebSocket.prototype.send = function (what) {
  new Blob([what]).slice(16, 20).arrayBuffer().then((head) => {
    window.sent = [...window.sent, String.fromCharCode(...new Uint8Array(head))].slice(-15);
  });
  return send.call(this, what);
};"""
MOSTLY = "first => window.sent.filter((letters) => letters.startsWith(first)).length > 12"
JPEG = "\xff\xd8"
# So many of the next frames meet a road that is full, or cannot be read.
TROUBLES = """Object.defineProperty(WebSocket.prototype, "bufferedAmount", { get: () => {
  if (!window.full) return 0;
  window.full--;
  window.met++;
  return 1e6;
} });
window.VideoFrame = class extends VideoFrame {
  async copyTo(...where) {
    if (!window.unreadable) return super.copyTo(...where);
    window.unreadable--;
    window.met++;
    throw new TypeError("unreadable");
  }
};"""
SPREAD = """own => {
  const canvas = document.createElement("canvas"), pen = canvas.getContext("2d");
  [canvas.width, canvas.height] = [32, 32];
  pen.drawImage(own, 0, 0, 32, 32);
  const greys = [...pen.getImageData(0, 0, 32, 32).data].filter((_, index) => index % 4 === 1);
  return Math.max(...greys) - Math.min(...greys);
}"""
SOCKETS = """window.sockets = [];
window.WebSocket = class extends WebSocket { constructor(...place) { super(...place); window.sockets.push(this); } };"""

# From when it is told to on, answers bring a small black picture.
SMALLER = """const small = new Promise((done) => {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [64, 64];
  canvas.getContext("2d").fillRect(0, 0, 64, 64);
  canvas.toBlob((blob) => done(blob.arrayBuffer()), "image/jpeg");
});
window.WebSocket = class extends WebSocket {
  set onmessage(take) {
    super.onmessage = async (event) => {
      const brings = window.smaller && typeof event.data !== "string" && event.data.byteLength > 33;
      take(brings ? { data: await new Blob([event.data.slice(0, 33), await small]).arrayBuffer() } : event);
    };
  }
};"""


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds for the camera: JPEGs one after the other."""
    path = tmp_path_factory.mktemp("camera") / "film.mjpeg"
    with open(path, "wb") as file:
        for number in range(60):
            picture = before_the_camera(round(25 * math.sin(math.pi * number / 30)))
            file.write(cv2.imencode(".jpg", picture[..., ::-1])[1].tobytes())
    return path


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture
def opened(playwright: Playwright, app_url: str, film: Path) -> Opened:
    """Opens the Live tab with an example chosen, in a browser of its own."""
    program = os.environ.get("CXANIM_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("no Chromium on this machine; install it, or name one in CXANIM_CHROMIUM")

    @contextmanager
    def open_it(*flags: str, script: str = "") -> Iterator[Page]:
        sees = (f"--use-file-for-fake-video-capture={film}",) if CAMERA[0] in flags else ()
        browser = playwright.chromium.launch(executable_path=program, args=[*FLAGS, *flags, *sees])
        page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
        page.set_default_timeout(PATIENCE_MS)
        expect.set_options(timeout=PATIENCE_MS)
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        if script:
            page.add_init_script(script)
        page.goto(app_url)
        page.get_by_role("tab", name="Live").click()
        page.locator("#live-examples img").nth(1).click()
        expect(page.locator("#live-stage .say")).to_contain_text("Ready.")
        yield page
        browser.close()
        assert errors == []

    return open_it


def start(page: Page) -> None:
    page.locator("#live-stage [name=start]").click()
    expect(page.locator("#live-stage .say")).to_contain_text("It follows you")


def frame_of(page: Page) -> int:
    return int(page.locator("#live-stage canvas.puppet").get_attribute("data-frame") or 0)


def wait_for_frames(page: Page, count: int = 15) -> None:
    frame = frame_of(page)
    page.wait_for_function(
        "frame => Number(document.querySelector('#live-stage canvas.puppet').dataset.frame) > frame", arg=frame + count
    )


def test_a_figure_stands_before_the_camera(opened: Opened, tmp_path: Path):
    """The camera shows a head and shoulders: too little of a figure, which rests, and is shown all the same."""
    drawn_puppet().save(tmp_path / "drawn.puppet")
    with opened(*CAMERA) as page:
        stage = page.locator("#live-stage")
        before = stage.locator("img").first.get_attribute("src") or ""
        page.get_by_label("A puppet").locator("visible=true").first.press("Space")
        upload(page, "#live-puppet", tmp_path / "drawn.puppet")
        expect(stage.locator("img").first).not_to_have_attribute("src", before)
        expect(stage.locator(".say")).to_contain_text("Ready.")
        stage.locator("[name=start]").click()
        wait_for_frames(page, 8)
        with page.expect_download() as download:
            stage.locator("[name=snapshot]").click()
        download.value.save_as(tmp_path / "puppet.png")
        picture = read_image(tmp_path / "puppet.png").rgb
        assert picture.shape == (256, 256, 3) and picture[:, :20].max() < 20 and picture[:, 60:200].mean() > 50


def test_somebody_becomes_the_puppet(opened: Opened, tmp_path: Path):
    with opened(*CAMERA) as page:
        stage = page.locator("#live-stage")
        page.get_by_role("button", name="Fine-tuning: strength, smoothing, mirror").click()
        page.get_by_label("Adapt").locator("visible=true").uncheck()  # or a slow machine would show fewer pixels
        page.locator("#live-stage [name=start]").click()
        expect(stage.locator(".say")).to_contain_text("relax for a second")
        expect(stage.locator(".say")).to_contain_text("It follows you")
        wait_for_frames(page)
        expect(stage.locator(".figures")).to_contain_text("pictures a second")
        stage.locator("[name=calibrate]").click()
        expect(stage.locator(".say")).to_contain_text("relax for a second")
        expect(stage.locator(".say")).to_contain_text("It follows you")
        stage.locator("[name=freeze]").click()
        expect(stage.locator(".say")).to_contain_text("Frozen")
        stage.locator("[name=freeze]").click()
        expect(stage.locator(".say")).to_contain_text("It follows you")
        with page.expect_download() as download:
            stage.locator("[name=snapshot]").click()
        download.value.save_as(tmp_path / "puppet.png")
        assert read_image(tmp_path / "puppet.png").rgb.shape == (256, 256, 3)
        page.get_by_label("Mirror").locator("visible=true").click()  # what runs goes on in another way
        expect(stage.locator(".say")).to_contain_text("It follows you")
        wait_for_frames(page)
        stage.locator("[name=start]").click()
        expect(stage.locator("[name=start]")).to_have_text("Start the camera")


@pytest.mark.parametrize(
    ("script", "first"),
    [
        ("", "I420"),
        ("delete window.VideoFrame;", JPEG),
        ("VideoFrame.prototype.copyTo = async () => { throw new Error('lost'); };", JPEG),
        ("delete window.MediaStreamTrackProcessor;", "I420"),
        ("delete window.MediaStreamTrackProcessor; delete window.VideoFrame;", JPEG),
    ],
)
def test_frames_go_to_this_machine_as_they_are_and_elsewhere_as_jpeg(opened: Opened, script: str, first: str):
    """A browser that cannot read frames sends what every browser does to another machine."""
    with opened(*CAMERA, script=script + SENT) as page:
        start(page)
        wait_for_frames(page)
        page.wait_for_function(MOSTLY, arg=first)
        own = page.locator("#live-stage .camera :is(canvas, video)")
        assert own.evaluate(SPREAD) > 10  # of its grey levels: the person is seen
        page.locator("#live-stage [name=start]").click()
        expect(own).to_have_count(0)


@pytest.mark.parametrize("trouble", ["full", "unreadable"])
def test_plain_frames_are_given_up_where_a_trouble_lasts_and_not_for_moments_of_it(opened: Opened, trouble: str):
    with opened(*CAMERA, script=TROUBLES + SENT) as page:
        start(page)
        page.wait_for_function(MOSTLY, arg="I420")
        for _ in range(3):  # together they would be too many, and last too long
            page.evaluate("trouble => { window.met = 0; window[trouble] = 4; }", trouble)
            page.wait_for_function("window.met === 4")
            page.wait_for_timeout(800)
            page.wait_for_function(MOSTLY, arg="I420")
        page.evaluate("trouble => { window.met = 0; window[trouble] = Infinity; }", trouble)
        page.wait_for_function(MOSTLY, arg=JPEG)
        page.wait_for_function("window.met >= 10")
        wait_for_frames(page)
        page.evaluate("trouble => { window[trouble] = 0; }", trouble)
        wait_for_frames(page, 30)
        assert page.evaluate("window.sent").count("I420") == 0


def test_what_is_played_can_be_recorded(opened: Opened, tmp_path: Path):
    with opened(*CAMERA) as page:
        start(page)
        page.locator("#live-stage [name=record]").click()
        expect(page.locator("#live-stage [name=record]")).to_have_text("Stop recording")  # the microphone was asked for
        page.wait_for_timeout(3000)
        with page.expect_download() as download:
            page.locator("#live-stage [name=record]").click()
        download.value.save_as(tmp_path / "recording.mp4")
        made = probe_video(tmp_path / "recording.mp4")
        assert (made.width_px, made.has_audio) == (256, True) and 1 < made.duration_s < 6


def test_where_fewer_pixels_come_the_picture_keeps_its_size(opened: Opened):
    with opened(*CAMERA, script=SMALLER) as page:
        start(page)
        wait_for_frames(page)
        puppet = page.locator("#live-stage canvas.puppet")
        assert puppet.evaluate("own => own.width") == 256 and puppet.evaluate(SPREAD) > 50
        page.evaluate("window.smaller = true")
        page.wait_for_timeout(1000)
        wait_for_frames(page)
        assert puppet.evaluate("own => own.width") == 256 and puppet.evaluate(SPREAD) < 5


def test_where_no_socket_passes_the_slow_road_is_taken_and_said(opened: Opened):
    with opened(*CAMERA, script=NO_SOCKETS) as page:
        start(page)
        expect(page.locator("#live-stage .say")).to_contain_text("over the slow road")
        wait_for_frames(page)


def test_a_lost_connection_comes_back(opened: Opened):
    with opened(*CAMERA, script=SOCKETS) as page:
        start(page)
        page.evaluate("window.sockets.at(-1).close()")
        expect(page.locator("#live-stage .say")).to_contain_text("trying again")
        expect(page.locator("#live-stage .say")).to_contain_text("It follows you")
        assert page.evaluate("window.sockets.length") == 2
        assert all("&fps=30" in url for url in page.evaluate("window.sockets.map(socket => socket.url)"))


def test_another_photo_while_it_runs_is_another_puppet(opened: Opened):
    with opened(*CAMERA, script=SOCKETS) as page:
        start(page)
        page.locator("#live-examples img").first.click()
        expect(page.locator("#live-stage .say")).to_contain_text("relax for a second")
        expect(page.locator("#live-stage .say")).to_contain_text("It follows you")
        wait_for_frames(page)
        page.wait_for_timeout(1500)
        assert page.evaluate("window.sockets.map(socket => socket.readyState)") == [3, 1]


def test_stopping_and_starting_again_leaves_one_connection(opened: Opened):
    with opened(*CAMERA, script=SOCKETS) as page:
        start(page)
        for _ in range(2):
            page.locator("#live-stage [name=start]").click()
            expect(page.locator("#live-stage [name=start]")).to_have_text("Start the camera")
            start(page)
        wait_for_frames(page)
        assert page.evaluate("window.sockets.map(socket => socket.readyState)") == [3, 3, 1]


def test_a_tab_that_is_hidden_rests_and_goes_on_when_it_is_seen_again(opened: Opened):
    with opened(*CAMERA, script=SOCKETS) as page:
        start(page)
        wait_for_frames(page)
        tab = page.context.new_cdp_session(page)
        tab.send("Page.setWebLifecycleState", {"state": "frozen"})
        time.sleep(2)
        tab.send("Page.setWebLifecycleState", {"state": "active"})
        wait_for_frames(page)
        expect(page.locator("#live-stage .say")).to_contain_text("It follows you")
        assert page.evaluate("window.sockets.length") == 1


def test_nothing_is_sent_from_a_tab_that_is_behind_another(opened: Opened):
    with opened(
        *CAMERA, script="Object.defineProperty(document, 'hidden', { get: () => Boolean(window.away) });"
    ) as page:
        start(page)
        wait_for_frames(page)
        page.evaluate("window.away = true")
        page.wait_for_timeout(500)
        frame = frame_of(page)
        page.wait_for_timeout(1000)
        assert frame_of(page) == frame
        page.evaluate("window.away = false")
        wait_for_frames(page)


def test_two_tabs_share_a_camera(opened: Opened, app_url: str):
    with opened(*CAMERA) as page:
        start(page)
        other = page.context.new_page()
        other.goto(app_url)
        other.get_by_role("tab", name="Live").click()
        other.locator("#live-examples img").first.click()
        expect(other.locator("#live-stage .say")).to_contain_text("Ready.")
        start(other)
        wait_for_frames(other)
        other.close()
        page.bring_to_front()
        wait_for_frames(page)


def test_an_unplugged_camera_is_said(opened: Opened):
    with opened(*CAMERA) as page:
        page.evaluate(
            """() => {
              const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
              navigator.mediaDevices.getUserMedia = async (what) => (window.opened = await open(what));
            }"""
        )
        start(page)
        page.evaluate("window.opened.getVideoTracks()[0].dispatchEvent(new Event('ended'))")
        expect(page.locator("#live-stage .say")).to_contain_text("The camera was unplugged.")
        expect(page.locator("#live-stage [name=start]")).to_have_text("Start the camera")


@pytest.mark.parametrize(
    ("flags", "words"),
    [((), "No camera was found."), (CAMERA[:1], "The camera is not allowed.")],
)
def test_without_a_camera_or_without_leave_it_is_said_what_to_do(opened: Opened, flags: tuple, words: str):
    with opened(*flags) as page:
        page.locator("#live-stage [name=start]").click()
        expect(page.locator("#live-stage .say")).to_contain_text(words)
