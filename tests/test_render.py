"""The last step to a picture: what a network that says nothing shows, and which way its nudge goes."""

import math
import sys
import threading
import time
from unittest.mock import MagicMock

import cv2
import numpy as np
import pytest
import torch
from faces import SIZE_PX, portrait, portrait_face

from cxanim.models.crn import Window
from cxanim.motion.layout import draw_layout
from cxanim.motion.matte import reach_of
from cxanim.motion.pose import Pose
from cxanim.motion.warp import mixed
from cxanim.pipelines import quick
from cxanim.pipelines.grain import MOST_LEVELS, Grain
from cxanim.pipelines.puppet import Puppet, Reference
from cxanim.pipelines.puppet_network import CONDITION_CHANNELS, NUDGE_CHANNELS, OUTPUT_CHANNELS, make_network
from cxanim.pipelines.refine import LARGEST_NUDGE, Refiner, as_condition, as_pictures, refine
from cxanim.pipelines.render import Renderer
from cxanim.pipelines.steady import MOST_STRENGTH, Steady, Stretch, fitting_stillness, flicker_ratio

SIZE = 32
BLACK = np.zeros((2, SIZE, SIZE, 3), np.uint8)


def everywhere(pictures: np.ndarray) -> np.ndarray:
    """Pictures that may be refined everywhere."""
    return np.concatenate([pictures, np.full_like(pictures[..., :1], 255)], axis=3)


def conditions() -> torch.Tensor:
    random = np.random.default_rng(0)
    return as_condition(everywhere(random.integers(0, 256, (2, SIZE, SIZE, 3), dtype=np.uint8)), np.zeros_like(BLACK))


def silence() -> torch.Tensor:
    return torch.zeros(2, OUTPUT_CHANNELS + NUDGE_CHANNELS, SIZE, SIZE)


def test_condition_and_picture_are_each_other_undone():
    condition = conditions()
    assert condition.shape == (2, CONDITION_CHANNELS, SIZE, SIZE)
    back = as_pictures(condition[:, :3])
    assert back.dtype == np.uint8 and back.shape == (2, SIZE, SIZE, 3)
    np.testing.assert_array_equal(as_condition(everywhere(back), BLACK), condition)


def test_a_network_that_says_nothing_shows_the_warp():
    condition = conditions()
    torch.testing.assert_close(refine(silence(), condition), condition[:, :3], atol=1e-5, rtol=0)


def test_a_fresh_network_says_nothing():
    network = make_network(SIZE, "live")
    assert network(conditions()).abs().max() == 0


def test_convention_nudge_looks_where_it_points():
    # The only bright pixel of the warp lies at x = 12, y = 10. A nudge of +3 pixels in x makes each output pixel show
    # what lies 3 to its right, so the bright one appears at x = 9; y stays.
    condition = torch.zeros(2, CONDITION_CHANNELS, SIZE, SIZE)
    condition[:, :3, 10, 12] = condition[:, 3] = 1.0
    output = silence()
    share = 3 / SIZE
    output[:, 3] = math.atanh(share / LARGEST_NUDGE)
    shown = refine(output, condition)[0, 0]
    y, x = divmod(int(shown.argmax()), SIZE)
    assert (x, y) == (12 - 3, 10) and shown[y, x] > 0.99
    output[:, 3], output[:, 4] = 0.0, math.atanh(share / LARGEST_NUDGE)
    shown = refine(output, condition)[0, 0]
    y, x = divmod(int(shown.argmax()), SIZE)
    assert (x, y) == (12, 10 - 3)


def test_colour_is_a_change_of_what_the_warp_shows():
    condition, output = torch.full((2, CONDITION_CHANNELS, SIZE, SIZE), 0.5), silence()
    condition[:, 3] = 1.0
    output[:, :3, :, 16:] = 0.3
    shown = refine(output, condition)
    assert torch.allclose(shown[..., :16], torch.tensor(0.5), atol=1e-5)
    assert torch.allclose(shown[..., 16:], torch.tensor(0.5 + math.tanh(0.3)), atol=1e-5)


