"""The last step to a picture: what a network that says nothing shows, and which way its nudge goes."""

import math

import numpy as np
import pytest
import torch

from cxanim.models.crn import Window
from cxanim.pipelines.puppet import CONDITION_CHANNELS, NUDGE_CHANNELS, OUTPUT_CHANNELS, make_network
from cxanim.pipelines.render import LARGEST_NUDGE, as_condition, as_pictures, refine
from cxanim.pipelines.steady import MOST_STRENGTH, Steady, Stretch, fitting_strength

SIZE = 32


def conditions() -> torch.Tensor:
    random = np.random.default_rng(0)
    pictures = random.integers(0, 256, (2, SIZE, SIZE, 3), dtype=np.uint8)
    return as_condition(pictures, np.zeros_like(pictures))


def silence() -> torch.Tensor:
    return torch.zeros(2, OUTPUT_CHANNELS + NUDGE_CHANNELS, SIZE, SIZE)


def test_condition_and_picture_are_each_other_undone():
    condition = conditions()
    assert condition.shape == (2, CONDITION_CHANNELS, SIZE, SIZE)
    back = as_pictures(condition[:, :3])
    assert back.dtype == np.uint8 and back.shape == (2, SIZE, SIZE, 3)
    np.testing.assert_array_equal(as_condition(back, np.zeros_like(back)), condition)


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
    condition[:, :3, 10, 12] = 1.0
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
    output[:, :3, :, 16:] = 0.3
    shown = refine(output, condition)
    assert torch.allclose(shown[..., :16], torch.tensor(0.5), atol=1e-5)
    assert torch.allclose(shown[..., 16:], torch.tensor(0.5 + math.tanh(0.3)), atol=1e-5)


def test_a_window_of_the_picture_is_its_part():
    torch.manual_seed(0)
    condition, part = conditions(), Window(5, 9, 12)
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


@pytest.mark.parametrize("levels", [0.8, 1.6])
def test_the_fitting_strength_lets_a_stream_tremble_as_the_truth_does(levels):
    random = np.random.default_rng(0)
    truth, shown, faces = tremble(random, 0.6), tremble(random, levels), [face_at(0.5, 0.5)] * 30
    stretch = Stretch(shown, faces, truth)
    strength = fitting_strength([stretch, stretch])
    changed, was = stretch.flicker(strength)
    assert 0 < strength < MOST_STRENGTH and 0.85 < changed / was <= 1.05


def test_the_fitting_strength_has_its_limits():
    random = np.random.default_rng(0)
    faces = [face_at(0.5, 0.5)] * 30
    calm, wild = tremble(random, 0.5), tremble(random, 30)
    assert fitting_strength([Stretch(wild, faces, calm)]) == MOST_STRENGTH
    assert fitting_strength([Stretch(calm, faces, tremble(random, 0.7))]) == 0
    steady = Steady(0)
    assert all((steady.next(picture, faces[0]) == picture).all() for picture in wild)


def test_a_steady_stream_begins_anew_with_another_size():
    steady = Steady()
    steady.next(np.zeros((8, 8, 3), np.uint8), face_at(0.5, 0.5))
    assert (steady.next(np.full((16, 16, 3), 9, np.uint8), face_at(0.5, 0.5)) == 9).all()
