"""The cascaded refinement network: its size, its norm, and what each module sees."""

import pytest
import torch
import torch.nn.functional as F

from cxanim.models import CRN, PRESETS, CRNShape, multiply_adds
from cxanim.models.crn import RefinementModule, Window, shrink_to

TINY = CRNShape((6, 5, 4), norm="layer")


def network(shape=TINY, size_px: int = 16, in_channels: int = 3, out_channels: int = 4) -> CRN:
    torch.manual_seed(0)
    return CRN(in_channels, out_channels, size_px, shape)


def weightless(in_channels: int, out_channels: int, shape: str) -> CRN:
    with torch.device("meta"):
        return CRN(in_channels, out_channels, 256, shape)


def test_paper_has_the_parameters_and_the_work_of_the_authors_network():
    paper = weightless(6, 3, "paper")
    assert sum(weight.numel() for weight in paper.parameters()) == pytest.approx(24.3e6, rel=0.01)
    assert multiply_adds(paper) == pytest.approx(133e9, rel=0.01)


def test_live_costs_at_most_3_gflop():
    assert 2e9 < 2 * multiply_adds(weightless(6, 4, "live")) <= 3e9


def test_multiply_adds_by_hand():
    # 3 -> 6 -> 6 at 4 px, 6 + 3 -> 5 -> 5 at 8 px, 5 + 3 -> 4 -> 4 at 16 px; then 4 -> 4 by a 1x1 convolution.
    by_hand = 9 * (16 * (3 * 6 + 6 * 6) + 64 * (9 * 5 + 5 * 5) + 256 * (8 * 4 + 4 * 4)) + 256 * 4 * 4
    assert multiply_adds(network()) == by_hand


@pytest.mark.parametrize("size_px", [8, 16, 64])
def test_the_picture_is_as_large_as_the_condition(size_px):
    condition = torch.rand(2, 3, size_px, size_px)
    assert network(size_px=size_px)(condition).shape == (2, 4, size_px, size_px)
    assert network(size_px=size_px).sides[0] == 4 and network(size_px=size_px).sides[-1] == size_px


def test_group_norm_of_one_group_is_layer_norm_over_channels_and_places():
    torch.manual_seed(1)
    module = RefinementModule(3, 5, "layer")
    norm = module.layers[1]
    torch.nn.init.normal_(norm.weight)
    torch.nn.init.normal_(norm.bias)
    x = torch.randn(2, 5, 4, 6)
    slow = torch.empty_like(x)
    for sample in range(2):
        mean = x[sample].sum() / (5 * 4 * 6)
        variance = ((x[sample] - mean) ** 2).sum() / (5 * 4 * 6)
        for channel in range(5):
            standard = (x[sample, channel] - mean) / (variance + 1e-5).sqrt()
            slow[sample, channel] = standard * norm.weight[channel] + norm.bias[channel]
    torch.testing.assert_close(norm(x), slow)


def test_a_module_is_two_convolutions_each_with_norm_and_a_leak_of_a_fifth():
    torch.manual_seed(2)
    module = RefinementModule(3, 5, "layer")
    x = torch.randn(1, 3, 8, 8)
    y = x
    for convolution in (module.layers[0], module.layers[3]):
        y = F.conv2d(y, convolution.weight, padding=1)
        y = (y - y.mean()) / (y.var(unbiased=False) + 1e-5).sqrt()
        y = torch.where(y > 0, y, 0.2 * y)
    torch.testing.assert_close(module(x), y)


def test_the_condition_is_shrunk_by_area():
    condition = torch.rand(2, 3, 16, 16)
    small, middle, whole = shrink_to(condition, (4, 8, 16))
    assert whole is condition
    torch.testing.assert_close(middle[1, 2, 3, 5], condition[1, 2, 6:8, 10:12].mean())
    torch.testing.assert_close(small, condition.reshape(2, 3, 4, 4, 4, 4).mean((3, 5)))


def test_the_first_module_sees_the_condition_alone_and_the_others_what_came_before_too():
    inputs = [stage.layers[0].in_channels for stage in network().stages]
    assert inputs == [3, 6 + 3, 5 + 3]
    seen = []
    net = network()
    net.stages[0].register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    condition = torch.rand(1, 3, 16, 16)
    net(condition)
    torch.testing.assert_close(seen[0], F.interpolate(condition, size=4, mode="area"))


@pytest.mark.parametrize("align_corners", [False, True])
def test_what_came_before_is_upsampled_by_the_shapes_rule(align_corners):
    net = network(CRNShape((6, 5), norm="none", align_corners=align_corners), size_px=8)
    before, seen = [], []
    net.stages[0].register_forward_hook(lambda _, __, result: before.append(result))
    net.stages[1].register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    condition = torch.rand(1, 3, 8, 8)
    net(condition)
    grown = F.interpolate(before[0], size=8, mode="bilinear", align_corners=align_corners)
    torch.testing.assert_close(seen[0], torch.cat([grown, condition], dim=1))


def test_the_last_width_serves_all_finer_modules():
    shape = CRNShape((6, 5))
    assert [shape.width_at(side) for side in (4, 8, 16, 256)] == [6, 5, 5, 5]


