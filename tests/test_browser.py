"""The real page in a real browser: what a person does, and what they then see."""

import re
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from browsing import PATIENCE_MS, upload, wait_for_video
from faces import astronaut
from figures import body_at_rest, draw, drawn_puppet, write_capture
from playwright.sync_api import Browser, Locator, Page, expect

from cxanim import Puppet
from cxanim.images import write_image
from cxanim.pipelines.placed_face import read_placed_face
from cxanim.pipelines.placed_figure import read_placed_figure


def choose(page: Page, label: str, value: str) -> None:
    """Choose from the visible drop-down list with this label."""
    page.get_by_label(label).locator("visible=true").first.click()
    page.get_by_role("option", name=value, exact=True).locator("visible=true").first.click()


def pick(radio: Locator) -> None:
    """Pick a radio button with the keyboard: no click that misses when the page grows above it meanwhile."""
    radio.press("Space")
    expect(radio).to_be_checked()


def unfold(page: Page) -> None:
    page.get_by_role("button", name=re.compile("Fine-tuning")).locator("visible=true").first.click()


def set_up_a_short_training(page: Page) -> None:
    unfold(page)
    choose(page, "Size (px)", "64")
    steps = page.get_by_label("Steps").locator("visible=true").first
    expect(steps).to_have_value("0")
    steps.click()
    steps.press("ControlOrMeta+a")
    steps.press_sequentially("4", delay=50)
    steps.press("Tab")  # the page takes a number when its field is left
    page.wait_for_timeout(1000)  # and hands it on a moment later, without a sign that could be waited for
    expect(steps).to_have_value("4")


def test_a_figure_dances_by_a_capture(page: Page, tmp_path: Path):
    """A photo of a whole person, and a BVH capture where a kept motion goes."""
    from skimage import data

    write_image(tmp_path / "photographer.png", np.dstack([data.camera()] * 3))
    write_capture(tmp_path / "waving.bvh")
    upload(page, "#animate-photo", tmp_path / "photographer.png")
    page.locator("#animate-photo img").wait_for()
    pick(page.locator("#animate-motion-kind").get_by_label("Kept earlier"))
    upload(page, "#animate-file", tmp_path / "waving.bvh")
    page.locator("#animate-file").get_by_text("waving").first.wait_for()
    page.locator("#animate-run").click()
    wait_for_video(page, "#animate-result")
    expect(page.locator("#animate-status")).to_contain_text("512 x 512")
    expect(page.locator("#animate-puppet")).to_be_hidden()  # a puppet is of a face


def test_a_puppet_of_a_figure_is_uploaded_and_dances_by_a_capture(page: Page, tmp_path: Path):
    drawn_puppet().save(tmp_path / "drawn.puppet")
    write_capture(tmp_path / "waving.bvh")
    page.get_by_role("tab", name="Puppet studio").click()
    upload(page, "#puppet-file", tmp_path / "drawn.puppet")
    expect(page.locator("#puppet-card")).to_contain_text("a whole figure, 256 px, 4 pictures")
    pick(page.locator("#drive-motion-kind").get_by_label("Kept earlier"))
    upload(page, "#drive-file", tmp_path / "waving.bvh")
    page.locator("#drive-file").get_by_text("waving").first.wait_for()
    page.locator("#drive-run").click()
    video = wait_for_video(page, "#drive-result")
    assert video.evaluate("video => video.videoWidth") == 200  # what the clip's frames showed of the square


def test_a_figure_is_trained_from_a_clip(page: Page, test_data: Path):
    page.get_by_role("tab", name="Puppet studio").click()
    upload(page, "#train-clip", test_data / "bodies" / "ghost_dance.mp4")
    page.locator("#train-clip video").wait_for()
    pick(page.get_by_label("Figure", exact=True).locator("visible=true").first)
    set_up_a_short_training(page)
    page.locator("#train-run").click()
    page.locator("#train-preview img").wait_for()
    expect(page.locator("#train-status")).to_contain_text("The puppet is ready")
    expect(page.locator("#puppet-card")).to_contain_text(re.compile(r"a whole figure, 64 px, \d+ pictures, 4 steps"))


