"""Finding faces, bodies and hands in frames.

General idea: one `Detector` per stream. It tracks from frame to frame, so it must see the frames of one stream in
order, and belongs to one thread. A face costs 4 ms.

Convention:
    - frames are unmirrored (H, W, 3) uint8 RGB; poses come back in the frame's own square (`Crop.whole`).
    - left and right are the subject's own; MediaPipe's holistic model names hands likewise.
"""

import contextlib
from collections import Counter
from functools import cache
from itertools import combinations
from types import TracebackType
from typing import Any

import numpy as np

from cxanim.errors import NoFace
from cxanim.motion import landmarks as lm
from cxanim.motion.crop import Crop
from cxanim.motion.mediapipe_door import LARGEST_INPUT_PX, quiet, shrunk, solutions
from cxanim.motion.pose import Pose, eye_distance, face_box

PARTS = ("face", "body")
_SETTLES = 3
_DOUBT = 0.05  # confidence with which a face is perhaps one


class Detector:
    """Tracks one subject through the frames of one stream.

    Args:
        parts: "face" (478 points), or "body" (face, 33 body points and both hands).
        tracks: whether frames follow one another; else each is looked at by itself, more slowly.
    """

    def __init__(self, parts: str = "face", *, tracks: bool = True):
        if parts not in PARTS:
            raise ValueError(f"parts: got {parts!r}, expected one of {', '.join(PARTS)}")
        with quiet():
            if parts == "face":
                self._solution = solutions().face_mesh.FaceMesh(
                    static_image_mode=not tracks, max_num_faces=1, refine_landmarks=True, min_tracking_confidence=0.5
                )
            else:
                self._solution = solutions().holistic.Holistic(
                    static_image_mode=not tracks, model_complexity=1, refine_face_landmarks=True
                )
        self.parts = parts
        self._greeted = False

    def detect(self, frame: np.ndarray) -> Pose:
        """Find the subject in the next frame of the stream; what is not seen is None in the pose."""
        with contextlib.nullcontext() if self._greeted else quiet():
            found = self._solution.process(shrunk(frame))
        self._greeted = True
        square = _Square(frame.shape[1], frame.shape[0])
        if self.parts == "face":
            faces = found.multi_face_landmarks or ()
            return Pose(face=square.points(faces[0]) if faces else None)
        return Pose(
            face=square.points(found.face_landmarks, expected=lm.FACE_POINTS),
            body=square.points(found.pose_landmarks, visibility=True),
            # Holistic hangs each hand on the wrist of the body, whose sides are the subject's own.
            left_hand=square.points(found.left_hand_landmarks),
            right_hand=square.points(found.right_hand_landmarks),
        )

    def close(self) -> None:
        """Free the networks."""
        if self._solution is not None:
            self._solution.close()
            self._solution = None

    def __enter__(self) -> "Detector":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def find_faces(picture: np.ndarray, most: int = 8, *, everyone: bool = False) -> list[np.ndarray]:
    """Find the faces of a single picture, the largest first.

    Looks three times before it gives up: at the picture, at the picture with a wide border (a face that fills the
    frame), and at enlarged windows where a detector for distant faces sees one (a small face in a large picture).

    Args:
        picture: (H, W, 3) uint8 RGB.
        most: at most so many faces.
        everyone: look at the enlarged windows in any case: beside a large face small ones are overlooked.

    Returns:
        (478, 3) faces in the picture's own square; an empty list where there is none.
    """
    height, width = picture.shape[:2]
    whole = Crop.whole(width, height)
    bordered = Crop(whole.x_px - whole.side_px / 3, whole.y_px - whole.side_px / 3, whole.side_px * 5 / 3)
    for window in (whole, bordered):
        faces = _mesh(window.cut(picture, min(LARGEST_INPUT_PX, round(window.side_px))), most)
        if faces:
            break
    faces = _into_frame(faces, window, width, height)
    if faces and not everyone:
        return _largest_first(faces)
    for window in _distant_faces(picture):
        view = window.cut(picture, 384)
        faces += _into_frame(_mesh(view, 1), window, width, height)
    return _distinct(_largest_first(faces))[:most]


