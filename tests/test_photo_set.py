"""What a photo learns from its driver: the inside of its mouth, and nothing else of it."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from faces import portrait, portrait_face

from cxanim.images import write_image
from cxanim.motion import landmarks as lm
from cxanim.motion.expression import Expression, ExpressionBasis
from cxanim.motion.ratios import mouth_gap
from cxanim.motion.retarget import perform
from cxanim.pipelines.drive_settings import DriverSettings
from cxanim.pipelines.fit import fit_photo
from cxanim.pipelines.learn import FitSettings
from cxanim.pipelines.machine import Machine
from cxanim.pipelines.photo import observe_photo, photo_puppet
from cxanim.pipelines.photo_set import driver_lessons, grafted, photo_training_set
from cxanim.pipelines.puppet import Puppet
from cxanim.pipelines.render import Renderer
from cxanim.pipelines.watch import Watch

SIZE_PX = 128


@pytest.fixture(scope="module")
def puppet(tmp_path_factory: pytest.TempPathFactory) -> Puppet:
    path = tmp_path_factory.mktemp("photo") / "portrait.png"
    write_image(path, portrait())
    return photo_puppet(observe_photo(path), SIZE_PX, path.name)


def acted(**sliders: float) -> np.ndarray:
    return perform(ExpressionBasis(portrait_face()).performance(Expression(**sliders)), portrait_face())


def between_the_lips(face: np.ndarray, size_px: int, grow_px: int = 0) -> np.ndarray:
    mask = np.zeros((size_px, size_px), np.uint8)
    cv2.fillPoly(mask, [np.round(face[list(lm.INNER_LIPS), :2] * size_px).astype(np.int32)], 1)
    return cv2.dilate(mask, np.ones((2 * grow_px + 1,) * 2, np.uint8)) > 0


def test_only_what_is_between_the_lips_is_grafted():
    face, size = acted(jaw=0.8), 256
    shown = np.full((size, size, 3), 120, np.uint8)
    driver = np.full((size, size, 3), 120, np.uint8)
    driver[between_the_lips(face, size)] = (30, 20, 10)
    truth = grafted(shown, face, driver, face)
    outside = ~between_the_lips(face, size, grow_px=3)
    np.testing.assert_array_equal(truth[outside], shown[outside])
    np.testing.assert_allclose(np.median(truth[between_the_lips(face, size)], axis=0), (30, 20, 10), atol=3)
    assert (shown == 120).all()  # what was given is left alone


def test_what_is_grafted_comes_in_the_photos_light():
    face, size = acted(jaw=0.8), 256
    shown = np.full((size, size, 3), (200, 160, 80), np.uint8)
    driver = np.full((size, size, 3), (100, 160, 160), np.uint8)  # half as red, twice as blue
    driver[between_the_lips(face, size)] = (40, 40, 40)
    inside = grafted(shown, face, driver, face)[between_the_lips(face, size)]
    np.testing.assert_allclose(np.median(inside, axis=0), (80, 40, 20), atol=4)
    driver[between_the_lips(face, size)] = 255
    brightest = grafted(shown, face, driver, face)[between_the_lips(face, size)].max(0)
    assert (brightest <= (201, 161, 81)).all()  # nothing outshines the skin


@pytest.mark.parametrize(("lips", "tongue"), [((120, 120, 120), (100, 100, 100)), ((180, 90, 90), (200, 50, 50))])
def test_a_tongue_is_as_colourful_as_the_photos_lips(lips, tongue):
    """The driver's lips are (180, 90, 90) on a grey skin and its tongue (200, 50, 50)."""
    face, size = acted(jaw=0.8), 256
    shown, driver = (np.full((size, size, 3), 120, np.uint8) for _ in range(2))
    for picture, colour in ((shown, lips), (driver, (180, 90, 90))):
        cv2.fillPoly(picture, [np.round(face[list(lm.OUTER_LIPS), :2] * size).astype(np.int32)], colour)
    shown[0], driver[0] = 255, 255
    driver[between_the_lips(face, size)] = (200, 50, 50)
    inside = grafted(shown, face, driver, face)[between_the_lips(face, size)]
    expected = np.minimum(tongue, 120)  # nothing outshines the skin
    np.testing.assert_allclose(np.median(inside, axis=0), expected, atol=8)


