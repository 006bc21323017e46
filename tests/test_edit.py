"""The expression editor: what sliders do to a picture as a detector sees it, what is kept, and the tab's handlers."""

import base64
import json
import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from conftest import serve_app
from faces import astronaut, astronaut_face
from gradio_client import Client, handle_file

from cxanim.cli import main
from cxanim.errors import BadPuppet, BadSetting, CannotWrite, CxanimError, NoFace
from cxanim.images import decode_jpeg, read_image, write_image
from cxanim.motion.detect import find_face
from cxanim.motion.expression import SLIDERS, Expression
from cxanim.motion.keyframes import KeyframedMotion
from cxanim.motion.presets import PRESETS
from cxanim.motion.readings import read_face
from cxanim.motion.template import named_points
from cxanim.pipelines.edit import Editor, EditSettings, edit
from cxanim.pipelines.machine import Machine
from cxanim.pipelines.photo import observe_photo, photo_puppet
from cxanim.pipelines.placed_face import in_pixels
from cxanim.ui import keyframe_panel
from cxanim.ui.editor_tab import Target, chosen_target, picture_while_moving, run_motion, save_face, show_face
from cxanim.ui.editors import Editors
from cxanim.ui.jobs import Desk
from cxanim.ui.sliders import read_sliders, values_of
from cxanim.ui.workspace import Workspace
from cxanim.video import open_video

SMALL = EditSettings(size=256)


@cache
def editor(path: Path) -> Editor:
    return Editor(path, SMALL)


def read(path: Path, **sliders: float) -> dict[str, float]:
    """What a detector reads in the picture that the sliders make."""
    face, _ = find_face(editor(path).show(Expression(**sliders)))
    return read_face(face)


# What the sliders do, measured on the picture


def changes(path: Path, **sliders: float) -> dict[str, float]:
    now, rest = read(path, **sliders), read(path)
    return {name: now[name] - rest[name] for name in rest}


@pytest.mark.parametrize(
    ("sliders", "reading", "least", "most"),
    [
        ({"yaw_deg": 15}, "yaw", 9, 19),
        ({"yaw_deg": -15}, "yaw", -19, -9),
        ({"pitch_deg": 12}, "pitch", 6, 16),
        ({"pitch_deg": -12}, "pitch", -16, -6),
        ({"roll_deg": 15}, "roll", 12, 18),
        ({"jaw": 1}, "jaw", 0.2, 0.6),
        ({"lips": 1}, "jaw", 0.04, 0.3),
        ({"smile": 1}, "smile", 0.04, 0.5),
        ({"pucker": 1}, "smile", -0.5, -0.06),
        ({"blink": 1}, "eye_left", 0.08, 0.5),
        ({"blink": 1}, "eye_right", 0.08, 0.5),
        ({"blink_left": 1}, "eye_left", 0.08, 0.5),
        ({"blink_right": 1}, "eye_right", 0.08, 0.5),
        ({"brows": 1}, "brow_left", 0.04, 0.4),
        ({"brow_right": 1}, "brow_right", 0.04, 0.4),
        ({"brows": -1}, "brow_right", -0.4, -0.03),
        ({"gaze_right": 1}, "gaze_x", 0.05, 0.5),
        ({"gaze_down": 1}, "gaze_y", 0.015, 0.4),
    ],
)
@pytest.mark.parametrize("whose", ["character", "photo"])
def test_a_slider_does_what_its_name_says(
    whose: str, sliders: dict, reading: str, least: float, most: float, request: pytest.FixtureRequest
):
    if whose == "character" and reading.startswith("brow"):
        pytest.skip("the detector does not see where drawn brows are")
    path = request.getfixturevalue(whose)
    assert least < changes(path, **sliders)[reading] < most


@pytest.mark.parametrize("whose", ["character", "photo"])
def test_a_slider_leaves_what_it_does_not_name_nearly_alone(whose: str, request: pytest.FixtureRequest):
    path = request.getfixturevalue(whose)
    for sliders, untouched in (
        ({"blink_left": 1}, ("eye_right", "jaw", "smile")),
        ({"jaw": 1}, ("eye_left", "eye_right", "brow_left", "brow_right")),
        ({"brow_right": 1}, ("jaw", "smile", "eye_left", "brow_left")),
        ({"pucker": 1}, ("eye_left", "eye_right", "brow_left")),
        ({"gaze_right": 1}, ("jaw", "smile", "brow_left", "brow_right")),
    ):
        found = changes(path, **sliders)
        assert {name: found[name] for name in untouched if abs(found[name]) > 0.06} == {}, sliders
        assert max(abs(found[name]) for name in ("yaw", "pitch", "roll")) < 10, sliders


# What is kept


