"""A Pose: where the points of one subject are in one frame; missing parts are None, never zeros.

Convention:
    - coordinates: ``(x, y)`` normalised to a *square* crop: (0, 0) its top-left corner, (1, 1) its bottom-right
      corner, so both axes have one unit and circles stay circles. The centre of pixel i of a crop of n pixels
      lies at (i + 0.5) / n.
    - z: same unit as x, smaller is nearer to the camera.
    - left and right are the subject's own.
"""

from dataclasses import dataclass, replace

import numpy as np

from cxanim.motion import landmarks as lm


@dataclass(frozen=True)
class Pose:
    """Keypoints of one subject in one frame.

    Attributes:
        face: (478, 3) float32 x, y, z, or None.
        body: (33, 4) float32 x, y, z, visibility in [0, 1], or None.
        left_hand, right_hand: (21, 3) float32 x, y, z, or None; the subject's own left and right.
    """

    face: np.ndarray | None = None
    body: np.ndarray | None = None
    left_hand: np.ndarray | None = None
    right_hand: np.ndarray | None = None

    def __post_init__(self) -> None:
        expected = dict(
            face=(lm.FACE_POINTS, 3),
            body=(lm.BODY_POINTS, 4),
            left_hand=(lm.HAND_POINTS, 3),
            right_hand=(lm.HAND_POINTS, 3),
        )
        for name, shape in expected.items():
            points = getattr(self, name)
            if points is not None and points.shape != shape:
                raise ValueError(f"{name}: got shape {points.shape}, expected {shape}")

    @property
    def is_empty(self) -> bool:
        """Whether nothing was found."""
        return all(part is None for part in (self.face, self.body, self.left_hand, self.right_hand))

    def placed(self, scale: float, shift_x: float, shift_y: float) -> "Pose":
        """The same pose after x, y -> scale * (x, y) + shift; depth scales alike, visibility stays."""

        def place(points: np.ndarray | None) -> np.ndarray | None:
            if points is None:
                return None
            moved = points.copy()
            moved[:, :3] *= scale
            moved[:, 0] += shift_x
            moved[:, 1] += shift_y
            return moved

        return Pose(*(place(part) for part in (self.face, self.body, self.left_hand, self.right_hand)))

    def need_face(self) -> np.ndarray:
        """The face (478, 3); a ValueError where there is none."""
        if self.face is None:
            raise ValueError("pose: got no face, expected one")
        return self.face

    def need_body(self) -> np.ndarray:
        """The body (33, 4); a ValueError where there is none."""
        if self.body is None:
            raise ValueError("pose: got no body, expected one")
        return self.body

    def with_face(self, face: np.ndarray) -> "Pose":
        """The same pose with another face."""
        return replace(self, face=face.astype(np.float32, copy=False))


def face_box(face: np.ndarray, grow: float = 0.0) -> tuple[float, float, float, float]:
    """Smallest box (x0, y0, x1, y1) round the mesh points of a face, grown by a share of its sides."""
    points = face[:468, :2]
    (x0, y0), (x1, y1) = points.min(0), points.max(0)
    dx, dy = grow * (x1 - x0) / 2, grow * (y1 - y0) / 2
    return float(x0 - dx), float(y0 - dy), float(x1 + dx), float(y1 + dy)


def eye_distance(face: np.ndarray) -> float:
    """Distance between the centres of the two eyes in 3D: the face's own yardstick, little changed by a turn."""
    right = face[[33, 133]].mean(0)
    left = face[[362, 263]].mean(0)
    return float(np.linalg.norm(left - right))
