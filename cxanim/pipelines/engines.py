"""Where many trainings run: processes of this machine, or the workers of a Ray cluster.

A training has a process to itself. Whatever becomes of it (an error, a crash, memory that ran out), the others go on,
and how it ended is said in words.
"""

import multiprocessing
import os
import queue
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from cxanim.errors import BadSetting, Cancelled, CxanimError, NotEnoughMemory, is_out_of_memory
from cxanim.pipelines.fit import train
from cxanim.pipelines.machine import cores
from cxanim.pipelines.many import FAILED, STOPPED, TRAINED, Engine, Order, Outcome
from cxanim.pipelines.watch import Watch
from cxanim.progress import Progress, ShouldStop

ENGINES = ("local", "ray")
_LOOK_EVERY_S, _TELL_EVERY_S = 0.2, 1.0

News = tuple[str, Progress | Outcome]


def make_engine(name: str, workers: int = 1) -> Engine:
    """An engine by name; the local one runs so many trainings at a time.

    Raises:
        BadSetting: there is no such engine, or too few workers.
        CxanimError: Ray is not installed.
    """
    if workers < 1:
        raise BadSetting(f"workers: got {workers}, expected at least 1.")
    if name == "local":
        return LocalEngine(workers)
    if name == "ray":
        return RayEngine()
    raise BadSetting(f"engine: got {name!r}, expected one of {', '.join(ENGINES)}.")


def carry_out(order: Order, tell: Callable[[Progress], None], should_stop: ShouldStop) -> Outcome:
    """Work on one order; every end of it is an outcome."""
    told_s = 0.0

    def tell_sometimes(progress: Progress) -> None:
        nonlocal told_s
        if time.monotonic() - told_s >= _TELL_EVERY_S:
            told_s = time.monotonic()
            tell(progress)

    watch = Watch(tell_sometimes, should_stop, sees_previews=False)
    try:
        trained = train(order.targets, order.output, order.settings, order.machine, watch, resume=order.resume)
    except Cancelled:
        return Outcome(STOPPED)
    except CxanimError as error:
        return Outcome(FAILED, str(error))
    except Exception as error:  # noqa: BLE001 - one that fails must leave the others alone
        return Outcome(
            FAILED, str(NotEnoughMemory() if is_out_of_memory(error) else f"{type(error).__name__}: {error}")
        )
    is_finished = trained.puppet.training["finished"]
    return Outcome(TRAINED if is_finished else STOPPED, steps=trained.steps)


