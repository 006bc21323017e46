"""Unpaired domain transfer: it moves towards the target set, goes on where it stopped, and takes what people have."""

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from conftest import Make

from cxanim.checkpoint import read_checkpoint, write_checkpoint
from cxanim.cli import main
from cxanim.errors import BadPuppet, BadSetting, CannotWrite
from cxanim.images import read_image, write_image
from cxanim.losses import feature_network
from cxanim.pipelines.course import Taught
from cxanim.pipelines.domain_apply import DomainApplySettings, apply_domain
from cxanim.pipelines.domain_fit import DomainFitSettings, domain_layers, fit_domain, make_domain_objective
from cxanim.pipelines.domain_pairs import DomainPairs
from cxanim.pipelines.picture_set import NoPictures
from cxanim.pipelines.translator import Translator, changed, make_translator
from cxanim.video import probe_video

TINY = DomainFitSettings(steps=3, size=64, batch=2, positions=64)


def pictures(folder: Path, low: tuple[int, int, int], high: tuple[int, int, int], count: int = 5) -> Path:
    """A folder of noisy pictures in some colours."""
    folder.mkdir()
    random = np.random.default_rng(sum(low))
    for number in range(count):
        blocks = random.integers(low, high, (12, 10, 3)).astype(np.uint8)
        write_image(folder / f"{number}.png", np.kron(blocks, np.ones((8, 8, 1), np.uint8)))
    return folder


def fit(sets: tuple[Path, Path], output: Path, settings: DomainFitSettings, *, resume: bool = False) -> Taught:
    return fit_domain([sets[0]], [sets[1]], output, settings, resume=resume)


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Dark greenish pictures and bright reddish ones."""
    place = tmp_path_factory.mktemp("sets")
    return pictures(place / "a", (0, 60, 0), (60, 140, 60)), pictures(place / "b", (150, 0, 0), (255, 120, 120))


@pytest.fixture(scope="module")
def fitted(sets: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fit(sets, tmp_path_factory.mktemp("fitted") / "a.translator", TINY).path


@pytest.mark.parametrize("method", ["cx", "gram"])
def test_sources_move_towards_the_target_set(method: str, sets: tuple[Path, Path], tmp_path: Path):
    settings = replace(TINY, method=method, source=0.1, steps=60, rate=2e-3)
    learnt = Translator.load(fit(sets, tmp_path / "a.translator", settings).path)
    given = read_image(sets[0] / "0.png").rgb
    red, green, _ = (learnt.translate(given).astype(float) - given).mean((0, 1))
    assert red > green + 10


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(0)


def faces_aside(count: int, random: np.random.Generator) -> list[np.ndarray]:
    """Pictures with a bright disc, by turns at the left and at the right."""
    made = []
    for number in range(count):
        picture = random.integers(40, 60, (64, 64, 3)).astype(np.uint8)
        cv2.circle(picture, (16 if number % 2 else 48, 32 + int(random.integers(-4, 5))), 12, (230, 200, 180), -1)
        made.append(picture)
    return made


def pairs(sources: list[np.ndarray], targets: list[np.ndarray], alike: int) -> DomainPairs:
    eyes = feature_network("small", ("relu4_1",), pooling="average")
    return DomainPairs(sources, targets, alike, 64, eyes, "relu4_1", torch.device("cpu"))


def side_of(pictures: torch.Tensor) -> torch.Tensor:
    """Whether the right half is the brighter one, (B,) bool."""
    return pictures[..., 32:].mean((1, 2, 3)) > pictures[..., :32].mean((1, 2, 3))


def test_a_source_looks_at_a_target_that_is_laid_out_like_it(random: np.random.Generator):
    some, others = faces_aside(8, random), faces_aside(8, random)
    alike = [side_of(one) for one in pairs(some, others, 2).draw(random, 60)]
    assert torch.equal(*alike) and 0 < alike[0].float().mean() < 1
    any_of_them = [side_of(one) for one in pairs(some, others, 0).draw(random, 60)]
    assert 0.2 < (any_of_them[0] == any_of_them[1]).float().mean() < 0.8


def test_a_target_that_is_hardly_one_is_not_what_all_look_at(random: np.random.Generator):
    """Of the sources' ground and light, laid out like none of them: least of its kind, and nearest to all at first."""
    some, others = faces_aside(8, random), faces_aside(8, random)
    for one in others:
        one[::4] = one[1::4] = 200
    stranger = random.integers(40, 60, (64, 64, 3)).astype(np.uint8)
    cv2.circle(stranger, (32, 32), 12, (230, 200, 180), -1)
    sources, targets = pairs(some, [*others, stranger], 1).draw(random, 60)
    assert torch.equal(side_of(sources), side_of(targets))
    assert (targets[:, :, :8].mean((1, 2, 3)) > 0.3).all()  # the others' ground