def test_neutral_sliders_give_the_picture_back(photo: Path):
    np.testing.assert_array_equal(editor(photo).still(Expression()), astronaut())


def test_a_still_is_the_whole_picture_with_the_face_moved(photo: Path, tmp_path: Path):
    made = edit(photo, tmp_path / "out.png", Expression(jaw=1), SMALL)
    picture = read_image(made.path).rgb
    assert (made.width_px, made.height_px) == (512, 512)
    changed = np.abs(picture.astype(int) - astronaut()).max(2) > 24
    mouth = (astronaut_face()[[13, 14], :2].mean(0) * 512).astype(int)
    assert changed[mouth[1] - 10 : mouth[1] + 20, mouth[0] - 10 : mouth[0] + 10].mean() > 0.3
    assert not changed[-100:].any() and not changed[:, :40].any()


def test_one_picture_does_not_depend_on_the_one_before(photo: Path):
    first = editor(photo).show(Expression(smile=1)).copy()
    editor(photo).show(Expression(jaw=1, yaw_deg=20))
    np.testing.assert_array_equal(editor(photo).show(Expression(smile=1)), first)


def test_a_cut_out_stays_one(tmp_path: Path):
    alpha = np.zeros((512, 512), np.uint8)
    alpha[40:, 100:380] = 255
    write_image(tmp_path / "cut.png", astronaut(), alpha)
    edit(tmp_path / "cut.png", tmp_path / "out.png", Expression(smile=1), SMALL)
    edit(tmp_path / "cut.png", tmp_path / "out.jpg", Expression(smile=1), SMALL)
    made, flat = read_image(tmp_path / "out.png"), read_image(tmp_path / "out.jpg")
    assert made.alpha is not None and flat.alpha is None
    assert (made.alpha[300:, :90] == 0).all() and (flat.rgb[300:, :90] > 250).all()


def test_a_puppet_is_edited_too(photo: Path, tmp_path: Path):
    photo_puppet(observe_photo(photo), 128).save(tmp_path / "her.puppet")
    made = edit(tmp_path / "her.puppet", tmp_path / "out.png", Expression(smile=1))
    assert (made.width_px, made.height_px) == (128, 128)
    with pytest.raises(BadSetting, match="A puppet has one face"):
        Editor(tmp_path / "her.puppet", EditSettings(face=1))


