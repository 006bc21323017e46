"""A puppet that follows somebody as it happens: what arrives, what happens when they leave, who waits for whom."""

import os
import platform
import struct
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from faces import astronaut, crop

from cxanim.errors import BadSetting, CannotWrite, CxanimError, UnreadableImage
from cxanim.models.crn import Window
from cxanim.motion.expression import Expression
from cxanim.motion.head import way_in_picture
from cxanim.motion.matte import near_face
from cxanim.motion.pose import eye_distance
from cxanim.pipelines.calibration import CALIBRATION_S
from cxanim.pipelines.live import (
    CALIBRATING,
    FOLLOWING,
    FROZEN,
    WAITING,
    LivePuppet,
    LiveSettings,
    Presence,
)
from cxanim.pipelines.live_clip import live_from_clip, live_target
from cxanim.pipelines.live_loop import CameraFrame, LiveLoop, Newest, Shown
from cxanim.pipelines.machine import keep_freed_memory
from cxanim.pipelines.pace import Grade, Pace, counted_fps, grades, network_grades
from cxanim.pipelines.puppet import Puppet
from cxanim.pipelines.puppet_network import make_network
from cxanim.pipelines.refine import Word, window_of
from cxanim.pipelines.render import Renderer
from cxanim.video import open_video, probe_video

FPS = 30
_ROUND = 100  # frames of which the last fifth show nobody
NOBODY = np.full((360, 480, 3), 110, np.uint8)


def before_the_camera(aside_px: int = 0) -> np.ndarray:
    """The astronaut before a grey wall, (360, 480, 3), so far to the right of the middle."""
    frame = NOBODY.copy()
    face = crop().cut(astronaut(), 320)
    frame[20:340, 80 + aside_px : 400 + aside_px] = face
    return frame


@pytest.fixture(scope="module")
def puppet(character: Path):
    return live_target(character, 128)


@pytest.fixture
def live(puppet) -> Iterator[LivePuppet]:
    live = LivePuppet(puppet, LiveSettings(mirror=False))
    yield live
    live.close()


class Camera:
    """Gives one live puppet frames, 30 a second by its own clock."""

    def __init__(self, live: LivePuppet):
        self.live, self.time_s = live, 0.0

    def see(self, frame: np.ndarray, seconds: float = 1 / FPS) -> list[np.ndarray]:
        """The target's faces for a frame that stays so long."""
        faces = []
        for _ in range(max(1, round(seconds * FPS))):
            self.time_s += 1 / FPS
            faces.append(self.live.follow(frame, self.time_s))
        return faces


def place(face: np.ndarray) -> float:
    return float(face[:468, 0].mean())


def largest_step(faces: list[np.ndarray]) -> float:
    """How far any point goes from one frame to the next, as a share of all its way."""
    way = np.ptp(faces, axis=0).max()
    return float(np.abs(np.diff(faces, axis=0)).max() / way)


# The parts


def test_presence_comes_and_goes_softly_and_bridges_a_blink_of_the_detector():
    presence, shares = Presence(), []
    for number in range(3 * FPS):
        time_s = number / FPS
        shares.append(presence.next(is_seen=time_s < 1 or 1.5 > time_s > 1.2, time_s=time_s))
    assert shares[0] == 0 and shares[FPS] == 1  # all there within a second
    assert min(shares[FPS : int(1.7 * FPS)]) == 1  # though not seen for a fifth of a second
    assert shares[-1] == 0 and np.abs(np.diff(shares)).max() < 0.2


def test_the_newest_takes_the_place_of_what_waits():
    room: Newest[int] = Newest()
    assert [room.put(1), room.put(2), room.take()] == [None, 1, 2]
    taken = []
    taker = threading.Thread(target=lambda: taken.append(room.take()))
    taker.start()
    room.close()
    taker.join(5)
    assert taken == [None] and room.put(3) == 3 and room.take() is None


