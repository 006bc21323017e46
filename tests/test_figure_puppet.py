"""Puppets of whole figures, from clips: what they learn from, learn, keep and show, through the doors."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from faces import portrait_face
from figures import before_a_wall, body_at_rest, matte_by_colour, waving_bodies, write_capture

from cxanim.checkpoint import read_checkpoint, write_checkpoint
from cxanim.cli import main
from cxanim.errors import BadPuppet, BadSetting, CxanimError, NoFace
from cxanim.motion.body_build import Build
from cxanim.motion.camera_path import CameraPath
from cxanim.motion.crop import Crop
from cxanim.motion.expression import Expression, ExpressionBasis
from cxanim.motion.figure_retarget import retargeted_figure
from cxanim.motion.pose import Pose, eye_distance
from cxanim.motion.ratios import mouth_gap
from cxanim.motion.recording import Motion
from cxanim.motion.retarget import perform
from cxanim.motion.room import Room
from cxanim.motion.skeleton import HIPS, WRIST, joints_of
from cxanim.pipelines import evaluate_figure, figure_set, metrics
from cxanim.pipelines.edit import Editor
from cxanim.pipelines.figure_bank import StanceRetrieval
from cxanim.pipelines.figure_clip import ClipFigures
from cxanim.pipelines.figure_face import FACE_PX, FaceRefiner, added, face_training_set, face_window
from cxanim.pipelines.figure_fit import learn_figure
from cxanim.pipelines.figure_puppet import FORMAT, KIND, FigurePuppet, load_puppet
from cxanim.pipelines.figure_render import FigureRenderer
from cxanim.pipelines.figure_set import body_box, figure_training_set, frame_of
from cxanim.pipelines.fit import train
from cxanim.pipelines.learn import FitSettings
from cxanim.pipelines.machine import Machine
from cxanim.pipelines.puppet import Puppet
from cxanim.pipelines.puppet_network import make_network
from cxanim.pipelines.scoring import EvaluateSettings
from cxanim.pipelines.training_set import TrainingSet
from cxanim.pipelines.watch import Watch
from cxanim.video import open_video, open_video_writer

SIZE_PX = 128


FRAMES, FPS = 24, 25.0


def write_film(path: Path, pictures: list[np.ndarray]) -> Path:
    with open_video_writer(path, 256, 256, FPS) as writer:
        for picture in pictures:
            writer.write(picture)
        writer.finish()
    return path


class SegmenterByColour:
    """Stands in for the network that knows limbs."""

    matte = staticmethod(matte_by_colour)

    def __enter__(self) -> "SegmenterByColour":
        return self

    def __exit__(self, *error: object) -> None:
        pass


class SegmenterOfABystander(SegmenterByColour):
    """One that has its eye on somebody at the left edge."""

    @staticmethod
    def matte(picture: np.ndarray) -> np.ndarray:
        somebody = np.zeros(picture.shape[:2], np.float32)
        somebody[:, :12] = 1
        return somebody


@pytest.fixture(scope="module")
def known() -> Iterator[None]:
    """Of the drawn figure all is known that is found in films of people."""

    def observe(path: Path, watch: Watch, **how: object) -> ClipFigures:
        return ClipFigures(
            path, 256, 256, Motion.from_poses([Pose(body=body) for body in waving_bodies(FRAMES)], FPS), 1, FRAMES
        )

    with pytest.MonkeyPatch.context() as patch:
        for module in (figure_set, evaluate_figure):
            patch.setattr(module, "observe_figures", observe)
            patch.setattr(module, "person_matte", matte_by_colour)
        patch.setattr(figure_set, "FigureSegmenter", SegmenterByColour)
        yield


@pytest.fixture(scope="module")
def clip(known: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A second of the drawn figure before a standing camera."""
    return write_film(
        tmp_path_factory.mktemp("clip") / "waves.mp4", [before_a_wall(body) for body in waving_bodies(FRAMES)]
    )


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A capture, made here: both arms go up and down, the rest stands."""
    path = tmp_path_factory.mktemp("capture") / "waving.bvh"
    write_capture(path)
    return path


@pytest.fixture(scope="module")
def lessons(clip: Path) -> TrainingSet[FigurePuppet]:
    """What a puppet learns from that clip."""
    return figure_training_set([clip], SIZE_PX, 8, 1.0, Watch())


@pytest.fixture(scope="module")
def trained(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A puppet of that clip, trained for some steps by the command."""
    path = tmp_path_factory.mktemp("puppet") / "drawn.puppet"
    order = ["train", str(clip), "--moves", "figure", "--steps", "30", "--size", str(SIZE_PX), "-o", str(path)]
    assert main([*order, "--references", "8", "--json"]) == 0
    return path