def test_a_picture_is_edited_from_the_command_line(
    photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    sliders = ["--smile", "0.6", "--yaw-deg", "-8", "--size", "128"]
    assert main(["edit", str(photo), "-o", "out.png", *sliders, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"path": "out.png", "width_px": 512, "height_px": 512, "notes": []}
    assert main(["edit", str(photo), "-o", "out.mp4"]) == 2
    assert "pictures cannot be written with the ending '.mp4'" in capsys.readouterr().err
    assert main(["edit", str(photo), "-o", "o.png", "--smile", "3"]) == 2
    assert "smile: got 3, expected -1 to 1" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["out.png"]


# The tab


@pytest.fixture
def editors() -> Editors:
    return Editors(lambda: Machine(device="cpu").torch_device, most=2)


def picture_in(html: str) -> np.ndarray:
    found = re.search(r'src="data:image/jpeg;base64,([^"]+)"', html)
    assert found is not None
    return decode_jpeg(base64.b64decode(found[1]))


def test_the_face_is_shown_as_the_sliders_have_it(editors: Editors, photo: Path):
    rest, glad = (picture_in(show_face(editors, "anna", Target(photo), Expression(smile=smile))) for smile in (0, 1))
    assert rest.shape == (512, 512, 3)
    assert np.abs(glad.astype(int) - rest).max() > 60


def test_while_a_slider_moves_pictures_come_for_the_ticket_of_the_face_alone(editors: Editors, photo: Path):
    sliders = {"smile": 1, "yaw_deg": 5}
    shown = show_face(editors, "anna", Target(photo), Expression(**sliders))
    show_face(editors, "anna", Target(photo), Expression())
    ticket = editors.ticket_of("anna")
    assert f'data-ticket="{ticket}"' in shown
    moving = picture_while_moving(editors, {"ticket": ticket, "sliders": sliders})
    assert moving is not None and f'src="{moving}"' in shown
    for strange in (
        {"ticket": "", "sliders": sliders}, {"ticket": ticket, "sliders": {"smile": float("nan")}},
        {"ticket": ticket, "sliders": {"smile": "much"}}, {"ticket": ticket, "sliders": {"charm": 1}},
        {"ticket": ticket, "sliders": 5}, {"ticket": ticket}, None, "ticket",
    ):  # fmt: skip
        assert picture_while_moving(editors, strange) is None
    show_face(editors, "ben", Target(photo), Expression())
    assert editors.ticket_of("ben") not in ("", ticket)
    editors.forget("anna")
    assert picture_while_moving(editors, {"ticket": ticket, "sliders": sliders}) is None
    assert editors.ticket_of("anna") == ""


def test_another_face_has_another_ticket(editors: Editors, photo: Path, character: Path):
    show_face(editors, "anna", Target(photo), Expression())
    first = editors.ticket_of("anna")
    show_face(editors, "anna", Target(character), Expression())
    assert editors.ticket_of("anna") != first
    assert picture_while_moving(editors, {"ticket": first, "sliders": {}}) is None


def test_visitors_have_a_face_each_and_only_some_are_kept(editors: Editors, photo: Path, character: Path):
    with editors.seat("anna", photo) as hers, editors.seat("ben", character) as his:
        assert hers is not his and (hers.target, his.target) == (photo, character)
    with editors.seat("anna", photo) as again:
        assert again is hers
    with editors.seat("cleo", photo):
        assert len(editors) == 2  # Ben, who moved nothing for longest, is let go
    with editors.seat("anna", character) as other:
        assert other is not hers and other.target == character
    editors.forget("anna"), editors.forget("nobody")
    assert len(editors) == 1


def test_a_puppet_of_many_pictures_leaves_room_for_few_others(photo: Path, tmp_path: Path):
    puppet = photo_puppet(observe_photo(photo), 64)
    replace(puppet, references=puppet.references * 3).save(tmp_path / "many.puppet")
    editors = Editors(lambda: Machine(device="cpu").torch_device, most_references=3)
    for visitor, target in (("anna", photo), ("ben", photo), ("cleo", tmp_path / "many.puppet")):
        with editors.seat(visitor, target) as seated:
            pass
    assert seated.references == 3 and len(editors) == 1


def test_a_picture_without_a_face_is_refused_and_the_next_one_is_not(
    editors: Editors, workspace: Workspace, photo: Path, tmp_path: Path
):
    write_image(tmp_path / "wall.png", np.full((128, 128, 3), 120, np.uint8))
    with pytest.raises(NoFace, match=r"wall\.png"):
        show_face(editors, "anna", Target(tmp_path / "wall.png"), Expression())
    assert "<img" in show_face(editors, "anna", Target(photo), Expression())
    with pytest.raises(CxanimError, match="There is no puppet yet"):
        chosen_target("puppet", str(photo), None)
    with pytest.raises(BadSetting, match="target_kind"):
        chosen_target("video", str(photo), None)
    kept = Path(save_face(editors, workspace, "anna", Target(photo), Expression(smile=1)))
    assert kept.name == "astronaut-edited.png" and read_image(kept).rgb.shape == (512, 512, 3)


def test_where_the_face_is_may_be_said(editors: Editors, photo: Path):
    """Points as a person would place them on the picture of her face turned upside down, where none is found."""
    turned = photo.with_name("turned.png")
    write_image(turned, np.ascontiguousarray(astronaut()[::-1, ::-1]))
    face = in_pixels(astronaut_face(), 512, 512)
    points = {name: [512 - float(x), 512 - float(y)] for name, (x, y) in named_points(face).items()}
    target = chosen_target("photo", str(turned), None, {"points": points})
    assert target.placed is not None
    rest, glad = (picture_in(show_face(editors, "anna", target, Expression(smile=smile))) for smile in (0, 1))
    assert np.abs(glad.astype(int) - rest).max() > 60
    assert chosen_target("photo", str(photo), None, {"face": 2}).face == 2
    for odd in ({"points": 5}, {"face": 99}, [1]):
        with pytest.raises(BadSetting):
            chosen_target("photo", str(photo), None, odd)


def test_sliders_mean_an_expression_and_an_expression_its_sliders():
    expression = Expression(smile=0.5, scale=1.1)
    assert read_sliders(values_of(expression)) == expression
    assert read_sliders([None] * len(SLIDERS)) == Expression()
    with pytest.raises(BadSetting, match="yaw_deg: got 90"):
        read_sliders([90, *values_of(Expression())[1:]])


def test_faces_become_keyframes_that_are_moved_and_deleted():
    motion, times, next_s, *_ = keyframe_panel.kept("", Expression(), 0.0, "linear", 2.0)
    assert times["choices"] == [("0.00 s · linear · neutral", 0.0)] and next_s == 0.5
    motion, times, *_ = keyframe_panel.kept(motion, Expression(smile=1, jaw=0.2), 3.0, "hold", 2.0)
    assert times["choices"][1] == ("3.00 s · hold · Smile 1, Jaw 0.2", 3.0)
    assert KeyframedMotion.from_json(motion).duration_s == 3.0
    expression, keyframe = keyframe_panel.expression_of(motion, 3.0)
    assert expression == Expression(smile=1, jaw=0.2) and keyframe.easing == "hold"
    motion, times, *_ = keyframe_panel.moved(motion, 3.0, 1.0, "ease-in", 3.0)
    assert times["value"] == 1.0 and [time_s for _, time_s in times["choices"]] == [0.0, 1.0]
    with pytest.raises(BadSetting, match="There is a keyframe at 0 s already"):
        keyframe_panel.moved(motion, 1.0, 0.0, "linear", 3.0)
    finished = keyframe_panel.finished(motion, " my wink ", 1.5)
    assert (finished.name, finished.duration_s, len(finished.keyframes)) == ("my wink", 1.5, 2)
    with pytest.raises(BadSetting, match=r"one at 1 s, but the motion ends at 0\.5 s"):
        keyframe_panel.finished(motion, "", 0.5)
    motion, *_ = keyframe_panel.deleted(motion, 1.0)
    motion, times, *_ = keyframe_panel.deleted(motion, 0.0)
    assert motion == "" and not times["visible"]


def test_a_motion_begins_with_a_preset_or_a_file(workspace: Workspace, tmp_path: Path):
    motion, times, _, _, name, duration_s, _ = keyframe_panel.begun("wink")
    assert (name, duration_s, len(times["choices"])) == ("wink", 2.0, len(PRESETS["wink"].keyframes))
    path = keyframe_panel.saved(workspace, "anna", keyframe_panel.finished(motion, "my wink", 2.0))
    assert path.name == "my-wink.json" and keyframe_panel.uploaded(str(path))[4] == "my wink"
    (tmp_path / "odd.json").write_text("{}")
    with pytest.raises(BadPuppet, match=r"odd\.json is no motion"):
        keyframe_panel.uploaded(str(tmp_path / "odd.json"))


@pytest.mark.parametrize(
    "call",
    [
        lambda: keyframe_panel.moved("", None, 0.0, "linear", 1.0),
        lambda: keyframe_panel.deleted("", None),
        lambda: keyframe_panel.expression_of("", 0.0),
        lambda: keyframe_panel.finished("", "", 1.0),
        lambda: keyframe_panel.uploaded(None),
        lambda: keyframe_panel.begun("grin"),
        lambda: keyframe_panel.kept("", Expression(), None, "linear", 1.0),
        lambda: keyframe_panel.kept("<script>", Expression(), 0.0, "linear", 1.0),
        lambda: keyframe_panel.kept("", Expression(), 0.0, "bounce", 1.0),
        lambda: keyframe_panel.kept("", Expression(), 1e9, "linear", 1.0),
    ],
)
def test_what_is_missing_or_odd_is_said_in_words(call):
    with pytest.raises(CxanimError):
        call()


def test_a_motion_is_shown_on_a_photo_and_on_a_puppet(workspace: Workspace, character: Path, tmp_path: Path):
    path = tmp_path / "short.json"
    KeyframedMotion("short", "", 0.5, PRESETS["doze"].keyframes[:1]).save(path)
    photo_puppet(observe_photo(character), 64).save(tmp_path / "him.puppet")
    for target in (character, tmp_path / "him.puppet"):
        *_, (video, status) = run_motion(Desk(), workspace, "anna", Target(target), path)
        assert "Done" in status
        with open_video(video) as frames:
            assert len(list(frames)) == 15


def test_a_program_can_edit_a_photo_and_show_a_motion(character: Path, tmp_path: Path):
    home = tmp_path / "home"
    home.mkdir()
    with serve_app(home) as (url, _):
        client = Client(url, verbose=False, download_files=str(tmp_path / "results"))
        still = client.predict(
            target_kind="photo", photo=handle_file(character), puppet=None, smile=0.8, api_name="/edit"
        )
        picture = read_image(Path(still)).rgb
        assert np.abs(picture.astype(int) - read_image(character).rgb).max() > 60
        with pytest.raises(Exception, match="7 is greater than maximum value 1"):
            client.predict(target_kind="photo", photo=handle_file(character), puppet=None, smile=7, api_name="/edit")
        motion = KeyframedMotion("short", "", 0.5, PRESETS["doze"].keyframes[:1]).to_json()
        video, status = client.predict(
            target_kind="photo", photo=handle_file(character), puppet=None, motion=motion, name="short",
            duration_s=0.5, api_name="/show_motion",
        )  # fmt: skip
        assert "Done" in status and video


def test_a_place_that_cannot_be_written_is_said_before_the_work(photo: Path, tmp_path: Path):
    with pytest.raises(CannotWrite, match="There is no folder"):
        edit(tmp_path / "nobody-looks-at-this.png", tmp_path / "nowhere" / "out.png")
