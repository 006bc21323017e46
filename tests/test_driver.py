"""Driving: whose face, which part of it, from which relaxed face, into which state, and round in a loop."""

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from faces import portrait, portrait_face

from cxanim import animate, extract_motion
from cxanim.errors import BadSetting, CannotWrite, CxanimError, NoFace, UnreadableVideo
from cxanim.images import read_image, write_image
from cxanim.motion.expression import Expression, ExpressionBasis
from cxanim.motion.head import fit_similarity, head_angles, stable_points
from cxanim.motion.landmarks import OUTER_LIPS
from cxanim.motion.pose import eye_distance, face_box
from cxanim.motion.presets import PRESETS
from cxanim.motion.recording import Motion
from cxanim.motion.retarget import perform
from cxanim.motion.smooth import faded_into_its_beginning
from cxanim.motion.still_expression import likely_neutral, still_driver
from cxanim.pipelines.animate import AnimateSettings
from cxanim.pipelines.clip import observe_clip
from cxanim.pipelines.driver import Drive, DriveSettings, prepare_drive
from cxanim.pipelines.extract import ExtractSettings
from cxanim.pipelines.follower import Follower
from cxanim.pipelines.photo import observe_photo
from cxanim.pipelines.watch import Watch
from cxanim.video import VideoWriter, open_video, open_video_writer
from cxanim.video.probe import ffmpeg_program

LIPS = list(OUTER_LIPS)
SMALL = dict(size=128, crop=True)


@pytest.fixture(scope="module")
def woman(test_data: Path) -> Path:
    return test_data / "faces" / "lp_d10.mp4"


def prepared(driver: str | Path, neutral_picture: Path | None = None, **settings: Any) -> Drive:
    return prepare_drive(driver, portrait_face(), DriveSettings(**settings), Watch(), neutral_picture)


def faces_of(driver: str | Path, **settings: Any) -> np.ndarray:
    return np.stack(list(prepared(driver, **settings).faces))


def frames_of(path: Path, **part: Any) -> Iterator[np.ndarray]:
    with open_video(path, **part) as video:
        yield from video


def filmed(path: Path, frames: list[np.ndarray], fps: float = 30) -> Path:
    height, width = frames[0].shape[:2]
    with open_video_writer(path, width, height, fps) as writer:
        for frame in frames:
            writer.write(np.ascontiguousarray(frame))
    return path


def alike(a: np.ndarray, b: np.ndarray) -> float:
    """Correlation of how the points of two faces move."""
    return float(np.corrcoef((a - a.mean(0)).ravel(), (b - b.mean(0)).ravel())[0, 1])


# Whose face


