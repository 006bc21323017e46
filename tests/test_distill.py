"""The distillation of `small`, in miniature, and the weights that it left in the checkpoints."""

import csv
import hashlib
import json

import numpy as np
import pytest
import torch
from conftest import ROOT
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file
from skimage.data import astronaut

from cxanim.distill import photographs as pictures
from cxanim.distill.course import Recipe, distill, write_weights
from cxanim.distill.lesson import Lesson, unit_scaled
from cxanim.distill.photographs import crops, read_pixels, read_sources, split_by_source, write_list
from cxanim.distill.teachers import LAYERS, TRUE_LAYERS, PublishedStudent, Teachers
from cxanim.losses import feature_network, layer_names
from cxanim.losses.features import FeatureNetwork
from cxanim.losses.weights import CHECKPOINTS

TINY = Recipe(minutes=0.001, batch_size=1, crop_sizes_px=(16, 32), similarity_places=32)


@pytest.fixture(scope="module")
def teachers():
    """Networks of VGG-19's shape with random weights: as hard to imitate as any."""
    torch.manual_seed(0)
    whole = FeatureNetwork("vgg19", LAYERS)
    for module in whole.features.values():
        torch.nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
    shallow = FeatureNetwork("vgg19", TRUE_LAYERS)
    shallow.load_state_dict({key: value for key, value in whole.state_dict().items() if key in shallow.state_dict()})
    return Teachers(shallow, Deepest(whole)).requires_grad_(False)