def test_where_pictures_take_too_long_they_become_smaller_and_larger_again_when_there_is_time():
    pace, time_s, sizes = Pace([Grade(512, 1), Grade(256, 1), Grade(128, 1)]), 0.0, []

    def run(cost_ms: dict[int, float], seconds: float) -> None:
        nonlocal time_s
        for _ in range(round(30 * seconds)):
            time_s += 1 / 30
            sizes.append(pace.grade.size_px)
            pace.note(cost_ms[pace.grade.size_px], time_s)

    run({512: 20, 256: 8, 128: 4}, 5)
    assert set(sizes) == {512}
    run({512: 50, 256: 20, 128: 8}, 20)
    assert pace.grade.size_px == 256 and sizes[170] == 256  # at once
    run({512: 20, 256: 7, 128: 4}, 15)
    assert pace.grade.size_px == 512
    sizes.clear()
    run({512: 60, 256: 7, 128: 4}, 300)  # what looks as if it would fit, and does not
    assert sizes.count(512) < 0.1 * len(sizes)


def test_what_no_picture_waits_for_gets_a_third_of_the_time():
    pace = Pace([Grade(256, 1, asks_every=every, dearer=2.0) for every in (1, 2, 4)])
    for number in range(60):
        pace.note({1: 20, 2: 20, 4: 20}[pace.grade.asks_every], number / 30)
    assert pace.grade.asks_every == 1  # each picture waits for it, and it fits
    pace = Pace([Grade(256, 1, asks_every=every, dearer=2.0) for every in (1, 2, 4)])
    for number in range(60):
        pace.note({1: 40, 2: 20, 4: 10}[pace.grade.asks_every], number / 30)
    assert pace.grade.asks_every == 4


def test_a_network_is_asked_as_often_as_surely_fits_and_of_the_whole_only_there(puppet):
    trained = replace(puppet, network=make_network(128, "live"))
    for whole_ms, every in ((150.0, 10), (30.0, 2), (12.0, 1)):
        pace = Pace(network_grades(trained))
        pace._change(1, 0.0)
        for number in range(900):
            pace.note(whole_ms if pace.grade.asks_every == 1 else 0.45 * whole_ms / pace.grade.asks_every, number / 30)
        assert pace.grade.asks_every == every
    slow = Pace([Grade(256, 1, asks_every=every, dearer=2.0) for every in (1, 2, 4)])
    for number in range(60):
        slow.note({1: 40, 2: 10, 4: 5}[slow.grade.asks_every], number / 30)
    assert slow.grade.asks_every == 4  # a third of the time, not half


def test_a_network_that_sees_all_or_nothing_is_not_asked_of_the_face_alone(puppet):
    whole = replace(puppet, network=make_network(128, "paper"), grain=0.0, steadiness=0.0)
    renderer = Renderer(whole)
    renderer.answers.asks_every = 2
    asked, ask = [], renderer._refiner.word_on
    renderer._refiner.word_on = lambda *seen: asked.append(seen) or ask(*seen)
    renderer.show(whole.neutral_face)
    assert asked[0][3] == window_of(asked[0][1])


def test_a_single_slow_picture_changes_nothing():
    pace = Pace([Grade(256, 1), Grade(128, 1)])
    for number in range(60):
        pace.note(90 if number % 20 == 7 else 10, number / 30)
    assert pace.grade.size_px == 256


@pytest.mark.parametrize(
    ("camera_fps", "took_ms", "asks_every"),
    [(60, 20, 1), (30, 50, 4), (15, 50, 1), (15, 60, 4), (5, 80, 1), (5, 90, 4)],
)
def test_before_a_slow_camera_pictures_may_take_longer(camera_fps: float, took_ms: float, asks_every: int):
    pace = Pace([Grade(256, 1, asks_every=every, dearer=2.0) for every in (1, 2, 4)], camera_fps)
    for number in range(90):
        pace.note(took_ms / pace.grade.asks_every, number / 30)
    assert pace.grade.asks_every == asks_every


def test_before_a_slow_camera_finer_pictures_come_back_sooner():
    finer = {}
    for camera_fps in (30.0, 15.0):
        pace = Pace([Grade(256, 1), Grade(128, 1)], camera_fps)
        pace._change(1, 0.0)
        for number in range(600):
            pace.note({256: 40, 128: 12}[pace.grade.size_px], number / 30)
        finer[camera_fps] = pace.grade.size_px
    assert finer == {30.0: 128, 15.0: 256}


