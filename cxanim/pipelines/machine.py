"""Where a job runs and how it is repeated: device, threads and seed."""

import ctypes
import os
import sys
from dataclasses import dataclass
from functools import cache

import torch
from scipy import linalg  # noqa: F401 - it has threads of its own, which must be there to be found
from threadpoolctl import ThreadpoolController

from cxanim.errors import BadSetting
from cxanim.settings import Settings, setting

# Work that is mostly short calls into C lets go of the interpreter hundreds of times for a picture, and each time waits
# for whoever runs Python meanwhile: by default 5 ms.
_TURN_S = 0.0005
# Of glibc's malloc.h, and in bytes: the largest piece that is kept is the largest that it takes for one.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_LARGEST_KEPT, _MOST_KEPT = 32 << 20, 256 << 20
# Looked for now, in the thread that imports: the search holds the loader's lock and asks for Python's, and would wait
# for ever for a thread that does so the other way round.
_POOLS = ThreadpoolController()


@dataclass(frozen=True)
class Machine(Settings):
    """Settings that every command has."""

    device: str = setting("auto", "where to compute", choices=("auto", "cpu", "cuda", "mps"))
    threads: int = setting(0, "CPU threads; 0 uses all cores", low=0, high=256)
    seed: int = setting(0, "the same seed gives the same result", low=0, high=2**31 - 1)

    @property
    def torch_device(self) -> torch.device:
        """The device that "auto" stands for here.

        Raises:
            BadSetting: the device asked for is not in this machine.
        """
        has = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
        if self.device != "auto":
            if not has[self.device]:
                raise BadSetting(f"device: got {self.device!r}, which this machine does not have.", "Use 'cpu'.")
            return torch.device(self.device)
        return torch.device(next(name for name in ("cuda", "mps", "cpu") if has[name]))

    @property
    def thread_count(self) -> int:
        """The number of threads that 0 stands for here."""
        return self.threads or cores()

    def prepare(self) -> torch.device:
        """Set torch's threads and seed, and what this program does with memory and turns; return the device."""
        torch.set_num_threads(self.thread_count)
        torch.manual_seed(self.seed)
        keep_freed_memory()
        work_alone()
        sys.setswitchinterval(_TURN_S)
        return self.torch_device


@cache
def keep_freed_memory() -> bool:
    """Let this program keep some of the memory that it frees, since it wants as much again for the next frame.

    By default the C library hands large pieces back to the system, which then clears thousands of pages for every
    picture that a network makes. Only glibc can be told; return whether it was.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, _LARGEST_KEPT) and mallopt(_M_TRIM_THRESHOLD, _MOST_KEPT))


@cache
def work_alone() -> None:
    """Let NumPy's and SciPy's linear algebra keep to the thread that calls it.

    Its products are small here. After each, a second thread of OpenBLAS would wait for more by asking the system again
    and again, and take a good part of a core from whatever runs beside it.
    """
    _POOLS.select(user_api="blas").limit(limits=1)


def share_cores() -> None:
    """Let what the calling thread computes use half of the threads there are, since other work goes on beside it.

    A network on all of them would wait, layer after layer, for the core that is busy with something else.
    """
    threads = torch.get_num_threads()  # asked, PyTorch sets up the calling thread; it must not do so afterwards
    _POOLS.select(user_api="openmp").limit(limits=max(1, threads // 2))


def cores() -> int:
    """CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
