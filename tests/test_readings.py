"""What is read off a face: each number speaks of its own part alone, and of no turn of the head."""

import numpy as np
import pytest
from faces import about_camera_axis, portrait_face, rotated

from cxanim.motion.expression import Expression, ExpressionBasis
from cxanim.motion.readings import READINGS, read_face
from cxanim.motion.retarget import perform

ANGLES = ("yaw", "pitch", "roll")


def acted(**sliders: float) -> dict[str, float]:
    return read_face(perform(ExpressionBasis(portrait_face()).performance(Expression(**sliders)), portrait_face()))


@pytest.mark.parametrize(
    ("sliders", "rises"),
    [
        (dict(jaw=0.6), {"jaw"}),
        (dict(blink_left=0.8), {"eye_left"}),
        (dict(blink_right=0.8), {"eye_right"}),
        (dict(brow_left=0.8), {"brow_left"}),
        (dict(brow_right=0.8), {"brow_right"}),
        (dict(smile=0.8), {"smile"}),
        (dict(gaze_right=0.8), {"gaze_x"}),
        (dict(gaze_down=0.8), {"gaze_y"}),
    ],
)
def test_each_part_moves_its_own_reading_most(sliders: dict[str, float], rises: set[str]) -> None:
    rest, now = acted(), acted(**sliders)
    (name,) = rises
    change = {part: abs(now[part] - rest[part]) for part in READINGS if part not in ANGLES}
    assert now[name] > rest[name] + 0.02
    others = [value for part, value in change.items() if part != name and not (name, part) == ("jaw", "smile")]
    assert max(others) < 0.5 * change[name] + 0.02


@pytest.mark.parametrize(("axis", "name"), [("y", "yaw"), ("x", "pitch"), ("z", "roll")])
def test_a_turn_of_the_head_changes_its_angle_and_nothing_else(axis: str, name: str) -> None:
    rest, now = read_face(portrait_face()), read_face(rotated(portrait_face(), about_camera_axis(axis, 12)))
    assert abs(now[name] - rest[name]) == pytest.approx(12, abs=1.0)
    for part in READINGS:
        if part not in ANGLES:
            assert now[part] == pytest.approx(rest[part], abs=1e-4)


def test_size_and_place_change_nothing() -> None:
    rest, now = read_face(portrait_face()), read_face(0.5 * portrait_face() + np.float32((0.2, -0.1, 0.3)))
    assert [now[name] for name in READINGS] == pytest.approx([rest[name] for name in READINGS], abs=1e-4)
