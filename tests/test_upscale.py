"""Super-resolution: no seams, no drift, a loss that falls, steady videos, and words for what cannot be done."""

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from conftest import Make
from faces import astronaut

from cxanim.checkpoint import read_checkpoint, write_checkpoint
from cxanim.cli import main
from cxanim.errors import BadPuppet, BadSetting, CannotWrite, MissingWeights, TooLarge
from cxanim.images import read_image, write_image
from cxanim.losses import l2_loss, low_frequency_loss
from cxanim.models.srresnet import SRResNet, bicubic
from cxanim.pipelines import upscale as upscales
from cxanim.pipelines import upscaler as upscalers
from cxanim.pipelines.animate import AnimateSettings, animate
from cxanim.pipelines.metrics import psnr_db
from cxanim.pipelines.steady_detail import SteadyDetail
from cxanim.pipelines.upscale import Enlargement, UpscaleSettings, upscale
from cxanim.pipelines.upscale_fit import UpscaleFitSettings, _large_enough, fit_upscaler, shrunk
from cxanim.pipelines.upscaler import TILE_PX, Upscaler, bundled_upscaler
from cxanim.video import open_video, probe_video

TINY = UpscaleFitSettings(steps=3, width=8, blocks=2, crop=64, batch=2, warm_up=1)


def random_network(scale: int = 2) -> SRResNet:
    """One that adds detail of its own, so that a seam would show."""
    torch.manual_seed(0)
    network = SRResNet(scale, 8, 2)
    torch.nn.init.normal_(network.to_detail.weight, std=0.3)
    return network.eval()


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)


@pytest.fixture(scope="module")
def taught(photo: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fit_upscaler([photo], tmp_path_factory.mktemp("taught") / "a.upscaler", TINY).path


@pytest.mark.parametrize("scale", [2, 4])
def test_it_begins_as_the_bicubic_picture(scale: int):
    picture = torch.rand(1, 3, 20, 30)
    assert torch.equal(SRResNet(scale)(picture), bicubic(picture, scale))


@pytest.mark.parametrize(("scale", "height", "width"), [(2, 301, 150), (4, 129, 140), (2, 5, 7), (2, 1, 1)])
def test_tiles_leave_no_seam(scale: int, height: int, width: int):
    made = Upscaler(random_network(scale))
    picture = noise(height, width)
    whole = np.empty((scale * height, scale * width, 3), np.uint8)
    made.enlarge_into(whole, picture, tile_px=max(height, width))
    tiled = made.enlarge(picture)
    assert tiled.shape == whole.shape
    assert np.abs(tiled.astype(int) - whole).max() <= 1  # rounding of a sum in another order


def test_a_seam_would_be_seen():
    made = Upscaler(random_network())
    made.network.reach_px = 0
    picture = noise(TILE_PX + 20, TILE_PX)
    whole = np.empty((2 * (TILE_PX + 20), 2 * TILE_PX, 3), np.uint8)
    made.enlarge_into(whole, picture, tile_px=TILE_PX + 20)
    assert np.abs(made.enlarge(picture).astype(int) - whole).max() > 5


def test_what_is_further_than_the_reach_changes_nothing():
    network = random_network()
    picture = torch.rand(1, 3, 40, 40)
    other = picture.clone()
    other[..., 20 + network.reach_px + 1 :] = 0
    with torch.no_grad():
        first, second = network(picture), network(other)
    assert torch.equal(first[..., : 2 * 21], second[..., : 2 * 21])
    assert not torch.equal(first[..., : 2 * 24], second[..., : 2 * 24])


def test_the_large_picture_covers_what_the_small_one_does():
    ramp = torch.linspace(0, 1, 16).expand(1, 3, 16, 16)
    large = bicubic(ramp, 2)
    assert torch.allclose((large[..., 0::2] + large[..., 1::2])[..., 4:12] / 2, ramp.repeat(1, 1, 2, 1)[..., 4:12])


def test_the_blurred_loss_sees_colours_and_not_detail():
    flat = torch.full((1, 3, 64, 64), 0.5)
    checks = flat + 0.2 * (torch.arange(64).view(1, 1, 1, -1) % 2 * 2 - 1)
    assert low_frequency_loss(flat, checks) < 1e-4 * l2_loss(flat, checks)
    assert torch.isclose(low_frequency_loss(flat, flat + 0.1), torch.tensor(0.01))
    small = torch.rand(2, 3, 8, 8)
    assert torch.allclose(low_frequency_loss(small, small + 0.1, reduction="none"), torch.tensor([0.01, 0.01]))


@pytest.mark.parametrize("method", ["cx", "l1", "perceptual"])
def test_it_learns_more_than_a_formula_knows(method: str, photo: Path, tmp_path: Path):
    """A checked picture, whose edges a formula softens and a network of a hundred steps does not."""
    blocks = np.random.default_rng(0).integers(0, 2, (32, 32)).astype(np.uint8) * 200 + 20
    truth = np.repeat(np.kron(blocks, np.ones((8, 8), np.uint8))[..., None], 3, axis=2)
    write_image(tmp_path / "checks.png", truth)
    settings = replace(TINY, method=method, steps=120, warm_up=60, rate=4e-3, width=16)
    taught = Upscaler.load(fit_upscaler([tmp_path / "checks.png"], tmp_path / "a.upscaler", settings).path)
    small = torch.from_numpy(truth).permute(2, 0, 1)[None] / 255
    given = (shrunk(small, 2)[0].permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
    plain = (bicubic(shrunk(small, 2), 2)[0].permute(1, 2, 0).clamp(0, 1).numpy() * 255).round().astype(np.uint8)
    assert psnr_db(taught.enlarge(given), truth) > psnr_db(plain, truth) + 1


def test_resumed_equals_uninterrupted(photo: Path, tmp_path: Path):
    fit_upscaler([photo], tmp_path / "whole.upscaler", TINY)
    fit_upscaler([photo], tmp_path / "parts.upscaler", replace(TINY, steps=2))
    fit_upscaler([photo], tmp_path / "parts.upscaler", TINY, resume=True)
    whole, parts = (Upscaler.load(tmp_path / f"{name}.upscaler").network for name in ("whole", "parts"))
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), parts.parameters(), strict=True))
    with pytest.raises(BadPuppet, match="other frames"):
        fit_upscaler([photo], tmp_path / "parts.upscaler", replace(TINY, scale=4), resume=True)


