"""What each layer holds: noise becomes like a picture by the Contextual loss of one layer, or by several together."""

import cv2
import numpy as np
import torch

from cxanim.experiments.figure import row_of_pictures
from cxanim.experiments.misaligned import as_picture, picture_named
from cxanim.experiments.report import Report, spread, table
from cxanim.losses import ContextualTarget, contextual_loss, contextual_target, feature_network

_LAYERS = (("relu1_2",), ("relu2_2",), ("relu3_2",), ("relu4_1",), ("relu2_2", "relu3_2"))
_PICTURES = ("astronaut", "coffee", "chelsea")
_SIDE_PX, _STEPS, _RATE, _BANDWIDTH, _COARSE_PX = 96, 300, 0.02, 0.5, 12


def run(quick: bool) -> Report:
    """Colours and layout of what comes out, by layer."""
    names, seeds, steps = (_PICTURES[:1], 1, 20) if quick else (_PICTURES, 2, _STEPS)
    colours: dict[str, list[float]] = {"+".join(layers): [] for layers in _LAYERS}
    places: dict[str, list[float]] = {name: [] for name in colours}
    rows = []
    for name in names:
        picture = cv2.resize(picture_named(name), (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_AREA)
        for seed in range(seeds):
            made = {"+".join(layers): grown(picture, layers, seed, steps) for layers in _LAYERS}
            for which, one in made.items():
                colours[which].append(colour_distance(one, picture))
                places[which].append(layout_likeness(one, picture))
        rows.append(row_of_pictures([picture, *made.values()], ["picture", *made]))
    shallow, deep = (np.mean(colours[layer]) for layer in ("relu1_2", "relu4_1"))
    layout = [float(np.mean(places[layer])) for layer in ("relu1_2", "relu2_2", "relu3_2", "relu4_1")]
    deepest_best = layout[-1] == max(layout)
    return Report(
        "Layers: the shallow hold colours, the deep hold what is where",
        "relu1_2 alone brings the colours and no layout; the deeper the layer, the more of the layout comes, as its "
        "features see more of the picture, and the less exact the colours are.",
        f"The palette's distance is {shallow:.3f} at relu1_2 and {deep:.3f} at relu4_1; the layout's likeness is "
        + ", ".join(f"{one:.2f}" for one in layout)
        + " from relu1_2 to relu4_1.",
        f"{len(names)} pictures, {seeds} seeds each, {steps} steps through the network small.",
        table(
            ["layers", "palette's distance", "layout's likeness"],
            [[name, spread(colours[name]), spread(places[name])] for name in colours],
        ),
        np.vstack(rows),
        bool(shallow < deep and deepest_best),
    )


def grown(picture: np.ndarray, layers: tuple[str, ...], seed: int, steps: int) -> np.ndarray:
    """What noise becomes when each of the layers is asked for, (S, S, 3) uint8."""
    eyes = feature_network("small", layers, pooling="average")
    with torch.no_grad():
        wanted = eyes(torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255)
    targets: dict[str, ContextualTarget] = {layer: contextual_target(wanted[layer]) for layer in layers}
    random = torch.Generator().manual_seed(seed)
    image = (0.5 + 0.1 * torch.randn(1, 3, _SIDE_PX, _SIDE_PX, generator=random)).requires_grad_()
    optimiser = torch.optim.Adam([image], lr=_RATE)
    for _ in range(steps):
        optimiser.zero_grad()
        features = eyes(image)
        losses = [
            contextual_loss(features[layer], targets[layer], _BANDWIDTH, max_positions=1024, generator=random)
            for layer in layers
        ]
        torch.stack(losses).sum().backward()
        optimiser.step()
        with torch.no_grad():
            image.clamp_(0, 1)
    return as_picture(image.detach())


def colour_distance(one: np.ndarray, other: np.ndarray) -> float:
    """Of two palettes, wherever the colours stand: the mean distance of sorted values, by channel, in [0, 1]."""
    ranked = [np.sort(picture.reshape(-1, 3).astype(np.float64), axis=0) for picture in (one, other)]
    return float(np.abs(ranked[0] - ranked[1]).mean() / 255)


def layout_likeness(one: np.ndarray, other: np.ndarray) -> float:
    """How two coarse pictures go together, whatever colour they have in all: a correlation in [-1, 1]."""
    coarse = [cv2.resize(picture, (_COARSE_PX, _COARSE_PX), interpolation=cv2.INTER_AREA) for picture in (one, other)]
    uneven = [picture - picture.mean(axis=(0, 1)) for picture in coarse]
    return float(np.corrcoef(uneven[0].ravel(), uneven[1].ravel())[0, 1])