def test_a_drawing_waves_by_joints_that_are_dragged(page: Page, tmp_path: Path):
    """No detector knows a drawing: a guess is shown, corrected, and used; and it is kept in a file that loads again."""
    write_image(tmp_path / "drawing.png", draw(body_at_rest())[0])
    write_capture(tmp_path / "waving.bvh")
    upload(page, "#animate-photo", tmp_path / "drawing.png")
    page.locator("#animate-photo img").wait_for()
    page.locator("#animate-landmarks svg").wait_for()  # no face is found: the page has grown by then
    page.locator("#animate-jointing").get_by_text("Where the joints").click()
    page.locator("#animate-show-joints").click()
    page.locator("#animate-joints svg").wait_for()
    expect(page.locator("#animate-joints .point")).to_have_count(13)
    dot = page.locator("#animate-joints [data-name=left_wrist] .dot")
    dot.scroll_into_view_if_needed()
    box = dot.bounding_box()
    assert box is not None
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(*middle)
    page.mouse.down()
    page.mouse.move(middle[0] + 12, middle[1] + 9, steps=4)
    expect(page.locator("#animate-joints .name")).to_contain_text("the figure's own")
    page.mouse.up()
    with page.expect_download() as saving:
        page.locator("#animate-joints button[name=save]").click()
    saving.value.save_as(tmp_path / "joints.json")
    scale = page.locator("#animate-joints svg").evaluate("svg => svg.getScreenCTM().a")
    kept = read_placed_figure(tmp_path / "joints.json").joints
    pick(page.locator("#animate-motion-kind").get_by_label("Kept earlier"))
    upload(page, "#animate-file", tmp_path / "waving.bvh")
    page.locator("#animate-file").get_by_text("waving").first.wait_for()
    page.locator("#animate-run").click()
    wait_for_video(page, "#animate-result")
    expect(page.locator("#animate-status")).to_contain_text("256 x 256")
    # Swapped, saved and loaded again it is the same figure, its sides the other way round.
    page.locator("#animate-joints button[name=mirror]").click()
    with page.expect_download() as saving:
        page.locator("#animate-joints button[name=save]").click()
    saving.value.save_as(tmp_path / "swapped.json")
    assert read_placed_figure(tmp_path / "swapped.json").joints["right_wrist"] == kept["left_wrist"]
    with page.expect_file_chooser() as choosing:
        page.locator("#animate-joints-file").click()
    choosing.value.set_files(tmp_path / "joints.json")
    expect(page.locator("#animate-joints .say")).to_contain_text("were kept")
    box = page.locator("#animate-joints [data-name=left_wrist] .dot").bounding_box()
    svg = page.locator("#animate-joints svg").bounding_box()
    assert box is not None and svg is not None
    place = (box["x"] + box["width"] / 2 - svg["x"]) / scale
    assert place == pytest.approx(kept["left_wrist"][0] + (svg["width"] / scale - 256) / 2, abs=2)


def test_a_stranger_animates_an_example_with_two_clicks(page: Page):
    page.locator("#animate-examples img").nth(1).click()
    page.locator("#animate-photo img").wait_for()
    page.locator("#animate-run").click()
    video = wait_for_video(page, "#animate-result")
    assert video.evaluate("video => video.duration") == pytest.approx(3.0, abs=0.1)
    page.wait_for_function("video => video.currentTime > 0.2", arg=video.element_handle())
    wait_for_video(page, "#animate-beside")
    expect(page.locator("#animate-status")).to_contain_text("Done")
    expect(page.locator("#animate-puppet")).to_be_visible()
    expect(page.locator("#animate-run")).to_be_enabled()
    expect(page.locator("#animate-stop")).to_be_hidden()


