"""What a person names must be an ordinary file that can be read, whatever the system says about it."""

import errno
import os
import stat
from pathlib import Path

from cxanim.errors import CxanimError


def size_of_file(path: Path, kind: str, error: type[CxanimError]) -> int:
    """Bytes of a file that somebody named.

    Args:
        path: the file.
        kind: what it should be, as a person calls it.
        error: raised in words where there is no such file, or nothing in it, or it may not be read.
    """
    try:
        status = path.stat()
    except (OSError, ValueError) as problem:  # ValueError: a name with a zero byte in it
        if getattr(problem, "errno", None) in (errno.EACCES, errno.EPERM):
            raise _forbidden(path, error) from problem
        raise error(f"There is no file {_shortened(path)}.", "Check the name.") from problem
    if stat.S_ISDIR(status.st_mode):
        raise error(f"{path} is a folder.", f"Name a {kind} inside it.")
    if not stat.S_ISREG(status.st_mode):
        raise error(f"{path} is not an ordinary file.", f"Name a {kind}.")
    if not os.access(path, os.R_OK):
        raise _forbidden(path, error)
    if status.st_size == 0:
        raise error(f"{path.name} is empty (0 bytes).", "Export or download it again.")
    return status.st_size


def _forbidden(path: Path, error: type[CxanimError]) -> CxanimError:
    return error(f"{path.name} may not be read.", "Give yourself the right to read it.")


def _shortened(path: Path) -> str:
    text = str(path).replace("\0", "?")
    return text if len(text) <= 200 else f"{text[:80]}...{text[-40:]}"
