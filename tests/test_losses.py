"""Perceptual, Gram and pixel losses, the objective that sums them, and the paper's applications."""

import pytest
import torch

from cxanim.losses import (
    APPLICATIONS,
    CRN_WEIGHTS,
    Objective,
    Term,
    content_loss,
    contextual_loss,
    gram_matrix,
    l1_loss,
    l2_loss,
    layer_names,
    perceptual_loss,
    relative_l1,
    style_loss,
    total_variation,
)

LAYERS = {"relu1_2": (2, 4, 8, 8), "relu2_2": (2, 6, 4, 4)}


def features(seed, shapes=LAYERS):
    random = torch.Generator().manual_seed(seed)
    return {layer: torch.rand(shape, generator=random) for layer, shape in shapes.items()}


@pytest.mark.parametrize("loss", [perceptual_loss, relative_l1, style_loss, content_loss])
def test_equal_features_cost_nothing_and_others_something_with_a_gradient(loss):
    fx, fy = features(0), features(1)
    assert loss(fy, fy).item() == 0
    fx["relu2_2"].requires_grad_()
    loss(fx, fy).backward()
    assert fx["relu2_2"].grad.abs().sum() > 0


@pytest.mark.parametrize("loss", [perceptual_loss, relative_l1, style_loss, content_loss, l1_loss, l2_loss])
def test_the_mean_is_that_of_the_samples_losses(loss):
    fx, fy = features(0), features(1)
    if loss in (l1_loss, l2_loss):
        fx, fy = fx["relu1_2"], fy["relu1_2"]
    each = loss(fx, fy, reduction="none")
    assert each.shape == (2,)
    assert each[0] != each[1]
    torch.testing.assert_close(loss(fx, fy), each.mean())
    with pytest.raises(ValueError, match="sum"):
        loss(fx, fy, reduction="sum")


def test_perceptual_loss_weighs_the_layers_named():
    fx, fy = features(0), features(1)
    distance = {layer: (fx[layer] - fy[layer]).abs().mean() for layer in fx}
    torch.testing.assert_close(perceptual_loss(fx, fy), distance["relu1_2"] + distance["relu2_2"])
    torch.testing.assert_close(perceptual_loss(fx, fy, {"relu2_2": 3.0}), 3 * distance["relu2_2"])
    by_crn = distance["relu1_2"] / 1.6 + distance["relu2_2"] / 2.3
    torch.testing.assert_close(perceptual_loss(fx, fy, "crn"), by_crn)
    assert CRN_WEIGHTS["relu5_2"] == 12.5


def test_perceptual_loss_refuses_layers_that_are_not_there():
    with pytest.raises(ValueError, match="relu3_2"):
        perceptual_loss(features(0), features(1), {"relu3_2": 1.0})
    with pytest.raises(ValueError, match="relu2_2"):
        perceptual_loss(features(0), {"relu1_2": features(1)["relu1_2"]})
    with pytest.raises(ValueError, match="none of which has a weight"):
        perceptual_loss({"conv1_1": torch.zeros(1, 1, 1, 1)}, {}, "crn")
    with pytest.raises(ValueError, match="crm"):
        perceptual_loss(features(0), features(1), "crm")


def test_relative_l1_is_a_share_of_the_targets_features():
    fy = features(1)
    assert relative_l1({layer: 1.25 * f for layer, f in fy.items()}, fy).item() == pytest.approx(0.25)
    fx = features(0)
    expected = sum(((fx[k][0] - fy[k][0]).abs().mean() / fy[k][0].mean()).item() for k in fx) / 2
    assert relative_l1(fx, fy, reduction="none")[0].item() == pytest.approx(expected, rel=1e-5)
    scaled = ({layer: 1e4 * f for layer, f in one.items()} for one in (fx, fy))
    torch.testing.assert_close(relative_l1(*scaled), relative_l1(fx, fy))


def test_gram_matrix_counts_common_activity_and_ignores_places():
    f = torch.tensor([[[[1.0, 2.0]], [[3.0, -1.0]]]])
    torch.testing.assert_close(gram_matrix(f), torch.tensor([[[5.0, 1.0], [1.0, 10.0]]]) / 4)
    fx = features(0)
    mirrored = {layer: map_.flip(3) for layer, map_ in fx.items()}
    assert style_loss(mirrored, fx).item() == pytest.approx(0, abs=1e-10)
    assert content_loss(mirrored, fx) > 0.01


