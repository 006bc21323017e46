"""A keyframed motion as a recorded one: for programs that know only recordings, and to see where its points go."""

import numpy as np

from cxanim.motion.expression import ExpressionBasis
from cxanim.motion.keyframes import KeyframedMotion
from cxanim.motion.pose import Pose
from cxanim.motion.recording import Motion
from cxanim.motion.retarget import as_detected, perform
from cxanim.motion.template import template_face


def baked(motion: KeyframedMotion, fps: float) -> Motion:
    """Let a common face do what the motion says, and record it as a detector would see it.

    Args:
        motion: what is done.
        fps: frames per second, more than 0 up to 60.

    Returns:
        A recording in which the face is in the middle of the crop. Its relaxed face is beside the frames: none of
        them need show it.
    """
    if not 0 < fps <= 60:
        raise ValueError(f"fps: got {fps}, expected more than 0 up to 60")
    neutral = _in_the_middle(template_face())
    basis = ExpressionBasis(neutral)
    poses = []
    for frame in range(max(1, round(motion.duration_s * fps))):
        performance = basis.performance(motion.expression_at(frame / fps))
        poses.append(Pose(face=perform(as_detected(performance), neutral)))
    about = {"name": motion.name, "description": motion.description}
    recording = Motion.from_poses(poses, fps, **about)
    return Motion(recording.fps, recording.parts, about=recording.about, relaxed=neutral)


def _in_the_middle(face: np.ndarray) -> np.ndarray:
    """The face (478, 3), half as wide as the crop and in its middle."""
    low, high = face[:, :2].min(0), face[:, :2].max(0)
    scale = 0.5 / float((high - low).max())
    placed = face * scale
    placed[:, :2] += 0.5 - scale * (low + high) / 2
    return placed.astype(np.float32)
