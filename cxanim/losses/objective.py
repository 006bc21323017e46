"""What a training minimises: a sum of named, weighted terms, each of which it can show."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Term:
    """One wish.

    Attributes:
        name: what logs call it ("cx_target").
        weight: its factor in the sum, at least 0; a term of weight 0 is never computed.
        loss: function to one number; its parameters' names say which inputs of the objective it needs.
    """

    name: str
    weight: float
    loss: Callable[..., Tensor]
    needs: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        if not self.weight >= 0:
            raise ValueError(f"{self.name}: got weight {self.weight}, expected at least 0")
        object.__setattr__(self, "needs", tuple(inspect.signature(self.loss).parameters))


class Objective:
    """The weighted sum of its terms.

    Example:
        objective = Objective(
            Term("cx_target", 1.0, lambda output, target: contextual_loss(output["relu3_2"], target["relu3_2"])),
            Term("perceptual", 0.1, lambda output, target: perceptual_loss(output, target)),
        )
        total, terms = objective(output=features(frame), target=target_features)
    """

    def __init__(self, *terms: Term):
        names = [term.name for term in terms]
        if len(set(names)) < len(names):
            raise ValueError(f"terms: got the names {', '.join(names)}, expected each only once")
        self.terms = tuple(term for term in terms if term.weight > 0)
        if not self.terms:
            raise ValueError("terms: got none with a weight above 0, expected at least one")

    def __call__(self, **inputs: Any) -> tuple[Tensor, dict[str, float]]:
        """Return the sum, and the value of every term before its weight."""
        missing = sorted({name for term in self.terms for name in term.needs} - set(inputs))
        if missing:
            raise ValueError(f"inputs: got {', '.join(inputs) or 'none'}, expected {', '.join(missing)} as well")
        values = [term.loss(**{name: inputs[name] for name in term.needs}) for term in self.terms]
        total = torch.stack([term.weight * value for term, value in zip(self.terms, values, strict=True)]).sum()
        shown = torch.stack([value.detach().float() for value in values]).tolist()
        return total, {term.name: value for term, value in zip(self.terms, shown, strict=True)}
