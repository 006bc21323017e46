"""The Enhance tab in a real browser: a picture and a video made larger, a network taught and used."""

from pathlib import Path

import cv2
from browsing import set_number, wait_for_video
from faces import astronaut
from playwright.sync_api import Page, expect

from cxanim.images import write_image


def choose(page: Page, path: Path) -> None:
    """Put a file into the field, in the place of what is there."""
    clear = page.locator("#enhance-source").get_by_label("Clear")
    if clear.count():
        clear.first.click()
    page.locator("#enhance-source input[type=file]").set_input_files(path)
    page.locator("#enhance-source .file-preview").wait_for()


def test_a_picture_and_a_video_are_made_larger(page: Page, character_clip: Path, tmp_path: Path):
    page.get_by_role("tab", name="Enhance").click()
    page.locator("#enhance-run").click()
    expect(page.locator(".toast-body")).to_contain_text("There is no picture or video yet.")
    page.locator(".toast-close").first.click()
    small = tmp_path / "small.png"
    write_image(small, cv2.resize(astronaut(), (96, 96), interpolation=cv2.INTER_AREA))
    choose(page, small)
    page.locator("#enhance-run").click()
    expect(page.locator("#enhance-status")).to_contain_text("192 x 192 px")
    page.locator("#enhance-picture img").wait_for()
    expect(page.locator("#enhance-run")).to_be_enabled()
    choose(page, character_clip)
    page.get_by_role("button", name="Fine-tuning: steadiness").click()
    set_number(page, "To (s)", "0.2")
    page.locator("#enhance-run").click()
    wait_for_video(page, "#enhance-film")
    expect(page.locator("#enhance-picture")).to_be_hidden()


def test_a_network_is_taught_and_used(page: Page, photo: Path, tmp_path: Path):
    page.get_by_role("tab", name="Enhance").click()
    page.get_by_role("button", name="Teach a network").click()
    page.locator("#enhance-fit-run").click()
    expect(page.locator(".toast-body")).to_contain_text("There are no pictures to learn from.")
    page.locator(".toast-close").first.click()
    page.locator("#enhance-pictures input[type=file]").set_input_files(photo)
    page.locator("#enhance-pictures .file-preview").wait_for()
    page.get_by_role("button", name="Fine-tuning: network, judge").click()
    set_number(page, "Steps", "2")
    set_number(page, "number input for Crop (px)", "64")
    page.locator("#enhance-fit-run").click()
    page.locator("#enhance-fit-preview img").wait_for()
    expect(page.locator("#enhance-fit-status")).to_contain_text("2 steps in")
    expect(page.locator("#enhance-fit-run")).to_be_enabled()
    small = tmp_path / "small.png"
    write_image(small, cv2.resize(astronaut(), (96, 96), interpolation=cv2.INTER_AREA))
    choose(page, small)
    page.locator("#enhance-run").click()
    expect(page.locator("#enhance-status")).to_contain_text("192 x 192 px")
