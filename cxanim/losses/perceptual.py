"""Perceptual losses: how far apart two images are, place by place, to a feature network.

Q. Chen, V. Koltun, "Photographic Image Synthesis with Cascaded Refinement Networks", ICCV 2017, eq. 1.
Features come as dictionaries by layer name, so that a target's can be computed once and kept.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from cxanim.losses.reduction import reduced

# One over the layer's mean difference after 100 epochs on Cityscapes at 256 px, from their code, where 10 emphasises
# the deepest. Measured on VGG-19 with average pooling and the Oxford weights, which see 0..255.
# Their first term, the difference of the images themselves, is `pixel.l1_loss`.
CRN_WEIGHTS = {
    "relu1_2": 1 / 1.6,
    "relu2_2": 1 / 2.3,
    "relu3_2": 1 / 1.8,
    "relu4_2": 1 / 2.8,
    "relu5_2": 10 / 0.8,
}
NAMED_WEIGHTS = {"crn": CRN_WEIGHTS}

LayerWeights = Mapping[str, float] | str | None


def perceptual_loss(
    fx: Mapping[str, Tensor], fy: Mapping[str, Tensor], weights: LayerWeights = None, *, reduction: str = "mean"
) -> Tensor:
    """Weighted sum over layers of the mean absolute difference of features.

    Args:
        fx: features of the generated image by layer name, (B, C, H, W) each.
        fy: features of the target; a single sample stands for every sample of fx.
        weights: weight of each layer, all of which must be in both; "crn" for Chen & Koltun's on those of its
            layers that fx has; None for 1 on every layer of fx.
        reduction: "mean" over the batch, or "none" for one value per sample.
    """
    chosen = layer_weights(fx, fy, weights)
    terms = [weight * _per_sample((fx[layer] - fy[layer]).abs()) for layer, weight in chosen.items()]
    return reduced(torch.stack(terms).sum(dim=0), reduction)


def relative_l1(fx: Mapping[str, Tensor], fy: Mapping[str, Tensor], *, reduction: str = "mean") -> Tensor:
    """Mean over layers of mean|fx - fy| / mean|fy|: 0 for equal images, comparable across layers and networks.

    Over relu1_2, relu2_2 and relu3_2 of VGG-19 this is the project's measure `vgg_dist`.

    Args:
        fx: features of the generated image by layer name, (B, C, H, W) each.
        fy: features of the target, with every layer of fx.
        reduction: "mean" over the batch, or "none" for one value per sample.
    """
    chosen = layer_weights(fx, fy, None)
    tiny = 1e-12  # a target whose layer is silent everywhere
    terms = [
        _per_sample((fx[layer] - fy[layer]).abs()) / _per_sample(fy[layer].abs()).clamp_min(tiny) for layer in chosen
    ]
    return reduced(torch.stack(terms).mean(dim=0), reduction)


def layer_weights(fx: Mapping[str, Tensor], fy: Mapping[str, Tensor], weights: LayerWeights) -> dict[str, float]:
    """The layers to compare with their weights; ValueError where one is missing or none is left."""
    if isinstance(weights, str):
        if weights not in NAMED_WEIGHTS:
            raise ValueError(f"weights: got {weights!r}, expected a mapping or one of {', '.join(NAMED_WEIGHTS)}")
        chosen = {layer: weight for layer, weight in NAMED_WEIGHTS[weights].items() if layer in fx}
    else:
        chosen = dict.fromkeys(fx, 1.0) if weights is None else dict(weights)
    if not chosen:
        raise ValueError(f"layers: got {', '.join(fx) or 'none'}, none of which has a weight")
    for layer in chosen:
        if layer not in fx or layer not in fy:
            raise ValueError(f"layer {layer!r}: got features of {', '.join(fx)} and of {', '.join(fy)}, not it in both")
    return chosen


def _per_sample(values: Tensor) -> Tensor:
    return values.flatten(1).mean(dim=1)
