"""Files that hold what was learned: one safetensors file with a JSON header, safe to open from anyone.

The metadata entry "cxanim" of the safetensors header holds one JSON object: kind, format and the caller's header.
Nothing in such a file is ever executed: it is numbers and text.
"""

import json
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cxanim.errors import BadPuppet
from cxanim.input import size_of_file
from cxanim.output import atomic_output

MAX_BYTES = 1 << 30
MAX_HEADER_BYTES = 8 << 20
MAX_NESTING = 32

_METADATA_KEY = "cxanim"
_DTYPES = {"F32": np.float32, "F16": np.float16, "U8": np.uint8, "I32": np.int32, "I64": np.int64}
_ALLOWED = {np.dtype(dtype) for dtype in _DTYPES.values()}
_AGAIN = "Make or download it again."


def write_checkpoint(
    path: str | os.PathLike[str],
    kind: str,
    format: int,
    header: Mapping[str, Any],
    tensors: Mapping[str, np.ndarray],
) -> None:
    """Write one checkpoint, whole or not at all.

    Args:
        path: where; the folder must exist.
        kind: what it is ("puppet", "motion", "translator").
        format: number of its layout; raise it when a reader of the old one would go wrong.
        header: settings, geometry, provenance: anything that JSON holds, nested at most 32 deep, no NaN.
        tensors: arrays of float32, float16, uint8, int32 or int64, by name.

    Raises:
        ValueError: a header that JSON cannot hold, or an array of another type.
        CannotWrite: full disk, missing or unwritable folder.
    """
    from safetensors.numpy import save

    for name, tensor in tensors.items():
        if not isinstance(tensor, np.ndarray) or tensor.dtype not in _ALLOWED:
            got = getattr(tensor, "dtype", type(tensor).__name__)
            raise ValueError(f"tensor {name!r}: got {got}, expected one of {', '.join(map(str, _DTYPES.values()))}")
    text = json.dumps({"kind": kind, "format": format, "header": dict(header)}, allow_nan=False, sort_keys=True)
    _check_nesting(json.loads(text))
    if len(text) > MAX_HEADER_BYTES // 2:
        raise ValueError(f"header: got {len(text)} bytes of JSON, expected at most {MAX_HEADER_BYTES // 2}")
    whole = save({name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}, {_METADATA_KEY: text})
    with atomic_output(path) as temporary:
        temporary.write_bytes(whole)


