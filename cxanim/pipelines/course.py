"""A course: one network is taught for some minutes, is kept every minute, and goes on where it stopped.

Style, domains and super-resolution are taught alike; what a step looks at is the student's own (`Student.loss`).
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from cxanim.errors import NotEnoughMemory, is_out_of_memory
from cxanim.output import ensure_writable, one_writer
from cxanim.pipelines.learner import Learner
from cxanim.pipelines.training_loop import train_until_told
from cxanim.pipelines.training_state import TrainingState, fingerprint_of, state_path
from cxanim.pipelines.watch import Watch
from cxanim.settings import Settings, setting

N = TypeVar("N", bound=nn.Module)


@dataclass(frozen=True)
class CourseSettings(Settings):
    """What every course has."""

    minutes: float = setting(10.0, "how long to train", low=0.05, high=1440, step=0.5, unit="min", folded=False)
    steps: int = setting(0, "train so many steps instead of minutes; 0 lets the minutes decide", low=0, high=10**7)
    rate: float = setting(1e-3, "learning rate of Adam", low=1e-6, high=0.1)
    features: str = setting(
        "small", "network that the losses look through; vgg19 is slower and needs its weights",
        choices=("small", "vgg19"),
    )  # fmt: skip


@dataclass(frozen=True)
class Taught:
    """A network that was taught something.

    Attributes:
        path: its file.
        steps: steps it has taken in all.
        seconds: how long this time.
        terms: what is still wrong, by term.
        notes: what a person should know.
    """

    path: Path
    steps: int
    seconds: float
    terms: dict[str, float]
    notes: tuple[str, ...] = field(default=())

    def to_dict(self) -> dict[str, object]:
        """As JSON shows it."""
        told = vars(self) | {"path": str(self.path), "seconds": round(self.seconds, 1), "notes": list(self.notes)}
        return told | {"terms": {name: round(value, 5) for name, value in self.terms.items()}}


class Student(ABC, Generic[N]):
    """Who takes the steps of a course.

    Args:
        make: makes the network; called once the seed is set.
        name: of the network, by which a kept state is known to fit it.
        settings: of the course.
        learnt_from: every picture that it learns from.
        seed: decides every draw.
        device: where it learns.

    Attributes:
        learner: the network and its optimiser.
        settings: the same.
        draw: source of randomness on the CPU, set anew at each step.
        device: the same.
        fingerprint: of what it learns from.
    """

    def __init__(
        self,
        make: Callable[[], N],
        name: str,
        settings: CourseSettings,
        learnt_from: Sequence[np.ndarray],
        seed: int,
        device: torch.device,
    ):
        torch.manual_seed(seed)
        self.learner = Learner(make().to(device), settings.rate)
        self.draw, self.device = torch.Generator(), device
        self.fingerprint = fingerprint_of(learnt_from, settings, without=("minutes", "steps"))
        self._name, self._seed = name, seed

    @abstractmethod
    def loss(self, random: np.random.Generator) -> tuple[Tensor, dict[str, float]]:
        """What is wrong with the network at one draw, in all and by term."""

    @abstractmethod
    def preview(self) -> np.ndarray:
        """A picture of what it can do so far, (H, W, 3) uint8."""

    @property
    def step_number(self) -> int:
        """How many steps it has taken."""
        return self.learner.step_number

    def step(self) -> dict[str, float]:
        """Take one; the same step of the same course draws the same."""
        random = np.random.default_rng((self._seed, self.step_number))
        self.draw.manual_seed(int(random.integers(2**31)))
        total, terms = self.loss(random)
        self.learner.learn(total, terms)
        return terms

    def state(self) -> TrainingState:
        """Everything that is needed to go on."""
        return self.learner.state(self.fingerprint, self._name)

    def restore(self, state: TrainingState) -> None:
        """Go on from where another one stopped."""
        self.learner.restore(state, self._name)


def ensure_teachable(output: Path, resume: bool) -> None:
    """Find out before the work whether a course can be kept, and gone on with.

    Raises:
        CannotWrite, BadPuppet: it cannot.
    """
    ensure_writable(state_path(output))
    if resume:
        TrainingState.ensure_there(state_path(output))


def teach(
    student: Student,
    output: Path,
    save: Callable[[], None],
    settings: CourseSettings,
    watch: Watch,
    *,
    resume: bool = False,
    longest_min: float = math.inf,
    notes: tuple[str, ...] = (),
) -> Taught:
    """Teach a student until the settings or the person say stop.

    Args:
        student: who learns.
        output: the network's file; the state for resuming lies beside it.
        save: writes that file, every minute and at the end.
        settings: how long.
        watch: who is told. Stopping keeps what is learnt; before the first step nothing is kept.
        resume: go on from the state beside `output`.
        longest_min: minutes after which it ends, whatever the settings say.
        notes: what a person should know.

    Raises:
        BadPuppet: the state is not of this course.
        Busy, CannotWrite, Cancelled, NotEnoughMemory.
    """

    def keep(seconds: float, terms: dict[str, float]) -> Taught:
        save()
        student.state().save(state_path(output))
        return Taught(output, student.step_number, seconds, terms, notes)

    with one_writer(output):
        if resume:
            student.restore(TrainingState.load(state_path(output), student.fingerprint))
        try:
            return train_until_told(student, settings.minutes, settings.steps, longest_min, watch, keep)[0]
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            problem, help = "The machine ran out of memory while training.", "Choose smaller crops or a smaller batch."
            raise NotEnoughMemory(problem, help) from error
