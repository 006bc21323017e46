"""The camera of a driver: followed over a whole film, taken out of the body, and left alone where it stands."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from figures import SIZE_PX, before_a_wall, body_at_rest, draw, waving_bodies

from cxanim.motion.body_build import Build
from cxanim.motion.body_retarget import retargeted
from cxanim.motion.camera_path import CameraPath, taken_out
from cxanim.motion.pose import Pose
from cxanim.motion.recording import Motion
from cxanim.motion.skeleton import HIPS, joints_of
from cxanim.pipelines import figure_driver
from cxanim.pipelines.drive_settings import DriverSettings
from cxanim.pipelines.figure_driver import driving_motion
from cxanim.pipelines.watch import Watch
from cxanim.video import open_video, open_video_writer

FRAMES, FPS = 36, 25.0


def hips_of(motion: Motion) -> np.ndarray:
    """Where the hips of a target are that is driven by a motion, (T, 2)."""
    rest, visibility = joints_of(body_at_rest())
    bodies = [pose.body for pose in motion]
    made = retargeted(bodies, motion.fps, rest, Build.of(rest[None], visibility[None]))
    return np.stack(made)[:, HIPS, :2]


def filmed(view: Callable[[float], np.ndarray]) -> tuple[Motion, CameraPath]:
    """The drawn figure as a camera sees it that goes a known way, from 0 to 1; and what was followed of that.

    Args:
        view: (2, 3) what takes pixels of the place to those of a frame, by how much of the time has passed.
    """
    path, poses = CameraPath(), []
    place = wide_wall()
    for number, body in enumerate(waving_bodies(FRAMES)):
        matrix = view(number / (FRAMES - 1))
        picture, matte = draw(body)
        scene = place.copy()
        scene[SIZE_PX : 2 * SIZE_PX, SIZE_PX : 2 * SIZE_PX][matte > 0] = picture[matte > 0]
        beyond = matrix @ np.array([[1, 0, -SIZE_PX], [0, 1, -SIZE_PX], [0, 0, 1]])
        frame = cv2.warpAffine(scene, beyond, (SIZE_PX, SIZE_PX), flags=cv2.INTER_AREA)
        seen = body.copy()
        seen[:, :2] = ((body[:, :2] * SIZE_PX - 0.5) @ matrix[:, :2].T + matrix[:, 2] + 0.5) / SIZE_PX
        path.see(frame, seen)
        poses.append(Pose(body=seen))
    return Motion.from_poses(poses, FPS), path


def wide_wall() -> np.ndarray:
    """A wall with stains, three pictures wide and high, (3S, 3S, 3) uint8."""
    stains = np.random.default_rng(0).uniform(90, 160, (96, 96)).astype(np.float32)
    wall = cv2.resize(stains, (3 * SIZE_PX, 3 * SIZE_PX), interpolation=cv2.INTER_CUBIC)
    return np.dstack([wall.clip(0, 255).astype(np.uint8)] * 3)


def stands(time: float) -> np.ndarray:
    return np.eye(2, 3)


def pans(time: float) -> np.ndarray:
    """Farther than one view reaches."""
    return np.array([[1, 0, -150.0 * time], [0, 1, 20.0 * time]])


def comes_back(time: float) -> np.ndarray:
    return pans(float(np.sin(np.pi * time)))


def zooms_and_rolls(time: float) -> np.ndarray:
    matrix = cv2.getRotationMatrix2D((100, 140), 8 * time, 1 + 0.4 * time)
    matrix[:, 2] += 12 * time
    return matrix


@pytest.mark.parametrize("view", [pans, comes_back, zooms_and_rolls])
def test_the_figure_goes_as_it_would_before_a_standing_camera(view: Callable[[float], np.ndarray]):
    truth = hips_of(Motion.from_poses([Pose(body=body) for body in waving_bodies(FRAMES)], FPS))
    seen, path = filmed(view)
    assert path.is_followed and path.moves
    off = np.abs(hips_of(taken_out(seen, path.matrices)) - truth).max()
    left_in = np.abs(hips_of(seen) - truth).max()
    assert off < 0.01 and left_in > 4 * off and left_in > 0.03


def test_a_standing_camera_stands_whatever_the_figure_does():
    _, path = filmed(stands)
    assert path.is_followed and path.stands and not path.moves


def test_before_an_empty_wall_nothing_can_be_told():
    path = CameraPath()
    for body in waving_bodies(12):
        path.see(draw(body)[0], body)
    assert not path.is_followed


def test_after_a_cut_the_film_goes_on_from_where_it_was():
    path = CameraPath()
    body = body_at_rest()
    for number in range(40):
        frame = before_a_wall(body) if number < 20 else np.ascontiguousarray(before_a_wall(body, 100)[::-1])
        path.see(frame, body)
    assert path.is_followed and path.stands and len(path.matrices) == 40


def test_all_that_was_seen_of_a_body_goes_with_it():
    hand = np.full((21, 3), 0.5, np.float32)
    motion = Motion.from_poses([Pose(body=body_at_rest(), left_hand=hand), Pose()], FPS)
    matrix = np.array([[0, -2, 0.1], [2, 0, 0.2], [0, 0, 1.0]])
    first, second = taken_out(motion, np.stack([matrix, matrix]))
    assert second.is_empty and first.left_hand is not None
    assert np.allclose(first.left_hand, [-0.9, 1.2, 1.0])
    assert np.allclose(first.need_body()[:, 3], body_at_rest()[:, 3])


# Real clips


def driven(path: Path, end_s: float) -> tuple[str, ...]:
    return driving_motion(path, DriverSettings(end_s=end_s), Watch()).notes


@pytest.mark.parametrize(("name", "end_s"), [("ghost_dance", 2), ("hybrik_taiji", 4), ("tfjs_pose_squats", 8)])
def test_of_a_standing_camera_nothing_is_said(test_data: Path, name: str, end_s: float):
    assert driven(test_data / "bodies" / f"{name}.mp4", end_s) == ()


def test_a_walking_camera_is_said(test_data: Path):
    said = driven(test_data / "bodies" / "callus_sample.mp4", 3)
    assert said == ("The camera of callus_sample.mp4 moves; its motion was taken out of the body's.",)


def test_that_too_little_is_seen_behind_somebody_is_said(test_data: Path):
    (said,) = driven(test_data / "bodies" / "lp_s13_dance.mp4", 2)
    assert "Too little is seen behind the person in lp_s13_dance.mp4" in said and "slides" in said


def test_a_real_person_does_not_slide_by_a_pan(test_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A window goes across a real film, and back, and comes nearer: hips go as they do in the window that stands."""
    seen = {name: tmp_path / f"{name}.mp4" for name in ("stands", "pans")}
    with open_video(test_data / "bodies" / "hybrik_taiji.mp4", end_s=2) as video:
        frames = list(video)
    for name, path in seen.items():
        with open_video_writer(path, 480, 480, FPS) as writer:
            for number, frame in enumerate(frames):
                time = np.sin(np.pi * number / (len(frames) - 1)) if name == "pans" else 0.0
                scale = (480 / 720) * (1 + 0.1 * time)
                left = 280 - 130 * time  # px of the film
                matrix = np.array([[scale, 0, -left * scale], [0, scale, -30 * time]])
                writer.write(cv2.warpAffine(frame, matrix, (480, 480), flags=cv2.INTER_AREA))
            writer.finish()
    as_seen: list[Motion] = []
    monkeypatch.setattr(
        figure_driver, "taken_out", lambda motion, ways: as_seen.append(motion) or taken_out(motion, ways)
    )
    truth = driving_motion(seen["stands"], DriverSettings(), Watch())
    panned = driving_motion(seen["pans"], DriverSettings(), Watch())
    assert not truth.notes and panned.notes == (
        "The camera of pans.mp4 moves; its motion was taken out of the body's.",
    )
    right = hips_of(truth.motion.calmed(0.5))
    off, left_in = (np.abs(hips_of(one.calmed(0.5)) - right).max() for one in (panned.motion, as_seen[-1]))
    assert off < 0.03 and left_in > 4 * off, (off, left_in)
