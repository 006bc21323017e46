"""A figure drawn by hand, whose limbs have colours of their own: what is where can be told by its colour."""

from pathlib import Path

import cv2
import numpy as np

from cxanim.motion.landmarks import BODY_POINTS
from cxanim.motion.pose import Pose
from cxanim.motion.skeleton import joints_of
from cxanim.pipelines.figure_puppet import FigurePuppet, FigureReference

SIZE_PX = 256
COLOURS = {"trunk": (200, 180, 60), "left_arm": (220, 40, 40), "right_arm": (40, 40, 220), "left_leg": (200, 60, 200),
           "right_leg": (40, 180, 60), "head": (240, 200, 170)}  # fmt: skip
_PLACES = {
    11: (0.6, 0.3), 13: (0.7, 0.42), 15: (0.76, 0.54), 23: (0.55, 0.55), 25: (0.57, 0.73), 27: (0.58, 0.9),
    19: (0.78, 0.58), 31: (0.62, 0.93),
}  # fmt: skip


def body_at_rest() -> np.ndarray:
    """(33, 4) of somebody who faces the camera, arms a little spread."""
    body = np.ones((BODY_POINTS, 4), np.float32)
    body[:, 2] = 0
    body[:11, :2] = (0.5, 0.18)
    body[[7, 8], 0] = 0.54, 0.46
    for number, (x, y) in _PLACES.items():
        body[number, :2], body[number + 1, :2] = (x, y), (1 - x, y)
    for hand, tips in ((15, (17, 21)), (27, (29,))):
        for right in (0, 1):
            for tip in tips:
                body[tip + right, :2] = body[hand + right, :2] + (0.0, 0.03)
    return body


def draw(body: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The figure before a grey wall, (S, S, 3) uint8, and its matte (S, S) float32."""
    picture = np.full((SIZE_PX, SIZE_PX, 3), 128, np.uint8)
    joints = joints_of(body)[0]
    at = [tuple(int(value) for value in np.round(place * SIZE_PX)) for place in joints]
    for side, right in (("left", 0), ("right", 1)):
        for name, chain in ((f"{side}_leg", (23, 25, 27, 31)), (f"{side}_arm", (11, 13, 15, 19))):
            for a, b in zip(chain, chain[1:], strict=False):
                cv2.line(picture, at[a + right], at[b + right], COLOURS[name], 14)
    cv2.fillConvexPoly(picture, np.array([at[11], at[12], at[24], at[23]]), COLOURS["trunk"])
    cv2.circle(picture, at[0], 22, COLOURS["head"], -1)
    cv2.line(picture, at[0], at[34], COLOURS["head"], 12)
    return picture, (picture != 128).any(2).astype(np.float32)


def where(picture: np.ndarray, name: str, tolerance: int = 40) -> np.ndarray:
    """(S, S) bool, which pixels have the colour of a part."""
    return np.abs(picture.astype(int) - COLOURS[name]).max(2) < tolerance


def write_capture(path: Path) -> None:
    """A BVH file of a second: both arms go up and down again, the rest stands."""
    sides = {"Left": 1, "Right": -1}
    lines = ["HIERARCHY", "ROOT Hips", "{", "OFFSET 0 90 0", "CHANNELS 3 Xposition Yposition Zposition"]
    lines += ["JOINT Head", "{", "OFFSET 0 60 0", "CHANNELS 0", "End Site", "{", "OFFSET 0 20 0", "}", "}"]
    for side, x in sides.items():
        limb = [("Arm", (18 * x, 50, 0)), ("ForeArm", (4 * x, -28, 0)), ("Hand", (2 * x, -26, 0))]
        leg = [("UpLeg", (10 * x, 0, 0)), ("Leg", (1 * x, -42, 0)), ("Foot", (0, -42, 0)), ("ToeBase", (0, -4, 14))]
        for chain in (limb, leg):
            for name, offset in chain:
                turns = "CHANNELS 1 Zrotation" if name == "Arm" else "CHANNELS 0"
                lines += [f"JOINT {side}{name}", "{", "OFFSET " + " ".join(map(str, offset)), turns]
            lines += ["End Site", "{", "OFFSET 0 -8 0", "}"] + ["}"] * len(chain)
    frames = 24
    lines += ["}", "MOTION", f"Frames: {frames}", "Frame Time: 0.04"]
    for number in range(frames):
        angle = 75 * np.sin(np.pi * number / (frames - 1))
        lines.append(f"0 90 0 {angle:.3f} {-angle:.3f}")
    path.write_text("\n".join(lines))


def waving_bodies(frames: int) -> list[np.ndarray]:
    """What the drawn figure does: both arms go up and down again, and it sways."""
    made = []
    for number in range(frames):
        up = np.sin(np.pi * number / (frames - 1))
        body = body_at_rest()
        for right, side in ((0, 1), (1, -1)):
            shoulder = body[11 + right, :2].copy()
            angle = -1.9 * up * side
            turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
            arm = [point + right for point in (13, 15, 17, 19, 21)]
            body[arm, :2] = shoulder + (body[arm, :2] - shoulder) @ turn
        body[:, 0] += 0.02 * up
        made.append(body)
    return made


def before_a_wall(body: np.ndarray, shift_px: int = 0) -> np.ndarray:
    """The figure (S, S, 3) before a wall with stains, which may be seen from elsewhere."""
    stains = np.random.default_rng(0).uniform(90, 160, (32, 64)).astype(np.float32)
    wall = cv2.resize(stains, (2 * SIZE_PX, SIZE_PX), interpolation=cv2.INTER_CUBIC)[:, shift_px : shift_px + SIZE_PX]
    picture, matte = draw(body)
    return np.where(matte[..., None] > 0, picture, wall[..., None].clip(0, 255).astype(np.uint8))


def matte_by_colour(picture: np.ndarray) -> np.ndarray:
    """Where the drawn figure is, (S, S) float32: its parts have colours, the wall has none."""
    return (np.ptp(picture.astype(int), axis=2) > 40).astype(np.float32)


def drawn_puppet() -> FigurePuppet:
    """A puppet of the drawn figure, untrained, of four references; its clip's frames are narrower than high."""
    references = []
    for body in waving_bodies(8)[:4]:
        picture = before_a_wall(body)
        matte = np.round(255 * matte_by_colour(picture)).astype(np.uint8)
        references.append(FigureReference(picture, matte, Pose(body=body)))
    plate = np.full((SIZE_PX, SIZE_PX, 3), 125, np.uint8)
    return FigurePuppet(SIZE_PX, tuple(references), 0, plate, (28, 0, 228, SIZE_PX), about={"kind": "clip"})
