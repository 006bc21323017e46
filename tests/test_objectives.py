"""The objectives of puppets: what each term sees that the others do not."""

import pytest
import torch

from cxanim.losses import feature_network
from cxanim.pipelines.objectives import ObjectiveSettings, layers_of, make_objective


def value_of(name: str, image: torch.Tensor, truth: torch.Tensor, **weights: float) -> float:
    """One term of a clip's objective."""
    settings = ObjectiveSettings(positions=4096, **weights)
    eyes = feature_network("small", layers_of("fast", False, "small"))
    objective = make_objective(settings, False, "small", torch.Generator().manual_seed(0))
    return objective(image=image, truth=truth, output=eyes(image), target=eyes(truth), source=eyes(truth))[1][name]


def pictures() -> tuple[torch.Tensor, torch.Tensor]:
    """Plain cloth, and a checkerboard of single pixels, as sub-pixel convolutions leave it."""
    random = torch.Generator().manual_seed(1)
    soft = torch.nn.functional.interpolate(torch.rand(1, 3, 12, 12, generator=random), (48, 48), mode="bicubic")
    across, down = torch.meshgrid(torch.arange(48), torch.arange(48), indexing="ij")
    return 0.5 + 0.06 * soft, 0.04 * (1.0 - 2.0 * ((across + down) % 2))


def test_patches_tell_a_mesh_from_cloth_that_lies_elsewhere_and_features_do_not():
    soft, mesh = pictures()
    shifted, own = soft[..., 3:43, 2:42], soft[..., :40, :40]

    def beside_a_shift(name: str) -> float:
        moved, meshed = (value_of(name, image, own, patches=1.0) for image in (shifted, own + mesh[:40, :40]))
        return meshed / moved

    assert value_of("cx_patches", own, own, patches=1.0) == pytest.approx(0, abs=1e-4)
    assert beside_a_shift("cx_patches") > 3
    assert beside_a_shift("cx_target") < 1.5 and beside_a_shift("perceptual") < 1.5


def test_patches_are_not_looked_at_unless_they_weigh():
    soft, _ = pictures()
    with pytest.raises(KeyError):
        value_of("cx_patches", soft, soft)
