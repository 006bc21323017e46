"""A moving result on the page: the choice of the file that it comes in, and where it is shown."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from cxanim.errors import BadSetting
from cxanim.images import is_picture_name
from cxanim.ui.workspace import file_name

FORMATS = {"mp4": "MP4", "webm": "WebM", "gif": "GIF", "png": "Still picture"}
_CAPTION = (
    "<p>All but MP4 are transparent where the target is. A GIF has no sound; "
    "a still picture is what “From a picture” gives.</p>"
)


@dataclass(frozen=True)
class Result:
    """The components of one result.

    Attributes:
        file_format: what is chosen; its value is for `suffix_of`.
        video, beside, picture: what shows it, as `filled` fills them.
    """

    file_format: Any
    video: Any
    beside: Any
    picture: Any

    @property
    def shown(self) -> list[Any]:
        """What is filled, and hidden where there is nothing in it."""
        return [self.video, self.beside, self.picture]

    @staticmethod
    def choice(where: str) -> Any:
        """Put the choice of the file's format on the page; `where` makes its id."""
        named = [(words, ending) for ending, words in FORMATS.items()]
        chosen = gr.Radio(
            named, value="mp4", show_label=False, container=False, elem_id=f"{where}-format", elem_classes="pills"
        )
        gr.HTML(_CAPTION, elem_classes="caption", padding=False)
        return chosen

    @classmethod
    def build(cls, where: str, file_format: Any, height: int) -> "Result":
        """Put what shows the result on the page."""
        video = gr.Video(
            label="Result", autoplay=True, loop=True, interactive=False, height=height, buttons=["download"],
            elem_id=f"{where}-result",
        )  # fmt: skip
        picture = gr.Image(
            label="Result", type="filepath", interactive=False, height=height, buttons=["download"], visible=False,
            elem_id=f"{where}-picture",
        )  # fmt: skip
        beside = gr.Video(
            label="Side by side", loop=True, interactive=False, height=250, buttons=["download"], visible=False,
            elem_id=f"{where}-beside",
        )  # fmt: skip
        return cls(file_format, video, beside, picture)


def suffix_of(file_format: str) -> str:
    """The ending of a result's name.

    Raises:
        BadSetting: no such format.
    """
    if file_format not in FORMATS:
        raise BadSetting(f"file_format: got {file_format!r}, expected one of {', '.join(FORMATS)}.")
    return f".{file_format}"


def places_of(folder: Path, name: str, suffix: str) -> tuple[Path, Path | None]:
    """Where a result goes, and driver and result side by side, which a still picture has not."""
    output = folder / file_name(name, suffix)
    return output, None if is_picture_name(output) else folder / file_name(name, "-side-by-side.mp4")


def filled(output: Path, beside: Path | None) -> tuple[str | None, str | None, str | None]:
    """What `Result.shown` is filled with: no player of a page shows a GIF or a picture."""
    still = is_picture_name(output) or output.suffix == ".gif"
    second = None if beside is None else str(beside)
    return (None, second, str(output)) if still else (str(output), second, None)
