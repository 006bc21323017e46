"""What else the Contextual loss can be asked for: other distances, who looks for whom, places, masks, layers."""

import math
import subprocess
import sys
from itertools import product

import pytest
import torch
from conftest import ROOT
from test_contextual import noise

from cxanim.losses import (
    ContextualLoss,
    contextual_loss,
    contextual_target,
    patches,
    sample_positions,
    stack_layers,
)

OPTIONS = [
    dict(distance=distance, direction=direction, spatial_weight=weight)
    for distance, direction, weight in product(("cosine", "l1", "l2"), ("target", "generated"), (0.0, 0.3))
]
ALL = pytest.mark.parametrize("options", OPTIONS, ids=lambda options: "-".join(map(str, options.values())))
FORMS = pytest.mark.parametrize("block", [None, 5, 100], ids=lambda block: f"block={block}")


def maps(seed: int, size: tuple[int, int] = (4, 5), batch: int = 1, dtype=torch.float64) -> torch.Tensor:
    return noise(batch, 3, *size, seed=seed, dtype=dtype)


def features(maps: torch.Tensor) -> list[tuple[list[float], tuple[float, float]]]:
    """Features of one map with their places, in the order of reading."""
    _, _, height, width = maps.shape
    return [
        (maps[0, :, row, column].tolist(), ((column + 0.5) / width, (row + 0.5) / height))
        for row in range(height)
        for column in range(width)
    ]


def loss_in_loops(x, y, bandwidth, distance, direction, spatial_weight):
    """Eqs. 2-5 one number at a time, with every option."""
    mean = [sum(feature[c] for feature, _ in y) / len(y) for c in range(3)]

    def apart(a, b):
        differences = [p - q for p, q in zip(a, b, strict=True)]
        if distance == "l1":
            return sum(map(abs, differences))
        if distance == "l2":
            return sum(d * d for d in differences)
        a, b = ([p - m for p, m in zip(one, mean, strict=True)] for one in (a, b))
        return 1 - sum(p * q for p, q in zip(a, b, strict=True)) / math.hypot(*a) / math.hypot(*b)

    shares = []
    for a, here in x:
        distances = [apart(a, b) + spatial_weight * math.dist(here, there) for b, there in y]
        weights = [math.exp((1 - d / (min(distances) + 1e-5)) / bandwidth) for d in distances]
        shares.append([weight / sum(weights) for weight in weights])
    if direction == "generated":
        return -math.log(sum(max(row) for row in shares) / len(x))
    return -math.log(sum(max(row[j] for row in shares) for j in range(len(y))) / len(y))


@ALL
@FORMS
@pytest.mark.parametrize("size", [(4, 5), (3, 4), (5, 6)])
def test_agrees_with_plain_loops(options, block, size):
    x, y = maps(1, size), maps(2)
    oracle = loss_in_loops(features(x), features(y), 0.4, **options)
    assert contextual_loss(x, y, 0.4, block=block, **options).item() == pytest.approx(oracle, rel=1e-9)


@ALL
@FORMS
def test_gradient_is_the_slope_of_the_value(options, block):
    x, y = maps(3, (2, 3), batch=2).requires_grad_(), maps(4, (3, 2), batch=2).requires_grad_()
    assert torch.autograd.gradcheck(lambda x, y: contextual_loss(x, y, 0.5, block=block, **options), (x, y))


@ALL
def test_chunked_form_equals_the_matrix_form_in_float32(options):
    found = []
    for block in (None, 37):
        x, y = (maps(seed, (12, 11), batch=2, dtype=torch.float32).requires_grad_() for seed in (5, 6))
        loss = contextual_loss(x, y, 0.3, block=block, **options)
        found.append((loss, *torch.autograd.grad(loss, (x, y))))
    for plain, chunked in zip(*found, strict=True):
        assert (chunked - plain).norm() <= 1e-4 * plain.norm() and plain.norm() > 0


@FORMS
def test_where_the_generated_features_look_none_is_foreign_but_many_may_share_a_partner(block):
    y = maps(1)
    one = y[..., :1, :1].repeat(1, 1, 4, 5)  # a single feature of the target, everywhere
    assert contextual_loss(one, y, 0.1, direction="generated", block=block).item() == pytest.approx(0, abs=1e-3)
    assert contextual_loss(one, y, 0.1, direction="target", block=block).item() == pytest.approx(math.log(20), abs=1e-3)


