"""A plain CycleGAN, to stand beside the Contextual loss: two generators, two discriminators.

J. Zhu, T. Park, P. Isola, A. Efros, "Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks",
ICCV 2017: least-squares adversary, cycle weight 10, identity weight 5, 70 x 70 patches, Adam 2e-4 with momentum 0.5.

Differs from the paper: the generators are the cascaded refinement network that the Contextual loss trains here, which
begins with no change; half as many channels in the discriminators; no pool of earlier pictures.
"""

import time

import numpy as np
import torch
from torch import Tensor, nn

from cxanim.losses import l1_loss, l2_loss
from cxanim.models import CRN
from cxanim.pipelines.refine import as_tensor
from cxanim.pipelines.translator import changed, make_translator

NETWORKS = 4
_CYCLE, _IDENTITY, _RATE = 10.0, 5.0, 2e-4


class PatchDiscriminator(nn.Module):
    """(B, 3, S, S) in [0, 1] -> how true each patch of 70 x 70 pixels looks, (B, 1, S / 8 - 2, S / 8 - 2)."""

    def __init__(self, width: int = 32):
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3, width, 4, 2, 1), nn.LeakyReLU(0.2)]
        for inside, out, stride in ((width, 2 * width, 2), (2 * width, 4 * width, 2), (4 * width, 8 * width, 1)):
            layers += [nn.Conv2d(inside, out, 4, stride, 1), nn.InstanceNorm2d(out), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers, nn.Conv2d(8 * width, 1, 4, 1, 1))

    def forward(self, picture: Tensor) -> Tensor:
        """How true: 1 true, 0 made."""
        return self.layers(2 * picture - 1)


def fit_cyclegan(
    sources: list[np.ndarray], targets: list[np.ndarray], network: str, minutes: float, seed: int, batch: int = 4
) -> tuple[CRN, int]:
    """Train for some minutes; return the generator from sources to targets, and the steps.

    Args:
        sources, targets: (S, S, 3) uint8 each.
        network: name of the generators' shape.
        minutes: how long.
        seed: decides every draw.
        batch: pictures of each set in a step.
    """
    torch.manual_seed(seed)
    random, size = np.random.default_rng(seed), len(sources[0])
    there, back = make_translator(size, network), make_translator(size, network)
    true_target, true_source = PatchDiscriminator(), PatchDiscriminator()
    makers = torch.optim.Adam([*there.parameters(), *back.parameters()], _RATE, (0.5, 0.999))
    judges = torch.optim.Adam([*true_target.parameters(), *true_source.parameters()], _RATE, (0.5, 0.999))
    until_s, steps = time.monotonic() + 60 * minutes, 0
    while time.monotonic() < until_s:
        a, b = (_drawn(some, batch, random) for some in (sources, targets))
        as_b, as_a = changed(there, a), changed(back, b)
        adversary = _asked(true_target(as_b), 1.0) + _asked(true_source(as_a), 1.0)
        cycle = l1_loss(changed(back, as_b), a) + l1_loss(changed(there, as_a), b)
        identity = l1_loss(changed(there, b), b) + l1_loss(changed(back, a), a)
        makers.zero_grad()
        (adversary + _CYCLE * cycle + _IDENTITY * identity).backward()
        makers.step()
        judged = [
            _asked(judge(truth), 1.0) + _asked(judge(made.detach()), 0.0)
            for judge, truth, made in ((true_target, b, as_b), (true_source, a, as_a))
        ]
        judges.zero_grad()
        (torch.stack(judged).sum() / 2).backward()
        judges.step()
        steps += 1
    return there.eval(), steps


def _asked(said: Tensor, wanted: float) -> Tensor:
    return l2_loss(said, torch.full_like(said, wanted))


def _drawn(some: list[np.ndarray], batch: int, random: np.random.Generator) -> Tensor:
    chosen = [some[index] for index in random.integers(len(some), size=batch)]
    turned = [picture[:, ::-1] if random.random() < 0.5 else picture for picture in chosen]
    return as_tensor(np.stack(turned), torch.device("cpu"))