def test_out_of_reach_nothing_is_refined():
    condition, part = conditions(), Window(4, 4, 20, 14)
    condition[:, 3, :, :16] = 0
    output = torch.randn(2, OUTPUT_CHANNELS + NUDGE_CHANNELS, SIZE, SIZE)
    shown = refine(part.cut(output), condition, part)
    same = (shown - part.cut(condition[:, :3])).abs().amax(dim=(0, 1, 2))
    assert (same[:12] < 1e-5).all() and (same[12:] > 0.1).all()


def test_a_window_of_the_picture_is_its_part():
    torch.manual_seed(0)
    condition, part = conditions(), Window(5, 9, 12, 16)
    output = torch.randn(2, OUTPUT_CHANNELS + NUDGE_CHANNELS, SIZE, SIZE)
    whole = refine(output, condition)
    torch.testing.assert_close(refine(part.cut(output), condition, part), part.cut(whole))


def face_at(x: float, y: float, size: float = 0.3) -> np.ndarray:
    """Points spread over a box round (x, y)."""
    spread = np.random.default_rng(1).uniform(-0.5, 0.5, (478, 3)) * size
    return (spread + (x, y, 0)).astype(np.float32)


@pytest.mark.parametrize("where", ["in the face", "outside it"])
def test_what_stands_still_stops_trembling_and_what_moves_is_shown_at_once(where):
    random = np.random.default_rng(0)
    scene = np.full((64, 64, 3), 100, np.uint8)
    face = face_at(0.5, 0.5, 2.0) if where == "in the face" else face_at(5, 5)
    steady, shown = Steady(), []
    for number in range(20):
        frame = scene.astype(np.int16) + random.integers(-2, 3, scene.shape)
        frame[20:40, number : number + 12] = 220
        shown.append(steady.next(frame.clip(0, 255).astype(np.uint8), face))
        assert np.abs(shown[-1][22:38, number + 2 : number + 10].astype(int) - 220).max() <= 1
    still = np.stack(shown)[5:, 45:].astype(float)
    trembling = np.abs(np.diff(random.integers(-2, 3, (2, 9999)), axis=0)).mean()
    assert np.abs(np.diff(still, axis=0)).mean() < 0.5 * trembling
    assert abs(still.mean() - 100) < 0.3


def test_a_slow_change_is_followed_in_the_face_and_averaged_round_it():
    steady = Steady()
    for level in range(0, 100, 5):
        shown = steady.next(np.full((64, 64, 3), level, np.uint8), face_at(0.25, 0.5))
    assert 95 - int(shown[32, 16, 0]) < 5 < 95 - int(shown[32, 60, 0])


def tremble(random: np.random.Generator, levels: float, count: int = 30) -> list[np.ndarray]:
    """A still scene and noise of so many grey levels."""
    noise = random.normal(0, levels, (count, 48, 48, 3))
    return list((100 + noise).round().clip(0, 255).astype(np.uint8))


@pytest.mark.parametrize(("levels", "averaged", "grained"), [(0.3, False, True), (0.8, True, True), (1.6, True, True)])
def test_the_fitting_stillness_lets_a_stream_change_as_the_truth_does(levels, averaged, grained):
    random = np.random.default_rng(0)
    truth, shown, faces = tremble(random, 0.6), tremble(random, levels), [face_at(0.5, 0.5)] * 30
    stretch = Stretch(shown, faces, truth)
    strength, grain = fitting_stillness([stretch, stretch])
    assert (strength > 0, grain > 0) == (averaged, grained) and strength < MOST_STRENGTH and grain < MOST_LEVELS
    if averaged:
        less = strength - MOST_STRENGTH / 2**7  # what it is found to: pictures of whole levels make steps
        assert flicker_ratio([stretch.steadied(strength)]) <= 0.7 < flicker_ratio([stretch.steadied(less)])
    assert flicker_ratio([stretch.steadied(strength).with_grain(grain)]) == pytest.approx(1.0, abs=0.06)


