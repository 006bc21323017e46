"""Scores a puppet on a clip of its own target, beside three baselines in the same run.

General idea: every scored frame is shown from its own landmarks, and compared with itself. `nearest` shows the
training frame with the nearest landmarks, `warp` the instant puppet, `static` the mean frame. A puppet that does not
beat `nearest` and `warp` has learnt nothing worth its training.
"""

import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from cxanim.errors import CxanimError
from cxanim.losses import FeatureNetwork
from cxanim.motion.detect import find_faces
from cxanim.motion.pose import face_box
from cxanim.motion.segment import person_matte
from cxanim.pipelines import metrics
from cxanim.pipelines.clip import ClipFaces, clip_crop, cut_frames, frames_until, observe_clip
from cxanim.pipelines.evaluate_figure import evaluate_figure
from cxanim.pipelines.figure_puppet import AnyPuppet, FigurePuppet
from cxanim.pipelines.machine import Machine
from cxanim.pipelines.puppet import Puppet
from cxanim.pipelines.render import Renderer
from cxanim.pipelines.scoring import GAP_S, MOST_CANDIDATE_BYTES, EvaluateSettings, beside_baselines, mean_of, same_crop
from cxanim.pipelines.watch import Watch

_MEANS = ("psnr", "ssim", "l1", "vgg_dist", "face_psnr", "face_vgg_dist", "akd_px", "background_drift")

Show = Callable[[np.ndarray], np.ndarray]


def evaluate(
    puppet: AnyPuppet,
    clip: Path,
    settings: EvaluateSettings | None = None,
    machine: Machine | None = None,
    watch: Watch | None = None,
) -> dict[str, Any]:
    """Score `puppet` on `clip`.

    Returns:
        frames, psnr, ssim, l1, vgg_dist, face_psnr, face_vgg_dist, akd_px, miss_rate, flicker_ratio,
        background_drift, ms_per_frame, the same under baselines (nearest, warp, static), and device, threads, size,
        features. Means over the scored frames; see `metrics` for each; None where there was nothing to measure.
        `ms_per_frame` counts frames that repeat the one before, which cost nothing. Of a whole figure see
        `evaluate_figure`.

    Raises:
        NoFace, NoFigure, UnreadableVideo, TooLarge, Cancelled; CxanimError where nothing is left to score.
    """
    settings, machine, watch = settings or EvaluateSettings(), machine or Machine(), watch or Watch()
    if isinstance(puppet, FigurePuppet):
        return evaluate_figure(puppet, clip, settings, machine, watch)
    device = machine.prepare()
    eyes = settings.eyes()
    seen = observe_clip(clip, watch)
    watch.notes += seen.notes
    exam = Exam(puppet, seen, settings.start, settings.frames, watch)
    return beside_baselines(exam, Renderer(puppet, device).show, eyes, puppet.size_px, device, machine)


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
        self._puppet, self._watch, self._path = puppet, watch, seen.path
        motion = seen.motion.calmed(longest_gap_s=0.2)
        self._crop = same_crop(puppet, seen.path, seen.width_px, seen.height_px) or clip_crop(seen)
        split = frames_until(seen.frames_told, start)
        self._first = split + round(GAP_S * motion.fps) if start > 0 else 0
        stride = max(1, math.ceil(split * 3 * puppet.size_px**2 / MOST_CANDIDATE_BYTES))
        self._faces = [self._crop.from_frame(pose, seen.width_px, seen.height_px).face for pose in motion]
        self.faces = [face for face in self._faces[self._first :] if face is not None]
        self._candidates: list[np.ndarray] = []
        self._candidate_faces: list[np.ndarray] = []
        before = cut_frames(seen.path, self._crop, puppet.size_px, stride=stride, last=split)
        for picture, face in zip(
            watch.each(before, "Reading frames", split // stride), self._faces[::stride], strict=False
        ):
            if face is not None:
                self._candidates.append(picture)
                self._candidate_faces.append(face)
        if len(self.faces) < 2:
            raise CxanimError(
                f"Nothing of {seen.path.name} is left to score after {start:.0%} and a second.",
                "Score more of the clip with a smaller --from.",
            )
        if not self._candidates:
            self._candidates = [reference.picture for reference in puppet.references]
            self._candidate_faces = [reference.face for reference in puppet.references]
        scored = set(np.linspace(0, len(self.faces) - 1, frames).astype(int).tolist())
        self._truths = {
            index: _Truth(picture, face) for index, (picture, face) in enumerate(self.frames()) if index in scored
        }

    def frames(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Every frame that follows the split, and the face in it, in order; read anew, since a clip may be long."""
        pictures = cut_frames(self._path, self._crop, self._puppet.size_px, first=self._first, last=len(self._faces))
        for picture, face in zip(pictures, self._faces[self._first :], strict=False):
            if face is not None:
                yield picture, face

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

    def score(self, show: Show, eyes: FeatureNetwork, name: str) -> dict[str, float | int | None]:
        """Show every frame from its own landmarks, in order, and compare with itself."""
        size = self._puppet.size_px
        rows: list[dict[str, float]] = []
        missed = 0
        changed = was = seconds = 0.0
        before: tuple[np.ndarray, np.ndarray] | None = None
        frames = self._watch.each(self.frames(), f"Scoring {name}", len(self.faces))
        for index, (picture, face) in enumerate(frames):
            start_s = time.perf_counter()
            output = show(face)
            seconds += time.perf_counter() - start_s
            if before is not None:
                change, true_change = metrics.flicker([before[0], output], [before[1], picture])
                changed, was = changed + change, was + true_change
            before = output, picture
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
        means = {name: mean_of([row[name] for row in rows if name in row]) for name in _MEANS}
        return {
            "frames": len(rows),
            **means,
            "miss_rate": round(missed / judged, 4) if judged else None,
            "flicker_ratio": round(changed / was, 4) if was else None,
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