@pytest.mark.parametrize(
    ("said", "counted"), [(25, 25), (60, 30), (2, 5), (0, 30), (-1, 30), (np.nan, 30), (np.inf, 30)]
)
def test_cameras_that_say_nonsense_are_taken_as_common_ones(said: float, counted: float):
    assert counted_fps(said) == counted


# The puppet


def test_both_paces_know_the_camera(puppet):
    live = LivePuppet(puppet, camera_fps=15.0)
    assert live._pace._longer == live._network_pace._longer == 2.0
    live.close()


def test_a_slow_machine_shows_fewer_pixels(character: Path, monkeypatch: pytest.MonkeyPatch):
    live = LivePuppet(live_target(character, 256), LiveSettings())
    assert live.show(live.puppet.neutral_face).shape == (256, 256, 3)
    monkeypatch.setattr("cxanim.pipelines.pace.BUDGET_MS", 0.001)
    for _ in range(40):
        picture = live.show(live.puppet.neutral_face)
    assert picture.shape == (128, 128, 3)
    live.settings = LiveSettings(adapt=False)
    assert live.show(live.puppet.neutral_face).shape == (256, 256, 3)
    live.close()


def test_a_trained_puppet_on_a_slow_machine_is_shown_from_fewer_references(puppet, monkeypatch: pytest.MonkeyPatch):
    references = (puppet.references[0],) * 5
    trained = replace(puppet, references=references, network=make_network(128, "live"))
    assert grades(trained) == [Grade(128, 4, 1.5), Grade(128, 2, 1.5), Grade(128, 1)]
    assert [grade.most_blended for grade in grades(replace(trained, references=references[:3]))] == [3, 2, 1]
    assert grades(puppet) == [Grade(128, 1)]
    live = LivePuppet(trained, LiveSettings())
    blended = []
    monkeypatch.setattr("cxanim.pipelines.pace.BUDGET_MS", 0.001)
    for _ in range(40):
        assert live.show(trained.neutral_face).shape == (128, 128, 3)
        blended.append(live._renderer().retrieval.most)
    assert (blended[0], blended[-1]) == (4, 1) and 2 in blended
    live.close()


def test_a_slow_network_takes_no_reference_away(puppet, monkeypatch: pytest.MonkeyPatch):
    trained = replace(puppet, references=(puppet.references[0],) * 5, network=make_network(128, "live"))
    monkeypatch.setattr("cxanim.pipelines.pace.BUDGET_MS", 20.0)
    monkeypatch.setattr(Renderer, "begin", lambda self, face: None)
    monkeypatch.setattr(Renderer, "finish", lambda self, begun: np.zeros((128, 128, 4), np.uint8))
    live = LivePuppet(trained, LiveSettings())
    live._renderers[128] = Renderer(trained)
    live._renderers[128].answers.picture_ms = 30.0
    for _ in range(40):
        live.show(trained.neutral_face)
    renderer = live._renderer()
    assert renderer.retrieval.most == 4 and renderer.answers.asks_every == 3 and not renderer.answers.waits
    live.settings = LiveSettings(adapt=False)
    assert live._renderer().answers.asks_every == 1 and renderer.answers.waits
    live.close()


def outspoken(puppet: Puppet) -> Puppet:
    """The same with a network that changes much, and nothing that looks back in time."""
    torch.manual_seed(0)
    trained = replace(puppet, network=make_network(128, "live"), grain=0.0, steadiness=0.0)
    for head in (trained.network.to_picture, trained.network.to_coarse):
        torch.nn.init.normal_(head.weight, std=0.2)
    return trained


