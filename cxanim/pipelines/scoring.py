"""What all scores of puppets share: how closely is looked, what is left out, and which window is compared."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from cxanim.losses import FeatureNetwork, available, feature_network
from cxanim.motion.crop import Crop
from cxanim.pipelines import metrics
from cxanim.pipelines.machine import Machine
from cxanim.pipelines.puppet_parts import SelfTold, facts_of
from cxanim.settings import Settings, setting

GAP_S = 1.0  # between what was learnt from and what is scored
MOST_CANDIDATE_BYTES = 300_000_000  # of the frames that `nearest` may choose from


@dataclass(frozen=True)
class ScoreSettings(Settings):
    """How closely pictures are looked at."""

    frames: int = setting(60, "score at most so many frames, evenly spread", low=3, high=10000)
    features: str = setting("auto", "network that pictures are compared through; auto takes vgg19 where it is at hand",
                            choices=("auto", "vgg19", "small"))  # fmt: skip

    def eyes(self) -> FeatureNetwork:
        """The network that `features` stands for."""
        name = self.features
        if name == "auto":
            name = "vgg19" if available("vgg19") else "small"
        return feature_network(name, metrics.VGG_DIST_LAYERS)


@dataclass(frozen=True)
class EvaluateSettings(ScoreSettings):
    """What is scored."""

    start: float = setting(
        0.0, "score what follows this share of the clip and a second; the frames before it serve `nearest`",
        low=0, high=0.95, step=0.05,
    )  # fmt: skip


class Exam(Protocol):
    """What scores whoever shows the frames of a clip."""

    def score(self, show: Any, eyes: FeatureNetwork, name: str) -> dict[str, float | int | None]:
        """The numbers of what turns a face, or a pose, into a picture."""

    def baselines(self) -> Mapping[str, Any]:
        """What else may show them, by name."""


def beside_baselines(
    exam: Exam, show: Any, eyes: FeatureNetwork, size_px: int, device: torch.device, machine: Machine
) -> dict[str, Any]:
    """The scores of a puppet, with those of the baselines in the same run, and where it ran."""
    scores = exam.score(show, eyes, "the puppet")
    baselines = {name: exam.score(other, eyes, name) for name, other in exam.baselines().items()}
    return scores | {
        "baselines": baselines,
        "device": device.type,
        "threads": machine.thread_count,
        "size": size_px,
        "features": eyes.name,
    }


def same_crop(puppet: SelfTold, clip: Path, width_px: int, height_px: int) -> Crop | None:
    """The window that a puppet was trained in, if this clip, of this size, is one of those it was trained on."""
    files = puppet.about.get("files")
    if files is not None and facts_of([clip])[0] not in files:
        return None  # another clip of the same name
    for name, (x, y, side, width, height) in puppet.trained_windows:
        if name == clip.name and (width, height) == (width_px, height_px):
            return Crop(x, y, side)
    return None


def mean_of(values: list[float]) -> float | None:
    """Their mean, rounded; None of none."""
    return round(float(np.mean(values)), 5) if values else None
