"""One declaration per knob: the flag, the control, the help text and the saved JSON derive from it.

A task's settings are a frozen dataclass that inherits `Settings`, each field made by `setting`:

    @dataclass(frozen=True)
    class FitSettings(Settings):
        minutes: float = setting(5.0, "how long to train", low=0.05, high=1440, unit="min")
        network: str = setting("live", "size of the network", choices=("live", "good", "paper"))

An unknown name, a wrong type or a value out of range is a BadSetting, which is a ValueError; it names the field, what
came and what is allowed.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import MISSING, Field, asdict, dataclass, field, fields
from typing import Any, TypeVar, get_type_hints

from cxanim.errors import BadSetting

S = TypeVar("S", bound="Settings")


def setting(
    default: Any,
    help: str,
    *,
    low: float | None = None,
    high: float | None = None,
    step: float | None = None,
    choices: Sequence[Any] | None = None,
    unit: str = "",
    label: str = "",
    folded: bool = True,
) -> Any:
    """Declare one knob.

    Args:
        default: its value when nobody says otherwise.
        help: what it does, in words a person reads in `--help` and under the control.
        low, high: allowed range, ends included.
        step: grain of the slider that shows it.
        choices: the only allowed values.
        unit: unit of the number ("s", "px", "min").
        label: title of its control; the field's name in words by default.
        folded: whether the control is folded away with the advanced ones.
    """
    metadata = dict(help=help, low=low, high=high, step=step, choices=choices, unit=unit, label=label, folded=folded)
    return field(default=default, metadata={"setting": metadata})


@dataclass(frozen=True)
class Settings:
    """Base of every task's settings: checks itself, and travels as JSON."""

    def __post_init__(self) -> None:
        for knob in knobs(type(self)):
            object.__setattr__(self, knob.name, knob.checked(getattr(self, knob.name)))

    def to_json(self) -> str:
        """The settings as one JSON object."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls: type[S], text: str) -> S:
        """Read what `to_json` wrote; anything else, or a name that this class does not know, is a ValueError."""
        values = json.loads(text)
        if not isinstance(values, dict):
            raise BadSetting(f"{cls.__name__}: got {text[:40]!r}, expected a JSON object.")
        return cls.from_dict(values)

    @classmethod
    def from_dict(cls: type[S], values: dict[str, Any]) -> S:
        """Make settings from a mapping of names to values."""
        known = {knob.name for knob in knobs(cls)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise BadSetting(f"{cls.__name__} has no setting {unknown[0]!r}; it has {', '.join(sorted(known))}.")
        return cls(**values)


@dataclass(frozen=True)
class Knob:
    """One field of a settings class, as flags and controls need to see it."""

    name: str
    type: type
    optional: bool
    default: Any
    help: str
    low: float | None
    high: float | None
    step: float | None
    choices: tuple[Any, ...]
    unit: str
    label: str
    folded: bool

    @property
    def flag(self) -> str:
        """Its command-line flag."""
        return "--" + self.name.replace("_", "-")

    def checked(self, value: Any) -> Any:
        """Return `value` in the field's type, or raise BadSetting naming field, value and what is allowed."""
        if value is None and self.optional:
            return None
        try:
            if self.type is bool and not isinstance(value, bool):
                raise TypeError
            value = self.type(value)
        except (TypeError, ValueError):
            raise BadSetting(f"{self.name}: got {value!r}, expected {self.type.__name__}.") from None
        if self.choices and value not in self.choices:
            raise BadSetting(f"{self.name}: got {value!r}, expected one of {', '.join(map(str, self.choices))}.")
        below = self.low is not None and not value >= self.low
        above = self.high is not None and not value <= self.high
        if below or above:
            raise BadSetting(f"{self.name}: got {value:g} {self.unit}".rstrip() + f", expected {self.range_text}.")
        return value

    @property
    def range_text(self) -> str:
        """The allowed range in words."""
        low, high = (f"{bound:.10g}" if bound is not None else "" for bound in (self.low, self.high))
        if low and high:
            text = f"{low} to {high}"
        elif low:
            text = f"at least {low}"
        elif high:
            text = f"at most {high}"
        else:
            return ""
        return f"{text} {self.unit}".rstrip()

    @property
    def help_text(self) -> str:
        """Help with range and default, as `--help` prints it."""
        default = "" if self.default in (None, "") else f"default {self.default}"
        facts = ", ".join(part for part in (self.range_text, default) if part)
        return (f"{self.help} ({facts})" if facts else self.help).replace("%", "%%")


def knobs(settings_class: type[Settings]) -> Iterator[Knob]:
    """Yield the knobs of a settings class in the order of their declaration, its own before the inherited ones."""
    hints = get_type_hints(settings_class)
    entries = {entry.name: entry for entry in fields(settings_class)}
    for home in settings_class.__mro__:
        for name in home.__dict__.get("__annotations__", {}):
            if name in entries:
                yield _knob(entries.pop(name), hints[name])


def _knob(entry: Field, hint: Any) -> Knob:
    if "setting" not in entry.metadata or entry.default is MISSING:
        raise TypeError(f"{entry.name}: declare it with setting(default, help, ...)")
    arms = [arm for arm in getattr(hint, "__args__", ()) if arm is not type(None)]
    facts = dict(entry.metadata["setting"])
    facts["choices"] = tuple(facts["choices"] or ())
    facts["label"] = facts["label"] or entry.name.replace("_", " ").capitalize()
    return Knob(name=entry.name, type=arms[0] if arms else hint, optional=bool(arms), default=entry.default, **facts)


def add_flags(
    parser: argparse._ActionsContainer, settings_class: type[Settings], *, without: Sequence[str] = ()
) -> None:
    """Give a parser, or a group of its flags, one flag per knob; the value None means that the person did not say."""
    for knob in knobs(settings_class):
        if knob.name in without:
            continue
        if knob.type is bool:
            action: Any = argparse.BooleanOptionalAction
            parser.add_argument(knob.flag, action=action, default=None, help=knob.help_text)
        else:
            metavar = knob.unit.upper() or knob.type.__name__.upper()
            shown: dict[str, Any] = {} if knob.choices else {"metavar": metavar}
            choices = knob.choices or None
            parser.add_argument(knob.flag, type=knob.type, default=None, choices=choices, help=knob.help_text, **shown)


def from_flags(settings_class: type[S], flags: argparse.Namespace, **fixed: Any) -> S:
    """Build settings from parsed flags; `fixed` values win over them."""
    said = {knob.name: getattr(flags, knob.name, None) for knob in knobs(settings_class)}
    return settings_class.from_dict({name: value for name, value in said.items() if value is not None} | fixed)