def test_a_network_that_is_asked_for_every_third_frame_is_the_same_on_a_face_that_does_not_move(puppet):
    trained = outspoken(puppet)
    seldom, always, never = Renderer(trained), Renderer(trained), Renderer(replace(trained, network=None))
    seldom.answers.asks_every = 3
    asked, ask = [], seldom._refiner.word_on
    seldom._refiner.word_on = lambda *seen: asked.append(seen[3]) or ask(*seen)
    faces = [trained.neutral_face + np.float32(1e-5 * number) for number in range(7)]  # not one that is repeated
    near = near_face(np.full((128, 128), 255, np.uint8), trained.neutral_face)
    for face in faces:
        one, other, warped = (renderer.show(face).astype(int) for renderer in (seldom, always, never))
        assert np.abs(one - other)[near == 255].mean() < 0.3
        assert (one == warped)[near == 0].all()
        assert (other != warped)[near == 0].mean() > 0.3
    assert len(asked) == 3 and all(window == window_of(near) for window in asked)
    assert window_of(near).width < 128
    gone = trained.neutral_face + np.float32([2, 0, 0])
    for _ in range(4):
        gone = gone + np.float32(1e-5)
        assert np.array_equal(seldom.show(gone), never.show(gone))
    assert len(asked) == 3  # no face is there to be asked of
    still = always.show(faces[0]).astype(int)
    assert np.abs(still - trained.references[trained.neutral].picture).mean() > 1


def test_a_network_that_answers_beside_is_not_waited_for(puppet):
    trained = outspoken(puppet)
    renderer, waiting = Renderer(trained), Renderer(trained)
    renderer.answers.waits = False
    may_answer, ask, asked = threading.Event(), renderer._refiner.word_on, []

    def slow(*seen):
        asked.append(seen)
        if len(asked) > 1:  # the first is waited for: there is nothing to show before
            assert may_answer.wait(20)
        return ask(*seen)

    renderer._refiner.word_on = slow
    faces = [trained.neutral_face + np.float32(1e-5 * number) for number in range(5)]
    for face in faces:  # its answer to the second is still to come
        assert np.abs(renderer.show(face).astype(int) - waiting.show(face)).mean() < 0.3
    may_answer.set()
    renderer.answers._beside.wait()
    assert len(asked) == 2 and renderer.answers._beside.newest[0] is not faces[0]
    renderer._refiner.word_on = lambda *seen: 1 / 0
    with pytest.raises(ZeroDivisionError):
        for number in range(5, 50):
            renderer.show(trained.neutral_face + np.float32(1e-5 * number))
            time.sleep(0.01)
    renderer.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("cxanim-beside")]


def test_what_a_network_said_moves_along_with_the_head(puppet):
    """A change of colour on one spot is carried to where the head has gone: turned, nearer and aside."""
    size, face = 128, puppet.neutral_face
    turn = np.array([[np.cos(0.2), -np.sin(0.2)], [np.sin(0.2), np.cos(0.2)]], np.float32)
    later = face.copy()
    later[:, :2] = 1.1 * (face[:, :2] - 0.5) @ turn.T + [0.53, 0.47]
    way = way_in_picture(face, later, size)
    spot = face[1, :2] * size - 0.5
    change = np.zeros((size, size, 3), np.float32)
    cv2.circle(change, np.round(spot).astype(int).tolist(), 5, (1, 1, 1), -1)
    whole = Window(0, 0, size, size)
    moved = Word(change, np.zeros((size, size, 2), np.float32), whole).moved(way, Window(20, 10, 96, 96))
    rows, columns = np.nonzero(moved.change[..., 0] > 0.5)
    middle = np.array([columns.mean() + 20, rows.mean() + 10])
    assert np.linalg.norm(middle - (later[1, :2] * size - 0.5)) < 1
    assert len(rows) == pytest.approx((change[..., 0] > 0.5).sum() * 1.1**2, rel=0.15)


def test_a_smaller_puppet_shows_the_same_face(character: Path):
    large = live_target(character, 256)
    small = large.resized(128)
    shown = Renderer(small).show(small.neutral_face)
    wanted = cv2.resize(Renderer(large).show(large.neutral_face), (128, 128), interpolation=cv2.INTER_AREA)
    assert shown.shape == (128, 128, 3) and np.abs(shown.astype(int) - wanted).mean() < 2
    trained = replace(small, network=make_network(128, "live"))
    with pytest.raises(ValueError, match="trained"):
        trained.resized(64)


