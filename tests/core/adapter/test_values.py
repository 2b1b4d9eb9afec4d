"""Steps that change one value: cast, number_format, letter_case, enum_map, null_form, parse, wrap and their kin."""

from __future__ import annotations

from typing import Any

import pytest

from cta_core.adapter.scalar import JsonType
from cta_core.adapter.steps import (
    AnyStep,
    Cast,
    EnumEntry,
    EnumMap,
    LetterCase,
    Letters,
    NullAction,
    NullForm,
    NumberFormat,
    Parse,
    Serialise,
    Unmapped,
    Unwrap,
    Wrap,
    WrapForm,
)
from helpers.healing import after, faults, refusal, strict

STRING, INTEGER, NUMBER, BOOLEAN = JsonType
ONE, PAIRS = WrapForm

to_string = Cast(path="/v", to=STRING)
to_integer = Cast(path="/v", to=INTEGER)
to_number = Cast(path="/v", to=NUMBER)
to_boolean = Cast(path="/v", to=BOOLEAN)
zip_code = Cast(path="/v", to=STRING, width=5)
german = NumberFormat(path="/v", decimal=",", group=".", suffix=" €")
plain = NumberFormat(path="/v")
dollars = NumberFormat(path="/v", prefix="$", group=",")
percent = NumberFormat(path="/v", suffix="%", to=INTEGER)
lower = LetterCase(path="/v", to=Letters.LOWER)
flags = EnumMap(
    path="/v",
    entries=(
        EnumEntry(source=1, target="int"),
        EnumEntry(source=1.0, target="float"),
        EnumEntry(source=True, target="bool"),
        EnumEntry(source="1", target="text"),
    ),
)
kept = EnumMap(path="/v", entries=(EnumEntry(source="M", target="mobile"),), unmapped=Unmapped.KEEP)
nulls = NullForm(path="/v", forms=("N/A", "", -1))
gone = NullForm(path="/v", forms=("N/A",), action=NullAction.REMOVE)
listed = Wrap(path="/v", form=ONE)
objects = Wrap(path="/v", form=ONE, inner_key="id")
pairs = Wrap(path="/v", form=PAIRS, name_key="n", value_key="x")
only = Unwrap(path="/v", form=ONE)
inner = Unwrap(path="/v", form=ONE, inner_key="id")
unpaired = Unwrap(path="/v", form=PAIRS, name_key="n", value_key="x")


@pytest.mark.parametrize(
    ("step", "value", "expected"),
    [
        (to_string, 12, "12"),
        (to_string, 123456789012345678901234567890, "123456789012345678901234567890"),
        (to_string, 19.99, "19.99"),
        (to_string, True, "true"),
        (to_string, "x", "x"),
        (zip_code, 1067, "01067"),
        (zip_code, 99999, "99999"),
        (zip_code, "00017", "00017"),
        (to_integer, "12", 12),
        (to_integer, "-7", -7),
        (to_integer, "9007199254740993", 9007199254740993),
        (to_integer, "123456789012345678901234567890", 123456789012345678901234567890),
        (to_integer, 1.0, 1),
        (to_integer, 5, 5),
        (to_number, "12.50", 12.5),
        (to_number, "12", 12),
        (to_number, "1e3", 1000.0),
        (to_number, "-0.25", -0.25),
        (to_number, "0.1", 0.1),
        (to_number, 7, 7),
        (to_boolean, "true", True),
        (to_boolean, "false", False),
        (to_boolean, True, True),
        (german, "1.234,56 €", 1234.56),
        (german, "-1.234,56 €", -1234.56),
        (german, "0,50 €", 0.5),
        (german, "1234,5 €", 1234.5),
        (german, "12 €", 12),
        (plain, "4250", 4250),
        (plain, "+4.25", 4.25),
        (dollars, "$1,234,567.89", 1234567.89),
        (dollars, "-$5.00", -5.0),
        (dollars, "$-5.00", -5.0),
        (percent, "2%", 2),
        (percent, "2.0%", 2),
        (NumberFormat(path="/v", decimal=",", suffix="kg"), "4,250kg", 4.25),
        (lower, "PENDING Ä", "pending ä"),
        (LetterCase(path="/v", to=Letters.UPPER), "dhl", "DHL"),
        (flags, 1, "int"),
        (flags, 1.0, "float"),
        (flags, True, "bool"),
        (flags, "1", "text"),
        (kept, "M", "mobile"),
        (kept, "X", "X"),
        (kept, [1], [1]),
        (EnumMap(path="/v", entries=(EnumEntry(source=None, target="none"),)), None, "none"),
        (nulls, "N/A", None),
        (nulls, "", None),
        (nulls, -1, None),
        (nulls, "-1", "-1"),
        (nulls, -1.0, -1.0),
        (nulls, [], []),
        (Parse(path="/v"), '{"a":[1,2.5]}', {"a": [1, 2.5]}),
        (Parse(path="/v"), "5", 5),
        (Parse(path="/v"), "123456789012345678901234567890", 123456789012345678901234567890),
        (Serialise(path="/v"), {"b": 1, "a": [None]}, '{"b":1,"a":[null]}'),
        (listed, "x", ["x"]),
        (listed, {"a": 1}, [{"a": 1}]),
        (objects, "ch_1", [{"id": "ch_1"}]),
        (pairs, {"t": 1, "h": None}, [{"n": "t", "x": 1}, {"n": "h", "x": None}]),
        (pairs, {}, []),
        (only, ["x"], "x"),
        (only, [None], None),
        (inner, [{"id": 7}], 7),
        (unpaired, [{"n": "t", "x": 1}, {"x": [2], "n": "h"}], {"t": 1, "h": [2]}),
        (unpaired, [], {}),
    ],
)
def test_changes_the_value(step: AnyStep, value: Any, expected: Any) -> None:
    """The value becomes exactly this one, in this type."""
    assert strict(after(step, {"v": value, "w": 0})) == strict({"v": expected, "w": 0})


