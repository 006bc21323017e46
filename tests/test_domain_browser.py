"""The Domains tab in a real browser: two heaps, a grid of samples while it learns, a picture and a video translated."""

import zipfile
from pathlib import Path

import numpy as np
from browsing import set_number
from playwright.sync_api import Page, expect

from cxanim.images import write_image


def heap(folder: Path, low: int) -> list[Path]:
    """Five pictures of one brightness."""
    folder.mkdir()
    random, paths = np.random.default_rng(low), []
    for number in range(5):
        paths.append(folder / f"{number}.png")
        write_image(paths[-1], random.integers(low, low + 90, (80, 80, 3)).astype(np.uint8))
    return paths


def test_two_heaps_make_a_translator_that_translates(page: Page, photo: Path, character_clip: Path, tmp_path: Path):
    page.get_by_role("tab", name="Domains").click()
    page.locator("#domain-fit-run").click()
    expect(page.locator(".toast-body")).to_contain_text("There are no pictures of what is given.")
    page.locator(".toast-close").first.click()
    page.locator("#domain-sources input[type=file]").set_input_files(heap(tmp_path / "dark", 10))
    with zipfile.ZipFile(tmp_path / "bright.zip", "w") as archive:
        for path in heap(tmp_path / "bright", 150):
            archive.write(path, path.name)
    page.locator("#domain-targets input[type=file]").set_input_files(tmp_path / "bright.zip")
    page.locator("#domain-sources .file-preview").wait_for()
    page.locator("#domain-targets .file-preview").wait_for()
    page.get_by_role("button", name="Fine-tuning: network, loss").click()
    set_number(page, "Steps", "2")
    set_number(page, "Batch", "2")
    page.locator("#domain-fit-run").click()
    page.locator("#domain-fit-preview img").wait_for()
    expect(page.locator("#domain-fit-status")).to_contain_text("2 steps in")
    expect(page.locator("#domain-fit-run")).to_be_enabled()
    for source, result in ((photo, "#domain-apply-picture img"), (character_clip, "#domain-apply-film video")):
        page.locator("#domain-source input[type=file]").set_input_files(source)
        page.locator("#domain-source .file-preview").wait_for()
        page.locator("#domain-apply-run").click()
        page.locator(result).wait_for()
        expect(page.locator("#domain-apply-run")).to_be_enabled()
        page.locator("#domain-source").get_by_label("Clear").click()
