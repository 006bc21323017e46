"""The brush that mends a figure's cut-out, without a browser: what it shows, and the mask that it makes."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr  # noqa: TID253 - the tests of the one place that may load it
import numpy as np
import pytest
from figures import body_at_rest, draw, where, write_capture
from test_figure import JOINTS

from cxanim.errors import CxanimError
from cxanim.images import read_image, write_image
from cxanim.pipelines.animate import AnimateSettings
from cxanim.pipelines.placed_figure import PlacedFigure
from cxanim.ui.animate_tab import run_animation
from cxanim.ui.cut_out_mender import ADDS, OPACITY, TAKES_AWAY, Found, found_in, mended_by, nothing_found
from cxanim.ui.feedback import in_words
from cxanim.ui.jobs import Desk
from cxanim.ui.workspace import Workspace
from cxanim.video import open_video

PLACED = PlacedFigure.from_dict({"joints": JOINTS, "picture": [256, 256]})
LEFT_ARM = (slice(70, 160), slice(150, 215))  # rows and columns of the drawing


@pytest.fixture
def drawing(tmp_path: Path) -> Path:
    write_image(tmp_path / "drawing.png", draw(body_at_rest())[0])
    return tmp_path / "drawing.png"


@pytest.fixture
def new_folder(workspace: Workspace) -> Callable[[], Path]:
    return partial(workspace.new_folder, "anna")


def painting(**boxes: tuple[slice, slice]) -> dict[str, Any]:
    """What the component hands over when boxes of a picture of 256 pixels were painted, three times as large."""
    layer = np.zeros((768, 768, 4), np.uint8)
    for colour, (rows, columns) in boxes.items():
        painted = [*bytes.fromhex({"adds": ADDS, "takes": TAKES_AWAY}[colour][1:]), round(255 * OPACITY)]
        layer[3 * rows.start : 3 * rows.stop, 3 * columns.start : 3 * columns.stop] = painted
    return {"background": None, "layers": [layer], "composite": None}


def test_the_figure_is_shown_as_it_is_found(drawing: Path, new_folder: Callable[[], Path]):
    shown, found = found_in(str(drawing), PLACED, new_folder())
    picture = shown["value"]["background"]
    assert shown["visible"] and picture.shape == (768, 768, 3) and found.photo == str(drawing)
    assert (picture[:30, :30] == picture[0, 0, 0]).all()  # the ground is grey
    matte = read_image(found.matte).rgb[..., 0]
    assert (matte > 128).mean() == pytest.approx((draw(body_at_rest())[1] > 0.5).mean(), rel=0.15)
    inside = picture[3 * 110, 3 * 128].astype(int), read_image(drawing).rgb[110, 128].astype(int)
    assert inside[0][2] > inside[1][2] + 20  # bluer than it is
    hidden, nothing = nothing_found()
    assert hidden["value"] is None and not hidden["visible"] and nothing is None


def test_a_wide_photo_keeps_its_shape(tmp_path: Path, new_folder: Callable[[], Path]):
    wide = np.pad(draw(body_at_rest())[0], ((0, 0), (0, 256), (0, 0)), mode="edge")
    write_image(tmp_path / "wide.png", wide)
    photo, placed = str(tmp_path / "wide.png"), PlacedFigure.from_dict({"joints": JOINTS, "picture": [512, 256]})
    shown, found = found_in(photo, placed, new_folder())
    assert shown["value"]["background"].shape == (384, 768, 3)
    layer = np.zeros((384, 768, 4), np.uint8)
    layer[:, 600:] = [*bytes.fromhex(ADDS[1:]), round(255 * OPACITY)]
    mask = read_image(mended_by({"layers": [layer]}, found, photo, placed, new_folder) or "").rgb
    assert mask.shape == (256, 512, 3) and (mask[:, 410:] == 255).all() and (mask[:, 300:390] == 0).all()
    with pytest.raises(CxanimError, match="empty sheet"):  # as Gradio's dust-bin leaves it
        mended_by(painting(adds=LEFT_ARM), found, photo, placed, new_folder)


def test_what_is_painted_mends_what_was_found(drawing: Path, new_folder: Callable[[], Path]):
    _, found = found_in(str(drawing), PLACED, new_folder())
    ground = (slice(10, 40), slice(10, 40))
    painted = painting(adds=ground, takes=LEFT_ARM)
    mask = mended_by(painted, found, str(drawing), PLACED, new_folder)
    assert mask is not None
    before, after = (read_image(path).rgb[..., 0] for path in (found.matte, mask))
    assert (after[ground] == 255).all() and (after[LEFT_ARM] == 0).all() and before[LEFT_ARM].any()
    beyond = np.ones_like(before, bool)
    for rows, columns in (ground, LEFT_ARM):
        beyond[rows.start - 2 : rows.stop + 2, columns.start - 2 : columns.stop + 2] = False
    assert np.array_equal(before[beyond], after[beyond])
    again = mended_by(painted, None, str(drawing), PLACED, new_folder)  # as a program asks, which has seen nothing
    assert again is not None and np.array_equal(read_image(again).rgb[..., 0], after)


def test_nothing_painted_and_what_is_painted_on_another_photo_changes_nothing(
    drawing: Path, new_folder: Callable[[], Path]
):
    found = Found(str(drawing), "gone.png")
    for nothing in (None, painting(), {"layers": []}):
        assert mended_by(nothing, found, str(drawing), PLACED, new_folder) is None
    assert mended_by(painting(adds=LEFT_ARM), found, "other.png", PLACED, new_folder) is None
    assert mended_by(painting(adds=LEFT_ARM), None, None, PLACED, new_folder) is None
    assert mended_by(painting(adds=LEFT_ARM), found, str(drawing), PLACED, new_folder) is not None


def test_nobody_in_the_photo_is_said(tmp_path: Path, new_folder: Callable[[], Path]):
    write_image(tmp_path / "wall.png", np.full((300, 200, 3), 128, np.uint8))
    with pytest.raises(gr.Error, match=r"No figure was found in wall\.png\. Use a picture of one person.*place its"):
        in_words(found_in)(str(tmp_path / "wall.png"), None, new_folder())


def test_an_arm_that_is_taken_away_does_not_move(drawing: Path, workspace: Workspace, tmp_path: Path):
    write_capture(tmp_path / "waving.bvh")
    new_folder = partial(workspace.new_folder, "anna")
    mask = mended_by(painting(takes=LEFT_ARM), None, str(drawing), PLACED, new_folder)
    arms = []
    for used in (None, mask):
        steps = run_animation(
            Desk(),
            workspace,
            "anna",
            str(drawing),
            tmp_path / "waving.bvh",
            AnimateSettings(),
            joints=PLACED,
            mask=used,
        )
        video, *_, status, _ = list(steps)[-1]
        assert "Done" in status
        with open_video(video) as frames:
            arms.append(where(list(frames)[12], "left_arm", 60)[LEFT_ARM][35:].mean())
    assert arms[1] > 4 * arms[0] + 0.05


def test_a_face_that_moves_has_no_use_for_it_and_that_is_said(workspace: Workspace, character: Path, drawing: Path):
    quick = AnimateSettings(size=128, end_s=0.2)
    *_, status, _ = list(run_animation(Desk(), workspace, "anna", str(character), "blink", quick, mask=drawing))[-1]
    assert "Done" in status and "here only a face moved" in status