@pytest.mark.parametrize("norm", ["layer", "none"])
def test_gradients_reach_every_parameter(norm):
    net = network(CRNShape((6, 5, 4), norm=norm))
    net(torch.rand(2, 3, 16, 16)).square().mean().backward()
    for name, weight in net.named_parameters():
        assert weight.grad is not None and weight.grad.abs().sum() > 0, name


def test_samples_of_a_batch_do_not_see_each_other():
    net, condition = network(), torch.rand(3, 3, 16, 16)
    torch.testing.assert_close(net(condition)[1:2], net(condition[1:2]), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_makes_a_picture(name):
    slim = CRNShape(tuple(width // 8 or 1 for width in PRESETS[name].widths), PRESETS[name].norm)
    assert torch.isfinite(network(slim, 32)(torch.rand(1, 3, 32, 32))).all()
    assert weightless(6, 4, name).shape is PRESETS[name]


@pytest.mark.parametrize("size_px", [0, 4, 48, -8])
def test_a_size_that_is_no_power_of_two_is_refused(size_px):
    with pytest.raises(ValueError, match=f"size_px: got {size_px}"):
        CRN(3, 3, size_px)


def test_a_size_too_small_to_be_packed_is_refused():
    with pytest.raises(ValueError, match="expected at least 16"):
        CRN(3, 3, 8, CRNShape((4,), packed=4))


def test_unknown_presets_and_norms_are_refused():
    with pytest.raises(ValueError, match="shape: got 'huge', expected one of live, good, paper"):
        CRN(3, 3, 16, "huge")
    with pytest.raises(ValueError, match="norm: got 'batch'"):
        CRN(3, 3, 16, CRNShape((4,), norm="batch"))


def test_a_condition_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"expected \(B, 3, 16, 16\)"):
        network()(torch.rand(1, 3, 32, 32))


# Windows


@pytest.mark.parametrize("size_px", [32, 64, 128, 256])
@pytest.mark.parametrize(
    "window", [(0, 0, 16, 16), (3, 5, 20, 9), (11, 0, 21, 32), (9, 12, 7, 7), "the far corner", "the whole"]
)
def test_a_window_is_what_the_whole_picture_has_there(size_px, window):
    torch.manual_seed(0)
    whole = CRN(2, 3, size_px, CRNShape((4, 4, 4, 4, 3, 3)), coarse_channels=2).double()
    torch.nn.init.normal_(whole.to_coarse.weight)
    condition = torch.rand(2, 2, size_px, size_px, dtype=torch.float64)
    part = {
        "the far corner": Window(size_px - 13, size_px - 9, 13, 9),
        "the whole": Window(0, 0, size_px, size_px),
    }.get(window) or Window(*window)
    torch.testing.assert_close(whole(condition, part), part.cut(whole(condition)))


@pytest.mark.parametrize("packed", [2, 4])
@pytest.mark.parametrize("size_px", [64, 128, 256])
@pytest.mark.parametrize(
    "window", [Window(0, 0, 16, 9), Window(3, 5, 20, 20), Window(11, 0, 21, 32), Window(9, 12, 7, 18)]
)
def test_a_window_of_packed_pixels_is_exact_too(size_px: int, packed: int, window: Window):
    torch.manual_seed(0)
    whole = CRN(2, 3, size_px, CRNShape((4, 4, 4, 4, 3, 3), packed=packed), coarse_channels=2).double()
    condition = torch.rand(1, 2, size_px, size_px, dtype=torch.float64)
    shown = whole(condition)
    assert shown.shape == (1, 5, size_px, size_px)
    torch.testing.assert_close(whole(condition, window), window.cut(shown))


def test_packed_pixels_stay_in_their_places():
    """A network that gives back the condition's first channel: what is packed is unpacked where it was."""
    net = CRN(2, 1, 16, CRNShape((8,), packed=2))
    with torch.no_grad():
        for weights in net.parameters():
            weights.zero_()
        for row in range(4):  # channels 8.. of what the finest module sees are the packed pixels of the first channel
            net.stages[1].layers[0].weight[row, 8 + row, 1, 1] = 1
            net.stages[1].layers[3].weight[row, row, 1, 1] = 1
            net.to_picture.weight[row, row] = 1
    condition = torch.rand(1, 2, 16, 16)
    torch.testing.assert_close(net(condition)[:, 0], condition[:, 0])


@pytest.mark.parametrize("shape", [CRNShape((4, 4), norm="layer"), CRNShape((4, 4), align_corners=True)])
def test_a_window_is_exact_where_parts_depend_on_the_whole(shape):
    torch.manual_seed(0)
    whole = CRN(2, 3, 128, shape)
    condition = torch.rand(1, 2, 128, 128)
    part = Window(40, 60, 30, 20)
    torch.testing.assert_close(whole(condition, part), part.cut(whole(condition)))


def test_a_window_makes_fine_modules_work_on_little_more_than_it():
    windows = network(CRNShape((4,)), size_px=256)._windows(Window(100, 60, 120, 40))
    assert [(window.width, window.height) for window in windows[:4]] == [(4, 4), (8, 8), (16, 16), (32, 32)]
    assert windows[4].width <= 30 + 12 and windows[5].width <= 60 + 10 and windows[6].width == 124
    assert windows[4].height <= 10 + 12 and windows[5].height <= 20 + 10 and windows[6].height == 44