def test_it_rests_until_calibrated_and_then_follows(live: LivePuppet):
    camera, neutral = Camera(live), live.puppet.neutral_face
    camera.see(NOBODY)
    assert live.state == WAITING
    early = camera.see(before_the_camera(), CALIBRATION_S / 2)
    assert live.state == CALIBRATING and np.array_equal(early[-1], neutral)
    calm = camera.see(before_the_camera(), 1.5)
    assert live.state == FOLLOWING
    assert np.abs(calm[-1] - neutral).max() < 0.1 * eye_distance(neutral)  # nothing is done, and nothing arrives
    moved = camera.see(before_the_camera(40), 0.5)
    assert place(moved[-1]) > place(calm[-1]) + 0.1 * eye_distance(neutral)
    assert live.show(moved[-1]).shape == (128, 128, 3)


def test_as_a_mirror_it_goes_to_the_side_that_you_go_to(live: LivePuppet):
    live.settings = LiveSettings(mirror=True)
    camera = Camera(live)
    calm = camera.see(before_the_camera(), 1.6)
    moved = camera.see(before_the_camera(40), 0.5)  # to the person's left, which is the right of what a camera sees
    assert place(moved[-1]) < place(calm[-1]) - 0.1 * eye_distance(calm[-1])


def test_who_leaves_lets_it_relax_and_who_returns_takes_it_along_without_a_jump(live: LivePuppet):
    camera, neutral = Camera(live), live.puppet.neutral_face
    camera.see(before_the_camera(), 1.6)
    aside = camera.see(before_the_camera(60), 0.6)
    gone = camera.see(NOBODY, 1.5)
    assert live.state == WAITING and np.abs(gone[-1] - neutral).max() < 1e-3
    back = camera.see(before_the_camera(60), 1.0)
    assert place(back[-1]) == pytest.approx(place(aside[-1]), abs=0.05)
    assert largest_step([aside[-1], *gone, *back]) < 0.2


def test_a_hand_before_the_face_is_no_jump_and_when_it_goes_all_is_as_before(live: LivePuppet):
    camera = Camera(live)
    camera.see(before_the_camera(), 1.6)
    aside = camera.see(before_the_camera(40), 0.6)
    covered = before_the_camera(40)
    cv2.ellipse(covered, (280, 190), (75, 110), 20, 0, 360, (205, 160, 140), -1, cv2.LINE_AA)
    hidden = camera.see(covered, 1.5)
    back = camera.see(before_the_camera(40), 1.0)
    assert live.state == FOLLOWING
    assert place(back[-1]) == pytest.approx(place(aside[-1]), abs=0.05)
    assert np.abs(np.diff([aside[-1], *hidden, *back], axis=0)).max() < 0.2 * eye_distance(aside[-1])


def test_when_somebody_else_comes_in_the_first_is_followed(live: LivePuppet):
    def two(aside_px: int) -> np.ndarray:
        frame = np.full((360, 640, 3), 110, np.uint8)
        frame[40:360, 0:320] = crop().cut(astronaut(), 320)
        if aside_px:  # a larger face, further to the right
            frame[:, 280 + aside_px :] = crop().cut(astronaut(), 360)[:, : 360 - aside_px]
        return frame

    camera = Camera(live)
    calm = camera.see(two(0), 1.6)
    with_another = camera.see(two(20), 1.0)
    assert np.abs(with_another[-1] - calm[-1]).max() < 0.15 * eye_distance(calm[-1])


def test_with_the_lights_off_it_rests(live: LivePuppet):
    camera = Camera(live)
    camera.see(before_the_camera(40), 1.6)
    camera.see(before_the_camera(80), 0.5)
    dark = camera.see(np.random.default_rng(0).integers(0, 4, (360, 480, 3), np.uint8), 1.5)
    assert live.state == WAITING and np.abs(dark[-1] - live.puppet.neutral_face).max() < 1e-3


