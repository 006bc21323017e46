"""A figure's cut-out is mended on the page, in a real browser: looked at, painted in both colours, and animated."""

from pathlib import Path

import numpy as np
from browsing import upload, wait_for_video
from figures import body_at_rest, draw, write_capture
from playwright.sync_api import Page, expect

from cxanim.images import read_image, write_image
from cxanim.video import open_video


def stroke(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Paint a line on what is found; places are shares of a square picture, from its middle."""
    painter = page.locator("#animate-mender")
    painter.scroll_into_view_if_needed()
    zoom = float(painter.locator(".zoom-number").inner_text().strip().rstrip("%")) / 100
    box = painter.locator("canvas").first.bounding_box()
    assert box is not None
    places = [
        (box["x"] + box["width"] / 2 + x * 768 * zoom, box["y"] + box["height"] / 2 + y * 768 * zoom)
        for x, y in (start, end)
    ]
    page.mouse.move(*places[0])
    page.mouse.down()
    page.mouse.move(*places[1], steps=8)
    page.mouse.up()
    page.wait_for_timeout(1000)  # the page hands a stroke on a moment later, without a sign that could be waited for


def animated(page: Page, path: Path) -> list[np.ndarray]:
    """Press the button; the frames of the video that comes."""
    page.locator("#animate-run").click()
    expect(page.locator("#animate-stop")).to_be_visible()
    expect(page.locator("#animate-stop")).to_be_hidden()
    path.write_bytes(page.request.get(wait_for_video(page, "#animate-result").get_attribute("src") or "").body())
    with open_video(path) as frames:
        return list(frames)


def test_a_cut_out_is_mended_with_a_brush(page: Page, app_home: Path, tmp_path: Path):
    drawn, _ = draw(body_at_rest())
    write_image(tmp_path / "drawing.png", drawn)
    write_image(tmp_path / "wall.png", np.full((300, 200, 3), 128, np.uint8))
    write_capture(tmp_path / "waving.bvh")
    page.get_by_role("button", name="Mend the cut-out").click()
    expect(page.locator("#animate-mender")).to_be_hidden()
    page.locator("#animate-show-found").click()
    expect(page.locator(".toast-body")).to_contain_text("There is no photo yet.")
    page.locator(".toast-close").first.click()
    upload(page, "#animate-photo", tmp_path / "wall.png")
    page.locator("#animate-photo img").wait_for()
    page.locator("#animate-landmarks svg").wait_for()  # no face is found: the page has grown by then
    page.locator("#animate-show-found").click()
    expect(page.locator(".toast-body")).to_contain_text("No figure was found in wall.png.")
    page.locator(".toast-close").first.click()

    shown = page.locator("#animate-photo img").get_attribute("src") or ""
    upload(page, "#animate-photo", tmp_path / "drawing.png")
    expect(page.locator("#animate-photo img")).not_to_have_attribute("src", shown)
    page.locator("#animate-jointing").get_by_text("Where the joints").click()
    page.locator("#animate-show-joints").click()
    page.locator("#animate-joints svg").wait_for()
    page.locator("#animate-motion-kind").get_by_label("Kept earlier").press("Space")
    upload(page, "#animate-file", tmp_path / "waving.bvh")
    page.locator("#animate-file").get_by_text("waving").first.wait_for()
    as_found = animated(page, tmp_path / "found.mp4")

    page.locator("#animate-show-found").click()
    page.locator("#animate-mender canvas").first.wait_for()
    expect(page.locator("#animate-mender .zoom-number")).not_to_contain_text("100%")  # it is fitted in
    stroke(page, (-0.26, 0.0), (-0.42, 0.0))  # ground, beside the right hand
    page.locator("#animate-mender").get_by_label("Color").first.click()
    page.locator("#animate-mender .swatch button").nth(1).click()
    stroke(page, (0.12, -0.18), (0.28, 0.1))  # along the left arm
    mended = animated(page, tmp_path / "mended.mp4")

    (mask,) = app_home.glob("run-*/visitors/*/*/mended.png")
    (found,) = app_home.glob("run-*/visitors/*/*/found.png")
    after, before = (read_image(path).rgb[..., 0].astype(int) for path in (mask, found))
    assert (after[128, 30:58] > 250).all() and (before[128, 30:58] < 5).all()
    assert after[110, 179] < 5 and before[110, 179] > 250
    assert (after != before).mean() < 0.15
    taken = (after < 5) & (before > 250)
    away = [np.abs(frames[12][taken].astype(int) - drawn[taken]).mean() for frames in (as_found, mended)]
    assert away[1] < 15 and away[0] > 3 * away[1]  # the arm was lifted, and now hangs as a part of the ground

    upload(page, "#animate-photo", tmp_path / "wall.png")
    expect(page.locator("#animate-mender")).to_be_hidden()