def test_style_loss_is_the_squared_frobenius_distance():
    fx, fy = ({"relu1_2": f["relu1_2"][:1]} for f in (features(0), features(1)))
    distance = torch.linalg.matrix_norm(gram_matrix(fx["relu1_2"]) - gram_matrix(fy["relu1_2"])) ** 2
    torch.testing.assert_close(style_loss(fx, fy, {"relu1_2": 2.0}), 2 * distance[0])


def test_pixel_losses_have_known_values():
    x, y = torch.full((2, 3, 4, 4), 0.5), torch.full((2, 3, 4, 4), 0.25)
    assert l1_loss(x, y).item() == 0.25
    assert l2_loss(x, y).item() == 0.0625
    assert total_variation(x).item() == 0
    ramp = torch.linspace(0, 1, 5).expand(1, 3, 4, 5)
    assert total_variation(ramp).item() == pytest.approx(0.25)
    assert total_variation(ramp.transpose(2, 3), power=2).item() == pytest.approx(0.0625)
    with pytest.raises(ValueError, match="one size"):
        l1_loss(x, y[..., :3])
    with pytest.raises(ValueError, match="2 px"):
        total_variation(x[..., :1])


def test_objective_sums_weighted_terms_and_shows_each_before_its_weight():
    x = torch.tensor(3.0, requires_grad=True)
    objective = Objective(
        Term("near", 2.0, lambda output, target: (output - target).abs()), Term("small", 0.5, lambda output: output**2)
    )
    total, terms = objective(output=x, target=torch.tensor(1.0), unused=None)
    assert terms == {"near": 2.0, "small": 9.0}
    assert total.item() == 2.0 * 2.0 + 0.5 * 9.0
    total.backward()
    assert x.grad.item() == 2.0 * 1 + 0.5 * 6


def test_objective_never_computes_a_term_of_weight_0():
    def forbidden(output):
        raise AssertionError("computed")

    objective = Objective(Term("one", 1.0, lambda output: output), Term("none", 0.0, forbidden))
    assert objective(output=torch.tensor(2.0))[1] == {"one": 2.0}


def test_objective_says_which_input_it_lacks():
    objective = Objective(Term("near", 1.0, lambda output, target: output))
    with pytest.raises(ValueError, match="got output, expected target"):
        objective(output=torch.zeros(()))


def test_objective_refuses_senseless_terms():
    with pytest.raises(ValueError, match="weight"):
        Term("bad", -1.0, lambda output: output)
    with pytest.raises(ValueError, match="once"):
        Objective(Term("a", 1.0, lambda x: x), Term("a", 1.0, lambda x: x))
    with pytest.raises(ValueError, match="at least one"):
        Objective(Term("a", 0.0, lambda x: x))


@pytest.mark.parametrize("name", APPLICATIONS)
def test_every_application_logs_all_its_terms_and_moves_the_output(name):
    recipe = APPLICATIONS[name]
    assert set(recipe.layers) <= {*layer_names("small" if name.endswith("_small") else "vgg19"), "pixels"}
    sides = {layer: 32 if layer == "pixels" else 32 >> int(layer[4]) for layer in recipe.layers}
    shapes = {layer: (1, 4, side, side) for layer, side in sides.items()}
    output, target, source = (features(seed, shapes) for seed in range(3))
    image = torch.rand(1, 3, 32, 32, requires_grad=True)
    output = {layer: f.requires_grad_() for layer, f in output.items()}
    total, terms = recipe.objective()(output=output, target=target, source=source, image=image)
    wanted = {"cx_target"}
    wanted |= {"cx_source"} if recipe.source_layers else set()
    wanted |= {"perceptual"} if recipe.perceptual_layers else set()
    wanted |= {"variation"} if recipe.variation_weight else set()
    assert set(terms) == wanted
    total.backward()
    assert all(f.grad.abs().sum() > 0 for f in output.values())


def test_single_image_animation_is_cx_of_two_target_layers_and_one_source_layer():
    recipe = APPLICATIONS["single_image"]
    shapes = {"relu3_2": (1, 4, 6, 6), "relu4_2": (1, 4, 3, 3)}
    output, target, source = (features(seed, shapes) for seed in range(3))
    total, terms = recipe.objective()(output=output, target=target, source=source)
    cx_target = sum(contextual_loss(output[layer], target[layer], 0.5) for layer in shapes)
    assert terms["cx_target"] == pytest.approx(cx_target.item())
    assert terms["cx_source"] == pytest.approx(contextual_loss(output["relu4_2"], source["relu4_2"], 0.5).item())
    assert total.item() == pytest.approx(sum(terms.values()))
