"""What the page is told of a photo's faces, and what is made of what it sends back."""

import json
from pathlib import Path

import numpy as np
import pytest
from faces import astronaut

from cxanim.errors import BadSetting, CxanimError
from cxanim.images import write_image
from cxanim.motion import landmarks as lm
from cxanim.pipelines.animate import AnimateSettings
from cxanim.ui.animate_tab import _look, run_animation
from cxanim.ui.face_placer import chosen_face, looked_at, placed_by
from cxanim.ui.jobs import Desk
from cxanim.ui.workspace import Workspace


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    write_image(tmp_path / "a.png", astronaut())
    return tmp_path / "a.png"


def test_a_found_face_is_shown_and_left_to_the_detector(photo: Path):
    seen = json.loads(json.dumps(looked_at(photo)))  # it travels
    assert seen["picture"] == [512, 512] and set(seen["points"]) == set(lm.NAMED)
    assert seen["image"].startswith("data:image/jpeg;base64,") and len(seen["faces"]) == 1
    assert placed_by(seen) is None and placed_by(None) is None and chosen_face(seen) == 0
    moved = placed_by(seen | {"edited": True, "by_hand": ["chin"]})
    assert moved is not None and moved.by_hand == ("chin",) and moved.picture_px == (512, 512)


def test_points_alone_do_for_callers_of_the_api(photo: Path):
    points = looked_at(photo)["points"]
    assert placed_by({"points": points}).by_hand == tuple(points)


def test_a_guess_is_animated_as_it_lies(tmp_path: Path, workspace: Workspace):
    write_image(tmp_path / "wall.png", np.full((256, 256, 3), 180, np.uint8))
    seen = looked_at(tmp_path / "wall.png")
    assert not seen["faces"][0]["sure"]
    settings = AnimateSettings(size=128)
    *_, last = run_animation(
        Desk(), workspace, "anna", str(tmp_path / "wall.png"), "nod", settings, placed=placed_by(seen)
    )
    assert "Done" in last[-2]


def test_two_faces_are_counted_from_the_left(tmp_path: Path):
    write_image(tmp_path / "two.png", np.hstack([astronaut(), astronaut()[:, ::-1]]))
    seen = looked_at(tmp_path / "two.png")
    assert len(seen["faces"]) == 2 and "2 faces" in seen["words"]
    assert [chosen_face(seen | {"active": number}) for number in (0, 1)] == [1, 2]
    assert placed_by(seen) is None


def test_points_that_were_saved_come_back(photo: Path, tmp_path: Path):
    points = looked_at(photo)["points"] | {"chin": [226, 204]}
    (tmp_path / "face.json").write_text(json.dumps({"points": points, "by_hand": ["chin"], "picture": [512, 512]}))
    seen = looked_at(photo, tmp_path / "face.json")
    assert seen["points"]["chin"] == [226, 204] and seen["by_hand"] == ["chin"] and seen["edited"]
    (tmp_path / "face.json").write_text("no")
    with pytest.raises(CxanimError, match="face.json"):
        looked_at(photo, tmp_path / "face.json")


def test_a_photo_that_cannot_be_read_shows_nothing_yet(tmp_path: Path):
    (tmp_path / "bad.png").write_bytes(b"no picture")
    assert _look(str(tmp_path / "bad.png"))[0] is None and _look(None)[0] is None


@pytest.mark.parametrize(
    "wrong",
    [
        3, "points", [1], {"faces": 3}, {"faces": [], "edited": False, "active": 0}, {"points": {"chin": ["x", 1]}},
        {"faces": [{}], "edited": False, "active": 9}, {"points": {"chin": [float("inf"), 1]}},
        {"faces": [{}], "edited": True, "points": {"ear": [1, 2]}},
    ],
)  # fmt: skip
def test_what_is_not_from_the_page_is_refused(wrong):
    with pytest.raises(BadSetting, match="landmarks"):
        placed_by(wrong)
