"""A picture that keeps what one picture shows and looks as another one: its pixels are optimised, coarse to fine.

R. Mechrez, I. Talmi, L. Zelnik-Manor, "The Contextual Loss for Image Transformation with Non-Aligned Data", ECCV 2018,
section 5.1, with the first author's later answer on weights and layers; the classic methods beside it.

Differs from the paper:
    - several scales. A coarse picture costs a sixteenth, and what is large in a style is settled there; the fine ones
      only add what they alone can show. There the content counts the more the coarser they are, or a style with other
      things in it would take them all to pieces.
    - a pyramid is optimised instead of pixels (`painting.py`).
    - what compares sets looks from a place some pixels aside at each step, or the grid on which a feature network pools
      would be seen.
"""

import time
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from cxanim.checkpoint import read_checkpoint, write_checkpoint
from cxanim.errors import BadPuppet, Cancelled, NotEnoughMemory, is_out_of_memory
from cxanim.images import as_seen, ensure_picture_writable, fitted, keeps_alpha, read_image, write_image
from cxanim.losses import FeatureNetwork, Features, feature_network
from cxanim.output import ensure_writable, one_writer
from cxanim.pipelines.machine import Machine
from cxanim.pipelines.painting import Painting
from cxanim.pipelines.refine import as_pictures, as_tensor
from cxanim.pipelines.style_masks import Masks, read_labels, regions_of
from cxanim.pipelines.style_objective import METHODS, StyleObjective, StyleObjectiveSettings, style_layers
from cxanim.pipelines.training_state import fingerprint_of, state_path
from cxanim.pipelines.watch import Watch
from cxanim.settings import setting

_KIND, _FORMAT = "style-state", 2
_FARTHEST_ASIDE_PX = 7  # one less than the deepest layer's positions are apart
_COARSER_KEEPS = 2.0  # times as much of the content, at half the size
_COARSEST_PX, _SHARES = 128, (0.45, 0.3, 0.15, 0.1)  # of the steps, by scale from coarse to fine
_TELL_EVERY_S, _PREVIEW_EVERY_S, _PREVIEW_PX = 0.5, 2.0, 512


@dataclass(frozen=True)
class StyleSettings(StyleObjectiveSettings):
    """How a picture is given a style."""

    size: int = setting(  # beyond, 4 GB would not do
        512, "longest side of the result; Enhance makes it larger", low=64, high=2048, step=64, unit="px", folded=False
    )  # fmt: skip
    steps: int = setting(300, "steps in all, most of them at coarse scales", low=1, high=100_000)
    rate: float = setting(0.01, "learning rate of Adam, in pixels of 0 to 1", low=1e-4, high=1)
    features: str = setting(
        "small",
        "network that the losses look through; vgg19 is slower and needs its weights",
        choices=("small", "vgg19"),
    )
    keep_colours: bool = setting(False, "take only light and dark from the style, and the colours from the content")


@dataclass(frozen=True)
class Styled:
    """A picture that was given a style.

    Attributes:
        path: the file.
        width_px, height_px: its size.
        steps: how many were taken.
        seconds: how long they took.
        terms: what is still wrong, by term.
        is_finished: whether all steps were taken; a state beside it goes on where it was stopped.
        notes: what a person should know.
    """

    path: Path
    width_px: int
    height_px: int
    steps: int
    seconds: float
    terms: dict[str, float]
    is_finished: bool
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, object]:
        """As JSON shows it."""
        told = vars(self) | {"path": str(self.path), "notes": list(self.notes), "seconds": round(self.seconds, 1)}
        return told | {"terms": {name: round(value, 5) for name, value in self.terms.items()}}


def stylize(
    content: Path,
    style: Path,
    output: Path,
    settings: StyleSettings | None = None,
    machine: Machine | None = None,
    watch: Watch | None = None,
    *,
    masks: Masks | None = None,
    resume: bool = False,
) -> Styled:
    """Write a picture that shows what one picture shows, in the style of another.

    Stopping keeps what is there, and a state beside it from which `resume` goes on.

    Args:
        content, style: pictures.
        output: .png, .jpg or .webp.
        settings: method, size, weights.
        machine: where to compute.
        watch: who is told.
        masks: which part takes its style from which.
        resume: go on from the state beside `output`.

    Raises:
        UnreadableImage, TooLarge, MissingWeights, CannotWrite, BadSetting, BadPuppet, NotEnoughMemory.
    """
    settings, machine, watch = settings or StyleSettings(), machine or Machine(), watch or Watch()
    output = Path(output)
    device = machine.prepare()
    ensure_picture_writable(output)
    state = state_path(output)
    ensure_writable(state)
    layers = style_layers(settings.method, settings.features)
    eyes = feature_network(settings.features, layers, pooling="average").to(device)
    pair = _Pair.read(Path(content), Path(style), settings.size, masks)
    with one_writer(output):
        try:
            run = _Run(pair, settings, eyes, machine.seed, device)
            if resume:
                run.restore(state)
            styled = run.go(output, state, watch)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            raise NotEnoughMemory(
                f"The machine ran out of memory at {settings.size} px.", "Choose a smaller size."
            ) from error
    return styled


