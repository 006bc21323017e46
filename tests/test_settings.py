"""Settings: one declaration, from which flags, checks, help and JSON follow."""

import argparse
from dataclasses import FrozenInstanceError, dataclass

import pytest

from cxanim.settings import Settings, add_flags, from_flags, knobs, setting


@dataclass(frozen=True)
class Cooking(Settings):
    minutes: float = setting(5.0, "how long", low=0.5, high=60, step=0.5, unit="min")
    eggs: int = setting(2, "how many eggs", low=1)
    dish: str = setting("omelette", "what to make", choices=("omelette", "pancake"))
    pepper: bool = setting(True, "whether to add pepper, 50% of the time", folded=False)
    wine_cl: float | None = setting(None, "wine beside it", high=20, label="Wine")


def parsed(*arguments: str) -> Cooking:
    parser = argparse.ArgumentParser(exit_on_error=False)
    add_flags(parser, Cooking)
    return from_flags(Cooking, parser.parse_args(arguments))


def knob(name: str):
    return next(knob for knob in knobs(Cooking) if knob.name == name)


def test_what_nobody_says_is_the_default():
    assert parsed() == Cooking() == Cooking(5.0, 2, "omelette", True, None)


def test_every_knob_has_a_flag_of_its_name():
    said = parsed("--minutes", "7.5", "--eggs", "3", "--dish", "pancake", "--no-pepper", "--wine-cl", "10")
    assert said == Cooking(7.5, 3, "pancake", False, 10.0)
    assert [knob.flag for knob in knobs(Cooking)] == ["--minutes", "--eggs", "--dish", "--pepper", "--wine-cl"]


def test_flags_left_out_do_not_exist_and_fixed_values_win():
    parser = argparse.ArgumentParser(exit_on_error=False)
    add_flags(parser, Cooking, without=("eggs",))
    flags = parser.parse_args(["--minutes", "7"])
    assert not hasattr(flags, "eggs")
    assert from_flags(Cooking, flags, minutes=9, eggs=4) == Cooking(minutes=9, eggs=4)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (dict(minutes=0), "minutes: got 0 min, expected 0.5 to 60 min"),
        (dict(minutes=61), "minutes: got 61 min, expected 0.5 to 60 min"),
        (dict(minutes=float("nan")), "minutes: got nan min, expected 0.5 to 60 min"),
        (dict(eggs=0), "eggs: got 0, expected at least 1"),
        (dict(eggs="many"), "eggs: got 'many', expected int"),
        (dict(eggs=None), "eggs: got None, expected int"),
        (dict(dish="soup"), "dish: got 'soup', expected one of omelette, pancake"),
        (dict(pepper="no"), "pepper: got 'no', expected bool"),
        (dict(pepper=1), "pepper: got 1, expected bool"),
        (dict(wine_cl=21), "wine_cl: got 21, expected at most 20"),
    ],
)
def test_a_wrong_value_is_refused_with_name_value_and_what_is_allowed(values, message):
    with pytest.raises(ValueError) as caught:
        Cooking(**values)
    assert str(caught.value) == f"{message}. Change it and try again."


def test_the_ends_of_a_range_belong_to_it():
    assert (Cooking(minutes=0.5).minutes, Cooking(minutes=60).minutes) == (0.5, 60)


def test_values_come_in_the_type_of_the_field():
    cooking = Cooking(minutes=3, eggs="4", wine_cl=5)
    assert isinstance(cooking.minutes, float) and isinstance(cooking.wine_cl, float)
    assert cooking.eggs == 4


def test_settings_do_not_change():
    with pytest.raises(FrozenInstanceError):
        Cooking().eggs = 3


def test_json_brings_back_what_it_took():
    for cooking in (Cooking(), Cooking(1.25, 7, "pancake", False, 0.1)):
        assert Cooking.from_json(cooking.to_json()) == cooking


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="Cooking has no setting 'salt'; it has dish, eggs, minutes, pepper, wine_cl"):
        Cooking.from_dict({"salt": 1})
    with pytest.raises(ValueError, match="eggs: got 0"):
        Cooking.from_json('{"eggs": 0}')


@pytest.mark.parametrize("text", ["", "{", "[1]", "3", "null"])
def test_text_that_is_no_json_object_is_refused(text):
    with pytest.raises(ValueError):
        Cooking.from_json(text)


def test_help_tells_meaning_range_and_default():
    assert knob("minutes").help_text == "how long (0.5 to 60 min, default 5.0)"
    assert knob("eggs").help_text == "how many eggs (at least 1, default 2)"
    assert knob("wine_cl").help_text == "wine beside it (at most 20)"


def test_help_of_every_knob_is_printed_with_its_signs():
    parser = argparse.ArgumentParser()
    add_flags(parser, Cooking)
    text = " ".join(parser.format_help().split())
    assert "50% of the time" in text
    assert "{omelette,pancake}" in text
    assert "--minutes MIN" in text
    assert "--no-pepper" in text


def test_labels_are_the_names_in_words_where_none_is_given():
    assert (knob("minutes").label, knob("wine_cl").label) == ("Minutes", "Wine")
    assert (knob("pepper").folded, knob("eggs").folded) == (False, True)


def test_large_bounds_are_written_out():
    @dataclass(frozen=True)
    class Steps(Settings):
        steps: int = setting(10, "how many", low=1, high=10_000_000)

    assert next(knobs(Steps)).range_text == "1 to 10000000"


@pytest.mark.parametrize("bounds", [dict(low=0), dict(high=9), dict(low=0, high=9)])
def test_not_a_number_is_in_no_range(bounds):
    @dataclass(frozen=True)
    class Salting(Settings):
        grams: float = setting(1.0, "how much salt", **bounds)

    with pytest.raises(ValueError, match="grams: got nan"):
        Salting(grams=float("nan"))


def test_a_field_without_a_declaration_is_refused():
    @dataclass(frozen=True)
    class Bare(Settings):
        salt: float = 1.0

    with pytest.raises(TypeError, match="salt: declare it with setting"):
        Bare()