def test_both_of_a_pair_are_cut_and_mirrored_alike(random: np.random.Generator):
    some = faces_aside(6, random)
    sources, targets = pairs(some, some, 1).draw(random, 20)
    assert torch.equal(sources, targets)
    assert len({round(float(one.mean()), 4) for one in sources}) > 6  # and not all cut at the same place


@pytest.mark.parametrize("places", [0.0, 1.0])
def test_where_something_lies_counts_only_if_told(places: float):
    settings = DomainFitSettings(places=places, source=0, positions=4096)
    eyes = feature_network("small", domain_layers(settings), pooling="average")
    with torch.no_grad():
        seen = eyes(torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0)))
    elsewhere = {layer: features.roll(features.shape[3] // 2, 3) for layer, features in seen.items()}
    picture, objective = torch.zeros(1, 3, 64, 64), make_domain_objective(settings, torch.Generator())
    in_place, aside = (
        float(objective(image=picture, picture=picture, output=seen, source=seen, target=target)[0])
        for target in (seen, elsewhere)
    )
    assert in_place == pytest.approx(0, abs=1e-3)
    assert aside > 1 if places else aside == pytest.approx(0, abs=1e-3)


def test_it_begins_by_changing_nothing():
    picture = torch.rand(2, 3, 64, 64)
    assert torch.equal(changed(make_translator(64, "live"), picture), picture)


def test_resumed_equals_uninterrupted(sets: tuple[Path, Path], tmp_path: Path):
    fit(sets, tmp_path / "whole.translator", TINY)
    fit(sets, tmp_path / "parts.translator", replace(TINY, steps=1))
    fit(sets, tmp_path / "parts.translator", TINY, resume=True)
    whole, parts = (Translator.load(tmp_path / f"{name}.translator").network for name in ("whole", "parts"))
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), parts.parameters(), strict=True))
    with pytest.raises(BadPuppet, match="other frames"):
        fit(sets[::-1], tmp_path / "parts.translator", TINY, resume=True)


def test_pictures_of_any_shape_keep_it_and_videos_their_sound(fitted: Path, make: Make, tmp_path: Path):
    write_image(tmp_path / "wide.png", np.full((50, 120, 3), 90, np.uint8))
    film = make("film.mp4", "-f", "lavfi", "-i", "testsrc=d=1:r=10:s=64x48", "-f", "lavfi", "-i", "sine=d=1")
    done = apply_domain(fitted, [tmp_path / "wide.png", film], tmp_path / "out", DomainApplySettings(size=128))
    assert [one.path.name for one in done] == ["wide.png", "film.mp4"]
    assert read_image(done[0].path).rgb.shape == (50, 120, 3)
    assert (done[1].frames, probe_video(done[1].path).has_audio) == (10, True)


def test_a_folder_is_applied_whole_and_two_of_one_name_are_refused(
    fitted: Path, sets: tuple[Path, Path], tmp_path: Path
):
    assert len(apply_domain(fitted, [sets[0]], tmp_path / "out")) == 5
    with pytest.raises(BadSetting, match="one name"):
        apply_domain(fitted, [sets[0], sets[1]], tmp_path / "other")


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_pictures_are_said(count: int, sets: tuple[Path, Path], tmp_path: Path):
    few = pictures(tmp_path / "few", (0, 0, 0), (9, 9, 9), count)
    with pytest.raises(NoPictures, match="at least 4"):
        fit((few, sets[1]), tmp_path / "a.translator", TINY)
    assert not (tmp_path / "a.translator").exists()


def test_a_translator_has_its_own_ending(sets: tuple[Path, Path], tmp_path: Path):
    with pytest.raises(CannotWrite, match=r"\.translator"):
        fit(sets, tmp_path / "a.puppet", TINY)


@pytest.mark.parametrize("change", [{"size_px": 100}, {"size_px": 64.0}, {"network": {"widths": []}}, {"about": 1}])
def test_a_strange_translator_is_refused(change: dict, fitted: Path, tmp_path: Path):
    header, tensors = read_checkpoint(fitted, "translator", (1,))
    write_checkpoint(tmp_path / "bad.translator", "translator", 1, header | change, tensors)
    with pytest.raises(BadPuppet, match="damaged"):
        Translator.load(tmp_path / "bad.translator")


def test_the_commands(sets: tuple[Path, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    tiny = ("--size", "64", "--steps", "1", "--positions", "64", "--threads", "1", "--json")
    assert main(["domain", "fit", *map(str, sets), "-o", str(tmp_path / "a.translator"), *tiny]) == 0
    assert json.loads(capfd.readouterr().out)["steps"] == 1
    assert (
        main(["domain", "apply", str(tmp_path / "a.translator"), str(sets[0]), "-o", str(tmp_path / "o"), "--json"])
        == 0
    )
    assert len(json.loads(capfd.readouterr().out)) == 5