ALL_STEPS: list[AnyStep] = [
    *(to_string, to_integer, to_number, to_boolean, zip_code, german, lower, flags, kept, nulls, gone),
    *(Parse(path="/v"), Serialise(path="/v"), listed, objects, pairs, only, inner, unpaired),
]


@pytest.mark.parametrize("step", ALL_STEPS, ids=lambda step: step.words())
def test_absent_and_null_stay(step: AnyStep) -> None:
    """An absent value stays absent and null stays null, for every step that does not name null."""
    assert after(step, {"w": 0}) == {"w": 0}
    assert after(step, {"v": None}) == {"v": None}


@pytest.mark.parametrize(
    ("step", "value"),
    [
        (to_string, [1]),
        (to_string, {}),
        (zip_code, 123456),
        (zip_code, -1),
        (zip_code, 1.5),
        (zip_code, True),
        (to_integer, "1.5"),
        (to_integer, "12.0"),
        (to_integer, "012"),
        (to_integer, " 12"),
        (to_integer, "12 "),
        (to_integer, "+12"),
        (to_integer, "1_000"),
        (to_integer, "١٢"),
        (to_integer, "1e3"),
        (to_integer, ""),
        (to_integer, "9" * 4301),
        (to_integer, 1.5),
        (to_integer, 1e300),
        (to_integer, True),
        (to_integer, []),
        (to_number, "n/a"),
        (to_number, "NaN"),
        (to_number, "inf"),
        (to_number, "1e999"),
        (to_number, "0.12345678901234567890"),
        (to_number, "1.234,5"),
        (to_number, "0x1f"),
        (to_number, False),
        (to_boolean, "True"),
        (to_boolean, "1"),
        (to_boolean, 1),
        (to_boolean, 0),
        (german, "1,234.56 €"),
        (german, "1.23,45 €"),
        (german, "12,34"),
        (german, "12.3456,7 €"),
        (german, "--1 €"),
        (german, "1.234,56 €\n"),
        (german, 12),
        (plain, "12."),
        (plain, ".5"),
        (plain, "007"),
        (plain, "1,000"),
        (plain, "٣"),
        (dollars, "-$-5"),
        (dollars, "5"),
        (percent, "2.5%"),
        (lower, 5),
        (flags, 2),
        (flags, "x"),
        (flags, []),
        (flags, {}),
        (Parse(path="/v"), "{"),
        (Parse(path="/v"), "NaN"),
        (Parse(path="/v"), {"a": 1}),
        (Parse(path="/v"), "[" * 300 + "]" * 300),
        (Parse(path="/v"), "[" * 100_000 + "]" * 100_000),
        (pairs, [1]),
        (pairs, "x"),
        (only, []),
        (only, [1, 2]),
        (only, "x"),
        (inner, [{"id": 1, "other": 2}]),
        (inner, [1]),
        (unpaired, [{"n": "t"}]),
        (unpaired, [{"n": "t", "x": 1, "y": 2}]),
        (unpaired, [{"n": 1, "x": 1}]),
        (unpaired, [{"n": "t", "x": 1}, {"n": "t", "x": 2}]),
        (unpaired, {"t": 1}),
    ],
)
def test_refuses_another_form(step: AnyStep, value: Any) -> None:
    """A value that is not exactly of the form is refused with its pointer, and the reason does not show it."""
    refused = refusal(step, {"v": value})
    assert refused.path == "/v"
    assert not isinstance(value, str) or len(value) < 3 or value not in refused.reason


