"""How near one video is to another: the numbers of `evaluate`, each defined here and nowhere else.

Convention: frames are (S, S, 3) uint8; boxes are (x0, y0, x1, y1) normalised to the crop.
"""

from collections.abc import Sequence

import cv2
import numpy as np
import torch

from cxanim.losses import FeatureNetwork, contextual_loss, relative_l1
from cxanim.motion import landmarks as lm
from cxanim.motion.skeleton import SEEN

VGG_DIST_LAYERS = ("relu1_2", "relu2_2", "relu3_2")
_STILL_LEVELS = 2  # grey levels that a pixel of the truth may change by and still be called still
_LEAST_FACE_PX = 32
_FACE_PX = 128  # side of an aligned face
# Where the eyes and the mouth of an aligned face lie, in shares of its picture.
_ALIGNED = np.array([[0.32, 0.36], [0.68, 0.36], [0.5, 0.76]])
_LEAST_TEXTURE = 1e-3  # smaller eigenvalue of the structure tensor, as OpenCV scales it


def psnr_db(output: np.ndarray, truth: np.ndarray) -> float:
    """Peak signal-to-noise ratio in decibels; identical pictures count as 100."""
    error = float(np.mean((output.astype(np.float64) - truth) ** 2))
    return min(100.0, 10 * np.log10(255**2 / max(error, 1e-12)))


def ssim(output: np.ndarray, truth: np.ndarray) -> float:
    """Structural similarity (Wang et al. 2004), by scikit-image, in [-1, 1]."""
    from skimage.metrics import structural_similarity

    return float(structural_similarity(output, truth, channel_axis=2, data_range=255))


def l1(output: np.ndarray, truth: np.ndarray) -> float:
    """Mean absolute difference, in [0, 1]."""
    return float(cv2.absdiff(output, truth).mean() / 255)


def vgg_dist(output: np.ndarray, truth: np.ndarray, eyes: FeatureNetwork) -> float:
    """Mean relative L1 over three layers of the feature network; lower is more alike."""
    with torch.inference_mode():
        return float(relative_l1(eyes(_tensor(output)), eyes(_tensor(truth))))


def contextual_dist(output: np.ndarray, truth: np.ndarray, eyes: FeatureNetwork, layer: str = "relu3_2") -> float:
    """Contextual loss, bandwidth 0.5, between the feature sets of two pictures; lower is more alike, wherever it is."""
    with torch.inference_mode():
        return float(contextual_loss(eyes(_tensor(output))[layer], eyes(_tensor(truth))[layer], 0.5))


def cut_box(picture: np.ndarray, box: np.ndarray) -> np.ndarray:
    """The part of a picture inside a box, clipped to the picture."""
    size = picture.shape[0]
    x0, y0, x1, y1 = np.round(np.clip(box, 0, 1) * size).astype(int)
    x1, y1 = max(x1, x0 + _LEAST_FACE_PX), max(y1, y0 + _LEAST_FACE_PX)
    return np.ascontiguousarray(picture[max(0, min(y0, size - _LEAST_FACE_PX)) : y1,
                                        max(0, min(x0, size - _LEAST_FACE_PX)) : x1])  # fmt: skip


def cut_px(picture: np.ndarray, box: np.ndarray) -> np.ndarray:
    """The part of a picture (H, W, 3) inside a box (x0, y0, x1, y1) in px, clipped to it, of at least 32 px a side."""
    height, width = picture.shape[:2]
    x0, y0 = (max(0, min(int(start), end - _LEAST_FACE_PX)) for start, end in ((box[0], width), (box[1], height)))
    x1, y1 = (
        min(end, max(int(stop), start + _LEAST_FACE_PX))
        for start, stop, end in ((x0, box[2], width), (y0, box[3], height))
    )
    return np.ascontiguousarray(picture[y0:y1, x0:x1])


def body_distance_px(output: np.ndarray, truth: np.ndarray, side_px: int) -> float | None:
    """AKD of bodies (33, 4): mean distance of the points that are seen in the truth, in pixels; None where none is."""
    seen = truth[:, 3] >= SEEN
    return float(np.linalg.norm((output - truth)[seen, :2], axis=1).mean() * side_px) if seen.any() else None


