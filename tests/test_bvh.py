"""Motion capture in BVH: places by hand, real captures of three skeletons, and files that are broken."""

from pathlib import Path

import numpy as np
import pytest

from cxanim.errors import UnreadableMotion
from cxanim.motion.bvh import read_bvh
from cxanim.motion.bvh_names import find_fingers, find_points, side_and_part
from cxanim.motion.bvh_poses import motion_from_bvh
from cxanim.motion.skeleton import ANKLE, ELBOW, HIP, KNEE, SHOULDER, WRIST

ARM = """HIERARCHY
ROOT base
{
  OFFSET 5 5 5
  CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
  JOINT tip
  {
    OFFSET 1 0 0
    CHANNELS 3 Zrotation Xrotation Yrotation
    End Site
    {
      OFFSET 0 2 0
    }
  }
}
MOTION
Frames: 3
Frame Time: 0.05
0 0 0 0 0 0 0 0 0
1 2 3 90 0 0 0 0 0
0 0 0 90 90 0 90 0 0
"""


@pytest.fixture
def arm(tmp_path: Path) -> Path:
    path = tmp_path / "arm.bvh"
    path.write_text(ARM)
    return path


def captures(test_data: Path) -> list[Path]:
    found = sorted((test_data / "bodies" / "bvh").glob("*.bvh"))
    assert len(found) == 6
    return found


def test_joints_lie_where_turns_one_after_the_other_put_them(arm: Path):
    capture = read_bvh(arm)
    assert [joint.name for joint in capture.joints] == ["base", "tip", "tip_end"] and capture.fps == pytest.approx(20)
    rest, turned, twice = capture.places
    np.testing.assert_allclose(rest, [[0, 0, 0], [1, 0, 0], [1, 2, 0]], atol=1e-9)
    # A quarter about z takes x to y and y to -x; the root stands where its channels say, whatever its offset.
    np.testing.assert_allclose(turned, [[1, 2, 3], [1, 3, 3], [-1, 3, 3]], atol=1e-9)
    # Then about its own x, which is the world's y: the next joint's plane is turned out of the picture.
    np.testing.assert_allclose(twice, [[0, 0, 0], [0, 1, 0], [0, -1, 0]], atol=1e-9)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("LeftForeArm", ("left", "forearm")), ("mixamorig:RightUpLeg", ("right", "upleg")),
        ("lhand", ("left", "hand")), ("RThumb", ("right", "thumb")), ("thigh_l", ("left", "thigh")),
        ("R_Foot", ("right", "foot")), ("lShldr", ("left", "shldr")), ("Head", ("", "head")), ("leg", ("", "leg")),
        ("lowerback", ("", "lowerback")),
    ],
)  # fmt: skip
def test_a_name_says_a_side_and_a_part(name: str, told: tuple[str, str]):
    assert side_and_part(name) == told


def test_where_two_joints_could_be_the_shoulder_the_arm_is():
    names = ["LeftShoulder", "LeftArm", "LeftForeArm"]
    assert find_points(names) == {"left_shoulder": 1, "left_elbow": 2}
    assert find_points(["LeftCollar", "LeftShoulder"]) == {"left_shoulder": 1}
    assert find_fingers(["LeftHandIndex1", "LeftHandIndex2", "LeftHandIndex3"], "left") == {}


def test_bodies_of_real_captures_stand_upright_and_face_the_camera(test_data: Path):
    for path in captures(test_data):
        motion = motion_from_bvh(path)
        body = motion.parts["body"]
        assert 20 < motion.fps < 40 and np.isnan(motion.parts["face"]).all() and np.isfinite(body).all()
        assert 0 <= body[..., :2].min() and body[..., :2].max() <= 1
        first = body[0]
        assert first[0, 1] < first[SHOULDER, 1] < first[HIP, 1] < first[KNEE, 1] < first[ANKLE, 1]
        assert first[SHOULDER, 0] > first[SHOULDER + 1, 0] and first[HIP, 0] > first[HIP + 1, 0]
        assert first[0, 2] < first[[7, 8], 2].min()  # the nose is nearer than the ears
        for a, b in ((SHOULDER, ELBOW), (ELBOW, WRIST), (HIP, KNEE), (KNEE, ANKLE)):  # bones keep their length
            lengths = np.linalg.norm(body[:, a, :3] - body[:, b, :3], axis=1)
            assert lengths.std() < 0.01 * lengths.mean()