@dataclass(frozen=True)
class LocalEngine:
    """Processes of this machine.

    Attributes:
        workers: how many trainings run at a time; they share the cores.
    """

    workers: int = 1

    def work(self, orders: Sequence[Order], should_stop: ShouldStop) -> Iterator[News]:
        """Work on all orders; yield where each stands and, last for each, how it ended."""
        context = multiprocessing.get_context("spawn")
        news, stop = context.Queue(), context.Event()
        threads = max(1, cores() // self.workers)
        waiting = list(orders)
        running: dict[str, Any] = {}
        ended: set[str] = set()
        while waiting or running:
            if should_stop():
                stop.set()
                for order in waiting:
                    yield order.name, Outcome(STOPPED)
                waiting.clear()
            while waiting and len(running) < self.workers:
                order = waiting.pop(0)
                machine = replace(order.machine, threads=order.machine.threads or threads)
                arguments = (replace(order, machine=machine), news, stop)
                running[order.name] = context.Process(target=_in_process, args=arguments, daemon=True)
                running[order.name].start()
            yield from _drained(news, ended)
            for name, process in list(running.items()):
                if process.exitcode is not None:
                    process.join()
                    yield from _drained(news, ended)
                    if name not in ended:
                        yield name, Outcome(FAILED, _unexpected(process.exitcode))
                    del running[name]


def _in_process(order: Order, news: Any, stop: Any) -> None:
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent says when to stop
    outcome = carry_out(order, lambda progress: news.put((order.name, progress)), stop.is_set)
    news.put((order.name, outcome))
    news.close()
    news.join_thread()


def _drained(news: Any, ended: set[str]) -> Iterator[News]:
    wait_s = _LOOK_EVERY_S
    while True:
        try:
            name, what = news.get(timeout=wait_s)
        except queue.Empty:
            return
        if isinstance(what, Outcome):
            ended.add(name)
        yield name, what
        wait_s = 0.0


def _unexpected(exit_code: int) -> str:
    if exit_code == -9:
        return f"Its process was killed, as happens when memory runs out. {NotEnoughMemory().next_step}"
    return f"Its process ended unexpectedly (exit code {exit_code}). Try it alone to see why."


class RayEngine:
    """Workers of an existing Ray cluster, or of one on this machine where there is none.

    The targets and the folder for the puppets must have the same names on all nodes, as on a shared disk. A training
    takes `machine.threads` cores of a worker, two where it is left open, and a GPU where the device asks for one; no
    more cores than the largest worker has, since Ray would wait for more without a word.
    """

    def __init__(self) -> None:
        try:
            import ray
        except ImportError as error:
            raise CxanimError("Ray is not installed.", "Install it with: pip install 'cxanim[ray]'.") from error
        self._ray = ray

    def work(self, orders: Sequence[Order], should_stop: ShouldStop) -> Iterator[News]:
        """Work on all orders; yield where each stands and, last for each, how it ended."""
        ray = self._ray
        if not ray.is_initialized():
            _connect(ray)
        board = ray.remote(num_cpus=0)(_Board).remote()
        running = {}
        for order in orders:
            gpus = int(order.machine.device == "cuda")
            threads = min(order.machine.threads or 2, _most_cores(ray, gpus))
            task = ray.remote(num_cpus=threads, num_gpus=gpus, max_retries=0)(_on_ray)
            order = replace(order, machine=replace(order.machine, threads=threads))
            running[task.remote(order, board)] = order.name
        while running:
            if should_stop():
                ray.get(board.stop.remote())
            done, _ = ray.wait(list(running), num_returns=1, timeout=_LOOK_EVERY_S)
            yield from ray.get(board.take.remote())
            for task in done:
                name = running.pop(task)
                try:
                    yield name, ray.get(task)
                except ray.exceptions.RayError as error:
                    words = str(error).strip().splitlines()[0]
                    yield name, Outcome(FAILED, f"Its worker was lost: {words}")


class _Board:
    """Where the workers of a cluster write how far they are, and read whether to stop."""

    def __init__(self) -> None:
        self._news: dict[str, Progress] = {}
        self._stopped = False

    def tell(self, name: str, progress: Progress) -> None:
        self._news[name] = progress

    def take(self) -> list[tuple[str, Progress]]:
        news, self._news = list(self._news.items()), {}
        return news

    def stop(self) -> None:
        self._stopped = True

    def is_stopped(self) -> bool:
        return self._stopped


def _on_ray(order: Order, board: Any) -> Outcome:
    import ray

    asked_s, stopped = 0.0, False

    def should_stop() -> bool:
        nonlocal asked_s, stopped
        if time.monotonic() - asked_s >= _TELL_EVERY_S:
            asked_s, stopped = time.monotonic(), bool(ray.get(board.is_stopped.remote()))
        return stopped

    return carry_out(order, lambda progress: board.tell.remote(order.name, progress), should_stop)


def _most_cores(ray: Any, gpus: int) -> int:
    """Cores of the largest node that has so many GPUs.

    Raises:
        CxanimError: there is no such node.
    """
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    fitting = [int(node.get("CPU", 0)) for node in nodes if node.get("GPU", 0) >= gpus]
    if max(fitting, default=0) < 1:
        lacks = "GPU" if gpus else "core"
        raise CxanimError(f"No worker of the Ray cluster has a {lacks}.", "Start one, or use --engine local.")
    return max(fitting)


def _connect(ray: Any) -> None:
    """Join the cluster that is named or running, or start one that nobody else can reach.

    Raises:
        CxanimError: the one that is named does not answer, or none can be started.
    """
    quiet = dict(log_to_driver=False, logging_level="ERROR")
    try:
        ray.init(address="auto", **quiet)
        return
    except ConnectionError as error:
        if os.environ.get("RAY_ADDRESS"):
            problem = f"The Ray cluster at {os.environ['RAY_ADDRESS']} (RAY_ADDRESS) does not answer."
            raise CxanimError(problem, "Start it, or unset RAY_ADDRESS, or use --engine local.") from error
    try:
        # Its own address: what a name server or a firewall says of this machine's others does not matter then.
        ray.init(address="local", include_dashboard=False, _node_ip_address="127.0.0.1", **quiet)
    except (ConnectionError, RuntimeError, OSError) as error:
        words = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise CxanimError(
            f"Ray could not be started on this machine: {words}", "Try again, or use --engine local."
        ) from error
