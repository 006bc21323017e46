"""What of a drawing is the figure: lines and colours on paper, and all that they enclose.

General idea: paper is what the picture's rim shows, however it is lit; what differs from it by more than its own grain
is drawn; small gaps of a line are closed, and what the ground does not reach from the rim is inside.
"""

import cv2
import numpy as np

_WORK_PX = 512
_STANDS_OUT = 6.0  # deviations of the paper's grain
_LEAST_LEVELS = 14.0


def drawing_matte(picture: np.ndarray) -> np.ndarray:
    """(H, W) float32 in [0, 1] of a picture (H, W, 3) uint8: 1 where the largest drawn thing is."""
    height, width = picture.shape[:2]
    scale = min(1.0, _WORK_PX / max(height, width))
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else picture
    drawn = _drawn(small)
    gap = max(3, len(small) // 48) | 1
    closed = cv2.morphologyEx(drawn, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (gap, gap)))
    ground = cv2.copyMakeBorder(1 - closed, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=1)
    reached = np.zeros((ground.shape[0] + 2, ground.shape[1] + 2), np.uint8)
    cv2.floodFill(ground, reached, (0, 0), 2)
    inside = (ground[1:-1, 1:-1] != 2).astype(np.uint8)
    count, labels, facts, _ = cv2.connectedComponentsWithStats(inside)
    if count < 2:
        return np.zeros((height, width), np.float32)
    largest = 1 + int(facts[1:, cv2.CC_STAT_AREA].argmax())
    whole = cv2.erode((labels == largest).astype(np.uint8), np.ones((3, 3), np.uint8))  # ink fades into paper
    figure = cv2.GaussianBlur(whole.astype(np.float32), (0, 0), 1.0)
    return np.clip(cv2.resize(figure, (width, height), interpolation=cv2.INTER_LINEAR), 0, 1)


def _drawn(picture: np.ndarray) -> np.ndarray:
    """(h, w) uint8, 1 where a picture differs from its paper."""
    height, width = picture.shape[:2]
    colours = cv2.cvtColor(picture, cv2.COLOR_RGB2LAB).astype(np.float32)
    rim = np.zeros((height, width), bool)
    edge = max(2, min(height, width) // 24)
    rim[:edge] = rim[-edge:] = True
    rim[:, :edge] = rim[:, -edge:] = True
    rows, columns = np.nonzero(rim)
    # A plane through the rim's colours: a sheet under a lamp is brighter on one side.
    places = np.stack([np.ones(len(rows)), rows / height, columns / width], axis=1)
    seen = colours[rows, columns]
    kept = np.ones(len(rows), bool)
    for _ in range(3):  # what of the figure touches the rim is no paper
        plane, *_ = np.linalg.lstsq(places[kept], seen[kept], rcond=None)
        away = np.linalg.norm(seen - places @ plane, axis=1)
        kept = away <= max(2.5 * float(np.median(away)), 2.0)
    grain = max(float(np.median(away[kept])), 0.5)
    everywhere = np.stack(np.meshgrid(np.arange(height) / height, np.arange(width) / width, indexing="ij"), axis=-1)
    paper = plane[0] + everywhere[..., :1] * plane[1] + everywhere[..., 1:] * plane[2]
    differs = np.linalg.norm(colours - paper, axis=2)
    return (differs > max(_STANDS_OUT * grain, _LEAST_LEVELS)).astype(np.uint8)
