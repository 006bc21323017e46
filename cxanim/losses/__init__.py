"""What an image should become, as differentiable numbers; contents page of the losses.

Losses on features take what a feature network returns, a dictionary by layer name or one of its tensors:

    network = feature_network("small", ("relu1_2", "relu2_2", "relu3_2"))
    fx, fy = network(generated), network(target)
    loss = contextual_loss(fx["relu3_2"], fy["relu3_2"], bandwidth=0.5) + 0.1 * relative_l1(fx, fy)
"""

from cxanim.losses.applications import APPLICATIONS, Recipe
from cxanim.losses.contextual import ContextualTarget, contextual_loss, contextual_target
from cxanim.losses.contextual_layers import ContextualLoss
from cxanim.losses.features import FeatureNetwork, Features, feature_network, layer_names
from cxanim.losses.gram import content_loss, gram_matrix, style_loss
from cxanim.losses.low_frequency import low_frequency_loss
from cxanim.losses.mrf import mrf_loss
from cxanim.losses.objective import Objective, Term
from cxanim.losses.perceptual import CRN_WEIGHTS, perceptual_loss, relative_l1
from cxanim.losses.pixel import l1_loss, l2_loss, total_variation
from cxanim.losses.positions import (
    drawn,
    lattice,
    layer_scales,
    patches,
    patches_at,
    sample_positions,
    stack_layers,
    stack_layers_at,
)
from cxanim.losses.weights import available

__all__ = [
    "APPLICATIONS",
    "CRN_WEIGHTS",
    "ContextualLoss",
    "ContextualTarget",
    "FeatureNetwork",
    "Features",
    "Objective",
    "Recipe",
    "Term",
    "available",
    "content_loss",
    "contextual_loss",
    "contextual_target",
    "drawn",
    "feature_network",
    "gram_matrix",
    "l1_loss",
    "l2_loss",
    "lattice",
    "layer_names",
    "layer_scales",
    "low_frequency_loss",
    "mrf_loss",
    "patches",
    "patches_at",
    "perceptual_loss",
    "relative_l1",
    "sample_positions",
    "stack_layers",
    "stack_layers_at",
    "style_loss",
    "total_variation",
]
