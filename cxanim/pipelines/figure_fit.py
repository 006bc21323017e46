"""Trains a puppet of a whole figure: first all of it, then its face alone."""

import math
from dataclasses import asdict, replace
from pathlib import Path

from cxanim.errors import Cancelled
from cxanim.pipelines.figure_face import face_training_set
from cxanim.pipelines.figure_puppet import FigurePuppet
from cxanim.pipelines.learn import FitSettings, Trained, learn
from cxanim.pipelines.machine import Machine
from cxanim.pipelines.training_set import TrainingSet
from cxanim.pipelines.training_state import TrainingState
from cxanim.pipelines.watch import Watch

_FACE_SHARE = 0.2  # of the minutes, or of the steps
# What the weights are multiplied by: bent limbs never lie exactly on the true ones, and where they do not L1 asks for
# their mean with the wall. CX does not (docs/log.md, 2026-11-28).
# Between patches of pixels it counts as much: a mesh of single pixels pleases features (docs/log.md, 2026-11-29).
_TIMES, _MOST = {"pixels": 0.25, "contextual": 3.0}, 10.0


def learn_figure(
    data: TrainingSet[FigurePuppet],
    settings: FitSettings,
    machine: Machine,
    earlier: TrainingState | None = None,
    output: Path | None = None,
    longest_min: float = math.inf,
    *,
    watch: Watch,
) -> Trained[FigurePuppet]:
    """Train on a training set of a figure; keep what is learnt in `output`, every minute and at the end.

    The face is learnt anew from what the first network shows, whenever that has learnt more. Whoever stops keeps what
    is learnt so far.

    Args:
        data, settings, machine, earlier, output, longest_min, watch: as of `learn`.
    """
    share = 1 - _FACE_SHARE if any(pose.face is not None for pose in data.poses) else 1.0
    weights = {name: min(_MOST, times * getattr(settings, name)) for name, times in _TIMES.items()}
    weights["patches"] = max(settings.patches, weights["contextual"])
    how = replace(settings, minutes=share * settings.minutes, **weights)
    whole = learn(data, how, machine, earlier, output, share * longest_min, watch=watch)
    told = whole.puppet.training | {"settings": asdict(settings)}
    face_network = None
    if told["finished"]:
        face = _learnt_face(whole.puppet, data, settings, machine, longest_min, watch)
        if face is not None:
            face_network = face.puppet.network
            whole = replace(whole, seconds=whole.seconds + face.seconds)
            told |= {"face_steps": face.steps, "finished": face.puppet.training["finished"]}
    about = whole.puppet.about | {"training": told}
    puppet = replace(whole.puppet, face_network=face_network, about=about)
    if output is not None:
        puppet.save(output)
    return replace(whole, puppet=puppet)


def _learnt_face(
    puppet: FigurePuppet,
    data: TrainingSet[FigurePuppet],
    settings: FitSettings,
    machine: Machine,
    longest_min: float,
    watch: Watch,
) -> Trained[FigurePuppet] | None:
    """The second network, as the puppet of a face alone; None where hardly a frame shows one, or who waits stopped."""
    how = replace(
        settings, minutes=_FACE_SHARE * settings.minutes, steps=math.ceil(_FACE_SHARE * settings.steps)
    )  # fmt: skip
    try:
        faces = face_training_set(puppet, data, machine.prepare(), watch)
        return None if faces is None else learn(faces, how, machine, longest_min=_FACE_SHARE * longest_min, watch=watch)
    except Cancelled:
        return None
