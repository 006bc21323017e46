"""What the app says: where a job stands, how it ended, and what went wrong, in words with the next step."""

import base64
import functools
import html
import inspect
import logging
from collections.abc import Callable, Generator, Iterator
from typing import Any, TypeVar

import gradio as gr
import numpy as np

from cxanim.errors import Cancelled, CxanimError, NotEnoughMemory, is_out_of_memory
from cxanim.images import encode_jpeg
from cxanim.progress import Progress
from cxanim.ui.jobs import WAITING, Job

T = TypeVar("T")
_log = logging.getLogger(__name__)
_PREVIEW_COLUMNS = ("The aim", "Warp alone", "Your puppet")
_TERMS = {
    "pixels": "colours",
    "perceptual": "details",
    "cx_target": "texture",
    "cx_source": "expression",
    "style": "style",
    "content": "content",
    "variation": "smoothness",
    "temporal": "steadiness",
    "cx": "detail",
    "low": "colours",
}


def in_words(handler: Callable[..., Any]) -> Callable[..., Any]:
    """Let a handler's errors reach the person as a sentence with the next step, and nobody as a traceback."""
    if inspect.isgeneratorfunction(handler):

        @functools.wraps(handler)
        def stream(*args: Any) -> Iterator[Any]:
            try:
                yield from handler(*args)
            except Exception as error:
                raise as_message(error) from error

        return stream

    @functools.wraps(handler)
    def call(*args: Any) -> Any:
        try:
            return handler(*args)
        except Exception as error:
            raise as_message(error) from error

    return call


def follow(
    job: Job[T], results: int, *, with_preview: bool = True, shown_as: Callable[[np.ndarray], str] | None = None
) -> Generator[tuple[Any, ...], None, T | None]:
    """Yield the page's updates while a job runs; return its result, or None where the person stopped it.

    Args:
        job: what runs.
        results: outputs that come before the status, left alone until the job is done.
        with_preview: whether an output for the preview follows the status.
        shown_as: makes HTML of a preview; that of a puppet's training by default.
    """
    shown_as = shown_as or preview
    same = (gr.skip(),) * results
    for progress in job.updates():
        shown = gr.skip() if progress.preview is None else shown_as(progress.preview)
        yield (*same, progress_card(progress), *([shown] if with_preview else []))
    cleared = ("",) if with_preview else ()
    try:
        return job.result()
    except Cancelled as stopped:
        yield (*same, _card("stopped", stopped.problem, stopped.next_step), *cleared)
        return None
    except Exception as error:
        yield (*same, failure_card(error), *cleared)
        raise


def visitor_of(request: gr.Request | None) -> str:
    """Who asks: one open page, or one client of the API."""
    return (request.session_hash if request is not None else None) or "nobody"


def as_message(error: Exception) -> gr.Error:
    """The notice that the page shows for an error."""
    if isinstance(error, gr.Error):
        return error
    problem, next_step = _sentences(error)
    return gr.Error(f"{problem} {next_step}", duration=12, print_exception=False)


def failure_card(error: Exception) -> str:
    """The same words, to stay on the page."""
    problem, next_step = _sentences(error)
    return _card("failed", html.escape(problem), html.escape(next_step))


def progress_card(progress: Progress) -> str:
    """Where a job stands, as HTML."""
    if progress.stage == WAITING:
        before = int(progress.terms["before"])
        return _card("waiting", f"Waiting: {before} {'job' if before == 1 else 'jobs'} before yours", bar=0.0)
    facts = []
    if progress.total:
        facts.append(f"{progress.done} of {progress.total} {progress.unit}")
    if progress.remaining_s is not None and progress.done:
        facts.append(f"{duration(progress.remaining_s)} left")
    words = " &middot; ".join(facts)
    if progress.terms:
        terms = ", ".join(f"{_TERMS.get(name, name)} {value:.3f}" for name, value in progress.terms.items() if value)
        words += f'<div class="terms">Still wrong by: {html.escape(terms)}</div>'
    return _card("working", html.escape(progress.stage), words, progress.fraction)


def done_card(headline: str, *facts: str) -> str:
    """How a job ended well; one line per fact."""
    return _card("done", html.escape(headline), "<br>".join(html.escape(fact) for fact in facts))


def preview(strip: np.ndarray) -> str:
    """A training's preview (see `Trainer.preview`), its frames under one another, as HTML."""
    height, width = strip.shape[:2]
    rows = np.vstack(np.split(strip, max(1, width // (len(_PREVIEW_COLUMNS) * height)), axis=1))
    heads = "".join(f"<b>{name}</b>" for name in _PREVIEW_COLUMNS)
    return f'<figure class="preview">{heads}{_image(rows, ", ".join(_PREVIEW_COLUMNS))}</figure>'


def sketch(rgb: np.ndarray) -> str:
    """A picture (H, W, 3) uint8 on its way, as HTML."""
    return f'<figure class="sketch">{_image(rgb, "How it looks so far")}</figure>'


def portrait(rgb: np.ndarray, words: str) -> str:
    """A picture (H, W, 3) uint8 beside some words, as HTML."""
    return f'<figure class="portrait">{_image(rgb, words)}<figcaption>{html.escape(words)}</figcaption></figure>'


def duration(seconds: float) -> str:
    """Seconds as people say them."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min"


def _image(rgb: np.ndarray, words: str) -> str:
    """An image tag that carries its picture, so that no file is left behind."""
    data = base64.b64encode(encode_jpeg(np.ascontiguousarray(rgb), 85)).decode()
    return f'<img src="data:image/jpeg;base64,{data}" alt="{html.escape(words)}">'


def _sentences(error: Exception) -> tuple[str, str]:
    if isinstance(error, CxanimError):
        return error.problem, error.next_step
    if is_out_of_memory(error):
        return _sentences(NotEnoughMemory())
    _log.error("a job failed", exc_info=error)
    return "Something went wrong inside the program.", "Try once more; if it stays, the log says what happened."


def _card(kind: str, headline: str, words: str = "", bar: float | None = None) -> str:
    shown = "" if bar is None else f'<div class="bar"><i style="width:{100 * bar:.1f}%"></i></div>'
    more = f'<div class="words">{words}</div>' if words else ""
    return f'<div class="status {kind}" role="status"><strong>{headline}</strong>{shown}{more}</div>'
