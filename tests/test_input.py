"""What is said of a file that a person names and that is none, or may not be read."""

import errno
import os
from pathlib import Path

import pytest

from cxanim.errors import UnreadableImage
from cxanim.input import size_of_file


def test_the_size_of_an_ordinary_file(tmp_path: Path):
    (tmp_path / "a.png").write_bytes(b"1234")
    assert size_of_file(tmp_path / "a.png", "picture", UnreadableImage) == 4


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("gone.png", r"There is no file .*gone\.png\. Check the name"),
        ("n" * 300, r"There is no file .*\.\.\.n{40}\."),
        ("zero\0byte.png", r"There is no file .*zero\?byte\.png"),
        ("file/inside.png", "There is no file"),
        ("folder", "is a folder. Name a picture inside it"),
        ("empty.png", r"empty\.png is empty \(0 bytes\)"),
        ("pipe", "is not an ordinary file"),
    ],
)
def test_what_is_no_such_file_is_said(tmp_path: Path, name: str, words: str):
    (tmp_path / "file").write_text("a file")
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty.png").touch()
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UnreadableImage, match=words):
        size_of_file(tmp_path / name, "picture", UnreadableImage)


@pytest.mark.parametrize("forbidden", ["stat", "read"])
def test_what_may_not_be_read_is_said(tmp_path: Path, forbidden: str, monkeypatch: pytest.MonkeyPatch):
    """As anyone but root would see it."""
    path = tmp_path / "a.png"
    path.write_bytes(b"1234")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    if forbidden == "stat":
        monkeypatch.setattr(Path, "stat", refuse)
    else:
        monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(UnreadableImage, match="a.png may not be read"):
        size_of_file(path, "picture", UnreadableImage)
