"""The one folder that holds everything temporary: uploads, results, examples; a folder per visitor, all cleaned."""

import getpass
import os
import re
import secrets
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

from cxanim.output import cannot_write

KEEP_S = 48 * 3600.0  # what nobody has touched for so long is deleted; longer than any training
_RUN, _LOCK = "run-", ".lock"


class Workspace:
    """A folder of its own for one run of the app, which nothing in it outlives.

    The folder is locked for as long as the run lasts, so that the next run can tell what a killed one left behind from
    what another app of the same person has in use, and delete it. Uploads lie here too, since Gradio is told to keep
    its files in the same folder; it therefore serves results from where they were written, and deleting them really
    deletes them.

    Args:
        home: where the folders of all runs lie; made when it is missing.

    Raises:
        CannotWrite: it cannot be made.
    """

    def __init__(self, home: Path):
        home = home.resolve()
        self.folder = home / (_RUN + secrets.token_hex(6))
        try:
            home.mkdir(mode=0o700, parents=True, exist_ok=True)
            _delete_ended_runs(home)
            self._lock = FileLock(self.folder.with_suffix(_LOCK), thread_local=False)
            self._lock.acquire()
            for folder in (self.folder, self.folder / "visitors", self.examples):
                folder.mkdir(mode=0o700)
        except OSError as error:
            raise cannot_write(self.folder, error) from error
        os.environ["GRADIO_TEMP_DIR"] = str(self.folder)

    @classmethod
    def from_environment(cls) -> "Workspace":
        """The folder that `CXANIM_HOME` names, or one of this user's own in the system's folder for temporary files."""
        named = os.environ.get("CXANIM_HOME", "").strip()
        # Two people of one machine share that folder, and neither may write into the other's.
        return cls(Path(named) if named else Path(tempfile.gettempdir()) / f"cxanim-{_user()}")

    def close(self) -> None:
        """Delete the folder: the run is over."""
        _delete_run(self._lock, self.folder)

    @property
    def examples(self) -> Path:
        """Where the example pictures lie."""
        return self.folder / "examples"

    def new_folder(self, visitor: str) -> Path:
        """A fresh folder for one job of one visitor; what is stale goes at the same time."""
        folder = self._of(visitor) / secrets.token_hex(6)
        try:
            self.clean()
            folder.mkdir(parents=True)
        except OSError as error:
            raise cannot_write(folder, error) from error
        return folder

    def forget(self, visitor: str) -> None:
        """Delete all that was made for a visitor."""
        shutil.rmtree(self._of(visitor), ignore_errors=True)

    def clean(self, older_than_s: float = KEEP_S) -> None:
        """Delete what nobody has touched for long."""
        oldest = time.time() - older_than_s
        for folder in (*(self.folder / "visitors").iterdir(), *self.folder.iterdir()):
            if folder.name not in ("visitors", "examples") and _last_touched(folder) < oldest:
                shutil.rmtree(folder, ignore_errors=True)

    def _of(self, visitor: str) -> Path:
        # The name comes from the browser.
        return self.folder / "visitors" / (re.sub(r"[^A-Za-z0-9]", "", visitor)[:64] or "nobody")


def _delete_ended_runs(home: Path) -> None:
    for path in home.glob(f"{_RUN}*{_LOCK}"):
        lock = FileLock(path, timeout=0)
        try:
            lock.acquire()
        except Timeout:
            continue
        _delete_run(lock, path.with_suffix(""))


def _delete_run(lock: FileLock, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    lock.release()
    Path(lock.lock_file).unlink(missing_ok=True)


def _user() -> str:
    # In a container the number need not belong to any name, and Windows has no number.
    return str(os.getuid()) if hasattr(os, "getuid") else getpass.getuser()


def file_name(source: str, ending: str) -> str:
    """A name for a result that recalls where it came from: letters, digits and hyphens only."""
    stem = re.sub(r"[^A-Za-z0-9]+", "-", source).strip("-").lower()[:60]
    return (stem or "result") + ending


def _last_touched(folder: Path) -> float:
    latest = 0.0
    for place, _, names in os.walk(folder):
        for entry in (place, *(os.path.join(place, name) for name in names)):
            with suppress(OSError):  # another visitor's job may move or delete it meanwhile
                latest = max(latest, os.stat(entry).st_mtime)
    return latest