def test_the_fitting_stillness_has_its_limits():
    random = np.random.default_rng(0)
    faces = [face_at(0.5, 0.5)] * 30
    calm, wild = tremble(random, 0.5), tremble(random, 30)
    assert fitting_stillness([Stretch(wild, faces, calm)]) == (MOST_STRENGTH, 0)
    assert fitting_stillness([Stretch(calm, faces, tremble(random, 1.2))])[0] == 0
    frozen = Stretch(calm, faces, [calm[0]] * len(calm))
    assert fitting_stillness([frozen]) == (MOST_STRENGTH, 0)
    steady = Steady(0)
    assert all((steady.next(picture, faces[0]) == picture).all() for picture in wild)


def test_a_face_that_comes_again_is_shown_once_more_and_settles_when_it_stays():
    other = (portrait_face() + (0.02, 0, 0)).astype(np.float32)
    references = tuple(Reference(portrait(), face) for face in (portrait_face(), other))
    renderer = Renderer(Puppet(SIZE_PX, references, grain=1.0))
    renderer.show(portrait_face())
    shown = [renderer.show(other.copy()) for _ in range(8)]
    assert all(picture is shown[0] for picture in shown[:4])
    assert all((now != before).any() for before, now in zip(shown[3:], shown[4:], strict=False))
    own = other.copy()
    renderer.show(own)
    own += 0.1  # the caller's array is the caller's
    assert (renderer.show(own) != shown[-1]).any()


def test_a_frame_whose_first_half_was_left_out_is_still_shown_when_its_face_comes_again():
    picture = cv2.resize(portrait(), (64, 64), interpolation=cv2.INTER_AREA)
    renderer = Renderer(Puppet(64, (Reference(picture, portrait_face()),)))
    before = renderer.show(portrait_face()).copy()
    moved = portrait_face() + np.float32((0.1, 0, 0))
    renderer.begin(moved)  # and a newer frame takes its place
    shown = renderer.finish(renderer.begin(moved))
    assert (shown != before).mean() > 0.2
    assert renderer.finish(renderer.begin(moved)) is shown


def test_a_blend_is_the_mean_by_shares():
    pictures = [np.full((4, 4, 4), level, np.uint8) for level in (10, 50, 255)]
    assert (mixed(pictures, [0.5, 0.25, 0.25]) == 81).all()  # 5 + 12.5 + 63.75
    assert mixed(pictures[:1], [1.0]) is pictures[0]
    many = list(np.random.default_rng(0).integers(0, 256, (8, 16, 16, 4)).astype(np.uint8))
    shares = [0.5, *[0.5 / 7] * 7]
    exact = np.tensordot(shares, np.stack(many).astype(np.float64), 1)
    assert np.abs(mixed(many, shares) - exact).max() < 2
    assert (mixed(many[:3], [1.0, 0.0, 0.0]) == many[0]).all()


def test_a_background_that_moves_along_is_not_refined_either():
    matte = np.zeros((SIZE_PX, SIZE_PX), np.uint8)
    matte[60:, 80:200] = 255
    puppet = Puppet(SIZE_PX, (Reference(portrait(), portrait_face(), matte),))
    for moving in (False, True):
        reach = Renderer(puppet, moving_background=moving).warped(portrait_face())[..., 3]
        assert (reach[100:, 100:180] == 255).all() and (reach[:40, :20] == 0).all()


