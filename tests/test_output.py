"""Results appear whole or not at all."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cxanim.errors import CannotWrite
from cxanim.limits import Limits
from cxanim.output import atomic_output


def test_puts_the_result_in_place_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    with atomic_output(tmp_path / "a.png") as temporary:
        assert temporary.suffix == ".png" and temporary.parent == tmp_path
        temporary.write_bytes(b"new")
        assert not (tmp_path / "a.png").exists()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a.png": b"new"}


@pytest.mark.parametrize("interruption", [RuntimeError, KeyboardInterrupt])
def test_keeps_the_old_file_when_the_work_is_interrupted(tmp_path: Path, interruption: type[BaseException]) -> None:
    (tmp_path / "a.png").write_bytes(b"old")
    with pytest.raises(interruption), atomic_output(tmp_path / "a.png") as temporary:
        temporary.write_bytes(b"half")
        raise interruption
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a.png": b"old"}


def test_keeps_the_old_file_when_the_program_is_killed(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"old")
    code = (
        "import sys, time\nfrom cxanim.output import atomic_output\n"
        "with atomic_output(sys.argv[1]) as temporary:\n"
        "    temporary.write_bytes(b'half')\n    print('writing', flush=True)\n    time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "a.png")], stdout=subprocess.PIPE) as program:
        assert program.stdout is not None and program.stdout.readline() == b"writing\n"
        program.kill()
    assert (tmp_path / "a.png").read_bytes() == b"old"


def test_follows_a_symbolic_link_instead_of_replacing_it(tmp_path: Path) -> None:
    (tmp_path / "real.png").write_bytes(b"old")
    (tmp_path / "link.png").symlink_to("real.png")
    with atomic_output(tmp_path / "link.png") as temporary:
        temporary.write_bytes(b"new")
    assert (tmp_path / "link.png").is_symlink() and (tmp_path / "real.png").read_bytes() == b"new"


def test_gives_the_result_the_rights_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    with atomic_output(tmp_path / "a.png"):
        pass
    assert (tmp_path / "a.png").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_says_that_the_folder_is_missing(tmp_path: Path) -> None:
    with pytest.raises(CannotWrite, match="no folder .*nowhere"), atomic_output(tmp_path / "nowhere" / "a.png"):
        pytest.fail("the block must not begin")


def test_says_that_a_file_stands_where_the_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CannotWrite, match="no folder .*file"), atomic_output(tmp_path / "file" / "a.png"):
        pytest.fail("the block must not begin")


def test_says_that_the_target_is_a_folder(tmp_path: Path) -> None:
    with pytest.raises(CannotWrite, match="is a folder"), atomic_output(tmp_path):
        pytest.fail("the block must not begin")


def test_never_replaces_a_device() -> None:
    with pytest.raises(CannotWrite, match="not an ordinary file"), atomic_output(os.devnull):
        pytest.fail("the block must not begin")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_says_that_the_folder_may_not_be_written_to(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(CannotWrite, match="may not be written"), atomic_output(tmp_path / "a.png"):
        pytest.fail("the block must not begin")


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.EACCES, "may not be written"), (errno.EROFS, "may not be written"), (errno.ENOSPC, "disk is full")],
)
def test_translates_what_the_system_says_when_the_file_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, words: str
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("cxanim.output.os.open", refuse)
    with pytest.raises(CannotWrite, match=words), atomic_output(tmp_path / "a.png"):
        pytest.fail("the block must not begin")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device that is always full")
def test_says_that_the_disk_is_full_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(CannotWrite, match="disk is full"), atomic_output(tmp_path / "a.png") as temporary:
        temporary.unlink()
        temporary.symlink_to("/dev/full")
        temporary.write_bytes(b"picture")
    assert list(tmp_path.iterdir()) == []


def test_leaves_errors_alone_that_are_not_about_the_result(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), atomic_output(tmp_path / "a.png"):
        (tmp_path / "some_input.png").read_bytes()


def test_reads_limits_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXANIM_MAX_IMAGE_MB", "7.5")
    monkeypatch.setenv("CXANIM_MAX_VIDEO_SECONDS", "60")
    monkeypatch.delenv("CXANIM_MAX_MEGAPIXELS", raising=False)
    limits = Limits.from_environment()
    assert (limits.image_mb, limits.video_s, limits.megapixels) == (7.5, 60.0, 50.0)


@pytest.mark.parametrize("text", ["much", "-1", "0", "nan"])
def test_refuses_a_limit_that_is_no_positive_number(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("CXANIM_MAX_VIDEO_MB", text)
    with pytest.raises(ValueError, match="CXANIM_MAX_VIDEO_MB"):
        Limits.from_environment()
