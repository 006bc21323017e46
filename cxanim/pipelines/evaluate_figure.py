"""Scores a puppet of a whole figure on a clip of its own target, beside three baselines in the same run.

As with a face, every scored frame is shown from its own pose and compared with itself. `nearest` shows the training
frame whose body is nearest, `warp` the picture at rest, bent limb by limb, `static` the mean frame.
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
from cxanim.motion.camera_hold import Anchor, brought
from cxanim.motion.camera_path import CameraPath
from cxanim.motion.crop import Crop
from cxanim.motion.detect import Detector
from cxanim.motion.pose import Pose, face_box
from cxanim.motion.segment import person_matte
from cxanim.pipelines import metrics
from cxanim.pipelines.clip import cut_frames, frames_until
from cxanim.pipelines.figure_clip import ClipFigures, observe_figures
from cxanim.pipelines.figure_puppet import FigurePuppet
from cxanim.pipelines.figure_render import FigureRenderer
from cxanim.pipelines.figure_set import background_of, body_box
from cxanim.pipelines.machine import Machine
from cxanim.pipelines.scoring import GAP_S, MOST_CANDIDATE_BYTES, EvaluateSettings, beside_baselines, mean_of, same_crop
from cxanim.pipelines.watch import Watch

_MEANS = (
    "psnr", "ssim", "l1", "vgg_dist", "person_vgg_dist", "akd_body_px", "akd_hands_px", "face_vgg_dist",
    "background_drift",
)  # fmt: skip

_ELSEWHERE = 0.25  # of the puppet's window: a camera that goes so far shows another place, as for `Anchor`

Show = Callable[[Pose], np.ndarray]


def evaluate_figure(
    puppet: FigurePuppet,
    clip: Path,
    settings: EvaluateSettings | None = None,
    machine: Machine | None = None,
    watch: Watch | None = None,
) -> dict[str, Any]:
    """Score `puppet` on `clip`.

    Returns:
        frames, psnr, ssim, l1, vgg_dist, person_vgg_dist, akd_body_px, akd_hands_px, face_vgg_dist, mkr_body,
        flicker_ratio, background_drift, ms_per_frame, the same under baselines (nearest, warp, static), and device,
        threads, size, features. Means over the scored frames; see `metrics` for each; None where there was nothing to
        measure. Where the clip's camera goes to another place than the puppet's, what is behind the figure is compared
        with the puppet's own plate, which it should stay, and not with the frame. (A cut is not noticed.)

    Raises:
        NoFigure, UnreadableVideo, TooLarge, Cancelled; CxanimError where nothing is left to score.
    """
    settings, machine, watch = settings or EvaluateSettings(), machine or Machine(), watch or Watch()
    device = machine.prepare()
    eyes = settings.eyes()
    camera = CameraPath()
    seen = observe_figures(clip, watch, camera=camera)
    watch.notes += seen.notes
    exam = FigureExam(puppet, seen, camera, settings.start, settings.frames, watch)
    return beside_baselines(exam, FigureRenderer(puppet, device).show, eyes, puppet.size_px, device, machine)


class FigureExam:
    """The frames of a clip that are scored, in the puppet's own window, and those that `nearest` may choose from.

    Args:
        puppet: whose window is used.
        seen: the clip.
        camera: how its camera went.
        start: share of the clip that is not scored; a second more is skipped.
        frames: score at most so many, evenly spread.
        watch: who is told.
    """

    def __init__(
        self, puppet: FigurePuppet, seen: ClipFigures, camera: CameraPath, start: float, frames: int, watch: Watch
    ):
        self._puppet, self._watch, self._path = puppet, watch, seen.path
        motion = seen.motion.calmed(longest_gap_s=0.2)
        self._crop: Crop = same_crop(puppet, seen.path, seen.width_px, seen.height_px) or seen.crop
        split = frames_until(seen.frames_told, start)
        self._first = split + round(GAP_S * motion.fps) if start > 0 else 0
        stride = max(1, math.ceil(split * 3 * puppet.size_px**2 / MOST_CANDIDATE_BYTES))
        self._poses = [self._crop.from_frame(pose, seen.width_px, seen.height_px) for pose in motion]
        self.count = sum(pose.body is not None for pose in self._poses[self._first :])
        if self.count < 2:
            raise CxanimError(
                f"Nothing of {seen.path.name} is left to score after {start:.0%} and a second.",
                "Score more of the clip with a smaller --from.",
            )
        self._candidates: list[tuple[np.ndarray, np.ndarray]] = []
        before = cut_frames(seen.path, self._crop, puppet.size_px, stride=stride, last=split)
        for picture, pose in zip(
            watch.each(before, "Reading frames", split // stride), self._poses[::stride], strict=False
        ):
            if pose.body is not None:
                self._candidates.append((picture, pose.body))
        if not self._candidates:
            self._candidates = [(reference.picture, reference.body) for reference in puppet.references]
        self._stays = camera.went * max(seen.width_px, seen.height_px) / self._crop.side_px < _ELSEWHERE
        if not self._stays:
            watch.notes.append(
                f"The camera of {seen.path.name} goes elsewhere: background_drift is how far the puppet's own moves."
            )
        plate = puppet.plate
        self._anchor = Anchor(plate, np.zeros(plate.shape[:2], bool))
        scored = set(np.linspace(0, self.count - 1, frames).astype(int).tolist())
        with Detector("body", tracks=False) as detector:
            self._truths = {
                number: _Truth(puppet.framed(picture), pose, puppet, detector, same_place=self._stays)
                for number, (picture, pose) in enumerate(self.frames())
                if number in scored
            }

    def frames(self) -> Iterator[tuple[np.ndarray, Pose]]:
        """Every frame that follows the split, and the pose in it, in order; read anew, since a clip may be long."""
        pictures = cut_frames(self._path, self._crop, self._puppet.size_px, first=self._first, last=len(self._poses))
        for picture, pose in zip(pictures, self._poses[self._first :], strict=False):
            if pose.body is not None:
                yield self._brought(picture, pose)

    def _brought(self, picture: np.ndarray, pose: Pose) -> tuple[np.ndarray, Pose]:
        """A frame as the camera of the puppet's plate would see it; as it is where the camera goes elsewhere.

        One that has enough in common with the plate would jump from between others that have not.
        """
        if not self._stays:
            return picture, pose
        away = ~background_of(pose, len(picture))
        return brought(picture, pose, self._anchor.way_from(picture, away))

    def baselines(self) -> dict[str, Show]:
        """`nearest`, `warp` and `static`, each as a function from a pose to a picture."""
        bodies = np.stack([body[:, :2] for _, body in self._candidates])
        mean = np.mean([picture for picture, _ in self._candidates], axis=0, dtype=np.float64)
        static = np.round(mean).astype(np.uint8)

        def nearest(pose: Pose) -> np.ndarray:
            body = pose.need_body()
            distances = (np.linalg.norm(bodies - body[:, :2], axis=2) * body[:, 3]).sum(1)
            return self._candidates[int(distances.argmin())][0]

        return {"nearest": nearest, "warp": FigureRenderer(self._puppet.instant()).show, "static": lambda pose: static}

    def score(self, show: Show, eyes: FeatureNetwork, name: str) -> dict[str, float | int | None]:
        """Show every frame from its own pose, in order, and compare with itself."""
        rows: list[dict[str, float]] = []
        changed = was = seconds = 0.0
        missed = judged = 0
        before: tuple[np.ndarray, np.ndarray] | None = None
        frames = self._watch.each(self.frames(), f"Scoring {name}", self.count)
        with Detector("body", tracks=False) as detector:
            for number, (picture, pose) in enumerate(frames):
                start_s = time.perf_counter()
                output = show(pose)
                seconds += time.perf_counter() - start_s
                output, truth_picture = self._puppet.framed(output), self._puppet.framed(picture)
                if before is not None:
                    change, true_change = metrics.flicker([before[0], output], [before[1], truth_picture])
                    changed, was = changed + change, was + true_change
                before = output, truth_picture
                if number not in self._truths:
                    continue
                truth = self._truths[number]
                found = detector.detect(output)
                judged += truth.found.body is not None
                missed += truth.found.body is not None and found.body is None
                rows.append(truth.compare(output, found, eyes))
        means = {name: mean_of([row[name] for row in rows if name in row]) for name in _MEANS}
        return {
            "frames": len(rows),
            **means,
            "mkr_body": round(missed / judged, 4) if judged else None,
            "flicker_ratio": round(changed / was, 4) if was else None,
            "ms_per_frame": round(1000 * seconds / self.count, 2),
        }


class _Truth:
    """One scored frame with everything about it that does not depend on who is scored."""

    def __init__(self, picture: np.ndarray, pose: Pose, puppet: FigurePuppet, detector: Detector, *, same_place: bool):
        self.picture, self._side_px = picture, max(picture.shape[:2])
        self.found = detector.detect(picture)
        left, top, _, _ = puppet.frame
        size = puppet.size_px
        corner = np.array([left, top, left, top])
        self._person = np.round(size * body_box(pose.need_body(), 0.1) - corner).astype(int)
        face = None if pose.face is None else np.round(size * np.array(face_box(pose.face, grow=0.3)) - corner)
        self._face = None if face is None else face.astype(int)
        person = (person_matte(picture) > 0.1).astype(np.uint8)
        reach = max(3, size // 16) | 1
        self._rim = cv2.dilate(person, np.ones((reach, reach), np.uint8)).astype(bool)
        self._plate = None if same_place else puppet.framed(puppet.plate)

    def compare(self, output: np.ndarray, found: Pose, eyes: FeatureNetwork) -> dict[str, float]:
        """Everything about an output, in which `found` was found."""
        # The figure stands in both: where it would end in one alone, flow goes astray round it.
        behind = self.picture if self._plate is None else np.where(self._rim[..., None], output, self._plate)
        row = {
            "psnr": metrics.psnr_db(output, self.picture),
            "ssim": metrics.ssim(output, self.picture),
            "l1": metrics.l1(output, self.picture),
            "vgg_dist": metrics.vgg_dist(output, self.picture, eyes),
            "background_drift": metrics.drift_px(output, behind, self._rim),
        }
        for name, box in (("person_vgg_dist", self._person), ("face_vgg_dist", self._face)):
            if box is not None:
                row[name] = metrics.vgg_dist(metrics.cut_px(output, box), metrics.cut_px(self.picture, box), eyes)
        if found.body is not None and self.found.body is not None:
            distance = metrics.body_distance_px(found.body, self.found.body, self._side_px)
            row |= {} if distance is None else {"akd_body_px": distance}
        hands = [(found.left_hand, self.found.left_hand), (found.right_hand, self.found.right_hand)]
        distances = [
            metrics.points_distance_px(one, other, self._side_px)
            for one, other in hands
            if one is not None and other is not None
        ]
        return row | ({"akd_hands_px": float(np.mean(distances))} if distances else {})
