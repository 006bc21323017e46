"""A figure whose joints a person has placed on a picture: named points in pixels, as a JSON file holds them.

{"joints": {"head": [200, 80], "left_shoulder": [250, 150], "right_shoulder": [150, 150], ...}, "picture": [400, 500]}

`picture` is the size of the picture that the joints belong to. Left and right are the figure's own. A figure that ends
above its knees leaves knees and ankles out.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cxanim.errors import CxanimError
from cxanim.motion.landmarks import BODY_POINTS
from cxanim.motion.skeleton import ANKLE, ELBOW, HEEL, HIP, INDEX, KNEE, PINKY, SHOULDER, THUMB, TOE, WRIST
from cxanim.pipelines.placed_points import place_px, size_px

_PARTS = {"shoulder": SHOULDER, "elbow": ELBOW, "wrist": WRIST, "hip": HIP, "knee": KNEE, "ankle": ANKLE}
NAMED_JOINTS = {"head": 0} | {
    f"{side}_{part}": number + right for part, number in _PARTS.items() for right, side in enumerate(("left", "right"))
}
NEEDED_JOINTS = tuple(name for name in NAMED_JOINTS if not name.endswith(("knee", "ankle")))
HOW_JOINTS = f'Write {{"joints": {{"head": [x, y], ...}}}} with {", ".join(NEEDED_JOINTS)}, and knees and ankles.'
_MOST_BYTES, _OUTSIDE = 1 << 20, 0.5


@dataclass(frozen=True)
class PlacedFigure:
    """Where the joints of a figure are.

    Attributes:
        joints: names of `NAMED_JOINTS` to (x, y) in the picture's pixels.
        picture_px: width and height of the picture, or None where that was not said.
    """

    joints: dict[str, tuple[float, float]]
    picture_px: tuple[int, int] | None = None

    @classmethod
    def from_dict(cls, said: Any) -> "PlacedFigure":
        """Read what JSON holds.

        Raises:
            ValueError: what, and what is expected.
        """
        if not isinstance(said, Mapping) or not isinstance(said.get("joints"), Mapping):
            raise ValueError('got no "joints", expected names with x and y')
        joints = {str(name): place_px(str(name), place) for name, place in said["joints"].items()}
        unknown = sorted(set(joints) - set(NAMED_JOINTS))
        if unknown:
            raise ValueError(f"got {unknown[0][:40]!r}, expected names among {', '.join(NAMED_JOINTS)}")
        missing = [name for name in NEEDED_JOINTS if name not in joints]
        if missing:
            raise ValueError(f"{missing[0]} is missing")
        return cls(joints, size_px(said.get("picture")))

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it; coordinates to a hundredth of a pixel."""
        said: dict[str, Any] = {"joints": {name: [round(x, 2), round(y, 2)] for name, (x, y) in self.joints.items()}}
        return said if self.picture_px is None else said | {"picture": list(self.picture_px)}

    def body(self, width_px: int, height_px: int) -> np.ndarray:
        """The body (33, 4) in the own square of a picture of this size.

        Raises:
            CxanimError: the joints belong to a picture of another shape, or lie far outside.
        """
        own = self.picture_px or (width_px, height_px)
        scale = width_px / own[0]
        if abs(own[1] * scale - height_px) > max(1.0, 0.01 * height_px):
            problem = (
                f"The joints belong to a picture of another shape, {own[0]}x{own[1]}; this is {width_px}x{height_px}."
            )
            raise CxanimError(problem, "Place them on this one.")
        side = max(width_px, height_px)
        corner = np.array([(side - width_px) / 2, (side - height_px) / 2])
        body = np.zeros((BODY_POINTS, 4), np.float32)
        for name, place in self.joints.items():
            body[NAMED_JOINTS[name], :2] = (np.array(place) * scale + corner) / side
            body[NAMED_JOINTS[name], 3] = 1
            if not (
                -_OUTSIDE < body[NAMED_JOINTS[name], :2].min() and body[NAMED_JOINTS[name], :2].max() < 1 + _OUTSIDE
            ):
                raise CxanimError(f"The joint {name} lies far outside the picture.", "Place it on the figure.")
        body[1:11] = body[0]
        for right in (0, 1):
            _ends(body, right)
        return body


def read_placed_figure(path: Path) -> PlacedFigure:
    """Read placed joints from a JSON file.

    Raises:
        CxanimError: the file is not what it should be.
    """
    path = Path(path)
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ValueError("it is larger than 1 MB")
        return PlacedFigure.from_dict(json.loads(path.read_text()))
    except OSError as error:
        raise CxanimError(f"{path.name} cannot be read ({error.strerror}).", HOW_JOINTS) from error
    except (ValueError, TypeError, RecursionError) as error:
        raise CxanimError(f"{path.name} does not say where the joints are ({error}).", HOW_JOINTS) from error


def _ends(body: np.ndarray, right: int) -> None:
    """Hands and feet, which nobody places, and legs that are not shown."""
    elbow, wrist, hip, knee, ankle = (joint + right for joint in (ELBOW, WRIST, HIP, KNEE, ANKLE))
    for tip in (PINKY, INDEX, THUMB):
        body[tip + right] = body[wrist]
        body[tip + right, :2] += 0.3 * (body[wrist, :2] - body[elbow, :2])
    trunk = float(np.linalg.norm(body[SHOULDER + right, :2] - body[hip, :2]))
    for joint, above in ((knee, hip), (ankle, knee)):
        if body[joint, 3] == 0:
            body[joint, :2] = body[above, :2] + (0, 0.8 * trunk)
    outwards = np.sign(body[hip, 0] - body[HIP + 1 - right, 0])
    for end, share in ((TOE, 0.25), (HEEL, -0.05)):
        body[end + right] = body[ankle]
        body[end + right, 0] += share * trunk * outwards