def test_a_bad_file_is_refused_in_words_and_the_page_goes_on(page: Page, character: Path, tmp_path: Path):
    page.locator("#animate-run").click()
    expect(page.locator(".toast-body")).to_contain_text("There is no photo yet.")
    page.locator(".toast-close").first.click()
    (tmp_path / "letter.jpg").write_text("Dear Anna")
    upload(page, "#animate-photo", tmp_path / "letter.jpg")
    expect(page.locator("#animate-run")).to_be_enabled()
    page.locator("#animate-photo img").wait_for(state="attached")
    page.locator("#animate-run").click()
    expect(page.locator("#animate-status")).to_contain_text("letter.jpg is not a picture that can be read.")
    expect(page.locator("#animate-status")).to_contain_text("Save it as JPEG or PNG and try again.")
    expect(page.locator("#animate-run")).to_be_enabled()
    upload(page, "#animate-photo", character)
    pick(page.locator("#animate-preset").get_by_label("Blink"))
    page.locator("#animate-run").click()
    wait_for_video(page, "#animate-result")


def test_stop_really_stops(page: Page, character: Path):
    upload(page, "#animate-photo", character)
    page.locator("#animate-photo img").wait_for()
    unfold(page)
    page.get_by_label("number input for Loops").locator("visible=true").first.fill("20")
    page.locator("#animate-run").click()
    page.locator("#animate-status .bar").wait_for()
    page.locator("#animate-stop").click()
    expect(page.locator("#animate-status")).to_contain_text("Stopped.")
    expect(page.locator("#animate-run")).to_be_enabled()
    assert page.locator("#animate-result video").count() == 0


def test_a_puppet_is_trained_watched_kept_uploaded_and_driven_by_a_video(page: Page, character: Path, tmp_path: Path):
    upload(page, "#animate-photo", character)
    page.locator("#animate-photo img").wait_for()
    page.locator("#animate-run").click()
    driver = tmp_path / "driver.mp4"
    driver.write_bytes(page.request.get(wait_for_video(page, "#animate-result").get_attribute("src")).body())

    page.get_by_role("tab", name="Puppet studio").click()
    page.locator("#train-examples img").nth(1).click()
    page.locator("#train-photo img").wait_for()
    set_up_a_short_training(page)
    page.locator("#train-run").click()
    page.locator("#train-preview img").wait_for()
    expect(page.locator("#train-status")).to_contain_text("The puppet is ready")
    expect(page.locator("#puppet-card")).to_contain_text("64 px, one picture, 4 steps")
    with page.expect_download() as download:
        page.locator("#puppet-download").click()
    kept = tmp_path / download.value.suggested_filename
    download.value.save_as(kept)
    assert kept.suffix == ".puppet"

    page.reload()
    page.get_by_role("tab", name="Puppet studio").click()
    upload(page, "#puppet-file", kept)
    expect(page.locator("#puppet-card")).to_contain_text("4 steps")
    pick(page.locator("#drive-motion-kind").get_by_label("From a video"))
    upload(page, "#drive-driver", driver)
    page.locator("#drive-driver video").wait_for()
    page.locator("#drive-run").click()
    video = wait_for_video(page, "#drive-result")
    assert video.evaluate("video => video.duration") == pytest.approx(3.0, abs=0.1)


def test_a_puppet_is_trained_from_a_clip_and_driven_by_a_ready_made_motion(page: Page, character_clip: Path):
    page.get_by_role("tab", name="Puppet studio").click()
    upload(page, "#train-clip", character_clip)
    page.locator("#train-clip video").wait_for()
    set_up_a_short_training(page)
    page.locator("#train-run").click()
    page.locator("#train-preview img").wait_for()
    expect(page.locator("#train-status")).to_contain_text("The puppet is ready")
    expect(page.locator("#puppet-card")).to_contain_text(re.compile(r"64 px, \d+ pictures, 4 steps"))
    page.locator("#drive-run").click()
    wait_for_video(page, "#drive-result")
    expect(page.locator("#drive-status")).to_contain_text("Done")


