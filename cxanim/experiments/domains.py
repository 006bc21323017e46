"""Table 1 of the paper, unpaired domain transfer: CX to both, against Gram + L1 and against CycleGAN.

Faces of two kinds from picture scrolls (KaoKore, CC BY-SA 4.0, ROIS-DS Center for Open Data in the Humanities), without
pairs. Each method trains for the same minutes in a process of its own, as many at a time as the cores have room for; a
quarter of the pictures is held out. A small classifier, which learnt from the same pictures through eyes that no method
learnt through, says whether a translated face now is of the target's kind; how far edges stay where they were tells
whether it is the same face still.
"""

import multiprocessing
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch

from cxanim.experiments.cyclegan import NETWORKS, fit_cyclegan
from cxanim.experiments.figure import row_of_pictures
from cxanim.experiments.kinds import KindOf
from cxanim.experiments.material import material
from cxanim.experiments.report import Report, spread, table
from cxanim.images import read_image
from cxanim.pipelines.domain_fit import DomainFitSettings, fit_domain
from cxanim.pipelines.machine import Machine, cores
from cxanim.pipelines.translator import Translator

_KINDS = ("kaokore_A_male_warrior", "kaokore_B_female_noble")
_SIZE_PX, _NETWORK, _HELD_OUT_EVERY = 128, "live", 4
_METHODS = {"CX + CX": "cx", "Gram + L1": "gram", "CycleGAN": "cyclegan"}
_ENOUGH = 0.7


@dataclass(frozen=True)
class Trained:
    """What one training gave.

    Attributes:
        path: the translator's file.
        steps: how many it took.
        peak_mb: most memory of its process.
    """

    path: Path
    steps: int
    peak_mb: float


def run(quick: bool) -> Report:
    """All methods, with some seeds."""
    minutes, seeds = (0.05, 1) if quick else (25.0, 1)
    folders = [material(f"unpaired/{kind}") for kind in _KINDS]
    files = [sorted(path for path in folder.iterdir() if path.suffix in (".jpg", ".png")) for folder in folders]
    learnt = [[path for number, path in enumerate(some) if number % _HELD_OUT_EVERY] for some in files]
    sources, targets = learnt
    given, wanted = (_squares(some[::_HELD_OUT_EVERY]) for some in files)
    judge = KindOf(_squares(sources), _squares(targets))
    right = (1 - judge.is_second(given).mean()), judge.is_second(wanted).mean()
    flips: dict[str, list[float]] = {name: [] for name in _METHODS}
    edges: dict[str, list[float]] = {name: [] for name in _METHODS}
    trained: dict[str, Trained] = {}
    shown = {"source": given}
    threads = torch.get_num_threads()
    at_a_time = max(1, cores() // threads)
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(at_a_time) as pool:
        waiting = {}
        runs = [(seed, name) for seed in range(seeds) for name in _METHODS]
        for seed, name in runs:
            output = Path(folder) / f"{_METHODS[name]}-{seed}.translator"
            order = _METHODS[name], sources, targets, output, minutes, seed, threads
            waiting[seed, name] = pool.submit(_alone, *order)
        for seed, name in runs:
            trained[name] = waiting[seed, name].result()
            translator = Translator.load(trained[name].path)
            shown[name] = [translator.translate(picture) for picture in given]
            flips[name].append(float(judge.is_second(shown[name]).mean()))
            edges[name].append(float(np.mean(list(map(edge_agreement, shown[name], given)))))
    rows = []
    for name in _METHODS:
        networks = NETWORKS if name == "CycleGAN" else 1
        one = trained[name]
        rows.append([
            name, f"{100 * np.mean(flips[name]):.0f} %", spread(edges[name]), str(networks), str(one.steps),
            f"{1000 * 60 * minutes / one.steps:.0f}", f"{one.peak_mb:.0f}",
        ])  # fmt: skip
    picked = range(0, len(given), max(1, len(given) // 6))
    sheet = [row_of_pictures([some[index] for some in shown.values()], list(shown)) for index in picked]
    ours = float(np.mean(flips["CX + CX"]))
    return Report(
        "Table 1, unpaired domain transfer: one network with CX against Gram + L1 and CycleGAN",
        f"CX moves at least {100 * _ENOUGH:.0f} % of the held-out faces over to the target's kind, with one network, "
        "and the face stays where it is.",
        f"Of {len(given)} held-out sources the classifier takes {100 * ours:.0f} % for the target's kind after CX, "
        f"{100 * np.mean(flips['Gram + L1']):.0f} % after Gram + L1, {100 * np.mean(flips['CycleGAN']):.0f} % after "
        "CycleGAN.",
        f"{seeds} seed, {minutes:g} minutes each with threads={threads}, {at_a_time} at a time; the classifier is "
        f"right on {100 * right[0]:.0f} % and {100 * right[1]:.0f} % of held-out true pictures of the two kinds.",
        table(
            ["loss", "taken for the target's kind", "edges that stay", "networks", "steps", "ms a step", "peak MB"],
            rows,
        ),
        np.vstack(sheet),
        ours >= _ENOUGH,
    )


def edge_agreement(one: np.ndarray, other: np.ndarray) -> float:
    """How two pictures' edges go together, wherever bright and dark are: a correlation in [-1, 1]."""
    maps = []
    for picture in (one, other):
        grey = cv2.GaussianBlur(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32), (0, 0), 1)
        maps.append(np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)))
    return float(np.corrcoef(maps[0].ravel(), maps[1].ravel())[0, 1])


def _alone(
    method: str, sources: list[Path], targets: list[Path], output: Path, minutes: float, seed: int, threads: int
) -> Trained:
    """`_train` in a process of its own, since a process's peak memory never falls."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_train, method, sources, targets, output, minutes, seed, threads).result()


def _train(
    method: str, sources: list[Path], targets: list[Path], output: Path, minutes: float, seed: int, threads: int
) -> Trained:
    import resource  # which not every system has

    machine = Machine(seed=seed, threads=threads)
    if method == "cyclegan":
        machine.prepare()
        network, steps = fit_cyclegan(_squares(sources), _squares(targets), _NETWORK, minutes, seed)
        Translator(network).save(output)
    else:
        settings = DomainFitSettings(minutes=minutes, size=_SIZE_PX, network=_NETWORK, method=method)
        steps = fit_domain(sources, targets, output, settings, machine).steps
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return Trained(output, steps, peak * (1e-6 if sys.platform == "darwin" else 1024e-6))


def _squares(paths: list[Path]) -> list[np.ndarray]:
    size = (_SIZE_PX, _SIZE_PX)
    return [cv2.resize(read_image(path).rgb, size, interpolation=cv2.INTER_AREA) for path in paths]
