"""The picture round its animated windows, frame after frame, at its own resolution."""

from collections.abc import Sequence

import cv2
import numpy as np

from cxanim.motion.crop import Crop
from cxanim.pipelines.patch import Patch
from cxanim.pipelines.photo import Photo
from cxanim.pipelines.puppet import Puppet


class Scene:
    """A picture whose faces move; outside their windows each frame is the picture, bit for bit.

    Args:
        seen: the picture, once for each face that moves.
        puppets: what is rendered of each.
        rests: (S, S, C) what is rendered of each puppet's neutral face.
        longest_side_px: the picture is scaled down to it where it is larger.
        with_alpha: show the picture's alpha as a fourth channel.
        alone: show nothing but the window of the one face.
        moving_background: whether what is behind a person moves along.

    Attributes:
        still: (H, W, C) the picture itself, at the size of the frames.
    """

    def __init__(
        self,
        seen: Sequence[Photo],
        puppets: Sequence[Puppet],
        rests: Sequence[np.ndarray],
        longest_side_px: int,
        *,
        with_alpha: bool = False,
        alone: bool = False,
        moving_background: bool = False,
    ):
        if len(seen) != len(puppets) or not seen or (alone and len(seen) > 1):
            raise ValueError(f"seen, puppets: got {len(seen)} and {len(puppets)}, expected as many, and one if alone")
        picture = seen[0].with_alpha if with_alpha else seen[0].picture
        self._patches: list[Patch] = []
        if alone:
            self.still = seen[0].crop.cut(picture, puppets[0].size_px)
        else:
            height, width = picture.shape[:2]
            scale = min(1.0, longest_side_px / max(height, width))
            self.still = picture if scale == 1 else _shrunk(picture, scale)
            for one, puppet, rest in zip(seen, puppets, rests, strict=True):
                crop = one.crop
                crop = Crop(round(crop.x_px * scale), round(crop.y_px * scale), max(2, round(crop.side_px * scale)))
                others = [one.within(other.face)[:468, :2].mean(0) for other in seen if other is not one]
                self._patches.append(
                    Patch(self.still, crop, puppet, rest, moving_background=moving_background, others=others)
                )
        self._canvas = self.still.copy()
        self.height_px, self.width_px = self.still.shape[:2]

    def show(self, windows: Sequence[np.ndarray], faces: Sequence[np.ndarray]) -> np.ndarray:
        """The next frame (H, W, C), whose windows (S, S, C) show `faces` (478, 3); valid until the one after."""
        if not self._patches:
            return windows[0]
        # Only windows change from frame to frame: the rest of a large picture is copied once.
        for patch in self._patches:
            self._canvas[patch.place] = self.still[patch.place]
        for patch, window, face in zip(self._patches, windows, faces, strict=True):
            patch.lay(self._canvas, window, face)
        return self._canvas


def _shrunk(picture: np.ndarray, scale: float) -> np.ndarray:
    height, width = picture.shape[:2]
    size = (max(2, round(width * scale)), max(2, round(height * scale)))
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
