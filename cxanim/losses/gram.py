"""Style as correlations of channels, content as features in place.

L. Gatys, A. Ecker, M. Bethge, "Image Style Transfer Using Convolutional Neural Networks", CVPR 2016;
J. Johnson, A. Alahi, L. Fei-Fei, "Perceptual Losses for Real-Time Style Transfer", ECCV 2016, eqs. 2-4,
whose normalisation is used here.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from cxanim.losses.perceptual import LayerWeights, layer_weights
from cxanim.losses.reduction import reduced


def gram_matrix(features: Tensor) -> Tensor:
    """How strongly each two channels act together: (B, C, H, W) -> (B, C, C), over C * H * W."""
    points = features.flatten(2)
    return points @ points.transpose(1, 2) / (points.shape[1] * points.shape[2])


def style_loss(
    fx: Mapping[str, Tensor], fy: Mapping[str, Tensor], weights: LayerWeights = None, *, reduction: str = "mean"
) -> Tensor:
    """Weighted sum over layers of the squared Frobenius distance of Gram matrices.

    Args:
        fx: features of the generated image by layer name, (B, C, H, W) each.
        fy: features of the style image; sizes may differ from fx's.
        weights: weight of each layer; None for 1 on every layer of fx.
        reduction: "mean" over the batch, or "none" for one value per sample.
    """
    chosen = layer_weights(fx, fy, weights)
    terms = [
        weight * (gram_matrix(fx[layer]) - gram_matrix(fy[layer])).square().sum(dim=(1, 2))
        for layer, weight in chosen.items()
    ]
    return reduced(torch.stack(terms).sum(dim=0), reduction)


def content_loss(
    fx: Mapping[str, Tensor], fy: Mapping[str, Tensor], weights: LayerWeights = None, *, reduction: str = "mean"
) -> Tensor:
    """Weighted sum over layers of the mean squared difference of features.

    Args:
        fx: features of the generated image by layer name, (B, C, H, W) each.
        fy: features of the content image, of the same sizes.
        weights: weight of each layer; None for 1 on every layer of fx.
        reduction: "mean" over the batch, or "none" for one value per sample.
    """
    chosen = layer_weights(fx, fy, weights)
    terms = [weight * (fx[layer] - fy[layer]).square().flatten(1).mean(dim=1) for layer, weight in chosen.items()]
    return reduced(torch.stack(terms).sum(dim=0), reduction)
