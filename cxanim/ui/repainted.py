"""Where a picture or a video comes out of a network again: the fields for it, and what is said of it."""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from cxanim.errors import CxanimError
from cxanim.images import count_pictures
from cxanim.pipelines.repaint import Repainted
from cxanim.pipelines.watch import Watch
from cxanim.ui.feedback import done_card, duration, follow, sketch
from cxanim.ui.jobs import Desk
from cxanim.ui.workspace import Workspace, file_name


@dataclass(frozen=True)
class RepaintedFields:
    """The fields of one result: a picture or a film, its status, a preview.

    Attributes:
        picture, film: the one that there is shows.
        status, preview: HTML.
    """

    picture: Any
    film: Any
    status: Any
    preview: Any

    @classmethod
    def build(cls, name: str, words: str = "") -> "RepaintedFields":
        """Put them on the page; `name` makes their ids, `words` stand there before there is a result."""
        status = gr.HTML(done_card(words) if words else "", elem_id=f"{name}-status", padding=False)
        preview = gr.HTML(elem_id=f"{name}-preview", padding=False)
        shown: dict[str, Any] = dict(
            label="Result", interactive=False, height=420, buttons=["download"], visible=False,
        )  # fmt: skip
        picture = gr.Image(type="filepath", elem_id=f"{name}-picture", **shown)
        film = gr.Video(autoplay=True, loop=True, elem_id=f"{name}-film", **shown)
        return cls(picture, film, status, preview)

    @property
    def outputs(self) -> list[Any]:
        """In the order in which `run_repaint` fills them."""
        return [self.picture, self.film, self.status, self.preview]


def source_field(name: str) -> Any:
    """The field into which a picture or a video is dropped."""
    return gr.File(label="Picture or video", file_types=["image", "video"], height=120, elem_id=f"{name}-source")


def run_repaint(
    desk: Desk,
    workspace: Workspace,
    visitor: str,
    source: str | None,
    words: str,
    work: Callable[[Path, Path, Watch], Repainted],
) -> Generator[tuple[Any, ...], None, None]:
    """Paint a picture or a video anew; yield (picture, film, status, preview) while and after it is done.

    Args:
        source: the picture or video.
        words: what the result's name says after its source's.
        work: paints a source into an output.
    """
    if not source:
        raise CxanimError("There is no picture or video yet.", "Upload one.")
    is_picture = count_pictures(source) == 1
    name = file_name(f"{Path(source).stem} {words}", ".png" if is_picture else ".mp4")
    output = workspace.new_folder(visitor) / name
    done = yield from follow(desk.start(visitor, lambda watch: work(Path(source), output, watch)), 2, shown_as=sketch)
    if done is not None:
        counted = "" if is_picture else f"{done.frames} frames, "
        facts = f"{counted}{done.width_px} x {done.height_px} px, in {duration(done.seconds)}."
        shown = (str(output), None) if is_picture else (None, str(output))
        yield *shown, done_card("Done", facts, *done.notes), ""
