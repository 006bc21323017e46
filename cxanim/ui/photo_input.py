"""The field into which a photo is dropped."""

from typing import Any

import gradio as gr


def photo_input(label: str, **options: Any) -> gr.Image:
    """An upload field that hands a photo's file over as it came.

    Gradio's own would open the file first and answer a damaged or unusual one with "Error"; left to
    `cxanim.images.read_image`, it is either read or refused in words.
    """
    field = gr.Image(
        label=label,
        type="filepath",
        image_mode=None,
        sources=["upload", "clipboard", "webcam"],
        webcam_options=gr.WebcamOptions(mirror=False),  # left and right are the subject's own
        **options,
    )
    field.preprocess = _path  # type: ignore[method-assign]
    return field


def _path(payload: Any) -> str | None:
    return payload.path if payload is not None else None
