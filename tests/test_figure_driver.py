"""Films that are hardly drivers of a figure, through both doors: what is refused is said, and what is taken is too."""

import re
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest
from figures import drawn_puppet

from cxanim.cli import main
from cxanim.errors import NoFigure
from cxanim.motion.detect import Detector, find_faces
from cxanim.motion.hand_alone import HandAlone
from cxanim.motion.matte import composite, decided
from cxanim.motion.segment import person_matte
from cxanim.motion.skeleton import HIPS
from cxanim.pipelines.drive_figure import prepare_figure_poses
from cxanim.pipelines.drive_settings import DriverSettings, DriveSettings
from cxanim.pipelines.figure import observe_figure
from cxanim.pipelines.figure_driver import driving_motion, prepare_figure_drive
from cxanim.pipelines.figure_puppet import load_puppet
from cxanim.pipelines.watch import Watch
from cxanim.video import open_video, open_video_writer

FPS = 10.0


@pytest.fixture(scope="module")
def puppet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The drawn figure, untrained."""
    path = tmp_path_factory.mktemp("puppet") / "drawn.puppet"
    drawn_puppet().save(path)
    return path


def write_film(path: Path, frames: list[np.ndarray]) -> Path:
    height, width = frames[0].shape[:2]
    with open_video_writer(path, width, height, FPS) as writer:
        for frame in frames:
            writer.write(np.ascontiguousarray(frame))
        writer.finish()
    return path


def squats(test_data: Path, count: int) -> list[np.ndarray]:
    """Frames (640, 360, 3) of somebody who does squats before a standing camera."""
    with open_video(test_data / "bodies" / "tfjs_pose_squats.mp4") as video:
        return [
            cv2.resize(frame, (360, 640), interpolation=cv2.INTER_AREA)
            for frame, _ in zip(video, range(count), strict=False)
        ]


def only_legs(test_data: Path, folder: Path) -> Path:
    return write_film(folder / "legs.mp4", [frame[352:] for frame in squats(test_data, 12)])


def nobody(test_data: Path, folder: Path) -> Path:
    stains = np.random.default_rng(0).uniform(90, 160, (8, 8, 3)).astype(np.float32)
    wall = cv2.resize(stains, (256, 256), interpolation=cv2.INTER_CUBIC).astype(np.uint8)
    return write_film(folder / "wall.mp4", [wall] * 8)


def hand_alone(test_data: Path, folder: Path) -> Path:
    return test_data / "bodies" / "tfjs_asl_hand.mp4"


def hand_before_a_chest(test_data: Path, folder: Path) -> Path:
    return test_data / "bodies" / "mp_hand_test_video.mp4"


def hardly_there(test_data: Path, folder: Path) -> Path:
    frames = squats(test_data, 4)
    return write_film(folder / "hardly.mp4", frames + [np.full_like(frames[0], 120)] * 8)


@pytest.mark.parametrize("film", [only_legs, nobody, hand_alone, hand_before_a_chest, hardly_there])
def test_what_shows_no_figure_is_refused_by_both_doors(
    film: Callable[[Path, Path], Path],
    test_data: Path,
    standing: Path,
    puppet: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
):
    path, output = film(test_data, tmp_path), tmp_path / "no.mp4"
    said = []
    for door in (["animate", standing, "--moves", "figure", "--motion", path], ["drive", puppet, path]):
        assert main([*map(str, door), "--end-s", "1", "-o", str(output)]) == 2
        said += [line for line in capfd.readouterr().err.splitlines() if line.startswith("cxanim: ")]
        assert not output.exists()
    assert len(said) == 2 and said[0] == said[1]
    assert f"frames of {path.name}" in said[0] and "Use a video that shows one person" in said[0]


@pytest.mark.parametrize("film", [hand_alone, hand_before_a_chest])
def test_a_hand_is_no_figure_in_a_whole_film(film: Callable[[Path, Path], Path], test_data: Path, tmp_path: Path):
    path = film(test_data, tmp_path)
    with pytest.raises(NoFigure, match=rf"in 0 of \d+ frames of {path.name}, but a hand alone"):
        driving_motion(path, DriverSettings(), Watch())


def test_hands_of_people_are_not_taken_for_them(test_data: Path):
    """Somebody whose face is not seen, and whose hands are, is a figure still."""
    looked: list[float] = []
    with open_video(test_data / "bodies" / "ghost_dance.mp4") as video, HandAlone() as hand, Detector("body") as body:
        longest = hand._longest
        hand._longest = lambda frame: looked.append(longest(frame)) or looked[-1]
        for frame in islice(video, 60):
            assert not hand.is_in(frame, replace(body.detect(frame), face=None))
    assert len(looked) > 8 and max(looked) > 0, looked


@pytest.fixture(scope="module")
def leaves(test_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Somebody who goes out of the picture to the right; the camera stands."""
    frames = squats(test_data, 16)
    room = np.full_like(frames[0], 150) + np.random.default_rng(0).integers(0, 60, (640, 360, 1)).astype(np.uint8)
    shown = []
    for number, frame in enumerate(frames):
        way = np.array([[1, 0, 40.0 * max(0, number - 4)], [0, 1, 0]])
        alpha = np.round(255 * decided(person_matte(frame))).astype(np.uint8)
        person, alpha = (cv2.warpAffine(picture, way, (360, 640)) for picture in (frame, alpha))
        shown.append(composite(person, alpha, room))
    return write_film(tmp_path_factory.mktemp("leaves") / "leaves.mp4", [*shown[:4], *shown])


