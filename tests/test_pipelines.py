"""Behaviour of the main job on real pictures: animating, training, resuming, driving, scoring, stopping."""

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from faces import portrait, portrait_face

from cxanim import Puppet, animate, drive, extract_motion, train
from cxanim.checkpoint import read_checkpoint, write_checkpoint
from cxanim.errors import BadPuppet, Cancelled, CannotWrite, CxanimError, NoFace
from cxanim.losses import feature_network, relative_l1
from cxanim.models import PRESETS, CRNShape
from cxanim.motion.crop import Crop
from cxanim.motion.expression import Expression, ExpressionBasis
from cxanim.motion.matte import face_stencil
from cxanim.motion.recording import Motion
from cxanim.motion.retarget import perform
from cxanim.motion.segment import person_matte
from cxanim.pipelines import learn, training_set
from cxanim.pipelines.animate import AnimateSettings
from cxanim.pipelines.clip import observe_clip
from cxanim.pipelines.drive_settings import DriveSettings
from cxanim.pipelines.driver import prepare_drive
from cxanim.pipelines.evaluate import Exam, evaluate
from cxanim.pipelines.fit import make_training_set
from cxanim.pipelines.follower import Follower
from cxanim.pipelines.habits import body_follows, likeness, too_near
from cxanim.pipelines.learn import FitSettings
from cxanim.pipelines.likeness import PARTS, Likeness
from cxanim.pipelines.machine import Machine
from cxanim.pipelines.objectives import layers_of
from cxanim.pipelines.photo import observe_photo, photo_puppet
from cxanim.pipelines.plate import plate_of
from cxanim.pipelines.puppet import FORMAT, Reference
from cxanim.pipelines.puppet_network import make_network
from cxanim.pipelines.refine import as_condition, refine
from cxanim.pipelines.render import Renderer
from cxanim.pipelines.scoring import EvaluateSettings
from cxanim.pipelines.trainer import Trainer
from cxanim.pipelines.training_set import _set_before, _takes
from cxanim.pipelines.training_state import state_path
from cxanim.pipelines.watch import Watch
from cxanim.video import VideoWriter, open_video, open_video_writer

TINY = FitSettings(steps=3, size=64, batch=1, references=4)


@pytest.fixture(scope="module")
def clip(photo: Path) -> Path:
    """The astronaut talking for 3 s at 10 fps: a clip of one person that the program makes itself."""
    path = photo.with_name("talk.mp4")
    talk = photo.with_name("talk30.mp4")
    animate(photo, "talk", talk, AnimateSettings(size=256))
    with open_video(talk) as video, open_video_writer(path, video.info.width_px, video.info.height_px, 10) as writer:
        for number, frame in enumerate(video):
            if number % 3 == 0:
                writer.write(frame)
    return path


@pytest.fixture(scope="module")
def trained(clip: Path) -> Path:
    path = clip.with_name("astronaut.puppet")
    train([clip], path, TINY)
    return path


def frames_of(path: Path) -> list[np.ndarray]:
    with open_video(path) as video:
        return list(video)


class StopAfter(Watch):
    """Says stop from the n-th question on."""

    def __init__(self, questions: int):
        self.asked = 0

        def should_stop() -> bool:
            self.asked += 1
            return self.asked > questions

        super().__init__(should_stop=should_stop)


@pytest.mark.parametrize("suffix", [".mp4", ".webm", ".gif"])
def test_a_photo_talks(photo: Path, tmp_path: Path, suffix: str) -> None:
    rendered = animate(photo, "talk", tmp_path / f"out{suffix}", AnimateSettings(size=128))
    frames = frames_of(rendered.path)
    assert len(frames) == rendered.frames == 90
    moved = [np.abs(frame.astype(int) - frames[0]).mean() for frame in frames]
    assert max(moved) > 1 and moved[-1] < max(moved) / 2


def test_the_photo_round_the_window_stays_as_it_is(photo: Path, tmp_path: Path) -> None:
    rendered = animate(photo, "nod", tmp_path / "out.mp4", AnimateSettings(size=512))
    frames = frames_of(rendered.path)
    assert frames[0].shape == (512, 512, 3)
    corner = [frame[-60:, -60:].astype(int) for frame in frames]
    assert max(np.abs(part - corner[0]).mean() for part in corner) < 2


