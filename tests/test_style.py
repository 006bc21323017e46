"""Style transfer: three methods under one interface, stopped and resumed, by regions; a network that is taught one."""

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from conftest import Make

from cxanim.checkpoint import read_checkpoint, write_checkpoint
from cxanim.cli import main
from cxanim.errors import BadPuppet, BadSetting, Cancelled, CannotWrite
from cxanim.images import fitted, read_image, write_image
from cxanim.losses import feature_network
from cxanim.models.stylizer import Stylizer
from cxanim.pipelines.machine import Machine
from cxanim.pipelines.painting import Painting, picture_of, pyramid_of
from cxanim.pipelines.picture_set import photographs
from cxanim.pipelines.style import StyleSettings, _plan, compare_styles, stylize
from cxanim.pipelines.style_apply import StyleApplySettings, apply_style
from cxanim.pipelines.style_fit import StyleFitSettings, _overlap, fit_style
from cxanim.pipelines.style_masks import Masks
from cxanim.pipelines.style_network import StyleNetwork
from cxanim.pipelines.style_objective import METHODS, Region, StyleObjective, StyleObjectiveSettings, style_layers
from cxanim.pipelines.training_state import state_path
from cxanim.pipelines.watch import Watch
from cxanim.video import probe_video

TINY = StyleSettings(size=64, steps=6, positions=256)
STUDENT = StyleFitSettings(steps=4, size=128, crop=64, width=8, positions=64)


def stop_after(steps: int) -> Watch:
    """A watcher who has seen enough after so many steps."""
    asked = [0]

    def should_stop() -> bool:
        asked[0] += 1
        return asked[0] > steps

    return Watch(should_stop=should_stop)


