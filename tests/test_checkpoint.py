"""Checkpoints come back as they were written; from strangers they are opened without danger."""

import io
import json
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from cxanim.checkpoint import read_checkpoint, write_checkpoint
from cxanim.errors import BadPuppet, CannotWrite

HEADER = {"name": "Ada \u2603", "curve": [[0, 1.5], [1, 0.75]], "nothing": None}


def tensors() -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    return {
        "weights": random.normal(size=(3, 4, 5)).astype(np.float32),
        "half": random.normal(size=7).astype(np.float16),
        "jpeg": random.integers(0, 256, 50, dtype=np.uint8),
        "steps": np.array(12345678901, np.int64),
        "view": np.arange(12, dtype=np.int32).reshape(3, 4).T,
    }


@pytest.fixture
def puppet(tmp_path: Path) -> Path:
    write_checkpoint(tmp_path / "a.puppet", "puppet", 3, HEADER, tensors())
    return tmp_path / "a.puppet"


def test_returns_header_and_tensors_as_written(puppet: Path) -> None:
    header, read = read_checkpoint(puppet, "puppet", [2, 3])
    assert header == HEADER
    assert read.keys() == tensors().keys()
    for name, tensor in tensors().items():
        assert read[name].dtype == tensor.dtype and read[name].flags.writeable
        np.testing.assert_array_equal(read[name], tensor)
    assert [path.name for path in puppet.parent.iterdir()] == ["a.puppet"]


def test_refuses_an_unknown_format_with_its_number(puppet: Path) -> None:
    with pytest.raises(BadPuppet, match="format 3; this version knows 1, 2"):
        read_checkpoint(puppet, "puppet", [1, 2])


def test_refuses_another_kind_naming_both(puppet: Path) -> None:
    with pytest.raises(BadPuppet, match="holds a puppet, not a translator"):
        read_checkpoint(puppet, "translator", [3])


def test_refuses_more_bytes_than_allowed(puppet: Path) -> None:
    with pytest.raises(BadPuppet, match="at most 0.0 MB"):
        read_checkpoint(puppet, "puppet", [3], max_bytes=100)


def test_refuses_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(BadPuppet, match="There is no file"):
        read_checkpoint(tmp_path / "a.puppet", "puppet", [3])


def test_refuses_every_shortened_file(puppet: Path) -> None:
    whole = puppet.read_bytes()
    for length in [0, 1, 7, 8, 9, 50, *range(100, len(whole), 37), len(whole) - 1]:
        puppet.write_bytes(whole[:length])
        with pytest.raises(BadPuppet):
            read_checkpoint(puppet, "puppet", [3])


def test_never_fails_with_anything_but_a_sentence_on_damaged_files(puppet: Path) -> None:
    whole = puppet.read_bytes()
    random = np.random.default_rng(0)
    refused = 0
    for _ in range(400):
        damaged = bytearray(whole)
        for place in random.integers(0, len(damaged), 3):
            damaged[place] = random.integers(0, 256)
        puppet.write_bytes(damaged)
        try:
            read_checkpoint(puppet, "puppet", [3])
        except BadPuppet:
            refused += 1
    assert 50 < refused < 400


class Trap:
    """What a hostile pickle does when it is loaded."""

    sprung = False

    def __reduce__(self) -> tuple:
        return (setattr, (Trap, "sprung", True))


def test_never_opens_a_pickle_or_a_zip(tmp_path: Path) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("archive/data.pkl", pickle.dumps(Trap()))
    for number, content in enumerate((pickle.dumps(Trap()), archive.getvalue())):
        path = tmp_path / f"{number}.puppet"
        path.write_bytes(content)
        with pytest.raises(BadPuppet, match="pickle or zip"):
            read_checkpoint(path, "puppet", [3])
    assert not Trap.sprung
    pickle.loads(pickle.dumps(Trap()))  # noqa: S301 - proves that the trap works
    assert Trap.sprung


