"""The Contextual loss against known answers, an oracle in plain loops, and its own properties."""

import math

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from cxanim.losses import (
    ContextualLoss,
    contextual_loss,
    lattice,
    patches,
    patches_at,
    sample_positions,
    stack_layers,
    stack_layers_at,
)
from cxanim.losses.contextual import _pays_in_chunks
from cxanim.losses.contextual_chunked import _by_blocks, _gradients_by_blocks

FORMS = pytest.mark.parametrize("block", [None, 1, 4, 100], ids=lambda block: f"block={block}")

# CX of the waves below with the paper's distance 1 - cos, by the bandwidth.
KNOWN = {0.1: 0.77256323, 0.2: 0.73476700, 0.5: 0.70399114, 1.0: 0.63241107}
MEAN_OVER_GENERATED = {0.1: 0.93890504, 0.2: 0.89140000, 0.5: 0.80411200, 1.0: 0.68735349}
MINIMUM_OVER_GENERATED = {0.1: 0.98204611, 0.2: 0.95684730, 0.5: 0.91730905, 1.0: 0.83953111}


def waves():
    i, c = torch.arange(6, dtype=torch.float64), torch.arange(4, dtype=torch.float64)[:, None]
    return torch.sin(1.3 * i + 0.7 * c)[None], torch.cos(0.9 * i + 1.1 * c)[None]


def noise(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def loss_in_loops(x, y, bandwidth):
    """Eqs. 2-5 for lists of features, one number at a time."""
    channels = range(len(y[0]))
    mean = [sum(feature[c] for feature in y) / len(y) for c in channels]

    def cosine(a, b):
        a, b = ([feature[c] - mean[c] for c in channels] for feature in (a, b))
        return sum(p * q for p, q in zip(a, b, strict=True)) / math.hypot(*a) / math.hypot(*b)

    shares = []
    for a in x:
        distances = [1 - cosine(a, b) for b in y]
        weights = [math.exp((1 - d / (min(distances) + 1e-5)) / bandwidth) for d in distances]
        shares.append([weight / sum(weights) for weight in weights])
    return -math.log(sum(max(row[j] for row in shares) for j in range(len(y))) / len(y))


@FORMS
@pytest.mark.parametrize("bandwidth", KNOWN)
def test_meets_the_known_answers(bandwidth, block):
    x, y = waves()
    similarity = contextual_loss(x, y, bandwidth, block=block).neg().exp().item()
    assert similarity == pytest.approx(KNOWN[bandwidth], abs=1e-6)
    assert similarity != pytest.approx(MEAN_OVER_GENERATED[bandwidth], abs=1e-3)
    assert similarity != pytest.approx(MINIMUM_OVER_GENERATED[bandwidth], abs=1e-3)


@FORMS
@pytest.mark.parametrize(("n", "m"), [(7, 7), (5, 9), (9, 5)])
def test_agrees_with_plain_loops(n, m, block):
    x, y = noise(1, 3, n, seed=1), noise(1, 3, m, seed=2)
    oracle = loss_in_loops(x[0].T.tolist(), y[0].T.tolist(), 0.3)
    assert contextual_loss(x, y, 0.3, block=block).item() == pytest.approx(oracle, rel=1e-9)


@FORMS
def test_gradient_is_the_slope_of_the_value(block):
    x, y = noise(2, 3, 6, seed=3).requires_grad_(), noise(2, 3, 7, seed=4).requires_grad_()
    assert torch.autograd.gradcheck(lambda x, y: contextual_loss(x, y, 0.5, block=block), (x, y))


@pytest.mark.parametrize("block", [1, 7, 64, 1000])
@pytest.mark.parametrize("bandwidth", [0.1, 0.5])
def test_chunked_form_equals_the_matrix_form(block, bandwidth):
    grads, values = [], []
    for form in (None, block):
        x = noise(2, 16, 200, seed=5, dtype=torch.float32).requires_grad_()
        y = noise(2, 16, 150, seed=6, dtype=torch.float32).requires_grad_()
        loss = contextual_loss(x, y, bandwidth, block=form)
        grads.append(torch.autograd.grad(loss, (x, y)))
        values.append(loss.item())
    assert values[1] == pytest.approx(values[0], rel=1e-5)
    for plain, chunked in zip(*grads, strict=True):
        assert (chunked - plain).norm() <= 1e-5 * plain.norm()
        assert plain.norm() > 0


@FORMS
def test_ignores_where_features_are(block):
    x, y = noise(1, 4, 5, 6), noise(1, 4, 6, 5, seed=1)
    shuffled = y.flatten(2)[..., torch.randperm(30, generator=torch.Generator().manual_seed(0))]
    expected = contextual_loss(x, y, block=block)
    torch.testing.assert_close(contextual_loss(x.transpose(2, 3).flip(2), shuffled, block=block), expected)


@FORMS
def test_ignores_a_common_scale(block):
    x, y = noise(1, 4, 20), noise(1, 4, 20, seed=1)
    expected = contextual_loss(x, y, block=block)
    torch.testing.assert_close(contextual_loss(1e4 * x, 1e4 * y, block=block), expected)
    torch.testing.assert_close(contextual_loss(1e-9 * x, 1e-9 * y, block=block), expected)


@FORMS
def test_distinct_features_against_themselves_cost_nothing(block):
    x = noise(1, 8, 40)
    assert contextual_loss(x, x, 0.1, block=block).item() == pytest.approx(0, abs=1e-6)


@FORMS
def test_each_feature_twice_costs_ln_2(block):
    x = noise(1, 8, 40).repeat(1, 1, 2)
    assert contextual_loss(x, x, 0.1, block=block).item() == pytest.approx(math.log(2), abs=1e-6)


@FORMS
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.float64])
def test_a_flat_target_costs_ln_m_and_gives_finite_gradients(block, dtype):
    y = torch.full((1, 5, 3, 3), 0.3, dtype=dtype)
    for x in (y.clone(), noise(1, 5, 3, 3, dtype=dtype)):
        x.requires_grad_()
        loss = contextual_loss(x, y, block=block)
        loss.backward()
        assert loss.item() == pytest.approx(math.log(9), abs=1e-5)
        assert x.grad.isfinite().all()