def test_a_picture_smaller_than_a_crop_is_learnt_from():
    assert _large_enough(noise(40, 100), 64).shape == (64, 100, 3)


def test_what_stands_still_is_made_once():
    made = Upscaler(random_network())
    calls: list[int] = []
    made.network.register_forward_hook(lambda *_: calls.append(1))
    enlargement = Enlargement(made, steadiness=0.0)
    first, second = noise(200, 300), noise(200, 300)
    second[10:20, 10:20] = 0
    assert np.array_equal(enlargement(first), made.enlarge(first))
    calls.clear()
    assert np.array_equal(enlargement(second), made.enlarge(second))
    assert calls[:1] and len(calls) == 1 + 6  # one tile of the frame, then the whole for comparison


def test_detail_follows_what_moves_and_does_not_boil():
    """A photograph glides by two pixels a frame; what is added to it is noise, new in each frame."""
    wide = cv2.GaussianBlur(astronaut(), (0, 0), 2)
    random = np.random.default_rng(0)
    steady, boiling, calm = SteadyDetail(2, 0.8), [], []
    for number in range(8):
        small = np.ascontiguousarray(wide[100:196, 100 + 2 * number : 196 + 2 * number])
        plain = cv2.resize(small, (192, 192), interpolation=cv2.INTER_CUBIC)
        large = cv2.add(plain.astype(np.int16), random.normal(0, 12, plain.shape).round().astype(np.int16))
        large = large.clip(0, 255).astype(np.uint8)
        boiling.append(large.astype(int)[20:-20, 60:-60])
        calm.append(steady(small, large).astype(int)[20:-20, 60:-60])
    change = [float(np.abs(one[5][:, 4:] - one[4][:, 4:]).mean()) for one in (boiling, calm)]
    moved = [float(np.abs(one[5][:, :-4] - one[4][:, 4:]).mean()) for one in (boiling, calm)]
    assert moved[1] < 0.5 * moved[0]  # as seen by whom the motion carries
    assert change[1] < change[0]


def test_where_nothing_moves_noise_is_calmed():
    small = np.ascontiguousarray(cv2.resize(astronaut(), (96, 96), interpolation=cv2.INTER_AREA))
    random, steady, frames = np.random.default_rng(0), SteadyDetail(2, 0.8), []
    for _ in range(6):
        seen = (small + random.normal(0, 1, small.shape)).round().clip(0, 255).astype(np.uint8)
        large = cv2.resize(seen, (192, 192), interpolation=cv2.INTER_CUBIC)
        large = (large + random.normal(0, 8, large.shape)).round().clip(0, 255).astype(np.uint8)
        frames.append((large.astype(int), steady(seen, large).astype(int)))
    boiling, calm = (float(np.abs(frames[5][which] - frames[4][which]).mean()) for which in (0, 1))
    assert calm < 0.5 * boiling


def test_a_cut_forgets_the_shot_before():
    steady = SteadyDetail(2, 0.8)
    one, other = noise(64, 64), 255 - noise(64, 64)
    large = [cv2.resize(frame, (128, 128), interpolation=cv2.INTER_NEAREST) for frame in (one, other)]
    steady(one, large[0])
    assert np.array_equal(steady(other, large[1]), large[1])


