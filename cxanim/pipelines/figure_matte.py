"""What of a picture is its figure: by the picture's own alpha, a mask, what is drawn, or the persons that are
segmented; and how a brush mends what was found."""

from pathlib import Path

import cv2
import numpy as np

from cxanim.errors import CxanimError
from cxanim.images import read_image
from cxanim.motion.drawing_matte import drawing_matte
from cxanim.motion.limb_parts import trunk_length
from cxanim.motion.matte import decided, figure_stencil
from cxanim.motion.segment import FigureSegmenter, person_matte
from cxanim.motion.skeleton import INDEX, PARENTS, WRIST

_HOLDS_ITS_BONES = 0.85
_LIMBS, _SOFT = 0.4, 1 / 128  # how thick limbs are at most, in lengths of the trunk; their rim, in the longer side


def figure_matte(
    picture: np.ndarray, alpha: np.ndarray | None, mask: Path | None, joints_px: np.ndarray, *, is_drawn: bool
) -> np.ndarray:
    """What of a picture is the figure, (H, W) float32 in [0, 1].

    Args:
        picture: (H, W, 3) uint8.
        alpha: (H, W) uint8 of a picture that is cut out, or None.
        mask: a picture of the same shape, white where the figure is, grey where it is soft; found if None.
        joints_px: (35, 2), where its joints are.
        is_drawn: whether they were placed by hand: what is drawn is looked for then, no person.

    Raises:
        UnreadableImage, TooLarge; CxanimError: the mask is of another picture.
    """
    if mask is not None:
        image = read_image(mask)
        height, width = picture.shape[:2]
        own_height, own_width = image.rgb.shape[:2]
        if abs(own_height * width / own_width - height) > max(1.0, 0.01 * height):
            problem = f"The mask {mask.name} is {own_width}x{own_height}, the picture {width}x{height}."
            raise CxanimError(problem, "Paint it on the picture itself.")
        return _resized(image.rgb.max(axis=2).astype(np.float32) / 255, width, height)
    if alpha is not None:
        return alpha.astype(np.float32) / 255
    if is_drawn:
        return drawing_matte(picture)
    matte = decided(person_matte(picture))
    seen = _bones_within(matte, joints_px)
    if seen > _HOLDS_ITS_BONES:
        return _with_limbs(matte, picture, joints_px)
    drawn = drawing_matte(picture)  # what is painted on a plain ground the segmentation of persons does not know
    if _bones_within(drawn, joints_px) > max(seen, _HOLDS_ITS_BONES) and drawn.mean() < 0.6:
        return drawn
    return _with_limbs(matte, picture, joints_px)


def mended_matte(found: np.ndarray, added: np.ndarray, taken: np.ndarray) -> np.ndarray:
    """A matte that a brush has mended, (H, W) float32: wholly the figure where it was added, none of it where it was
    taken away, and as it was found elsewhere, to the bit.

    Args:
        found: (H, W) float32 in [0, 1].
        added, taken: (h, w) float32 in [0, 1], how much is painted; of any size, as what is painted on is smaller than
            a photo.
    """
    height, width = found.shape
    added, taken = (_resized(painted.astype(np.float32), width, height) for painted in (added, taken))
    kept = np.clip(1 - added - taken, 0, 1)
    return np.clip(found * kept + added, 0, 1).astype(np.float32)


def _with_limbs(matte: np.ndarray, picture: np.ndarray, joints_px: np.ndarray) -> np.ndarray:
    """A matte (H, W) of a person, with what the network that knows limbs sees on the bones of a figure.

    The network for any person knows hair, hats and skirts, but loses light trousers before a light wall. The other one
    takes a horizon for an arm: it is believed round trunk, head and limbs, but not where a hand points to.
    """
    with FigureSegmenter() as segmenter:
        found = segmenter.matte(picture)
    if found is None:
        return matte
    height, width = picture.shape[:2]
    side = max(height, width)
    places = joints_px / side
    for right in (0, 1):
        places[INDEX + right] = places[WRIST + right]
    round_bones = figure_stencil(places, side, _LIMBS * trunk_length(places))[:height, :width]
    softly = cv2.GaussianBlur(round_bones, (0, 0), _SOFT * side).astype(np.float32) / 255
    return np.maximum(matte, decided(found) * softly)


def _resized(grey: np.ndarray, width: int, height: int) -> np.ndarray:
    # INTER_AREA enlarges in blocks, whose steps would show along a limb that moves.
    how = cv2.INTER_LINEAR if width > grey.shape[1] else cv2.INTER_AREA
    return cv2.resize(grey, (width, height), interpolation=how)


def _bones_within(matte: np.ndarray, joints_px: np.ndarray) -> float:
    """How much of the bones that lie in the picture lies in a matte, in [0, 1]."""
    starts, ends = joints_px[PARENTS], joints_px
    places = np.concatenate([starts + share * (ends - starts) for share in np.linspace(0, 1, 9)])
    x, y = np.round(places).astype(int).T
    inside = (x >= 0) & (y >= 0) & (x < matte.shape[1]) & (y < matte.shape[0])
    return float((matte[y[inside], x[inside]] > 0.5).mean()) if inside.any() else 0.0