@pytest.fixture(scope="module")
def two_people(test_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """A clip of two people side by side, the one on the right larger, and a clip of each alone."""
    folder = tmp_path_factory.mktemp("two")
    sides = [
        list(frames_of(test_data / "faces" / name, start_s=3, end_s=4.2, max_side_px=side))
        for name, side in (("lp_d3.mp4", 300), ("lp_d10.mp4", 360))
    ]
    sides[0] = [np.pad(frame, ((30, 30), (30, 30), (0, 0))) for frame in sides[0]]
    both = [np.hstack(pair) for pair in zip(*sides, strict=True)]
    alone = [filmed(folder / f"{number}.mp4", frames) for number, frames in enumerate(sides)]
    return filmed(folder / "both.mp4", both), alone[0], alone[1]


def test_one_of_several_people_drives(two_people: tuple[Path, Path, Path]) -> None:
    both, left, right = two_people
    by_left, by_right = faces_of(left), faces_of(right)
    assert alike(faces_of(both, driver_face=1), by_left) > 0.9
    assert alike(faces_of(both, driver_face=2), by_right) > 0.9
    assert alike(faces_of(both), by_right) > 0.9 > 0.5 > alike(by_left, by_right)
    assert "2 faces: number 1 from the left" in " ".join(prepared(both, driver_face=1).notes)
    with pytest.raises(BadSetting, match="Face 3 of both.mp4 is asked for, but it shows 2"):
        prepared(both, driver_face=3)


def test_an_extracted_motion_is_of_the_chosen_face_and_part(two_people: tuple[Path, Path, Path]) -> None:
    both, left, _ = two_people
    chosen = ExtractSettings(driver_face=1, start_s=0.2, end_s=0.8, neutral_s=0.5)
    motion = extract_motion(both, None, chosen).motion
    assert len(motion) == 18 and motion.neutral == 9
    whole = extract_motion(left, None).motion.parts["face"][6:24]
    assert alike(motion.parts["face"], whole) > 0.85
    with pytest.raises(BadSetting, match="neutral_s"):
        extract_motion(both, None, replace(chosen, neutral_s=1.0))


def test_who_is_followed_stays_the_same_when_another_becomes_larger() -> None:
    """Two of the astronaut, 25 pictures: the one on the left shrinks while the one on the right grows."""

    def scene(share: float) -> np.ndarray:
        canvas = np.full((360, 720, 3), 90, np.uint8)
        for x, side in ((0, 360 - 160 * share), (360, 200 + 160 * share)):
            side = round(side)
            canvas[360 - side :, x : x + side] = cv2.resize(portrait(), (side, side), interpolation=cv2.INTER_AREA)
        return canvas

    with Follower() as follower:
        faces = [follower.next(scene(share)).face for share in np.linspace(0, 1, 25)]
    assert all(face is not None for face in faces) and follower.most_faces == 2
    middles = [(face_box(face)[0] + face_box(face)[2]) / 2 for face in faces if face is not None]
    assert max(middles) < 0.5
    with Follower(number=2) as follower:
        assert face_box(follower.next(scene(0)).need_face())[0] > 0.5


def test_a_person_who_leaves_is_not_replaced_by_another() -> None:
    canvas = np.full((256, 768, 3), 90, np.uint8)
    both, other = canvas.copy(), canvas.copy()
    both[:, :256] = portrait()
    both[:, 512:] = other[:, 512:] = portrait()[:, ::-1]
    with Follower(number=1) as follower:
        poses = [follower.next(frame) for frame in [both] * 2 + [other + np.uint8(k % 2) for k in range(25)] + [both]]
    there = [pose.face is not None for pose in poses]
    assert there[:2] == [True] * 2 and not any(there[2:-1])


def test_how_a_driver_is_framed_changes_nothing(woman: Path, tmp_path: Path) -> None:
    frames = [frame[:, 60:-60] for frame in frames_of(woman, start_s=3, end_s=4)]
    upright = filmed(tmp_path / "upright.mp4", frames)
    wide = filmed(tmp_path / "wide.mp4", [np.pad(frame, ((0, 0), (300, 200), (0, 0))) for frame in frames])
    a, b = faces_of(upright), faces_of(wide)
    assert alike(a, b) > 0.95
    np.testing.assert_allclose(np.ptp(a, axis=0).mean(), np.ptp(b, axis=0).mean(), rtol=0.15)


# Which part


def test_the_part_is_driven_and_nothing_else(woman: Path) -> None:
    part = prepared(woman, start_s=2.0, end_s=3.0, neutral_s=1.0)
    assert (part.frames, part.start_s, part.video) == (30, 2.0, woman)
    whole = faces_of(woman, end_s=3.0, neutral_s=1.0)
    assert alike(np.stack(list(part.faces)), whole[60:]) > 0.95


def test_the_sound_is_cut_to_the_part_and_stays_in_time(photo: Path, tmp_path: Path, make: Any) -> None:
    """A film whose sound is a pip at 1.5 s: in a part that begins at 1 s it comes after half a second."""
    talk = animate(photo, "talk", tmp_path / "talk.mp4", AnimateSettings(**SMALL)).path
    pip = "sine=frequency=880:duration=3,volume='if(between(t,1.5,1.6),1,0)':eval=frame"
    voiced = make("voiced.mp4", "-i", str(talk), "-f", "lavfi", "-i", pip, "-c:v", "copy", "-c:a", "aac", "-shortest")
    cut = AnimateSettings(start_s=1, end_s=2.5, **SMALL)

    def pip_s(path: Path) -> float:
        plain = ["-f", "s16le", "-ac", "1", "-ar", "8000", "-"]
        command = [ffmpeg_program(), "-loglevel", "error", "-i", str(path), *plain]
        loud = np.abs(np.frombuffer(subprocess.run(command, capture_output=True, check=True).stdout, np.int16)) > 1000
        return float(np.flatnonzero(loud)[0] / 8000)

    both = tmp_path / "both.mp4"
    rendered = animate(photo, voiced, tmp_path / "part.mp4", cut, beside=both)
    assert rendered.frames == 45
    assert pip_s(rendered.path) == pytest.approx(0.5, abs=0.04)
    assert pip_s(both) == pytest.approx(0.5, abs=0.04)
    looped = animate(photo, voiced, tmp_path / "loop.mp4", replace(cut, seamless=True))
    assert looped.frames == 30 and pip_s(looped.path) == pytest.approx(0.0, abs=0.04)
    # The picture beside is the driver's of the same moment.
    left = [frame[:, :128].astype(int) for frame in frames_of(both)]
    driver = [frame.astype(int) for frame in frames_of(talk)][30:75]
    there = [int(np.argmin([np.abs(frame - other).mean() for other in driver])) for frame in left[::10]]
    assert np.abs(np.array(there) - np.arange(0, 45, 10)).max() <= 2


@pytest.mark.parametrize("driver", ["smile", "motion", "still"])
def test_every_driver_has_parts(driver: str, photo: Path, woman: Path, tmp_path: Path) -> None:
    if driver == "motion":
        extract_motion(woman, tmp_path / "m.npz", ExtractSettings(end_s=1.5))
    source = {"smile": "smile", "motion": tmp_path / "m.npz", "still": photo}[driver]
    whole, part = faces_of(source), prepared(source, start_s=0.5, end_s=1.0)
    assert part.frames == 15
    np.testing.assert_allclose(np.stack(list(part.faces)), whole[15:30], atol=1e-6)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (dict(start_s=2, end_s=1), "end_s: got 1 s, expected more than start_s, 2 s"),
        (dict(start_s=1, end_s=1), "expected more than start_s"),
        (dict(start_s=-1), "start_s: got -1 s, expected at least 0 s"),
        (dict(start_s=60), "start_s: got 60 s, but lp_d10.mp4 is only 15.0 s long"),
        (dict(end_s=60), "end_s: got 60 s, but lp_d10.mp4 is only 15.0 s long"),
        (dict(neutral_s=60, end_s=1), "neutral_s: got 60 s, but lp_d10.mp4 is only 15.0 s long"),
        (dict(driver_face=9), "driver_face: got 9 , expected 0 to 8|driver_face: got 9, expected 0 to 8"),
    ],
)
def test_what_a_driver_does_not_have_is_refused(woman: Path, settings: dict[str, Any], words: str) -> None:
    with pytest.raises(BadSetting, match=words):
        prepared(woman, **settings)


