"""What a network said of one picture, carried on to those that follow it while it is not asked again.

General idea: what it adds is for what it saw. Where the next picture still shows that, moved along, the same is added.
Where it shows something else by now (another reference, an arm that has come before the trunk), the same would leave
the shadow of the one on the other: what was made of the earlier picture is moved along in its place, as far as its
colours are found there, and mixed with what the warp shows.

Source: that history is clamped to the colours of what is there, as in temporal anti-aliasing (B. Karis, "High quality
temporal supersampling", SIGGRAPH 2014); what is compared here is what the network saw, not what it made.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from cxanim.pipelines.refine import Word

_ALIKE_PX = 5  # round each pixel, over which two pictures are compared
_ALIKE, _OTHER = 16, 64  # levels of their difference, up to which what was said holds, and from which it does not
_HOLDS = np.clip((_OTHER - np.arange(256, dtype=np.float32)) / (_OTHER - _ALIKE), 0, 1)
_NEAR_PX = 5  # round each pixel, whose colours bound what was made before: an arm that left is not seen any more
_INSTEAD = 0.7  # of what was made before, where what was said of it does not hold


@dataclass(frozen=True, eq=False)
class Said:
    """What a network said, and of what.

    Attributes:
        word: what it said.
        shown: (S, S, 3) uint8 the picture of which it was said.
        made: (S, S, 3) uint8 what came of that.
    """

    word: Word
    shown: np.ndarray
    made: np.ndarray


def carried_on(
    word: Word, was: np.ndarray, made: np.ndarray, shown: np.ndarray, reach: np.ndarray, holds: np.ndarray
) -> np.ndarray:
    """A picture (S, S, 3) uint8, refined by what was said of an earlier one.

    Args:
        word: what was said, moved along.
        was, made: (h, w, 3) uint8 of what it was said, and what came of it, moved along into the word's window.
        shown: (S, S, 3) uint8 the picture.
        reach: (S, S) uint8 where it may be refined.
        holds: (h, w) float32 in [0, 1], how far the way along is to be trusted.
    """
    now = np.ascontiguousarray(word.window.of(shown))
    alike = still_alike(was, now)
    instead = cv2.multiply((1 - alike) * holds, word.window.of(reach), scale=_INSTEAD / 255, dtype=cv2.CV_32F)
    around = np.ones((_NEAR_PX, _NEAR_PX), np.uint8)
    made = cv2.min(cv2.max(made, cv2.erode(now, around)), cv2.dilate(now, around))
    mixed = shown.copy()
    word.window.of(mixed)[:] = cv2.blendLinear(now, made, 1 - instead, instead)
    return word.as_far_as(alike * holds).carried_out(mixed, reach)


def still_alike(was: np.ndarray, now: np.ndarray) -> np.ndarray:
    """How far (h, w) float32 in [0, 1] two pictures (h, w, 3) uint8 show the same."""
    red, green, blue = cv2.split(cv2.blur(cv2.absdiff(was, now), (_ALIKE_PX, _ALIKE_PX)))
    return cv2.LUT(cv2.max(cv2.max(red, green), blue), _HOLDS)
