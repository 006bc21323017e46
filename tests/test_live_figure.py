"""A whole figure before a camera: who is seen is pretended, so that it is known where they are."""

import json
import threading
from pathlib import Path

import numpy as np
import pytest
from figures import body_at_rest, drawn_puppet, waving_bodies

from cxanim.cli import main
from cxanim.motion.detect import Detector
from cxanim.motion.pose import Pose
from cxanim.motion.room import Room
from cxanim.motion.skeleton import shows_a_figure
from cxanim.pipelines import live_figure
from cxanim.pipelines.live import CALIBRATING, FOLLOWING, FROZEN, WAITING, LivePuppet, LiveSettings
from cxanim.pipelines.live_figure import LiveFigure, live_before
from cxanim.video import open_video

STEP_S = 1 / 30
LEFT_WRIST = 15
NOBODY = 255


class PretendDetector:
    """Sees the pose whose number is written into a frame's corner, from whichever side it is looked at."""

    poses: list[Pose] = []
    looks = 0

    def __init__(self, parts: str):
        assert parts == "body"

    def detect(self, frame: np.ndarray) -> Pose:
        PretendDetector.looks += 1
        number = int(frame[0, 0, 0])
        return Pose() if number == NOBODY else PretendDetector.poses[number]

    def close(self) -> None:
        pass


def frame(number: int) -> np.ndarray:
    picture = np.zeros((48, 64, 3), np.uint8)
    picture[0, 0] = number
    return picture


@pytest.fixture
def live(monkeypatch: pytest.MonkeyPatch) -> LiveFigure:
    """A figure whose driver stands as it does, then lifts the arms; not mirrored, not smoothed."""
    monkeypatch.setattr(live_figure, "Detector", PretendDetector)
    PretendDetector.poses = [Pose(body=body_at_rest())] * 40 + [Pose(body=body) for body in waving_bodies(60)]
    PretendDetector.looks = 0
    return LiveFigure(drawn_puppet(), LiveSettings(mirror=False, smoothing=0.0))


def follow(live: LiveFigure, numbers: list[int], start_s: float = 0.0) -> list[np.ndarray]:
    """The bodies that the figure has, and in `live.state` what it does at the end."""
    return [
        live.follow(frame(number), start_s + place * STEP_S).need_body().copy() for place, number in enumerate(numbers)
    ]


def largest_step(bodies: list[np.ndarray]) -> float:
    return max(float(np.abs(b - a)[:, :2].max()) for a, b in zip(bodies, bodies[1:], strict=False))


def test_it_measures_for_a_second_and_then_does_as_it_is_shown(live: LiveFigure):
    assert live.state == WAITING
    follow(live, list(range(10)))
    assert live.state == CALIBRATING
    bodies = follow(live, list(range(10, 90)), 10 * STEP_S)
    assert live.state == FOLLOWING
    wanted = PretendDetector.poses[69].need_body()  # the arms are up
    got = bodies[59]
    assert np.abs(got - wanted)[[LEFT_WRIST, LEFT_WRIST + 1], :2].max() < 0.05
    assert got[LEFT_WRIST, 1] < body_at_rest()[LEFT_WRIST, 1] - 0.2
    assert PretendDetector.looks <= 90 / 2 + 3  # every second frame is foretold


def test_what_is_foretold_lies_on_the_way(live: LiveFigure):
    """Between two looks the arms go on: no frame repeats the one before while they move."""
    bodies = follow(live, list(range(70)))
    heights = np.array([body[LEFT_WRIST, 1] for body in bodies[48:62]])
    assert (np.diff(heights) < 0).all()


def test_a_slow_look_is_not_waited_for(live: LiveFigure, monkeypatch: pytest.MonkeyPatch):
    before, go, detect = follow(live, list(range(52))), threading.Event(), PretendDetector.detect
    monkeypatch.setattr(PretendDetector, "detect", lambda self, frame: go.wait(20) and detect(self, frame))
    live._eyes._look_ms = 1000.0
    meanwhile = follow(live, list(range(52, 92)), 52 * STEP_S)
    assert not go.is_set()
    heights = np.array([body[LEFT_WRIST, 1] for body in [*before[-2:], *meanwhile]])
    step = heights[0] - heights[1]
    assert step > 0.2 * step > heights[2] - heights[1]  # on, as foretold
    assert (np.abs(heights[2:] - heights[1]) < 1.5 * step).all()  # no farther than a frame foretells
    assert np.ptp(heights[-30:]) < 1e-6  # and then it stays where it was seen
    go.set()
    live._eyes._seen._beside.wait()
    after = follow(live, [74] * 17, 92 * STEP_S)
    assert np.abs(after[-1] - PretendDetector.poses[74].need_body())[LEFT_WRIST, :2].max() < 0.05
    live.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("cxanim-beside")]


