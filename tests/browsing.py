"""The page in a browser: how it is opened, and what a test does with it."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--no-first-run", "--autoplay-policy=no-user-gesture-required",
]  # fmt: skip
PLAYS = "video => video.readyState >= 2 && video.duration > 0"
PATIENCE_MS = 60_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = os.environ.get("CXANIM_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("no Chromium on this machine; install it, or name one in CXANIM_CHROMIUM")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Browser, app_url: str) -> Iterator[Page]:
    """The app, just opened; a script error or a request to another machine fails the test."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)
    strangers, errors = [], []
    page.on("request", lambda request: strangers.append(request.url) if is_elsewhere(request.url, app_url) else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(app_url)
    expect(page.locator("#animate-run")).to_be_visible()
    yield page
    page.close()
    assert strangers == [] and errors == []


def is_elsewhere(url: str, app_url: str) -> bool:
    return not url.startswith((app_url, "data:", "blob:"))


def upload(page: Page, field: str, path: Path) -> None:
    page.locator(f"{field} input[type=file]").first.set_input_files(path)


def wait_for_video(page: Page, field: str) -> Locator:
    """Wait until the video in a field can play, and move."""
    video = page.locator(f"{field} video")
    video.wait_for()
    page.wait_for_function(PLAYS, arg=video.element_handle())
    return video


def set_number(page: Page, label: str, value: str, which: int = 0) -> None:
    """Type a number into the visible control of this name, anew where a panel that just opened takes it back."""
    field = page.get_by_label(label).locator("visible=true").nth(which)
    for _ in range(5):
        field.fill(value)
        field.press("Tab")
        page.wait_for_timeout(200)
        if field.input_value() == value:
            return
    expect(field).to_have_value(value)
