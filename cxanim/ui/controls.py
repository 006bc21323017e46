"""Controls made from a settings class: each knob becomes one control, with its label, help, range and default."""

import inspect
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

import gradio as gr

from cxanim.settings import Knob, Settings, knobs

S = TypeVar("S", bound=Settings)
T = TypeVar("T", bound=Settings)
_MOST_PILLS = 4


@dataclass(frozen=True)
class Controls(Generic[S]):
    """The controls of one settings class on the page.

    Attributes:
        settings_class: what they set.
        names: the knobs that have a control, in the order of `components`.
        components: the controls.
        fixed: values of the knobs that have none.
    """

    settings_class: type[S]
    names: tuple[str, ...]
    components: tuple[Any, ...]
    fixed: dict[str, Any]

    def read(self, values: Sequence[Any]) -> S:
        """The settings that the controls' values stand for.

        Raises:
            ValueError: a control was left empty or is out of range.
        """
        said = dict(zip(self.names, values, strict=True))
        optional = {knob.name for knob in knobs(self.settings_class) if knob.optional}
        left_out = {name for name in optional if isinstance(said.get(name), str) and not said[name].strip()}
        return self.settings_class.from_dict(said | dict.fromkeys(left_out) | self.fixed)

    def of(self, settings_class: type[T]) -> "Controls[T]":
        """Those that set the knobs of a class from which the settings are derived."""
        parts = dict(zip(self.names, self.components, strict=True))
        names = tuple(knob.name for knob in knobs(settings_class))
        fixed = {name: value for name, value in self.fixed.items() if name in names}
        names = tuple(name for name in names if name not in fixed)
        return Controls(settings_class, names, tuple(parts[name] for name in names), fixed)


def build_controls(
    settings_class: type[S],
    *,
    title: str,
    highest: dict[str, float] | None = None,
    choices: dict[str, Collection[Any]] | None = None,
    fixed: dict[str, Any] | None = None,
) -> Controls[S]:
    """Put the controls of a settings class on the page, those for the curious folded away.

    Args:
        settings_class: what they set.
        title: of the fold.
        highest: narrower upper ends of ranges, by name.
        choices: narrower choices, by name.
        fixed: values of knobs that get no control.
    """
    fixed = fixed or {}
    shown = [
        _narrowed(knob, (highest or {}).get(knob.name), (choices or {}).get(knob.name))
        for knob in knobs(settings_class)
        if knob.name not in fixed
    ]
    made = {knob.name: control(knob) for knob in shown if not knob.folded}
    folded = [knob for knob in shown if knob.folded]
    if folded:
        with gr.Accordion(title, open=False), gr.Row(elem_classes="controls"):
            made |= {knob.name: control(knob) for knob in folded}
    return Controls(settings_class, tuple(made), tuple(made.values()), fixed)


def control(knob: Knob) -> Any:
    """The control of one knob."""
    named = not knob.unit or knob.label.lower().startswith(knob.unit)
    label = knob.label if named else f"{knob.label} ({knob.unit})"
    facts = dict(
        label=label, info=knob.help[:1].upper() + knob.help[1:], value=knob.default, interactive=True, min_width=220
    )
    if knob.type is bool:
        return gr.Checkbox(**facts)
    if knob.choices:
        if not knob.folded and len(knob.choices) <= _MOST_PILLS:
            return gr.Radio(
                [(str(choice).capitalize(), choice) for choice in knob.choices], elem_classes="pills", **facts
            )
        return gr.Dropdown([(str(choice), choice) for choice in knob.choices], filterable=False, **facts)
    if knob.type in (int, float):
        if knob.optional:  # a number field of Gradio's that is empty is 0 on the page
            return gr.Textbox(placeholder="left out", max_lines=1, **facts)
        if knob.low is not None and knob.high is not None and knob.step is not None:
            lowest = math.ceil(knob.low / knob.step - 1e-9) * knob.step  # the slider's first whole step
            return gr.Slider(lowest, knob.high, step=knob.step, **facts)
        return gr.Number(precision=0 if knob.type is int else None, minimum=knob.low, maximum=knob.high, **facts)
    if knob.type is str:
        return gr.Textbox(**facts)
    raise TypeError(f"{knob.name}: there is no control for {knob.type.__name__}")


def named_after(controls: Controls, handler: Callable[..., Any]) -> Callable[..., Any]:
    """Name the trailing `*values` of a handler after their knobs, with their defaults, for callers of the API."""
    defaults = (component.value for component in controls.components)
    return named_with(handler, dict(zip(controls.names, defaults, strict=True)))


def named_with(handler: Callable[..., Any], defaults: Mapping[str, Any]) -> Callable[..., Any]:
    """Name the trailing `*values` of a handler, with their defaults, for callers of the API."""
    signature = inspect.signature(handler)
    known = [parameter for parameter in signature.parameters.values() if parameter.kind is not parameter.VAR_POSITIONAL]
    named = [
        inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=default)
        for name, default in defaults.items()
    ]
    handler.__signature__ = signature.replace(parameters=known + named)  # type: ignore[attr-defined]
    return handler


def _narrowed(knob: Knob, highest: float | None, choices: Collection[Any] | None) -> Knob:
    if highest is not None and knob.high is not None and highest < knob.high:
        low = knob.low if knob.low is None else min(knob.low, highest)
        knob = replace(knob, high=highest, low=low, default=min(knob.default, highest))
    if choices is not None:
        knob = replace(knob, choices=tuple(choice for choice in knob.choices if choice in choices))
    return knob
