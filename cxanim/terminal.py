"""A person at a terminal: a progress bar, one line for what went wrong, and Ctrl-C that stops without breaking."""

import math
import os
import sys
import time
import traceback
from pathlib import Path
from typing import Any, TextIO

from cxanim.errors import Cancelled, CannotWrite
from cxanim.progress import Progress

_LINE_EVERY_S = 30.0


class Terminal:
    """Watches one job for the person who started it.

    Args:
        stream: where progress and problems are written.
        keeps_on_stop: whether the job keeps what it has when it is stopped; then the first Ctrl-C is gentle.
    """

    def __init__(self, stream: TextIO, *, keeps_on_stop: bool = False):
        self._stream, self._keeps_on_stop = stream, keeps_on_stop
        self._bar: Any = None
        self._stage = ""
        self._stops = 0
        self._training = False
        self._preview: Path | None = None
        self._last_line_s = time.monotonic()
        self._last_shown_s: dict[str, float] = {}

    @property
    def watch(self) -> Any:
        """The watcher to hand to a pipeline."""
        from cxanim.pipelines.watch import Watch

        return Watch(self._show, lambda: self._stops > 0, sees_previews=self._preview is not None)

    def preview_to(self, path: Path | None) -> None:
        """Keep the newest preview in this picture.

        Raises:
            CannotWrite: it could not be written.
        """
        if path is not None:
            from cxanim.images import ensure_picture_writable

            ensure_picture_writable(path)
        self._preview = path

    def stop(self) -> None:
        """Ask the job to stop; a second time, or where nothing would be kept, stop at once."""
        self._stops += 1
        if not (self._keeps_on_stop and self._training):
            raise Cancelled
        if self._stops > 1:
            raise Cancelled("Stopped at once.", "What was kept before is still there; a minute may be lost.")

    def keep_on_stop(self) -> None:
        """From now on the job keeps what it has when it is stopped: the first Ctrl-C is gentle."""
        self._keeps_on_stop = self._training = True

    def release(self) -> None:
        """Give Ctrl-C and the like back to their usual meaning."""
        import signal

        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)

    def is_stopping(self) -> bool:
        """Whether the person has asked the job to stop."""
        return self._stops > 0

    def show_one_of_many(self, name: str, news: Any) -> None:
        """Tell where one of several jobs stands (a `Progress`), or how it ended (anything with a `status`)."""
        if not isinstance(news, Progress):
            steps = f", {news.steps} steps" if news.steps else ""
            self.say(f"{name}: {news.status}{steps}")
        elif time.monotonic() - self._last_shown_s.get(name, -math.inf) > _LINE_EVERY_S:
            self._last_shown_s[name] = time.monotonic()
            self.say(f"{name}: {_line(news)}")
        self._training = True

    def say(self, *lines: str) -> None:
        """Tell the person something."""
        self.close()
        for line in lines:
            print(line, file=self._stream)

    def fail(self, line: str, code: int = 2) -> int:
        """Say in one line what went wrong, after its traceback where CXANIM_DEBUG is set; return the exit code."""
        self.close()
        if os.environ.get("CXANIM_DEBUG"):
            traceback.print_exc(file=self._stream)
        print("cxanim: " + " ".join(line.split()), file=self._stream)
        return code

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _show(self, progress: Progress) -> None:
        self._training = progress.unit == "steps"
        if progress.preview is not None and self._preview is not None:
            from cxanim.images import write_image

            try:
                write_image(self._preview, progress.preview)
            except CannotWrite as error:  # the training is worth more than its preview
                self._preview = None
                self.say(f"{error} The training goes on without a preview.")
        if self._stream.isatty():
            self._show_bar(progress)
        elif time.monotonic() - self._last_line_s > _LINE_EVERY_S:
            self._last_line_s = time.monotonic()
            print(_line(progress), file=self._stream, flush=True)

    def _show_bar(self, progress: Progress) -> None:
        from tqdm import tqdm

        if self._bar is None or self._stage != progress.stage:
            self.close()
            self._stage = progress.stage
            self._bar = tqdm(desc=progress.stage, unit=f" {progress.unit}", file=self._stream, leave=False)
        self._bar.total = progress.total or None
        self._bar.n = progress.done
        if progress.terms:
            self._bar.set_postfix({name: f"{value:.3f}" for name, value in progress.terms.items()}, refresh=False)
        self._bar.refresh()


def _line(progress: Progress) -> str:
    terms = ", ".join(f"{name} {value:.3f}" for name, value in progress.terms.items())
    left = f", {progress.remaining_s:.0f} s left" if progress.remaining_s is not None else ""
    return f"{progress.stage}: {progress.done} of {progress.total} {progress.unit}{left}" + (
        f" ({terms})" if terms else ""
    )


def quiet_native_libraries() -> None:
    """Send what C++ libraries print on stderr to nowhere, and keep Python's own stderr as it is.

    MediaPipe and TensorFlow Lite greet from threads of their own, whenever they like. CXANIM_DEBUG lets them.
    """
    if os.environ.get("CXANIM_DEBUG"):
        return
    try:
        if sys.stderr.fileno() != 2:
            return
    except (AttributeError, OSError, ValueError):
        return
    sys.stderr.flush()
    sys.stderr = os.fdopen(os.dup(2), "w", buffering=1, encoding=sys.stderr.encoding, errors="backslashreplace")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