def test_a_video_drives_a_photo_at_its_own_rate(photo: Path, clip: Path, tmp_path: Path) -> None:
    both = tmp_path / "both.mp4"
    rendered = animate(photo, clip, tmp_path / "out.mp4", AnimateSettings(size=128), beside=both)
    assert rendered.fps == 10 and rendered.frames == len(frames_of(clip))
    beside = frames_of(both)
    assert len(beside) == rendered.frames and beside[0].shape[1] > rendered.width_px


def test_an_extracted_motion_moves_like_its_video(photo: Path, clip: Path, tmp_path: Path) -> None:
    extract_motion(clip, tmp_path / "talk.npz")
    neutral = observe_photo(photo).face_in_crop
    from_file, from_video = (
        list(prepare_drive(driver, neutral, DriveSettings(), Watch()).faces) for driver in (tmp_path / "talk.npz", clip)
    )
    assert len(from_file) == len(from_video) == len(frames_of(clip))
    np.testing.assert_allclose(from_file, from_video, atol=1e-3)  # a file keeps 1/65536 of its own crop
    moved = np.abs(np.array(from_video) - from_video[0]).max()
    assert moved > 0.02


def test_gains_of_zero_leave_a_still_picture(photo: Path, tmp_path: Path) -> None:
    none = AnimateSettings(size=128, head=0, brows=0, eyes=0, gaze=0, mouth=0)
    frames = frames_of(animate(photo, "surprise", tmp_path / "out.mp4", none).path)
    assert max(np.abs(frame.astype(int) - frames[0]).mean() for frame in frames) < 1


def test_stopping_leaves_nothing_behind(photo: Path, tmp_path: Path) -> None:
    with pytest.raises(Cancelled):
        animate(photo, "talk", tmp_path / "out.mp4", AnimateSettings(size=128), watch=StopAfter(5))
    with pytest.raises(Cancelled):
        train([photo], tmp_path / "a.puppet", TINY, watch=StopAfter(2))
    assert list(tmp_path.iterdir()) == []


def test_stopping_a_training_keeps_what_is_learnt(photo: Path, tmp_path: Path) -> None:
    endless = replace(TINY, steps=10**6)
    result = train([photo], tmp_path / "a.puppet", endless, watch=StopAfter(160 + 4))
    assert 1 <= result.steps <= 5
    assert Puppet.load(tmp_path / "a.puppet").is_trained