def compare_styles(
    content: Path,
    style: Path,
    output: Path,
    settings: StyleSettings | None = None,
    machine: Machine | None = None,
    watch: Watch | None = None,
    *,
    masks: Masks | None = None,
) -> dict[str, Styled]:
    """Every method on one pair, each in a picture of its own, NAME-cx.png and so on; what `stylize` raises.

    Stopping keeps those that there are.
    """
    settings, output, watch = settings or StyleSettings(), Path(output), watch or Watch()
    painted: dict[str, Styled] = {}
    for method in METHODS:
        if painted and watch.should_stop():
            break
        place, how = output.with_stem(f"{output.stem}-{method}"), replace(settings, method=method)
        painted[method] = stylize(content, style, place, how, machine, watch, masks=masks)
    return painted


@dataclass(frozen=True)
class _Pair:
    """Content and style as they are looked at, and their regions as labels."""

    content: np.ndarray
    style: np.ndarray
    alpha: np.ndarray | None
    labels: tuple[np.ndarray, np.ndarray] | None
    notes: tuple[str, ...]

    @classmethod
    def read(cls, content: Path, style: Path, size_px: int, masks: Masks | None) -> "_Pair":
        seen, wanted = read_image(content), read_image(style)
        notes = []
        longest = max(seen.rgb.shape[:2])
        if longest < size_px:
            notes.append(f"{content.name} has only {longest} px; it was enlarged to {size_px}.")
        labels = None if masks is None else read_labels(masks)
        alpha = None if seen.alpha is None else fitted(seen.alpha, size_px)
        return cls(fitted(as_seen(seen), size_px), fitted(as_seen(wanted), size_px), alpha, labels, tuple(notes))


@dataclass(frozen=True)
class _Scale:
    """What there is to do at one size: what is painted, what is asked of it, and features of the content."""

    number: int
    painting: Painting
    objective: StyleObjective
    content: Features


