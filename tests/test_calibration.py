"""What a driver's face is at rest: measured in a second, and looked for beyond it where nobody asked to be measured."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from faces import about_camera_axis, portrait_face, rotated

from cxanim.motion.detect import Detector
from cxanim.motion.expression import Expression, ExpressionBasis
from cxanim.motion.head import fit_similarity, stable_points
from cxanim.motion.pose import Pose, eye_distance
from cxanim.motion.ratios import eye_openness, mouth_gap
from cxanim.motion.retarget import Retargeting, most_neutral, perform
from cxanim.pipelines import live as live_module
from cxanim.pipelines.calibration import CALIBRATION_S, Calibration, look_aside, unlikeness
from cxanim.pipelines.live import LivePuppet, LiveSettings
from cxanim.pipelines.live_clip import live_target
from cxanim.video import open_video

FPS = 30


def acting(face: np.ndarray, **sliders: float) -> np.ndarray:
    return perform(ExpressionBasis(face).performance(Expression(**sliders)), face).astype(np.float32)


def somebody_else(face: np.ndarray) -> np.ndarray:
    """A face of other proportions: longer, with a broader jaw; the likest two people of the clips are as far apart."""
    other = face.copy()
    below = np.clip(face[:, 1] - face[:, 1].mean(), 0, None)
    other[:, 0] += (face[:, 0] - face[:, 0].mean()) * below / 2
    other[:, 1] *= 1.06
    return other


def found(calibration: Calibration, faces: list[np.ndarray]) -> dict[float, np.ndarray]:
    """What a calibration finds, by when."""
    seen = [(number / FPS, calibration.next(face, 7 + number / FPS)) for number, face in enumerate(faces)]
    return {round(time_s, 2): face for time_s, face in seen if face is not None}


def test_it_is_the_mean_of_a_second():
    faces = [np.full((478, 3), number, np.float32) for number in range(3 * FPS)]
    calibration = Calibration()
    seen = found(calibration, faces)
    assert list(seen) == [CALIBRATION_S] and not calibration.is_measuring
    assert seen[CALIBRATION_S] == pytest.approx(np.full((478, 3), FPS / 2))


def test_who_makes_a_face_at_first_is_measured_by_when_they_relax():
    target = portrait_face()
    relaxed = somebody_else(target)
    grimace = acting(relaxed, jaw=0.8, brows=0.7)
    away = rotated(0.8 * relaxed + 0.1, about_camera_axis("z", 10))  # meanwhile their head has gone elsewhere
    seen = found(Calibration(target), [grimace] * 75 + [away] * 75)
    assert list(seen) == [1.0, 4.0]
    assert np.allclose(seen[1.0], grimace, atol=1e-6)
    apart = np.linalg.norm(seen[4.0] - relaxed, axis=1).mean() / eye_distance(relaxed)
    before = np.linalg.norm(grimace - relaxed, axis=1).mean() / eye_distance(relaxed)
    assert apart < 0.5 * before  # its expression, on the head of the first second
    assert mouth_gap(seen[4.0]) == pytest.approx(mouth_gap(relaxed), abs=0.02)


def test_who_is_relaxed_at_once_stays_measured():
    target = portrait_face()
    relaxed = somebody_else(target)
    calm, loud = [relaxed] * 45, [acting(relaxed, jaw=0.8, smile=0.5)] * 300
    assert list(found(Calibration(target), calm + loud)) == [1.0]


def test_a_blink_in_the_first_second_is_no_rest():
    target = portrait_face()
    shut = acting(target, blink=1.0)
    seen = found(Calibration(target), [target] * 10 + [shut] * 20 + [target] * 40)
    assert unlikeness(seen[1.0], target) < 0.02 < unlikeness(shut, target)


def test_likeness_knows_no_place_and_is_greatest_where_the_same_is_done():
    face = portrait_face()
    assert unlikeness(face, face) == pytest.approx(0, abs=1e-6)
    assert unlikeness((0.5 * face + 0.2).astype(np.float32), face) == pytest.approx(0, abs=1e-4)
    other = somebody_else(face)
    doing = [dict(), dict(jaw=0.6), dict(smile=1.0), dict(blink=1.0), dict(brows=1.0, pucker=0.8)]
    for mine in doing:
        far = [unlikeness(acting(other, **theirs), acting(face, **mine)) for theirs in doing]
        assert int(np.argmin(far)) == doing.index(mine)


def test_lids_that_are_uneven_for_a_moment_are_even_at_rest():
    face = portrait_face()
    uneven = acting(face, blink_left=0.5)
    seen = found(Calibration(face), [uneven] * FPS + [acting(face, brows=0.2)] * 7 * FPS)
    first, last = (eye_openness(seen[time_s]) / eye_openness(face) for time_s in (1.0, 4.0))
    assert first[1] < 0.9 * first[0] and last[1] == pytest.approx(last[0], rel=0.02)


def looking(face: np.ndarray, aside: float) -> np.ndarray:
    return acting(face, gaze_right=aside)


def test_a_target_that_looks_aside_at_rest_looks_where_its_driver_looks():
    face = portrait_face()
    target = looking(face, 1.0)
    assert abs(look_aside(target) - look_aside(face)) > 0.07
    rest = found(Calibration(target), [somebody_else(face)] * 2 * FPS)[1.0]
    straight = Retargeting(rest, target).face(somebody_else(face))
    assert look_aside(straight) == pytest.approx(look_aside(face), abs=0.02)
    a_little = [looking(face, 0.15)] * 2 * FPS  # as whoever sits beside their camera
    assert np.allclose(found(Calibration(face), a_little)[1.0], a_little[0], atol=1e-6)


@pytest.mark.parametrize("clip", ["lp_d3", "lp_d19", "lp_s18"])
def test_on_clips_of_people_a_rest_that_is_looked_for_is_nearer_than_that_of_a_second(test_data: Path, clip: str):
    """A face that drives itself should do just what it does."""
    with open_video(test_data / "faces" / f"{clip}.mp4", max_side_px=640) as video, Detector("face") as detector:
        faces = [face for frame in islice(video, 12 * FPS) if (face := detector.detect(frame).face) is not None]
    target = faces[most_neutral(faces)]

    def strays(neutral: np.ndarray) -> float:
        retargeting = Retargeting(neutral, target)
        errors = []
        for face in faces[FPS::10]:
            made = retargeting.face(face)
            laid = fit_similarity(stable_points(face), stable_points(made)).undone(made)
            errors.append(np.linalg.norm((laid - face)[:, :2], axis=1).mean() / eye_distance(face))
        return float(np.mean(errors))

    first = found(Calibration(), faces)[CALIBRATION_S]
    *_, last = found(Calibration(target), faces).values()
    assert strays(last) < 0.6 * strays(first)


class PretendFollower:
    """Sees the face that is set."""

    face: np.ndarray

    def next(self, frame: np.ndarray) -> Pose:
        return Pose(face=PretendFollower.face)

    def close(self) -> None:
        pass


@pytest.fixture
def live(character: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LivePuppet]:
    monkeypatch.setattr(live_module, "Follower", PretendFollower)
    live = LivePuppet(live_target(character, 128), LiveSettings(mirror=False, smoothing=0.0))
    yield live
    live.close()


def test_a_puppet_comes_softly_to_a_rest_that_is_known_better(live: LivePuppet):
    relaxed = somebody_else(live.puppet.neutral_face)
    frame = np.zeros((8, 8, 3), np.uint8)
    made = []
    for number in range(6 * FPS):
        PretendFollower.face = acting(relaxed, jaw=0.8) if number < 2.5 * FPS else relaxed
        made.append(live.follow(frame, number / FPS))
    before, after = made[round(3.9 * FPS)], made[-1]  # both of a driver who is relaxed
    rest = live.puppet.neutral_face
    assert np.abs(after - rest).max() < 0.3 * np.abs(before - rest).max()
    changed = made[round(3.9 * FPS) :]
    steps = np.abs(np.diff(changed, axis=0)).max((1, 2))
    assert 0 < steps.max() < 0.25 * np.ptp(changed, axis=0).max()


def test_who_asks_to_be_measured_is_taken_at_their_word(live: LivePuppet):
    face = live.puppet.neutral_face
    frame = np.zeros((8, 8, 3), np.uint8)
    for number in range(12 * FPS):
        if number == FPS // 2:
            live.calibrate()
        PretendFollower.face = acting(face, jaw=0.8) if number < 2 * FPS else face
        made = live.follow(frame, number / FPS)
    assert np.abs(made - face).max() > 0.02  # what they did then counts as rest