def test_two_videos_appear_both_or_not_at_all(photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    finish = VideoWriter.finish

    def fail_on_the_main_one(writer: VideoWriter) -> None:
        if writer.frames_written and writer._path.name == "o.mp4":
            raise CannotWrite("The disk is full.", "Free some space.")
        finish(writer)

    monkeypatch.setattr(VideoWriter, "finish", fail_on_the_main_one)
    with pytest.raises(CannotWrite):
        animate(photo, "blink", tmp_path / "o.mp4", AnimateSettings(size=128), beside=tmp_path / "both.mp4")
    assert list(tmp_path.iterdir()) == []


def test_stopping_after_the_last_step_loses_nothing(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise Cancelled

    monkeypatch.setattr(learn, "fitting_stillness", stop)
    learnt = train([clip], tmp_path / "a.puppet", TINY)
    assert learnt.steps == 3 and learnt.puppet.steadiness == 1
    kept = Puppet.load(tmp_path / "a.puppet").training
    assert kept["steps"] == 3 and not kept["finished"]


def test_a_puppet_is_not_finished_before_its_stillness_is_judged(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(learn, "fitting_stillness", fail)
    with pytest.raises(KeyboardInterrupt):
        train([clip], tmp_path / "a.puppet", TINY)
    assert not Puppet.load(tmp_path / "a.puppet").training["finished"]
    monkeypatch.undo()
    resumed = train([clip], tmp_path / "a.puppet", TINY, resume=True)  # its steps are done: only stillness is left
    assert resumed.steps == 3 and Puppet.load(tmp_path / "a.puppet").training["finished"]


def test_a_slow_network_is_watched_for_seconds_only(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learn, "_WATCH_S", 0.0)
    assert train([clip], tmp_path / "a.puppet", TINY).puppet.steadiness == 1


def test_a_take_that_is_not_reached_in_time_tells_nothing(clip: Path) -> None:
    data = make_training_set([clip], TINY, Machine(), Watch())
    unseen = replace(data.takes[0], pictures=data.takes[0].pictures[:0], faces=data.takes[0].faces[:0])
    data = replace(data, takes=(data.takes[0], unseen))
    stretches = learn._stretches(data.puppet, data, torch.device("cpu"))
    assert [len(stretch.pictures) for stretch in stretches] == [len(data.takes[0].faces)]


def test_a_clip_of_the_same_name_is_not_taken_for_the_trained_one(trained: Path, clip: Path, tmp_path: Path) -> None:
    puppet = Puppet.load(trained)
    other = tmp_path / clip.name
    other.write_bytes(clip.read_bytes() + b"\0\0\0\x08free")  # the same video, a larger file
    windows = [Exam(puppet, observe_clip(path), 0.0, 2, Watch())._crop for path in (clip, other)]
    x, y, side, _, _ = puppet.trained_windows[0][1]
    assert windows[0] == Crop(x, y, side)
    assert puppet.about["files"] == [[clip.name, clip.stat().st_size]]
    shifted = replace(puppet, about=puppet.about | {"crops": [[x + 7, y, side, *puppet.about["crops"][0][3:]]]})
    assert Exam(shifted, observe_clip(other), 0.0, 2, Watch())._crop == windows[1] != Crop(x + 7, y, side)


@pytest.mark.parametrize("seed", [0, 1])  # behind a mask that could shut, seed 1 learnt nothing at all
def test_loss_falls(clip: Path, seed: int) -> None:
    settings = replace(TINY, steps=60, batch=2)
    data = make_training_set([clip], settings, Machine(), Watch())
    nothing = np.zeros_like(data.warped)
    nothing[..., 3] = 255
    data = replace(data, warped=nothing)  # nothing to lean on: all must be learnt
    eyes = feature_network("small", layers_of("fast", False, "small"))
    trainer = Trainer(data, settings, eyes, seed, torch.device("cpu"))
    truth = torch.from_numpy(data.truth).permute(0, 3, 1, 2).float() / 255
    condition = as_condition(data.warped[:, 0], data.layout)

    def wrong_by() -> tuple[float, float]:
        with torch.inference_mode():
            shown = refine(trainer.network(condition), condition)
            return float((shown - truth).abs().mean()), float(relative_l1(eyes(shown), eyes(truth)))

    before = wrong_by()
    for _ in range(150):
        trainer.step()
    pixels, perceptual = (after / was for after, was in zip(wrong_by(), before, strict=True))
    assert pixels < 0.5 and perceptual < 0.85, (pixels, perceptual)


def test_a_frame_that_repeats_the_one_before_has_its_pose() -> None:
    random = np.random.default_rng(0)
    frame = portrait()
    noisy = (frame.astype(int) + random.integers(-1, 2, frame.shape)).clip(0, 255).astype(np.uint8)
    moved = np.roll(frame, 3, axis=1)
    with Follower() as follower:
        poses = [follower.next(each) for each in (frame, noisy, moved, moved.copy())]
    assert poses[1] is poses[0] and poses[3] is poses[2]
    shift_px = (poses[2].need_face() - poses[0].need_face())[:, 0].mean() * len(frame)
    assert 1 < shift_px < 5


def test_half_a_blink_is_no_repeat(photo: Path, tmp_path: Path) -> None:
    with open_video(animate(photo, "blink", tmp_path / "blink.mp4", AnimateSettings(size=256)).path) as video:
        frames = [frame.copy() for frame in video]
    with Follower() as follower:
        poses = [follower.next(each) for each in frames]
    lids = [pose.need_face()[159, 1] - pose.need_face()[145, 1] for pose in poses]  # of the right eye
    shutting = np.abs(np.diff(lids)) > 0.1 * np.ptp(lids)
    assert shutting.sum() >= 3 and all(poses[k + 1] is not poses[k] for k in np.flatnonzero(shutting))


def test_takes_do_not_reach_over_gaps() -> None:
    truth = np.arange(120, dtype=np.uint8)[:, None, None, None] * np.ones((1, 64, 64, 3), np.uint8)
    follows = [index not in (0, 30, 36) for index in range(120)]  # runs of 30, of 6, and of 84
    takes = _takes(truth, [np.full((478, 3), index, np.float32) for index in range(120)], follows)
    told = [take.pictures[:, 0, 0, 0].tolist() for take in takes]
    assert told == [list(range(30)), list(range(36, 86)), list(range(86, 120))]
    assert all((take.faces[:, 0, 0] == take.pictures[:, 0, 0, 0]).all() for take in takes)


def test_stillness_is_judged_on_the_film_as_filmed_where_frames_are_left_out(
    clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training_set, "most_frames", lambda size_px: 10)
    monkeypatch.setattr(training_set, "_take_length", lambda size_px: 9)
    data = make_training_set([clip], TINY, Machine(), Watch())
    assert len(data) == 10  # every third of 30 frames
    assert [len(take.pictures) for take in data.takes] == [9] * 4
    seen = observe_clip(clip)
    crop = training_set.clip_crop(observe_clip(clip, most_frames=10))
    filmed = list(training_set.cut_frames(clip, crop, TINY.size))
    for take, first in zip(data.takes, (0, 7, 14, 21), strict=True):
        np.testing.assert_array_equal(take.pictures, filmed[first : first + 9])
        there = crop.from_frame(seen.motion[first + 4], seen.width_px, seen.height_px).need_face()
        assert np.abs(take.faces[4] - there)[:, :2].mean() * TINY.size < 0.5


def test_more_clips_than_frames_that_fit_leave_one_frame_of_each(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_set, "most_frames", lambda size_px: 1)
    assert len(make_training_set([clip, clip], TINY, Machine(), Watch())) == 2


def test_no_frame_is_shown_from_itself_however_short_the_clip() -> None:
    ten_s = np.abs(np.arange(0, 10, 0.5) - 5.0)
    assert too_near(ten_s, 3).tolist() == (ten_s < 1.5).tolist()
    second = np.abs(np.arange(0, 1, 0.1) - 0.5)
    assert too_near(second, 3)[second == 0].all() and (~too_near(second, 3)).sum() >= 3
    two = np.array([0.0, 0.2])
    assert too_near(two, 2).tolist() == [True, False]
    assert too_near(np.array([0.0]), 1).tolist() == [False]


@pytest.mark.parametrize("made_with", [0.05, 1.0])
def test_a_clip_tells_whether_the_body_goes_along_with_the_head(photo: Path, made_with: float) -> None:
    puppet = photo_puppet(observe_photo(photo), 128, photo.name)
    neutral = puppet.references[0]
    bare = Reference(neutral.picture, neutral.face)
    puppet = replace(puppet, references=(bare,), plate=None, body_follows=made_with)
    basis = ExpressionBasis(neutral.face)
    turns = [Expression(yaw_deg=4 * k, roll_deg=(-1) ** k * 3, right=0.05 * k, down=0.03 * k) for k in range(-4, 5)]
    faces = [perform(basis.performance(turn), neutral.face) for turn in turns]
    truth = np.stack([Renderer(puppet).warp(0).show(face) for face in faces])
    some = range(0, len(faces), 2)
    clip = replace(puppet, references=tuple(Reference(truth[k], faces[k]) for k in some), body_follows=0.5)
    apart_s = 10.0 * np.abs(np.arange(len(faces))[:, None] - np.array(some))
    assert body_follows(clip, truth, faces, apart_s, Watch()) == made_with


def test_a_clip_tells_what_counts_when_references_are_chosen(photo: Path) -> None:
    """Light that turns with the head: a reference must face the same way, wherever in the picture it stands."""
    puppet = photo_puppet(observe_photo(photo), 128, photo.name)
    neutral, random = puppet.references[0], np.random.default_rng(1)
    bare = replace(puppet, references=(Reference(neutral.picture, neutral.face),), plate=None)
    basis, warp = ExpressionBasis(neutral.face), Renderer(bare).warp(0)
    poses = [
        Expression(yaw_deg=float(yaw), right=float(right))
        for yaw, right in zip(random.uniform(-12, 12, 24), random.uniform(-0.1, 0.1, 24), strict=True)
    ]
    faces = [perform(basis.performance(pose), neutral.face) for pose in poses]
    truth = np.stack(
        [
            np.clip(warp.show(face) * (0.8 + pose.yaw_deg / 40), 0, 255).astype(np.uint8)
            for face, pose in zip(faces, poses, strict=True)
        ]
    )
    clip = replace(bare, references=tuple(Reference(truth[k], faces[k]) for k in range(0, 24, 2)))
    apart_s = 10.0 * np.abs(np.arange(24)[:, None] - np.arange(0, 24, 2))
    weights = dict(zip(PARTS, likeness(clip, truth, faces, apart_s, Watch()).weights, strict=True))
    assert weights["facing"] > 1.2 * weights["place"]
    assert likeness(clip, truth[:15], faces[:15], apart_s[:15], Watch()) == Likeness()  # too few to tell


def test_a_background_that_moves_is_told_and_one_that_stands_is_averaged() -> None:
    random = np.random.default_rng(0)
    clear = cv2.resize(random.integers(0, 256, (24, 80, 3), dtype=np.uint8), (400, 120), interpolation=cv2.INTER_CUBIC)
    matte = np.zeros((96, 96), np.float32)
    matte[30:, 30:66] = 1
    mattes = np.stack([matte] * 6)

    plain = np.full_like(clear, 110)  # with some marks: hardly any grey level changes where this moves
    for x, y in zip(random.integers(0, 390, 60), random.integers(0, 110, 60), strict=True):
        plain[y : y + 7, x : x + 7] = random.integers(0, 256, 3)

    def filmed(scene: np.ndarray, step_px: int) -> tuple[np.ndarray | None, bool]:
        noise = random.normal(0, 1.5, (6, 96, 96, 3))
        frames = np.stack([scene[:96, 100 + step_px * k : 196 + step_px * k] for k in range(6)]) + noise
        return plate_of(frames.clip(0, 255).astype(np.uint8), mattes)

    for scene in (clear, plain):
        (still, stands_not), (moving, moves) = filmed(scene, 0), filmed(scene, 12)
        assert moves and not stands_not
        wrong = [np.abs(plate[:, :20].astype(int) - scene[:96, 100:120]).mean() for plate in (still, moving)]
        assert wrong[0] < wrong[1] < 4  # a median of six is calmer than one frame
    assert plate_of(clear[None, :96, :96].repeat(6, 0), np.ones_like(mattes)) == (None, False)


def test_before_a_moving_background_the_person_is_learnt_alone() -> None:
    truth, plate = portrait()[None].copy(), np.full_like(portrait(), 77)
    _set_before(plate, truth, [portrait_face()], Watch())
    nose_px = np.round(portrait_face()[4, :2] * len(plate)).astype(int)
    face = np.s_[nose_px[1] - 20 : nose_px[1] + 20, nose_px[0] - 20 : nose_px[0] + 20]
    assert np.abs(truth[0][face].astype(int) - portrait()[face]).max() <= 1
    matte = np.maximum(person_matte(portrait()), face_stencil(portrait_face(), len(plate)))
    assert (matte < 0.01).sum() > 1000 and np.abs(truth[0][matte < 0.004].astype(int) - 77).max() <= 2


def test_a_clip_that_ends_without_a_face_teaches_no_title(clip: Path, tmp_path: Path) -> None:
    titled = tmp_path / "titled.mp4"
    with open_video(clip) as video:
        frames = [frame.copy() for frame in video]
    with open_video_writer(titled, frames[0].shape[1], frames[0].shape[0], 10) as writer:
        for frame in [*frames, *[np.zeros_like(frames[0])] * 12]:
            writer.write(frame)
    data = make_training_set([titled], TINY, Machine(), Watch())
    assert len(data) == len(frames) and data.truth.reshape(len(data), -1).mean(1).min() > 20
    assert any("No face in 12 of" in note for note in data.notes)


def weights_of(trainer: Trainer) -> torch.Tensor:
    return torch.cat([weights.detach().flatten() for weights in trainer.network.parameters()])


def test_half_precision_learns_the_same(clip: Path) -> None:
    """What a GPU does, done on the CPU: from the same weights the terms of the loss are nearly those of full precision,
    step after step, and the weights, which are float32, go nearly the same way."""
    data = make_training_set([clip], TINY, Machine(), Watch())
    eyes = feature_network("small", layers_of("fast", False, "small"))
    full, half = (Trainer(data, TINY, eyes, 0, torch.device("cpu")) for _ in range(2))
    assert not half.half_precision
    half.half_precision = True
    for _ in range(8):
        before = weights_of(full)
        terms, nearly = full.step(), half.step()
        assert nearly != terms
        for name, value in terms.items():
            assert nearly[name] == pytest.approx(value, rel=0.05, abs=1e-3), name
        ways = [weights_of(one) - before for one in (full, half)]
        assert torch.cosine_similarity(*ways, dim=0) > 0.9
        assert all(weights.dtype == torch.float32 for weights in half.network.parameters())
        half.restore(full.state())


def test_resumed_equals_uninterrupted(clip: Path, tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole.puppet", tmp_path / "parts.puppet"
    train([clip], whole, replace(TINY, steps=6))
    train([clip], parts, replace(TINY, steps=3))
    train([clip], parts, replace(TINY, steps=6), resume=True)
    for one, other in zip(network_of(whole), network_of(parts), strict=True):
        assert torch.equal(one, other)
    assert state_path(whole).read_bytes() == state_path(parts).read_bytes()


def test_the_same_seed_gives_the_same_puppet_and_another_one_another(clip: Path, trained: Path, tmp_path: Path) -> None:
    train([clip], tmp_path / "same.puppet", TINY)
    train([clip], tmp_path / "other.puppet", TINY, Machine(seed=1))
    assert all(
        torch.equal(a, b) for a, b in zip(network_of(trained), network_of(tmp_path / "same.puppet"), strict=True)
    )
    others = zip(network_of(trained), network_of(tmp_path / "other.puppet"), strict=True)
    assert not all(torch.equal(a, b) for a, b in others)


def network_of(path: Path) -> list[torch.Tensor]:
    network = Puppet.load(path).network
    assert network is not None
    return list(network.parameters())


def test_resuming_on_other_frames_is_refused(clip: Path, trained: Path, photo: Path) -> None:
    with pytest.raises(BadPuppet, match="other frames"):
        train([photo], trained, TINY, resume=True)


def test_resuming_when_its_network_has_become_another_says_so(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as before:
        before.setitem(PRESETS, TINY.network, CRNShape((8, 8)))
        train([clip], tmp_path / "a.puppet", TINY)
    with pytest.raises(BadPuppet, match=f"the network '{TINY.network}' was another one. Train anew"):
        train([clip], tmp_path / "a.puppet", replace(TINY, steps=6), resume=True)


def test_a_puppet_survives_its_file(trained: Path, tmp_path: Path) -> None:
    likeness = Likeness((2.0, 0.5, 1.0, 1.0, 3.0, 1.0, 1.5))
    puppet = replace(Puppet.load(trained), steadiness=0.7, grain=0.4, likeness=likeness)
    puppet.save(tmp_path / "again.puppet")
    again = Puppet.load(tmp_path / "again.puppet")
    assert again.about == puppet.about and again.held_edges == puppet.held_edges
    assert (again.steadiness, again.grain) == (0.7, 0.4)
    assert again.likeness == likeness
    assert len(again.references) == 4 and again.is_trained
    np.testing.assert_array_equal(again.neutral_face, puppet.neutral_face)


@pytest.mark.parametrize("value", [-1.0, 1e9, 10**400, True, "1"])
@pytest.mark.parametrize("name", ["steadiness", "grain", "body_follows"])
def test_an_impossible_number_is_refused(trained: Path, tmp_path: Path, name: str, value: object) -> None:
    replace(Puppet.load(trained), **{name: value}).save(tmp_path / "forged.puppet")
    with pytest.raises(BadPuppet, match="damaged"):
        Puppet.load(tmp_path / "forged.puppet")


@pytest.mark.parametrize("weights", [(1.0, "2"), (0.0,) * 7, (1.0,) * 6, (1e9,) * 7, (True,) * 7])
def test_an_impossible_likeness_is_refused(trained: Path, tmp_path: Path, weights: tuple) -> None:
    puppet = Puppet.load(trained)
    forged = Likeness()
    object.__setattr__(forged, "weights", weights)
    replace(puppet, likeness=forged).save(tmp_path / "forged.puppet")
    with pytest.raises(BadPuppet, match="damaged"):
        Puppet.load(tmp_path / "forged.puppet")


def test_progress_tells_steps_terms_and_a_preview(photo: Path, tmp_path: Path) -> None:
    seen = []
    train([photo], tmp_path / "a.puppet", TINY, watch=Watch(seen.append))
    training = [progress for progress in seen if progress.stage == "Training"]
    assert training[-1].done == training[-1].total == 3
    assert {"pixels", "perceptual", "cx_target", "cx_source"} <= set(training[-1].terms)
    assert training[-1].preview is not None and training[-1].preview.dtype == np.uint8
    seen.clear()
    train([photo], tmp_path / "a.puppet", TINY, watch=Watch(seen.append, sees_previews=False))
    assert len(seen) > 1 and all(progress.preview is None for progress in seen)  # nobody looks: none is made


@pytest.mark.parametrize(
    ("recipe", "of_a_clip", "of_a_photo"),
    [
        ("paper", {"cx_target", "perceptual"}, {"cx_target", "cx_source"}),
        ("classic", {"pixels", "perceptual"}, {"gram", "perceptual"}),
    ],
)
def test_other_recipes_train_too(
    recipe: str, of_a_clip: set[str], of_a_photo: set[str], clip: Path, photo: Path, tmp_path: Path
) -> None:
    for target, terms in ((clip, of_a_clip), (photo, of_a_photo)):
        result = train([target], tmp_path / f"{recipe}.puppet", replace(TINY, recipe=recipe, steps=1))
        assert set(result.terms) == terms


def test_a_photo_puppet_can_be_trained_from_its_file(photo: Path, tmp_path: Path) -> None:
    animate(photo, "blink", tmp_path / "b.gif", AnimateSettings(size=128), keep_puppet=tmp_path / "instant.puppet")
    assert not Puppet.load(tmp_path / "instant.puppet").is_trained
    train([tmp_path / "instant.puppet"], tmp_path / "trained.puppet", TINY)
    assert Puppet.load(tmp_path / "trained.puppet").is_trained


def test_a_puppet_of_a_clip_asks_for_the_clip(trained: Path, tmp_path: Path) -> None:
    with pytest.raises(CxanimError, match="clip"):
        train([trained], tmp_path / "a.puppet", TINY)


def test_drive_shows_another_performance(trained: Path, clip: Path, tmp_path: Path) -> None:
    puppet = Puppet.load(trained)
    by_video = drive(puppet, clip, tmp_path / "a.mp4")
    by_preset = drive(puppet, "smile", tmp_path / "b.mp4", DriveSettings(loops=2))
    assert by_video.frames == len(frames_of(clip)) and by_preset.frames == 180
    assert frames_of(by_video.path)[0].shape == (64, 64, 3)


def test_evaluate_prints_the_contract(trained: Path, clip: Path) -> None:
    scores = evaluate(Puppet.load(trained), clip, EvaluateSettings(start=0.5, frames=4, features="small"))
    numbers = {
        "frames", "psnr", "ssim", "l1", "vgg_dist", "face_psnr", "face_vgg_dist", "akd_px", "miss_rate",
        "flicker_ratio", "background_drift", "ms_per_frame",
    }  # fmt: skip
    assert set(scores) == numbers | {"baselines", "device", "threads", "size", "features"}
    assert set(scores["baselines"]) == {"nearest", "warp", "static"}
    assert all(set(block) == numbers for block in scores["baselines"].values())
    assert scores["size"] == 64 and scores["features"] == "small"
    assert scores["baselines"]["static"]["flicker_ratio"] == 0
    json.dumps(scores, allow_nan=False)


def test_a_clip_without_a_face_is_refused(tmp_path: Path) -> None:
    with open_video_writer(tmp_path / "grey.mp4", 64, 64, 10) as writer:
        for _ in range(5):
            writer.write(np.full((64, 64, 3), 90, np.uint8))
    with pytest.raises(NoFace, match=r"grey\.mp4"):
        train([tmp_path / "grey.mp4"], tmp_path / "a.puppet", TINY)


def test_a_face_that_leaves_and_returns_is_bridged(clip: Path, photo: Path, tmp_path: Path) -> None:
    frames = frames_of(clip)
    with open_video_writer(tmp_path / "gap.mp4", frames[0].shape[1], frames[0].shape[0], 10) as writer:
        for number, frame in enumerate(frames):
            writer.write(np.zeros_like(frame) if 10 <= number < 14 else frame)
    extracted = extract_motion(tmp_path / "gap.mp4", tmp_path / "gap.npz")
    motion = extracted.motion
    missing = [number for number, face in enumerate(motion.faces) if face is None]
    assert missing and set(missing) <= set(range(10, 16))
    rendered = animate(photo, tmp_path / "gap.mp4", tmp_path / "out.mp4", AnimateSettings(size=128))
    assert rendered.frames == len(frames) and any("No face in" in note for note in rendered.notes)


def test_a_clip_of_one_frame_works(clip: Path, photo: Path, tmp_path: Path) -> None:
    frame = frames_of(clip)[0]
    with open_video_writer(tmp_path / "one.mp4", frame.shape[1], frame.shape[0], 10) as writer:
        writer.write(frame)
    assert animate(photo, tmp_path / "one.mp4", tmp_path / "out.mp4", AnimateSettings(size=128)).frames == 1
    train([tmp_path / "one.mp4"], tmp_path / "one.puppet", replace(TINY, steps=1))
    with pytest.raises(CxanimError, match="left to score"):
        evaluate(Puppet.load(tmp_path / "one.puppet"), tmp_path / "one.mp4", EvaluateSettings(start=0.5))


def test_a_motion_keeps_to_npz(clip: Path, tmp_path: Path) -> None:
    with pytest.raises(CannotWrite, match="npz"):
        extract_motion(clip, tmp_path / "motion.json")
    assert isinstance(extract_motion(clip, None).motion, Motion)


def test_a_real_driver_keeps_its_sound_and_rate(test_data: Path, photo: Path, tmp_path: Path) -> None:
    driver = test_data / "faces" / "tpsmm_driving.mp4"
    rendered = animate(photo, driver, tmp_path / "out.mp4", AnimateSettings(size=256, crop=True))
    with open_video(rendered.path) as result, open_video(driver) as source:
        assert result.info.fps == source.info.fps == 25
        assert result.info.has_audio == source.info.has_audio
        assert abs(result.info.duration_s - source.info.duration_s) < 0.1
    assert rendered.frames == 169


def test_a_network_of_which_only_the_name_is_kept_is_the_one_of_its_time(photo: Path, tmp_path: Path) -> None:
    old = CRNShape((96, 96, 96, 96, 64, 32, 12, 8))
    puppet = replace(photo_puppet(observe_photo(photo), 64, photo.name), network=make_network(64, old))
    puppet.save(tmp_path / "a.puppet")
    header, tensors = read_checkpoint(tmp_path / "a.puppet", "puppet", (FORMAT,))
    write_checkpoint(tmp_path / "old.puppet", "puppet", 6, header | {"network": "live"}, tensors)
    assert Puppet.load(tmp_path / "old.puppet").network.shape == old
    for strange in (
        "huge", 7, {}, {"widths": []}, {"widths": [9999]}, {"widths": ["a"]}, {"widths": [True]}, {"widths": [8] * 9},
        {"widths": [8], "packed": 3}, {"widths": [8], "packed": 2.0}, {"widths": [8], "align_corners": "x"},
    ):  # fmt: skip
        write_checkpoint(tmp_path / "bad.puppet", "puppet", FORMAT, header | {"network": strange}, tensors)
        with pytest.raises(BadPuppet, match="damaged"):
            Puppet.load(tmp_path / "bad.puppet")