class _Run:
    """The optimisation of one picture, which may stop and go on between any two steps."""

    def __init__(self, pair: _Pair, settings: StyleSettings, eyes: FeatureNetwork, seed: int, device: torch.device):
        self._pair, self._settings, self._seed, self._device = pair, settings, seed, device
        self._eyes = eyes.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._plan = _plan(settings)
        self._step = 0
        self._draw = torch.Generator()
        self._scale: _Scale | None = None

    def go(self, output: Path, state: Path, watch: Watch) -> Styled:
        """Take the steps that are left; write the picture, and the state where it was stopped."""
        began_s = told_s = time.monotonic()
        shown_s, first, terms = 0.0, self._step, dict[str, float]()
        while self._step < self._settings.steps and not watch.should_stop():
            terms = self._take_step()
            now_s = time.monotonic()
            is_over = self._step == self._settings.steps
            if now_s - told_s >= _TELL_EVERY_S or is_over:
                told_s, preview = now_s, None
                if watch.sees_previews and (now_s - shown_s >= _PREVIEW_EVERY_S or is_over):
                    shown_s, preview = now_s, fitted(self._shown(), min(_PREVIEW_PX, self._settings.size))
                left_s = self._left_s((now_s - began_s) / self._work(first, self._step))
                watch.tell(
                    "Painting", self._step, self._settings.steps, "steps", now_s - began_s, terms, preview, left_s
                )
        if self._step == 0:
            raise Cancelled
        return self._kept(output, state, time.monotonic() - began_s, terms)

    def restore(self, path: Path) -> None:
        """Go on where a state says.

        Raises:
            BadPuppet: there is none, or it is of another picture.
        """
        if not path.exists():
            raise BadPuppet(f"There is no {path.name} to go on from.", "Begin without --resume.")
        header, tensors = read_checkpoint(path, _KIND, (_FORMAT,))
        if header.get("of") != self._identity():
            raise BadPuppet(
                f"{path.name} belongs to other pictures or settings.",
                "Resume with the same, or begin without --resume.",
            )
        try:
            self._step, scale = int(header["step"]), int(header["scale"])
            self._enter(scale).painting.restore({name: torch.from_numpy(array) for name, array in tensors.items()})
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise BadPuppet(f"{path.name} is damaged ({error}).", "Begin without --resume.") from error

    def _take_step(self) -> dict[str, float]:
        number = self._plan_at(self._step)
        scale = self._scale if self._scale is not None and self._scale.number == number else self._enter(number)
        # What is drawn depends on the seed and the number of the step alone, so that it may stop and go on.
        self._draw.manual_seed(self._seed * 1_000_003 + self._step)
        shown = scale.painting.shown()
        seen = _from_aside(shown, self._draw) if scale.objective.compares_sets else shown
        total, terms = scale.objective(self._eyes(seen), scale.content, shown)
        begun = self._plan[number][1]
        ends = self._plan[number + 1][1] if number + 1 < len(self._plan) else self._settings.steps
        left = (ends - self._step) / (ends - begun)  # each scale ends in small steps
        scale.painting.step(total, self._step - begun + 1, self._settings.rate * min(1.0, 2 * left))
        self._step += 1
        return terms

    def _enter(self, number: int) -> _Scale:
        """Begin a scale with what the one before has made."""
        size_px, _ = self._plan[number]
        content = self._tensor(self._pair.content, size_px)
        begins = content.clone()
        if self._scale is not None:
            before = self._scale.painting.picture
            grown = F.interpolate(before, content.shape[2:], mode="bicubic", align_corners=False)
            begins = _laid_out(grown.clamp(0, 1), self._device)
        with torch.no_grad():
            seen, style = (self._eyes(one) for one in (content, self._tensor(self._pair.style, size_px)))
        regions = regions_of(self._pair.labels, self._device)
        keeps = _COARSER_KEEPS ** (len(self._plan) - 1 - number)
        objective = StyleObjective(self._settings, self._eyes.name, style, regions, self._draw, keeps)
        self._scale = _Scale(number, Painting(begins), objective, seen)
        return self._scale

    def _tensor(self, picture: np.ndarray, size_px: int) -> Tensor:
        return _laid_out(as_tensor(fitted(picture, size_px)[None], self._device), self._device)

    def _plan_at(self, step: int) -> int:
        return max(number for number, (_, first) in enumerate(self._plan) if first <= step)

    def _work(self, first: int, last: int) -> float:
        """How much there is to do between two steps, in steps at full size."""
        return sum((self._plan[self._plan_at(step)][0] / self._settings.size) ** 2 for step in range(first, last))

    def _left_s(self, pace_s: float) -> float:
        return pace_s * self._work(self._step, self._settings.steps)

    def _identity(self) -> str:
        pair = self._pair
        return fingerprint_of([pair.content, pair.style, *(pair.labels or ())], self._settings, self._seed)

    def _shown(self) -> np.ndarray:
        """The picture as it stands, at full size."""
        height, width = self._pair.content.shape[:2]
        if self._scale is None:
            return self._pair.content
        picture = as_pictures(self._scale.painting.picture)[0]
        if picture.shape[:2] != (height, width):
            picture = cv2.resize(picture, (width, height), interpolation=cv2.INTER_CUBIC)
        return _in_colours_of(self._pair.content, picture) if self._settings.keep_colours else picture

    def _kept(self, output: Path, state: Path, seconds: float, terms: dict[str, float]) -> Styled:
        is_finished, notes = self._step == self._settings.steps, list(self._pair.notes)
        alpha = self._pair.alpha if keeps_alpha(output) else None
        picture = self._shown()
        write_image(output, picture, alpha)
        if is_finished:
            state.unlink(missing_ok=True)
        else:
            kept = self._scale.painting.state() if self._scale is not None else {}
            tensors = {name: tensor.cpu().contiguous().numpy() for name, tensor in kept.items()}
            header = {"of": self._identity(), "step": self._step, "scale": self._plan_at(max(0, self._step - 1))}
            write_checkpoint(state, _KIND, _FORMAT, header, tensors)
            notes.append(f"Stopped after {self._step} of {self._settings.steps} steps; --resume goes on.")
        height, width = picture.shape[:2]
        return Styled(output, width, height, self._step, seconds, terms, is_finished, tuple(notes))


def _plan(settings: StyleSettings) -> list[tuple[int, int]]:
    """Longest side and first step of each scale, from coarse to fine."""
    sizes = [settings.size]
    while sizes[-1] >= 2 * _COARSEST_PX and len(sizes) < len(_SHARES):
        sizes.append(sizes[-1] // 2)
    sizes.reverse()
    shares = _SHARES[: len(sizes)]
    firsts = np.round(np.cumsum([0.0, *shares[:-1]]) / sum(shares) * settings.steps).astype(int).tolist()
    return list(zip(sizes, firsts, strict=True))


def _from_aside(picture: Tensor, draw: torch.Generator) -> Tensor:
    """The picture (1, 3, H, W), moved by some pixels, its edges drawn out."""
    across, down = torch.randint(0, _FARTHEST_ASIDE_PX + 1, (2,), generator=draw).tolist()
    height, width = picture.shape[2:]
    middle = _FARTHEST_ASIDE_PX // 2
    wide = F.pad(picture, [middle + 1] * 4, mode="replicate")
    return wide[..., down : down + height, across : across + width].contiguous(memory_format=torch.channels_last)


def _laid_out(picture: Tensor, device: torch.device) -> Tensor:
    """As convolutions like it; always so, or a picture that was stopped would go on in other roundings."""
    return picture.to(device).contiguous(memory_format=torch.channels_last)


def _in_colours_of(content: np.ndarray, picture: np.ndarray) -> np.ndarray:
    luminance = cv2.cvtColor(picture, cv2.COLOR_RGB2YCrCb)[..., :1]
    colours = cv2.cvtColor(content, cv2.COLOR_RGB2YCrCb)[..., 1:]
    return cv2.cvtColor(np.dstack([luminance, colours]), cv2.COLOR_YCrCb2RGB)
