"""Painting on the page which part of one picture belongs to which part of another."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from cxanim.errors import CxanimError
from cxanim.images import as_seen, fitted, read_image, write_image
from cxanim.pipelines.style_masks import Masks

COLOURS = ("#e11d48", "#2563eb", "#16a34a", "#f59e0b")
_SIDE_PX = 384


def region_painter(
    label: str, name: str, colours: Sequence[str | tuple[str, float]] = COLOURS, side_px: int = _SIDE_PX, **options: Any
) -> Any:
    """A picture on which regions are painted in a few colours, each opaque or with its opacity."""
    brush = gr.Brush(default_size=24, colors=list(colours), default_color=colours[0], color_mode="fixed")
    return gr.ImageEditor(
        label=label, type="numpy", image_mode="RGBA", sources=[], transforms=(), layers=False, brush=brush,
        eraser=gr.Eraser(default_size=24), elem_id=name, canvas_size=(side_px, side_px), **({"height": 320} | options),
    )  # fmt: skip


def to_paint_on(picture: str | None) -> Any:
    """What a painter shows of a new picture; nothing of one that cannot be read, which is said later."""
    if not picture:
        return None
    try:
        seen = fitted(as_seen(read_image(picture)), _SIDE_PX)
    except CxanimError:
        return None
    return {"background": seen, "layers": [], "composite": None}


def painted_masks(content: dict[str, Any] | None, style: dict[str, Any] | None, folder: Path) -> Masks | None:
    """The masks that two painters hold, as files; None where nothing is painted in either."""
    layers = [painted_layer(painting) for painting in (content, style)]
    if all(layer is None or not layer[..., 3].any() for layer in layers):
        return None
    paths = []
    for name, layer in zip(("content-mask.png", "style-mask.png"), layers, strict=True):
        layer = np.zeros((_SIDE_PX, _SIDE_PX, 4), np.uint8) if layer is None else layer
        write_image(folder / name, np.ascontiguousarray(layer[..., :3]), np.ascontiguousarray(layer[..., 3]))
        paths.append(folder / name)
    return Masks(*paths)


def painted_layer(painting: dict[str, Any] | None) -> np.ndarray | None:
    """What was painted, (h, w, 4) uint8, clear where nothing was; None where a painter holds nothing."""
    layers = painting.get("layers") if isinstance(painting, dict) else None
    first = layers[0] if layers else None
    is_layer = isinstance(first, np.ndarray) and first.ndim == 3 and first.shape[2] == 4
    return np.ascontiguousarray(first) if is_layer else None
