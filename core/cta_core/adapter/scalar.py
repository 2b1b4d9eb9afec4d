"""JSON values as adapters see them: their type words, strict equality, and exact readings of numbers.

Strict means what a consumer would notice: 1, 1.0 and true are three different values here, while Python finds them
equal. Called by guards and steps.
"""

from __future__ import annotations

import math
import re
from decimal import Context, Decimal
from enum import StrEnum
from typing import Any, Final

import msgspec

from cta_core.path import is_array, is_object

Scalar = str | int | float | bool | None
"""A JSON scalar."""

INT_DIGITS: Final = 4300
"""Digits of the largest integer that is read from text: Python's own limit, also that of the JSON decoder."""

EXACT: Final = Context(prec=80)
"""Counts in 80 digits. For numbers below 10**30 and factors between 10**-15 and 10**15, products and sums are exact,
and the first digit of a quotient that is not stands so far behind that it neither makes a fraction look whole nor
reaches the double that becomes of it."""

_NUMBER_TEXT: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?")


class JsonType(StrEnum):
    """The types that a value can be cast to."""

    STRING = "STRING"
    INTEGER = "INTEGER"
    NUMBER = "NUMBER"
    BOOLEAN = "BOOLEAN"


TYPE_WORDS: Final = {
    dict: "object",
    list: "array",
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    type(None): "null",
}
"""JSON Schema's word for each Python type of decoded JSON. `integer` is a number written without fraction and
exponent."""


def type_word(value: Any) -> str:
    """JSON Schema's word for the type of a value."""
    return TYPE_WORDS[type(value)]


def identity(value: Scalar) -> tuple[type, Scalar]:
    """A hashable key under which only the same JSON scalar is found: 1, 1.0, true and "1" have four keys."""
    return (type(value), value)


def same(left: Any, right: Any) -> bool:
    """Whether two JSON values are the same, also in the types of all their numbers."""
    stack = [(left, right)]
    while stack:
        a, b = stack.pop()
        if type(a) is not type(b):
            return False
        if is_object(a):
            if a.keys() != b.keys():
                return False
            stack.extend((value, b[key]) for key, value in a.items())
        elif is_array(a):
            if len(a) != len(b):
                return False
            stack.extend(zip(a, b, strict=True))
        elif a != b:
            return False
    return True


def copied(value: Any) -> Any:
    """The value itself if it cannot change, else a copy that shares nothing with it."""
    return msgspec.json.decode(msgspec.json.encode(value)) if type(value) in (dict, list) else value


def integer_of_text(text: str) -> int | None:
    """The integer that the text writes out in JSON's own form, None for any other text."""
    try:
        value = int(text)
    except ValueError:
        return None
    # int() reads more than JSON writes: blanks, signs, underscores, leading zeros, digits of other scripts.
    return value if str(value) == text else None


def number_of_text(text: str) -> int | float | None:
    """The number that the text writes out in JSON's own form, None for any other text.

    Text without fraction and exponent gives an integer with every digit. Otherwise the double must write itself as the
    same decimal number, else there is none: nothing is rounded unseen.
    """
    whole_number = integer_of_text(text)
    if whole_number is not None:
        return whole_number
    if len(text) > INT_DIGITS or not _NUMBER_TEXT.fullmatch(text):
        return None
    value = float(text)
    return value if math.isfinite(value) and Decimal(repr(value)) == Decimal(text) else None


def whole(value: float) -> int | None:
    """The integer that a double is, None if it has a fraction or is too large to be exact."""
    # 2**53: above it a double skips integers, so that its digits are no longer those that were written.
    return int(value) if value.is_integer() and abs(value) <= 2**53 else None


def decimal_of(value: float) -> Decimal:
    """The decimal number that the value's shortest text writes: 19.99 is 1999/100 here, not the nearest double."""
    return Decimal(value) if type(value) is int else Decimal(repr(float(value)))
