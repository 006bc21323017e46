"""The Contextual loss in somebody's own training loop: five lines, marked.

    python examples/training_loop.py

A small network learns to sharpen from pairs that do not lie on one another: the target of each blurred picture is the
sharp one, moved by up to 16 pixels each time. L1 learns the mean of all of them, which is a blur; CX does not ask
where things are. On two CPU cores it takes about two minutes; the last lines say how sharp either becomes.
"""

import sys

import torch
import torch.nn.functional as F
from skimage.data import astronaut
from torch import nn

from cxanim.losses import ContextualLoss, feature_network  # 1

STEPS = int(sys.argv[1]) if len(sys.argv) > 1 else 150
picture = F.avg_pool2d(torch.from_numpy(astronaut()).permute(2, 0, 1)[None] / 255, 4)


def blurred(sharp: torch.Tensor) -> torch.Tensor:
    return F.avg_pool2d(F.pad(sharp, (2,) * 4, mode="reflect"), 5, stride=1)


def sharpness(shown: torch.Tensor) -> float:
    inside = shown[..., 8:-8, 8:-8]
    return float((inside[..., 1:] - inside[..., :-1]).abs().mean())


see = feature_network("small", ("relu1_2", "relu2_2"))  # 2
cx = ContextualLoss(bandwidth=0.2, max_positions=1024)  # 3


def cx_loss(output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:  # 4
    return cx(see(output), see(target)) + F.l1_loss(blurred(output), blurred(picture))  # 5: colours, coarsely


for name, loss in (("L1", F.l1_loss), ("CX", cx_loss)):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 24, 5, padding=2), nn.ReLU(), nn.Conv2d(24, 24, 3, padding=1), nn.ReLU(),
                            nn.Conv2d(24, 3, 3, padding=1))  # fmt: skip
    optimiser = torch.optim.Adam(network.parameters(), 2e-3)
    for _ in range(STEPS):
        shift = tuple(torch.randint(-16, 17, (2,)).tolist())
        given, wanted = blurred(picture), picture.roll(shift, dims=(2, 3))
        output = given + network(given)
        optimiser.zero_grad()
        loss(output, wanted).backward()
        optimiser.step()
    with torch.no_grad():
        output = blurred(picture) + network(blurred(picture))
    print(f"{name}: {sharpness(output) / sharpness(picture):.2f} of the sharpness of the true picture; "
          f"what it was given has {sharpness(blurred(picture)) / sharpness(picture):.2f}")  # fmt: skip