def test_stopping_a_training_keeps_the_puppet(page: Page):
    page.get_by_role("tab", name="Puppet studio").click()
    page.locator("#train-examples img").nth(1).click()
    page.locator("#train-photo img").wait_for()
    unfold(page)
    choose(page, "Size (px)", "64")
    page.locator("#train-run").click()
    page.locator("#train-status .terms").wait_for(timeout=3 * PATIENCE_MS)  # on a busy machine a minute is short
    page.locator("#train-stop").click()
    expect(page.locator("#train-status")).to_contain_text("The puppet is ready", timeout=3 * PATIENCE_MS)
    expect(page.locator("#puppet-card")).to_contain_text(re.compile(r"64 px.* steps"))


def picture_of(page: Page) -> str:
    return page.locator("#editor-picture img").get_attribute("src") or ""


def set_slider(page: Page, name: str, value: str) -> None:
    """Type a slider's number; the picture follows."""
    before, field = picture_of(page), page.locator(f"#slider-{name} input[type=number]")
    field.fill(value)
    field.press("Enter")
    expect(page.locator("#editor-picture img")).not_to_have_attribute("src", before)


def test_sliders_move_a_face_and_faces_become_a_motion(page: Page, character: Path, tmp_path: Path):
    page.get_by_role("tab", name="Expression editor").click()
    expect(page.locator("#editor-picture")).to_contain_text("Choose a face")
    page.locator("#motion-save").click()
    expect(page.locator(".toast-body")).to_contain_text("The motion has no keyframe yet.")
    page.locator(".toast-close").first.click()
    (tmp_path / "letter.jpg").write_text("Dear Anna")
    upload(page, "#editor-photo", tmp_path / "letter.jpg")
    expect(page.locator("#editor-picture")).to_contain_text("letter.jpg is not a picture that can be read.")
    upload(page, "#editor-photo", character)
    page.locator("#editor-picture img").wait_for()
    rest = picture_of(page)

    hold = page.locator("#slider-smile input[type=range]").bounding_box()
    page.mouse.move(hold["x"] + hold["width"] / 2, hold["y"] + hold["height"] / 2)
    page.mouse.down()
    page.mouse.move(hold["x"] + 0.9 * hold["width"], hold["y"] + hold["height"] / 2, steps=5)
    expect(page.locator("#editor-picture img")).not_to_have_attribute("src", rest)  # though it is still held
    page.mouse.up()
    page.locator("#editor-reset").click()
    expect(page.locator("#editor-picture img")).to_have_attribute("src", rest)

    set_slider(page, "smile", "0.12")
    little = picture_of(page)
    page.locator("#editor-reset").click()
    expect(page.locator("#editor-picture img")).to_have_attribute("src", rest)
    for _ in range(12):  # faster than pictures come: the last one counts
        page.locator("#slider-smile input[type=range]").press("ArrowRight")
    expect(page.locator("#editor-picture img")).to_have_attribute("src", little)
    page.locator("#editor-reset").click()
    expect(page.locator("#editor-picture img")).to_have_attribute("src", rest)
    page.locator("#keyframe-keep").click()
    expect(page.locator("#keyframes")).to_contain_text("0.00 s · ease-in-out · neutral")
    set_slider(page, "smile", "1")
    page.locator("#keyframe-keep").click()
    expect(page.locator("#keyframes")).to_contain_text("0.50 s · ease-in-out · Smile 1")
    pick(page.locator("#keyframes").get_by_label("neutral"))
    expect(page.locator("#editor-picture img")).to_have_attribute("src", rest)
    expect(page.locator("#slider-smile input[type=number]")).to_have_value("0")

    page.locator("#editor-render-run").click()
    video = wait_for_video(page, "#editor-result")
    assert video.evaluate("video => video.duration") == pytest.approx(2.0, abs=0.1)
    page.locator("#motion-save").click()
    with page.expect_download() as download:
        page.locator("#motion-download").click()
    assert download.value.suggested_filename == "my-motion.json"

    page.locator("#keyframe-delete").click()
    expect(page.locator("#keyframes")).not_to_contain_text("0.00 s")
    set_slider(page, "yaw_deg", "5")
    page.locator("#editor-save").click()
    with page.expect_download() as download:
        page.locator("#editor-still").click()
    assert download.value.suggested_filename == "character-edited.png"
    page.locator("#editor-add").click()
    expect(page.locator("#animate-run")).to_be_visible()
    unfold(page)
    expect(page.get_by_label("Offsets").locator("visible=true").first).to_have_value("yaw_deg=5")