@FORMS
def test_a_flat_generated_image_gives_finite_gradients_and_the_highest_loss(block):
    x, y = torch.zeros(1, 5, 9).requires_grad_(), noise(1, 5, 9, dtype=torch.float32)
    y -= y.mean(dim=2, keepdim=True)  # so that every generated feature lies exactly at the target's mean
    loss = contextual_loss(x, y, block=block)
    loss.backward()
    assert loss.item() == pytest.approx(math.log(9), rel=1e-5)
    assert x.grad.abs().max() < 1e3


@FORMS
def test_a_single_position_costs_nothing(block):
    x = noise(2, 5, 1, 1).requires_grad_()
    loss = contextual_loss(x, noise(2, 5, 1, 1, seed=1), block=block)
    loss.backward()
    assert loss.item() == pytest.approx(0, abs=1e-7)
    assert x.grad.isfinite().all()


@FORMS
@pytest.mark.parametrize(("n", "m"), [(30, 30), (10, 30), (30, 10)])
def test_stays_within_its_bounds(n, m, block):
    for seed in range(5):
        loss = contextual_loss(noise(1, 3, n, seed=seed), noise(1, 3, m, seed=seed + 9), block=block).item()
        assert max(0.0, math.log(m / n)) <= loss <= math.log(m) + 1e-9


def test_is_not_symmetric():
    x, y = waves()
    assert contextual_loss(y, x, 0.5).neg().exp().item() == pytest.approx(0.6663, abs=1e-4)
    assert abs(contextual_loss(y, x, 0.5) - contextual_loss(x, y, 0.5)) > 0.05