def forge(path: Path, entries: dict, about: object, data: bytes = b"", length: int | None = None) -> Path:
    text = about if isinstance(about, str) else json.dumps(about)
    header = json.dumps({"__metadata__": {"cxanim": text}, **entries}).encode()
    path.write_bytes((len(header) if length is None else length).to_bytes(8, "little") + header + data)
    return path


GOOD = {"kind": "puppet", "format": 3, "header": {}}


def test_reads_the_forgery_that_is_honest(tmp_path: Path) -> None:
    entry = {"a": {"dtype": "U8", "shape": [2], "data_offsets": [0, 2]}}
    assert read_checkpoint(forge(tmp_path / "a", entry, GOOD, b"ab"), "puppet", [3])[1]["a"].tolist() == [97, 98]


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"dtype": "F64", "shape": [1], "data_offsets": [0, 8]}, "not used here .F64"),
        ({"dtype": "U8", "shape": [9], "data_offsets": [0, 8]}, "damaged"),
        ({"dtype": "U8", "shape": [8], "data_offsets": [4, 12]}, "damaged"),
        ({"dtype": "U8", "shape": [-8], "data_offsets": [0, 8]}, "damaged"),
        ({"dtype": "F32", "shape": [1 << 62, 1 << 62], "data_offsets": [0, 8]}, "damaged"),
        ({"dtype": ["U8"], "shape": [8], "data_offsets": [0, 8]}, "not used here"),
        ("no object", "not used here"),
    ],
)
def test_refuses_declared_sizes_and_types_that_cannot_be(tmp_path: Path, entry: object, words: str) -> None:
    with pytest.raises(BadPuppet, match=words):
        read_checkpoint(forge(tmp_path / "a", {"a": entry}, GOOD, bytes(8)), "puppet", [3])


@pytest.mark.parametrize(
    "about",
    [
        "[" * 100_000,
        json.dumps({**GOOD, "header": {"a": json.loads("[" * 40 + "]" * 40)}}),
        "[]",
        "not json",
        {"kind": "puppet", "format": 3},
        {"kind": "puppet", "format": "3", "header": {}},
        {"kind": "puppet", "format": True, "header": {}},
        {"kind": ["puppet"], "format": 3, "header": {}},
    ],
)
def test_refuses_a_header_that_is_not_ours(tmp_path: Path, about: object) -> None:
    with pytest.raises(BadPuppet):
        read_checkpoint(forge(tmp_path / "a", {}, about), "puppet", [1, 3])


@pytest.mark.parametrize("length", [1 << 24, 1 << 40, (1 << 64) - 1])
def test_believes_no_declared_length_of_the_header(tmp_path: Path, length: int) -> None:
    with pytest.raises(BadPuppet):
        read_checkpoint(forge(tmp_path / "a", {}, GOOD, length=length), "puppet", [3])


def test_refuses_to_write_what_it_could_not_read_back(tmp_path: Path) -> None:
    path = tmp_path / "a.puppet"
    with pytest.raises(ValueError, match="'a': got float64"):
        write_checkpoint(path, "puppet", 3, {}, {"a": np.zeros(2)})
    with pytest.raises(ValueError):
        write_checkpoint(path, "puppet", 3, {"loss": float("nan")}, {})
    with pytest.raises(ValueError, match="nested"):
        write_checkpoint(path, "puppet", 3, {"a": json.loads("[" * 40 + "]" * 40)}, {})
    assert not path.exists()


def test_keeps_the_old_file_when_the_disk_is_full(puppet: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = puppet.read_bytes()

    def fill_up(self: Path, data: bytes) -> int:
        with self.open("wb") as file:
            file.write(data[:10])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", fill_up)
    with pytest.raises(CannotWrite, match="disk is full"):
        write_checkpoint(puppet, "puppet", 4, {}, tensors())
    assert puppet.read_bytes() == before and [path.name for path in puppet.parent.iterdir()] == ["a.puppet"]