@pytest.fixture(scope="module")
def style(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Red and blue stripes."""
    picture = np.zeros((80, 96, 3), np.uint8)
    picture[:, ::2, 0] = picture[:, 1::2, 2] = 230
    path = tmp_path_factory.mktemp("style") / "stripes.png"
    write_image(path, cv2.resize(picture, None, fx=2, fy=2, interpolation=cv2.INTER_NEAREST))
    return path


@pytest.mark.parametrize("method", METHODS)
def test_each_method_comes_nearer_to_the_style_and_keeps_the_content(method, photo: Path, style: Path, tmp_path: Path):
    settings = replace(TINY, method=method, steps=12)
    first = stylize(photo, style, tmp_path / "first.png", replace(settings, steps=1))
    last = stylize(photo, style, tmp_path / "last.png", settings)
    assert last.terms["style"] < 0.9 * first.terms["style"]
    content, painted = fitted(read_image(photo).rgb, 64), read_image(last.path).rgb
    assert painted.shape == content.shape == (64, 64, 3)
    assert 2 < np.abs(painted.astype(int) - content).mean() < 60
    assert (last.steps, last.is_finished, state_path(last.path).exists()) == (12, True, False)


def test_most_steps_are_taken_at_coarse_scales():
    assert _plan(StyleSettings(size=512, steps=300)) == [(128, 0), (256, 150), (512, 250)]
    assert _plan(StyleSettings(size=2048, steps=100)) == [(256, 0), (512, 45), (1024, 75), (2048, 90)]
    assert _plan(StyleSettings(size=200, steps=10)) == [(200, 0)]


def test_stopped_and_resumed_equals_never_stopped(photo: Path, style: Path, tmp_path: Path):
    settings = replace(TINY, size=256, steps=5, positions=64)  # over two scales
    whole = stylize(photo, style, tmp_path / "whole.png", settings)
    stopped = stylize(photo, style, tmp_path / "parts.png", settings, watch=stop_after(2))
    assert not stopped.is_finished and "--resume" in stopped.notes[-1]
    assert read_image(stopped.path).rgb.shape == (256, 256, 3)
    resumed = stylize(photo, style, tmp_path / "parts.png", settings, resume=True)
    assert resumed.is_finished and not state_path(resumed.path).exists()
    assert whole.path.read_bytes() == resumed.path.read_bytes()


def test_who_stops_at_once_leaves_nothing(photo: Path, style: Path, tmp_path: Path):
    with pytest.raises(Cancelled):
        stylize(photo, style, tmp_path / "a.png", TINY, watch=stop_after(0))
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_resumed_is_said(photo: Path, style: Path, tmp_path: Path):
    with pytest.raises(BadPuppet, match="no a.state"):
        stylize(photo, style, tmp_path / "a.png", TINY, resume=True)
    stylize(photo, style, tmp_path / "a.png", TINY, watch=stop_after(1))
    with pytest.raises(BadPuppet, match="other pictures or settings"):
        stylize(style, photo, tmp_path / "a.png", TINY, resume=True)


def test_a_damaged_state_is_said(photo: Path, style: Path, tmp_path: Path):
    stylize(photo, style, tmp_path / "a.png", TINY, watch=stop_after(1))
    header, tensors = read_checkpoint(tmp_path / "a.state", "style-state", (2,))
    for change in ({"scale": 7}, {"step": "x"}):
        write_checkpoint(tmp_path / "a.state", "style-state", 2, header | change, tensors)
        with pytest.raises(BadPuppet, match="damaged"):
            stylize(photo, style, tmp_path / "a.png", TINY, resume=True)


def test_a_comparison_that_is_stopped_keeps_what_there_is(photo: Path, style: Path, tmp_path: Path):
    painted = compare_styles(photo, style, tmp_path / "a.png", TINY, watch=stop_after(9))  # six of one, two of the next
    assert list(painted) == ["cx", "gram"] and painted["cx"].is_finished and not painted["gram"].is_finished


def test_every_method_at_once_gives_a_picture_each(photo: Path, style: Path, tmp_path: Path):
    painted = compare_styles(photo, style, tmp_path / "a.png", replace(TINY, steps=1))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a-cx.png", "a-gram.png", "a-mrf.png"]
    assert list(painted) == list(METHODS)


def test_colours_may_be_the_contents(photo: Path, style: Path, tmp_path: Path):
    stylize(photo, style, tmp_path / "a.png", replace(TINY, steps=20, keep_colours=True))
    content, painted = (cv2.cvtColor(one, cv2.COLOR_RGB2YCrCb) for one in
                        (fitted(read_image(photo).rgb, 64), read_image(tmp_path / "a.png").rgb))  # fmt: skip
    away = np.abs(painted.astype(int) - content).mean((0, 1))
    assert away[0] > 2 * max(away[1:])


def test_what_is_clear_stays_clear(style: Path, tmp_path: Path):
    rgb, alpha = np.full((64, 64, 3), 90, np.uint8), np.zeros((64, 64), np.uint8)
    alpha[16:48, 16:48] = 255
    write_image(tmp_path / "cut.png", rgb, alpha)
    stylize(tmp_path / "cut.png", style, tmp_path / "a.png", TINY)
    painted = read_image(tmp_path / "a.png").alpha
    assert painted is not None and np.array_equal(painted, alpha)


# What is optimised


@pytest.mark.parametrize("size", [(64, 64), (45, 70), (16, 31), (9, 300)])
def test_a_pyramid_is_of_the_picture_it_was_made_of(size):
    picture = torch.rand(1, 3, *size, dtype=torch.float64)
    levels = pyramid_of(picture)
    assert len(levels) <= 6 and min(levels[-1].shape[2:]) >= 8
    torch.testing.assert_close(picture_of(levels), picture)


def test_a_painting_changes_a_region_where_pixels_would_change_one_by_one():
    """One step towards a target that is a step brighter on the left: all of the left moves, and moves alike."""
    picture, target = torch.full((1, 3, 64, 64), 0.5), torch.full((1, 3, 64, 64), 0.5)
    target[..., :32] = 0.8
    noisy = target + 0.2 * torch.randn(target.shape, generator=torch.Generator().manual_seed(0))
    painting = Painting(picture)
    for number in range(1, 9):
        painting.step((painting.shown() - noisy).square().sum(), number, 0.01)
    left, right = painting.picture[..., :24], painting.picture[..., 40:]
    assert left.mean() - right.mean() > 0.15
    assert left.std() < 0.5 * float(left.mean() - 0.5)  # of single pixels it would be as large as the change


def test_a_painting_stays_within_black_and_white():
    painting = Painting(torch.full((1, 3, 32, 32), 0.9))
    for number in range(1, 6):
        painting.step(-painting.shown().sum(), number, 0.1)
    assert painting.picture.max() == 1
    torch.testing.assert_close(painting.shown(), painting.picture, rtol=0, atol=1e-6)


def test_the_content_counts_more_where_it_is_coarse():
    objective = partial(StyleObjective, StyleObjectiveSettings(), "small")
    network = feature_network("small", style_layers("cx", "small"))
    one, other = torch.rand(1, 3, 64, 64), torch.rand(1, 3, 64, 64)
    seen, wanted = network(one), network(other)
    totals = [float(objective(wanted, [], torch.Generator().manual_seed(0), keeps)(seen, wanted, one)[0])
              for keeps in (0.0, 1.0, 2.0)]  # fmt: skip
    assert totals[2] - totals[0] == pytest.approx(2 * (totals[1] - totals[0]), rel=1e-3) and totals[1] > totals[0]


# Regions


@pytest.mark.parametrize("method", METHODS)
def test_regions_are_asked_for_each_by_itself(method: str):
    torch.manual_seed(0)
    settings = StyleObjectiveSettings(method=method, structure=0, smoothness=0, positions=65536)
    network = feature_network("small", style_layers(method, "small"))
    picture, style = torch.rand(1, 3, 64, 64), torch.rand(1, 3, 64, 96)
    fx, fy = network(picture), network(style)
    left = torch.zeros(1, 1, 64, 64, dtype=torch.bool)
    left[..., :32] = True
    half = torch.zeros(1, 1, 64, 96, dtype=torch.bool)
    half[..., 48:] = True
    everywhere = torch.ones_like(left)
    draw = torch.Generator()

    def cost(*regions: Region) -> float:
        return StyleObjective(settings, "small", fy, regions, draw)(fx, fx, picture)[1]["style"]

    one, other = cost(Region(left, half, 1.0)), cost(Region(~left, ~half, 1.0))
    assert cost(Region(left, half, 0.5), Region(~left, ~half, 0.5)) == pytest.approx((one + other) / 2, rel=1e-4)
    assert cost(Region(left, ~half, 1.0)) != pytest.approx(one, rel=1e-3)
    if method != "mrf":  # whose patches at an edge belong to one region or none
        assert cost(Region(everywhere, torch.ones_like(half), 1.0)) == pytest.approx(cost(), rel=1e-3)


def test_a_region_takes_its_colours_from_its_own_region(photo: Path, tmp_path: Path):
    halves = np.zeros((64, 64, 3), np.uint8)
    random = np.random.default_rng(0)
    halves[:, :32, 0] = random.integers(120, 256, (64, 32))
    halves[:, 32:, 2] = random.integers(120, 256, (64, 32))
    write_image(tmp_path / "style.png", halves)
    grey = np.repeat(random.integers(60, 200, (64, 64, 1), dtype=np.uint8), 3, axis=2)
    write_image(tmp_path / "grey.png", grey)
    red_left, red_right = np.zeros((64, 64, 3), np.uint8), np.zeros((64, 64, 3), np.uint8)
    red_left[:, :32, 0] = red_left[:, 32:, 1] = red_right[:, 32:, 0] = red_right[:, :32, 1] = 255
    write_image(tmp_path / "a.png", red_right)
    write_image(tmp_path / "b.png", red_left)
    settings = replace(TINY, method="gram", structure=0, steps=40)
    stylize(tmp_path / "grey.png", tmp_path / "style.png", tmp_path / "o.png", settings,
            masks=Masks(tmp_path / "a.png", tmp_path / "b.png"))  # fmt: skip
    painted = read_image(tmp_path / "o.png").rgb.astype(int)
    redder = painted[..., 0] - painted[..., 2]
    assert redder[:, 40:].mean() > redder[:, :24].mean() + 20


@pytest.mark.parametrize(
    ("content", "style", "words"),
    [([], [], "nothing is painted"), ([(255, 0, 0)], [(0, 255, 0)], "only one"),
     ([(255, 0, 0)] + [(0, 0, 32 * n) for n in range(1, 8)] + [(0, 32 * n, 0) for n in range(1, 4)], [], "more than")],
)  # fmt: skip
def test_masks_that_do_not_fit_are_refused(content, style, words, photo: Path, tmp_path: Path):
    for name, colours in (("a.png", content), ("b.png", style)):
        mask = np.zeros((48, 48, 3), np.uint8)
        for number, colour in enumerate(colours):
            mask[4 * number : 4 * number + 4] = colour
        write_image(tmp_path / name, mask)
    with pytest.raises(BadSetting, match=words):
        stylize(photo, photo, tmp_path / "o.png", TINY, masks=Masks(tmp_path / "a.png", tmp_path / "b.png"))


# A network that is taught a style


def test_it_starts_as_a_network_that_changes_nothing_at_any_size():
    for size in ((64, 64), (17, 30), (33, 50)):
        picture = torch.rand(1, 3, *size)
        assert torch.equal(Stylizer(8)(picture), picture)
    with pytest.raises(ValueError, match="16"):
        Stylizer(8)(torch.rand(1, 3, 15, 64))


def test_two_shifted_crops_overlap_where_they_show_the_same():
    picture = torch.rand(1, 3, 40, 40)
    for across, down in ((3, -2), (-4, 5), (0, 0)):
        pair = torch.cat([picture[..., 8:24, 8:24], picture[..., 8 + down : 24 + down, 8 + across : 24 + across]])
        one, other = _overlap(pair, across, down)
        assert one.shape == (1, 3, 16 - abs(down), 16 - abs(across)) and torch.equal(one, other)


@pytest.mark.parametrize(("method", "share"), [("cx", 0.93), ("gram", 0.7)])
def test_practice_brings_it_nearer_to_the_style(method: str, share: float, photo: Path, tmp_path: Path):
    settings = replace(STUDENT, method=method, steps=60, crop=112, positions=512)
    style = tmp_path / "coffee.png"
    write_image(style, photographs().pictures[2])
    last = fit_style(style, tmp_path / "a.style", settings, on=[photo])
    network = feature_network("small", style_layers(method, "small"), pooling="average")
    tensors = [
        torch.from_numpy(fitted(read_image(path).rgb, 128)).permute(2, 0, 1)[None] / 255 for path in (photo, style)
    ]
    seen, wanted = (network(tensor) for tensor in tensors)
    objective = StyleObjective(replace(settings, positions=65536), "small", wanted, [], torch.Generator())
    styled = StyleNetwork.load(last.path).network(tensors[0])
    before, after = (objective(network(one), seen, one)[1]["style"] for one in (tensors[0], styled))
    assert last.steps == 60 and after < share * before


def test_practice_resumed_equals_uninterrupted(style: Path, photo: Path, tmp_path: Path):
    fit_style(style, tmp_path / "whole.style", STUDENT, on=[photo])
    fit_style(style, tmp_path / "parts.style", replace(STUDENT, steps=2), on=[photo])
    fit_style(style, tmp_path / "parts.style", STUDENT, on=[photo], resume=True)
    whole, parts = (StyleNetwork.load(tmp_path / f"{name}.style").network for name in ("whole", "parts"))
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), parts.parameters(), strict=True))
    with pytest.raises(BadPuppet, match="other frames"):
        fit_style(photo, tmp_path / "parts.style", STUDENT, on=[photo], resume=True)


def test_without_pictures_it_practises_on_photographs_that_come_along(style: Path, tmp_path: Path):
    assert fit_style(style, tmp_path / "a.style", replace(STUDENT, steps=1)).steps == 1


@pytest.fixture(scope="module")
def taught(style: Path, photo: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fit_style(style, tmp_path_factory.mktemp("taught") / "a.style", STUDENT, on=[photo]).path


def test_a_picture_is_given_the_style(taught: Path, photo: Path, tmp_path: Path):
    applied = apply_style(taught, photo, tmp_path / "a.png")
    assert (applied.width_px, applied.height_px) == (128, 128) == read_image(applied.path).rgb.shape[:2]
    larger = apply_style(taught, photo, tmp_path / "b.png", StyleApplySettings(size=200))
    assert larger.width_px == 200


def test_a_video_is_given_the_style_and_keeps_its_sound_and_rate(taught: Path, make: Make, tmp_path: Path):
    picture, sound = ("-f", "lavfi", "-i", "testsrc=d=1:r=25:s=160x96"), ("-f", "lavfi", "-i", "sine=d=1")
    film = make("film.mp4", *picture, *sound)
    applied = apply_style(taught, film, tmp_path / "o.mp4")
    told = probe_video(applied.path)
    assert (applied.frames, told.fps, told.has_audio) == (25, 25, True)
    assert (told.width_px, told.height_px) == (128, 78)


def test_a_stopped_video_leaves_nothing(taught: Path, make: Make, tmp_path: Path):
    film = make("film.mp4", "-f", "lavfi", "-i", "testsrc=d=1:r=25:s=160x96")
    with pytest.raises(Cancelled):
        apply_style(taught, film, tmp_path / "o.mp4", watch=stop_after(3))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["film.mp4"]


def test_a_picture_is_no_video_and_a_video_no_picture(taught: Path, photo: Path, character_clip: Path, tmp_path: Path):
    for source, name, words in ((photo, "o.mp4", "is a picture"), (character_clip, "o.png", "is a video")):
        with pytest.raises(CannotWrite, match=words):
            apply_style(taught, source, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "change", [{"width": 64}, {"width": "8"}, {"blocks": 99}, {"blocks": 4.0}, {"size_px": 10**9}, {"about": []}]
)
def test_a_strange_style_is_refused(change: dict, taught: Path, tmp_path: Path):
    header, tensors = read_checkpoint(taught, "style", (1,))
    write_checkpoint(tmp_path / "bad.style", "style", 1, header | change, tensors)
    with pytest.raises(BadPuppet, match="damaged"):
        StyleNetwork.load(tmp_path / "bad.style")


def test_weights_that_are_no_numbers_are_refused(taught: Path, tmp_path: Path):
    header, tensors = read_checkpoint(taught, "style", (1,))
    name = next(iter(tensors))
    tensors[name] = np.full_like(tensors[name], np.nan)
    write_checkpoint(tmp_path / "bad.style", "style", 1, header, tensors)
    with pytest.raises(BadPuppet, match="not numbers"):
        StyleNetwork.load(tmp_path / "bad.style")


def test_a_style_has_its_own_ending(style: Path, tmp_path: Path):
    with pytest.raises(CannotWrite, match=r"\.style"):
        fit_style(style, tmp_path / "a.png", STUDENT)


# The command line


def test_the_commands(photo: Path, style: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    def told(*arguments: object) -> dict:
        assert main([str(argument) for argument in arguments] + ["--json", "--threads", "1"]) == 0
        return json.loads(capfd.readouterr().out)

    tiny = ("--size", 64, "--steps", 1, "--positions", 64)
    assert told("style", photo, style, "-o", tmp_path / "a.png", *tiny)["steps"] == 1
    assert set(told("style", "paint", photo, style, "-o", tmp_path / "b.png", "--compare", *tiny)) == set(METHODS)
    small = ("--size", 128, "--crop", 64, "--width", 8, "--steps", 1, "--positions", 64)
    assert told("style", "fit", style, "-o", tmp_path / "s.style", "--on", photo, *small)["steps"] == 1
    assert told("style", "apply", tmp_path / "s.style", photo, "-o", tmp_path / "c.jpg")["frames"] == 1
    assert {"a.png", "b-cx.png", "s.style", "s.state", "c.jpg"} <= {path.name for path in tmp_path.iterdir()}


def test_one_mask_is_not_enough(photo: Path, style: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    mask = ("--content-mask", str(photo))
    assert main(["style", str(photo), str(style), "-o", str(tmp_path / "a.png"), *mask]) == 2
    assert "one of two" in capfd.readouterr().err


def test_the_same_seed_gives_the_same_picture_and_another_one_another(photo: Path, style: Path, tmp_path: Path):
    settings = replace(TINY, size=128, steps=2, positions=64)
    pictures = [
        stylize(photo, style, tmp_path / f"{n}.png", settings, Machine(seed=seed)).path.read_bytes()
        for n, seed in enumerate((0, 0, 1))
    ]
    assert pictures[0] == pictures[1] != pictures[2]