def find_face(picture: np.ndarray, name: str = "the picture") -> tuple[np.ndarray, int]:
    """Find the largest face of a picture.

    Returns:
        The (478, 3) face in the picture's own square, and how many faces there are.

    Raises:
        NoFace: there is none.
    """
    faces = find_faces(picture)
    if not faces:
        raise NoFace(
            f"No face was found in {name}.",
            "Use a picture in which one face looks roughly towards the camera and is not covered.",
        )
    return faces[0], len(faces)


def find_perhaps(picture: np.ndarray) -> list[np.ndarray]:
    """What may be faces where `find_faces` finds none: a painted animal, a mask, and much that is none.

    Looks closer and closer, and takes what the networks themselves doubt.

    Args:
        picture: (H, W, 3) uint8 RGB.

    Returns:
        (478, 3) faces in the picture's own square, in no order.
    """
    height, width = picture.shape[:2]
    whole = Crop.whole(width, height)
    windows = [Crop(whole.x_px - whole.side_px / 3, whole.y_px - whole.side_px / 3, whole.side_px * 5 / 3)]
    windows += [_grown(window, 1.4) for window in _distant_faces(picture)]
    for share in (1, 2, 3):
        if share == 1 or max(width, height) >= share * 128:
            windows += _tiles(width, height, max(width, height) / share)
    faces: list[np.ndarray] = []
    for window in windows:
        faces += _into_frame(_mesh(window.cut(picture, 384), 2, least_sure=_DOUBT), window, width, height)
    return faces


def find_body(picture: np.ndarray) -> np.ndarray | None:
    """Find the body of a single picture: (33, 4) in the picture's own square, or None where there is none."""
    with Detector("body") as detector:
        for _ in range(_SETTLES):  # it tracks: from the second look on it looks at the person, not at the picture
            body = detector.detect(picture).body
    return body


@cache
def face_triangles() -> np.ndarray:
    """The face mesh as (T, 3) point numbers, all turning the same way; eyes and mouth are holes."""
    with quiet():
        edges = solutions().face_mesh_connections.FACEMESH_TESSELATION
    neighbours: dict[int, set[int]] = {}
    for a, b in edges:
        neighbours.setdefault(a, set()).add(b)
        neighbours.setdefault(b, set()).add(a)
    rings = {tuple(sorted((a, b, c))) for a, b in edges for c in neighbours[a] & neighbours[b]}
    # A ring of three edges is no triangle of the mesh where each of its edges already has one on either side.
    uses = Counter(edge for ring in rings for edge in combinations(ring, 2))
    triangles = [ring for ring in rings if any(uses[edge] < 3 for edge in combinations(ring, 2))]
    return np.array(_turning_alike(sorted(triangles)), dtype=np.int32)