def test_memory_does_not_grow(live: LivePuppet):
    def resident_mb() -> float:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6

    if not Path("/proc/self/statm").exists():
        pytest.skip("this system does not tell how much memory a program has")
    camera, sizes = Camera(live), []
    for number in range(7 * _ROUND):
        is_there = number % _ROUND < 0.8 * _ROUND
        face = camera.see(before_the_camera(round(30 * np.sin(number / 9))) if is_there else NOBODY)[-1]
        live.show(face)
        sizes.append(resident_mb())
    # A frame that were kept would be half a megabyte, a picture 50 kB: so much would each frame add. The allocator
    # takes memory in steps, and one step is no leak; what grows grows in every round.
    rounds_mb = np.diff(sizes[_ROUND - 1 :: _ROUND][1:])
    assert float(np.median(rounds_mb)) / _ROUND < 0.04, rounds_mb


def test_calibrating_again_takes_what_is_done_now_as_relaxed_without_a_jump(live: LivePuppet):
    camera = Camera(live)
    camera.see(before_the_camera(), 1.6)
    aside = camera.see(before_the_camera(60), 0.5)
    live.calibrate()
    again = camera.see(before_the_camera(60), 1.8)
    assert largest_step([aside[-1], *again]) < 0.2
    assert np.abs(again[-1] - live.puppet.neutral_face).max() < 0.1 * eye_distance(again[-1])


def test_who_asks_before_the_first_frame_is_taken_at_their_word_too(live: LivePuppet):
    live.calibrate()
    Camera(live).see(before_the_camera())
    assert live._calibration._target is None


def test_frozen_it_stays_and_keys_add_to_what_is_done(live: LivePuppet):
    camera = Camera(live)
    calm = camera.see(before_the_camera(), 1.6)
    live.pressed = Expression(jaw=1)
    open_mouth = camera.see(before_the_camera(), 0.5)
    gap = np.linalg.norm(open_mouth[-1][13] - open_mouth[-1][14]) - np.linalg.norm(calm[-1][13] - calm[-1][14])
    assert gap > 0.2 * eye_distance(calm[-1])
    live.is_frozen = True
    frozen = camera.see(before_the_camera(50), 0.3)
    assert live.state == FROZEN and all(np.array_equal(face, open_mouth[-1]) for face in frozen)
    camera.see(before_the_camera(20), 0.3)
    live.is_frozen, live.pressed = False, Expression()
    released = camera.see(before_the_camera(20), 1.0)
    assert largest_step([frozen[-1], *released]) < 0.2
    gap = np.linalg.norm(released[-1][13] - released[-1][14]) - np.linalg.norm(calm[-1][13] - calm[-1][14])
    assert abs(gap) < 0.05 * eye_distance(calm[-1]) and place(released[-1]) > place(calm[-1])


def test_gains_count_from_the_next_frame_on(live: LivePuppet):
    camera = Camera(live)
    camera.see(before_the_camera(), 1.6)
    moved = camera.see(before_the_camera(40), 0.5)
    live.settings = LiveSettings(mirror=False, head=0)
    still = camera.see(before_the_camera(40), 1 / FPS)
    assert abs(place(still[-1]) - place(live.puppet.neutral_face)) < 0.2 * abs(
        place(moved[-1]) - place(live.puppet.neutral_face)
    )


def test_what_is_made_ready_shows_its_first_picture_as_soon_as_the_others(character: Path):
    puppet = live_target(character, 128)
    live = LivePuppet(replace(puppet, references=puppet.references * 3))
    live.prepare()
    assert sorted(live._renderer()._warps) == [0, 1, 2]
    assert np.array_equal(live.show(puppet.neutral_face), LivePuppet(puppet).show(puppet.neutral_face))
    live.close()


def test_after_the_end_no_frame_is_taken(puppet):
    live = LivePuppet(puppet)
    live.close()
    with pytest.raises(ValueError, match="after the end"):
        live.follow(NOBODY, 0.0)


def test_settings_refuse_what_cannot_be():
    with pytest.raises(BadSetting, match="smoothing"):
        LiveSettings(smoothing=-1)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told to keep freed memory")
def test_the_next_picture_finds_the_memory_of_the_one_before():
    import resource

    assert keep_freed_memory()
    network = make_network(256, "live").eval()
    condition = torch.rand(1, 7, 256, 256)
    with torch.inference_mode():
        for _ in range(5):
            network(condition)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        for _ in range(5):
            network(condition)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before < 5 * 700  # some 7,000 a picture without


