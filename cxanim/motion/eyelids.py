"""Upper lids that come down with their own skin.

General idea: a lid that closes unfolds. Its lashes, and what is painted round them, stay as they are at its edge; only
the skin between them and the fold is drawn out.
"""

import numpy as np

from cxanim.motion.eye_frame import Eye, EyeFrame, places
from cxanim.motion.inlay import lay, masked_window

_LASHES = 0.65  # of what is seen of an open lid, its edge with the lashes and their shadow
_MOST_LASHES = 0.13  # in widths of the eye


def draw_lid(canvas: np.ndarray, picture: np.ndarray, source_px: np.ndarray, face_px: np.ndarray, eye: Eye) -> None:
    """Draw an upper lid, as far as it has come down, from its fold to its edge.

    Args:
        canvas: (S, S, 3) uint8, changed in place.
        picture: (S, S, 3) uint8, the source picture.
        source_px: (478, 2) the face in the picture.
        face_px: (478, 2) the face to show.
    """
    was, now = EyeFrame.of(source_px, eye), EyeFrame.of(face_px, eye)
    left_open = now.opening(face_px, eye) / max(was.opening(source_px, eye), 1e-6)
    closing = float(np.clip(2 * (1 - left_open) - 0.1, 0, 1))
    if closing == 0:
        return
    outline = np.vstack([face_px[list(eye.fold)], face_px[list(eye.upper[::-1])]])
    found = masked_window(outline, canvas.shape[0])
    if found is None:
        return
    x0, y0, mask = found
    along, down = now.inside(places(x0, y0, mask.shape))
    fold_now, edge_now = (now.height(along, face_px, numbers) for numbers in (eye.fold, eye.upper))
    fold_was, edge_was = (was.height(along, source_px, numbers) for numbers in (eye.fold, eye.upper))
    seen_was, seen_now = np.maximum(edge_was - fold_was, 1e-3), np.maximum(edge_now - fold_now, 1e-3)
    lashes = np.minimum(np.minimum(_LASHES * seen_was, _MOST_LASHES), 0.9 * seen_now)
    up = edge_now - down
    drawn_out = lashes + (up - lashes) * (seen_was - lashes) / np.maximum(seen_now - lashes, 1e-3)
    lid = was.fetch(picture, along, edge_was - np.where(up < lashes, up, drawn_out))
    # Towards the corners a lid is too narrow to be drawn out.
    wide = np.clip((np.minimum(seen_was, seen_now) - 0.02) / 0.04, 0, 1)
    lay(canvas, x0, y0, lid, mask * (closing * wide))
