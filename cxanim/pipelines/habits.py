"""What a clip tells about its target before any training: how the body moves, and what makes two frames alike.

General idea: frames of the clip are shown from references taken at another time, as the puppet will show what nobody
has seen, and what comes nearest to the truth is kept. It is judged on little pictures, which tell as much.

Convention: `truth` is (T, S, S, 3) uint8, `faces` (T, 478, 3) where the face is in each, and `apart_s` (T, N) how far
each of N references lies from each of T frames in time.
"""

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from cxanim.motion.pose import face_box
from cxanim.pipelines.likeness import Likeness, appearance, learn_likeness, squared_parts
from cxanim.pipelines.metrics import cut_box, l1
from cxanim.pipelines.puppet import Puppet
from cxanim.pipelines.render import Renderer
from cxanim.pipelines.watch import Watch

_APART_S = 1.5  # from its references a frame lies so far in time: what a puppet will be shown has none so near
_ROUND_FACE = 0.3  # by so much of its sides is the box of a face grown, so that collar and hair lie in it
_BODY_FOLLOWS, _JUDGED_FRAMES = (0.05, 0.2, 0.5, 0.8, 1.0), 16  # what is tried, on so many frames
_COMPARED_FRAMES, _LEAST_COMPARED = 64, 16  # that tell which references are alike; with fewer nothing is learnt
_JUDGED_PX, _COMPARED_PX = 128, 48  # sides of the pictures that are judged, and of the face in them


def body_follows(
    puppet: Puppet, truth: np.ndarray, faces: Sequence[np.ndarray], apart_s: np.ndarray, watch: Watch
) -> float:
    """How much the target's body goes along with the head: what brings the warp nearest to the truth round the face.

    A collar stands while a head turns; long hair goes along, and where the camera moves, so does all.
    """
    little = _shrunk(puppet)
    wrong_by = []
    for follows in watch.each(_BODY_FOLLOWS, "Watching the body", len(_BODY_FOLLOWS), "guesses"):
        renderer = Renderer(replace(little, body_follows=follows))
        errors = []
        for index in _spread(len(faces), _JUDGED_FRAMES):
            face, box = faces[index], np.array(face_box(faces[index], grow=_ROUND_FACE))
            shares = renderer.retrieval.shares(face, too_near(apart_s[index], 1))
            shown = renderer.warped(face, shares)[..., :3]
            errors.append(l1(cut_box(shown, box), cut_box(_shrunk_picture(truth[index]), box)))
        wrong_by.append(np.mean(errors))
    return _BODY_FOLLOWS[int(np.argmin(wrong_by))]


def likeness(
    puppet: Puppet, truth: np.ndarray, faces: Sequence[np.ndarray], apart_s: np.ndarray, watch: Watch
) -> Likeness:
    """What counts when references of this target are chosen: what brings the warp nearest to the truth."""
    some = _spread(len(faces), _COMPARED_FRAMES)
    if len(some) < _LEAST_COMPARED or len(puppet.references) < 2:
        return puppet.likeness

    def seen(picture: np.ndarray, face: np.ndarray) -> np.ndarray:
        part = cut_box(picture, np.array(face_box(face, grow=_ROUND_FACE)))
        return cv2.resize(part, (_COMPARED_PX, _COMPARED_PX), interpolation=cv2.INTER_AREA).ravel()

    renderer = Renderer(_shrunk(puppet))
    looks = np.stack([appearance(reference.face, puppet.neutral_face) for reference in puppet.references])
    allowed = ~np.stack([too_near(apart_s[index], 1) for index in some])
    shown = np.zeros((*allowed.shape, 3 * _COMPARED_PX**2), np.uint8)
    for place, index in enumerate(watch.each(some, "Comparing references", len(some))):
        for number in np.flatnonzero(allowed[place]):
            shown[place, number] = seen(renderer.warp(int(number)).show(faces[index]), faces[index])
    parts = np.stack([squared_parts(looks, appearance(faces[index], puppet.neutral_face)) for index in some])
    wanted = np.stack([seen(_shrunk_picture(truth[index]), faces[index]) for index in some])
    return learn_likeness(parts, shown, wanted, allowed)


def too_near(apart_s: np.ndarray, count: int) -> np.ndarray:
    """Which references lie too near in time to a frame to be shown for it, by how far apart they are.

    At least `count` are left where there are so many. A clip may be too short to keep the distance that is asked for:
    then half of the references are too near, or else the frame itself, unless there is nothing but it.
    """
    for least_s in (_APART_S, float(np.median(apart_s))):
        if (apart_s >= least_s).sum() >= count:
            return apart_s < least_s
    itself = apart_s == 0
    return itself if not itself.all() else np.zeros_like(itself)


def _spread(count: int, some: int) -> list[int]:
    """Some numbers below `count`, evenly spread."""
    return sorted({int(number) for number in np.linspace(0, count - 1, some)})


def _shrunk(puppet: Puppet) -> Puppet:
    """The same puppet with little pictures, which are judged as well and warped in a quarter of the time."""
    references = tuple(
        replace(
            reference,
            picture=_shrunk_picture(reference.picture),
            matte=None if reference.matte is None else _shrunk_picture(reference.matte),
        )
        for reference in puppet.references
    )
    plate = None if puppet.plate is None else _shrunk_picture(puppet.plate)
    return replace(puppet, size_px=min(puppet.size_px, _JUDGED_PX), references=references, plate=plate)


def _shrunk_picture(picture: np.ndarray) -> np.ndarray:
    side = min(len(picture), _JUDGED_PX)
    return cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)
