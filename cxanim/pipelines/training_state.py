"""What a training needs to go on exactly where it stopped; it lies beside the puppet and is not needed to use it."""

import hashlib
import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cxanim.checkpoint import read_checkpoint, write_checkpoint
from cxanim.errors import BadPuppet
from cxanim.settings import Settings

KIND, FORMAT = "training-state", 2
_GROUPS = ("weights", "average", "first", "second")


@dataclass(frozen=True)
class TrainingState:
    """A training between two steps.

    Attributes:
        fingerprint: of the training set.
        network: preset of the network.
        step: steps taken.
        weights, average: the network's parameters, and their running mean.
        first, second: Adam's moments of each.
        curve: values of the loss's terms along the way.
    """

    fingerprint: str
    network: str
    step: int
    weights: list[np.ndarray]
    average: list[np.ndarray]
    first: list[np.ndarray]
    second: list[np.ndarray]
    curve: list[dict[str, float]]

    def save(self, path: Path) -> None:
        """Write the state, whole or not at all."""
        tensors = {f"{group}.{number}": array for group in _GROUPS for number, array in enumerate(getattr(self, group))}
        header = {"fingerprint": self.fingerprint, "network": self.network, "step": self.step, "curve": self.curve}
        write_checkpoint(path, KIND, FORMAT, header, tensors)

    @staticmethod
    def ensure_there(path: Path) -> None:
        """Refuse to go on from a state that is not there."""
        if not os.path.exists(path):
            raise BadPuppet(f"There is no {Path(path).name} to go on from.", "Train without --resume first.")

    @classmethod
    def load(cls, path: Path, fingerprint: str) -> "TrainingState":
        """Read a state for a training set.

        Raises:
            BadPuppet: there is none, it is damaged, or it belongs to other frames.
        """
        cls.ensure_there(path)
        header, tensors = read_checkpoint(path, KIND, (FORMAT,))
        if header.get("fingerprint") != fingerprint:
            raise BadPuppet(
                f"{path.name} belongs to a training on other frames.",
                f"Resume with the same clips, size, references and share, or delete {path.name} to train anew.",
            )
        try:
            groups = {group: _in_order(tensors, group) for group in _GROUPS}
            return cls(fingerprint, str(header["network"]), int(header["step"]), curve=list(header["curve"]), **groups)
        except (KeyError, TypeError, ValueError) as error:
            raise BadPuppet(f"{path.name} is damaged.", f"Delete {path.name} to train anew.") from error

    def check(self, network: str, shapes: Sequence[tuple[int, ...]]) -> None:
        """Make sure that the state fits a network.

        Raises:
            BadPuppet: it belongs to another one.
        """
        fits = all([array.shape for array in getattr(self, group)] == list(shapes) for group in _GROUPS)
        if self.network == network and not fits:
            raise BadPuppet(
                f"The training was begun when the network {network!r} was another one.",
                "Train anew, without --resume.",
            )
        if self.network != network:
            raise BadPuppet(
                f"The training was begun with the network {self.network!r}.", f"Resume with --network {self.network}."
            )


def state_path(result: Path) -> Path:
    """Where the state of a training, or of a painting, lies: beside what it makes."""
    return result.with_suffix(".state")


def fingerprint_of(
    pictures: Sequence[np.ndarray], settings: Settings, seed: int = 0, *, without: Collection[str] = ()
) -> str:
    """What tells one training from another: its pictures and settings, but for those that may change on the way."""
    whole = hashlib.sha256()
    for picture in pictures:
        whole.update(repr(picture.shape).encode() + np.ascontiguousarray(picture).tobytes())
    kept = sorted((name, value) for name, value in vars(settings).items() if name not in without)
    whole.update(repr((kept, seed)).encode())
    return whole.hexdigest()


def _in_order(tensors: dict[str, np.ndarray], group: str) -> list[np.ndarray]:
    count = sum(name.startswith(f"{group}.") for name in tensors)
    return [tensors[f"{group}.{number}"] for number in range(count)]