def read_checkpoint(
    path: str | os.PathLike[str],
    kind: str,
    formats: Collection[int],
    max_bytes: int = MAX_BYTES,
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Read a checkpoint that anyone may have made.

    Args:
        path: the file.
        kind: what it must be.
        formats: numbers of the layouts that the caller understands.
        max_bytes: largest accepted file.

    Returns:
        The header and the arrays by name; the arrays are the caller's own and writable.

    Raises:
        BadPuppet: missing, empty, cut short, damaged, too large, of another kind or of an unknown format.
    """
    path = Path(path)
    whole = _read_bytes(path, kind, max_bytes)
    outline = _parse_outline(path, whole)
    about = _parse_about(path, outline)
    _check_kind_and_format(path, about, kind, formats)
    _check_dtypes(path, outline)
    return about["header"], _parse_tensors(path, whole)


def kind_of(path: str | os.PathLike[str], expected: str) -> str:
    """What a checkpoint that anyone may have written says it is; its arrays are not read.

    Args:
        path: the file.
        expected: what to call it where it is not there.

    Raises:
        BadPuppet: missing, empty, cut short, or none of ours.
    """
    path = Path(path)
    size_of_file(path, expected, BadPuppet)
    try:
        with path.open("rb") as file:
            beginning = file.read(8 + MAX_HEADER_BYTES)
    except OSError as error:
        raise BadPuppet(f"{path.name} cannot be read: {error.strerror}.", "Check the file and its rights.") from error
    return str(_parse_about(path, _parse_outline(path, beginning)).get("kind"))


def _read_bytes(path: Path, kind: str, max_bytes: int) -> bytes:
    size = size_of_file(path, kind, BadPuppet)
    if size > max_bytes:
        problem = f"{path.name} has {size / 1e6:.1f} MB; at most {max_bytes / 1e6:.1f} MB are accepted."
        raise BadPuppet(problem, "Use a smaller one.")
    try:
        with path.open("rb") as file:
            return file.read(size)
    except OSError as error:
        raise BadPuppet(f"{path.name} cannot be read: {error.strerror}.", "Check the file and its rights.") from error


def _parse_outline(path: Path, whole: bytes) -> dict[str, Any]:
    """Return the header of the safetensors file as parsed JSON."""
    length = int.from_bytes(whole[:8], "little")
    if whole[8:9] != b"{" and whole.startswith((b"PK\x03\x04", b"\x80")):
        problem = f"{path.name} is a pickle or zip file, which is never opened: such a file can run programs."
        raise BadPuppet(problem, "Use a file that cxanim wrote.")
    if whole[8:9] != b"{" or length > MAX_HEADER_BYTES:
        raise BadPuppet(f"{path.name} was not written by cxanim.", "Use a file that cxanim wrote.")
    if length > len(whole) - 8:
        raise BadPuppet(f"{path.name} is cut short.", _AGAIN)
    return _parse_json(path, whole[8 : 8 + length])


def _parse_about(path: Path, outline: dict[str, Any]) -> dict[str, Any]:
    metadata = outline.get("__metadata__")
    text = metadata.get(_METADATA_KEY) if isinstance(metadata, dict) else None
    if not isinstance(text, str):
        raise BadPuppet(f"{path.name} was not written by cxanim.", "Use a file that cxanim wrote.")
    about = _parse_json(path, text)
    if not isinstance(about.get("header"), dict):
        raise _damaged(path)
    return about


def _check_kind_and_format(path: Path, about: dict[str, Any], kind: str, formats: Collection[int]) -> None:
    if about.get("kind") != kind:
        problem = f"{path.name} holds a {_shown(about.get('kind'))}, not a {kind}."
        raise BadPuppet(problem, f"Use a {kind} file.")
    number = about.get("format")
    if type(number) is not int or number not in formats:
        known = ", ".join(map(str, sorted(formats)))
        problem = f"{path.name} has format {_shown(number)}; this version knows {known}."
        raise BadPuppet(problem, "Update cxanim, or make the file again.")


def _check_dtypes(path: Path, outline: dict[str, Any]) -> None:
    for name, entry in outline.items():
        if name == "__metadata__":
            continue
        dtype = entry.get("dtype") if isinstance(entry, dict) else None
        if not isinstance(dtype, str) or dtype not in _DTYPES:
            problem = f"{path.name} holds numbers of a type that is not used here ({_shown(dtype)})."
            raise BadPuppet(problem, "Use a file that cxanim wrote.")


def _parse_tensors(path: Path, whole: bytes) -> dict[str, np.ndarray]:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        return {name: tensor.copy() for name, tensor in load(whole).items()}
    except (SafetensorError, ValueError, OverflowError) as error:
        raise _damaged(path) from error


def _parse_json(path: Path, text: str | bytes) -> dict[str, Any]:
    try:
        value = json.loads(text)
        _check_nesting(value)
    except (ValueError, RecursionError) as error:
        raise _damaged(path) from error
    if not isinstance(value, dict):
        raise _damaged(path)
    return value


def _check_nesting(value: Any) -> None:
    level = [value]
    for _ in range(MAX_NESTING):
        level = [inner for outer in level if isinstance(outer, dict | list) for inner in _inside(outer)]
        if not level:
            return
    raise ValueError(f"nested deeper than {MAX_NESTING}")


def _inside(outer: dict[str, Any] | list[Any]) -> Collection[Any]:
    return outer.values() if isinstance(outer, dict) else outer


def _damaged(path: Path) -> BadPuppet:
    return BadPuppet(f"{path.name} is damaged or cut short.", _AGAIN)


def _shown(value: Any) -> str:
    return str(value)[:40] if isinstance(value, str | int | float) else "nothing readable"
