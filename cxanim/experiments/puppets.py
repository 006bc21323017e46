"""Table 1 of the paper, puppet control: a puppet of a clip, by CX_t + L_P,t and by L1_t + L_P,t.

Both learn from the first four fifths of a clip for the same steps; what follows is shown from its own landmarks and
compared with itself. Pairs lie on one another here, which is L1's best case.
"""

from dataclasses import replace

import cv2
import numpy as np

from cxanim.experiments.faces import Faces, compared, frames_of
from cxanim.experiments.figure import row_of_pictures
from cxanim.experiments.material import material
from cxanim.experiments.report import Report, spread, table
from cxanim.pipelines.clip import observe_clip
from cxanim.pipelines.evaluate import Exam
from cxanim.pipelines.fit import make_training_set
from cxanim.pipelines.learn import FitSettings, learn
from cxanim.pipelines.machine import Machine
from cxanim.pipelines.scoring import ScoreSettings
from cxanim.pipelines.watch import Watch

_CLIPS = ("lp_d10", "lp_d9", "moore_talk_4")
RECIPES = {"L1 + L_P": "classic", "CX + L_P": "paper"}


def run(quick: bool) -> Report:
    """Both recipes on some clips."""
    clips, until, seeds, steps, count = (("lp_d0",), 0.5, 1, 4, 3) if quick else (_CLIPS, 0.8, 2, 300, 24)
    found: dict[str, list[Faces]] = {name: [] for name in RECIPES}
    rows = []
    for clip in clips:
        seen = observe_clip(material(f"faces/{clip}.mp4"))
        settings = FitSettings(steps=steps, until=until)
        machine, watch = Machine(), Watch()
        data = replace(make_training_set([seen.path], settings, machine, watch), takes=())
        frames = frames_of(Exam(data.puppet, seen, until, 3, watch), count)
        for seed in range(seeds):
            for name, recipe in RECIPES.items():
                puppet = learn(data, replace(settings, recipe=recipe), replace(machine, seed=seed), watch=watch).puppet
                found[name].append(compared(puppet, frames, ScoreSettings().eyes()))
        pictures = {"truth": frames[count // 2][0]} | {name: some[-1].middle for name, some in found.items()}
        rows.append(row_of_pictures([cv2.resize(one, (192, 192)) for one in pictures.values()], list(pictures)))
    pairs = list(zip(found["L1 + L_P"], found["CX + L_P"], strict=True))
    sharper, nearer = [b.sharpness > a.sharpness for a, b in pairs], [b.distance < a.distance for a, b in pairs]
    return Report(
        "Table 1, puppet control: CX + L_P against L1 + L_P",
        "CX keeps what L1 blurs: the puppet's face is sharper, and nearer to the truth as a feature network sees it.",
        f"Sharper with CX in {sum(sharper)} of {len(sharper)} runs, nearer to the truth in {sum(nearer)}.",
        f"{len(clips)} clips, {seeds} seeds each, {steps} steps, {count} held-out frames.",
        table(
            ["loss", "face_vgg_dist", "sharpness, of the truth's"],
            [
                [name, spread([one.distance for one in some]), spread([one.sharpness for one in some])]
                for name, some in found.items()
            ],
        ),
        np.vstack(rows),
        all(sharper) and all(nearer),
    )
