"""Teaches a network one style, which it then gives to any picture at once, and to a video without flicker.

J. Johnson, A. Alahi, L. Fei-Fei, ECCV 2016, with the Contextual loss or the Gram matrices as judge.

Differs from the paper: two crops of one picture, one shifted by some pixels and a little brighter or darker, shall
become the same where they overlap. That is what a video's frames are to one another.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from cxanim.errors import NotEnoughMemory, is_out_of_memory
from cxanim.images import as_seen, fitted, read_image
from cxanim.losses import FeatureNetwork, feature_network, l2_loss
from cxanim.models.stylizer import Stylizer
from cxanim.output import ensure_writable, one_writer
from cxanim.pipelines.learner import Learner
from cxanim.pipelines.machine import Machine
from cxanim.pipelines.picture_set import PictureSet, photographs, read_pictures
from cxanim.pipelines.puppet import facts_of
from cxanim.pipelines.refine import as_pictures, as_tensor
from cxanim.pipelines.style_network import StyleNetwork, ensure_style_writable
from cxanim.pipelines.style_objective import StyleObjective, StyleObjectiveSettings, style_layers
from cxanim.pipelines.training_loop import train_until_told
from cxanim.pipelines.training_state import TrainingState, fingerprint_of, state_path
from cxanim.pipelines.watch import Watch
from cxanim.settings import setting

_MOST_SHIFT_PX, _MOST_BRIGHTER = 8, 0.05
_PREVIEWED = 3


@dataclass(frozen=True)
class StyleFitSettings(StyleObjectiveSettings):
    """How a network is taught a style."""

    method: str = setting(
        "cx", "what judges: the Contextual loss, or Gram matrices", choices=("cx", "gram"), folded=False
    )
    minutes: float = setting(10.0, "how long to practise", low=0.05, high=1440, step=0.5, unit="min", folded=False)
    steps: int = setting(0, "practise so many steps instead of minutes; 0 lets the minutes decide", low=0, high=10**7)
    size: int = setting(
        512, "longest side of the pictures that it will be given", low=128, high=2048, step=64, unit="px"
    )
    crop: int = setting(
        256, "side of what a step looks at: all of the style is looked for in it", low=64, high=512, step=16, unit="px"
    )
    smoothness: float = setting(
        0.1, "how smooth the picture is made; a network is so by itself", low=0, high=20, step=0.1
    )
    width: int = setting(16, "channels of the network at full size; more are slower", choices=(8, 16, 32))
    temporal: float = setting(20.0, "how steady a video is made", low=0, high=1000, step=1)
    positions: int = setting(1024, "positions of a feature map that are compared", low=0, high=65536)
    rate: float = setting(2e-3, "learning rate of Adam", low=1e-6, high=0.1)
    features: str = setting(
        "small", "network that the losses look through; vgg19 is slower and needs its weights",
        choices=("small", "vgg19"),
    )  # fmt: skip


@dataclass(frozen=True)
class StyleFitted:
    """A network that was taught a style.

    Attributes:
        path: its file.
        steps: steps it has practised in all.
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
) -> StyleFitted:
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
    ensure_style_writable(output)
    ensure_writable(state_path(output))
    if resume:
        TrainingState.ensure_there(state_path(output))
    layers = style_layers(settings.method, settings.features)
    eyes = feature_network(settings.features, layers, pooling="average").to(device)
    wanted = as_seen(read_image(Path(style)))
    practice = read_pictures(on, settings.size, watch) if on else photographs()
    with one_writer(output):
        student = _Student(wanted, practice, settings, eyes, machine.seed, device)
        if resume:
            student.restore(TrainingState.load(state_path(output), student.fingerprint))

        def keep(seconds: float, terms: dict[str, float]) -> StyleFitted:
            about = {"settings": asdict(settings), "style": facts_of([Path(style)]), "steps": student.step_number}
            StyleNetwork(student.learner.averaged(), settings.size, about).save(output)
            student.state().save(state_path(output))
            return StyleFitted(output, student.step_number, seconds, terms, practice.notes)

        try:
            fitted, _ = train_until_told(student, settings.minutes, settings.steps, longest_min, watch, keep)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            raise NotEnoughMemory(
                "The machine ran out of memory while practising.", "Choose a smaller crop or width."
            ) from error
    return fitted


class _Student:
    """The steps of one training."""

    def __init__(
        self, style: np.ndarray, practice: PictureSet, settings: StyleFitSettings, eyes: FeatureNetwork, seed: int,
        device: torch.device,
    ):  # fmt: skip
        torch.manual_seed(seed)
        self.learner = Learner(Stylizer(settings.width).to(device), settings.rate)
        self._practice = [_sized(picture, settings) for picture in practice.pictures]
        self._settings, self._eyes, self._seed, self._device = settings, eyes, seed, device
        self._draw = torch.Generator()
        style = fitted(style, settings.size)
        self.fingerprint = fingerprint_of([style, *self._practice], settings, without=("minutes", "steps"))
        with torch.no_grad():
            features = eyes(as_tensor(style[None], device))
        self._objective = StyleObjective(settings, eyes.name, features, [], self._draw)

    @property
    def step_number(self) -> int:
        return self.learner.step_number

    def step(self) -> dict[str, float]:
        random = np.random.default_rng((self._seed, self.step_number))
        self._draw.manual_seed(int(random.integers(2**31)))
        pair, shift = self._drawn(random)
        shown = self.learner.network(pair)
        with torch.no_grad():
            content = self._eyes(pair)
        total, terms = self._objective(self._eyes(shown), content, shown)
        if self._settings.temporal:
            one, other = _overlap(shown, *shift)
            unsteady = l2_loss(one, other)
            total = total + self._settings.temporal * unsteady
            terms["temporal"] = float(unsteady.detach())
        self.learner.learn(total, terms)
        return terms

    def preview(self) -> np.ndarray:
        network, tiles = self.learner.averaged(), []
        for picture in self._practice[:_PREVIEWED]:
            small = fitted(picture, 256)
            with torch.inference_mode():
                styled = as_pictures(network(as_tensor(small[None], self._device)))[0]
            tiles.append(cv2.resize(np.vstack([small, styled]), (256, 512), interpolation=cv2.INTER_AREA))
        return np.hstack(tiles)

    def state(self) -> TrainingState:
        return self.learner.state(self.fingerprint, f"stylizer {self._settings.width}")

    def restore(self, state: TrainingState) -> None:
        self.learner.restore(state, f"stylizer {self._settings.width}")

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
        pair = as_tensor(crops, self._device)
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
