"""Feature networks: names, depths, scales, where weights are looked for, and what is said when they are not there."""

from urllib.error import URLError

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

from cxanim.errors import MissingWeights
from cxanim.losses import available, feature_network, layer_names, weights
from cxanim.losses.features import FeatureNetwork, convolutions


@pytest.fixture
def vgg19_file(test_data):
    return test_data / "weights" / "vgg19_torchvision_keys_to_conv3_4.safetensors"


@pytest.fixture
def bare_machine(tmp_path, monkeypatch):
    """No weights anywhere, and no network: (the checkpoints folder, the download's folder)."""
    monkeypatch.delenv("CXANIM_VGG19", raising=False)
    monkeypatch.setattr(weights, "CHECKPOINTS", (tmp_path / "checkpoints", tmp_path / "package"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr(torch.hub, "download_url_to_file", _unreachable)
    (tmp_path / "checkpoints").mkdir()
    return tmp_path / "checkpoints", tmp_path / "torch" / "hub" / "checkpoints"


def _unreachable(*_, **__):
    raise URLError("no network")


def random_file(path, name="vgg19", deepest="1_2", seed=0):
    """Write random weights to `deepest` in torchvision's layout."""
    torch.manual_seed(seed)
    save_file(FeatureNetwork(name, (f"relu{deepest}",)).state_dict(), path)
    return path


def image(seed=0, size=64):
    return torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(seed))


def test_layers_have_the_papers_names_and_torchvisions_keys():
    keys = convolutions("vgg19")
    assert list(keys)[:5] == ["1_1", "1_2", "2_1", "2_2", "3_1"]
    assert [keys[p] for p in ("1_1", "2_1", "3_4", "4_2", "5_4")] == [f"features.{i}" for i in (0, 5, 16, 21, 34)]
    assert layer_names("vgg19")[-1] == "relu5_4"
    assert layer_names("small")[-1] == "relu4_1"


def test_features_are_those_of_the_oxford_network_in_its_own_convention(vgg19_file, test_data):
    """Channel order, normalisation and layer names, against the unfolded filters: BGR, 0..255, minus their mean."""
    oxford = load_file(test_data / "weights" / "vgg19_conv1_1_to_conv3_4.safetensors")
    picture = image()
    network = feature_network("vgg19", ("conv1_1", "relu2_2", "conv3_2", "relu3_4"), vgg19_file)
    x = 255 * picture.flip(1) - torch.tensor([103.939, 116.779, 123.68]).view(3, 1, 1)
    truth = {}
    for position in ("1_1", "1_2", "2_1", "2_2", "3_1", "3_2", "3_3", "3_4"):
        if position in ("2_1", "3_1"):
            x = F.max_pool2d(x, 2)
        x = F.conv2d(x, oxford[f"conv{position}.weight"], oxford[f"conv{position}.bias"], padding=1)
        truth[f"conv{position}"] = x
        x = truth[f"relu{position}"] = x.relu()
    for layer, features in network(picture).items():
        border = {64: 12, 32: 8, 16: 6}[features.shape[2]]  # the two conventions pad with means that differ a little
        inner = (..., slice(border, -border), slice(border, -border))
        difference = (features - truth[layer])[inner].abs().max()
        assert difference < 1e-5 * truth[layer].abs().max(), layer
        assert truth[layer][inner].abs().max() > 100


def test_returns_the_layers_asked_for_in_that_order_and_goes_no_deeper(vgg19_file):
    network = feature_network("vgg19", ("relu2_1", "conv1_2"), vgg19_file)
    found = network(image())
    assert list(found) == ["relu2_1", "conv1_2"]
    assert [tuple(f.shape) for f in found.values()] == [(1, 128, 32, 32), (1, 64, 64, 64)]
    assert list(network.state_dict())[-1] == "features.5.bias"
    assert found["conv1_2"].min() < 0 <= found["relu2_1"].min()


def test_a_layer_before_its_relu_is_kept_when_both_are_asked_for(vgg19_file):
    found = feature_network("vgg19", ("conv2_1", "relu2_1"), vgg19_file)(image())
    assert torch.equal(found["conv2_1"].relu(), found["relu2_1"])
    assert found["conv2_1"].min() < 0


def test_is_frozen_but_lets_the_images_gradient_through(vgg19_file):
    network = feature_network("vgg19", ("relu2_1",), vgg19_file)
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())
    picture = image().requires_grad_()
    network(picture)["relu2_1"].mean().backward()
    assert picture.grad.abs().sum() > 0


def test_average_pooling_is_another_network_from_the_second_stage_on(vgg19_file):
    layers = ("relu1_2", "relu2_1")
    by_max, by_mean = (feature_network("vgg19", layers, vgg19_file, pooling)(image()) for pooling in ("max", "average"))
    assert torch.equal(by_max["relu1_2"], by_mean["relu1_2"])
    assert not torch.allclose(by_max["relu2_1"], by_mean["relu2_1"], rtol=0.1)


