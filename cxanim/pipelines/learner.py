"""A network that learns: its weights, Adam's moments of them, and their mean over the last steps, which is kept.

It may stop between any two steps and go on later as if it had not (`state`, `restore`).
"""

import copy
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn

from cxanim.errors import CxanimError
from cxanim.pipelines.training_state import TrainingState

N = TypeVar("N", bound=nn.Module)


class Learner(Generic[N]):
    """One network and its optimiser.

    Args:
        network: on the device where it learns; in training mode from now on.
        rate: learning rate of Adam.

    Attributes:
        network: the same.
        step_number: how many steps it has taken.
        curve: values of the loss's terms along the way.
    """

    def __init__(self, network: N, rate: float):
        self.network = network.train()
        self.step_number = 0
        self.curve: list[dict[str, float]] = []
        self._average = [weights.detach().clone() for weights in network.parameters()]
        # Fused, as on a GPU it is the calls that cost.
        is_cuda = next(network.parameters()).device.type == "cuda"
        self._optimiser = torch.optim.Adam(network.parameters(), lr=rate, betas=(0.9, 0.99), fused=is_cuda)

    def learn(self, total: Tensor, terms: dict[str, float]) -> None:
        """Take one step down a loss.

        Args:
            total: the loss, ().
            terms: what it is made of, for the curve.

        Raises:
            CxanimError: the loss is no number.
        """
        if not torch.isfinite(total):
            raise CxanimError("The training has run away: its loss is no number.", "Train anew with a smaller --rate.")
        self._optimiser.zero_grad(set_to_none=True)
        total.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self._optimiser.step()
        self.step_number += 1
        self._follow()
        if self.step_number % 50 == 0 or self.step_number <= 1:
            self.curve.append({"step": self.step_number} | {name: round(value, 5) for name, value in terms.items()})

    def averaged(self) -> N:
        """A copy of the network with the mean weights of its last steps, in evaluation mode."""
        network = copy.deepcopy(self.network)
        with torch.no_grad():
            for weights, mean in zip(network.parameters(), self._average, strict=True):
                weights.copy_(mean)
        return network.eval()

    def state(self, fingerprint: str, name: str) -> TrainingState:
        """Everything that is needed to go on.

        Args:
            fingerprint: of what is learnt from.
            name: of the network.
        """
        moments = self._optimiser.state_dict()["state"]
        return TrainingState(
            fingerprint=fingerprint,
            network=name,
            step=self.step_number,
            weights=[weights.detach().cpu().numpy().copy() for weights in self.network.parameters()],
            average=[mean.cpu().numpy().copy() for mean in self._average],
            first=[moments[index]["exp_avg"].cpu().numpy().copy() for index in sorted(moments)],
            second=[moments[index]["exp_avg_sq"].cpu().numpy().copy() for index in sorted(moments)],
            curve=self.curve,
        )

    def restore(self, state: TrainingState, name: str) -> None:
        """Go on from where another training stopped.

        Raises:
            BadPuppet: it was of another network.
        """
        state.check(name, [tuple(weights.shape) for weights in self.network.parameters()])
        with torch.no_grad():
            for weights, mean, kept, kept_mean in zip(
                self.network.parameters(), self._average, state.weights, state.average, strict=True
            ):
                weights.copy_(torch.from_numpy(kept))
                mean.copy_(torch.from_numpy(kept_mean))
        about = self._optimiser.state_dict()
        about["state"] = {
            index: {
                "step": torch.tensor(float(state.step)),
                "exp_avg": torch.from_numpy(first.copy()),
                "exp_avg_sq": torch.from_numpy(second.copy()),
            }
            for index, (first, second) in enumerate(zip(state.first, state.second, strict=True))
        }
        self._optimiser.load_state_dict(about)
        self.step_number, self.curve = state.step, list(state.curve)

    def _follow(self) -> None:
        """Let the mean weights follow: quickly at first, over about 200 steps later."""
        share = max(1 / 200, 1 / (self.step_number / 4 + 1))
        with torch.no_grad():
            torch._foreach_lerp_(self._average, list(self.network.parameters()), share)
