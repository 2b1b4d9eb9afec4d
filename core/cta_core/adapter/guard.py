"""Guards: conditions on an event's shape that say which events an adapter or a step is for.

An event for which a guard does not hold passes untouched, so that the old-shape events of a mixed stream stay as they are.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

Scalar = str | int | float | bool | None
"""A JSON scalar."""


class Test(StrEnum):
    """What a condition asks of the value at its path."""

    __test__ = False  # not a test class, whatever its name tells pytest

    PRESENT = "PRESENT"
    """The path exists (its value may be null)."""
    ABSENT = "ABSENT"
    """The path does not exist."""
    TYPE = "TYPE"
    """The value is of one of `types`."""
    EQUALS = "EQUALS"
    """The value is one of `values`; 1, 1.0 and true are three different values."""
    BETWEEN = "BETWEEN"
    """The value is a number with `minimum` <= value <= `maximum`."""
    MATCHES = "MATCHES"
    """The value is text that `pattern` (a regular expression) matches as a whole."""


class Condition(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One condition on one path. With `*` in the path it holds when it holds for every array member, of which there is one at least."""

    path: str
    test: Test
    types: tuple[str, ...] = ()
    values: tuple[Scalar, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    pattern: str = ""
