"""Guards: conditions on an event's shape that say which events an adapter or a step is for.

An event for which a guard does not hold passes untouched, so that the old-shape events of a mixed stream stay as they
are. This module decides what a condition means and compiles conditions to one predicate; programs and steps own the
conditions. Patterns run on a linear-time engine: no text can make a guard hang.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from typing import Any, Final

import jsonschema_rs
import msgspec

from cta_core.adapter.access import getter
from cta_core.adapter.scalar import TYPE_WORDS, Scalar, identity
from cta_core.errors import InvalidPointer, Violation
from cta_core.path import EVERY, MISSING, Parts, get, parse, values

Predicate = Callable[[dict[str, Any]], bool]
"""Asks something of one decoded event; never raises and never changes it."""


class Test(StrEnum):
    """What a condition asks of the value at its path."""

    __test__ = False  # not a test class, whatever its name tells pytest

    PRESENT = "PRESENT"
    """The path exists (its value may be null)."""
    ABSENT = "ABSENT"
    """The path does not exist."""
    TYPE = "TYPE"
    """The value is of one of `types`: JSON Schema's words. `number` is any number, `integer` one without fraction and
    exponent."""
    EQUALS = "EQUALS"
    """The value is one of `values`; 1, 1.0 and true are three different values."""
    BETWEEN = "BETWEEN"
    """The value is a number with `minimum` <= value <= `maximum`."""
    MATCHES = "MATCHES"
    """The value is text that `pattern` (a regular expression, in the contract's dialect) matches as a whole."""


class Condition(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One condition on one path. With `*` in the path it holds when it holds for every array member, of which there is
    one at least.
    """

    path: str
    test: Test
    types: tuple[str, ...] = ()
    values: tuple[Scalar, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    pattern: str = ""


MAX_PATTERN: Final = 1000
"""Characters of a pattern. Real ones have tens; the limit keeps the compiled automaton small."""


def compile_guard(conditions: Sequence[Condition]) -> Predicate:
    """One predicate that holds when all conditions hold; without conditions it always holds."""
    tests = [_compile(condition) for condition in conditions]
    if not tests:
        return lambda _event: True
    if len(tests) == 1:
        return tests[0]
    if len(tests) == 2:
        first, second = tests
        return lambda event: first(event) and second(event)

    def holds(event: dict[str, Any]) -> bool:
        for test in tests:  # noqa: SIM110 - a plain loop is twice as fast as all() with a generator
            if not test(event):
                return False
        return True

    return holds


def _compile(condition: Condition) -> Predicate:
    parts = parse(condition.path)
    asks = _asks(condition)
    if EVERY not in parts:
        value_at = getter(parts)
        return lambda event: asks(value_at(event))
    last = len(parts) - 1 - parts[::-1].index(EVERY)
    return _every(parts[: last + 1], parts[last + 1 :], asks)


def _every(members: Parts, below: Parts, asks: Callable[[Any], bool]) -> Predicate:
    def holds(event: dict[str, Any]) -> bool:
        nodes = list(values(event, members))
        return bool(nodes) and all(asks(get(node, below)) for node in nodes)

    return holds


def _asks(condition: Condition) -> Callable[[Any], bool]:
    """What the condition asks of a value, which is `MISSING` where the path does not exist."""
    match condition.test:
        case Test.PRESENT:
            return lambda value: value is not MISSING
        case Test.ABSENT:
            return lambda value: value is MISSING
        case Test.TYPE:
            return _asks_type(condition.types)
        case Test.EQUALS:
            return _asks_equals(condition.values)
        case Test.BETWEEN:
            return _asks_between(condition.minimum, condition.maximum)
        case Test.MATCHES:
            return _asks_matches(condition.pattern)


def _asks_type(types: tuple[str, ...]) -> Callable[[Any], bool]:
    accepted = {python for python, word in TYPE_WORDS.items() if word in types}
    if "number" in types:
        accepted.add(int)
    return lambda value: type(value) in accepted


def _asks_equals(wanted: tuple[Scalar, ...]) -> Callable[[Any], bool]:
    if len(wanted) == 1:
        kind, only = type(wanted[0]), wanted[0]
        return lambda value: type(value) is kind and value == only
    keys = {identity(value) for value in wanted}
    # An object or array is never one of the scalars, and it has no hash to look it up by.
    return lambda value: type(value) not in (dict, list) and identity(value) in keys


def _asks_between(minimum: float | None, maximum: float | None) -> Callable[[Any], bool]:
    low = -math.inf if minimum is None else minimum
    high = math.inf if maximum is None else maximum
    return lambda value: (type(value) is int or type(value) is float) and low <= value <= high


def _asks_matches(pattern: str) -> Callable[[Any], bool]:
    matches = _engine(pattern).is_valid
    return lambda value: type(value) is str and matches(value)


def _engine(pattern: str) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(
        {"pattern": f"^(?:{pattern})$"}, pattern_options=jsonschema_rs.RegexOptions(), offline=True
    )


def problems(conditions: Sequence[Condition], field: str) -> Iterator[Violation]:
    """What is wrong with the conditions; `field` is the name of their list in the caller's input."""
    for index, condition in enumerate(conditions):
        yield from _problems(condition, f"{field}[{index}]")


def _problems(condition: Condition, field: str) -> Iterator[Violation]:
    try:
        parse(condition.path)
    except InvalidPointer as error:
        yield Violation(f"{field}.path", error.violations[0].remedy)
    if condition.test is Test.TYPE:
        words = set(TYPE_WORDS.values())
        if not condition.types or not set(condition.types) <= words:
            yield Violation(f"{field}.types", f"name one type or more of {', '.join(sorted(words))}")
    if condition.test is Test.EQUALS and not condition.values:
        yield Violation(f"{field}.values", "name one value at least")
    if condition.test is Test.BETWEEN:
        yield from _range_problems(condition, field)
    if condition.test is Test.MATCHES:
        yield from _pattern_problems(condition.pattern, f"{field}.pattern")


def _range_problems(condition: Condition, field: str) -> Iterator[Violation]:
    if condition.minimum is None and condition.maximum is None:
        yield Violation(f"{field}.minimum", "give a minimum, a maximum or both")
    elif condition.minimum is not None and condition.maximum is not None and condition.minimum > condition.maximum:
        yield Violation(f"{field}.minimum", "must not be above the maximum")


def _pattern_problems(pattern: str, field: str) -> Iterator[Violation]:
    if not pattern or len(pattern) > MAX_PATTERN:
        yield Violation(field, f"must have 1 to {MAX_PATTERN} characters")
        return
    try:
        _engine(pattern)
    except ValueError:
        yield Violation(
            field, "is no regular expression of the linear-time dialect (no look-around, no back-references)"
        )


def describe(conditions: Sequence[Condition]) -> str:
    """The conditions as a phrase for people: `/amt is present and /amount is absent`; empty without conditions."""
    return " and ".join(_describe(condition) for condition in conditions)


def _describe(condition: Condition) -> str:
    match condition.test:
        case Test.PRESENT:
            return f"{condition.path} is present"
        case Test.ABSENT:
            return f"{condition.path} is absent"
        case Test.TYPE:
            return f"{condition.path} is of type {' or '.join(condition.types)}"
        case Test.EQUALS:
            return f"{condition.path} is {' or '.join(shown(value) for value in condition.values)}"
        case Test.BETWEEN:
            if condition.minimum is None:
                return f"{condition.path} is at most {condition.maximum:g}"
            if condition.maximum is None:
                return f"{condition.path} is at least {condition.minimum:g}"
            return f"{condition.path} is between {condition.minimum:g} and {condition.maximum:g}"
        case Test.MATCHES:
            return f"{condition.path} matches {condition.pattern}"


def shown(value: Scalar) -> str:
    """A scalar as JSON text, as people read it."""
    return msgspec.json.encode(value).decode()
