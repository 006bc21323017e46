"""The keyframes of a motion that somebody makes: a list, and what can be done with it.

The motion itself travels as its JSON between page and program, so that nothing of it is kept here, and what comes back
is checked as a file would be. An empty text is a motion without keyframes.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gradio as gr

from cxanim.errors import BadSetting, CxanimError
from cxanim.motion.expression import RANGES, SLIDERS, Expression
from cxanim.motion.keyframes import DEFAULT_EASING, EASINGS, KEYFRAMES_SUFFIX, LONGEST_S, Keyframe, KeyframedMotion
from cxanim.motion.presets import PRESETS
from cxanim.ui.workspace import Workspace, file_name

_NEXT_S = 0.5  # after a keyframe the next one is offered
_MOST_NAMED = 3
_FIRST_NAME = "my motion"


@dataclass(frozen=True)
class KeyframePanel:
    """The controls of the panel.

    Attributes:
        motion: the motion's JSON; not shown.
        times: the list, whose value is the time of the chosen keyframe.
        time_s, easing: of the next keyframe, or of the chosen one.
        keep, move, delete: buttons for a keyframe.
        name, duration_s: of the motion.
        preset, upload: other beginnings.
        save, download: for its file.
    """

    motion: Any
    times: Any
    time_s: Any
    easing: Any
    keep: Any
    move: Any
    delete: Any
    name: Any
    duration_s: Any
    preset: Any
    upload: Any
    save: Any
    download: Any

    @property
    def shown(self) -> list[Any]:
        """What `shown` fills."""
        return [self.motion, self.times, self.time_s, self.easing, self.name, self.duration_s, self.download]


def build_keyframe_panel() -> KeyframePanel:
    """Put the controls on the page."""
    motion = gr.Textbox("", visible=False)
    times = gr.Radio(
        [], label="Keyframes: choose one, and the face takes it", elem_id="keyframes", elem_classes="keyframes",
        visible=False,
    )  # fmt: skip
    with gr.Row(elem_classes="tight"):
        time_s = gr.Number(0.0, label="Time (s)", minimum=0, maximum=LONGEST_S, step=0.1, min_width=80, scale=2,
                           elem_id="keyframe-time")  # fmt: skip
        easing = gr.Dropdown(list(EASINGS), value=DEFAULT_EASING, label="Easing into it", filterable=False,
                             min_width=140, scale=3, elem_id="keyframe-easing")  # fmt: skip
    with gr.Row(elem_classes="actions"):
        keep = gr.Button("Keep this face as a keyframe", variant="primary", size="sm", elem_id="keyframe-keep")
        move = gr.Button("Change time and easing", size="sm", visible=False, elem_id="keyframe-move")
        delete = gr.Button("Delete", size="sm", visible=False, elem_id="keyframe-delete")
    with gr.Row(elem_classes="tight"):
        name = gr.Textbox(_FIRST_NAME, label="Name", max_length=60, min_width=140, scale=3, elem_id="motion-name")
        duration_s = gr.Number(2.0, label="Length (s)", minimum=0.1, maximum=LONGEST_S, step=0.1, min_width=80, scale=2,
                               elem_id="motion-length")  # fmt: skip
    with gr.Row(elem_classes="tight"):
        preset = gr.Dropdown(
            [(known.replace("-", " ").capitalize(), known) for known in PRESETS], value=None, label="Start from",
            filterable=False, min_width=130, elem_id="motion-preset",
        )  # fmt: skip
        upload = gr.UploadButton(
            "Upload a motion", file_types=[KEYFRAMES_SUFFIX], size="sm", min_width=130, elem_id="motion-upload"
        )
    with gr.Row(elem_classes="actions"):
        save = gr.Button("Save the motion", size="sm", elem_id="motion-save")
        download = gr.DownloadButton("Download it (.json)", size="sm", visible=False, elem_id="motion-download")
    return KeyframePanel(
        motion, times, time_s, easing, keep, move, delete, name, duration_s, preset, upload, save, download
    )


def kept(motion: str, expression: Expression, time_s: float | None, easing: str, duration_s: float | None) -> list[Any]:
    """Hold a face as a keyframe of the motion; the next one is offered a little later."""
    if time_s is None:
        raise BadSetting("The keyframe has no time yet.", "Say at which second it is.")
    if motion:
        before = _read(motion, duration_s)
    else:
        before = KeyframedMotion(_FIRST_NAME, "", max(duration_s or 0.1, time_s), (Keyframe(time_s, {}),))
    after = before.with_pose(expression, time_s, easing)
    return shown(after, time_s=round(min(time_s + _NEXT_S, LONGEST_S), 3), easing=easing)


def moved(
    motion: str, chosen_s: float | None, time_s: float | None, easing: str, duration_s: float | None
) -> list[Any]:
    """Give the chosen keyframe another time or easing."""
    if chosen_s is None or time_s is None or not motion:
        raise CxanimError("No keyframe is chosen.", "Choose one in the list.")
    if time_s != chosen_s and any(one.time_s == time_s for one in _read(motion).keyframes):
        raise BadSetting(f"There is a keyframe at {time_s:g} s already.", "Choose another time, or delete that one.")
    return shown(_read(motion, duration_s).with_moved(chosen_s, time_s, easing), chosen_s=time_s)


def deleted(motion: str, chosen_s: float | None) -> list[Any]:
    """Take the chosen keyframe away."""
    if chosen_s is None or not motion:
        raise CxanimError("No keyframe is chosen.", "Choose one in the list.")
    before = _read(motion)
    return shown(None if len(before.keyframes) == 1 else before.without(chosen_s), time_s=chosen_s)


def begun(preset: str | None) -> list[Any]:
    """A preset, to be changed."""
    if preset not in PRESETS:
        raise BadSetting(f"preset: got {preset!r}, expected one of {', '.join(PRESETS)}.")
    return shown(PRESETS[preset], name=PRESETS[preset].name)


def uploaded(path: str | None) -> list[Any]:
    """A motion from a file."""
    if not path:
        raise CxanimError("There is no motion file yet.", "Upload a .json that was saved here.")
    motion = KeyframedMotion.load(Path(path))
    return shown(motion, name=motion.name)


def expression_of(motion: str, time_s: float | None) -> tuple[Expression, Keyframe]:
    """What the face does at a keyframe, and the keyframe."""
    if time_s is None or not motion:
        raise CxanimError("No keyframe is chosen.", "Choose one in the list.")
    read = _read(motion)
    return read.expression_at(time_s), read.keyframe_at(time_s)


def finished(motion: str, name: str | None, duration_s: float | None) -> KeyframedMotion:
    """The motion with the name and length that it was given.

    Raises:
        CxanimError: it has no keyframe, or is shorter than they reach.
    """
    if not motion:
        raise CxanimError("The motion has no keyframe yet.", "Move the sliders, and keep the face as a keyframe.")
    return replace(_read(motion, duration_s), name=(name or "").strip() or _FIRST_NAME)


def saved(workspace: Workspace, visitor: str, motion: KeyframedMotion) -> Path:
    """Write the motion's file into the visitor's folder."""
    path = workspace.new_folder(visitor) / file_name(motion.name, KEYFRAMES_SUFFIX)
    motion.save(path)
    return path


def shown(
    motion: KeyframedMotion | None,
    *,
    chosen_s: float | None = None,
    time_s: float | None = None,
    easing: str | None = None,
    name: str | None = None,
) -> list[Any]:
    """Updates for `KeyframePanel.shown`; time, easing and name stay where they are not given."""
    choices = [] if motion is None else [(_words(motion, keyframe), keyframe.time_s) for keyframe in motion.keyframes]
    return [
        "" if motion is None else motion.to_json(),
        gr.update(choices=choices, value=chosen_s, visible=bool(choices)),
        gr.skip() if time_s is None else time_s,
        gr.skip() if easing is None else easing,
        gr.skip() if name is None else name,
        gr.skip() if motion is None else motion.duration_s,
        gr.update(visible=False),
    ]


def _words(motion: KeyframedMotion, keyframe: Keyframe) -> str:
    """A keyframe as a line of the list: its time, its easing, and the sliders that stand furthest from neutral."""
    changed = motion.expression_at(keyframe.time_s).changed()
    spans = {name: RANGES[name][1] - RANGES[name][0] for name in changed}
    furthest = sorted(changed, key=lambda name: -abs(changed[name] - SLIDERS[name].default) / spans[name])
    parts = [f"{SLIDERS[name].label} {changed[name]:.3g}" for name in furthest[:_MOST_NAMED]]
    if len(furthest) > _MOST_NAMED:
        parts.append("...")
    return f"{keyframe.time_s:.2f} s · {keyframe.easing} · {', '.join(parts) or 'neutral'}"


def _read(motion: str, duration_s: float | None = None) -> KeyframedMotion:
    read = KeyframedMotion.from_json(motion)
    return read if duration_s is None else replace(read, duration_s=duration_s)