def points_distance_px(output: np.ndarray, truth: np.ndarray, side_px: int) -> float:
    """AKD of hands (21, 3): mean distance of their points, in pixels."""
    return float(np.linalg.norm((output - truth)[:, :2], axis=1).mean() * side_px)


def keypoint_distance_px(output_face: np.ndarray, truth_face: np.ndarray, size_px: int) -> float:
    """AKD: mean distance of the mesh points of two faces (478, 3), in pixels."""
    return float(np.linalg.norm(output_face[:468, :2] - truth_face[:468, :2], axis=1).mean() * size_px)


def flicker(frames: Sequence[np.ndarray], truth: Sequence[np.ndarray]) -> tuple[float, float]:
    """Sums of the frame-to-frame change of a video and of the truth, on pixels that stand still in the truth."""
    changed = was = 0.0
    for before, now, truth_before, truth_now in zip(frames, frames[1:], truth, truth[1:], strict=False):
        true_change = _change(truth_now, truth_before)
        still = true_change <= 3 * _STILL_LEVELS
        changed += float(_change(now, before)[still].sum()) / 3
        was += float(true_change[still].sum()) / 3
    return changed, was


def _change(now: np.ndarray, before: np.ndarray) -> np.ndarray:
    """(S, S) how much the three channels of each pixel differ, in all."""
    red, green, blue = cv2.split(cv2.absdiff(now, before))
    return red.astype(np.uint16) + green + blue


def drift_px(output: np.ndarray, truth: np.ndarray, person: np.ndarray) -> float:
    """How far the background of a frame has moved from the truth's, in pixels.

    The mean length of the optical flow between the two, outside the person and where there is texture to tell it by;
    on a plain wall no flow can be measured, and 0 is returned.

    Args:
        person: (S, S) bool, where the person is in the truth, with a rim.

    Source: T. Kroeger et al., "Fast Optical Flow using Dense Inverse Search", ECCV 2016, by OpenCV.
    """
    grey = [cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in (truth, output)]
    texture = cv2.cornerMinEigenVal(grey[0], 7, 3)
    told = ~person & (texture > _LEAST_TEXTURE)
    if not told.any():
        return 0.0
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(grey[0], grey[1], None)
    return float(np.linalg.norm(flow, axis=2)[told].mean())


class Trembling:
    """How unevenly a picture changes: its distance from the mean of its neighbours in time, over its contrast."""

    def __init__(self) -> None:
        self._recent: list[np.ndarray] = []
        self._sum, self._count = 0.0, 0

    def add(self, picture: np.ndarray) -> None:
        """Take the next picture (S, S, 3)."""
        grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
        self._recent = [*self._recent[-2:], grey]
        if len(self._recent) == 3:
            before, middle, after = self._recent
            self._sum += float(np.abs(middle - (before + after) / 2).mean() / max(float(middle.std()), 1.0))
            self._count += 1

    @property
    def mean(self) -> float:
        """Over the pictures so far; 0 of less than three."""
        return self._sum / max(self._count, 1)


def aligned(picture: np.ndarray, face: np.ndarray) -> np.ndarray:
    """The face of a picture upright and of one size, (128, 128, 3), by the similarity that eyes and mouth ask for."""
    corners = np.stack([face[[33, 133], :2].mean(0), face[[362, 263], :2].mean(0), face[[61, 291], :2].mean(0)])
    matrix, _ = cv2.estimateAffinePartial2D(corners * picture.shape[0] - 0.5, _ALIGNED * _FACE_PX - 0.5)
    return cv2.warpAffine(picture, matrix, (_FACE_PX, _FACE_PX), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)


def sharpness(picture: np.ndarray, face: np.ndarray) -> float:
    """Variance of the Laplacian inside the face, without its edge."""
    size = picture.shape[0]
    stencil = np.zeros(picture.shape[:2], np.uint8)
    oval = face[list(lm.FACE_OVAL), :2]
    inner = oval.mean(0) + 0.92 * (oval - oval.mean(0))
    cv2.fillPoly(stencil, [np.round(inner * size).astype(np.int32)], 255)
    edges = cv2.Laplacian(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), cv2.CV_32F)
    return float(edges[stencil > 0].var()) if stencil.any() else 0.0


def _tensor(picture: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)[None].float().div_(255)