@FORMS
def test_every_sample_stands_for_itself(block):
    x, y = noise(3, 4, 20), 5 * noise(3, 4, 25, seed=1) + noise(3, 4, 1, seed=2)
    together = contextual_loss(x, y, reduction="none", block=block)
    alone = [contextual_loss(x[i : i + 1], y[i : i + 1], block=block) for i in range(3)]
    torch.testing.assert_close(together, torch.stack(alone))
    torch.testing.assert_close(contextual_loss(x, y, block=block), together.mean())


@FORMS
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_features_cost_what_they_cost_in_float32(dtype, block):
    x, y = (300 * noise(1, 8, 50, seed=seed, dtype=dtype) for seed in (0, 1))
    expected = contextual_loss(x.float(), y.float(), block=block)
    assert expected.dtype == torch.float32
    torch.testing.assert_close(contextual_loss(x, y, block=block), expected)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(contextual_loss(x.float(), y.float(), block=block), expected)


def test_a_gpu_takes_the_plain_form_until_its_matrices_fill_the_memory():
    few, many = (torch.empty(8, points, 4, device="meta") for points in (2048, 4096))  # no CPU: any other device
    assert not _pays_in_chunks(few, few) and _pays_in_chunks(many, many)
    assert _pays_in_chunks(*(torch.empty(1, 1200, 4) for _ in "xy"))
    assert not _pays_in_chunks(*(torch.empty(1, 1199, 4) for _ in "xy"))  # where a CPU is as quick with the plain one


def test_float64_features_stay_float64():
    assert contextual_loss(*waves()).dtype == torch.float64


@pytest.mark.parametrize(("bandwidth", "expected"), [(0.1, 4.63), (0.2, 5.71), (0.5, 6.43), (1.0, 6.68)])
def test_independent_noise_costs_what_was_computed_for_it(bandwidth, expected):
    x, y = noise(1, 256, 1024, dtype=torch.float32), noise(1, 256, 1024, seed=1, dtype=torch.float32)
    assert contextual_loss(x, y, bandwidth).item() == pytest.approx(expected, abs=0.05)


class LargestTensor(TorchDispatchMode):
    """Remembers the largest result of any operation."""

    elements = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        sizes = [leaf.numel() for leaf in tree_leaves(result) if isinstance(leaf, torch.Tensor)]
        self.elements = max([self.elements, *sizes])
        return result


def test_chunked_form_never_makes_the_whole_matrix():
    def largest(n, block):
        x, y = noise(1, 4, n, dtype=torch.float32).requires_grad_(), noise(1, 4, n, seed=1, dtype=torch.float32)
        with LargestTensor() as seen:
            contextual_loss(x, y, block=block).backward()
        assert x.grad.norm() > 0
        return seen.elements

    def largest_inside(n, block):  # an operator's insides are not seen from outside it
        x, y = noise(n, 4, dtype=torch.float32), noise(n, 4, seed=1, dtype=torch.float32)
        with LargestTensor() as seen:
            _, *found = _by_blocks(x, y, None, None, 0.5, block, "cosine", "target", 0.0)
            gradient, _ = _gradients_by_blocks(
                torch.ones(()), x, y, None, None, *found, 0.5, block, "cosine", 0.0, for_x=True, for_y=False
            )
        assert gradient.norm() > 0
        return seen.elements

    assert largest(1024, None) >= 1024**2
    assert largest(1024, 16) < 16 * 1024 and largest(2048, "auto") < 2048**2
    assert largest_inside(1024, 16) == 16 * 1024
    assert largest_inside(2048, 16) == 16 * 2048


def test_module_keeps_its_options():
    x, y = noise(2, 4, 9), noise(2, 4, 9, seed=1)
    module = ContextualLoss(bandwidth=0.2, reduction="none", block=4)
    torch.testing.assert_close(module(x, y), contextual_loss(x, y, 0.2, reduction="none"))
    assert "bandwidth=0.2" in repr(module)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"bandwidth": 0}, "bandwidth"),
        ({"bandwidth": float("nan")}, "bandwidth"),
        ({"block": 0}, "block"),
        ({"block": "large"}, "block"),
        ({"reduction": "sum"}, "reduction"),
        ({"y": torch.zeros(1, 3, 5)}, "channels"),
        ({"x": torch.zeros(2, 4, 5)}, "batch"),
        ({"x": torch.zeros(4, 5)}, "shape"),
        ({"x": torch.zeros(1, 4, 0)}, "empty"),
    ],
)
def test_refuses_what_does_not_fit(change, words):
    with pytest.raises(ValueError, match=words):
        contextual_loss(**({"x": torch.zeros(1, 4, 5), "y": torch.zeros(1, 4, 5)} | change))


