"""Trains a puppet of a whole figure: first all of it, then its face alone."""

import math
from dataclasses import replace
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
    shows_faces = sum(pose.face is not None for pose in data.poses) > 0
    share = 1 - _FACE_SHARE if shows_faces else 1.0
    whole = learn(
        data, replace(settings, minutes=share * settings.minutes), machine, earlier, output, share * longest_min,
        watch=watch,
    )  # fmt: skip
    puppet = whole.puppet
    if not shows_faces or not puppet.training["finished"]:
        return whole
    try:
        faces = face_training_set(puppet, data, machine.prepare(), watch)
        if faces is None:
            return whole
        steps = math.ceil(_FACE_SHARE * settings.steps)
        face = learn(
            faces, replace(settings, minutes=_FACE_SHARE * settings.minutes, steps=steps), machine, None, None,
            _FACE_SHARE * longest_min, watch=watch,
        )  # fmt: skip
    except Cancelled:
        return whole
    training = puppet.training | {"face_steps": face.steps, "finished": face.puppet.training["finished"]}
    puppet = replace(puppet, face_network=face.puppet.network, about=puppet.about | {"training": training})
    if output is not None:
        puppet.save(output)
    return replace(whole, puppet=puppet, seconds=whole.seconds + face.seconds)