# From which relaxed face


def test_the_relaxed_face_is_the_first_the_chosen_or_the_one_asked_for(woman: Path) -> None:
    first = prepared(woman, end_s=1, neutral_s=0, smoothing=0)
    assert "at 0.00 s is taken as relaxed" in " ".join(first.notes)
    np.testing.assert_allclose(next(first.faces), portrait_face(), atol=1e-4)
    asked = faces_of(woman, end_s=1, neutral_s=0.5, smoothing=0)
    np.testing.assert_allclose(asked[15], portrait_face(), atol=1e-4)
    assert np.abs(asked[0] - portrait_face()).max() > 0.005
    chosen = observe_clip(woman, end_s=1).motion
    assert f"at {chosen.neutral / chosen.fps:.2f} s is taken as relaxed" in " ".join(prepared(woman, end_s=1).notes)


def test_a_relaxed_face_may_lie_outside_the_part(woman: Path) -> None:
    outside = faces_of(woman, start_s=2, end_s=3, neutral_s=0.5, smoothing=0)
    inside = faces_of(woman, start_s=0, end_s=3, neutral_s=0.5, smoothing=0)[60:]
    assert np.abs(outside - inside).mean() < 0.2 * np.abs(inside - portrait_face()).mean()


def test_a_moment_without_a_face_is_no_relaxed_one(test_data: Path, tmp_path: Path) -> None:
    clip = test_data / "faces" / "moore_talk_1.mp4"  # ends with a card that shows nobody
    for part in (dict(end_s=1), dict(start_s=10)):
        with pytest.raises(NoFace, match="no face at 11.7 s"):
            prepared(clip, neutral_s=11.7, **part)
    missing = np.full((10, 478, 3), np.nan, np.float32)
    missing[:5] = portrait_face()
    Motion(10, {"face": missing}).save(tmp_path / "m.npz")
    with pytest.raises(NoFace, match="no face at 0.8 s"):
        prepared(tmp_path / "m.npz", neutral_s=0.8)


# Into which state


def test_absolute_motion_turns_the_head_as_the_driver_does(woman: Path) -> None:
    woman = woman.with_name("lp_d3.mp4")  # one who does not look straight ahead
    driver = np.array([head_angles(face) for face in observe_clip(woman, end_s=1).motion.calmed().parts["face"]])
    absolute = np.array([head_angles(face) for face in faces_of(woman, end_s=1, absolute=True)])
    relative = np.array([head_angles(face) for face in faces_of(woman, end_s=1)])
    np.testing.assert_allclose(absolute, driver, atol=1.5)
    assert np.abs(relative - driver).max() > 5


