"""The Style tab in a real browser: painted, stopped and gone on with, compared, taught, and given to a video."""

from pathlib import Path

from browsing import set_number, upload, wait_for_video
from playwright.sync_api import Page, expect

from cxanim.images import write_image
from cxanim.pipelines.picture_set import photographs


def two_pictures(page: Page, photo: Path, folder: Path, size: str = "128") -> None:
    """Open the tab and choose both."""
    page.get_by_role("tab", name="Style").click()
    write_image(folder / "coffee.png", photographs().pictures[2])
    upload(page, "#style-content", photo)
    upload(page, "#style-style", folder / "coffee.png")
    page.locator("#style-content img").wait_for()
    page.locator("#style-style img").wait_for()
    set_number(page, "number input for Size (px)", size)
    page.get_by_role("button", name="Fine-tuning: steps").click()


def test_a_picture_is_painted_with_a_preview_and_compared(page: Page, photo: Path, tmp_path: Path):
    page.get_by_role("tab", name="Style").click()
    page.locator("#style-run").click()
    expect(page.locator(".toast-body")).to_contain_text("There is no content yet.")
    page.locator(".toast-close").first.click()
    two_pictures(page, photo, tmp_path)
    set_number(page, "Steps", "4")
    page.locator("#style-run").click()
    expect(page.locator("#style-status")).to_contain_text("128 x 128 px, 4 steps")
    page.locator("#style-result img").wait_for()
    expect(page.locator("#style-run")).to_be_enabled()
    page.locator("#compare-run").click()
    expect(page.locator("#style-status")).to_contain_text("Gram matrices")
    expect(page.locator("#style-gallery img")).to_have_count(3)


def test_a_painting_is_stopped_and_gone_on_with(page: Page, photo: Path, tmp_path: Path):
    two_pictures(page, photo, tmp_path)
    set_number(page, "Steps", "60")
    page.locator("#style-run").click()
    page.locator("#style-preview img").wait_for()
    page.locator("#style-stop").click()
    expect(page.locator("#style-status")).to_contain_text("Stopped; go on")
    page.locator("#style-again").click()
    expect(page.locator("#style-status")).to_contain_text("60 steps")
    expect(page.locator("#style-again")).to_be_hidden()


def test_parts_are_painted_on_the_page(page: Page, photo: Path, tmp_path: Path):
    two_pictures(page, photo, tmp_path)
    set_number(page, "Steps", "2")
    page.get_by_role("button", name="Which part takes its style").click()
    for name in ("#style-content-regions", "#style-style-regions"):
        box = page.locator(f"{name} canvas").first.bounding_box()
        assert box is not None
        middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        page.mouse.move(*middle)
        page.mouse.down()
        page.mouse.move(middle[0] + 20, middle[1] + 12, steps=5)
        page.mouse.up()
        page.wait_for_timeout(1000)
        if name == "#style-content-regions":
            page.locator("#style-run").click()  # a colour in one picture alone
            expect(page.locator("#style-status")).to_contain_text("in only one of the two")
    page.locator("#style-run").click()
    expect(page.locator("#style-status")).to_contain_text("2 steps in")


def test_a_network_is_taught_and_paints_a_video(
    page: Page,
    photo: Path,
    character_clip: Path,
    tmp_path: Path,
):
    two_pictures(page, photo, tmp_path)
    page.get_by_role("button", name="Fine-tuning: steps").click()  # folded again
    page.get_by_role("button", name="Fine-tuning: network").click()
    set_number(page, "Steps", "2")
    set_number(page, "number input for Size (px)", "128", 1)
    set_number(page, "number input for Crop (px)", "64")
    page.locator("#style-fit-run").click()
    page.locator("#style-fit-preview img").wait_for()
    expect(page.locator("#style-fit-status")).to_contain_text("It has learnt")
    page.locator("#style-source input[type=file]").set_input_files(character_clip)
    page.locator("#style-source .file-preview").wait_for()
    page.locator("#style-apply-run").click()
    wait_for_video(page, "#style-apply-film")
    expect(page.locator("#style-apply-status")).to_contain_text("60 frames")
