"""Results appear whole or not at all: written beside their place, then moved into it."""

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from cxanim.errors import Busy, CannotWrite

_DISK_FULL = {errno.ENOSPC, errno.EDQUOT}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}


@contextmanager
def atomic_output(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path beside `path`, and move it there when the block ends well.

    The temporary file exists and is empty when the block begins, so that an unwritable folder is noticed before
    the work and not after it. When the block raises (`KeyboardInterrupt` included), the temporary file is deleted
    and whatever stood at `path` before stays as it was.

    Args:
        path: where the result shall be; its folder must exist. A symbolic link is followed.

    Yields:
        A path in the same folder with the same suffix.

    Raises:
        CannotWrite: the disk is full, the folder is missing or unwritable, or `path` is not an ordinary file.
    """
    shown = Path(path)
    target = Path(os.path.realpath(path))
    _refuse_what_is_no_file(shown, target)
    temporary = target.with_name(f".cxanim-{secrets.token_hex(8)}{target.suffix}")
    try:
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    except OSError as error:
        raise cannot_write(shown, error) from error
    try:
        yield temporary
        os.replace(temporary, target)
    except OSError as error:
        if error.errno in _DISK_FULL or _is_about(error, temporary):
            raise cannot_write(shown, error) from error
        raise
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def one_writer(path: str | os.PathLike[str]) -> Iterator[None]:
    """Keep the place of a result for one job as long as the block lasts.

    Raises:
        Busy: another job writes to the same place.
        CannotWrite: as `atomic_output`.
    """
    shown = Path(path)
    target = Path(os.path.realpath(path))
    lock = FileLock(target.with_name(f".{target.name}.lock"), timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        problem = f"Another job is writing {shown.name} at this moment."
        raise Busy(problem, "Wait until it is done, or name another file.") from error
    except OSError as error:
        raise cannot_write(shown, error) from error
    try:
        yield
    finally:
        Path(lock.lock_file).unlink(missing_ok=True)
        lock.release()


def ensure_writable(path: str | os.PathLike[str]) -> None:
    """Find out before hours of work, not after them, whether `path` can be written; nothing is left there.

    Raises:
        CannotWrite: as `atomic_output`.
    """

    class Enough(Exception):
        pass

    try:
        with atomic_output(path):
            raise Enough
    except Enough:
        return


def cannot_write(path: Path, error: OSError) -> CannotWrite:
    """Say in words why the system refused to write `path`, and what to do about it."""
    if error.errno in _DISK_FULL:
        return CannotWrite(f"The disk is full; {path} was not written.", "Free some space, or choose another disk.")
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return CannotWrite(f"There is no folder {path.parent} to write {path.name} into.", "Make it, or name another.")
    if error.errno in _FORBIDDEN:
        return CannotWrite(f"The folder {path.parent} may not be written to.", "Choose a folder that is yours.")
    if error.errno == errno.ENAMETOOLONG:
        return CannotWrite(f"The name {path.name[:40]}... is too long for this disk.", "Choose a shorter one.")
    return CannotWrite(f"{path} cannot be written: {error.strerror or error}.", "Choose another place.")


def _refuse_what_is_no_file(shown: Path, target: Path) -> None:
    try:
        mode = target.stat().st_mode
    except OSError:  # Not there yet, or out of reach: creating the temporary file says which.
        return
    if stat.S_ISDIR(mode):
        raise CannotWrite(f"{shown} is a folder.", "Name a file inside it.")
    if not stat.S_ISREG(mode):  # Moving a result onto a device such as /dev/null would replace the device.
        raise CannotWrite(f"{shown} is not an ordinary file.", "Name a file.")


def _is_about(error: OSError, temporary: Path) -> bool:
    return error.filename is not None and os.fspath(error.filename) == os.fspath(temporary)