def test_hands_that_are_foretold_keep_their_shape(live: LiveFigure):
    eyes, random = live._eyes, np.random.default_rng(0)
    hands = [random.random((21, 3)).astype(np.float32) for _ in range(2)]
    eyes._looks = [
        (place * STEP_S, Pose(body=body_at_rest() + np.float32(0.01 * place), left_hand=hand))
        for place, hand in enumerate(hands)
    ]
    foretold = eyes._foretold(2 * STEP_S)
    moved = foretold.left_hand - hands[1]
    np.testing.assert_allclose(moved, np.broadcast_to(moved[0], moved.shape), atol=1e-6)
    np.testing.assert_allclose(moved[0], 0.5 * (hands[1] - hands[0]).mean(0), atol=1e-5)
    np.testing.assert_allclose(foretold.body[LEFT_WRIST, 0] - body_at_rest()[LEFT_WRIST, 0], 0.015, atol=1e-5)
    late = eyes._foretold(8 * STEP_S)
    assert late is eyes._looks[1][1]  # a quarter of a second later nothing is foretold


def test_every_frame_is_looked_at_where_nothing_can_be_foretold(live: LiveFigure):
    follow(live, [NOBODY] * 20)
    assert PretendDetector.looks == 20
    slowly, before = 0.1, PretendDetector.looks
    for place in range(10):
        live.follow(frame(place), 20 * STEP_S + place * slowly)
    assert PretendDetector.looks == before + 10


def test_where_frames_come_seldom_a_look_may_take_longer(live: LiveFigure):
    waits = {}
    for camera_fps in (30.0, 10.0, 5.0):
        seldom = LiveFigure(live.puppet, live.settings, camera_fps=camera_fps)
        for place in range(2):
            seldom._eyes._look_ms = 55.0
            seldom.follow(frame(place), place / camera_fps)
        waits[camera_fps] = seldom._eyes._seen.waits
        seldom.close()
    assert waits == {30.0: False, 10.0: True, 5.0: True}


def test_a_body_moves_by_the_time_that_passed(live: LiveFigure):
    """Away for half a second, limbs fall to rest as far where every third frame is seen as where each is."""
    live.settings = LiveSettings(mirror=False, smoothing=0.0, adapt=False)
    follow(live, list(range(75)))
    rest, start_s, ways = drawn_puppet().rest.body, 75 * STEP_S, []
    for every in (1, 3):
        one = LiveFigure(live.puppet, live.settings)
        follow(one, list(range(75)))
        for place in range(0, 25, every):
            pose = one.follow(frame(NOBODY), start_s + place * STEP_S)
        ways.append(pose.need_body()[[LEFT_WRIST], :2] - rest[[LEFT_WRIST], :2])
        one.close()
    np.testing.assert_allclose(ways[0], ways[1], atol=0.01)
    assert np.abs(ways[0]).max() > 0.05


def test_who_is_away_meanwhile_is_measured_at_the_cameras_rate(live: LiveFigure, monkeypatch: pytest.MonkeyPatch):
    told, worker = [], live_figure.BodyRetarget
    monkeypatch.setattr(live_figure, "BodyRetarget", lambda *rest: told.append(rest[4]) or worker(*rest))
    follow(live, list(range(15)))
    follow(live, [NOBODY] * 60, 15 * STEP_S)
    follow(live, list(range(15, 20)), 75 * STEP_S)
    assert told == [pytest.approx(30)]


def test_a_coarse_clock_tells_many_frames_the_same_time(live: LiveFigure):
    """Some browsers round their clocks to a tenth of a second."""
    for place in range(80):
        body = live.follow(frame(place), np.floor(place * STEP_S * 10) / 10).need_body()
    assert live.state == FOLLOWING
    wanted = PretendDetector.poses[79].need_body()
    assert np.abs(body - wanted)[[LEFT_WRIST, LEFT_WRIST + 1], :2].max() < 0.05