class Deepest(torch.nn.Module):
    """Shows the deepest layer alone."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, image):
        return self.network(image)["relu4_1"]


@pytest.fixture
def photographs(tmp_path):
    """Eight pictures of four sources, and two that should be skipped."""
    folder = tmp_path / "images"
    folder.mkdir()
    random = np.random.default_rng(0)
    rows = ["name,source"]
    for number in range(10):
        name = f"{'kaokore_' if number > 7 else ''}{number}.png"
        Image.fromarray(random.integers(0, 256, (40, 48, 3), np.uint8)).save(folder / name)
        rows.append(f"{name},owner/repository{number // 2}: file {number}")
    (folder / "index.csv").write_text("\n".join(rows))
    return folder


def test_no_source_is_both_learnt_from_and_held_out(photographs, monkeypatch):
    monkeypatch.setattr(pictures, "HELD_OUT_SHARE", 0.3)
    learn, held_out = split_by_source(photographs, TINY.skipped_prefixes)
    assert (len(learn), len(held_out)) == (6, 2)
    sources = [{int(path.stem) // 2 for path in paths} for paths in (learn, held_out)]
    assert not sources[0] & sources[1]


def test_the_list_that_comes_along_is_that_of_the_pictures_it_was_made_from(photographs, tmp_path):
    learn, held_out = split_by_source(photographs, TINY.skipped_prefixes)
    write_list(tmp_path / "list.csv", learn, held_out, read_sources(photographs))
    assert (tmp_path / "list.csv").read_text().splitlines()[0] == "name,use,source"
    assert pictures_in(tmp_path / "list.csv", "held out") == [path.name for path in held_out]
    learnt = pictures_in(ROOT / "checkpoints" / "small.pictures.csv", "learnt")
    with safe_open(ROOT / "checkpoints" / "small.safetensors", framework="pt") as file:
        facts = json.loads(file.metadata()["cxanim"])
    assert hashlib.sha256("\n".join(learnt).encode()).hexdigest() == facts["images_sha256"]


def pictures_in(path, use):
    with open(path, newline="", encoding="utf-8") as file:
        return [row["name"] for row in csv.DictReader(file) if row["use"] == use]


def test_crops_are_parts_of_the_pictures_half_of_them_mirrored():
    picture = np.arange(20 * 24, dtype=np.uint8).reshape(20, 24, 1).repeat(3, axis=2)
    parts = crops([picture], 16, 40, np.random.default_rng(0))
    assert parts.shape == (40, 3, 16, 16)
    steps = (parts[:, 0, 0, 1] - parts[:, 0, 0, 0]).mul(255).round().remainder(256)
    assert set(steps.tolist()) == {1.0, 255.0}


def test_the_student_learns(teachers):
    torch.manual_seed(1)
    images = torch.rand(2, 3, 32, 32)
    lesson = Lesson(teachers, [images], similarity_weight=1.0, similarity_places=32)
    student = FeatureNetwork("small", LAYERS)
    optimizer = torch.optim.Adam([*student.parameters(), *lesson.maps.parameters()], 3e-3)
    errors = []
    for _ in range(40):
        error = lesson(student, images)
        optimizer.zero_grad()
        error.backward()
        optimizer.step()
        errors.append(error.item())
    assert sum(errors[-5:]) < 0.85 * sum(errors[:5])


def test_unit_scale_makes_every_layers_mean_1_and_changes_nothing_else():
    torch.manual_seed(2)
    student, images = FeatureNetwork("small", LAYERS), torch.rand(2, 3, 32, 32)
    before = student(images)
    student.load_state_dict(unit_scaled(student, [images]))
    for layer, after in student(images).items():
        assert after.mean().item() == pytest.approx(1, rel=1e-4)
        torch.testing.assert_close(after, before[layer] / before[layer].mean(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("layer", "least"), [("relu1_1", 0.9), ("relu2_1", 0.8), ("relu3_1", 0.75)])
def test_the_published_student_is_read_as_it_is_meant(test_data, layer, least):
    """Where the true VGG-19 is at hand the two agree; a swapped channel order or another padding would not."""
    weights = test_data / "weights"
    student = PublishedStudent(weights / "vgg19_quarter_width_student.safetensors", layer)
    vgg19 = feature_network("vgg19", (layer,), weights / "vgg19_torchvision_keys_to_conv3_4.safetensors")
    picture = torch.from_numpy(astronaut()[:256, 96:352].copy()).permute(2, 0, 1)[None].float() / 255
    shown, truth = student(picture)[0].flatten(1), vgg19(picture)[layer][0].flatten(1)
    alike = [np.corrcoef(a, b)[0, 1] for a, b in zip(shown, truth, strict=True) if a.std() > 0 and b.std() > 0]
    assert np.median(alike) > least


def test_a_short_run_writes_weights_that_load_with_the_facts_beside_them(photographs, teachers, tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "HELD_OUT_SHARE", 0.3)
    learn, held_out = split_by_source(photographs, TINY.skipped_prefixes)
    snapshots = list(distill(read_pixels(learn), read_pixels(held_out), teachers, TINY))
    assert len(snapshots) == 10
    steps, fidelity, state = snapshots[-1]
    assert steps >= 10
    assert list(fidelity) == list(LAYERS)
    path = tmp_path / "small.safetensors"
    write_weights(path, state, {"steps": steps})
    feature_network("small", ("relu4_1",), path)
    assert list(tmp_path.glob("*.part")) == []
    with safe_open(path, framework="pt") as file:
        assert json.loads(file.metadata()["cxanim"]) == {"steps": steps}


def test_the_embedded_network_is_whole_well_scaled_and_says_where_it_comes_from():
    path = CHECKPOINTS[0] / "small.safetensors"
    with safe_open(path, framework="pt") as file:
        facts = json.loads(file.metadata()["cxanim"])
    assert "CC BY 4.0" in facts["licence"] and "MIT" in facts["licence"]
    assert min(facts["fidelity"].values()) > 0.6
    assert sum(weight.numel() for weight in load_file(path).values()) < 250_000
    network = feature_network("small", [layer for layer in layer_names("small") if layer.startswith("relu")])
    across = torch.linspace(0, 1, 96)
    scene = torch.stack([across.expand(96, 96), across.flip(0).expand(96, 96), across[:, None].expand(96, 96)])[None]
    scene = (scene + 0.3 * (across * 40).sin()).clamp(0, 1)
    for layer, features in network(scene).items():
        assert 0.1 < features.mean() < 10, layer