# The loop


class Pretend:
    """In the place of a live puppet: takes its time."""

    state, settings = FOLLOWING, LiveSettings()

    def __init__(self, follow_s: float = 0.0, warp_s: float = 0.0, show_s: float = 0.0):
        self.follow_s, self.warp_s, self.show_s, self.closed = follow_s, warp_s, show_s, 0

    def follow(self, frame: np.ndarray, time_s: float) -> np.ndarray:
        if frame is None:
            raise RuntimeError("the camera broke")
        time.sleep(self.follow_s)
        return frame

    def begin(self, face: np.ndarray) -> np.ndarray:
        time.sleep(self.warp_s)
        return face

    def finish(self, face: np.ndarray) -> np.ndarray:
        time.sleep(self.show_s)
        return face

    def close(self) -> None:
        self.closed += 1


def wait_for(condition, seconds: float = 5.0) -> None:
    until_s = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until_s, "it did not happen in time"
        time.sleep(0.002)


@pytest.mark.parametrize("slow", [dict(show_s=0.03), dict(warp_s=0.03), dict(follow_s=0.03)])
def test_each_frame_is_told_of_once_and_newer_ones_take_the_place_of_old_ones(slow: dict):
    told: list[Shown] = []
    loop = LiveLoop(Pretend(**slow), told.append, pytest.fail)
    for number in range(40):
        loop.offer(CameraFrame(number, number / FPS, np.full(1, number)))
        time.sleep(0.005)
    wait_for(lambda: len(told) == 40)
    loop.close()
    assert sorted(shown.frame.number for shown in told) == list(range(40))
    made = [shown for shown in told if shown.picture is not None]
    assert [int(shown.picture[0]) for shown in made] == sorted(int(shown.picture[0]) for shown in made)
    assert 3 <= len(made) < 25 and made[-1].frame.number == 39
    assert set(made[0].stages_ms) == {"decode", "follow", "warp", "refine", "encode"}


def test_looking_and_showing_overlap():
    told: list[Shown] = []
    loop = LiveLoop(Pretend(follow_s=0.1, warp_s=0.04, show_s=0.04), told.append, pytest.fail)
    began_s = time.monotonic()
    for number in range(10):
        loop.offer(CameraFrame(number, 0, np.zeros(1)))
        time.sleep(0.11)
    wait_for(lambda: len(told) == 10)
    loop.close()
    assert all(shown.picture is not None for shown in told)
    assert time.monotonic() - began_s < 10 * 0.18 * 0.8


def test_a_frame_is_looked_at_only_when_it_can_be_shown_soon():
    """Where showing takes long, most frames that are looked at earlier would give way to newer ones."""
    told: list[Shown] = []
    pretend = Pretend(warp_s=0.03, show_s=0.03)
    looked, follow = [], pretend.follow
    pretend.follow = lambda frame, time_s: looked.append(time_s) or follow(frame, time_s)
    loop = LiveLoop(pretend, told.append, pytest.fail)
    for number in range(200):
        loop.offer(CameraFrame(number, number / FPS, np.zeros(1)))
        time.sleep(0.005)
    wait_for(lambda: len(told) == 200)
    loop.close()
    made = sum(shown.picture is not None for shown in told)
    assert 10 <= made < 30 and len(looked) < 100  # before the first is shown it does not know yet


def test_a_slow_first_picture_makes_nothing_late():
    told: list[Shown] = []
    pretend = Pretend(show_s=0.5)
    loop = LiveLoop(pretend, told.append, pytest.fail)
    for number in range(60):
        loop.offer(CameraFrame(number, number / FPS, np.zeros(1)))
        time.sleep(0.02)
        pretend.show_s = 0.005
    wait_for(lambda: len(told) == 60)
    loop.close()
    made = [shown.frame.number for shown in told if shown.picture is not None]
    assert len(made) > 20 and np.diff(made[2:]).max() < 10