def test_removes_forms_of_no_value() -> None:
    """With REMOVE the field goes where it holds the form, in every array member too."""
    assert after(gone, {"v": "N/A", "w": 1}) == {"w": 1}
    each = NullForm(path="/l/*/x", forms=(0,), action=NullAction.REMOVE)
    assert after(each, {"l": [{"x": 0}, {"x": 1}, {}]}) == {"l": [{}, {"x": 1}, {}]}


@pytest.mark.parametrize(
    ("step", "event", "expected"),
    [
        (Cast(path="/l/*/q", to=INTEGER), {"l": [{"q": "1"}, {}, {"q": "2"}]}, {"l": [{"q": 1}, {}, {"q": 2}]}),
        (Cast(path="/l/*", to=INTEGER), {"l": ["1", "2"]}, {"l": [1, 2]}),
        (Cast(path="/l/1", to=INTEGER), {"l": ["1", "2"]}, {"l": ["1", 2]}),
        (Cast(path="/o/p", to=STRING), {"o": {"p": 1}}, {"o": {"p": "1"}}),
        (Cast(path="/o/p/q", to=STRING), {"o": {"p": {"q": 1}}}, {"o": {"p": {"q": "1"}}}),
        (Cast(path="/o/p", to=STRING), {"o": [1]}, {"o": [1]}),
    ],
)
def test_reaches_into_objects_and_arrays(step: AnyStep, event: dict[str, Any], expected: dict[str, Any]) -> None:
    """Values at any depth and in every array member are changed."""
    assert strict(after(step, event)) == strict(expected)


@pytest.mark.parametrize(
    ("step", "fields"),
    [
        (Cast(path="v", to=INTEGER), ["path"]),
        (Cast(path="/v", to=INTEGER, width=3), ["width"]),
        (Cast(path="/v", to=STRING, width=-1), ["width"]),
        (NumberFormat(path="/v", decimal=""), ["decimal"]),
        (NumberFormat(path="/v", decimal="1"), ["decimal"]),
        (NumberFormat(path="/v", decimal=",", group=","), ["group"]),
        (NumberFormat(path="/v", group="-"), ["group"]),
        (NumberFormat(path="/v", prefix="A1"), ["prefix"]),
        (NumberFormat(path="/v", to=STRING), ["to"]),
        (EnumMap(path="/v", entries=()), ["entries"]),
        (
            EnumMap(path="/v", entries=(EnumEntry(source="a", target=1), EnumEntry(source="a", target=2))),
            ["entries[0].source", "entries[1].source"],
        ),
        (flags, []),
        (NullForm(path="/v", forms=()), ["forms"]),
        (NullForm(path="/l/*", forms=(0,), action=NullAction.REMOVE), ["path"]),
        (Wrap(path="/v", form=PAIRS, inner_key="id"), ["inner_key"]),
        (Wrap(path="/v", form=PAIRS, name_key="a", value_key="a"), ["value_key"]),
        (Unwrap(path="/v", form=ONE, name_key="a"), ["name_key"]),
    ],
)
def test_names_what_is_wrong(step: AnyStep, fields: list[str]) -> None:
    """Parameters that cannot work are reported by their field."""
    assert faults(step) == fields


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (to_integer, "cast /v to integer"),
        (zip_code, "cast /v to string, padded to 5 digits"),
        (german, "read /v as a number written like 1.234,56 €"),
        (lower, "write /v in small letters"),
        (kept, 'translate /v: "M" to "mobile", keep others'),
        (
            EnumMap(path="/v", entries=tuple(EnumEntry(source=n, target=str(n)) for n in range(8))),
            'translate /v: 0 to "0", 1 to "1", 2 to "2", 3 to "3", 4 to "4", 5 to "5" and 2 more',
        ),
        (nulls, 'make /v null where it is "N/A" or "" or -1'),
        (gone, 'remove /v where it is "N/A"'),
        (Parse(path="/v"), "read the JSON text at /v"),
        (Serialise(path="/v"), "write /v as JSON text"),
        (objects, "wrap /v into an array of one object with id"),
        (pairs, "turn the object /v into a list of n and x"),
        (only, "take the only element out of the array /v"),
        (inner, "take id of the only element out of the array /v"),
        (unpaired, "turn the list /v of n and x into an object"),
    ],
)
def test_reads_as_a_sentence(step: AnyStep, words: str) -> None:
    """A step tells people what it does."""
    assert step.words() == words
