"""The pair of buttons that starts a long job and stops it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from cxanim.ui.feedback import visitor_of
from cxanim.ui.jobs import Desk

PRIVATE: dict[str, Any] = dict(show_progress="hidden", api_visibility="private", queue=False)
# The page does this by itself: an answer that is lost on the way would leave the button at rest for good.
_AT_WORK = """() => [{__type__: "update", interactive: false}, {__type__: "update", visible: true}]"""
_AT_REST = """() => [{__type__: "update", interactive: true}, {__type__: "update", visible: false}]"""


@dataclass(frozen=True)
class RunButtons:
    """Two buttons side by side: while the job runs the first rests and the second shows.

    Attributes:
        run, stop: the buttons.
        desk: who runs the jobs.
    """

    run: Any
    stop: Any
    desk: Desk

    @classmethod
    def build(
        cls, desk: Desk, name: str, words: str, stop_words: str = "Stop", *, size: Any = "lg", variant: Any = "primary"
    ) -> "RunButtons":
        """Put them on the page; `name` makes their ids."""
        with gr.Row(elem_classes="actions"):
            run = gr.Button(words, variant=variant, size=size, elem_id=f"{name}-run")
            stop = gr.Button(stop_words, variant="stop", size=size, visible=False, elem_id=f"{name}-stop")
        return cls(run, stop, desk)

    def start(
        self,
        handler: Callable[..., Any],
        inputs: Sequence[Any],
        outputs: Sequence[Any],
        *,
        api_name: str,
        reveals: Sequence[Any] = (),
    ) -> None:
        """Wire them.

        Args:
            handler: a generator that fills the outputs.
            inputs, outputs: its components.
            api_name: its endpoint; the one that stops it is called `stop_` and the same.
            reveals: outputs that are hidden until they have something to give.
        """
        both = [self.run, self.stop]
        job = self.run.click(None, None, both, js=_AT_WORK, **PRIVATE).then(
            handler, list(inputs), list(outputs), api_name=api_name, show_progress="hidden", concurrency_limit=None
        )
        job.failure(None, None, both, js=_AT_REST, **PRIVATE)
        job.success(None, None, both, js=_AT_REST, **PRIVATE)
        for component in reveals:
            job.success(reveal, component, component, **PRIVATE)

        def stop(request: gr.Request) -> None:
            """Stop the job that this visitor has running."""
            self.desk.stop(visitor_of(request))

        self.stop.click(stop, None, None, api_name=f"stop_{api_name}", show_progress="hidden", queue=False)


def reveal(path: str | None) -> Any:
    """Show a component once it has something to give."""
    return gr.update(visible=bool(path))