def _turning_alike(triangles: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """Order the corners of each triangle so that neighbours run along their common edge in opposite directions."""
    by_edge: dict[tuple[int, ...], list[int]] = {}
    for number, ring in enumerate(triangles):
        for edge in combinations(ring, 2):
            by_edge.setdefault(edge, []).append(number)
    turned = {0: triangles[0]}
    waiting = [0]
    while waiting:
        ring = turned[waiting.pop()]
        for a, b in zip(ring, ring[1:] + ring[:1], strict=True):
            for neighbour in by_edge[min(a, b), max(a, b)]:
                if neighbour not in turned:
                    (third,) = set(triangles[neighbour]) - {a, b}
                    turned[neighbour] = (b, a, third)
                    waiting.append(neighbour)
    return [turned[number] for number in range(len(triangles))]


class _Square:
    """Turns MediaPipe's numbers, normalised to width and height, into those of the frame's own square."""

    def __init__(self, width_px: int, height_px: int):
        side = max(width_px, height_px)
        self._scale = np.array([width_px / side, height_px / side, width_px / side], dtype=np.float32)
        self._shift = np.array([(1 - width_px / side) / 2, (1 - height_px / side) / 2, 0], dtype=np.float32)

    def points(self, found: Any, *, visibility: bool = False, expected: int = 0) -> np.ndarray | None:
        if found is None or (expected and len(found.landmark) < expected):
            return None
        points = np.array([(point.x, point.y, point.z) for point in found.landmark], dtype=np.float32)
        points = points * self._scale + self._shift
        if visibility:
            seen = np.array([[point.visibility] for point in found.landmark], dtype=np.float32)
            points = np.hstack([points, seen])
        return points


def _mesh(picture: np.ndarray, most: int, least_sure: float | None = None) -> list[np.ndarray]:
    square = _Square(picture.shape[1], picture.shape[0])
    options = dict(static_image_mode=True, max_num_faces=most, refine_landmarks=True, min_detection_confidence=0.4)
    if least_sure is not None:
        options |= dict(min_detection_confidence=least_sure, min_tracking_confidence=least_sure)
    with quiet(), solutions().face_mesh.FaceMesh(**options) as mesh:
        found = mesh.process(shrunk(picture)).multi_face_landmarks or ()
    return [points for face in found if (points := square.points(face)) is not None]


def _distant_faces(picture: np.ndarray) -> list[Crop]:
    """Windows round the faces that the long-range detector sees in a large picture."""
    height, width = picture.shape[:2]
    options = dict(model_selection=1, min_detection_confidence=0.4)
    with quiet(), solutions().face_detection.FaceDetection(**options) as detection:
        # The detector looks at 192 px, however large the picture: what is small there needs a nearer look.
        for share in (1, 2, 4):
            if share > 1 and max(width, height) < share * 192:
                break
            found = []
            for view in _tiles(width, height, max(width, height) / share):
                seen = detection.process(shrunk(view.cut(picture, round(view.side_px)), 384)).detections or ()
                found += [_window_round(one.location_data.relative_bounding_box, view) for one in seen]
            if found:
                return found
    return []


def _tiles(width_px: int, height_px: int, side_px: float) -> list[Crop]:
    """Square windows of one size that cover a frame, each overlapping the next by at least half."""

    def starts(length: int) -> np.ndarray:
        count = 1 + int(np.ceil(max(0.0, length - side_px) / (side_px / 2)))
        return np.linspace(0, length - side_px, count) if count > 1 else np.array([(length - side_px) / 2])

    side = round(side_px)
    return [Crop(round(x), round(y), side) for y in starts(height_px) for x in starts(width_px)]


def _window_round(box: Any, view: Crop) -> Crop:
    """A window twice as large as a box that was found in `view`."""
    side = 2.0 * max(box.width, box.height) * view.side_px
    centre_x = view.x_px + (box.xmin + box.width / 2) * view.side_px
    centre_y = view.y_px + (box.ymin + box.height / 2) * view.side_px
    return Crop(round(centre_x - side / 2), round(centre_y - side / 2), round(side))


def _grown(window: Crop, share: float) -> Crop:
    more = (share - 1) * window.side_px / 2
    return Crop(round(window.x_px - more), round(window.y_px - more), round(share * window.side_px))


def _into_frame(faces: list[np.ndarray], window: Crop, width_px: int, height_px: int) -> list[np.ndarray]:
    """Take faces from a window's coordinates into those of the frame's own square."""
    return [window.to_frame(Pose(face=face), width_px, height_px).need_face() for face in faces]


def _distinct(faces: list[np.ndarray]) -> list[np.ndarray]:
    """The faces, each of them once: overlapping windows show one face several times."""
    kept: list[np.ndarray] = []
    for face in faces:
        if all(np.linalg.norm((face - other)[lm.NOSE_TIP, :2]) > eye_distance(other) for other in kept):
            kept.append(face)
    return kept


def _largest_first(faces: list[np.ndarray]) -> list[np.ndarray]:
    def area(face: np.ndarray) -> float:
        x0, y0, x1, y1 = face_box(face)
        return (x1 - x0) * (y1 - y0)

    return sorted(faces, key=area, reverse=True)
