"""Which positions of feature maps a Contextual loss compares, where all of them would be too many or too flat."""

import math
from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

SAMPLED_POSITIONS = 65 * 65  # the authors' limit


def sample_positions(
    x: Tensor, y: Tensor, count: int = SAMPLED_POSITIONS, generator: torch.Generator | None = None
) -> tuple[Tensor, Tensor]:
    """Draw the same random positions from both maps; maps with no more than `count` return whole.

    The Contextual loss of a sample is no unbiased estimate of the full one; keep `count` fixed.

    Args:
        x, y: features of equal size, (B, C, H, W) or (B, C, N) each.
        count: how many positions to keep.
        generator: source of randomness, on the CPU; torch's own by default.

    Returns:
        Features (B, C, count) at those positions, or x and y as they came.
    """
    if x.shape[2:] != y.shape[2:]:
        raise ValueError(f"x and y: got sizes {tuple(x.shape[2:])} and {tuple(y.shape[2:])}, expected the same")
    if count < 1:
        raise ValueError(f"count: got {count}, expected at least 1")
    x_points, y_points = x.flatten(2), y.flatten(2)
    chosen = drawn(x_points.shape[2], count, generator)
    if chosen is None:
        return x, y
    chosen = chosen.to(x.device)
    return x_points[..., chosen], y_points[..., chosen]


def drawn(count: int, most: int | None, generator: torch.Generator | None) -> Tensor | None:
    """`most` of `count` positions by chance, on the CPU; None where all of them are kept."""
    if most is None or count <= most:
        return None
    return torch.randperm(count, generator=generator)[:most]


def lattice(height: int, width: int, most: int, generator: torch.Generator | None) -> Tensor:
    """About `most` positions of a grid, evenly apart, the first by chance, in the order of reading: (N,) on the CPU.

    Drawn one by one they would leave holes: what is optimised then gets its gradient in spots.
    """
    apart = max(1.0, (height * width / most) ** 0.5)
    down, across = (
        (torch.rand((), generator=generator) * apart + apart * torch.arange(math.ceil(side / apart))).long()
        for side in (height, width)
    )
    down, across = down[down < height], across[across < width]
    return (down[:, None] * width + across[None]).flatten()


def grid_places(features: Tensor) -> Tensor | None:
    """Where the positions of maps (B, C, H, W) are, (H * W, 2) as (x, y) over width and height; None for (B, C, N)."""
    if features.ndim != 4:
        return None
    exact = torch.promote_types(features.dtype, torch.float32)
    across, down = (
        (torch.arange(n, device=features.device, dtype=exact) + 0.5) / n for n in (features.shape[3], features.shape[2])
    )
    return torch.stack(torch.meshgrid(across, down, indexing="xy"), dim=2).flatten(0, 1)


def patches(features: Tensor, size: int, stride: int = 1) -> Tensor:
    """Each position with its neighbours as one feature: (B, C, H, W) -> (B, C * size^2, H', W'), whole patches only.

    Args:
        features: maps, or images.
        size: of a square patch, in positions.
        stride: from one patch to the next. The paper compares patches of 5 x 5 pixels, 2 apart, where it uses no
            feature network (its Fig. 6).
    """
    if features.ndim != 4 or min(features.shape[2:]) < size:
        raise ValueError(f"features: got {tuple(features.shape)}, expected (B, C, H, W) of at least {size} x {size}")
    height, width = ((side - size) // stride + 1 for side in features.shape[2:])
    return F.unfold(features, size, stride=stride).unflatten(2, (height, width))


def stack_layers(
    features: Mapping[str, Tensor], layers: Sequence[str], scales: Mapping[str, float] | None = None
) -> Tensor:
    """Join layers into one feature per position of the first, as the authors do for style transfer.

    Args:
        features: maps by layer name, (B, C_l, H_l, W_l) each.
        layers: the layers to join; each is resized bilinearly to the first's size.
        scales: what each is divided by; its own number of channels by default, as the authors have it. `layer_scales`
            gives every layer the same say.

    Returns:
        (B, sum of C_l, H, W) with H, W of the first layer.

    Source:
        The first author's answer in the question list of the paper's code (number 2); not in the paper.
    """
    size = features[layers[0]].shape[2:]
    resized = (F.interpolate(features[layer], size, mode="bilinear", align_corners=False) for layer in layers)
    divisors = scales or {layer: features[layer].shape[1] for layer in layers}
    return torch.cat([one / divisors[layer] for layer, one in zip(layers, resized, strict=True)], dim=1)


def stack_layers_at(
    features: Mapping[str, Tensor],
    layers: Sequence[str],
    positions: Tensor,
    scales: Mapping[str, float] | None = None,
) -> Tensor:
    """`stack_layers` at some positions of the first layer alone, (B, sum of C_l, N), without making the rest.

    Args:
        features, layers, scales: see there.
        positions: (N,) which, in the order of reading.
    """
    height, width = features[layers[0]].shape[2:]
    exact = features[layers[0]].dtype
    down, across = (positions // width).to(exact), (positions % width).to(exact)
    places = torch.stack([(across + 0.5) / width, (down + 0.5) / height], dim=1) * 2 - 1
    divisors = scales or {layer: features[layer].shape[1] for layer in layers}
    seen = []
    for layer in layers:
        maps = features[layer]
        grid = places.to(maps.device, maps.dtype).expand(len(maps), 1, -1, -1)
        looked_at = F.grid_sample(maps, grid, mode="bilinear", padding_mode="border", align_corners=False)
        seen.append(looked_at.squeeze(2) / divisors[layer])
    return torch.cat(seen, dim=1)


def patches_at(features: Tensor, positions: Tensor, size: int) -> Tensor:
    """`patches` at some positions alone: (B, C, H, W) -> (B, C * size^2, N).

    Args:
        features: maps.
        positions: (N,) which of the maps' whole patches, in the order of reading of their upper left corners.
        size: side of a patch.
    """
    width = features.shape[3]
    inside = width - size + 1
    corners = positions // inside * width + positions % inside
    offsets = (torch.arange(size)[:, None] * width + torch.arange(size)[None]).flatten()
    chosen = (corners[None, :].cpu() + offsets[:, None]).to(features.device)
    return features.flatten(2)[..., chosen].flatten(1, 2)


def layer_scales(features: Mapping[str, Tensor], layers: Sequence[str]) -> dict[str, float]:
    """How far a layer's features lie from their mean, on average: divided by it, all layers lie equally far."""
    means = {layer: features[layer].mean(dim=(2, 3), keepdim=True) for layer in layers}
    return {layer: max(1e-12, float((features[layer] - means[layer]).norm(dim=1).mean())) for layer in layers}
