"""The scale step: exact units, labels, offsets."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cta_core.adapter.scalar import JsonType
from cta_core.adapter.steps import AnyStep, Scale, ScaleRow
from helpers.healing import after, faults, refusal, strict

INTEGER, NUMBER = JsonType.INTEGER, JsonType.NUMBER

cents = Scale(path="/v", denominator=100)
percent = Scale(path="/v", numerator=100)
celsius = Scale(path="/v", numerator=5, denominator=9, offset=-160 / 9, decimals=2)
by_currency = Scale(
    path="/v",
    by="/currency",
    table=(ScaleRow(label="EUR", denominator=100), ScaleRow(label="JPY"), ScaleRow(label=None, denominator=1000)),
)


@pytest.mark.parametrize(
    ("step", "value", "expected"),
    [
        (cents, 1999, 19.99),
        (cents, 1900, 19),
        (cents, 0, 0),
        (cents, -1, -0.01),
        (cents, 1999.0, 19.99),
        (cents, 1900.0, 19.0),
        (cents, 123456789012345678901234567800, 1234567890123456789012345678),
        (Scale(path="/v", denominator=100, to=NUMBER), 1900, 19.0),
        (Scale(path="/v", denominator=100, to=NUMBER), 2**60 * 100, 2**60),
        (Scale(path="/v", denominator=100, to=INTEGER), 1900, 19),
        (Scale(path="/v", denominator=100, to=INTEGER), 1900.0, 19),
        (percent, 19.99, 1999.0),
        (percent, 0.07, 7.0),
        (percent, 0.29, 29.0),
        (Scale(path="/v", numerator=100, to=INTEGER), 0.29, 29),
        (Scale(path="/v", numerator=1000, to=INTEGER), 1.001, 1001),
        (Scale(path="/v", numerator=1.609344), 100, 160.9344),
        (Scale(path="/v", numerator=0.01), 1999, 19.99),
        (celsius, 68, 20),
        (celsius, 68.0, 20.0),
        (celsius, 70.7, 21.5),
        (celsius, -40, -40),
        (Scale(path="/v", denominator=3, decimals=2), 100, 33.33),
        (Scale(path="/v", decimals=0, to=INTEGER), 2.5, 2),
        (Scale(path="/v", decimals=0, to=INTEGER), 3.5, 4),
        (Scale(path="/v", numerator=-1), 5, -5),
        (Scale(path="/v", denominator=-100), 1999, -19.99),
        (Scale(path="/v", offset=0.1), 0.2, 0.3),
        (cents, 10**50, 10**48),
    ],
)
def test_converts(step: AnyStep, value: Any, expected: Any) -> None:
    """The result is the decimal number that a person would write, in this type."""
    assert strict(after(step, {"v": value})) == strict({"v": expected})


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({"v": 1999, "currency": "EUR"}, 19.99),
        ({"v": 1999, "currency": "JPY"}, 1999),
        ({"v": 5000, "currency": None}, 5),
        ({"v": None, "currency": "ZZZ"}, None),
    ],
)
def test_the_label_chooses_the_unit(event: dict[str, Any], expected: Any) -> None:
    """Each label has its own unit; without a value the label does not matter."""
    assert strict(after(by_currency, event)["v"]) == strict(expected)


@pytest.mark.parametrize("event", [{"v": 1, "currency": "USD"}, {"v": 1}, {"v": 1, "currency": ["EUR"]}])
def test_an_unknown_label_refuses(event: dict[str, Any]) -> None:
    """A label without a row, or no label at all, is not guessed."""
    assert refusal(by_currency, event).path == "/v"


def test_labels_inside_and_outside_of_arrays() -> None:
    """The label stands in the same member, or beside the array."""
    rows = (ScaleRow(label="c", denominator=100), ScaleRow(label="u"))
    inside = Scale(path="/l/*/v", by="/l/*/unit", table=rows)
    event = {"l": [{"v": 150, "unit": "c"}, {"v": 2, "unit": "u"}, {"unit": "?"}]}
    assert after(inside, event) == {"l": [{"v": 1.5, "unit": "c"}, {"v": 2, "unit": "u"}, {"unit": "?"}]}
    outside = Scale(path="/l/*/v", by="/unit", table=rows)
    assert after(outside, {"unit": "c", "l": [{"v": 150}, {"v": 250}]})["l"] == [{"v": 1.5}, {"v": 2.5}]


@pytest.mark.parametrize(
    ("step", "value"),
    [
        (cents, "1999"),
        (cents, True),
        (cents, [1]),
        (Scale(path="/v", denominator=100, to=INTEGER), 1999),
        (Scale(path="/v", denominator=100, to=INTEGER), 19.5),
        (cents, 1e300),
        (Scale(path="/v", numerator=0.5), 10**31),
        (cents, 10**50 + 1),
    ],
)
def test_refuses_what_has_no_exact_result(step: AnyStep, value: Any) -> None:
    """A value of another type, a fraction where an integer is asked for, and a number that cannot be written refuse."""
    assert refusal(step, {"v": value}).path == "/v"


def test_the_largest_conversion_stays_within_its_digits() -> None:
    """At the limits of value, factors and decimals the result is still there."""
    step = Scale(path="/v", numerator=1e15, denominator=1e-15, offset=1e15, decimals=15)
    assert after(step, {"v": 10**30 - 1})["v"] == (10**30 - 1) * 10**30 + 10**15


@given(st.integers(-(10**15), 10**15), st.sampled_from([1, 10, 60, 100, 1000, 3600]))
def test_whole_units_round_once_and_correctly(value: int, unit: int) -> None:
    """An integer over a whole unit is the double nearest to the exact quotient."""
    result = after(Scale(path="/v", denominator=unit), {"v": value})["v"]
    assert result == float(Fraction(value, unit))


@given(st.decimals(min_value=-(10**6), max_value=10**6, places=2), st.sampled_from([10, 100, 1000]))
def test_decimal_units_are_exact(number: Decimal, factor: int) -> None:
    """A decimal number times a power of ten is the decimal number with its point moved, and dividing brings it back."""
    value = float(number)
    scaled = after(Scale(path="/v", numerator=factor), {"v": value})["v"]
    assert Decimal(repr(scaled)) == number * factor
    assert after(Scale(path="/v", denominator=factor), {"v": scaled})["v"] == value


@pytest.mark.parametrize(
    ("step", "fields"),
    [
        (Scale(path="/v", numerator=0), ["numerator"]),
        (Scale(path="/v", denominator=0), ["denominator"]),
        (Scale(path="/v", numerator=1e300), ["numerator"]),
        (Scale(path="/v", denominator=float("nan")), ["denominator"]),
        (Scale(path="/v", offset=float("nan")), ["offset"]),
        (Scale(path="/v", decimals=16), ["decimals"]),
        (Scale(path="/v", to=JsonType.STRING), ["to"]),
        (Scale(path="/v", by="/c"), ["table"]),
        (Scale(path="/v", table=(ScaleRow(label="a"),)), ["table"]),
        (
            Scale(path="/v", by="/c", table=(ScaleRow(label="a"), ScaleRow(label="a"))),
            ["table[0].label", "table[1].label"],
        ),
        (Scale(path="/v", by="/c", table=(ScaleRow(label="a", denominator=0),)), ["table[0].denominator"]),
        (Scale(path="/v", numerator=2, by="/c", table=(ScaleRow(label="a"),)), ["numerator"]),
        (Scale(path="/l/*/v", by="/m/*/c", table=(ScaleRow(label="a"),)), ["by"]),
        (Scale(path="/l/*/v", by="/l/*/c", table=(ScaleRow(label=1), ScaleRow(label=True))), []),
    ],
)
def test_names_what_is_wrong(step: AnyStep, fields: list[str]) -> None:
    """Parameters that cannot work are reported by their field."""
    assert faults(step) == fields


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (cents, "scale /v divided by 100"),
        (Scale(path="/v", numerator=1.8, offset=32), "scale /v times 1.8 plus 32"),
        (Scale(path="/v", offset=-1.5, decimals=1), "scale /v minus 1.5, rounded to 1 decimals"),
        (by_currency, 'scale /v by /currency: "EUR" divided by 100, "JPY" times 1, null divided by 1000'),
    ],
)
def test_reads_as_a_sentence(step: AnyStep, words: str) -> None:
    """A step tells people what it does."""
    assert step.words() == words