def test_a_picture_with_alpha_a_grey_one_and_a_video_with_sound(taught: Path, make: Make, tmp_path: Path):
    alpha = np.zeros((40, 60), np.uint8)
    alpha[:, 30:] = 255
    write_image(tmp_path / "cut.png", noise(40, 60), alpha)
    cv2.imwrite(str(tmp_path / "grey.png"), noise(40, 60)[..., 0])
    done = upscale(tmp_path / "cut.png", tmp_path / "out.png", network=taught)
    seen = read_image(done.path)
    assert (done.width_px, done.height_px, seen.alpha is not None) == (120, 80, True)
    assert seen.alpha is not None and seen.alpha[40, 20] == 0 and seen.alpha[40, 100] == 255
    grey = upscale(tmp_path / "grey.png", tmp_path / "grey2.png", network=taught)
    assert (grey.width_px, grey.height_px) == (120, 80)
    film = make("film.mp4", "-f", "lavfi", "-i", "testsrc=d=1:r=10:s=64x48", "-f", "lavfi", "-i", "sine=d=1")
    done = upscale(film, tmp_path / "film2.mp4", network=taught)
    info = probe_video(done.path)
    assert (done.frames, info.width_px, info.height_px, info.has_audio) == (10, 128, 96, True)


def test_a_steadier_video_differs(taught: Path, character_clip: Path, tmp_path: Path):
    films = []
    for share in (0.0, 0.9):
        settings = UpscaleSettings(steadiness=share, end_s=0.3)
        with open_video(upscale(character_clip, tmp_path / "a.mp4", settings, network=taught).path) as video:
            films.append(np.stack(list(video)))
    assert films[0].shape == films[1].shape and not np.array_equal(*films)


@pytest.mark.parametrize("scale", [2, 4])
def test_the_program_brings_its_own(scale: int):
    made = bundled_upscaler(scale)
    picture = cv2.resize(astronaut(), (128, 128), interpolation=cv2.INTER_AREA)
    large = made.enlarge(picture)
    assert large.shape == (128 * scale, 128 * scale, 3)
    back = cv2.resize(large, (128, 128), interpolation=cv2.INTER_AREA)
    assert psnr_db(back, picture) > 28  # the same picture still


def test_a_missing_file_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, photo: Path):
    monkeypatch.setattr(upscalers, "CHECKPOINTS", (tmp_path,))
    with pytest.raises(MissingWeights, match=r"x2\.upscaler"):
        upscale(photo, tmp_path / "out.png")


def test_what_would_be_too_large_is_refused(
    taught: Path, make: Make, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(upscales, "MOST_MEGAPIXELS", 0.5)
    monkeypatch.setattr(upscales, "MOST_FRAME_SIDE_PX", 100)
    with pytest.raises(TooLarge, match="megapixels"):
        upscale(photo, tmp_path / "out.png", network=taught)
    film = make("film.mp4", "-f", "lavfi", "-i", "testsrc=d=1:r=10:s=64x48")
    with pytest.raises(TooLarge, match="128 px"):
        upscale(film, tmp_path / "out.mp4", network=taught)
    assert not (tmp_path / "out.png").exists() and not (tmp_path / "out.mp4").exists()


def test_a_network_of_another_scale_or_kind_is_refused(taught: Path, photo: Path, tmp_path: Path):
    with pytest.raises(BadSetting, match="2 times"):
        upscale(photo, tmp_path / "out.png", UpscaleSettings(scale=4), network=taught)
    with pytest.raises(CannotWrite, match=r"\.upscaler"):
        fit_upscaler([photo], tmp_path / "a.puppet", TINY)


@pytest.mark.parametrize(
    "change", [{"scale": 3}, {"scale": 2.0}, {"width": 0}, {"width": 9}, {"blocks": 10**9}, {"about": 1}]
)
def test_a_strange_network_is_refused(change: dict, taught: Path, tmp_path: Path):
    header, tensors = read_checkpoint(taught, "upscaler", (1,))
    write_checkpoint(tmp_path / "bad.upscaler", "upscaler", 1, header | change, tensors)
    with pytest.raises(BadPuppet, match="damaged"):
        Upscaler.load(tmp_path / "bad.upscaler")


def test_the_commands(photo: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    tiny = ("--steps", "1", "--width", "8", "--blocks", "1", "--crop", "64", "--threads", "1", "--json")
    network, output = tmp_path / "a.upscaler", tmp_path / "out.png"
    assert main(["upscale", "fit", str(photo), "-o", str(network), *tiny]) == 0
    assert json.loads(capfd.readouterr().out)["steps"] == 1
    assert main(["upscale", str(photo), "-o", str(output), "--with", str(network), "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["width_px"] == 2 * astronaut().shape[1]


def test_a_photo_is_animated_at_twice_its_size(photo: Path, tmp_path: Path):
    settings = AnimateSettings(size=256, longest_side=256, upscale=2, end_s=0.2)
    done = animate(photo, "nod", tmp_path / "out.mp4", settings)
    info = probe_video(done.path)
    assert (done.width_px, done.height_px) == (info.width_px, info.height_px) == (512, 512)


def test_a_transparent_animation_keeps_its_alpha(character: Path, tmp_path: Path):
    settings = AnimateSettings(size=256, longest_side=256, upscale=2, end_s=0.1)
    done = animate(character, "nod", tmp_path / "out.webm", settings)
    assert max(done.width_px, done.height_px) == 512


def test_frames_that_no_player_shows_are_refused_before_the_work(
    photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("cxanim.pipelines.animate.MOST_FRAME_SIDE_PX", 256)
    with pytest.raises(BadSetting, match="--longest-side 64"):
        animate(photo, "nod", tmp_path / "out.mp4", AnimateSettings(upscale=4))