def test_a_truncated_file_names_its_deepest_layer_when_more_is_asked(vgg19_file):
    with pytest.raises(MissingWeights, match=r"ends after conv3_4; conv4_2 is needed.*relu3_4"):
        feature_network("vgg19", ("relu1_2", "relu4_2"), vgg19_file)


@pytest.mark.parametrize(
    ("name", "layers", "pooling", "words"),
    [
        ("vgg16", ("relu1_1",), "max", "vgg16"),
        ("vgg19", ("relu6_1",), "max", "relu6_1"),
        ("small", ("relu4_2",), "max", "relu4_1"),
        ("vgg19", (), "max", "no layers"),
        ("vgg19", ("relu1_1",), "median", "median"),
    ],
)
def test_refuses_names_that_do_not_exist(name, layers, pooling, words):
    with pytest.raises(ValueError, match=words):
        feature_network(name, layers, pooling=pooling)


@pytest.mark.parametrize("shape", [(3, 64, 64), (1, 1, 64, 64), (1, 3, 3, 64)])
def test_refuses_what_is_no_image(shape):
    with pytest.raises(ValueError, match="image"):
        FeatureNetwork("small", ("relu3_1",))(torch.zeros(shape))


def test_a_path_goes_before_the_variable_and_the_variable_before_the_folder(bare_machine, monkeypatch, tmp_path):
    folder, _ = bare_machine
    files = [random_file(path, seed=seed) for seed, path in enumerate(
        (folder / "vgg19-short.safetensors", tmp_path / "named.safetensors", tmp_path / "given.safetensors")
    )]  # fmt: skip

    def loaded(path=None):
        return feature_network("vgg19", ("relu1_1",), path).state_dict()["features.0.weight"]

    in_folder, in_variable, given = (load_file(file)["features.0.weight"] for file in files)
    assert torch.equal(loaded(), in_folder)
    monkeypatch.setenv("CXANIM_VGG19", str(files[1]))
    assert torch.equal(loaded(), in_variable)
    assert torch.equal(loaded(files[2]), given)


def test_torchvisions_own_download_is_the_last_resort(bare_machine):
    _, downloads = bare_machine
    downloads.mkdir(parents=True)
    torch.manual_seed(7)
    whole = FeatureNetwork("vgg19", ("relu5_4",)).state_dict()
    torch.save({key: value.half() for key, value in whole.items()}, downloads / "vgg19-dcbb9e9d.pth")
    assert available("vgg19")
    network = feature_network("vgg19", ("relu2_2",))
    torch.testing.assert_close(network.state_dict()["features.5.weight"], whole["features.5.weight"], atol=1e-3, rtol=0)


def test_offline_and_absent_says_which_file_to_put_where(bare_machine, monkeypatch):
    folder, _ = bare_machine
    assert not available("vgg19")
    assert not available("small")
    with pytest.raises(MissingWeights, match=r"cannot be downloaded.*vgg19\.safetensors.*CXANIM_VGG19"):
        feature_network("vgg19", ("relu1_1",))
    random_file(folder / "vgg19.safetensors")
    assert available("vgg19")
    monkeypatch.setenv("CXANIM_VGG19", str(folder / "misspelt.safetensors"))
    assert not available("vgg19")
    with pytest.raises(MissingWeights, match=r"small\.safetensors"):
        feature_network("small", ("relu1_1",))


def test_a_file_that_is_none_or_another_is_named(bare_machine, tmp_path):
    broken, other = tmp_path / "broken.safetensors", tmp_path / "other.safetensors"
    broken.write_bytes(b"not weights at all")
    save_file({"layer.weight": torch.zeros(1)}, other)
    for path, words in ((broken, "broken.*not a readable"), (other, "holds no VGG"), (tmp_path / "no", "There is no")):
        with pytest.raises(MissingWeights, match=words):
            feature_network("vgg19", ("relu1_1",), path)
    narrow = random_file(tmp_path / "narrow.safetensors", name="small")
    with pytest.raises(MissingWeights, match="other widths"):
        feature_network("vgg19", ("relu1_1",), narrow)


def test_a_package_used_from_elsewhere_finds_the_embedded_weights(bare_machine, tmp_path):
    (tmp_path / "package").mkdir()
    random_file(tmp_path / "package" / "small.safetensors", name="small")
    assert feature_network("small", ("relu1_1",))(image())["relu1_1"].shape == (1, 8, 64, 64)


def test_the_pixels_are_a_layer_too():
    image = torch.rand(1, 3, 32, 48)
    found = feature_network("small", ("relu2_1", "pixels"))(image)
    assert set(found) == {"relu2_1", "pixels"} and torch.equal(found["pixels"], image)
