"""Where the pictures and clips lie that only some experiments need."""

import os
from pathlib import Path

from cxanim.errors import CxanimError

VARIABLE = "CXANIM_TEST_DATA"


def material(name: str) -> Path:
    """A file or folder of the test data.

    Raises:
        CxanimError: it is not there.
    """
    told = os.environ.get(VARIABLE)
    folder = Path(told) if told else Path(__file__).resolve().parents[3] / "shared" / "data"
    path = folder / name
    if not path.exists():
        raise CxanimError(f"This experiment needs {name}, which is not at {folder}.", f"Set {VARIABLE} to its folder.")
    return path
