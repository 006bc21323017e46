"""The sliders of a face, in groups, as the page shows them."""

from collections.abc import Sequence
from typing import Any

import gradio as gr

from cxanim.motion.expression import GROUPS, RANGES, SLIDERS, Expression

_TITLES = {"head": "Head", "eyes": "Eyes <small>(to the right: shut)</small>", "brows": "Brows", "mouth": "Mouth"}


def build_sliders() -> list[Any]:
    """Put them on the page; return them in the order of `SLIDERS`."""
    made = {}
    for group, names in GROUPS.items():
        with gr.Column(elem_classes="sliders", min_width=0):
            gr.HTML(f"<h4>{_TITLES[group]}</h4>", padding=False)
            with gr.Row(elem_classes="controls"):
                for name in names:
                    made[name] = _slider(name)
    return [made[name] for name in SLIDERS]


def read_sliders(values: Sequence[float | None]) -> Expression:
    """The expression that their values mean; one that was left empty stands at neutral.

    Raises:
        BadSetting: one is out of its range.
    """
    given = zip(SLIDERS, values, strict=True)
    return Expression(**{name: value for name, value in given if value is not None})


def values_of(expression: Expression) -> list[float]:
    """Where each slider stands, in their order, as finely as a slider can be set."""
    return [round(value, 2) for value in vars(expression).values()]


def _slider(name: str) -> Any:
    (low, high), knob = RANGES[name], SLIDERS[name]
    return gr.Slider(
        low, high, value=knob.default, step=knob.step, label=knob.label, interactive=True, min_width=130,
        elem_id=f"slider-{name}", elem_classes="wide" if name == "blink" else None, buttons=["reset"],
    )  # fmt: skip