def test_an_error_is_told_and_nothing_comes_after():
    told, errors, pretend = [], [], Pretend()
    loop = LiveLoop(pretend, told.append, errors.append)
    loop.offer(CameraFrame(0, 0, None))
    wait_for(lambda: errors)
    loop.offer(CameraFrame(1, 0, np.zeros(1)))
    loop.close()
    assert str(errors[0]) == "the camera broke" and pretend.closed == 1
    assert [shown.picture for shown in told] == [None]


def test_a_frame_that_is_no_picture_is_left_out(puppet):
    from cxanim.ui.live_frames import decoded

    told: list[Shown] = []
    loop = LiveLoop(Pretend(), told.append, pytest.fail, decode=decoded)
    loop.offer(CameraFrame(0, 0, b"no picture"))
    wait_for(lambda: told)
    loop.close()
    assert told[0].picture is None


@pytest.mark.parametrize("name", ["I420", "NV12"])
def test_a_frame_as_the_camera_gives_it(name: str):
    from cxanim.ui.live_frames import decoded

    rgb = np.kron(np.random.default_rng(0).integers(30, 220, (6, 8, 3)), np.ones((4, 4, 1))).astype(np.uint8)
    planes = cv2.cvtColor(rgb, cv2.COLOR_RGB2YUV_I420)
    if name == "NV12":  # the colours one beside the other instead of one after the other
        planes[24:] = planes[24:].reshape(2, -1).T.reshape(12, 32)
    content = name.encode() + struct.pack("<HH", 32, 24) + planes.tobytes()
    assert np.abs(decoded(content).astype(int) - rgb).max() <= 6
    short, odd = content[:-1], name.encode() + struct.pack("<HH", 31, 24) + planes.tobytes()
    large = name.encode() + struct.pack("<HH", 1282, 960) + bytes(1282 * 960 * 3 // 2)
    for bad in (short, odd, large, content + b"x", content[:4], content[:7], name.encode() + bytes(4)):
        with pytest.raises(UnreadableImage):
            decoded(bad)


def test_closing_ends_the_threads():
    before = threading.active_count()
    loops = [LiveLoop(Pretend(), lambda shown: None, pytest.fail) for _ in range(3)]
    assert threading.active_count() == before + 6
    for loop in loops:
        loop.close()
    assert threading.active_count() == before


# A clip in the camera's place


def test_a_clip_drives_as_a_camera_would(puppet, test_data: Path, tmp_path: Path):
    clip = test_data / "faces" / "lp_d0.mp4"
    began_s = time.monotonic()
    run = live_from_clip(puppet, clip, tmp_path / "out.mp4")
    seen, made = probe_video(clip), probe_video(tmp_path / "out.mp4")
    assert time.monotonic() - began_s > 0.9 * seen.duration_s  # it came at its own pace
    assert made.duration_s == pytest.approx(seen.duration_s, abs=0.1) and (made.width_px, made.height_px) == (128, 128)
    assert 0 < run.shown <= run.frames and run.fps == pytest.approx(25)
    assert 0 < run.latency_p50_ms <= run.latency_p95_ms
    assert run.to_dict()["shown_fps"] <= 25
    with open_video(tmp_path / "out.mp4") as video:
        frames = np.array(list(video), np.int16)
    assert np.abs(frames[-20:] - frames[0]).mean() > 0.3, "the puppet never moved"
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]


def test_a_puppet_knows_how_often_its_camera_gives_frames(
    puppet, test_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def told(puppet, settings, device, camera_fps: float):
        raise CxanimError(f"{camera_fps:.2f}", "")

    monkeypatch.setattr("cxanim.pipelines.live_clip.live_before", told)
    with pytest.raises(CxanimError, match=r"25\.00"):
        live_from_clip(puppet, test_data / "faces" / "lp_d0.mp4", tmp_path / "out.mp4")


def test_a_picture_is_no_place_for_a_live_video(puppet, tmp_path: Path):
    with pytest.raises(CannotWrite, match="would be a picture"):
        live_from_clip(puppet, tmp_path / "clip.mp4", tmp_path / "out.png")


def test_a_photo_is_a_puppet_of_the_wanted_size(character: Path):
    assert live_target(character, 256).size_px == 256
