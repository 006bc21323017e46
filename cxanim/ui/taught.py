"""Where a network that is taught shows what it can do so far, and where its file lies at the end."""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from cxanim.pipelines.course import Taught
from cxanim.pipelines.watch import Watch
from cxanim.ui.feedback import done_card, duration, follow, sketch
from cxanim.ui.jobs import Desk
from cxanim.ui.workspace import Workspace, file_name


@dataclass(frozen=True)
class TaughtFields:
    """The fields of one course.

    Attributes:
        network: the file, which may also be one that a person brings.
        status, preview: HTML.
    """

    network: Any
    status: Any
    preview: Any

    @classmethod
    def build(cls, name: str, kind: str, label: str) -> "TaughtFields":
        """Put them on the page; `name` makes their ids, `kind` is the file's ending."""
        network = gr.File(
            label=f"{label} (.{kind})", file_types=[f".{kind}"], height=120, elem_id=f"{name}-network"
        )  # fmt: skip
        status = gr.HTML(elem_id=f"{name}-fit-status", padding=False)
        return cls(network, status, gr.HTML(elem_id=f"{name}-fit-preview", padding=False))

    @property
    def outputs(self) -> list[Any]:
        """In the order in which `run_course` fills them."""
        return [self.network, self.status, self.preview]


def run_course(
    desk: Desk,
    workspace: Workspace,
    visitor: str,
    name: str,
    kind: str,
    work: Callable[[Path, Watch], Taught],
) -> Generator[tuple[Any, ...], None, None]:
    """Teach a network; yield (its file, status, preview) while and after it learns.

    Args:
        name: what its file is called.
        kind: the file's ending.
        work: teaches it and writes the file.
    """
    output = workspace.new_folder(visitor) / file_name(name, f".{kind}")
    taught = yield from follow(desk.start(visitor, lambda watch: work(output, watch)), 1, shown_as=sketch)
    if taught is not None:
        facts = f"{taught.steps} steps in {duration(taught.seconds)}."
        yield str(output), done_card("It has learnt", facts, *taught.notes), gr.skip()
