"""Motions made of keyframes: where sliders stand between them, their file, and what gets in from outside."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from faces import portrait_face

from cxanim.errors import BadPuppet, BadSetting
from cxanim.motion.baked import baked
from cxanim.motion.expression import SLIDERS, Expression, ExpressionBasis
from cxanim.motion.keyframes import EASINGS, LONGEST_S, Keyframe, KeyframedMotion
from cxanim.motion.pose import eye_distance
from cxanim.motion.presets import PRESETS
from cxanim.motion.recording import Motion
from cxanim.motion.retarget import Gains, Retargeting, perform

WHOLE = {
    "format": 1,
    "name": "test",
    "description": "tests",
    "duration_s": 2.0,
    "keyframes": [
        {"time_s": 0.0, "easing": "linear", "sliders": {"smile": 0.0}},
        {"time_s": 1.0, "easing": "linear", "sliders": {"smile": 1.0}},
    ],
}


def motion(*keyframes: Keyframe, duration_s: float = 4.0) -> KeyframedMotion:
    return KeyframedMotion("test", "tests", duration_s, keyframes)


def rise(easing: str) -> KeyframedMotion:
    """From 0 at one second to 1 at three."""
    return motion(Keyframe(1.0, {"smile": 0.0}), Keyframe(3.0, {"smile": 1.0}, easing))


def smiles(moving: KeyframedMotion, *times_s: float) -> list[float]:
    return [moving.expression_at(time_s).smile for time_s in times_s]


# Easing


@pytest.mark.parametrize(
    ("easing", "quarter", "half", "three_quarters"),
    [
        ("linear", 0.25, 0.5, 0.75),
        ("ease-in", 1 / 16, 1 / 4, 9 / 16),  # u^2
        ("ease-out", 7 / 16, 3 / 4, 15 / 16),  # 1 - (1 - u)^2
        ("ease-in-out", 10 / 64, 1 / 2, 54 / 64),  # 3 u^2 - 2 u^3
        ("hold", 0, 0, 0),
    ],
)
def test_a_slider_goes_its_way_as_the_easing_says(easing: str, quarter: float, half: float, three_quarters: float):
    found = smiles(rise(easing), 0.0, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0)
    assert found == pytest.approx([0, 0, quarter, half, three_quarters, 1, 1])


def test_a_hold_jumps_at_its_keyframe():
    assert smiles(rise("hold"), 2.999, 3.0) == [0, 1]


@pytest.mark.parametrize("easing", EASINGS)
def test_no_easing_leaves_the_way_between_two_keyframes(easing: str):
    found = smiles(rise(easing), *np.linspace(1, 3, 50))
    assert min(found) >= 0 and max(found) == 1 and (np.diff(found) >= 0).all()


def test_a_blink_may_fall_into_the_middle_of_a_smile():
    moving = motion(
        Keyframe(0.0, {"smile": 0.0}, "linear"),
        Keyframe(0.9, {"blink": 0.0}, "linear"),
        Keyframe(1.0, {"blink": 1.0}, "linear"),
        Keyframe(1.1, {"blink": 0.0}, "linear"),
        Keyframe(2.0, {"smile": 1.0}, "linear"),
    )
    assert moving.expression_at(1.0) == Expression(smile=0.5, blink=1.0)
    assert moving.expression_at(1.5) == Expression(smile=0.75)


def test_a_slider_that_no_keyframe_names_stays_neutral_and_one_that_is_named_once_stands():
    moving = motion(Keyframe(1.0, {"scale": 1.2}))
    assert moving.expression_at(0.0) == moving.expression_at(3.0) == Expression(scale=1.2)


def test_a_pose_is_kept_whole_and_leaves_what_was_seen_at_other_times():
    moving = motion(Keyframe(0.0, {}), duration_s=0.5).with_pose(Expression(smile=1), 1.0)
    assert moving.duration_s == 1.0
    moving = moving.with_pose(Expression(jaw=0.5), 2.0, "linear")
    assert [moving.expression_at(time_s) for time_s in (0.0, 1.0, 2.0)] == [
        Expression(), Expression(smile=1), Expression(jaw=0.5),
    ]  # fmt: skip
    assert [keyframe.sliders for keyframe in moving.keyframes] == [
        {"smile": 0, "jaw": 0}, {"smile": 1, "jaw": 0}, {"smile": 0, "jaw": 0.5},
    ]  # fmt: skip
    assert moving.expression_at(1.5) == Expression(smile=0.5, jaw=0.25)
    again = moving.with_pose(Expression(smile=-1), 1.0)
    assert len(again.keyframes) == 3 and again.expression_at(1.0) == Expression(smile=-1)


def test_keyframes_are_moved_and_taken_away():
    moved = rise("linear").with_moved(3.0, 0.5, "hold")
    assert [(keyframe.time_s, keyframe.easing) for keyframe in moved.keyframes] == [(0.5, "hold"), (1.0, "ease-in-out")]
    assert smiles(moved.without(0.5), 0.7) == [0] and rise("linear").with_moved(3.0, 9.0, "linear").duration_s == 9.0
    with pytest.raises(BadSetting, match=r"got 2 s, where there is no keyframe"):
        moved.without(2.0)
    with pytest.raises(BadSetting, match="times that rise"):
        moved.with_moved(1.0, 0.5, "linear")
    with pytest.raises(BadSetting, match="keyframes: got 0"):
        moved.without(0.5).without(1.0)


@pytest.mark.parametrize("name", PRESETS)
def test_no_preset_asks_for_more_than_a_slider_gives(name: str):
    preset = PRESETS[name]
    for time_s in np.linspace(0, preset.duration_s, 60):
        for slider, value in vars(preset.expression_at(float(time_s))).items():
            assert SLIDERS[slider].low <= value <= SLIDERS[slider].high


# The file


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_comes_back_from_its_file(name: str, tmp_path: Path):
    PRESETS[name].save(tmp_path / "motion.json")
    again = KeyframedMotion.load(tmp_path / "motion.json")
    assert again == PRESETS[name]


def changed(**values: object) -> dict:
    return {name: value for name, value in (WHOLE | values).items() if value != "left out"}


def first(**values: object) -> dict:
    """The whole file with another first keyframe."""
    return changed(keyframes=[WHOLE["keyframes"][0] | values, WHOLE["keyframes"][1]])


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (changed(format=2), "format is 2"),
        (changed(format="left out"), "format is None"),
        (changed(duration_s=0), "duration_s: got 0 s"),
        (changed(duration_s=float("nan")), "duration_s: got nan"),
        (changed(duration_s=LONGEST_S + 1), "duration_s: got 121 s"),
        (changed(duration_s="2"), "duration_s: got '2', expected a number"),
        (changed(duration_s=10**400), "not a readable motion"),
        (changed(duration_s="left out"), "not a readable motion"),
        (changed(duration_s=0.5), "one at 1 s, but the motion ends at 0.5 s"),
        (changed(name="x" * 61), "up to 60 printable letters"),
        (changed(name="a\nb"), "printable"),
        (changed(keyframes=[]), "keyframes: got 0"),
        (changed(keyframes=WHOLE["keyframes"] * 501), "keyframes: got 1002"),
        (changed(keyframes=WHOLE["keyframes"][::-1]), "got 0 s after 1 s, expected times that rise"),
        (changed(keyframes=WHOLE["keyframes"][:1] * 2), "got 0 s after 0 s"),
        (changed(keyframes=5), "not a readable motion"),
        (changed(keyframes=[5]), "not a readable motion"),
        (first(time_s=-1), "time_s: got -1 s"),
        (first(time_s=float("nan")), "time_s: got nan"),
        (first(time_s=None), "time_s: got None"),
        (first(easing="bounce"), "easing: got 'bounce', expected one of linear"),
        (first(easing=[]), "not a readable motion"),
        (first(sliders={"grin": 1}), "no setting 'grin'; it has"),
        (first(sliders={"smile": 1.5}), "smile: got 1.5, expected -1 to 1"),
        (first(sliders={"smile": float("nan")}), "smile: got nan"),
        (first(sliders={"smile": True}), "smile: got True, expected a number"),
        (first(sliders=[1]), "not a readable motion"),
        ([], "not a readable motion"),
    ],
)
def test_what_is_wrong_in_a_file_is_said(header: object, words: str, tmp_path: Path):
    path = tmp_path / "odd.json"
    path.write_text(json.dumps(header))
    with pytest.raises(BadPuppet, match=words) as caught:
        KeyframedMotion.load(path)
    assert "odd.json" in caught.value.problem and "cxanim motion save" in caught.value.next_step


@pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b"[" + b" " * (1 << 20) + b"]", b"\0" * 9])
def test_what_is_no_json_is_refused(data: bytes, tmp_path: Path):
    (tmp_path / "odd.json").write_bytes(data)
    with pytest.raises(BadPuppet, match=r"odd\.json"):
        KeyframedMotion.load(tmp_path / "odd.json")


def test_a_missing_file_is_named(tmp_path: Path):
    with pytest.raises(BadPuppet, match=r"nowhere\.json cannot be read"):
        KeyframedMotion.load(tmp_path / "nowhere.json")


def test_a_motion_that_cannot_be_is_refused_when_it_is_made_too():
    with pytest.raises(BadSetting, match="times that rise"):
        motion(Keyframe(1.0, {"smile": 0.0}), Keyframe(1.0, {"jaw": 0.0}))


# Frames


def test_the_frames_of_a_motion_are_its_moments():
    faces = list(replace(rise("linear"), duration_s=3.0).faces(portrait_face(), 2))
    basis = ExpressionBasis(portrait_face())
    assert len(faces) == 6
    np.testing.assert_array_equal(faces[4], perform(basis.performance(Expression(smile=0.5)), portrait_face()))


def test_what_is_added_comes_whatever_the_gains():
    nothing, basis = Gains(head=0, brows=0, eyes=0, gaze=0, mouth=0), ExpressionBasis(portrait_face())
    added = Expression(yaw_deg=9, jaw=0.4, blink=1, brows=1, gaze_right=0.5, scale=1.1)
    (face, *_) = PRESETS["surprise"].faces(portrait_face(), 5, nothing, basis.performance(added))
    np.testing.assert_allclose(face, perform(basis.performance(added), portrait_face()), atol=1e-5)


def test_a_baked_motion_moves_another_face_as_its_keyframes_do():
    preset, face = PRESETS["surprise"], portrait_face()
    recording = baked(preset, 10)
    assert len(recording) == 22 and recording.relaxed is not None
    retargeting = Retargeting(recording.relaxed, face)
    retold = np.stack([retargeting.face(pose.need_face()) for pose in recording])
    told = np.stack(list(preset.faces(face, 10)))
    off, moved = (np.linalg.norm(way, axis=2)[:, :468] / eye_distance(face) for way in (retold - told, told - face))
    assert off.mean() < 0.15 * moved.mean()


def test_a_baked_motion_that_never_rests_keeps_its_relaxed_face_in_its_file(tmp_path: Path):
    recording = baked(motion(Keyframe(0.0, {"smile": 1.0})), 30)
    recording.save(tmp_path / "smile.npz")
    again = Motion.load(tmp_path / "smile.npz").calmed()
    assert again.relaxed is not None and recording.relaxed is not None
    np.testing.assert_allclose(again.relaxed, recording.relaxed, atol=1 / 65536)
    corners = again[0].need_face()[[61, 291], 0], again.relaxed[[61, 291], 0]
    assert np.ptp(corners[0]) > 1.1 * np.ptp(corners[1])
