"""Cuts the picture of a figure into a trunk with its head, two arms and two legs, each a layer of its own.

General idea: a pixel belongs to the part whose bones are nearest, measured in how thick that part is. What lies in
front hides something: there a layer is filled from what is seen of it, so that no hole opens where an arm is lifted
from the trunk.

Convention: joints (35, 2) as in `skeleton.py`, normalised to the square picture; pixel centres.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from cxanim.motion.skeleton import ANKLE, CHEST, ELBOW, HIP, HIPS, INDEX, KNEE, SHOULDER, TOE, WRIST

TRUNK, LEFT_ARM, RIGHT_ARM, LEFT_LEG, RIGHT_LEG = range(5)
CHAINS = {
    LEFT_ARM: (SHOULDER, ELBOW, WRIST, INDEX),
    RIGHT_ARM: (SHOULDER + 1, ELBOW + 1, WRIST + 1, INDEX + 1),
    LEFT_LEG: (HIP, KNEE, ANKLE, TOE),
    RIGHT_LEG: (HIP + 1, KNEE + 1, ANKLE + 1, TOE + 1),
}
_SIDES = ((LEFT_ARM, RIGHT_ARM), (LEFT_LEG, RIGHT_LEG))
# How thick each bone of a chain is, from its middle, in lengths of the trunk, and what it may be measured as.
_THICK = {LEFT_ARM: (0.18, 0.15, 0.18), LEFT_LEG: (0.26, 0.22, 0.24)}
_LEAST_THICK, _MOST_THICK, _MORE = 0.5, 1.6, 1.2
_HEAD_THICK, _TRUNK_INSIDE, _TRUNK_RIM = 0.5, 0.55, 0.35
_SOFT = 0.08  # in the same measure: how softly one part passes into another
_PERSON = 0.05
_FILL_PX = 192


@dataclass(frozen=True)
class Layer:
    """One part of a figure.

    Attributes:
        part: which one.
        picture: (S, S, 4) uint8, premultiplied colours and how much of each pixel is this part.
        made_up: (S, S) bool, where its colours are not the figure's picture but filled in.
    """

    part: int
    picture: np.ndarray
    made_up: np.ndarray

    def repainted(self, picture: np.ndarray, rows: slice, columns: slice) -> np.ndarray:
        """The colours (h, w, 3) of a window of the layer, taken from another picture (S, S, 3) of the same figure."""
        own, made_up = self.picture[rows, columns], self.made_up[rows, columns]
        colours = _premultiplied(np.ascontiguousarray(picture[rows, columns]), own[..., 3])
        if made_up.any():
            colours[made_up] = own[made_up, :3]
        return colours


def trunk_length(joints: np.ndarray) -> float:
    """The yardstick of a figure: from the hips to the shoulders, or what the shoulders' width lets expect."""
    trunk = float(np.linalg.norm(joints[CHEST] - joints[HIPS]))
    width = float(np.linalg.norm(joints[SHOULDER] - joints[SHOULDER + 1]))
    return max(trunk, 0.8 * width, 1e-3)


def head_of(joints: np.ndarray) -> np.ndarray:
    """Middle of the head (..., 2)."""
    return joints[..., :11, :].mean(axis=-2)


def cut_into_layers(picture: np.ndarray, matte: np.ndarray, joints: np.ndarray) -> list[Layer]:
    """The layers of a figure, the farthest first: legs, trunk, arms.

    Args:
        picture: (S, S, 3) uint8.
        matte: (S, S) float32 in [0, 1], what of it is the figure.
        joints: (35, 2).
    """
    size = picture.shape[0]
    thick = _thicknesses(matte, joints)
    scores = np.stack([_score(part, joints, size, thick) for part in range(5)])
    owner = scores.argmin(0)
    person = matte > _PERSON
    layers = []
    for part in (LEFT_LEG, RIGHT_LEG, TRUNK, LEFT_ARM, RIGHT_ARM):
        others = np.delete(scores, part, axis=0).min(0)
        share = np.clip(0.5 + (others - scores[part]) / (2 * _SOFT), 0, 1).astype(np.float32)
        hidden = _hidden(part, owner, scores) & person
        own = (owner == part) & person
        if own.sum() < 16:
            continue
        hole = (hidden | ((share > 0) & ~own & person)) & ~own
        colours = _filled(picture, own, hole)
        alpha = matte * np.maximum(share, cv2.GaussianBlur(hidden.astype(np.float32), (0, 0), max(1.0, size / 256)))
        alpha = np.where(own, matte, alpha)  # nothing shines through where two parts meet
        quantised = np.round(np.clip(alpha, 0, 1) * 255).astype(np.uint8)
        layers.append(Layer(part, np.dstack([_premultiplied(colours, quantised), quantised]), hole))
    return layers


def nearest_part(places: np.ndarray, joints: np.ndarray) -> np.ndarray:
    """The part (N,) whose bones are nearest to each of some places (N, 2)."""
    spine = [(CHEST, HIPS), (0, CHEST), (SHOULDER, SHOULDER + 1), (HIP, HIP + 1)]
    bones = {TRUNK: spine} | {part: _bones(part) for part in CHAINS}
    distances = [
        np.min([distance_to(places, joints[start], joints[end])[0] for start, end in bones[part]], axis=0)
        for part in range(5)
    ]
    return np.argmin(distances, axis=0)


def along_limb(places: np.ndarray, joints: np.ndarray, part: int) -> np.ndarray:
    """How far along a limb places (N, 2) lie, in bones from the trunk: 1 is the elbow or knee. The trunk is all 0."""
    if part not in CHAINS:
        return np.zeros(len(places))
    bones = [distance_to(places, joints[start], joints[end]) for start, end in _bones(part)]
    away, along = np.stack(bones, axis=1)
    nearest = away.argmin(0)
    return nearest + along[nearest, np.arange(len(places))]


