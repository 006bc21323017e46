"""What a single picture of a face expresses, though nothing tells how that face looks at rest.

General idea: a common relaxed face is bent onto the points that expressions hardly move; what is left is expression,
and also that people differ. So it is read through the sliders of `expression.py`, which no shape of a chin can move,
and only what a mouth does beyond the differences between mouths at rest is taken as it is. How large these are was
measured: against frames of clips whose own relaxed face is known (docs/log.md).
"""

from dataclasses import replace
from functools import cache

import numpy as np
from scipy.interpolate import RBFInterpolator

from cxanim.motion import landmarks as lm
from cxanim.motion.expression import Expression, ExpressionBasis
from cxanim.motion.head import fit_similarity, head_centre, stable_points
from cxanim.motion.pose import eye_distance
from cxanim.motion.ratios import CLOSED_SHARE
from cxanim.motion.regions import region_weights
from cxanim.motion.retarget import Performance, measure, perform, still
from cxanim.motion.template import template_face

# The face of the template smiles a little, and its eyes are wide open: so much less and they are those of most people.
_SMILE, _WIDE = 0.55, 0.25
_NOSE = (1, 2, 4, 5, 19, 48, 94, 97, 98, 195, 197, 278, 294, 326, 327, 64)
_OWN = sorted({*lm.STABLE, *_NOSE})  # tell whose face it is, not what it does
_READ = ("smile", "pucker", "brow_left", "brow_right", "frown")
_READ_AT = list(lm.OUTER_LIPS + lm.INNER_LIPS + lm.LEFT_BROW + lm.RIGHT_BROW)
_GAP_OF_JAW = 0.42  # as `ExpressionBasis` opens a mouth, in eye distances
# By so much mouths (in yardsticks), open eyes (of closing) and places of irises (in yardsticks) differ from the common
# face at rest; and brows in height, so that of what they seem to do a part is believed.
_MOUTHS, _EYES, _IRISES, _BROWS = 0.095, 0.15, 0.025, 0.75
_WIDER = 0.54  # of the same, of eyes that are wide: how far they are is not read as far larger, as of narrow ones
_TIMID = 0.15  # sliders that little speaks for stay near 0


def still_driver(
    face: np.ndarray, neutral: np.ndarray | None = None, replaced: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """A relaxed face, and one with the expression of a still picture, to be compared with it: what retargeting wants.

    Args:
        face: (478, 3) the face in the picture.
        neutral: (478, 3) the same person's relaxed face in another picture, if there is one. How the head has turned
            between the two counts as expression; where and how large it is, does not.
        replaced: (478, 3) a target's face whose own expression is to give way, rather than be added to. Without
            `neutral`, the first face then has that expression.

    Returns:
        Both faces (478, 3), neutral first. Without `neutral` both heads are turned as that of `face`.
    """
    if neutral is not None:
        placed = neutral.astype(np.float64) * (eye_distance(face) / eye_distance(neutral))
        return (placed + head_centre(face) - head_centre(placed)).astype(np.float32), face
    relaxed = likely_neutral(face)
    if replaced is None:
        return relaxed, _as_detected(_read(face, relaxed), relaxed)
    # How far eyes are open is compared from face to face then, and not with eyes at rest.
    first, then = (_read(one, likely_neutral(one), usual_eyes=0.0) for one in (replaced, face))
    return _as_detected(first, relaxed), _as_detected(then, relaxed)


def likely_neutral(face: np.ndarray) -> np.ndarray:
    """The relaxed face (478, 3) of whoever's face (478, 3) it is, as far as the points tell that expressions leave."""
    common, face = _relaxed_template(), face.astype(np.float64)
    motion = fit_similarity(stable_points(common), stable_points(face))
    placed = motion.scale * common @ motion.rotation.T + motion.shift
    bent = RBFInterpolator(placed[_OWN], face[_OWN] - placed[_OWN], kernel="linear", degree=1)
    return (placed + bent(placed)).astype(np.float32)


def _read(face: np.ndarray, relaxed: np.ndarray, usual_eyes: float = _EYES) -> Performance:
    """What the face does, without what only tells it from other faces."""
    seen, basis = measure(face, relaxed), ExpressionBasis(relaxed)
    jaw = float(np.clip(seen.gap / _GAP_OF_JAW, 0, 1.2))
    spoken = jaw * basis.performance(Expression(jaw=1)).offsets
    pulls = np.stack([basis.performance(Expression(**{name: 1.0})).offsets for name in _READ])
    columns = pulls[:, _READ_AT].reshape(len(_READ), -1).T
    wanted = (seen.offsets - spoken)[_READ_AT].ravel()
    timid = columns.T @ columns + _TIMID**2 * np.eye(len(_READ))
    sliders = np.clip(np.linalg.solve(timid, columns.T @ wanted), -1, 1.2)
    sliders *= [_BROWS if "brow" in name or name == "frown" else 1.0 for name in _READ]
    offsets = spoken + np.tensordot(sliders, pulls, axes=1)
    mouth = region_weights(relaxed)["mouth"][:, None]
    size = np.sqrt((seen.offsets[list(lm.OUTER_LIPS + lm.INNER_LIPS)] ** 2).sum(1).mean())
    offsets += max(0.0, 1 - (_MOUTHS / max(size, 1e-6)) ** 2) * mouth * (seen.offsets - offsets)
    irises = list(lm.RIGHT_IRIS + lm.LEFT_IRIS)
    offsets[irises] = _beyond(seen.offsets[irises], _IRISES) * (1.0, 1.0, 0.0)
    usual_lids = np.where(seen.closure > 0, usual_eyes, usual_eyes * _WIDER)
    closure = _beyond(seen.closure, usual_lids) / (1 - usual_lids)
    return replace(still(), offsets=offsets, closure=closure, gap=seen.gap)


def _as_detected(performance: Performance, relaxed: np.ndarray) -> np.ndarray:
    """The face that does this as a detector sees it, which leaves lids that are shut a little apart."""
    closure = performance.closure
    return perform(replace(performance, closure=np.where(closure > 0, closure * (1 - CLOSED_SHARE), closure)), relaxed)


def _beyond(values: np.ndarray, usual: float | np.ndarray) -> np.ndarray:
    """What of the values goes beyond what is usual."""
    return np.sign(values) * np.maximum(0, np.abs(values) - usual)


@cache
def _relaxed_template() -> np.ndarray:
    template = template_face()
    basis = ExpressionBasis(template)
    less = basis.performance(Expression(blink=_WIDE))
    # The smile is taken away: that is not yet a mouth whose corners drop, as a negative slider would have it.
    offsets = less.offsets - _SMILE * basis.performance(Expression(smile=1)).offsets
    return perform(replace(less, offsets=offsets), template).astype(np.float64)