@pytest.mark.parametrize("tab", ["Animate a photo", "Expression editor", "Puppet studio", "Live"])
def test_the_page_fits_a_phone(page: Page, tab: str):
    page.set_viewport_size({"width": 390, "height": 844})
    page.get_by_role("tab", name=tab).click()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_leaving_the_page_stops_the_job_and_deletes_what_was_made(
    browser: Browser, page: Page, app_url: str, app_home: Path, character: Path
):
    def made() -> list[Path]:
        return [path for path in app_home.glob("run-*/visitors/**/*") if path.is_file()]

    other = browser.new_page()
    other.goto(app_url)
    upload(other, "#animate-photo", character)
    other.locator("#animate-photo img").wait_for()
    before = set(made())
    other.locator("#animate-run").click()
    wait_for_video(other, "#animate-result")
    mine = set(made()) - before
    assert {path.suffix for path in mine} == {".mp4", ".puppet"}
    other.close(run_before_unload=True)
    deadline = time.monotonic() + 20
    while any(path.exists() for path in mine):
        assert time.monotonic() < deadline, "what a visitor made outlives the visit"
        page.wait_for_timeout(100)


def doodle(folder: Path) -> Path:
    """Two dots and a line, which no detector takes for a face."""
    picture = np.full((360, 480, 3), (236, 232, 220), np.uint8)
    for x in (185, 295):
        cv2.circle(picture, (x, 160), 8, (20, 20, 20), -1)
    cv2.line(picture, (205, 255), (275, 255), (60, 30, 30), 4)
    write_image(folder / "doodle.png", picture)
    return folder / "doodle.png"


def place_of(page: Page, name: str) -> tuple[float, float]:
    """Where a point is, in the picture's pixels."""
    point = page.locator(f"#animate-landmarks [data-name={name}]")
    x, y = re.findall(r"-?[\d.]+", str(point.get_attribute("transform")))
    return float(x), float(y)


def drag(page: Page, name: str, x: float, y: float) -> None:
    """Drag a point to a place in the picture, with the mouse."""
    dot = page.locator(f"#animate-landmarks [data-name={name}] .dot")
    dot.scroll_into_view_if_needed()
    box = dot.bounding_box()
    assert box is not None
    here = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    scale = page.locator("#animate-landmarks svg").evaluate("svg => svg.getScreenCTM().a")
    own = place_of(page, name)
    page.mouse.move(*here)
    page.mouse.down()
    page.mouse.move(here[0] + (x - own[0]) * scale, here[1] + (y - own[1]) * scale, steps=5)
    page.mouse.up()


EYES_AND_MOUTH = {
    "right_eye_outer": (168, 160),
    "left_eye_outer": (312, 160),
    "chin": (240, 300),
    "mouth_right": (205, 255),
}


