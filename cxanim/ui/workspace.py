"""The one folder that holds everything temporary: uploads, results, examples; a folder per visitor, all cleaned."""

import getpass
import os
import re
import secrets
import shutil
import tempfile
import time
from pathlib import Path

from cxanim.output import cannot_write

KEEP_S = 48 * 3600.0  # what nobody has touched for so long is deleted; longer than any training


class Workspace:
    """A folder for one running app.

    Uploads lie here too, since Gradio is told to keep its files in the same folder; it therefore serves results from
    where they were written, and deleting them really deletes them.

    Args:
        home: the folder; made when it is missing.

    Raises:
        CannotWrite: it cannot be made.
    """

    def __init__(self, home: Path):
        self.home = home.resolve()
        try:
            (self.home / "visitors").mkdir(mode=0o700, parents=True, exist_ok=True)
            self.examples.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise cannot_write(self.home / "visitors", error) from error
        os.environ["GRADIO_TEMP_DIR"] = str(self.home)

    @classmethod
    def from_environment(cls) -> "Workspace":
        """The folder that `CXANIM_HOME` names, or one of this user's own in the system's folder for temporary files."""
        named = os.environ.get("CXANIM_HOME", "").strip()
        # Two people of one machine share that folder, and neither may write into the other's.
        return cls(Path(named) if named else Path(tempfile.gettempdir()) / f"cxanim-{_user()}")

    @property
    def examples(self) -> Path:
        """Where the example pictures lie."""
        return self.home / "examples"

    def new_folder(self, visitor: str) -> Path:
        """A fresh folder for one job of one visitor; what is stale goes at the same time."""
        self.clean()
        folder = self._of(visitor) / secrets.token_hex(6)
        try:
            folder.mkdir(parents=True)
        except OSError as error:
            raise cannot_write(folder, error) from error
        return folder

    def forget(self, visitor: str) -> None:
        """Delete all that was made for a visitor."""
        shutil.rmtree(self._of(visitor), ignore_errors=True)

    def clean(self, older_than_s: float = KEEP_S) -> None:
        """Delete what earlier runs of the app, which may have been killed, left behind."""
        oldest = time.time() - older_than_s
        for folder in (*(self.home / "visitors").iterdir(), *self.home.iterdir()):
            if folder.name not in ("visitors", "examples") and _last_touched(folder) < oldest:
                shutil.rmtree(folder, ignore_errors=True)

    def _of(self, visitor: str) -> Path:
        # The name comes from the browser.
        return self.home / "visitors" / (re.sub(r"[^A-Za-z0-9]", "", visitor)[:64] or "nobody")


def _user() -> str:
    # In a container the number need not belong to any name, and Windows has no number.
    return str(os.getuid()) if hasattr(os, "getuid") else getpass.getuser()


def file_name(source: str, ending: str) -> str:
    """A name for a result that recalls where it came from: letters, digits and hyphens only."""
    stem = re.sub(r"[^A-Za-z0-9]+", "-", source).strip("-").lower()[:60]
    return (stem or "result") + ending


def _last_touched(folder: Path) -> float:
    times = [folder.stat().st_mtime]
    times += [entry.stat().st_mtime for entry in folder.rglob("*")] if folder.is_dir() else []
    return max(times)
