"""Motion files: what is saved comes back, and nothing else gets in."""

import json
import zipfile
from contextlib import suppress

import numpy as np
import pytest

from cxanim.errors import BadPuppet
from cxanim.motion import recording
from cxanim.motion.pose import Pose
from cxanim.motion.recording import Motion

HEADER = {"format": 1, "fps": 25, "neutral": 0, "about": {}}


def track(frames: int = 6, points: int = 478, columns: int = 3) -> np.ndarray:
    return np.random.default_rng(0).random((frames, points, columns)).astype(np.float32)


def motion() -> Motion:
    face = track()
    face[2] = np.nan
    return Motion(25.0, {"face": face, "left_hand": track(points=21)}, neutral=3, about={"source": "a test"})


def write(path, header=HEADER, **arrays):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    with open(path, "wb") as file:
        np.savez_compressed(file, header=np.frombuffer(text, np.uint8), **arrays)
    return path


def test_what_is_saved_comes_back(tmp_path):
    motion().save(tmp_path / "nod.npz")
    again = Motion.load(tmp_path / "nod.npz")
    assert (again.fps, again.neutral, again.about, set(again.parts)) == (25, 3, {"source": "a test"}, {*motion().parts})
    for name, points in motion().parts.items():
        np.testing.assert_allclose(again.parts[name], points, atol=0.5 / 65536)
    assert again[2].face is None and again[2].left_hand is not None
    assert [path.name for path in tmp_path.iterdir()] == ["nod.npz"]


def test_a_motion_is_a_sequence_of_poses():
    poses = list(motion())
    assert len(poses) == len(motion()) == 6
    np.testing.assert_array_equal(poses[4].need_face(), motion().parts["face"][4])
    assert [face is None for face in motion().faces] == [False, False, True, False, False, False]


def test_poses_are_collected_and_parts_that_nobody_has_left_out():
    poses = [Pose(face=track(1)[0]), Pose(), Pose(body=track(1, 33, 4)[0])]
    collected = Motion.from_poses(poses, 30.0, source="camera")
    assert set(collected.parts) == {"face", "body"}
    assert collected.about == {"source": "camera"}
    for pose, again in zip(poses, collected, strict=True):
        for name in ("face", "body"):
            np.testing.assert_array_equal(getattr(again, name), getattr(pose, name))
    assert set(Motion.from_poses([Pose()], 30.0).parts) == {"face"}


def test_calming_fills_gaps_and_keeps_the_rest_of_the_facts():
    calm = motion().calmed()
    assert not np.isnan(calm.parts["face"]).any()
    assert (calm.fps, calm.neutral, calm.about) == (25, 3, {"source": "a test"})
    between = (motion().parts["face"][1] + motion().parts["face"][3]) / 2
    np.testing.assert_allclose(motion().calmed(strength=0).parts["face"][2], between, atol=1e-6)


def test_long_gaps_stay_and_the_stretches_beside_them_are_calmed():
    face = 0.5 + 0.002 * track(30)
    face[10:20] = np.nan
    calm = Motion(25.0, {"face": face}).calmed(longest_gap_s=0.2).parts["face"]
    np.testing.assert_array_equal(np.isnan(calm), np.isnan(face))
    assert np.diff(calm[:10], axis=0).std() < 0.9 * np.diff(face[:10], axis=0).std()


def test_a_pickled_array_is_refused(tmp_path):
    class Bomb:
        def __reduce__(self):
            return exec, ("raise SystemExit('a pickle was loaded')",)

    path = write(tmp_path / "pickled.npz", face=np.array([Bomb()], dtype=object))
    with pytest.raises(BadPuppet, match=r"pickled\.npz is not a readable motion"):
        Motion.load(path)


def test_an_unknown_format_is_refused_with_its_number(tmp_path):
    path = write(tmp_path / "new.npz", {**HEADER, "format": 9}, face=track())
    with pytest.raises(BadPuppet, match=r"format 9; this program reads 1"):
        Motion.load(path)


def test_a_file_that_unpacks_to_too_much_is_refused_before_it_does(tmp_path, monkeypatch):
    path = write(tmp_path / "bomb.npz", face=np.zeros((400, 478, 3), np.float32))
    assert path.stat().st_size < 20_000
    Motion.load(path)
    monkeypatch.setattr(recording, "_MOST_BYTES", 1 << 20)
    monkeypatch.setattr(np, "load", lambda *_, **__: pytest.fail("it was unpacked"))
    with pytest.raises(BadPuppet, match="larger than 1 MB"):
        Motion.load(path)


@pytest.mark.parametrize("frames", [10**7, 10**12, 10**18])
def test_an_array_that_claims_more_than_it_has_is_refused(tmp_path, frames):
    path = write(tmp_path / "liar.npz")
    with zipfile.ZipFile(path, "a") as archive, archive.open("face.npy", "w") as entry:
        header = {"descr": "<f4", "fortran_order": False, "shape": (frames, 478, 3)}
        np.lib.format.write_array_header_1_0(entry, header)
        entry.write(bytes(64))
    with pytest.raises(BadPuppet):
        Motion.load(path)


@pytest.mark.parametrize(
    "header",
    [
        b"[]",
        b"{",
        b"\xff\xfe",
        b'{"format": 1}',
        b'{"format": 1, "fps": 25, "neutral": 1e999}',
        b'{"format": 1, "fps": 1e999, "neutral": 0}',
        b'{"format": 1, "fps": 0, "neutral": 0}',
        b'{"format": 1, "fps": 25, "neutral": 6}',
        b'{"format": 1, "fps": 25, "neutral": -1}',
        b'{"format": 1, "fps": 25, "neutral": 0, "about": 5}',
        b"[" * 100_000,
    ],
)
def test_a_header_that_makes_no_sense_is_refused(tmp_path, header):
    with pytest.raises(BadPuppet):
        Motion.load(write(tmp_path / "odd.npz", header, face=track()))


@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"body": track(6, 33, 4)},
        {"face": track(6, 468)},
        {"face": track().astype(np.float64)},
        {"face": track(6), "left_hand": track(5, 21)},
        {"face": np.float32(1)},
        {"face": np.full((6, 478, 3), np.inf, np.float32)},
    ],
)
def test_parts_that_do_not_fit_are_refused(tmp_path, parts):
    with pytest.raises(BadPuppet):
        Motion.load(write(tmp_path / "odd.npz", **parts))


def test_no_damage_gets_through_as_anything_but_a_bad_file(tmp_path):
    path = write(tmp_path / "whole.npz", face=track())
    whole = path.read_bytes()
    damaged = [b"", b"PK", b"not a motion", whole[: len(whole) // 2], whole[:-20]]
    for place in range(0, len(whole), len(whole) // 60):
        damaged.append(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
    harmless = 0
    for data in damaged:
        path.write_bytes(data)
        with suppress(BadPuppet):
            Motion.load(path)
            harmless += 1
    assert harmless < 0.1 * len(damaged)  # a time stamp, say


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(BadPuppet, match=r"nowhere\.npz") as caught:
        Motion.load(tmp_path / "nowhere.npz")
    assert "cxanim motion extract" in caught.value.next_step