def test_fingers_are_read_where_there_are_some(test_data: Path):
    for path in captures(test_data):
        parts = motion_from_bvh(path).parts
        assert ("left_hand" in parts) == path.name.startswith("rokoko")
        if "left_hand" in parts:
            np.testing.assert_allclose(parts["left_hand"][:, 0], parts["body"][:, WRIST, :3], atol=1e-5)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no HIERARCHY"), ("v 1 2 3", "no HIERARCHY"), (ARM.replace("MOTION", "MOTIONS"), "MOTION does not begin"),
        (ARM.split("MOTION")[0], "no HIERARCHY and MOTION"), (ARM.replace("Frames: 3", "Frames: 300"), "promises 300"),
        (ARM.replace("Frames: 3", "Frames: -3"), "impossible"), (ARM.replace("Frames: 3", "Frames: 0"), "no frames"),
        (ARM.replace("0.05", "0"), "impossible"), (ARM.replace("1 2 3 90", "1 nan 3 90"), "no number"),
        (ARM.replace("1 2 3 90", "1 x 3 90"), "could not convert"),
        (ARM.replace("OFFSET 5 5 5", ""), "no OFFSET"),
        (ARM.replace("  }\n}\nMOTION", "MOTION"), "breaks off"),
        (ARM.replace("OFFSET 1 0 0", "OFFSET 1 0"), "could not convert"),
        (ARM.replace("6 Xposition", "600 Xposition"), "CHANNELS"),
        (ARM.replace("ROOT base", "JOINT base"), "no parent"),
        (ARM, "left shoulder"),
    ],
)  # fmt: skip
def test_a_broken_capture_or_a_stranger_is_said_in_words(tmp_path: Path, text: str, words: str):
    path = tmp_path / "broken.bvh"
    path.write_text(text)
    with pytest.raises(UnreadableMotion, match=words) as told:
        motion_from_bvh(path)
    assert "broken.bvh" in str(told.value)


def test_what_is_no_text_or_not_there_is_said(tmp_path: Path):
    (tmp_path / "picture.bvh").write_bytes(bytes(range(256)))
    for name in ("picture.bvh", "missing.bvh"):
        with pytest.raises(UnreadableMotion, match=name):
            motion_from_bvh(tmp_path / name)


def test_a_huge_capture_is_refused_before_it_is_read(tmp_path: Path):
    path = tmp_path / "huge.bvh"
    with path.open("wb") as file:
        file.truncate(1 << 30)
    with pytest.raises(UnreadableMotion, match="larger than"):
        read_bvh(path)


def test_few_numbers_that_would_fill_the_memory_are_refused(tmp_path: Path):
    joints = "".join(f"JOINT j{number}\n{{\nOFFSET 0 0 0\nCHANNELS 0\n}}\n" for number in range(500))
    head = f"HIERARCHY\nROOT r\n{{\nOFFSET 0 0 0\nCHANNELS 1 Zrotation\n{joints}}}\nMOTION\nFrames: 20000\n"
    (tmp_path / "bomb.bvh").write_text(head + "Frame Time: 0.01\n" + "0\n" * 20000)
    with pytest.raises(UnreadableMotion, match="more than fit"):
        read_bvh(tmp_path / "bomb.bvh")


def test_other_units_and_axes_make_the_same_motion(test_data: Path, tmp_path: Path):
    """The same capture in metres instead of centimetres, as it is after scaling every length by a hundredth."""
    capture = next(path for path in captures(test_data) if path.name.startswith("cmu1"))
    head, tail = capture.read_text().split("MOTION")
    scaled = []
    for line in head.splitlines():
        if line.strip().startswith("OFFSET"):
            line = "OFFSET " + " ".join(str(float(value) / 100) for value in line.split()[1:])
        scaled.append(line)
    facts, *frames = tail.strip().splitlines()[0:2], *tail.strip().splitlines()[2:]
    smaller = []
    for frame in frames:
        values = [float(value) for value in frame.split()]
        smaller.append(" ".join(str(value / 100 if number < 3 else value) for number, value in enumerate(values)))
    path = tmp_path / "metres.bvh"
    path.write_text("\n".join([*scaled, "MOTION", *facts, *smaller]))
    ours, theirs = (motion_from_bvh(one).parts["body"] for one in (path, capture))
    np.testing.assert_allclose(ours, theirs, atol=1e-4)
