"""How near one video is to another: the numbers of `evaluate`, each defined here and nowhere else.

Convention: frames are (S, S, 3) uint8; boxes are (x0, y0, x1, y1) normalised to the crop.
"""

from collections.abc import Sequence

import cv2
import numpy as np
import torch

from cxanim.losses import FeatureNetwork, contextual_loss, relative_l1

VGG_DIST_LAYERS = ("relu1_2", "relu2_2", "relu3_2")
_STILL_LEVELS = 2  # grey levels that a pixel of the truth may change by and still be called still
_LEAST_FACE_PX = 32
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


def _tensor(picture: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)[None].float().div_(255)
