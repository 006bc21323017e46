"""Pictures from folders, zips and clips: what is taken, what is left out and said, and that no zip can do harm."""

import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import Make

from cxanim.errors import TooLarge
from cxanim.images import write_image
from cxanim.pipelines.picture_set import NoPictures, photographs, read_pictures


def picture(value: int = 100, size: tuple[int, int] = (64, 48)) -> np.ndarray:
    return np.full((*size, 3), value, np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two pictures, one of them deeper, greyscale and large; a text, a damaged picture, a hidden one."""
    place = tmp_path / "set"
    (place / "more").mkdir(parents=True)
    write_image(place / "b.png", picture())
    cv2.imwrite(str(place / "more" / "a.jpg"), np.full((300, 600), 50, np.uint8))
    (place / "words.txt").write_text("no picture")
    (place / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 broken")
    write_image(place / ".hidden.png", picture())
    return place


def test_a_folder_gives_its_pictures_and_says_what_it_left_out(folder: Path):
    found = read_pictures([folder], 256)
    assert found.names == ["b.png", "a.jpg"]
    assert [one.shape for one in found.pictures] == [(64, 48, 3), (128, 256, 3)]
    assert found.notes == ("1 files were left out: broken.jpg.",)


def test_a_zip_gives_the_same(folder: Path, tmp_path: Path):
    place = tmp_path / "set.zip"
    with zipfile.ZipFile(place, "w") as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(folder))
        archive.writestr("__MACOSX/._b.png", b"something of a Mac's")
    found, wanted = read_pictures([place], 256), read_pictures([folder], 256)
    assert sorted(found.names) == sorted(wanted.names) and len(found) == 2
    assert {one.tobytes() for one in found.pictures} == {one.tobytes() for one in wanted.pictures}


def test_paths_in_a_zip_lead_nowhere(tmp_path: Path):
    place, safe = tmp_path / "in" / "evil.zip", tmp_path / "in"
    safe.mkdir()
    write_image(tmp_path / "ok.png", picture())
    content = (tmp_path / "ok.png").read_bytes()
    (tmp_path / "ok.png").unlink()
    with zipfile.ZipFile(place, "w") as archive:
        for name in ("../../evil.png", "/etc/evil.png", "..\\evil.png", "C:\\evil.png", "a/../../evil2.png"):
            archive.writestr(name, content)
    assert len(read_pictures([place], 64)) == 5
    assert [path.name for path in tmp_path.rglob("*")] == ["in", "evil.zip"]


def test_a_member_that_unpacks_to_more_than_is_allowed_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CXANIM_MAX_IMAGE_MB", "0.5")
    place = tmp_path / "bomb.zip"
    write_image(tmp_path / "ok.png", picture())
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.png", b"\0" * 50_000_000)
        archive.write(tmp_path / "ok.png", "ok.png")
    found = read_pictures([place], 64)
    assert found.names == ["ok.png"] and "bomb.png" in found.notes[0]


def test_a_huge_zip_is_refused_before_it_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CXANIM_MAX_VIDEO_MB", "0.0001")
    write_image(tmp_path / "ok.png", picture())
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        archive.write(tmp_path / "ok.png")
    with pytest.raises(TooLarge, match="limit"):
        read_pictures([tmp_path / "set.zip"], 64)


def test_a_locked_or_damaged_member_is_left_out(folder: Path, tmp_path: Path):
    place = tmp_path / "set.zip"
    with zipfile.ZipFile(place, "w") as archive:
        archive.write(folder / "b.png", "b.png")
        archive.write(folder / "more" / "a.jpg", "a.jpg")
    content = bytearray(place.read_bytes())
    content[content.index(b"a.jpg") + 40] ^= 0xFF  # its checksum no longer fits
    place.write_bytes(content)
    found = read_pictures([place], 64)
    assert found.names == ["b.png"] and "a.jpg" in found.notes[0]


def test_a_clip_gives_frames_from_all_of_it(make: Make):
    film = make("film.mp4", "-f", "lavfi", "-i", "testsrc=d=4:r=30:s=64x48")
    found = read_pictures([film], 64)
    assert 50 <= len(found) <= 60
    assert np.abs(found.pictures[0].astype(int) - found.pictures[-1]).mean() > 1


@pytest.mark.parametrize("least", [1, 2])
def test_too_few_are_said(least: int, tmp_path: Path):
    (tmp_path / "empty").mkdir()
    if least == 2:
        write_image(tmp_path / "empty" / "only.png", picture())
    with pytest.raises(NoPictures, match=f"at least {least}"):
        read_pictures([tmp_path / "empty"], 64, least=least)


def test_what_is_not_there_is_said(tmp_path: Path):
    with pytest.raises(NoPictures, match="There is no"):
        read_pictures([tmp_path / "nowhere"], 64)


def test_photographs_come_along():
    found = photographs()
    assert len(found) >= 6 and all(one.dtype == np.uint8 and one.shape[2] == 3 for one in found.pictures)
