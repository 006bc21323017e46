"""The paper's experiments: quick runs give texts and figures, and their yardsticks measure what they say."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from faces import astronaut, astronaut_face

from cxanim.experiments import cyclegan, extremes, gaussians, layers, misaligned
from cxanim.experiments.__main__ import EXPERIMENTS, main
from cxanim.experiments.domains import edge_agreement
from cxanim.experiments.kinds import KindOf
from cxanim.experiments.report import Report
from cxanim.experiments.styles import part_colours
from cxanim.images import read_image

ON_THEIR_OWN = ("gaussians", "misaligned", "extremes", "bandwidths", "layers")


@pytest.mark.parametrize("name", ON_THEIR_OWN)
def test_a_quick_run_writes_a_text_and_a_figure(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main([name, "--quick", "-o", str(tmp_path)]) in (0, 1)
    text = (tmp_path / f"{name}.md").read_text()
    assert all(word in text for word in ("**Expected.**", "**Found.**", "**How sure.**", "| --- |"))
    assert min(read_image(tmp_path / f"{name}.png").rgb.shape[:2]) >= 200
    assert "# " in capsys.readouterr().out


@pytest.mark.parametrize("name", [name for name in EXPERIMENTS if name not in (*ON_THEIR_OWN, "domain")])
def test_a_quick_run_on_the_shared_material(name: str, test_data: Path, tmp_path: Path):
    assert main([name, "--quick", "-o", str(tmp_path)]) in (0, 1)


def test_missing_material_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setenv("CXANIM_TEST_DATA", str(tmp_path))
    assert main(["style", "--quick", "-o", str(tmp_path)]) == 2
    assert "CXANIM_TEST_DATA" in capsys.readouterr().err


def test_what_does_not_come_out_is_said():
    report = Report("A", "b.", "c.", "d.", ["|"], np.zeros((1, 1, 3), np.uint8), holds=False)
    assert "did not come out as expected" in report.text


def test_the_expectations_are_those_of_the_reference():
    """Computed by somebody else: 0.549 at (0, 1), 0.245 at (2, 1), 0.012 at (10, 1); L2 197 and, at (0, 0.5), 124."""
    similar, distance = gaussians.expectations(0, 1, 200, 0)
    assert similar == pytest.approx(0.549, abs=0.01) and distance == pytest.approx(197, abs=8)
    assert gaussians.expectations(2, 1, 200, 0)[0] == pytest.approx(0.245, abs=0.015)
    assert gaussians.expectations(10, 1, 200, 0)[0] == pytest.approx(0.012, abs=0.002)
    assert gaussians.expectations(0, 0.5, 200, 0)[1] == pytest.approx(124, abs=6)


def test_the_extreme_cases():
    assert extremes.same(0) == pytest.approx(0, abs=1e-3)
    assert extremes.twice(0) == pytest.approx(np.log(2), abs=1e-3)
    assert extremes.far(0) == pytest.approx(np.log(64), abs=1e-3)


def test_a_blurred_picture_is_less_sharp_and_a_noisy_one_more():
    toy = misaligned.make_toy(astronaut(), 0)
    blurred = torch.nn.functional.avg_pool2d(toy.clean, 5, 1, 2)
    assert misaligned.sharpness(toy.clean, toy.clean) == 1
    assert misaligned.sharpness(blurred, toy.clean) < 0.8 < 1.2 < misaligned.sharpness(toy.noisy, toy.clean)
    assert len(toy.targets) == 30 and toy.targets.shape[1:] == toy.clean.shape[1:]


def test_palette_and_layout_are_two_things():
    picture = cv2.resize(astronaut(), (96, 96), interpolation=cv2.INTER_AREA)
    shuffled = np.random.default_rng(0).permutation(picture.reshape(-1, 3)).reshape(picture.shape)
    assert layers.colour_distance(shuffled, picture) == 0 and abs(layers.layout_likeness(shuffled, picture)) < 0.3
    assert layers.layout_likeness(picture // 2, picture) > 0.99 and layers.colour_distance(picture // 2, picture) > 0.1


def test_a_painted_mouth_is_seen_at_the_lips_alone():
    picture, face = astronaut().copy(), astronaut_face()
    plain = part_colours(picture, face)
    x, y = (face[[61, 291, 0, 17], :2].mean(0) * 512).astype(int)
    cv2.ellipse(picture, (int(x), int(y)), (30, 14), 0, 0, 360, (0, 0, 255), -1)
    painted = part_colours(picture, face)
    assert np.linalg.norm(painted["lips"] - plain["lips"]) > 40
    assert np.array_equal(painted["eyes"], plain["eyes"])


def test_edges_agree_with_themselves_in_other_colours_and_not_elsewhere():
    picture = astronaut()
    assert edge_agreement(255 - picture, picture) > 0.99
    assert edge_agreement(np.roll(picture, 40, axis=1), picture) < 0.6


def test_two_kinds_are_told_apart(test_data: Path):
    random = np.random.default_rng(0)
    dark, bright = (
        [random.integers(low, low + 90, (64, 64, 3)).astype(np.uint8) for _ in range(8)] for low in (20, 140)
    )
    judge = KindOf(dark[:6], bright[:6])
    assert not judge.is_second(dark[6:]).any() and judge.is_second(bright[6:]).all()


def test_cyclegan_begins_with_no_change_and_then_learns():
    assert cyclegan.PatchDiscriminator()(torch.rand(2, 3, 64, 64)).shape == (2, 1, 6, 6)
    pictures = [np.full((64, 64, 3), level, np.uint8) for level in (40, 60)]
    network, steps = cyclegan.fit_cyclegan(pictures, pictures, "live", 0.02, seed=0, batch=2)
    assert steps >= 1 and any(weight.abs().sum() > 0 for weight in (network.to_picture.weight,))
