"""What every test may lean on: where the real material lies, and a quiet torch."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def test_data() -> Path:
    """Folder of real clips, portraits and weights; the test is skipped where it is absent."""
    folder = Path(os.environ.get("CXANIM_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no test material at {folder}; set CXANIM_TEST_DATA to its folder")
    return folder
