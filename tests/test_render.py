"""The last step to a picture: what a network that says nothing shows, and which way its nudge goes."""

import math

import numpy as np
import torch

from cxanim.pipelines.puppet import CONDITION_CHANNELS, NUDGE_CHANNELS, OUTPUT_CHANNELS, make_network
from cxanim.pipelines.render import LARGEST_NUDGE, as_condition, as_pictures, refine

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
    output[:, 4] = math.atanh(share / LARGEST_NUDGE)
    shown = refine(output, condition)[0, 0]
    y, x = divmod(int(shown.argmax()), SIZE)
    assert (x, y) == (12 - 3, 10) and shown[y, x] > 0.99
    output[:, 4], output[:, 5] = 0.0, math.atanh(share / LARGEST_NUDGE)
    shown = refine(output, condition)[0, 0]
    y, x = divmod(int(shown.argmax()), SIZE)
    assert (x, y) == (12, 10 - 3)


def test_colour_changes_only_where_the_mask_is_open():
    condition, output = torch.full((2, CONDITION_CHANNELS, SIZE, SIZE), 0.5), silence()
    output[:, :3] = 0.3
    output[:, 3], output[:, 3, :, 16:] = -30.0, 30.0
    shown = refine(output, condition)
    assert torch.allclose(shown[..., :16], torch.tensor(0.5), atol=1e-5)
    assert torch.allclose(shown[..., 16:], torch.tensor(0.5 + math.tanh(0.3)), atol=1e-5)