def distance_to(places: np.ndarray, start: np.ndarray, end: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distance (...) of places (..., 2) to a stretch, and how far along it they lie, in [0, 1]."""
    way = end - start
    along = np.clip(((places - start) @ way) / max(float(way @ way), 1e-12), 0, 1)
    return np.linalg.norm(places - start - along[..., None] * way, axis=-1), along


def _thicknesses(matte: np.ndarray, joints: np.ndarray) -> dict[int, tuple[float, ...]]:
    """Thickness of each bone of each limb, in the square's unit.

    It is measured to the nearer edge of the figure: on the other side the trunk may follow. Of the two limbs of a pair
    the thinner one counts, since the other may lie before the trunk.
    """
    trunk = trunk_length(joints)
    found: dict[int, tuple[float, ...]] = {}
    for pair in _SIDES:
        usual = trunk * np.array(_THICK[pair[0]])
        measured = np.stack([[_to_edge(matte, joints, *bone) for bone in _bones(part)] for part in pair])
        thick = _MORE * np.nanmin(np.where(np.isfinite(measured), measured, usual), axis=0)
        thick = np.clip(thick, _LEAST_THICK * usual, _MOST_THICK * usual)
        found |= {part: tuple(thick) for part in pair}
    return found


def _bones(part: int) -> list[tuple[int, int]]:
    chain = CHAINS[part]
    return list(zip(chain, chain[1:], strict=False))


def _to_edge(matte: np.ndarray, joints: np.ndarray, start: int, end: int) -> float:
    """Median distance from a bone to the nearer edge of the figure; infinite where none is met."""
    size, most = len(matte), round(0.5 * trunk_length(joints) * len(matte))
    way = joints[end] - joints[start]
    aside = np.array([-way[1], way[0]]) / max(float(np.linalg.norm(way)), 1e-9)
    steps = np.arange(1, max(2, most))
    nearest = []
    for along in np.linspace(0.2, 0.8, 7):
        middle = (joints[start] + along * way) * size - 0.5
        for side in (-1, 1):
            x, y = np.round(middle[:, None] + side * aside[:, None] * steps).astype(int)
            inside = (x >= 0) & (x < size) & (y >= 0) & (y < size)
            person = np.ones(len(steps), bool)
            person[inside] = matte[y[inside], x[inside]] > 0.5
            nearest.append(steps[~person].min() / size if not person.all() else np.inf)
    return float(np.median(np.min(np.reshape(nearest, (-1, 2)), axis=1)))


def _score(part: int, joints: np.ndarray, size: int, thick: dict[int, tuple[float, ...]]) -> np.ndarray:
    """How far each pixel (S, S) is from a part, 1 at about its outline."""
    trunk = trunk_length(joints)
    centres = (np.arange(size) + 0.5) / size
    places = np.stack(np.meshgrid(centres, centres, indexing="xy"), axis=-1)
    if part != TRUNK:
        distances = [
            distance_to(places, joints[start], joints[end])[0] / around
            for (start, end), around in zip(_bones(part), thick[part], strict=True)
        ]
        return np.min(distances, axis=0).astype(np.float32)
    corners = joints[[SHOULDER, SHOULDER + 1, HIP + 1, HIP]]
    polygon = np.zeros((size, size), np.uint8)
    cv2.fillConvexPoly(polygon, cv2.convexHull(np.round(corners * size).astype(np.int32)), 1)
    outside = cv2.distanceTransform(1 - polygon, cv2.DIST_L2, 5) / size
    scored = _TRUNK_INSIDE + outside / (_TRUNK_RIM * trunk)
    head = head_of(joints)
    crown = head + 0.6 * (head - joints[CHEST])
    near_head = distance_to(places, joints[CHEST], crown)[0] / (_HEAD_THICK * trunk)
    return np.minimum(scored, near_head).astype(np.float32)


def _hidden(part: int, owner: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Where a part goes on behind another one."""
    arms = (owner == LEFT_ARM) | (owner == RIGHT_ARM)
    if part == TRUNK:
        return (scores[TRUNK] <= _TRUNK_INSIDE + 0.05) & (owner != TRUNK)
    if part in (LEFT_LEG, RIGHT_LEG):
        return (scores[part] < 0.9) & (arms | (owner == TRUNK))
    return np.zeros_like(arms)


def _filled(picture: np.ndarray, own: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """The picture, where it is `hole` filled from what is `own` round it."""
    if not hole.any():
        return picture
    size = picture.shape[0]
    small = min(size, _FILL_PX)
    known = cv2.resize(own.astype(np.uint8), (small, small), interpolation=cv2.INTER_AREA)
    known = cv2.erode(known, np.ones((3, 3), np.uint8)) if known.sum() > 64 else known
    if not known.any():
        return picture
    # Inpainting is for holes: what is beyond them takes its nearest pixel, so that nothing foreign flows in.
    _, nearest = cv2.distanceTransformWithLabels(1 - known, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    rows, columns = np.nonzero(known)
    order = np.zeros(nearest.max() + 1, np.int64)
    order[nearest[rows, columns]] = np.arange(len(rows))
    little = cv2.resize(picture, (small, small), interpolation=cv2.INTER_AREA)
    flowing = little[rows[order[nearest]], columns[order[nearest]]]
    flowing = np.where(known[..., None] > 0, little, cv2.GaussianBlur(flowing, (0, 0), 2))
    grown = cv2.resize(flowing, (size, size), interpolation=cv2.INTER_LINEAR)
    return np.where(hole[..., None], grown, picture)


def _premultiplied(colours: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    return cv2.multiply(colours, cv2.merge([alpha] * 3), scale=1 / 255)