def test_a_driver_with_closed_lips_teaches_no_inside():
    face = acted(jaw=0.8)
    closed = perform(ExpressionBasis(face).performance(Expression()), face)
    lips = list(lm.INNER_LIP_LOWER[1:-1])
    closed = closed.copy()
    closed[lips] = closed[list(lm.INNER_LIP_UPPER[1:-1])]
    assert mouth_gap(closed) < 0.1 * mouth_gap(face)
    shown = np.full((64, 64, 3), 120, np.uint8)
    np.testing.assert_array_equal(grafted(shown, face, np.zeros_like(shown), closed), shown)


def test_lessons_are_unlike_one_another_and_in_the_photos_proportions(test_data: Path, puppet: Puppet):
    lessons = driver_lessons(test_data / "faces" / "lp_d0.mp4", puppet, Watch(), count=10)
    assert lessons.pictures.shape == (10, SIZE_PX, SIZE_PX, 3) and lessons.wanted.shape == (10, 478, 3)
    apart = np.linalg.norm(lessons.faces[:, None] - lessons.faces[None], axis=3).mean(2) + np.eye(10)
    assert apart.min() > 0
    # The photo's face, not the driver's: its eyes are as far apart as in the photo.
    own, theirs = np.ptp(puppet.neutral_face[[33, 263], 0]), np.ptp(lessons.faces[0][[33, 263], 0])
    assert abs(np.ptp(lessons.wanted[0][[33, 263], 0]) / own - 1) < 0.15 < abs(theirs / own - 1) + 0.15


def test_lessons_are_taken_from_the_part_and_the_face_that_drive(test_data: Path, puppet: Puppet):
    people = test_data / "bodies" / "several_people.mp4"
    first, last = (
        driver_lessons(people, puppet, Watch(), DriverSettings(start_s=1, end_s=1.5, driver_face=number), count=4)
        for number in (1, 3)
    )
    assert len(first.pictures) == len(last.pictures) == 4
    # Two people: their pictures have nothing to do with one another, and frames of one are alike.
    apart = np.abs(first.pictures[0].astype(int) - last.pictures[0]).mean()
    alike = np.abs(first.pictures[0].astype(int) - first.pictures[1]).mean()
    assert alike < 0.8 * apart


def test_a_photo_learns_the_drivers_mouth_and_leaves_the_rest(test_data: Path, puppet: Puppet):
    driver, machine = test_data / "faces" / "lp_d10.mp4", Machine(seed=1, threads=1)
    lessons = driver_lessons(driver, puppet, Watch())
    data = photo_training_set(puppet, Watch(), count=16, lessons=lessons)
    trained = fit_photo(puppet, FitSettings(steps=80, features="small"), machine, Watch(), lessons=lessons)
    taught = np.flatnonzero(np.abs(data.truth.astype(int) - data.warped[:, 0, ..., :3]).max((1, 2, 3)) > 20)
    assert len(taught) > 5
    before = after = 0.0
    for number in taught:
        mouth = between_the_lips(data.faces[number], SIZE_PX)
        truth, warp = data.truth[number].astype(float), data.warped[number, 0, ..., :3]
        shown = Renderer(trained).show(data.faces[number])
        before += np.abs(warp - truth)[mouth].sum()
        after += np.abs(shown - truth)[mouth].sum()
    assert after < 0.93 * before
    rest = Renderer(trained).show(puppet.neutral_face)
    assert np.abs(rest.astype(int) - puppet.references[0].picture).mean() < 3
