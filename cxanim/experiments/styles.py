"""Table 1 of the paper, semantic style transfer: CX_t + CX_s against Gram_t and L_P,s, portraits in a portrait's look.

Semantic is a style that goes from part to part: lips get the colour of the style's lips. So the mean colour of each
part of the face is compared with that of the same part of the style, which the methods know nothing of.
"""

import json
import tempfile
from pathlib import Path

import cv2
import numpy as np

from cxanim.experiments.figure import row_of_pictures
from cxanim.experiments.material import material
from cxanim.experiments.report import Report, spread, table
from cxanim.images import as_seen, fitted, read_image
from cxanim.motion import landmarks as lm
from cxanim.motion.detect import find_faces
from cxanim.pipelines.style import StyleSettings, stylize

_METHODS = {"Gram + content": "gram", "CX + CX": "cx"}
_PARTS = {
    "lips": (lm.OUTER_LIPS,),
    "eyes": (lm.RIGHT_EYE, lm.LEFT_EYE),
    "brows": (lm.RIGHT_BROW, lm.LEFT_BROW),
    "face": (lm.FACE_OVAL,),
}


def run(quick: bool) -> Report:
    """Both methods on the pairs whose pictures both show a face."""
    size, steps = (128, 6) if quick else (320, 250)
    pairs = json.loads(material("style_pairs/pairs.json").read_text(encoding="utf-8"))
    paths = [(material(pair["content"]), material(pair["style"])) for pair in pairs]
    found = [(content, style) for content, style in paths if _face(content, size) and _face(style, size)]
    found = found[:1] if quick else found
    distance: dict[str, list[float]] = {name: [] for name in ("content as it is", *_METHODS)}
    rows = []
    for content, style in found:
        shown = {"content": _picture(content, size), "style": _picture(style, size)}
        wanted = part_colours(shown["style"], find_faces(shown["style"])[0])
        face = find_faces(shown["content"])[0]
        distance["content as it is"].append(_between(part_colours(shown["content"], face), wanted))
        with tempfile.TemporaryDirectory() as folder:
            for name, method in _METHODS.items():
                output = Path(folder) / f"{method}.png"
                stylize(content, style, output, StyleSettings(method=method, size=size, steps=steps))
                shown[name] = read_image(output).rgb
                distance[name].append(_between(part_colours(shown[name], face), wanted))
        rows.append(row_of_pictures([_square(one) for one in shown.values()], list(shown)))
    nearer = [b < a for a, b in zip(distance["Gram + content"], distance["CX + CX"], strict=True)]
    return Report(
        "Table 1, semantic style transfer: CX + CX against Gram matrices",
        "With CX the style goes from part to part: lips become like the style's lips, eyes like its eyes.",
        f"Parts are nearer to the style's same parts with CX in {sum(nearer)} of {len(nearer)} pairs.",
        f"{len(found)} pairs, one seed, {size} px, {steps} steps, the network small.",
        table(
            ["loss", "mean distance of parts' colours (CIELAB)"],
            [[name, spread(values)] for name, values in distance.items()],
        ),
        np.vstack(rows),
        all(nearer),
    )


def part_colours(picture: np.ndarray, face: np.ndarray) -> dict[str, np.ndarray]:
    """The mean CIELAB colour of each part of a face (478, 3); the face's own is without its parts."""
    height, width = picture.shape[:2]
    side = max(height, width)
    offset = np.array([(side - width) / 2, (side - height) / 2])
    lab = cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    taken = np.zeros((height, width), np.uint8)
    colours = {}
    for name, outlines in _PARTS.items():
        mask = np.zeros_like(taken)
        for outline in outlines:
            points = face[list(outline), :2] * side - offset
            cv2.fillPoly(mask, [cv2.convexHull(np.round(points).astype(np.int32))], 1)
        mask[taken > 0] = 0
        taken |= mask
        if mask.any():
            colours[name] = lab[mask > 0].mean(axis=0)
    return colours


def _between(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> float:
    return float(np.mean([np.linalg.norm(one[name] - other[name]) for name in one if name in other]))


def _picture(path: Path, size: int) -> np.ndarray:
    return fitted(as_seen(read_image(path)), size)


def _face(path: Path, size: int) -> bool:
    return bool(find_faces(_picture(path, size)))


def _square(picture: np.ndarray, side: int = 192) -> np.ndarray:
    height, width = picture.shape[:2]
    short = min(height, width)
    top, left = (height - short) // 2, (width - short) // 2
    return cv2.resize(picture[top : top + short, left : left + short], (side, side), interpolation=cv2.INTER_AREA)