# Round in a loop


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_a_preset_ends_where_it_began(photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    frames: list[np.ndarray] = []  # before they are encoded: what a codec does to its first frame is its own affair
    write = VideoWriter.write

    def watched(writer: VideoWriter, frame: np.ndarray) -> None:
        frames.append(frame.astype(int))
        write(writer, frame)

    monkeypatch.setattr(VideoWriter, "write", watched)
    assert animate(photo, name, tmp_path / "o.mp4", AnimateSettings(**SMALL)).frames == len(frames)
    steps = [np.abs(b - a).mean() for a, b in zip(frames, frames[1:], strict=False)]
    seam = np.abs(frames[0] - frames[-1]).mean()
    assert seam <= max(steps) and seam < 0.3
    assert max(np.abs(frame - frames[0]).mean() for frame in frames) > 4 * seam


def test_a_recording_fades_into_its_beginning() -> None:
    """A point on a straight way at one speed, back at once: place and speed go on where the loop closes."""
    track = np.linspace(0, 1, 60)[:, None, None] * np.ones((1, 2, 3))
    looped = np.stack(list(faded_into_its_beginning(iter(track), 60, 12)))
    assert len(looped) == 48
    np.testing.assert_array_equal(looped[:36], track[12:48])
    steps = np.abs(np.diff(np.concatenate([looped, looped[:1]]), axis=0))[:, 0, 0]
    assert steps[-1] < 0.1 < np.abs(track[0] - track[-1]).max()
    # Where nothing is to be bridged nothing changes: two rounds of a circle make one.
    turn = np.linspace(0, 4 * np.pi, 80, endpoint=False)
    circle = np.stack([np.cos(turn), np.sin(turn), 0 * turn], axis=1)[:, None]
    np.testing.assert_allclose(list(faded_into_its_beginning(circle, 80, 40)), circle[40:], atol=1e-12)
    with pytest.raises(ValueError, match="fade"):
        list(faded_into_its_beginning(circle, 80, 41))


def test_a_clip_without_a_seam(woman: Path) -> None:
    plain, looped = (faces_of(woman, end_s=3, seamless=seamless) for seamless in (False, True))
    assert len(looped) == len(plain) - 15

    def seam(faces: np.ndarray) -> float:
        return float(np.abs(faces[-1] - faces[0]).mean())

    usual = np.abs(np.diff(plain, axis=0)).mean((1, 2))
    assert seam(looped) <= np.quantile(usual, 0.95) < seam(plain)
    assert np.abs(np.diff(looped, axis=0)).mean((1, 2)).max() <= 1.5 * usual.max()


# By a still picture


def aligned(face: np.ndarray, to: np.ndarray) -> np.ndarray:
    motion = fit_similarity(stable_points(to.astype(np.float64)), stable_points(face.astype(np.float64)))
    return motion.undone(face.astype(np.float64))


def off_by(face: np.ndarray, truth: np.ndarray, points: list[int]) -> float:
    return float(np.linalg.norm((aligned(face, truth) - truth)[points, :2], axis=1).mean())


@pytest.mark.parametrize(("target", "driver"), [("sad", "happy"), ("happy", "sad")])
def test_one_womans_two_pictures_are_a_known_answer(test_data: Path, target: str, driver: str) -> None:
    """st_sad that takes the expression of st_happy shows st_happy's face, for they are one woman's; and so back."""
    own, other = (test_data / "portraits" / f"st_{mood}.png" for mood in (target, driver))
    neutral, truth = observe_photo(own).face_in_crop, observe_photo(other).face_in_crop

    def left(picture: Path | None, absolute: bool) -> list[float]:
        """What is left of the difference, everywhere and at the lips."""
        peak = prepare_drive(other, neutral, DriveSettings(absolute=absolute), Watch(), picture).peak
        assert peak is not None
        return [off_by(peak, truth, points) / off_by(neutral, truth, points) for points in (list(range(468)), LIPS)]

    assert max(left(own, absolute=False)) < 0.1
    everywhere, lips = left(None, absolute=True)
    assert everywhere < 0.7 and lips < 0.3
    assert max(left(None, absolute=False)) < 0.95


def test_a_relaxed_face_has_no_expression_and_a_strong_one_has(test_data: Path) -> None:
    """Clips tell how their person looks at rest: a single frame must tell nearly as much."""
    clip = observe_clip(test_data / "faces" / "lp_d3.mp4", most_frames=120).motion
    rest = clip[clip.neutral].need_face()

    def expression(neutral: np.ndarray, face: np.ndarray) -> np.ndarray:
        return (aligned(face, neutral) - neutral)[LIPS, :2] / eye_distance(neutral)

    true = [expression(rest, face) for face in clip.faces if face is not None]
    read = [expression(*still_driver(face)) for face in clip.faces if face is not None]
    strength = np.array([np.linalg.norm(one) for one in true])
    strong = np.flatnonzero(strength > np.quantile(strength, 0.85))
    of_strong = [np.linalg.norm(read[k] - true[k]) / strength[k] for k in strong]
    assert np.mean(of_strong) < 0.75
    assert np.linalg.norm(expression(*still_driver(rest))) < 0.4 * strength[strong].mean()


def test_the_likely_neutral_lies_where_the_face_lies() -> None:
    neutral, face = portrait_face(), portrait_face()
    basis = ExpressionBasis(neutral)
    for jaw in (0.0, 0.8):
        face = perform(basis.performance(Expression(jaw=jaw, yaw_deg=12, blink_left=1)), neutral)
        likely = likely_neutral(face)
        np.testing.assert_allclose(head_angles(likely), head_angles(face), atol=3)
        assert eye_distance(likely) == pytest.approx(eye_distance(face), rel=0.05)


def test_a_still_picture_comes_and_goes(photo: Path, test_data: Path) -> None:
    happy = test_data / "portraits" / "st_happy.png"
    ready = prepared(happy, loops=2)
    faces = np.stack(list(ready.faces))
    assert len(faces) == ready.frames and ready.peak is not None
    period = ready.frames // 2
    np.testing.assert_allclose(faces[:period], faces[period:], atol=1e-6)
    np.testing.assert_allclose(faces[[0, period - 1]], [portrait_face()] * 2, atol=1e-4)
    np.testing.assert_allclose(faces[period // 2], ready.peak, atol=1e-6)
    np.testing.assert_array_equal(ready.picture, read_image(happy).rgb)
    assert np.abs(np.diff(faces, axis=0)).max() < 0.2 * np.abs(ready.peak - portrait_face()).max()
    np.testing.assert_allclose(head_angles(ready.peak), head_angles(portrait_face()), atol=1)


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_a_picture_with_the_expression(photo: Path, test_data: Path, tmp_path: Path, suffix: str) -> None:
    happy = test_data / "portraits" / "st_sad.png"
    rendered = animate(photo, happy, tmp_path / f"o{suffix}", AnimateSettings(**SMALL))
    assert rendered.frames == 1 and read_image(rendered.path).rgb.shape == (128, 128, 3)
    none = dict(head=0, brows=0, eyes=0, gaze=0, mouth=0)
    plain = animate(photo, happy, tmp_path / f"n{suffix}", AnimateSettings(**SMALL, **none))
    a, b = (read_image(one.path).rgb.astype(int) for one in (rendered, plain))
    assert np.abs(a - b).mean() > 0.3


def test_what_makes_no_picture(photo: Path, character_clip: Path, tmp_path: Path) -> None:
    for driver in ("smile", character_clip):
        with pytest.raises(CannotWrite, match="is a motion"):
            animate(photo, driver, tmp_path / "o.png", AnimateSettings(**SMALL))
    with pytest.raises(CannotWrite, match="second video"):
        animate(photo, photo, tmp_path / "o.png", AnimateSettings(**SMALL), beside=tmp_path / "b.mp4")
    with pytest.raises(BadSetting, match="relaxed face"):
        prepared(character_clip, neutral_picture=photo)
    with pytest.raises(BadSetting, match="driver_face: got 2, but astronaut.png shows 1"):
        prepared(photo, driver_face=2)
    write_image(tmp_path / "wall.png", np.full((128, 128, 3), 90, np.uint8))
    for pictures in ((tmp_path / "wall.png", None), (photo, tmp_path / "wall.png")):
        with pytest.raises(NoFace, match="wall.png"):
            prepared(*pictures)
    assert [path.name for path in tmp_path.iterdir()] == ["wall.png"]


def test_settings_without_effect_are_named(photo: Path) -> None:
    said = " ".join(prepared("smile", absolute=True, driver_face=1).notes)
    assert "no use for driver_face, absolute" in said
    assert "no use for seamless" in " ".join(prepared(photo, seamless=True).notes)
    assert prepared("smile").notes == ()


def test_a_missing_driver_is_named(tmp_path: Path) -> None:
    with pytest.raises(CxanimError, match="neither a file nor a preset"):
        prepared(tmp_path / "nobody.png")
    (tmp_path / "a.png").write_bytes(b"nothing")
    with pytest.raises(UnreadableVideo):
        prepared(tmp_path / "a.png")