@FORMS
def test_places_make_a_difference_between_equal_features(block):
    y = torch.cat([maps(1, (4, 2)), maps(1, (4, 2))], dim=3)  # each feature twice, on the left and on the right
    assert contextual_loss(y, y, 0.1, block=block).item() == pytest.approx(math.log(2), abs=1e-6)
    assert contextual_loss(y, y, 0.1, spatial_weight=0.1, block=block).item() == pytest.approx(0, abs=1e-6)
    swapped = y.roll(2, dims=3)
    assert contextual_loss(swapped, y, 0.1, spatial_weight=0.1, block=block).item() == pytest.approx(0, abs=1e-6)
    shifted = noise(1, 3, 4, 4).roll(1, dims=2)
    costs = [contextual_loss(shifted, noise(1, 3, 4, 4), 0.1, spatial_weight=w, block=block) for w in (0, 0.1, 1)]
    assert costs[0] < 1e-5 < costs[1] < costs[2] and costs[2] > 0.2


@pytest.mark.parametrize("options", [options for options in OPTIONS if not options["spatial_weight"]])
@FORMS
def test_what_is_masked_is_as_if_it_were_not_there(options, block):
    x, y = maps(1, batch=2), maps(2, (3, 6), batch=2)
    x_mask, y_mask = torch.rand(2, 1, 4, 5) > 0.4, torch.rand(2, 3, 6) > 0.4
    loss = contextual_loss(x, y, 0.4, x_mask=x_mask, y_mask=y_mask, reduction="none", block=block, **options)
    for sample in range(2):
        mine = x[sample].flatten(1)[:, x_mask[sample].flatten()][None]
        its = y[sample].flatten(1)[:, y_mask[sample].flatten()][None]
        torch.testing.assert_close(loss[sample], contextual_loss(mine, its, 0.4, **options))


def test_masked_places_stay_where_they_are():
    x, y, mask = maps(1), maps(2), torch.ones(1, 4, 5, dtype=torch.bool)
    mask[:, 1:3] = False
    kept = [one for one, counts in zip(features(y), mask.flatten().tolist(), strict=True) if counts]
    oracle = loss_in_loops(features(x), kept, 0.4, "cosine", "target", 0.3)
    assert contextual_loss(x, y, 0.4, spatial_weight=0.3, y_mask=mask).item() == pytest.approx(oracle, rel=1e-9)


@ALL
def test_a_target_made_ready_gives_what_the_target_gives(options):
    x, y = maps(1, batch=2), maps(2, (3, 4), batch=2)
    mask = torch.rand(2, 1, 3, 4) > 0.3
    ready = contextual_target(y, distance=options["distance"], mask=mask)
    assert torch.equal(contextual_loss(x, ready, 0.4, **options), contextual_loss(x, y, 0.4, y_mask=mask, **options))


def test_sampled_positions_are_the_same_of_both_and_fresh():
    x = noise(1, 8, 30, 30)
    random = torch.Generator().manual_seed(0)
    alike = [contextual_loss(x, x, 0.1, max_positions=100, generator=random).item() for _ in range(2)]
    assert alike == pytest.approx([0, 0], abs=1e-6)  # with positions of their own most would have no partner
    y = noise(1, 8, 30, 30, seed=1)
    first, second = (contextual_loss(x, y, 0.1, max_positions=100, generator=random) for _ in range(2))
    again = contextual_loss(x, y, 0.1, max_positions=100, generator=torch.Generator().manual_seed(0))
    picked = contextual_target(y)  # by the mean of all
    chosen = torch.randperm(900, generator=torch.Generator().manual_seed(0))[:100]
    of_chosen = contextual_loss(
        x.flatten(2)[..., chosen] - picked.mean.mT, y.flatten(2)[..., chosen] - picked.mean.mT, 0.1
    )
    assert first != second and again.item() == pytest.approx(of_chosen.item(), rel=0.05)
    assert contextual_loss(x[..., :20], y, 0.1, max_positions=100) <= math.log(100)


def test_several_layers_are_summed_by_their_weights_or_joined():
    x, y = ({"a": maps(seed, (6, 6)), "b": noise(1, 5, 3, 3, seed=seed)} for seed in (1, 2))
    each = {name: contextual_loss(x[name], y[name], 0.3) for name in x}
    torch.testing.assert_close(ContextualLoss(0.3)(x, y), each["a"] + each["b"])
    torch.testing.assert_close(ContextualLoss(0.3, layers=("b",))(x, y), each["b"])
    torch.testing.assert_close(ContextualLoss(0.3, layers={"a": 0.5, "b": 2})(x, y), each["a"] / 2 + 2 * each["b"])
    joined = contextual_loss(stack_layers(x, ("a", "b")), stack_layers(y, ("a", "b")), 0.3)
    module = ContextualLoss(0.3, layers=("a", "b"), stacked=True)
    torch.testing.assert_close(module(x, y), joined)
    torch.testing.assert_close(module(x, module.target(y)), joined)
    assert ContextualLoss(0.3, reduction="none")(x, y).shape == (1,)