def test_refuses_whole_numbers():
    with pytest.raises(TypeError, match="floating"):
        contextual_loss(torch.zeros(1, 4, 5, dtype=torch.uint8), torch.zeros(1, 4, 5))


def test_samples_the_same_positions_of_both_maps():
    x = torch.arange(100.0).view(1, 1, 10, 10).repeat(2, 3, 1, 1)
    a, b = sample_positions(x, x + 1000, 30, torch.Generator().manual_seed(0))
    assert a.shape == b.shape == (2, 3, 30)
    assert torch.equal(a + 1000, b)
    assert len(a[0, 0].unique()) == 30


def test_samples_afresh_each_time_and_again_with_the_same_seed():
    x = torch.arange(100.0).view(1, 1, 100)
    random = torch.Generator().manual_seed(0)
    first, second = (sample_positions(x, x, 30, random)[0] for _ in range(2))
    again = sample_positions(x, x, 30, torch.Generator().manual_seed(0))[0]
    assert not torch.equal(first, second)
    assert torch.equal(first, again)


def test_leaves_small_maps_whole_and_caps_large_ones_at_65_squared():
    x = torch.zeros(1, 1, 65, 65)
    assert sample_positions(x, x)[0] is x
    assert sample_positions(torch.zeros(1, 1, 66, 66), torch.zeros(1, 1, 66, 66))[0].shape == (1, 1, 4225)


def test_refuses_to_sample_maps_of_different_sizes():
    with pytest.raises(ValueError, match="sizes"):
        sample_positions(torch.zeros(1, 1, 4, 4), torch.zeros(1, 1, 4, 5))


def test_stacks_layers_at_the_size_of_the_first():
    features = {"relu2_1": torch.ones(1, 4, 8, 8), "relu3_1": torch.ones(1, 8, 4, 4)}
    stacked = stack_layers(features, ("relu2_1", "relu3_1"))
    assert stacked.shape == (1, 12, 8, 8)
    torch.testing.assert_close(stacked[0, :, 0, 0], torch.tensor([1 / 4] * 4 + [1 / 8] * 8))


def test_a_lattice_leaves_no_holes_and_comes_everywhere_in_time():
    random, seen = torch.Generator().manual_seed(0), torch.zeros(40 * 60, dtype=torch.bool)
    for _ in range(300):
        chosen = lattice(40, 60, 150, random)
        assert 100 <= len(chosen) <= 204 and len(chosen.unique()) == len(chosen)
        rows, columns = (chosen // 60).unique(), (chosen % 60).unique()
        assert rows.diff().max() <= 4 and columns.diff().max() <= 4
        seen[chosen] = True
    assert seen.all()
    assert torch.equal(lattice(5, 6, 100, random), torch.arange(30))


def test_layers_and_patches_at_some_positions_are_those_of_all():
    features = {"relu2_1": noise(2, 4, 12, 16), "relu3_1": noise(2, 8, 6, 8, seed=1), "odd": noise(2, 2, 5, 3, seed=2)}
    layers, some = tuple(features), torch.tensor([0, 5, 15, 16, 100, 191])
    for scales in (None, {"relu2_1": 1.5, "relu3_1": 0.5, "odd": 3.0}):
        whole = stack_layers(features, layers, scales).flatten(2)
        torch.testing.assert_close(stack_layers_at(features, layers, some, scales), whole[..., some])
    some = torch.tensor([0, 13, 14, 50, 139])
    torch.testing.assert_close(
        patches_at(features["relu2_1"], some, 3), patches(features["relu2_1"], 3).flatten(2)[..., some]
    )