@pytest.mark.parametrize("size_px", [64, 256, 512])
def test_the_reach_is_the_person_and_a_rim(size_px):
    alpha = np.zeros((size_px, size_px), np.uint8)
    alpha[:, : size_px // 2] = 255
    reach = reach_of(alpha)[size_px // 2]
    assert reach.shape == (size_px,) and (reach[: size_px // 2] == 255).all()
    rim = (reach[size_px // 2 :] > 0).sum() / size_px
    assert 1 / 32 <= rim <= 1 / 14 and (np.diff(reach.astype(int)) <= 0).all()


def test_a_repeated_picture_stays_the_same():
    random = np.random.default_rng(0)
    one, other = tremble(random, 2, 2)
    shown = [one, one, other, other]
    stretch = Stretch(shown, [face_at(0.5, 0.5)] * 4, shown).steadied(1).with_grain(1)
    assert stretch.pictures[1] is stretch.pictures[0] and stretch.pictures[3] is stretch.pictures[2]


@pytest.mark.parametrize("levels", [0.1, 0.5, 2.0])
def test_grain_changes_what_rests_as_much_as_told_and_all_channels_alike(levels):
    grey = np.full((64, 64, 3), 100, np.uint8)
    grain = Grain(levels, 64)
    shown = [grain.next(grey).astype(int) - 100 for _ in range(20)]
    assert np.abs(np.diff(shown, axis=0)).mean() == pytest.approx(levels, rel=0.05)
    assert abs(np.mean(shown)) < 0.05 * levels and np.ptp(shown, axis=3).max() == 0
    assert abs(np.corrcoef(shown[0].ravel(), shown[1].ravel())[0, 1]) < 0.05
    np.testing.assert_array_equal(Grain(levels, 64).next(grey), shown[0] + 100)


def test_grain_is_only_what_a_stream_lacks():
    random, faint = np.random.default_rng(0), Grain(0.5, 48)
    trembling = tremble(random, 0.9)
    assert faint.next(trembling[0]) is not trembling[0]
    assert all(faint.next(picture) is picture for picture in trembling[1:])  # changes by more than that itself
    some = tremble(random, 0.25)  # few pixels change, and some of the grain falls on them
    some = [*map(Grain(0.5, 48).next, some)]
    assert np.abs(np.diff(np.stack(some).astype(int), axis=0)).mean() == pytest.approx(0.5, abs=0.06)


def test_grain_wraps_nothing_round_and_has_its_limits():
    white = Grain(2.0, 64).next(np.full((64, 64, 3), 255, np.uint8))
    assert white.max() == 255 and white.min() > 240
    grey = np.full((64, 64, 3), 100, np.uint8)
    assert Grain(0.0, 64).next(grey) is grey
    for levels in (-1.0, MOST_LEVELS + 1):
        with pytest.raises(ValueError, match="levels"):
            Grain(levels, 64)


def test_a_steady_stream_begins_anew_with_another_size():
    steady = Steady()
    steady.next(np.zeros((8, 8, 3), np.uint8), face_at(0.5, 0.5))
    assert (steady.next(np.full((16, 16, 3), 9, np.uint8), face_at(0.5, 0.5)) == 9).all()


def test_what_is_shown_is_what_is_learnt_with():
    """The formula in OpenCV, for one picture after the other, beside the one in PyTorch, which has a gradient."""
    torch.manual_seed(0)
    network = make_network(SIZE, "live")
    for head in (network.to_picture, network.to_coarse):
        torch.nn.init.normal_(head.weight, std=0.2)
    shown = cv2.resize(portrait(), (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    reach = np.tile(np.linspace(0, 255, SIZE).astype(np.uint8), (SIZE, 1))
    layout = draw_layout(Pose(face=portrait_face()), SIZE)
    condition = as_condition(np.dstack([shown, reach])[None], layout[None])
    with torch.inference_mode():
        wanted = as_pictures(refine(network(condition), condition))[0].astype(int)
    refiner = Refiner(network, torch.device("cpu"))
    for _ in range(2):  # what is kept between pictures leaves no trace
        made = refiner.refined(shown, reach, layout).astype(int)
        assert np.abs(made - wanted).max() <= 4 and np.abs(made - wanted).mean() < 0.5
    assert np.abs(wanted - shown).mean() > 5


def test_a_refined_picture_is_the_same_where_little_of_it_may_be_refined():
    """The network works on the tiles that may change, from another size each time, and nothing else is touched."""
    torch.manual_seed(0)
    random = np.random.default_rng(0)
    network = make_network(256, "live").eval()
    for head in (network.to_picture, network.to_coarse):
        torch.nn.init.normal_(head.weight, std=0.1)
    refiner = Refiner(network, torch.device("cpu"))
    shown, layout = (cv2.GaussianBlur(one, (0, 0), 3) for one in random.integers(0, 256, (2, 256, 256, 3), np.uint8))
    for rows, columns in (
        (slice(70, 201), slice(101, 140)),
        (slice(0, 9), slice(240, 256)),
        (slice(90, 91), slice(0, 256)),
    ):
        reach = np.zeros((256, 256), np.uint8)
        reach[rows, columns] = random.integers(1, 256, reach[rows, columns].shape)
        condition = as_condition(np.dstack([shown, reach])[None], layout[None])
        with torch.inference_mode():
            wanted = as_pictures(refine(network(condition), condition))[0].astype(int)
        made = refiner.refined(shown, reach, layout)
        np.testing.assert_array_equal(made[reach == 0], shown[reach == 0])
        assert np.abs(made - wanted)[reach > 0].mean() < 0.5 and np.abs(wanted - shown)[reach > 0].mean() > 2
    np.testing.assert_array_equal(refiner.refined(shown, np.zeros_like(reach), layout), shown)


def test_without_the_extra_a_network_answers_as_it_does(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("cxanim.pipelines.quick.find_spec", lambda name: None)
    puppet = Puppet(
        SIZE, (Reference(np.zeros((SIZE, SIZE, 3), np.uint8), portrait_face()),), network=make_network(SIZE, "live")
    )
    plain, quickened = Renderer(puppet), Renderer(puppet)
    quickened.quicken()
    np.testing.assert_array_equal(quickened.show(portrait_face()), plain.show(portrait_face()))


def test_where_the_extra_fails_the_network_answers_as_it_does_and_it_is_noted(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    def broken(*_: object) -> None:
        raise RuntimeError("no such instruction")

    monkeypatch.setattr("cxanim.pipelines.quick.find_spec", lambda name: True)
    monkeypatch.setattr("cxanim.pipelines.quick._made", broken)
    puppet = Puppet(
        SIZE, (Reference(np.zeros((SIZE, SIZE, 3), np.uint8), portrait_face()),), network=make_network(SIZE, "live")
    )
    plain, quickened = Renderer(puppet), Renderer(puppet)
    quickened.quicken()
    np.testing.assert_array_equal(quickened.show(portrait_face()), plain.show(portrait_face()))
    assert "no such instruction" in caplog.text


def test_a_network_is_compiled_once_whoever_asks_and_what_is_printed_meanwhile_stays_in_order(
    monkeypatch: pytest.MonkeyPatch,
):
    made, printed = [], sys.stdout

    def compile_slowly(*_: object) -> MagicMock:
        made.append(sys.stdout)
        time.sleep(0.05)
        return MagicMock()

    monkeypatch.setattr(quick, "_made", compile_slowly)
    network = make_network(SIZE, "live")
    askers = [threading.Thread(target=quick.in_bytes, args=(network, list)) for _ in range(4)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    assert made == [sys.stderr] and sys.stdout is printed


def test_a_network_that_answers_in_bytes_shows_nearly_the_same(capsys: pytest.CaptureFixture):
    pytest.importorskip("openvino", reason="the extra openvino is not installed")
    pytest.importorskip("nncf", reason="the extra openvino is not installed")
    torch.manual_seed(0)
    network = make_network(64, "live").eval()
    torch.nn.init.normal_(network.to_picture.weight, std=0.2)
    picture = cv2.resize(portrait(), (64, 64), interpolation=cv2.INTER_AREA)
    puppet = Puppet(64, (Reference(picture, portrait_face()),), network=network)
    plain, quickened = Renderer(puppet), Renderer(puppet)
    quickened.quicken()
    shown, wanted = quickened.show(portrait_face()).astype(int), plain.show(portrait_face()).astype(int)
    assert capsys.readouterr().out == ""  # which may be wanted for JSON
    assert 0 < np.abs(shown - wanted).mean() < 0.1 * np.abs(wanted - picture).mean()
