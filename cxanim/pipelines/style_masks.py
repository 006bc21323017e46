"""Which part of a content takes its style from which part of a style: colours that a person painted on both."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from cxanim.errors import BadSetting
from cxanim.images import ReadImage, read_image
from cxanim.pipelines.style_objective import Region

_MOST_REGIONS = 8


@dataclass(frozen=True)
class Masks:
    """Pictures in which colours say which part of the content takes its style from which part of the style.

    Attributes:
        content, style: pictures of any size; a colour in both is a pair of regions, and so is what is clear in both.
    """

    content: Path
    style: Path


def read_labels(masks: Masks) -> tuple[np.ndarray, np.ndarray]:
    """The regions of two masks as numbers, 0 where nothing is painted, (H, W) uint8 each.

    Raises:
        BadSetting: no region, too many, or one that only one of the two has.
    """
    painted = [_painted(read_image(path)) for path in (masks.content, masks.style)]
    colours = [set(np.unique(one[one >= 0]).tolist()) for one in painted]
    if not colours[0] and not colours[1]:
        raise BadSetting("masks: got two in which nothing is painted.", "Paint a region in both, in one colour.")
    if len(colours[0] | colours[1]) > _MOST_REGIONS:
        raise BadSetting(
            f"masks: got more than {_MOST_REGIONS} colours.",
            "Paint with a hard brush, and save as PNG: JPEG blurs colours.",
        )
    lonely = colours[0] ^ colours[1]
    if lonely:
        name = f"#{_wide(min(lonely)):06x}"
        raise BadSetting(
            f"masks: the colour {name} is in only one of the two.", "Paint the region in both, or in none."
        )
    numbers = {colour: number + 1 for number, colour in enumerate(sorted(colours[0]))}
    whole = [np.zeros(one.shape, np.uint8) for one in painted]
    for one, labels in zip(painted, whole, strict=True):
        for colour, number in numbers.items():
            labels[one == colour] = number
    return whole[0], whole[1]


def _painted(mask: ReadImage) -> np.ndarray:
    """Each pixel's colour as a number, -1 where it is clear or black."""
    few = mask.rgb.astype(np.int32) >> 5  # painted edges vary a little
    number = few[..., 0] << 6 | few[..., 1] << 3 | few[..., 2]
    clear = (number == 0) if mask.alpha is None else (number == 0) | (mask.alpha < 128)
    return np.where(clear, -1, number)


def _wide(number: int) -> int:
    """A colour's number as it is written, 0xRRGGBB."""
    return sum(((number >> shift & 7) * 255 // 7) << 8 * place for place, shift in enumerate((0, 3, 6)))


def regions_of(labels: Sequence[np.ndarray] | None, device: torch.device) -> list[Region]:
    """Each pair of regions; none where nobody painted."""
    if labels is None:
        return []
    content, style = (torch.from_numpy(one)[None, None].to(device) for one in labels)
    regions = []
    for number in content.unique().tolist():
        mine, its = content == number, style == number
        # What nobody painted takes its style from what is left of the style, or from all of it.
        regions.append(Region(mine, its if its.any() else torch.ones_like(its), float(mine.float().mean())))
    return regions
