"""What is behind a person, from frames of a film: what is seen of it over time."""

import cv2
import numpy as np

from cxanim.motion.matte import background_plate
from cxanim.pipelines.metrics import drift_px
from cxanim.pipelines.puppet_parts import as_stored

_STILL_LEVELS, _STILL_SHARE = 9.0, 0.03  # a background stands that varies less, in grey levels and in shares of a side
_BEHIND, _LEAST_SEEN = 0.1, 3  # more is person; frames that must show a place for it to be known
_PLATE_FRAMES = 24  # frames that its median is taken over: it is held several times in memory


def plate_of(frames: np.ndarray, mattes: np.ndarray) -> tuple[np.ndarray | None, bool]:
    """The background without the person, and whether it moves; None if it is hardly seen.

    It is the median over time of what is seen of it, or where it moves that of the frame that shows most of it. Where
    the person is never out of the way it is filled from the sides: the warped person covers it.
    """
    some = np.unique(np.linspace(0, len(frames) - 1, min(len(frames), _PLATE_FRAMES)).astype(int))
    frames, mattes = frames[some], mattes[some]
    pictures = frames.astype(np.float32)
    background = mattes < _BEHIND
    seen = background.sum(0)
    often = seen >= max(_LEAST_SEEN, len(frames) // 3)
    if often.mean() < 0.02:
        return None, False
    uncovered = np.broadcast_to(~background[..., None], pictures.shape)
    median = np.ma.median(np.ma.array(pictures, mask=uncovered), axis=0)
    varies = np.ma.median(np.ma.array(np.abs(pictures - median.filled(0)), mask=uncovered), axis=0).filled(0).mean(2)
    if np.median(varies[often]) > _STILL_LEVELS or _drift_px(frames, mattes) > _STILL_SHARE * frames.shape[1]:
        widest = int(background.sum((1, 2)).argmax())
        return as_stored(background_plate(frames[widest], mattes[widest].astype(np.float32))), True
    never = seen == 0
    plate = median.filled(0).astype(np.uint8)
    if never.any() and not never.all():
        plate = _filled(plate, never)
    return as_stored(plate), False


def is_seen_behind(mattes: np.ndarray) -> np.ndarray:
    """Where (S, S) bool frames whose persons are known, (T, S, S), show often enough what is behind these."""
    return (mattes < _BEHIND).sum(0) >= max(_LEAST_SEEN, len(mattes) // 8)


def _drift_px(frames: np.ndarray, mattes: np.ndarray) -> float:
    """How far the background of a frame typically lies from that of the first, in pixels."""
    rim = np.ones((2 * (len(frames[0]) // 32) + 1,) * 2, np.uint8)
    persons = [cv2.dilate((matte > 0.1).astype(np.uint8), rim) > 0 for matte in mattes]
    drifts = [
        drift_px(frame, frames[0], person | persons[0]) for frame, person in zip(frames[1:], persons[1:], strict=True)
    ]
    return float(np.median(drifts))


def _filled(picture: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """Fill a hole smoothly from its rim."""
    size = picture.shape[0]
    small = min(size, 128)
    little = cv2.resize(picture, (small, small), interpolation=cv2.INTER_NEAREST)
    mask = cv2.resize(hole.astype(np.uint8), (small, small), interpolation=cv2.INTER_NEAREST)
    patch = cv2.inpaint(little, mask, 4, cv2.INPAINT_TELEA)
    patch = cv2.resize(patch, (size, size), interpolation=cv2.INTER_LINEAR)
    return np.where(hole[..., None], patch, picture)