def test_who_leaves_the_picture_is_said_and_the_figure_stays_in_its_own(leaves: Path, standing: Path, puppet: Path):
    driving = driving_motion(leaves, DriverSettings(), Watch())
    gone = [pose.body is None for pose in driving.motion]
    assert driving.notes == (f"No body in {sum(gone)} of 20 frames of leaves.mp4: limbs fall to rest there.",)
    assert not any(gone[:8]) and all(gone[-2:])
    joints = list(prepare_figure_drive(driving.calmed(0.5), observe_figure(standing), DriverSettings()).faces)
    poses = list(prepare_figure_poses(leaves, load_puppet(puppet), DriveSettings(), Watch()).faces)
    for hips in ([one[HIPS, 0] for one in joints], [pose.body[[23, 24], 0].mean() for pose in poses]):
        assert len(hips) == 20 and 0.05 < min(hips) and max(hips) < 0.95
        assert np.abs(np.diff(hips)).max() < 0.15


def test_of_several_people_one_is_followed_throughout(test_data: Path):
    """Three women dance side by side, and the camera walks: who is followed stays the same one."""
    driving = driving_motion(test_data / "bodies" / "several_people.mp4", DriverSettings(end_s=3), Watch())
    people, camera = driving.notes
    assert re.match(
        r"several_people.mp4 shows [23] people: the one found first, mostly the largest, is followed", people
    )
    assert "camera of several_people.mp4 moves" in camera
    hips = np.stack([pose.need_body()[[23, 24], :2].mean(0) for pose in driving.motion])
    assert np.abs(np.diff(hips, axis=0)).max() < 0.05


def test_who_is_alone_is_one_whatever_chairs_look_like(test_data: Path, tmp_path: Path):
    """In the back of a chair the detector sees a face."""
    with open_video(test_data / "bodies" / "hybrik_taiji.mp4", end_s=0.5) as video:
        frames = [cv2.resize(frame[:, 280:1000], (480, 480), interpolation=cv2.INTER_AREA) for frame in video]
    assert len(find_faces(frames[0], everyone=True)) == 2
    assert driving_motion(write_film(tmp_path / "chair.mp4", frames), DriverSettings(), Watch()).notes == ()
