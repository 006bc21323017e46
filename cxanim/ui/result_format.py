"""The choice of the file that a moving result comes in."""

from typing import Any

import gradio as gr

from cxanim.errors import BadSetting

FORMATS = {"mp4": "MP4", "webm": "WebM, transparent where the picture is"}


def result_format(where: str) -> Any:
    """The control; `where` makes its id. A GIF, which no player of a page shows, is left to the command line."""
    named = [(words, ending) for ending, words in FORMATS.items()]
    return gr.Radio(
        named, value="mp4", show_label=False, container=False, elem_id=f"{where}-format", elem_classes="pills"
    )


def suffix_of(file_format: str) -> str:
    """The ending of a result's name.

    Raises:
        BadSetting: no such format.
    """
    if file_format not in FORMATS:
        raise BadSetting(f"file_format: got {file_format!r}, expected one of {', '.join(FORMATS)}.")
    return f".{file_format}"
