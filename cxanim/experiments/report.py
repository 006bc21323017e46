"""What an experiment says: what was expected, what came out, how sure, with a table and a figure."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cxanim.images import write_image
from cxanim.output import atomic_output


@dataclass(frozen=True)
class Report:
    """The outcome of one experiment.

    Attributes:
        title: what is asked.
        expected: what the paper says, or what we thought before.
        found: what came out, in words made of the numbers.
        sure: seeds, pictures, and how far they agree.
        table: lines of Markdown.
        figure: (H, W, 3) uint8.
        holds: whether what was expected came out.
    """

    title: str
    expected: str
    found: str
    sure: str
    table: Sequence[str]
    figure: np.ndarray
    holds: bool

    @property
    def text(self) -> str:
        """All of it but the figure, as Markdown."""
        verdict = "It came out as expected." if self.holds else "It did not come out as expected."
        parts = f"**Expected.** {self.expected}", f"**Found.** {verdict} {self.found}", f"**How sure.** {self.sure}"
        return "\n\n".join([f"# {self.title}", *parts, "\n".join(self.table)]) + "\n"

    def write(self, folder: Path, name: str) -> list[Path]:
        """Write NAME.md and NAME.png into a folder; return both.

        Raises:
            CannotWrite: they cannot be written.
        """
        words, picture = folder / f"{name}.md", folder / f"{name}.png"
        write_image(picture, self.figure)
        with atomic_output(words) as temporary:
            temporary.write_text(f"{self.text}\n![{self.title}]({picture.name})\n", encoding="utf-8")
        return [words, picture]


def table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a Markdown table."""
    lines = [titles, ["---"] * len(titles), *rows]
    return ["| " + " | ".join(line) + " |" for line in lines]


def spread(values: Sequence[float]) -> str:
    """Mean and standard deviation, as a table shows them."""
    return f"{np.mean(values):.3f} ± {np.std(values):.3f}"