def test_to_be_measured_anew_may_be_asked_for_at_any_moment(live: LiveFigure, monkeypatch: pytest.MonkeyPatch):
    """From another thread, in the very moment in which a second is over."""
    of = live_figure.Filmed.of
    monkeypatch.setattr(live_figure.Filmed, "of", lambda *given: live.calibrate() or of(*given))
    follow(live, list(range(40)))
    assert live._retarget is not None and live.state == CALIBRATING


def test_after_a_pause_somebody_is_looked_at_anew_however_slow_that_is(live: LiveFigure):
    follow(live, list(range(52)))
    live._eyes._look_ms = 1000.0
    live.follow(frame(75), 52 * STEP_S + 3)
    assert live._eyes._looks[-1][1] is PretendDetector.poses[75]
    follow(live, [75] * 30, 53 * STEP_S + 3)
    live._eyes._look_ms = 1000.0
    live.follow(frame(40), 200.0)
    assert live._eyes._looks[-1][1] is PretendDetector.poses[40]


def test_who_leaves_lets_the_figure_come_to_rest_and_nothing_jumps(live: LiveFigure):
    rest = drawn_puppet().rest.body
    up = follow(live, list(range(70)))
    away = follow(live, [NOBODY] * 90, 70 * STEP_S)
    assert live.state == WAITING
    assert np.abs(away[-1] - rest)[[LEFT_WRIST], :2].max() < 0.05 < np.abs(up[-1] - rest)[[LEFT_WRIST], :2].max()
    back = follow(live, [69] * 30, 160 * STEP_S)
    assert live.state == FOLLOWING
    assert np.abs(back[-1] - up[-1])[[LEFT_WRIST], :2].max() < 0.05
    assert largest_step([*up[45:], *away, *back]) < 0.12


def test_who_walks_out_of_a_wide_picture_waits_at_the_edge_of_a_narrow_one(live: LiveFigure):
    def hips(bodies: list[np.ndarray]) -> np.ndarray:
        return np.array([body[[23, 24], 0].mean() for body in bodies])

    ways = np.concatenate([np.zeros(40), np.linspace(0, 0.45, 40), np.linspace(0.45, -0.2, 40)])
    PretendDetector.poses = [Pose(body=body_at_rest() + np.float32([way, 0, 0, 0])) for way in ways]
    seen = hips(follow(live, list(range(len(ways)))))
    edge = live.puppet.frame[2] / live.puppet.size_px
    assert seen[:40] == pytest.approx(seen[0], abs=1e-3)
    assert 0.5 < seen.max() < edge - 0.2 * live.puppet.build.trunk  # not out of the picture
    steps = np.diff(seen)
    assert (steps[40:78] > -1e-3).all() and np.abs(steps).max() < 2.2 * 0.65 / 40  # no jump, and nobody turns back
    share = (seen.max() - seen[0]) / 0.45
    assert share < 0.8 and seen[-1] == pytest.approx(seen[0] - 0.2 * share, abs=0.02)  # all ways are shorter now
    live.calibrate()
    aside = body_at_rest() + np.float32([0.1, 0, 0, 0])
    PretendDetector.poses = [Pose(body=body_at_rest())] * 60 + [Pose(body=aside)] * 40
    again = hips(follow(live, list(range(100)), 10.0))
    assert again[-1] - again[50] == pytest.approx(0.1, abs=0.02)  # another driver has their own ways


def test_ways_that_were_shortened_grow_back():
    room, aside = Room(0.5, (0.0, 1.0), trunk=0.25), np.full((35, 2), 0.7)
    assert room.kept(aside)[0, 0] == pytest.approx(0.7)
    room.note(1.3)  # what was seen wrongly for a moment
    assert room.kept(aside)[0, 0] == pytest.approx(0.6) and room.kept(np.full((35, 2), 1.3))[0, 0] == pytest.approx(0.9)
    for _ in range(10):
        room.note(0.5, 1.0)
    assert 0.6 < room.kept(aside)[0, 0] < 0.7
    for _ in range(21):
        room.note(0.5, 1.0)
    assert room.kept(aside)[0, 0] == pytest.approx(0.7)
    room.note(0.1, 1.0)
    assert room.kept(aside)[0, 0] == pytest.approx(0.7)  # within
    at_the_edge = Room(0.95, (0.0, 1.0), trunk=0.25)
    at_the_edge.note(1.5)
    assert at_the_edge.kept(aside)[0, 0] == pytest.approx(0.7)  # who stands there at rest is left alone