def test_points_that_are_dragged_are_animated_and_kept(page: Page, tmp_path: Path):
    upload(page, "#animate-photo", doodle(tmp_path))
    page.locator("#animate-landmarks svg").wait_for()  # it opens by itself, since no face is found
    expect(page.locator("#animate-landmarks .say")).to_contain_text("No face was found")
    before = place_of(page, "nose_tip")
    for name, place in EYES_AND_MOUTH.items():
        drag(page, name, *place)
    for name, place in EYES_AND_MOUTH.items():
        assert place_of(page, name) == pytest.approx(place, abs=2)
    assert place_of(page, "nose_tip") != pytest.approx(before, abs=2)  # which follows
    assert page.locator("#animate-landmarks .point.placed").count() == len(EYES_AND_MOUTH)
    with page.expect_download() as saving:
        page.locator("#animate-landmarks button[name=save]").click()
    saving.value.save_as(tmp_path / "face.json")
    kept = read_placed_face(tmp_path / "face.json")
    assert set(kept.by_hand) == set(EYES_AND_MOUTH) and kept.picture_px == (480, 360)
    page.locator("#animate-run").click()
    wait_for_video(page, "#animate-result")
    expect(page.locator("#animate-status")).to_contain_text("Done")
    with page.expect_download() as saving:
        page.locator("#animate-puppet").click()
    saving.value.save_as(tmp_path / "doodle.puppet")
    puppet = Puppet.load(tmp_path / "doodle.puppet")
    assert puppet.placed is not None
    for name, place in EYES_AND_MOUTH.items():
        assert puppet.placed.points[name] == pytest.approx(place, abs=2)
    # Later the puppet gives them back.
    page.locator("#animate-landmarks button[name=reset]").click()
    expect(page.locator("#animate-landmarks .point.placed")).to_have_count(0)
    page.locator("#animate-placing input[type=file]").set_input_files(tmp_path / "doodle.puppet")
    expect(page.locator("#animate-landmarks .point.placed")).to_have_count(len(EYES_AND_MOUTH))
    assert place_of(page, "chin") == pytest.approx(EYES_AND_MOUTH["chin"], abs=2)


def test_a_point_goes_with_a_finger_and_with_the_keys(browser: Browser, app_url: str, tmp_path: Path):
    phone = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = phone.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(app_url)
    upload(page, "#animate-photo", doodle(tmp_path))
    page.locator("#animate-landmarks svg").wait_for()
    dot = page.locator("#animate-landmarks [data-name=chin] .dot")
    dot.scroll_into_view_if_needed()
    box, before, scrolled = dot.bounding_box(), place_of(page, "chin"), page.evaluate("scrollY")
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    finger = phone.new_cdp_session(page)
    finger.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    for step in range(1, 6):
        finger.send(
            "Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [{"x": x + 4 * step, "y": y - 6 * step}]}
        )
    finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    after = place_of(page, "chin")
    assert after[0] > before[0] + 5 and after[1] < before[1] - 8
    assert page.evaluate("scrollY") == scrolled  # the page stands meanwhile
    page.locator("#animate-landmarks [data-name=nose_tip]").focus()
    nose = place_of(page, "nose_tip")
    for _ in range(3):
        page.keyboard.press("Shift+ArrowRight")
    assert place_of(page, "nose_tip")[0] > nose[0] + 5
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    phone.close()


def test_another_face_is_chosen_by_a_click(page: Page, tmp_path: Path):
    one = astronaut()[:, 60:400]
    smaller = np.pad(cv2.resize(one, (272, 410)), ((0, 102), (0, 0), (0, 0)), mode="edge")
    write_image(tmp_path / "two.png", np.hstack([one, smaller]))
    upload(page, "#animate-photo", tmp_path / "two.png")
    page.locator("#animate-landmarks svg").wait_for()
    expect(page.locator("#animate-landmarks .say")).to_contain_text("2 faces")
    large = place_of(page, "nose_tip")
    page.locator("#animate-landmarks button[name=zoom]").click()
    page.locator("#animate-landmarks .other").click()
    assert place_of(page, "nose_tip")[0] > large[0] + 100
    unfold(page)
    expect(page.get_by_label("number input for Face", exact=False).locator("visible=true").first).to_have_value("2")
