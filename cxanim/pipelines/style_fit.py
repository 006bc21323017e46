"""Teaches a network one style, which it then gives to any picture at once, and to a video without flicker.

J. Johnson, A. Alahi, L. Fei-Fei, ECCV 2016, with the Contextual loss or the Gram matrices as judge.

Differs from the paper: two crops of one picture, one shifted by some pixels and a little brighter or darker, shall
become the same where they overlap. That is what a video's frames are to one another.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from cxanim.images import as_seen, fitted, read_image
from cxanim.losses import FeatureNetwork, feature_network, l1_loss, l2_loss
from cxanim.models.stylizer import Stylizer
from cxanim.pipelines.course import CourseSettings, Student, Taught, ensure_teachable, teach
from cxanim.pipelines.machine import Machine
from cxanim.pipelines.network_file import ensure_network_writable
from cxanim.pipelines.picture_set import PictureSet, photographs, read_pictures
from cxanim.pipelines.puppet_parts import facts_of
from cxanim.pipelines.refine import as_pictures, as_tensor
from cxanim.pipelines.style_network import STYLE_KIND, StyleNetwork
from cxanim.pipelines.style_objective import StyleObjective, StyleObjectiveSettings, style_layers
from cxanim.pipelines.watch import Watch
from cxanim.settings import setting

_MOST_SHIFT_PX, _MOST_BRIGHTER = 8, 0.05
_BEYOND = 10.0  # weight of what is brighter than white or darker than black, which nobody would see
_PREVIEWED = 3
_KEEPS = 0.25  # of the content, beside what pixels are held to: a network keeps much by itself


@dataclass(frozen=True)
class StyleFitSettings(CourseSettings, StyleObjectiveSettings):
    """How a network is taught a style."""

    method: str = setting(
        "cx", "what judges: the Contextual loss, or Gram matrices", choices=("cx", "gram"), folded=False
    )
    size: int = setting(
        512, "longest side of the pictures that it will be given", low=128, high=2048, step=64, unit="px"
    )
    crop: int = setting(
        192, "side of what a step looks at: all of the style is looked for in it", low=64, high=512, step=16, unit="px"
    )
    smoothness: float = setting(
        0.1, "how smooth the picture is made; a network is so by itself", low=0, high=20, step=0.1
    )
    width: int = setting(16, "channels of the network at full size; more are slower", choices=(8, 16, 32))
    temporal: float = setting(20.0, "how steady a video is made", low=0, high=1000, step=1)
    positions: int = setting(1024, "positions of a feature map that are compared", low=0, high=65536)
    rate: float = setting(2e-3, "learning rate of Adam", low=1e-6, high=0.1)


def fit_style(
    style: Path,
    output: Path,
    settings: StyleFitSettings | None = None,
    machine: Machine | None = None,
    watch: Watch | None = None,
    *,
    on: Sequence[Path] = (),
    resume: bool = False,
    longest_min: float = math.inf,
) -> Taught:
    """Teach a network a style, and keep it.

    Args:
        style: a picture.
        output: the .style file; the state for resuming lies beside it.
        settings: judge, length, size.
        machine: where to compute.
        watch: who is told. Stopping keeps what is learnt; before the first step nothing is kept.
        on: pictures, folders, zips or videos to practise on; photographs that come along if none.
        resume: go on from the state beside `output`.
        longest_min: minutes after which it ends, whatever the settings say.

    Raises:
        CxanimError: whatever the world holds against it, with the next step.
    """
    settings, machine, watch = settings or StyleFitSettings(), machine or Machine(), watch or Watch()
    output, device = Path(output), machine.prepare()
    ensure_network_writable(output, STYLE_KIND)
    ensure_teachable(output, resume)
    layers = style_layers(settings.method, settings.features)
    eyes = feature_network(settings.features, layers, pooling="average").to(device)
    wanted = as_seen(read_image(Path(style)))
    practice = read_pictures(on, settings.size, watch) if on else photographs()
    student = _Student(wanted, practice, settings, eyes, machine.seed, device)

    def save() -> None:
        about = {"settings": asdict(settings), "style": facts_of([Path(style)]), "steps": student.step_number}
        StyleNetwork(student.learner.averaged(), settings.size, about).save(output)

    return teach(student, output, save, settings, watch, resume=resume, longest_min=longest_min, notes=practice.notes)


class _Student(Student[Stylizer]):
    def __init__(
        self, style: np.ndarray, practice: PictureSet, settings: StyleFitSettings, eyes: FeatureNetwork, seed: int,
        device: torch.device,
    ):  # fmt: skip
        style, self._practice = fitted(style, settings.size), [_sized(one, settings) for one in practice.pictures]
        name = f"stylizer {settings.width}"
        make = partial(Stylizer, settings.width)
        super().__init__(make, name, settings, [style, *self._practice], seed, device)
        self._settings, self._eyes = settings, eyes
        with torch.no_grad():
            features = eyes(as_tensor(style[None], device))
        keeps = _KEEPS if settings.method == "cx" else 1.0
        self._objective = StyleObjective(settings, eyes.name, features, [], self.draw, keeps)

    def loss(self, random: np.random.Generator) -> tuple[Tensor, dict[str, float]]:
        pair, shift = self._drawn(random)
        shown = self.learner.network(pair)
        with torch.no_grad():
            content = self._eyes(pair[:1])
        total, terms = self._objective(self._eyes(shown[:1]), content, shown[:1])
        beyond = l1_loss(shown, shown.clamp(0, 1))
        total = total + _BEYOND * beyond
        terms["beyond"] = float(beyond.detach())
        if self._settings.temporal:
            one, other = _overlap(shown, *shift)
            unsteady = l2_loss(one, other)
            total = total + self._settings.temporal * unsteady
            terms["temporal"] = float(unsteady.detach())
        return total, terms

    def preview(self) -> np.ndarray:
        network, tiles = self.learner.averaged(), []
        for picture in self._practice[:_PREVIEWED]:
            small = fitted(picture, 256)
            with torch.inference_mode():
                styled = as_pictures(network(as_tensor(small[None], self.device)))[0]
            tiles.append(cv2.resize(np.vstack([small, styled]), (256, 512), interpolation=cv2.INTER_AREA))
        return np.hstack(tiles)

    def _drawn(self, random: np.random.Generator) -> tuple[Tensor, tuple[int, int]]:
        """Two crops of one picture, (2, 3, S, S), and how far the second lies to the right of and below the first."""
        side = self._settings.crop
        picture = self._practice[random.integers(len(self._practice))]
        across, down = (int(random.integers(-_MOST_SHIFT_PX, _MOST_SHIFT_PX + 1)) for _ in range(2))
        height, width = picture.shape[:2]
        left = int(random.integers(max(0, -across), width - side - max(0, across) + 1))
        top = int(random.integers(max(0, -down), height - side - max(0, down) + 1))
        corners = (top, left), (top + down, left + across)
        crops = np.stack([picture[y : y + side, x : x + side] for y, x in corners])
        if random.random() < 0.5:
            crops, across = np.ascontiguousarray(crops[:, :, ::-1]), -across
        pair = as_tensor(crops, self.device)
        brighter = random.uniform(-_MOST_BRIGHTER, _MOST_BRIGHTER)
        return torch.cat([pair[:1], (pair[1:] + brighter).clamp(0, 1)]), (across, down)


def _overlap(pair: Tensor, across: int, down: int) -> tuple[Tensor, Tensor]:
    """What two crops (2, 3, S, S) both show, the second shifted to the right and down: (1, 3, h, w) each."""
    side = pair.shape[3]
    mine = pair[:1, :, max(0, down) : side + min(0, down), max(0, across) : side + min(0, across)]
    its = pair[1:, :, max(0, -down) : side - max(0, down), max(0, -across) : side - max(0, across)]
    return mine, its


def _sized(picture: np.ndarray, settings: StyleFitSettings) -> np.ndarray:
    """A picture of the size that is practised at, and large enough for a crop and its shift."""
    picture = fitted(picture, settings.size)
    least = settings.crop + 2 * _MOST_SHIFT_PX
    shortest = min(picture.shape[:2])
    return picture if shortest >= least else fitted(picture, math.ceil(max(picture.shape[:2]) * least / shortest))
