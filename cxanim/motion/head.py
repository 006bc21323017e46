"""Where a head is and which way it looks, from its face points alone.

Convention:
    - a head's own axes are the columns of a rotation matrix: x from the subject's right eye to the left, y from the
      brow down to the nose, z from the face backwards (away from a camera that sees it from the front).
    - angles: positive yaw turns the face to the subject's left (rightwards in an unmirrored picture), positive
      pitch lifts the chin, positive roll tilts the head towards the subject's left shoulder.

Sources: W. Kabsch, "A solution for the best rotation to relate two sets of vectors", 1976; S. Umeyama, "Least-squares
estimation of transformation parameters between two point patterns", 1991, for the scale.
"""

import math
from dataclasses import dataclass

import numpy as np

from cxanim.motion import landmarks as lm

# Outer and inner corners of the left eye and of the right; under the nose, and on the forehead.
_AXES_ENDS = np.array([362, 263, 33, 133, 2, 98, 327, 10, 151, 9])
_NEXT, _AFTER = np.array([1, 2, 0]), np.array([2, 0, 1])


@dataclass(frozen=True)
class Similarity:
    """x -> scale * rotation @ x + shift."""

    scale: float
    rotation: np.ndarray
    shift: np.ndarray

    def undone(self, points: np.ndarray) -> np.ndarray:
        """Take points (N, 3) back to where they came from."""
        return (points - self.shift) @ self.rotation / self.scale


def fit_similarity(source: np.ndarray, target: np.ndarray) -> Similarity:
    """The similarity that takes `source` (N, 3) to `target` (N, 3) with the least squared error."""
    source_mean, target_mean = source.mean(0), target.mean(0)
    a, b = source - source_mean, target - target_mean
    u, spread, vt = np.linalg.svd(b.T @ a)
    flip = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    rotation = (u * flip) @ vt
    scale = float((spread * flip).sum() / (a * a).sum())
    return Similarity(scale, rotation, target_mean - scale * rotation @ source_mean)


def head_axes(face: np.ndarray) -> np.ndarray:
    """The head's own axes as columns of a (3, 3) rotation matrix."""
    ends = face[_AXES_ENDS].astype(np.float64)
    x, down = ends[:2].sum(0) - ends[2:4].sum(0), ends[4:7].sum(0) - ends[7:].sum(0)
    x /= math.sqrt(x @ x)
    y = down - (down @ x) * x
    y /= math.sqrt(y @ y)
    z = x[_NEXT] * y[_AFTER] - x[_AFTER] * y[_NEXT]
    return np.stack([x, y, z], axis=1)


def head_centre(face: np.ndarray) -> np.ndarray:
    """The point (3,) that a head turns about: between the ears, behind the face."""
    ears = face[[127, 234, 356, 454]].mean(0)
    return ears + 0.2 * np.linalg.norm(face[356] - face[127]) * head_axes(face)[:, 2]


def rotation_from_angles(yaw_deg: float, pitch_deg: float, roll_deg: float) -> np.ndarray:
    """The rotation of a head in its own axes: roll first, then pitch, then yaw."""
    yaw, pitch, roll = np.deg2rad([yaw_deg, pitch_deg, roll_deg])
    # The axes are x right, y down, z backwards: the signs below make the angles mean what the convention says.
    cy, sy, cp, sp, cr, sr = np.cos(yaw), np.sin(-yaw), np.cos(pitch), np.sin(pitch), np.cos(roll), np.sin(roll)
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_x = np.array([[1, 0, 0], [0, cp, sp], [0, -sp, cp]])
    about_z = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return about_y @ about_x @ about_z


def angles_from_rotation(rotation: np.ndarray) -> tuple[float, float, float]:
    """Yaw, pitch and roll in degrees of a rotation made by `rotation_from_angles` (pitch within 90 degrees)."""
    pitch = np.arcsin(np.clip(rotation[1, 2], -1, 1))
    yaw = np.arctan2(-rotation[0, 2], rotation[2, 2])
    roll = np.arctan2(rotation[1, 0], rotation[1, 1])
    yaw_deg, pitch_deg, roll_deg = np.rad2deg([yaw, pitch, roll])
    return float(yaw_deg), float(pitch_deg), float(roll_deg)


def scaled_rotation(rotation: np.ndarray, gain: float) -> np.ndarray:
    """The same turn about the same axis, `gain` times as far."""
    cosine = np.clip((np.trace(rotation) - 1) / 2, -1, 1)
    angle = np.arccos(cosine)
    if angle < 1e-6:
        return np.eye(3)
    axis = np.array([rotation[2, 1] - rotation[1, 2], rotation[0, 2] - rotation[2, 0], rotation[1, 0] - rotation[0, 1]])
    axis = axis / (2 * np.sin(angle))
    k = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    angle = gain * angle
    return np.eye(3) + np.sin(angle) * k + (1 - np.cos(angle)) * (k @ k)


def rotation_angle_deg(rotation: np.ndarray) -> float:
    """How far a rotation turns, about whatever axis."""
    return float(np.rad2deg(np.arccos(np.clip((np.trace(rotation) - 1) / 2, -1, 1))))


def head_angles(face: np.ndarray) -> tuple[float, float, float]:
    """Yaw, pitch and roll in degrees of a face as the camera sees it; (0, 0, 0) looks straight at it."""
    return angles_from_rotation(head_axes(face))


def stable_points(face: np.ndarray) -> np.ndarray:
    """The points (N, 3) that expressions hardly move."""
    return face[list(lm.STABLE)]


def way_in_picture(before: np.ndarray, after: np.ndarray, size_px: int) -> np.ndarray:
    """How a head moved within a picture between two faces (478, 3): a turn, a scale and a shift, (2, 3), in pixels."""
    flat = np.array([size_px, size_px, 0.0])
    fit = fit_similarity(*(stable_points(face) * flat - [0.5, 0.5, 0] for face in (before, after)))
    return np.column_stack([fit.scale * fit.rotation[:2, :2], fit.shift[:2]])
