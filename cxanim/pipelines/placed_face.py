"""A face that a person has placed on a picture: named points in the picture's pixels, as a JSON file holds them.

{"points": {"right_eye_outer": [120, 210], "left_eye_outer": [260, 205], "nose_tip": [190, 270],
            "mouth_right": [150, 330], "mouth_left": [232, 328], "chin": [190, 400]},
 "by_hand": ["chin"], "picture": [400, 500]}

`by_hand` names the points that are not to follow when others are moved, all if it is left out; `picture` is the size
of the picture that the points belong to. A puppet keeps the same in its header.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cxanim.errors import CxanimError
from cxanim.motion.crop import Crop
from cxanim.motion.detect import find_faces
from cxanim.motion.landmarks import NAMED
from cxanim.motion.pose import Pose, eye_distance
from cxanim.motion.template import LEAST_POINTS, SAME_FACE, disagreement, fit_template
from cxanim.pipelines.placed_points import place_px, size_px

HOW = f'Write {{"points": {{"chin": [x, y], ...}}}} with at least {LEAST_POINTS} of {", ".join(NAMED)}.'
_MOST_BYTES = 1 << 20
_OUTSIDE = 0.5  # of the picture's longer side; a forehead may lie beyond its edge
_SAME_SHAPE = 0.01
_LEAST_EYES_PX = 4


@dataclass(frozen=True)
class PlacedFace:
    """Where a face is.

    Attributes:
        points: names of `landmarks.NAMED` to (x, y) in the picture's pixels.
        by_hand: names of the points that a person has placed; the others follow them when they are edited again.
        picture_px: width and height of the picture, or None where that was not said.
    """

    points: dict[str, tuple[float, float]]
    by_hand: tuple[str, ...] = ()
    picture_px: tuple[int, int] | None = None

    @classmethod
    def from_dict(cls, said: Any) -> "PlacedFace":
        """Read what JSON holds.

        Raises:
            ValueError: what, and what is expected.
        """
        if not isinstance(said, Mapping) or not isinstance(said.get("points"), Mapping):
            raise ValueError('got no "points", expected names with x and y')
        points = {str(name): place_px(str(name), place) for name, place in said["points"].items()}
        unknown = sorted(set(points) - set(NAMED))
        if unknown:
            raise ValueError(f"got {unknown[0][:40]!r}, expected names among {', '.join(NAMED)}")
        by_hand = said.get("by_hand", list(points))
        if not isinstance(by_hand, list) or not all(name in points for name in by_hand):
            raise ValueError('got other names in "by_hand" than in "points"')
        return cls(points, tuple(by_hand), size_px(said.get("picture")))

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it; coordinates to a hundredth of a pixel."""
        said: dict[str, Any] = {
            "points": {name: [round(x, 2), round(y, 2)] for name, (x, y) in self.points.items()},
            "by_hand": list(self.by_hand),
        }
        if self.picture_px is not None:
            said["picture"] = list(self.picture_px)
        return said

    def on(self, width_px: int, height_px: int) -> "PlacedFace":
        """The same on a picture of this size, scaled where it is the same picture in another size.

        Raises:
            ValueError: the points belong to a picture of another shape, or lie far outside.
        """
        scale = 1.0
        if self.picture_px is not None:
            own_width, own_height = self.picture_px
            scale = width_px / own_width
            if abs(own_height * scale - height_px) > max(1.0, _SAME_SHAPE * height_px):
                raise ValueError(
                    f"they belong to a picture of {own_width}x{own_height}, this is {width_px}x{height_px}"
                )
        points = {name: (x * scale, y * scale) for name, (x, y) in self.points.items()}
        room = _OUTSIDE * max(width_px, height_px)
        for name, (x, y) in points.items():
            if not (-room <= x <= width_px + room and -room <= y <= height_px + room):
                raise ValueError(f"{name} lies far outside the picture, at {x:.0f}, {y:.0f}")
        return PlacedFace(points, self.by_hand, (width_px, height_px))

    def fit(self, picture: np.ndarray) -> tuple[np.ndarray, bool]:
        """The whole face (478, 3) in the own square of a picture (H, W, 3), and whether a detector sees it there too.

        Where it does as the points have it, it says more than they do.

        Raises:
            CxanimError: the points make no face on this picture.
        """
        height, width = picture.shape[:2]
        whole = Crop.whole(width, height)
        try:
            here = self.on(width, height).points
            found = [in_pixels(face, width, height) for face in find_faces(picture, everyone=True)]
            middle = np.mean(list(here.values()), axis=0)
            nearest = min(found, key=lambda face: np.linalg.norm(face[:468, :2].mean(0) - middle), default=None)
            face = fit_template(here, nearest)
            is_seen = nearest is not None and disagreement(nearest, face) < SAME_FACE
            if eye_distance(face) < _LEAST_EYES_PX:
                raise ValueError(f"the eyes lie {eye_distance(face):.1f} px apart, expected at least {_LEAST_EYES_PX}")
        except ValueError as error:
            raise CxanimError(f"The points do not say where the face is ({error}).", HOW) from error
        scale = 1 / whole.side_px
        return Pose(face=face).placed(scale, -whole.x_px * scale, -whole.y_px * scale).need_face(), is_seen


def in_pixels(face: np.ndarray, width_px: int, height_px: int) -> np.ndarray:
    """A face (478, 3) from a picture's own square into its pixels."""
    whole = Crop.whole(width_px, height_px)
    return Pose(face=face).placed(whole.side_px, whole.x_px, whole.y_px).need_face()


def read_placed_face(path: Path) -> PlacedFace:
    """Read placed points from a JSON file.

    Raises:
        CxanimError: the file is not what it should be.
    """
    path = Path(path)
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ValueError("it is larger than 1 MB")
        return PlacedFace.from_dict(json.loads(path.read_text()))
    except OSError as error:
        raise CxanimError(f"{path.name} cannot be read ({error.strerror}).", HOW) from error
    except (ValueError, TypeError, RecursionError) as error:
        raise CxanimError(f"{path.name} does not say where the face is ({error}).", HOW) from error
