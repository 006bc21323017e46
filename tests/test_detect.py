"""Detection on real pictures: where faces are, which is the largest, and whose hand is whose."""

import itertools

import cv2
import numpy as np
import pytest
import skimage.data
from faces import astronaut, astronaut_face

from cxanim.errors import NoFace
from cxanim.motion import landmarks as lm
from cxanim.motion.detect import Detector, find_face, find_faces
from cxanim.motion.head import head_angles
from cxanim.motion.pose import eye_distance, face_box
from cxanim.motion.segment import person_matte
from cxanim.video import open_video

GREY = 120


def scaled(picture: np.ndarray, side_px: int) -> np.ndarray:
    return cv2.resize(picture, (side_px, side_px), interpolation=cv2.INTER_AREA)


def frames(path, count: int) -> list[np.ndarray]:
    with open_video(path) as video:
        return list(itertools.islice(video, count))


def test_a_face_is_found_where_it_is():
    # In the 512 px photograph the face reaches from the hairline near (180, 70) to the chin near (270, 177).
    x0, y0, x1, y1 = np.array(face_box(astronaut_face())) * 512
    np.testing.assert_allclose((x0, y0, x1, y1), (180, 70, 270, 177), atol=8)


def test_a_landscape_frame_has_its_face_in_the_coordinates_of_its_square():
    # The photograph in a frame 800 x 512, 200 px from its left: its square begins 144 px above it.
    frame = np.full((512, 800, 3), GREY, np.uint8)
    frame[:, 200:712] = astronaut()
    found, count = find_face(frame)
    assert count == 1
    expected = (astronaut_face()[:, :2] * 512 + (200, 144)) / 800
    np.testing.assert_allclose(found[:468, :2], expected[:468], atol=6 / 800)


def test_a_portrait_frame_does_too():
    frame = np.full((800, 512, 3), GREY, np.uint8)
    frame[200:712] = astronaut()
    found, _ = find_face(frame)
    expected = (astronaut_face()[:, :2] * 512 + (144, 200)) / 800
    np.testing.assert_allclose(found[:468, :2], expected[:468], atol=6 / 800)


def test_a_mirrored_picture_looks_and_tilts_the_other_way():
    mirrored, _ = find_face(np.ascontiguousarray(astronaut()[:, ::-1]))
    assert mirrored[lm.NOSE_TIP, 0] == pytest.approx(1 - astronaut_face()[lm.NOSE_TIP, 0], abs=0.005)
    assert mirrored[lm.RIGHT_EYE[0], 0] < mirrored[lm.LEFT_EYE[-1], 0]
    assert head_angles(mirrored)[2] == pytest.approx(-head_angles(astronaut_face())[2], abs=2)


def test_of_several_faces_the_largest_comes_first():
    both = np.full((512, 1024, 3), GREY, np.uint8)
    both[:400, :400] = scaled(astronaut(), 400)
    both[:, 512:] = astronaut()
    found = find_faces(both)
    assert len(found) == 2
    assert eye_distance(found[0]) > eye_distance(found[1])
    assert found[0][:, 0].min() > 0.5 > found[1][:, 0].max()
    assert len(find_faces(both, most=1)) == 1


def test_a_small_face_in_a_large_picture_is_found_once():
    large = np.full((1200, 1600, 3), GREY, np.uint8)
    large[650:970, 1000:1320] = scaled(astronaut(), 320)
    found = find_faces(large)
    assert len(found) == 1
    expected = (astronaut_face()[:, :2] * 320 + (1000, 650 + 200)) / 1600
    np.testing.assert_allclose(found[0][:468, :2], expected[:468], atol=6 / 1600)


def test_a_face_that_fills_the_picture_is_found():
    close = np.ascontiguousarray(astronaut()[72:180, 170:278])
    found = find_faces(scaled(close, 400))
    assert len(found) == 1
    assert eye_distance(found[0]) > 0.3


def test_a_picture_without_a_face_has_none_and_says_what_to_do():
    assert find_faces(skimage.data.coins()[..., None].repeat(3, axis=2)) == []
    with pytest.raises(NoFace, match=r"No face was found in cat\.png") as caught:
        find_face(skimage.data.chelsea(), "cat.png")
    assert "one face" in caught.value.next_step


def test_a_tiny_picture_is_no_trouble():
    assert find_faces(np.zeros((3, 2, 3), np.uint8)) == []


def test_a_detector_follows_a_face_that_moves():
    with Detector() as detector:
        for step in range(8):
            frame = np.roll(astronaut(), 6 * step, axis=1)
            face = detector.detect(frame).need_face()
            expected = astronaut_face()[lm.NOSE_TIP, 0] + 6 * step / 512
            assert face[lm.NOSE_TIP, 0] == pytest.approx(expected, abs=0.015)


def test_a_detector_says_none_where_there_is_no_face_and_finds_it_again():
    blank = np.full((512, 512, 3), GREY, np.uint8)
    with Detector() as detector:
        assert detector.detect(blank).is_empty
        assert detector.detect(astronaut()).face is not None
        assert detector.detect(blank).face is None
        assert detector.detect(astronaut()).face is not None


def test_a_real_clip_is_followed_without_a_jump(test_data):
    with Detector() as detector:
        found = [detector.detect(frame).face for frame in frames(test_data / "faces" / "lp_d0.mp4", 20)]
    assert all(face is not None for face in found)
    noses = np.array([face[lm.NOSE_TIP, :2] for face in found])
    assert np.linalg.norm(np.diff(noses, axis=0), axis=1).max() < 0.3 * eye_distance(found[0])


def test_a_body_has_33_points_and_its_own_left():
    with Detector("body") as detector:
        pose = detector.detect(astronaut())
    assert pose.body.shape == (33, 4)
    left_shoulder, right_shoulder = pose.body[11], pose.body[12]
    assert left_shoulder[0] > 0.5 > right_shoulder[0]  # an unmirrored picture: her left is on its right
    assert min(left_shoulder[3], right_shoulder[3]) > 0.9
    assert pose.face is not None
    np.testing.assert_allclose(pose.body[0, :2], pose.face[lm.NOSE_TIP, :2], atol=0.05)


def test_hands_hang_on_the_wrist_of_their_side(test_data):
    hands = 0
    with Detector("body") as detector:
        for frame in frames(test_data / "bodies" / "ghost_dance.mp4", 16):
            pose = detector.detect(frame)
            for hand, own, other in ((pose.left_hand, 15, 16), (pose.right_hand, 16, 15)):
                if hand is None or pose.body is None:
                    continue
                hands += 1
                away = [np.linalg.norm(pose.body[wrist, :2] - hand[0, :2]) for wrist in (own, other)]
                assert away[0] < away[1]
    assert hands > 5


def test_a_matte_is_one_on_the_person_and_nothing_beside():
    matte = person_matte(astronaut())
    assert matte.shape == (512, 512) and matte.dtype == np.float32
    x, y = (astronaut_face()[lm.NOSE_TIP, :2] * 512).astype(int)
    assert matte[y, x] > 0.9
    assert matte[:60, :60].max() < 0.1


def test_an_unknown_part_is_refused():
    with pytest.raises(ValueError, match="parts: got 'tail'"):
        Detector("tail")
