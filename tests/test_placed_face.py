"""A face that a person places: the mesh that meets the points, what is refused, and where the points are kept."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from faces import about_camera_axis, astronaut, portrait_face, rotated

from cxanim import Puppet
from cxanim.errors import BadPuppet, CxanimError
from cxanim.images import write_image
from cxanim.motion import landmarks as lm
from cxanim.motion.detect import find_faces
from cxanim.motion.guess import guess_faces, symmetry
from cxanim.motion.head import head_angles
from cxanim.motion.pose import eye_distance
from cxanim.motion.template import fit_template, named_points, template_face
from cxanim.pipelines.photo import observe_photo, photo_puppet, read_landmarks, read_picture
from cxanim.pipelines.placed_face import PlacedFace, in_pixels, read_placed_face

# A cat: eyes far apart, a small muzzle under them, a mouth that is a line.
CAT = {
    "right_eye_outer": (150, 250), "right_eye_inner": (210, 262), "right_eye_top": (182, 232),
    "right_eye_bottom": (180, 280), "left_eye_inner": (300, 262), "left_eye_outer": (360, 250),
    "left_eye_top": (328, 232), "left_eye_bottom": (330, 280), "nose_tip": (255, 318), "mouth_right": (215, 352),
    "mouth_left": (295, 352), "upper_lip_bottom": (255, 344), "lower_lip_top": (255, 344), "chin": (255, 385),
    "forehead": (255, 150), "right_cheek": (100, 300), "left_cheek": (410, 300),
}  # fmt: skip


def astronaut_points() -> dict[str, tuple[float, float]]:
    return named_points(in_pixels(find_faces(astronaut())[0], 512, 512))


@pytest.mark.parametrize("points", [CAT, dict(list(CAT.items())[::3])], ids=["all", "six"])
def test_every_point_is_met(points):
    face = fit_template(points)
    for name, place in points.items():
        np.testing.assert_allclose(face[lm.NAMED[name], :2], place, atol=0.05)
    assert np.isfinite(face).all() and face.shape == (478, 3)


def test_a_face_from_its_own_points_is_that_face():
    truth = template_face() * 300 + (250, 250, 0)
    face = fit_template(named_points(truth))
    np.testing.assert_allclose(face[:, :2], truth[:, :2], atol=0.02 * eye_distance(truth))


def test_depth_follows_the_turn_that_the_points_show():
    for yaw in (-25, 0, 25):
        turned = rotated(template_face(), about_camera_axis("y", yaw), (0, 0, 0)) * 300
        assert head_angles(fit_template(named_points(turned)))[0] == pytest.approx(head_angles(turned)[0], abs=6)


def test_a_cats_muzzle_is_no_lifted_head():
    yaw, pitch, roll = head_angles(fit_template(CAT))
    assert abs(yaw) < 3 and abs(roll) < 3 and abs(pitch) < 15


def test_where_a_detector_agrees_it_says_more_than_the_points():
    found = portrait_face() * 256
    few = {name: place for name, place in named_points(found).items() if "lip" not in name and "brow" not in name}
    alone, helped = fit_template(few), fit_template(few, found)
    off = [np.linalg.norm(face[:468, :2] - found[:468, :2], axis=1).mean() for face in (alone, helped)]
    assert off[1] < 0.01 < off[0]
    elsewhere = found + (100, 0, 0)
    np.testing.assert_allclose(fit_template(few, elsewhere), alone)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"ear": (1, 2)}, "'ear'"),
        ({"chin": (float("nan"), 3)}, "not numbers"),
        ({"right_eye_outer": (210, 262)}, "in one place"),
        ({"mouth_left": (215.1, 352)}, "in one place"),
    ],
)
def test_points_that_make_no_face_are_refused(change, words):
    with pytest.raises(ValueError, match=words):
        fit_template(CAT | change)


def test_too_few_collinear_mirrored_and_folded_points_are_refused():
    with pytest.raises(ValueError, match="at least 5"):
        fit_template(dict(list(CAT.items())[:4]))
    with pytest.raises(ValueError, match="one line"):
        fit_template({name: (10.0 * number, 20.0 * number) for number, name in enumerate(CAT)})
    with pytest.raises(ValueError, match="exchanged"):
        fit_template({name: (500 - x, y) for name, (x, y) in CAT.items()})
    with pytest.raises(ValueError, match="mouth_right and mouth_left exchanged"):
        fit_template(CAT | {"mouth_right": (295, 352), "mouth_left": (215, 352)})
    with pytest.raises(ValueError, match="folds"):
        fit_template(CAT | {"chin": (255, 200)})


def test_eyes_far_apart_over_a_tiny_mouth_are_a_face():
    far = {
        "right_eye_outer": (178, 297), "right_eye_inner": (232, 297), "left_eye_inner": (335, 297),
        "left_eye_outer": (388, 297), "right_eye_top": (205, 268), "left_eye_top": (362, 268),
        "mouth_right": (258, 305), "mouth_left": (302, 305), "chin": (280, 360), "forehead": (280, 200),
    }  # fmt: skip
    assert np.isfinite(fit_template(far)).all()


def test_a_face_that_stands_on_its_head_is_one():
    face = fit_template({name: (500 - x, 500 - y) for name, (x, y) in CAT.items()})
    assert abs(head_angles(face)[2]) > 170


WRONG = {
    "": "Expecting", "[]": "points", '{"points": 3}': "points", '{"points": {"chin": [1]}}': "no x and y",
    '{"points": {"chin": [1, "2"]}}': "expected pixels", '{"points": {"chin": [1, NaN]}}': "expected pixels",
    '{"points": {"chin": [1, 1e99]}}': "expected pixels", '{"points": {"chin": [true, 2]}}': "expected pixels",
    '{"points": {"ear": [1, 2]}}': "ear", '{"points": {"chin": [1, 2]}, "by_hand": ["ear"]}': "by_hand",
    '{"points": {"chin": [1, 2]}, "picture": [0, 5]}': "picture",
    "[" * 100_000: "", "\udcff": "",
}  # fmt: skip


@pytest.mark.parametrize("text", WRONG)
def test_a_wrong_file_is_refused_by_name(text: str, tmp_path: Path):
    path = tmp_path / "face.json"
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(CxanimError, match="face.json") as caught:
        read_placed_face(path)
    assert WRONG[text] in str(caught.value) and "at least 5 of" in caught.value.next_step


def test_a_huge_or_missing_file_is_refused(tmp_path: Path):
    with pytest.raises(CxanimError, match="none.json"):
        read_placed_face(tmp_path / "none.json")
    (tmp_path / "huge.json").write_text(" " * 2_000_000)
    with pytest.raises(CxanimError, match="1 MB"):
        read_placed_face(tmp_path / "huge.json")


@pytest.mark.parametrize(
    ("points", "size", "words"),
    [
        ({"chin": (255, 9000)}, None, "chin lies far outside"),
        ({}, (512, 900), "512x900"),
        ({name: (x / 100, y / 100) for name, (x, y) in CAT.items()}, None, "px apart"),
    ],
)
def test_points_that_do_not_belong_to_a_picture_are_refused(points, size, words):
    with pytest.raises(CxanimError, match=words):
        PlacedFace(CAT | points, picture_px=size).fit(np.zeros((512, 512, 3), np.uint8))


def test_points_go_with_their_picture_to_another_size():
    blank = np.zeros((256, 256, 3), np.uint8)
    whole = PlacedFace(CAT, picture_px=(512, 512)).fit(np.zeros((512, 512, 3), np.uint8))[0]
    np.testing.assert_allclose(PlacedFace(CAT, picture_px=(512, 512)).fit(blank)[0], whole, atol=1e-5)


def test_what_no_detector_sees_moves_without_a_matte_or_a_persons_teeth(tmp_path: Path):
    write_image(tmp_path / "wall.png", np.full((512, 512, 3), 150, np.uint8))
    write_image(tmp_path / "a.png", astronaut())
    seen = observe_photo(tmp_path / "wall.png", PlacedFace(CAT))
    assert not seen.is_seen and photo_puppet(seen, 128).references[0].matte is None
    seen = observe_photo(tmp_path / "a.png", PlacedFace(astronaut_points()))
    assert seen.is_seen and photo_puppet(seen, 128).references[0].matte is not None
    assert photo_puppet(seen, 128).teeth and not photo_puppet(seen, 128, teeth=False).teeth
    photo_puppet(observe_photo(tmp_path / "wall.png", PlacedFace(CAT)), 128).save(tmp_path / "wall.puppet")
    assert not Puppet.load(tmp_path / "wall.puppet").teeth


def test_json_keeps_all():
    placed = PlacedFace(CAT, ("chin", "nose_tip"), (512, 480))
    assert PlacedFace.from_dict(json.loads(json.dumps(placed.to_dict()))) == placed


def test_a_puppet_keeps_its_points(tmp_path: Path):
    write_image(tmp_path / "a.png", astronaut())
    points = astronaut_points() | {"chin": (225, 205)}
    (tmp_path / "face.json").write_text(json.dumps({"points": points, "by_hand": ["chin"]}))
    placed = read_landmarks(tmp_path / "face.json")
    seen = observe_photo(tmp_path / "a.png", placed)
    np.testing.assert_allclose(in_pixels(seen.face, 512, 512)[lm.CHIN, :2], (225, 205), atol=0.05)
    photo_puppet(seen, 128).save(tmp_path / "a.puppet")
    again = read_landmarks(tmp_path / "a.puppet")
    assert again.by_hand == ("chin",) and again.picture_px == (512, 512)
    np.testing.assert_allclose(observe_photo(tmp_path / "a.png", again).face, seen.face, atol=1e-3)
    photo_puppet(observe_photo(tmp_path / "a.png"), 128).save(tmp_path / "b.puppet")
    with pytest.raises(CxanimError, match="keeps no points"):
        read_landmarks(tmp_path / "b.puppet")


def test_a_puppet_with_impossible_points_is_refused(tmp_path: Path):
    write_image(tmp_path / "a.png", astronaut())
    puppet = photo_puppet(observe_photo(tmp_path / "a.png"), 128)
    replace(puppet, placed=PlacedFace({"chin": (1e9, 1)})).save(tmp_path / "a.puppet")
    with pytest.raises(BadPuppet, match="expected pixels"):
        Puppet.load(tmp_path / "a.puppet")


def test_a_guess_is_what_is_found_or_lies_on_the_head():
    assert guess_faces(astronaut())[0].is_found
    blank = np.full((400, 300, 3), 230, np.uint8)
    blank[60:400, 90:210] = (120, 60, 40)
    guess = guess_faces(blank)[0]
    x, y = in_pixels(guess.face, 300, 400)[[33, 263], :2].mean(0)
    assert not guess.is_found and 120 < x < 180 and 60 < y < 180
    alpha = np.zeros((400, 300), np.uint8)
    alpha[200:, 10:110] = 255
    x, y = in_pixels(guess_faces(np.full_like(blank, 255), alpha)[0].face, 300, 400)[[33, 263], :2].mean(0)
    assert 40 < x < 80 and 200 < y < 300


@pytest.mark.parametrize("picture", [np.zeros((32, 32, 3), np.uint8), np.zeros((40, 900, 3), np.uint8)])
def test_there_is_a_guess_on_any_picture(picture):
    guess = guess_faces(picture)[0]
    assert np.isfinite(guess.face).all() and eye_distance(guess.face) > 0


def test_a_face_is_more_symmetric_than_what_lies_beside_it():
    face = find_faces(astronaut())[0]
    assert symmetry(astronaut(), face) > 0.4 > symmetry(astronaut(), face + np.float32((0.25, 0.4, 0)))


# Where a person sees the eyes' middles, as shares of width and height.
SEEN = {
    "lp_s23.jpg": ((0.415, 0.51), (0.63, 0.51)),
    "moore_body_2.png": ((0.47, 0.175), (0.52, 0.175)),
    "lp_s38.jpg": ((0.34, 0.52), (0.67, 0.52)),
}


@pytest.mark.parametrize("name", SEEN)
def test_doubtful_faces_are_guessed_near_where_a_person_sees_them(name: str, test_data: Path):
    picture, alpha = read_picture(test_data / "portraits" / name)
    height, width = picture.shape[:2]
    face = in_pixels(guess_faces(picture, alpha)[0].face, width, height)
    eyes = np.array([face[[33, 133], :2].mean(0), face[[362, 263], :2].mean(0)])
    truth = np.array(SEEN[name]) * (width, height)
    apart = np.linalg.norm(truth[1] - truth[0])
    assert np.linalg.norm(eyes - truth, axis=1).max() < 0.6 * apart
