"""Scores a puppet on a clip of its own target, beside three baselines in the same run.

General idea: every scored frame is shown from its own landmarks, and compared with itself. `nearest` shows the
training frame with the nearest landmarks, `warp` the instant puppet, `static` the mean frame. A puppet that does not
beat `nearest` and `warp` has learnt nothing worth its training.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from cxanim.errors import CxanimError
from cxanim.losses import FeatureNetwork, available, feature_network
from cxanim.motion.crop import Crop
from cxanim.motion.detect import find_faces, person_matte
from cxanim.motion.pose import face_box
from cxanim.pipelines import metrics
from cxanim.pipelines.clip import ClipFaces, clip_crop, cut_frames, observe_clip
from cxanim.pipelines.machine import Machine
from cxanim.pipelines.puppet import Puppet
from cxanim.pipelines.render import Renderer
from cxanim.pipelines.watch import Watch
from cxanim.settings import Settings, setting

GAP_S = 1.0
_MOST_CANDIDATES = 1500
_MEANS = ("psnr", "ssim", "l1", "vgg_dist", "face_psnr", "face_vgg_dist", "akd_px", "background_drift")

Show = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class EvaluateSettings(Settings):
    """What is scored."""

    start: float = setting(
        0.0, "score what follows this share of the clip and a second; the frames before it serve `nearest`",
        low=0, high=0.95, step=0.05,
    )  # fmt: skip
    frames: int = setting(60, "score at most so many frames, evenly spread", low=2, high=10000)
    features: str = setting("auto", "network for vgg_dist; auto takes vgg19 where it is at hand",
                            choices=("auto", "vgg19", "small"))  # fmt: skip


def evaluate(
    puppet: Puppet,
    clip: Path,
    settings: EvaluateSettings | None = None,
    machine: Machine | None = None,
    watch: Watch | None = None,
) -> dict[str, object]:
    """Score `puppet` on `clip`.

    Returns:
        frames, psnr, ssim, l1, vgg_dist, face_psnr, face_vgg_dist, akd_px, miss_rate, flicker_ratio,
        background_drift, ms_per_frame, the same under baselines (nearest, warp, static), and device, threads, size,
        features. Means over the scored frames; see `metrics` for each.

    Raises:
        NoFace, UnreadableVideo, TooLarge, Cancelled; CxanimError where nothing is left to score.
    """
    settings, machine, watch = settings or EvaluateSettings(), machine or Machine(), watch or Watch()
    device = machine.prepare()
    name = settings.features
    if name == "auto":
        name = "vgg19" if available("vgg19") else "small"
    eyes = feature_network(name, metrics.VGG_DIST_LAYERS)
    exam = Exam(puppet, observe_clip(clip, watch), settings.start, settings.frames, watch)
    scores = exam.score(Renderer(puppet, device).show, eyes, "the puppet")
    baselines = {name: exam.score(show, eyes, name) for name, show in exam.baselines().items()}
    return scores | {
        "baselines": baselines,
        "device": device.type,
        "threads": machine.thread_count,
        "size": puppet.size_px,
        "features": name,
    }


class Exam:
    """The frames of a clip that are scored, in the puppet's own window, and those that `nearest` may choose from.

    Args:
        puppet: whose window is used.
        seen: the clip.
        start: share of the clip that is not scored; a second more is skipped.
        frames: score at most so many, evenly spread.
        watch: who is told.
    """

    def __init__(self, puppet: Puppet, seen: ClipFaces, start: float, frames: int, watch: Watch):
        self._puppet, self._watch = puppet, watch
        motion = seen.motion.calmed(longest_gap_s=0.2)
        crop = _same_crop(puppet, seen) or clip_crop(seen)
        split = math.floor(len(motion) * start)
        first = split + round(GAP_S * motion.fps) if start > 0 else 0
        stride = max(1, math.ceil(split / _MOST_CANDIDATES))
        poses = [crop.from_frame(pose, seen.width_px, seen.height_px) for pose in motion]
        self.truth: list[np.ndarray] = []
        self.faces: list[np.ndarray] = []
        self._candidates: list[np.ndarray] = []
        self._candidate_faces: list[np.ndarray] = []
        pictures = cut_frames(seen.path, crop, puppet.size_px, last=len(poses))
        for index, picture in enumerate(watch.each(pictures, "Reading frames", len(poses))):
            face = poses[index].face
            if face is None:
                continue
            if index < split and index % stride == 0:
                self._candidates.append(picture)
                self._candidate_faces.append(face)
            elif index >= first:
                self.truth.append(picture)
                self.faces.append(face)
        if len(self.truth) < 2:
            raise CxanimError(
                f"Nothing of {seen.path.name} is left to score after {start:.0%} and a second.",
                "Score more of the clip with a smaller --from.",
            )
        if not self._candidates:
            self._candidates = [reference.picture for reference in puppet.references]
            self._candidate_faces = [reference.face for reference in puppet.references]
        scored = np.unique(np.linspace(0, len(self.truth) - 1, frames).astype(int)).tolist()
        self._truths = {index: _Truth(self.truth[index], self.faces[index]) for index in scored}

    def baselines(self) -> dict[str, Show]:
        """`nearest`, `warp` and `static`, each as a function from a face to a picture."""
        points = np.stack([face[:468, :2] for face in self._candidate_faces])
        mean = np.zeros(self._candidates[0].shape, np.float64)
        for picture in self._candidates:
            mean += picture
        static = np.round(mean / len(self._candidates)).astype(np.uint8)

        def nearest(face: np.ndarray) -> np.ndarray:
            distances = np.linalg.norm(points - face[None, :468, :2], axis=2).mean(1)
            return self._candidates[int(distances.argmin())]

        return {"nearest": nearest, "warp": Renderer(self._puppet.instant()).show, "static": lambda face: static}

    def score(self, show: Show, eyes: FeatureNetwork, name: str) -> dict[str, float | int]:
        """Show every frame from its own landmarks, in order, and compare with itself."""
        size = self.truth[0].shape[0]
        rows: list[dict[str, float]] = []
        missed = 0
        changed = was = seconds = 0.0
        before: np.ndarray | None = None
        show(self.faces[0])  # the first call prepares what all share
        for index, face in enumerate(self._watch.each(self.faces, f"Scoring {name}", len(self.faces))):
            start_s = time.perf_counter()
            output = show(face)
            seconds += time.perf_counter() - start_s
            if before is not None:
                change, true_change = metrics.flicker([before, output], self.truth[index - 1 : index + 1])
                changed, was = changed + change, was + true_change
            before = output
            if index not in self._truths:
                continue
            truth = self._truths[index]
            row = truth.compare(output, eyes)
            if truth.face is not None:
                found = find_faces(output, most=1)
                if found:
                    row["akd_px"] = metrics.keypoint_distance_px(found[0], truth.face, size)
                missed += not found
            rows.append(row)
        judged = sum(truth.face is not None for truth in self._truths.values())
        means = {name: _mean([row[name] for row in rows if name in row]) for name in _MEANS}
        return {
            "frames": len(rows),
            **means,
            "miss_rate": round(missed / judged, 4) if judged else 1.0,
            "flicker_ratio": round(changed / was, 4) if was else 0.0,
            "ms_per_frame": round(1000 * seconds / len(self.faces), 2),
        }


class _Truth:
    """One scored frame with everything about it that does not depend on who is scored."""

    def __init__(self, picture: np.ndarray, face: np.ndarray):
        self.picture = picture
        self.box = np.array(face_box(face, grow=0.3))
        found = find_faces(picture, most=1)
        self.face = found[0] if found else None
        person = (person_matte(picture) > 0.1).astype(np.uint8)
        reach = max(3, picture.shape[0] // 16) | 1
        self.person = cv2.dilate(person, np.ones((reach, reach), np.uint8)).astype(bool)

    def compare(self, output: np.ndarray, eyes: FeatureNetwork) -> dict[str, float]:
        """Everything about an output that needs no detector."""
        face_output, face_truth = metrics.cut_box(output, self.box), metrics.cut_box(self.picture, self.box)
        return {
            "psnr": metrics.psnr_db(output, self.picture),
            "ssim": metrics.ssim(output, self.picture),
            "l1": metrics.l1(output, self.picture),
            "vgg_dist": metrics.vgg_dist(output, self.picture, eyes),
            "face_psnr": metrics.psnr_db(face_output, face_truth),
            "face_vgg_dist": metrics.vgg_dist(face_output, face_truth, eyes),
            "background_drift": metrics.drift_px(output, self.picture, self.person),
        }


def _same_crop(puppet: Puppet, seen: ClipFaces) -> Crop | None:
    """The window that the puppet was trained in, if this clip is one of those it was trained on."""
    names = str(puppet.about.get("source", "")).split(", ")
    for name, fact in zip(names, puppet.about.get("crops", []), strict=False):
        x, y, side, width, height = fact
        if name == seen.path.name and (width, height) == (seen.width_px, seen.height_px):
            return Crop(x, y, side)
    return None


def _mean(values: list[float]) -> float:
    return round(float(np.mean(values)), 5) if values else math.nan