def test_a_frozen_figure_stays_and_goes_on_softly(live: LiveFigure):
    follow(live, list(range(50)))
    live.is_frozen = True
    frozen = follow(live, list(range(50, 70)), 50 * STEP_S)
    assert live.state == FROZEN and largest_step(frozen) == 0
    live.is_frozen = False
    after = follow(live, [70] * 20, 70 * STEP_S)
    assert largest_step([frozen[-1], *after]) < 0.12


def test_a_mirror_sees_the_frame_the_other_way_round(live: LiveFigure):
    live.settings = LiveSettings(mirror=True, smoothing=0.0)
    mirrored = np.ascontiguousarray(frame(NOBODY)[:, ::-1])
    mirrored[0, 0] = 3  # which is at the other side once it is looked at
    live.follow(mirrored, 0.0)
    assert live.state == WAITING
    live.settings = LiveSettings(mirror=False, smoothing=0.0)
    live.follow(mirrored, STEP_S)
    assert live.state == CALIBRATING


def test_it_is_measured_anew_when_that_is_wanted(live: LiveFigure):
    follow(live, list(range(40)))
    live.calibrate()
    follow(live, [0], 40 * STEP_S)
    assert live.state == CALIBRATING
    follow(live, [0] * 40, 41 * STEP_S)
    assert live.state == FOLLOWING


def test_its_pictures_are_black_where_the_clip_had_nothing(live: LiveFigure):
    live.prepare()
    picture = live.show(live.follow(frame(0), 0.0))
    assert not picture[:, :28].any() and not picture[:, 228:].any() and picture[:, 28:228].mean() > 50
    assert np.array_equal(live.puppet.still[:, :28], picture[:, :28])
    live.close()


def test_faces_are_as_they_were(character: Path):
    from cxanim.pipelines.live_clip import live_target

    assert isinstance(live_before(live_target(character, 128), None, None), LivePuppet)


def test_a_hand_alone_before_the_camera_moves_nobody(test_data: Path):
    """Bodies are seen in more than half of these frames, by a detector that knows of nothing else."""
    live = LiveFigure(drawn_puppet(), LiveSettings())
    seen = Detector("body")
    bodies = 0
    with open_video(test_data / "bodies" / "tfjs_asl_hand.mp4", start_s=1.0) as video:
        for number, picture in zip(range(60), video, strict=False):
            pose = live.follow(picture, number * STEP_S)
            bodies += (body := seen.detect(picture).body) is not None and shows_a_figure(body)
            assert live.state == WAITING
            assert np.array_equal(pose.need_body(), live.puppet.rest.body)
    live.close()
    seen.close()
    assert bodies > 20


def test_a_clip_in_the_cameras_place_moves_a_figure(test_data: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    puppet, output = tmp_path / "drawn.puppet", tmp_path / "live.mp4"
    drawn_puppet().save(puppet)
    clip = test_data / "bodies" / "ghost_dance.mp4"
    assert main(["live", str(puppet), "--input", str(clip), "-o", str(output), "--json"]) == 0
    told = json.loads(capfd.readouterr().out)
    assert told["frames"] == 66 and told["shown"] > 5
    with open_video(output) as video:
        frames = list(video)
    assert len(frames) == 66 and np.abs(frames[-1].astype(int) - frames[0]).max(2).mean() > 1


def test_where_pictures_are_few_references_give_way_in_time(live: LiveFigure, monkeypatch: pytest.MonkeyPatch):
    told: list[float] = []
    renderer = live._renderer
    monkeypatch.setattr(renderer.retrieval, "next_shares", lambda body, frames: told.append(frames) or {0: 1.0})
    for now_s in (7.0, 7.0 + 1 / 60, 7.0 + 2 / 60, 7.0 + 6 / 60):
        monkeypatch.setattr(live_figure.time, "perf_counter", lambda now_s=now_s: now_s)
        live.begin(live.puppet.rest.pose)
    assert told == pytest.approx([np.inf, 1, 1, 2])