def frames_of(path: Path) -> list[np.ndarray]:
    with open_video(path) as video:
        return list(video)


def test_what_is_learnt_from_shows_the_figure_elsewhere_bent_into_place(lessons: TrainingSet[FigurePuppet]):
    puppet, count = lessons.puppet, len(lessons)
    assert count == FRAMES and len(puppet.references) == 8 and puppet.frame == (0, 0, SIZE_PX, SIZE_PX)
    assert lessons.warped.shape == (count, 3, SIZE_PX, SIZE_PX, 4) and lessons.layout.shape == lessons.truth.shape
    assert lessons.chances.sum() == pytest.approx(1) and not lessons.notes
    reach = lessons.warped[:, 0, ..., 3] > 0
    far, near = (
        np.abs(lessons.warped[:, 0, ..., :3].astype(int) - lessons.truth)[where].mean() for where in (~reach, reach)
    )
    assert far < 6 and near < 40  # grey levels; beyond the reach the plate is the background itself
    moved = lessons.layout[:, : SIZE_PX // 2].astype(int)
    assert np.abs(moved[12] - moved[0]).max(2).astype(bool).mean() > 0.01  # the arms are elsewhere


def test_hands_are_left_as_they_are_bent_and_the_trunk_may_be_refined(lessons: TrainingSet[FigurePuppet]):
    for pose, warped in zip(lessons.poses, lessons.warped[:, 0], strict=True):
        joints = joints_of(pose.need_body())[0]
        reach = [warped[y, x, 3] for x, y in np.round(joints[[WRIST, WRIST + 1, HIPS]] * SIZE_PX - 0.5).astype(int)]
        assert reach[0] < 130 and reach[1] < 130 and reach[2] > 200


def test_who_is_more_prominent_than_the_figure_is_not_taken_for_it(
    clip: Path, lessons: TrainingSet[FigurePuppet], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(figure_set, "FigureSegmenter", SegmenterOfABystander)
    puppet = figure_training_set([clip], SIZE_PX, 8, 1.0, Watch()).puppet
    assert np.array_equal(puppet.plate, lessons.puppet.plate)
    for one, other in zip(puppet.references, lessons.puppet.references, strict=True):
        assert np.array_equal(one.matte, other.matte) and one.matte.any()


def test_nothing_is_learnt_of_frames_in_which_a_lamp_burns_the_figure_out(known: None, tmp_path: Path):
    pictures = [before_a_wall(body) for body in waving_bodies(FRAMES)]
    for number in (5, 6, 7):
        pictures[number][matte_by_colour(pictures[number]) > 0] = 252
    film = write_film(tmp_path / "lamp.mp4", pictures)
    lessons = figure_training_set([film], SIZE_PX, FRAMES, 1.0, Watch())
    assert len(lessons) == FRAMES - 3
    assert lessons.notes[0] == f"The figure is burnt out in 3 of {FRAMES} frames of lamp.mp4: left out."
    assert all((reference.picture > 246).mean() < 0.01 for reference in lessons.puppet.references)


def test_a_brighter_clip_has_its_own_usual_light_and_a_stray_body_none():
    body, stray = body_at_rest(), body_at_rest() + np.float32([3, 0, 0, 0])
    picture = before_a_wall(body)
    bright, burnt = picture.copy(), np.full_like(picture, 255)
    bright[: SIZE_PX // 2] = 255
    dark_clip, bright_clip = [picture] * 5 + [burnt], [bright] * 4
    poses = [Pose(body=body)] * 6
    assert figure_set._lit(dark_clip, poses) == [0, 1, 2, 3, 4]
    assert figure_set._lit(bright_clip, poses[:4]) == [0, 1, 2, 3]
    assert figure_set._lit(dark_clip, [*poses[:4], Pose(body=stray), poses[5]]) == [0, 1, 2, 3, 4]


def test_the_plate_shows_what_is_behind_the_arms(lessons: TrainingSet[FigurePuppet]):
    """Where an arm was in one frame and is not in most, the plate is what the other frames show there."""
    coloured = np.stack([matte_by_colour(picture) for picture in lessons.truth]) > 0
    sometimes = coloured[12] & (coloured.mean(0) < 0.4)
    assert sometimes.sum() > 50
    assert not matte_by_colour(lessons.puppet.plate)[sometimes].any()


def test_a_command_trains_keeps_drives_and_scores_a_figure(
    clip: Path, capture: Path, trained: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    puppet = load_puppet(trained)
    assert isinstance(puppet, FigurePuppet) and puppet.is_trained and not puppet.is_photo
    assert puppet.training["steps"] == 30 and puppet.training["finished"]
    assert puppet.training["settings"]["pixels"] == FitSettings().pixels  # as it was ordered, not as a figure has it
    capfd.readouterr()
    output, beside = tmp_path / "driven.mp4", tmp_path / "beside.mp4"
    assert main(["drive", str(trained), str(capture), "-o", str(output), "--beside", str(beside), "--json"]) == 0
    told = json.loads(capfd.readouterr().out)
    assert (told["frames"], told["width_px"], told["height_px"]) == (24, SIZE_PX, SIZE_PX)
    frames = frames_of(output)
    lifted, back = (np.abs(frames[number].astype(int) - frames[0]).max(2) > 40 for number in (12, 23))
    assert lifted.mean() > 0.01 and back.mean() < 0.5 * lifted.mean()
    corner = np.abs(frames[12].astype(int) - frames[0])[:16, -16:]
    assert corner.max() < 12  # the background stands
    assert len(frames_of(beside)) == 24
    assert main(["evaluate", str(trained), str(clip), "--frames", "6", "--features", "small", "--json"]) == 0
    scores = json.loads(capfd.readouterr().out)
    assert scores["frames"] == 6 and scores["mkr_body"] <= 1 and scores["background_drift"] < 1
    assert set(scores["baselines"]) == {"nearest", "warp", "static"}
    assert 0 < scores["person_vgg_dist"] < scores["baselines"]["static"]["person_vgg_dist"]
    assert main(["evaluate", str(trained), str(clip), "--frames", "3", "--features", "small"]) == 0
    assert "akd_body_px" in capfd.readouterr().out


def test_where_the_camera_walks_what_is_behind_a_figure_is_compared_with_the_puppets_own_plate(
    lessons: TrainingSet[FigurePuppet], clip: Path, monkeypatch: pytest.MonkeyPatch
):
    """A puppet that stands elsewhere than its frames has not drifted; one whose plate moves as it is shown has."""
    watch, settings = Watch(), EvaluateSettings(frames=3, features="small")
    stood = evaluate_figure.evaluate_figure(lessons.puppet, clip, settings, watch=watch)
    assert not any("goes elsewhere" in note for note in watch.notes)

    walks = CameraPath()
    walks._ways = [np.array([[1, 0, pixels], [0, 1, 0], [0, 0, 1]]) for pixels in np.linspace(0, 100, FRAMES)]
    monkeypatch.setattr(evaluate_figure, "CameraPath", lambda: walks)
    scores = evaluate_figure.evaluate_figure(lessons.puppet, clip, settings, watch=watch)
    told = "The camera of waves.mp4 goes elsewhere: background_drift is how far the puppet's own moves."
    assert watch.notes[-1] == told
    assert scores["background_drift"] < 0.05
    assert scores["person_vgg_dist"] == stood["person_vgg_dist"]

    elsewhere = replace(lessons.puppet, plate=np.roll(lessons.puppet.plate, 9, axis=1))
    assert evaluate_figure.evaluate_figure(elsewhere, clip, settings, watch=watch)["background_drift"] < 0.05

    shown = FigureRenderer(lessons.puppet).show
    monkeypatch.setattr(evaluate_figure.FigureRenderer, "show", lambda renderer, pose: np.roll(shown(pose), 4, axis=1))
    drifted = evaluate_figure.evaluate_figure(lessons.puppet, clip, settings, watch=watch)
    assert drifted["background_drift"] > 1


def test_the_loss_falls_and_the_picture_comes_nearer(lessons: TrainingSet[FigurePuppet]):
    learnt = learn_figure(lessons, FitSettings(steps=60, size=SIZE_PX, features="small"), Machine(), watch=Watch())
    renderer = FigureRenderer(learnt.puppet)
    errors: dict[str, list[float]] = {"warp": [], "puppet": []}
    for number in range(0, len(lessons), 4):
        reach = lessons.warped[number, 0, ..., 3] > 128
        shown = renderer.show(lessons.poses[number])
        for name, picture in (("warp", lessons.warped[number, 0, ..., :3]), ("puppet", shown)):
            errors[name].append(float(np.abs(picture.astype(int) - lessons.truth[number])[reach].mean()))
    assert np.mean(errors["puppet"]) < np.mean(errors["warp"])


def test_networks_asked_for_every_third_frame_say_the_same_where_nothing_moves(lessons: TrainingSet[FigurePuppet]):
    """And where the arms move, what they say goes along: nearer to what they would say than nothing is."""
    torch.manual_seed(0)
    networks = [make_network(size_px, "live") for size_px in (SIZE_PX, FACE_PX)]
    for network in networks:
        for head in (network.to_picture, network.to_coarse):
            torch.nn.init.normal_(head.weight, std=0.1)
    puppet = replace(lessons.puppet, network=networks[0], face_network=networks[1])
    seldom, always, never = FigureRenderer(puppet), FigureRenderer(puppet), FigureRenderer(puppet.instant())
    seldom.answers.asks_every = 3
    asked, ask = [], seldom._refiner.word_on
    seldom._refiner.word_on = lambda *seen: asked.append(1) or ask(*seen)
    rest = replace(puppet.rest.pose, face=portrait_face())
    for number in range(7):
        still = replace(rest, body=rest.need_body() + np.float32(1e-6 * number))
        assert np.abs(seldom.show(still).astype(int) - always.show(still)).mean() < 0.3
    assert len(asked) == 3
    moving = lessons.poses[8:14]
    shown = [[renderer.show(pose).astype(int) for pose in moving] for renderer in (seldom, always, never)]
    assert np.abs(np.subtract(shown[0], shown[1])).mean() < 0.6 * np.abs(np.subtract(shown[2], shown[1])).mean()


def test_going_on_gives_what_training_in_one_go_gives(clip: Path, tmp_path: Path):
    settings = FitSettings(moves="figure", steps=4, size=64, references=4, features="small")
    train([clip], tmp_path / "a.puppet", settings)
    train([clip], tmp_path / "a.puppet", replace(settings, steps=8), resume=True)
    train([clip], tmp_path / "b.puppet", replace(settings, steps=8))
    a, b = load_puppet(tmp_path / "a.puppet"), load_puppet(tmp_path / "b.puppet")
    assert isinstance(a, FigurePuppet) and a.network is not None and b.network is not None
    for name, weights in a.network.state_dict().items():
        assert torch.equal(weights, b.network.state_dict()[name])


def test_a_clip_without_a_face_trains_the_figure_unless_a_face_is_asked_for(clip: Path, tmp_path: Path):
    settings = FitSettings(steps=1, size=64, references=4, features="small")
    try:
        train([clip], tmp_path / "face.puppet", replace(settings, moves="face"))
    except NoFace:
        learnt = train([clip], tmp_path / "left_open.puppet", settings)
        assert isinstance(learnt.puppet, FigurePuppet)
        assert any("whole figure is trained" in note for note in learnt.notes)
    else:
        pytest.fail("a face was found in a drawing that has none")
    assert not (tmp_path / "face.puppet").exists()


def test_a_photo_is_not_trained_as_a_figure(photo: Path, tmp_path: Path):
    with pytest.raises(BadSetting, match="expected a clip"):
        train([photo], tmp_path / "no.puppet", FitSettings(moves="figure"))


def test_a_puppet_comes_back_from_its_file_as_it_went(lessons: TrainingSet[FigurePuppet], tmp_path: Path):
    face = replace(lessons.puppet.rest, pose=replace(lessons.puppet.rest.pose, face=portrait_face()))
    puppet = replace(
        lessons.puppet, references=(face, *lessons.puppet.references[1:]), network=make_network(SIZE_PX, "live"),
        face_network=make_network(FACE_PX, "live"),
    )  # fmt: skip
    puppet.save(tmp_path / "one.puppet")
    back = load_puppet(tmp_path / "one.puppet")
    assert isinstance(back, FigurePuppet) and back.frame == puppet.frame and back.about == puppet.about
    for one, other in zip(puppet.references, back.references, strict=True):
        assert np.abs(one.picture.astype(int) - other.picture).mean() < 1  # it was a JPEG already
        assert np.array_equal(one.body, other.body) and np.abs(one.matte.astype(int) - other.matte).mean() < 3
        assert (one.pose.face is None) == (other.pose.face is None)
    assert back.face_network is not None and back.network is not None
    shown, again = (FigureRenderer(one).show(puppet.rest.pose) for one in (puppet, back))
    assert np.abs(shown.astype(int) - again).mean() < 1


@pytest.mark.parametrize(
    ("what", "value"),
    [
        ("size_px", 100), ("references", 0), ("references", 10**6), ("neutral", 99), ("frame", [0, 0, 9999, 9999]),
        ("frame", [5, 5, 5, 5]), ("frame", "all"), ("network", "huge"), ("about", []),
    ],
)  # fmt: skip
def test_a_header_that_cannot_be_is_refused(trained: Path, tmp_path: Path, what: str, value: object):
    header, tensors = read_checkpoint(trained, KIND, (FORMAT,))
    write_checkpoint(tmp_path / "bad.puppet", KIND, FORMAT, header | {what: value}, tensors)
    with pytest.raises(BadPuppet, match="damaged"):
        load_puppet(tmp_path / "bad.puppet")


@pytest.mark.parametrize("what", ["plate", "body", "face", "picture.0", "matte.3", "network.to_picture.weight"])
def test_arrays_that_cannot_be_are_refused(trained: Path, tmp_path: Path, what: str):
    header, tensors = read_checkpoint(trained, KIND, (FORMAT,))
    for broken in (None, np.zeros(3, np.float32), np.full_like(tensors[what], 250).astype(np.float32) * np.inf):
        others = {name: array for name, array in tensors.items() if name != what}
        write_checkpoint(
            tmp_path / "bad.puppet", KIND, FORMAT, header, others if broken is None else others | {what: broken}
        )
        with pytest.raises(BadPuppet, match="damaged"):
            load_puppet(tmp_path / "bad.puppet")


def test_what_shows_faces_says_that_this_is_a_figure(trained: Path):
    with pytest.raises(BadPuppet, match="figure puppet"):
        Puppet.load(trained)
    with pytest.raises(CxanimError, match="whole figure"):
        Editor(trained)


def test_a_face_is_not_what_moves_a_figure(trained: Path, photo: Path, tmp_path: Path, capfd: pytest.CaptureFixture):
    assert main(["drive", str(trained), "smile", "-o", str(tmp_path / "no.mp4")]) == 2
    assert "moves a face and no figure" in capfd.readouterr().err
    assert main(["drive", str(trained), str(photo), "-o", str(tmp_path / "no.mp4")]) == 2
    assert not (tmp_path / "no.mp4").exists()


def test_a_moving_camera_is_said_and_what_happens_then(known: None, tmp_path: Path):
    pictures = [before_a_wall(body, 4 * number) for number, body in enumerate(waving_bodies(FRAMES))]
    data = figure_training_set([write_film(tmp_path / "pans.mp4", pictures)], 64, 8, 1.0, Watch())
    assert any("camera moves" in note for note in data.notes)
    away = data.warped[:, 0, ..., 3] == 0
    assert np.abs(data.truth.astype(int) - data.puppet.plate)[away].mean() < 2  # what is learnt stands before it


def test_the_window_holds_the_figure_and_stays_in_the_frame():
    crop = Crop.around_bodies(waving_bodies(FRAMES), 256, 256)
    for body in waving_bodies(FRAMES):
        placed = crop.from_frame(Pose(body=body), 256, 256).need_body()
        assert placed[:, :2].min() > 0 and placed[:, :2].max() < 1
    tall = np.concatenate([body_at_rest()[:, :2] * (0.4, 0.9) + (0.3, 0.05), np.ones((33, 2))], axis=1)
    window = Crop.around_bodies([tall], 1280, 720)
    left, top, right, bottom = frame_of(window, 1280, 720, 256)
    assert (right - left) % 2 == 0 and (bottom - top) % 2 == 0 and 0 <= left < right <= 256
    with pytest.raises(ValueError, match="got none"):
        Crop.around_bodies([], 100, 100)


def test_the_nearest_stance_is_shown_and_gives_way_slowly():
    rest, other = body_at_rest(), body_at_rest()
    other[[13, 15], 1] -= 0.3
    retrieval = StanceRetrieval([rest, other], 0.25)
    assert retrieval.shares(rest) == {0: 1.0} and retrieval.shares(other) == {1: 1.0}
    assert retrieval.shares(other, np.array([False, True])) == {0: 1.0}
    assert retrieval.next_shares(rest) == {0: 1.0}
    shares = [retrieval.next_shares(other).get(1, 0.0) for _ in range(6)]
    assert 0 < shares[0] < shares[1] < 1 and shares[-1] == 1.0
    late = StanceRetrieval([rest, other], 0.25)
    late.next_shares(rest)
    assert late.next_shares(other, 2.0)[1] == pytest.approx(shares[1]) and late.next_shares(other, np.inf) == {1: 1.0}


def test_a_reference_stays_until_another_is_clearly_nearer():
    rest, other = body_at_rest(), body_at_rest()
    other[[13, 15], 1] -= 0.3
    retrieval = StanceRetrieval([rest, other], 0.25)
    retrieval.next_shares(rest)
    for share in (0.48, 0.51, 0.49, 0.52):  # to and fro about the middle
        assert retrieval.next_shares((rest + share * (other - rest)).astype(np.float32)) == {0: 1.0}
    assert retrieval.next_shares((rest + 0.7 * (other - rest)).astype(np.float32))[1] > 0.5


def test_hands_hang_on_the_targets_wrists_in_its_size_and_faces_on_its_head():
    driver, target = body_at_rest(), body_at_rest()
    target[:, :2] = 0.5 + 0.5 * (target[:, :2] - 0.5)  # half as large
    random = np.random.default_rng(0)
    hand = np.zeros((21, 3), np.float32)
    hand[:, :2] = driver[15, :2] + 0.05 * random.standard_normal((21, 2))
    hand[0, :2] = driver[15, :2]
    face = portrait_face()
    poses = [Pose(body=driver, left_hand=hand, face=face), Pose(body=driver), Pose()]
    build = Build.of(*joints_of(target[None]))
    made = retargeted_figure(poses, 25.0, target, build, face)
    first = made[0]
    assert first.left_hand is not None and first.face is not None and first.right_hand is None
    assert np.allclose(first.left_hand[0, :2], first.need_body()[15, :2], atol=1e-5)
    assert np.ptp(first.left_hand[:, 0]) == pytest.approx(0.5 * np.ptp(hand[:, 0]), rel=0.02)
    eyes = first.face[[33, 133, 362, 263], :2].mean(0)
    assert np.allclose(eyes, first.need_body()[[2, 5], :2].mean(0), atol=1e-5)
    assert made[1].left_hand is None and made[2].body is not None
    assert retargeted_figure(poses, 25.0, target, build, None)[0].face is None
    with pytest.raises(ValueError, match="none with a body"):
        retargeted_figure([Pose()], 25.0, target, build, None)


def shape(face: np.ndarray) -> np.ndarray:
    """A face, its eyes in the middle, in distances of its eyes."""
    return (face - face[[33, 133, 362, 263]].mean(0)) / eye_distance(face)


def test_a_face_that_is_lost_relaxes_softly_and_comes_back_softly():
    body, relaxed = body_at_rest(), portrait_face()
    shouts = perform(ExpressionBasis(relaxed).performance(Expression(jaw=1.0)), relaxed)
    shown = [relaxed, *[shouts] * 20, *[None] * 20, *[shouts] * 20]
    poses = [Pose(body=body, face=face) for face in shown]
    build = Build.of(*joints_of(body[None]))
    made = [pose.need_face() for pose in retargeted_figure(poses, 25.0, body, build, relaxed)]
    moved = np.abs(np.diff([shape(face) for face in made], axis=0)).max((1, 2))
    gaps = np.array([mouth_gap(face) for face in made])
    assert (
        gaps[20] > 0.2
        and np.allclose(gaps[30:41], gaps[0], atol=0.01)
        and gaps[60] == pytest.approx(gaps[20], rel=1e-3)
    )
    assert 0 < moved[20:30].max() < 0.3 * np.abs(shape(made[20]) - shape(made[40])).max()
    assert np.allclose(moved[20:40].max(), moved[40:60].max(), rtol=0.3)


@pytest.mark.parametrize("way", ["the shoulders", "the head", "with the back"])
def test_who_turns_away_without_a_face_has_none(way: str):
    body, away = body_at_rest(), body_at_rest()
    if way == "the head":
        away[0, 0] = away[7, 0]  # nose before the left ear
    else:
        away[:, 0] = 0.5 + (-1 if way == "with the back" else 0.3) * (away[:, 0] - 0.5)
    build = Build.of(*joints_of(body[None]))
    poses = [Pose(body=one) for one in [*[body] * 25, *[away] * 25]]
    made = retargeted_figure(poses, 25.0, body, build, portrait_face())
    assert made[12].face is not None and made[-1].face is None
    assert np.allclose(shape(made[12].need_face()), shape(portrait_face()), atol=1e-3)  # a capture knows no face


def test_who_goes_too_far_stays_in_the_picture():
    poses = []
    for step in np.linspace(0, 1, 20):
        body = body_at_rest()
        body[:, 0] += 0.6 * step  # walks out to the right
        poses.append(Pose(body=body))
    rest = body_at_rest()
    build = Build.of(*joints_of(rest[None]))
    free = retargeted_figure(poses, 25.0, rest, build, None)
    kept = retargeted_figure(poses, 25.0, rest, build, None, room=Room(0.5, (0.2, 0.8), build.trunk))
    hips = [np.array([pose.need_body()[[23, 24], 0].mean() for pose in made]) for made in (free, kept)]
    assert hips[0].max() > 0.95 and 0.5 < hips[1].max() < 0.8 and (np.diff(hips[1]) > -1e-6).all()
    near = retargeted_figure(poses[:3], 25.0, rest, build, None, room=Room(0.5, (0.0, 1.0), build.trunk))
    assert np.allclose(near[2].need_body(), free[2].need_body(), atol=0.02)  # who stays anyway is left alone


def test_the_second_look_sees_faces_and_changes_nothing_else(lessons: TrainingSet[FigurePuppet]):
    face = portrait_face().copy()
    face[:, :2] = 0.5 + 0.2 * (face[:, :2] - 0.5)
    poses = tuple(replace(pose, face=face) for pose in lessons.poses)
    puppet = replace(lessons.puppet, network=make_network(SIZE_PX, "live"))
    data = face_training_set(puppet, replace(lessons, poses=poses), torch.device("cpu"), Watch())
    assert data is not None and data.truth.shape == (FRAMES, FACE_PX, FACE_PX, 3)
    assert data.puppet.size_px == FACE_PX and data.layout.any() and data.warped[..., 3].max() == 255
    faceless = tuple(replace(pose, face=None) for pose in poses)
    assert face_training_set(puppet, replace(lessons, poses=faceless), torch.device("cpu"), Watch()) is None
    network = make_network(FACE_PX, "live")
    picture = lessons.truth[0]
    refiner = FaceRefiner(network, torch.device("cpu"))
    assert np.array_equal(refiner.refined(picture, face), picture)  # a fresh network changes nothing
    torch.nn.init.constant_(network.to_picture.get_parameter("bias"), 1.0)
    changed = FaceRefiner(network, torch.device("cpu")).refined(picture, face)
    window = face_window(face, SIZE_PX)
    assert window is not None
    outside = np.ones((SIZE_PX, SIZE_PX), bool)
    x, y, side = (round(value) for value in (window.x_px, window.y_px, window.side_px))
    outside[max(0, y) : y + side, max(0, x) : x + side] = False
    assert np.array_equal(changed[outside], picture[outside]) and (changed != picture).any()
    tiny = face.copy()
    tiny[:, :2] = 0.5 + 0.02 * (face[:, :2] - 0.5)
    assert face_window(tiny, SIZE_PX) is None and refiner.refined(picture, tiny) is picture


def test_a_change_is_added_where_its_window_is_also_over_the_edge():
    picture = np.full((32, 32, 3), 100, np.uint8)
    change = np.full((FACE_PX, FACE_PX, 3), 7, np.int16)
    result = added(picture, change, Crop(-8, 20, 16))
    assert (result[20:, :8] == 107).all() and (result[:20] == 100).all() and (result[:, 8:] == 100).all()


def test_distances_of_bodies_and_boxes_are_what_they_say():
    one, other = body_at_rest(), body_at_rest()
    other[:, 0] += 0.1
    other[5, 3] = 0
    other[5, 0] = 9
    assert metrics.body_distance_px(one, other, 200) == pytest.approx(20, rel=1e-4)
    other[:, 3] = 0
    assert metrics.body_distance_px(one, other, 200) is None
    box = body_box(one, 0.0)
    assert np.allclose(box, [one[:, 0].min(), one[:, 1].min(), one[:, 0].max(), one[:, 1].max()])
    picture = np.arange(100 * 80 * 3, dtype=np.uint32).reshape(100, 80, 3).astype(np.uint8)
    assert metrics.cut_px(picture, np.array([70, 90, 200, 300])).shape == (32, 32, 3)
    assert np.array_equal(metrics.cut_px(picture, np.array([10, 20, 60, 70])), picture[20:70, 10:60])
