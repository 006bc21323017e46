"""The faces that visitors have under the sliders: one each, and no more kept ready than memory has room for."""

import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import torch

from cxanim.pipelines.edit import Editor, EditSettings
from cxanim.pipelines.placed_face import PlacedFace

MOST_KEPT = 8  # who comes back later waits a second for the first picture
MOST_REFERENCES = 64  # of all that are kept: each takes some 10 MB, and a clip's puppet has dozens


@dataclass
class _Seat:
    """One visitor's place; two changes of the same visitor come one after the other.

    The ticket is told to nobody but the visitor's page.
    """

    editor: Editor | None = None
    ticket: str = ""
    taken: threading.Lock = field(default_factory=threading.Lock)


class Editors:
    """Keeps the editors of those who moved a slider last.

    Args:
        device: says where networks run, when it is first needed.
        most: how many are kept, and always the last one.
        most_references: how many pictures their puppets may have together.
    """

    def __init__(
        self, device: Callable[[], torch.device], most: int = MOST_KEPT, most_references: int = MOST_REFERENCES
    ):
        self._device, self._most, self._most_references = device, most, most_references
        self._seats: OrderedDict[str, _Seat] = OrderedDict()
        self._changing = threading.Lock()

    def __len__(self) -> int:
        return len(self._seats)

    @contextmanager
    def seat(self, visitor: str, target: Path, placed: PlacedFace | None = None, face: int = 0) -> Iterator[Editor]:
        """The visitor's editor of a photo or puppet, for as long as the block lasts; made when it is not there.

        Args:
            visitor: who asks.
            target: a photo, or a puppet's file.
            placed: where the person has placed the photo's face; found if None.
            face: which of several, see `EditSettings`.

        Raises:
            UnreadableImage, TooLarge, NoFace, BadPuppet.
        """
        with self._changing:
            seat = self._seats.setdefault(visitor, _Seat())
            self._seats.move_to_end(visitor)
        settings = EditSettings(face=face)
        with seat.taken:
            editor = seat.editor
            if editor is None or (editor.target, editor.placed, editor.settings) != (target, placed, settings):
                editor = seat.editor = None  # its memory is free before the next one takes its own
                editor = seat.editor = Editor(target, settings, self._device(), placed=placed)
                seat.ticket = secrets.token_urlsafe()
            self._make_room()
            yield editor

    @contextmanager
    def seat_of(self, ticket: str) -> Iterator[Editor | None]:
        """The editor that a ticket is for, for as long as the block lasts; None where it is no longer kept."""
        with self._changing:
            visitor = next((name for name, seat in self._seats.items() if seat.editor and seat.ticket == ticket), None)
            seat = None if visitor is None else self._seats[visitor]
            if visitor is not None:
                self._seats.move_to_end(visitor)
        if seat is None:
            yield None
            return
        with seat.taken:
            yield seat.editor if seat.ticket == ticket else None

    def ticket_of(self, visitor: str) -> str:
        """By which `seat_of` finds what a visitor has under the sliders; another one for each face."""
        with self._changing:
            return self._seats[visitor].ticket if visitor in self._seats else ""

    def _make_room(self) -> None:
        """Let go of those who have moved nothing for longest."""
        with self._changing:
            while len(self._seats) > 1 and (len(self._seats) > self._most or self._references > self._most_references):
                self._seats.popitem(last=False)

    @property
    def _references(self) -> int:
        return sum(seat.editor.references for seat in self._seats.values() if seat.editor is not None)

    def forget(self, visitor: str) -> None:
        """Let go of what a visitor had."""
        with self._changing:
            self._seats.pop(visitor, None)
