"""A GPU for the training alone where the app runs on a ZeroGPU Space; everywhere else the call is a plain call.

On such a Space a function marked with `spaces.GPU` runs in a worker process that holds a GPU for its duration, and
what passes between the processes is pickled. Progress therefore travels as what a generator yields, and the wish to
stop as a file. Rendering stays in the app's own process, on the CPU.
"""

import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from cxanim.errors import BadSetting, CxanimError
from cxanim.pipelines.machine import Machine
from cxanim.pipelines.watch import Watch
from cxanim.progress import Progress
from cxanim.ui.jobs import Job

T = TypeVar("T")
IS_ZERO_GPU = bool(os.environ.get("SPACES_ZERO_GPU"))
_LONGEST_S, _OVERHEAD_S = 120, 30  # of one call, and what of it is not training
_USUAL_LONGEST_MIN = 60.0


def longest_training_min() -> float:
    """How long a visitor may train: `CXANIM_MAX_TRAIN_MINUTES`, and never longer than a shared GPU is lent.

    Raises:
        BadSetting: the variable is not a positive number.
    """
    text = os.environ.get("CXANIM_MAX_TRAIN_MINUTES", "").strip()
    try:
        longest = float(text) if text else _USUAL_LONGEST_MIN
    except ValueError:
        longest = 0.0
    if not 0 < longest < float("inf"):
        raise BadSetting(f"CXANIM_MAX_TRAIN_MINUTES: got {text!r}, expected a positive number.")
    return min(longest, (_LONGEST_S - _OVERHEAD_S) / 60) if IS_ZERO_GPU else longest


def machine_for(machine: Machine, *, training: bool) -> Machine:
    """Where to compute: as the app was told, but on a shared GPU only what trains."""
    return replace(machine, device="cpu") if IS_ZERO_GPU and not training else machine


def with_gpu(work: Callable[..., T], *args: Any, watch: Watch, minutes: float) -> T:
    """Call `work(*args, watch=watch)` where there is a GPU to be had.

    Args:
        work: a function of a module, which takes `watch` by name; it and its arguments can be pickled.
        watch: who is told, and may stop it.
        minutes: how long it will train.
    """
    if not IS_ZERO_GPU:
        return work(*args, watch=watch)
    seconds = min(_LONGEST_S, round(minutes * 60) + _OVERHEAD_S)
    with tempfile.TemporaryDirectory(prefix="stop-", dir=os.environ.get("GRADIO_TEMP_DIR")) as folder:
        stop_file = Path(folder) / "stop"
        for message in _in_worker(seconds, stop_file, work, args):
            if isinstance(message, Progress):
                watch.on_progress(message)
                if watch.should_stop():
                    stop_file.touch()
            else:
                return message.outcome()
    raise CxanimError("The shared GPU ended the job early.", "Try again, with fewer minutes.")


@dataclass(frozen=True)
class _End:
    """How the work ended, in a form that can be pickled."""

    result: Any = None
    failure: tuple[type[CxanimError], str, str] | None = None

    def outcome(self) -> Any:
        if self.failure is not None:
            kind, problem, next_step = self.failure
            raise kind(problem, next_step)
        return self.result


def _work_in_worker(seconds: int, stop_file: Path, work: Callable[..., T], args: tuple) -> Iterator[Progress | _End]:
    """Relay a job's progress, then its end."""
    job: Job[T] = Job(lambda watch: work(*args, watch=watch), lambda job: None, lambda: None)
    job.begin()
    for progress in job.updates():
        if stop_file.exists():
            job.stop()
        yield progress
    try:
        yield _End(job.result())
    except CxanimError as error:
        yield _End(failure=(type(error), error.problem, error.next_step))


def _lent(function: Callable[..., Iterator]) -> Callable[..., Iterator]:
    if not IS_ZERO_GPU:
        return function
    import spaces

    return spaces.GPU(function, duration=lambda seconds, *rest: seconds)


_in_worker = _lent(_work_in_worker)