def test_patches_are_each_position_with_its_neighbours():
    picture = noise(1, 3, 9, 8)
    made = patches(picture, 5, 2)
    assert made.shape == (1, 75, 3, 2)
    torch.testing.assert_close(made[0, :, 1, 1], picture[0, :, 2:7, 2:7].flatten())
    module = ContextualLoss(0.5, patch=5, stride=2)
    other = noise(1, 3, 9, 8, seed=1)
    torch.testing.assert_close(module(picture, other), contextual_loss(made, patches(other, 5, 2), 0.5))


def test_a_mask_of_the_picture_becomes_one_of_each_layer():
    x, y = ({"a": maps(seed, (8, 8)), "b": maps(seed + 9, (4, 4))} for seed in (1, 2))
    mask = torch.zeros(1, 1, 32, 32, dtype=torch.bool)
    mask[..., :16, :] = True
    module = ContextualLoss(0.3)
    upper = [{name: one[..., : one.shape[2] // 2, :] for name, one in side.items()} for side in (x, y)]
    torch.testing.assert_close(module(x, y, mask, mask), module(*upper))
    torch.testing.assert_close(module(x, module.target(y, mask), mask), module(*upper))


@pytest.mark.parametrize("block", [None, 16])
@pytest.mark.parametrize("direction", ["target", "generated"])
def test_compiles_as_one_graph_to_the_same_value_and_gradient(block, direction):
    torch._dynamo.reset()
    module = ContextualLoss(0.3, block=block, direction=direction, spatial_weight=0.1)
    compiled = torch.compile(module, fullgraph=True, backend="aot_eager")
    found = []
    for loss in (module, compiled):
        x, y = (maps(seed, (6, 7), dtype=torch.float32).requires_grad_() for seed in (1, 2))
        value = loss(x, y)
        found.append((value.detach(), *torch.autograd.grad(value, (x, y))))
    for eager, traced in zip(*found, strict=True):
        torch.testing.assert_close(traced, eager)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"distance": "L2"}, ValueError, "distance"),
        ({"direction": "both"}, ValueError, "direction"),
        ({"spatial_weight": -1}, ValueError, "spatial_weight"),
        ({"spatial_weight": 1, "x": torch.zeros(1, 3, 20)}, ValueError, "positions"),
        ({"x_mask": torch.ones(1, 4, 5)}, TypeError, "bool"),
        ({"x_mask": torch.ones(1, 4, 4, dtype=torch.bool)}, ValueError, "x_mask"),
        ({"y_mask": torch.zeros(1, 4, 5, dtype=torch.bool)}, ValueError, "nothing counts"),
        ({"y": contextual_target(torch.zeros(1, 3, 4, 5), distance="l1")}, ValueError, "made ready"),
    ],
)
def test_refuses_what_does_not_fit(change, error, words):
    given = {"x": torch.zeros(1, 3, 4, 5), "y": torch.zeros(1, 3, 4, 5)}
    with pytest.raises(error, match=words):
        contextual_loss(**(given | change))


@pytest.mark.parametrize(
    ("options", "x", "y", "words"),
    [
        ({"layers": ("a",)}, maps(1), maps(1), "dictionary"),
        ({"layers": ("a",)}, {"b": maps(1)}, {"b": maps(1)}, "'a'"),
        ({}, {"a": maps(1)}, {"b": maps(1)}, "'a'"),
        ({}, {}, {}, "none"),
    ],
)
def test_the_module_says_which_layer_is_missing(options, x, y, words):
    with pytest.raises(ValueError, match=words):
        ContextualLoss(0.5, **options)(x, y)


def test_the_module_refuses_one_name_for_a_list():
    with pytest.raises(TypeError, match="list"):
        ContextualLoss(layers="relu3_2")


def test_the_example_of_a_training_loop_runs():
    program = [sys.executable, str(ROOT / "examples" / "training_loop.py"), "2"]
    shown = subprocess.run(program, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert shown.count("of the sharpness") == 2


def test_sampling_by_hand_is_unchanged():
    x = noise(1, 3, 10, 10)
    assert sample_positions(x, x, 100)[0] is x
