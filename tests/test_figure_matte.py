"""What of a picture is its figure, and how a brush mends it: found, mended, and given back as a mask."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from figures import body_at_rest, draw
from PIL import Image
from test_figure import JOINTS

from cxanim.errors import NoFigure
from cxanim.images import write_image
from cxanim.motion.skeleton import ANKLE, INDEX, SHOULDER, joints_of
from cxanim.pipelines import figure_matte
from cxanim.pipelines.figure import found_matte, observe_figure
from cxanim.pipelines.figure_matte import mended_matte
from cxanim.pipelines.placed_figure import PlacedFigure

PLACED = PlacedFigure.from_dict({"joints": JOINTS, "picture": [256, 256]})


@pytest.fixture(scope="module")
def drawing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("drawing") / "drawing.png"
    write_image(path, draw(body_at_rest())[0])
    return path


def strokes(*boxes: tuple[slice, slice], size: tuple[int, int] = (60, 40)) -> np.ndarray:
    painted = np.zeros(size, np.float32)
    for box in boxes:
        painted[box] = 1
    return painted


def test_a_brush_adds_and_takes_away_and_leaves_the_rest_as_it_was_found():
    found = cv2.GaussianBlur(np.pad(np.ones((300, 200), np.float32), 150), (0, 0), 9)  # (600, 500), soft at its edge
    height, width = found.shape
    top, bottom = (slice(0, 10), slice(0, 50)), (slice(45, 60), slice(0, 50))
    mended = mended_matte(found, strokes(top, size=(60, 50)), strokes(bottom, size=(60, 50)))
    assert mended.shape == found.shape and mended.dtype == np.float32
    assert (mended[:90] == 1).all() and (mended[470:] == 0).all()
    assert np.array_equal(mended[120:430], found[120:430])
    assert 0 < np.abs(np.diff(mended[:, 10])).max() < 0.2  # what is painted small has no steps in a large photo
    nothing = np.zeros((60, 50))
    assert np.array_equal(mended_matte(found, nothing, nothing), found)
    both = mended_matte(found, np.ones((height, width)), np.ones((height, width)))
    assert 0 <= both.min() and both.max() <= 1


def test_half_a_stroke_mends_half_and_a_larger_one_is_made_smaller():
    found = np.full((20, 30), 0.4, np.float32)
    half = np.full((20, 30), 0.5, np.float32)
    assert mended_matte(found, half, 0 * half) == pytest.approx(0.7)
    assert mended_matte(found, 0 * half, half) == pytest.approx(0.2)
    assert mended_matte(found, np.ones((200, 300)), np.zeros((200, 300))) == pytest.approx(1)


class SegmenterOfAll:
    """Stands in for the network that knows limbs: it takes the whole picture for the figure, or none of it."""

    def __init__(self, *, sees: bool = True):
        self._sees = sees

    def matte(self, picture: np.ndarray) -> np.ndarray | None:
        return np.ones(picture.shape[:2], np.float32) if self._sees else None

    def __enter__(self) -> "SegmenterOfAll":
        return self

    def __exit__(self, *error: object) -> None:
        pass


@pytest.mark.parametrize(("height", "width"), [(180, 120), (120, 180)])
def test_limbs_that_one_network_loses_are_taken_from_the_other(
    monkeypatch: pytest.MonkeyPatch, height: int, width: int
):
    joints_px = joints_of(body_at_rest())[0] * 110 + (width / 2 - 55, height / 2 - 55)
    trunk_alone = np.zeros((height, width), np.float32)
    trunk_alone[height // 2 - 30 : height // 2 + 20, width // 2 - 12 : width // 2 + 12] = 1
    monkeypatch.setattr(figure_matte, "person_matte", lambda picture: trunk_alone)
    monkeypatch.setattr(figure_matte, "drawing_matte", lambda picture: np.zeros((height, width), np.float32))
    picture = np.zeros((height, width, 3), np.uint8)

    def found(*, sees: bool) -> np.ndarray:
        monkeypatch.setattr(figure_matte, "FigureSegmenter", lambda: SegmenterOfAll(sees=sees))
        return figure_matte.figure_matte(picture, None, None, joints_px, is_drawn=False)

    matte = found(sees=True)
    assert matte.shape == (height, width) and (matte >= trunk_alone).all()
    for joint in (SHOULDER, SHOULDER + 1, ANKLE, ANKLE + 1):
        x, y = np.floor(joints_px[joint]).astype(int)
        assert matte[y, x] > 0.9
    beyond = joints_px[INDEX] + 0.6 * (joints_px[INDEX] - joints_px[INDEX - 4])  # where the hand points to
    x, y = np.floor(beyond).astype(int)
    assert matte[y, x] < 0.1 and matte[:, :4].max() < 0.1 and matte[:, -4:].max() < 0.1
    assert 0 < np.abs(np.diff(matte[height // 2 + 40])).max() < 0.9  # limbs have a soft rim
    assert np.array_equal(found(sees=False), trunk_alone)


def test_what_is_found_has_the_photos_own_size_and_is_what_moves(drawing: Path):
    picture, matte = found_matte(drawing, PLACED)
    assert picture.shape == (256, 256, 3) and matte.shape == (256, 256)
    assert observe_figure(drawing, placed=PLACED).matte == pytest.approx(matte, abs=1e-6)


def test_a_soft_mask_of_any_size_arrives_soft(drawing: Path, tmp_path: Path):
    ramp = np.tile(np.linspace(0, 255, 256).round().astype(np.uint8), (256, 1))
    write_image(tmp_path / "soft.png", cv2.merge([ramp] * 3))
    matte = observe_figure(drawing, placed=PLACED, mask=tmp_path / "soft.png").matte
    assert matte == pytest.approx(ramp.astype(np.float32) / 255, abs=1e-6)
    write_image(tmp_path / "small.png", cv2.merge([cv2.resize(ramp, (64, 64), interpolation=cv2.INTER_AREA)] * 3))
    matte = observe_figure(drawing, placed=PLACED, mask=tmp_path / "small.png").matte
    assert matte == pytest.approx(ramp.astype(np.float32) / 255, abs=0.02)


def test_who_is_cut_out_stays_so_when_the_cut_out_is_mended(drawing: Path, tmp_path: Path):
    picture, matte = found_matte(drawing, PLACED)
    Image.fromarray(np.dstack([picture, np.round(255 * matte).astype(np.uint8)])).save(tmp_path / "cut.png")
    write_image(tmp_path / "mask.png", np.full((256, 256, 3), 255, np.uint8))
    assert observe_figure(tmp_path / "cut.png", placed=PLACED, mask=tmp_path / "mask.png").is_cut_out
    assert not observe_figure(drawing, placed=PLACED, mask=tmp_path / "mask.png").is_cut_out


def test_a_drawing_that_cannot_be_told_from_its_paper_can_be_mended_and_then_moves(tmp_path: Path):
    write_image(tmp_path / "faint.png", np.full((256, 256, 3), 200, np.uint8))
    with pytest.raises(NoFigure, match="Nothing stands out"):
        observe_figure(tmp_path / "faint.png", placed=PLACED)
    _, found = found_matte(tmp_path / "faint.png", PLACED)
    mended = mended_matte(found, draw(body_at_rest())[1], np.zeros_like(found))
    write_image(tmp_path / "mask.png", cv2.merge([np.round(255 * mended).astype(np.uint8)] * 3))
    assert observe_figure(tmp_path / "faint.png", placed=PLACED, mask=tmp_path / "mask.png").matte.max() == 1
    with pytest.raises(NoFigure, match=r"No figure was found in faint\.png"):
        found_matte(tmp_path / "faint.png")
