"""How a puppet's faces compare with the true ones, on a few frames of a clip."""

from dataclasses import dataclass, replace

import numpy as np

from cxanim.losses import FeatureNetwork
from cxanim.motion.pose import face_box
from cxanim.pipelines import metrics
from cxanim.pipelines.evaluate import Exam
from cxanim.pipelines.puppet import Puppet
from cxanim.pipelines.render import Renderer


@dataclass(frozen=True)
class Faces:
    """What a puppet showed, beside the truth.

    Attributes:
        distance: mean relative distance of features inside the face.
        sharpness: of the face, over the truth's.
        middle: the middle picture.
    """

    distance: float
    sharpness: float
    middle: np.ndarray


def frames_of(exam: Exam, count: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """So many pictures and faces, evenly spread over what is scored."""
    chosen = set(np.linspace(0, len(exam.faces) - 1, count).astype(int).tolist())
    return [frame for number, frame in enumerate(exam.frames()) if number in chosen]


def compared(puppet: Puppet, frames: list[tuple[np.ndarray, np.ndarray]], eyes: FeatureNetwork) -> Faces:
    """Show each frame (S, S, 3) from its own face (478, 3), each by itself."""
    renderer = Renderer(replace(puppet, steadiness=0.0, grain=0.0))
    shown = [renderer.show(face).copy() for _, face in frames]
    distances, sharpnesses = [], []
    for made, (truth, face) in zip(shown, frames, strict=True):
        box = np.array(face_box(face, grow=0.3))
        distances.append(metrics.vgg_dist(metrics.cut_box(made, box), metrics.cut_box(truth, box), eyes))
        sharpnesses.append(metrics.sharpness(made, face) / max(metrics.sharpness(truth, face), 1e-6))
    return Faces(float(np.mean(distances)), float(np.mean(sharpnesses)), shown[len(shown) // 2])
