"""Formats of dates and times: which there are, what their values tell, and the parts of a pattern.

A format is a name (`epoch_s`, `epoch_ms`, `epoch_us`, `epoch_ns`, `rfc3339`, `rfc2822`, `date`) or a pattern of
strptime directives. This module decides which texts are formats; `reader` and `writer` compile them. Only the datetime
step uses the package.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

import msgspec

from cta_core.adapter.times.zone import SECOND

EPOCHS: Final = {"epoch_s": SECOND, "epoch_ms": 10**6, "epoch_us": 10**3, "epoch_ns": 1}
"""Nanoseconds of one unit of each epoch format."""

NAMED: Final = (*EPOCHS, "rfc3339", "rfc2822", "date")
"""Formats that are known by a name."""

MONTHS: Final = tuple(
    "January February March April May June July August September October November December".split()  # noqa: SIM905
)
WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
SHORT_MONTHS: Final = tuple(name[:3] for name in MONTHS)
SHORT_WEEKDAYS: Final = tuple(name[:3] for name in WEEKDAYS)

# Directive -> regular expression. English names, as the C locale writes them; two digits where strptime would take one
# too.
DIRECTIVES: Final = {
    "%Y": "[0-9]{4}",
    "%y": "[0-9]{2}",
    "%m": "[0-9]{2}",
    "%d": "[0-9]{2}",
    "%H": "[0-9]{2}",
    "%I": "[0-9]{2}",
    "%M": "[0-9]{2}",
    "%S": "[0-9]{2}",
    "%f": "[0-9]{1,9}",
    "%-m": "[1-9][0-9]?",
    "%-d": "[1-9][0-9]?",
    "%-H": "0|[1-9][0-9]?",
    "%-I": "[1-9][0-9]?",
    "%p": "AM|PM|am|pm",
    "%b": "|".join(SHORT_MONTHS),
    "%B": "|".join(MONTHS),
    "%a": "|".join(SHORT_WEEKDAYS),
    "%A": "|".join(WEEKDAYS),
    "%z": "Z|[+-][0-9]{2}:?[0-9]{2}",
}
_UNEVEN: Final = frozenset({"%f", "%-m", "%-d", "%-H", "%-I"})
_NUMERIC: Final = frozenset(DIRECTIVES) - {"%p", "%b", "%B", "%a", "%A", "%z"}
_TOKEN: Final = re.compile("%-?.|[^%]+|%", re.DOTALL)

# What each directive says of the time. A pattern has each of them once at most.
SAYS: Final = {
    "%Y": "year", "%y": "year", "%m": "month", "%-m": "month", "%b": "month", "%B": "month", "%d": "day", "%-d": "day",
    "%H": "hour", "%-H": "hour", "%I": "hour12", "%-I": "hour12", "%M": "minute", "%S": "second", "%f": "fraction",
    "%p": "half", "%a": "weekday", "%A": "weekday", "%z": "zone",
}  # fmt: skip

PIVOT: Final = 69
"""Two-digit years from here on are of the 20th century: POSIX's rule, which strptime follows."""


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """What values of a format tell."""

    has_date: bool
    has_time: bool
    has_zone: bool
    """Whether a value names one instant without further knowledge."""
    has_fraction: bool
    """Whether fractions of a second can be written."""


def form_of(text: str) -> Form:
    """What values of a format tell; `ValueError` with a remedy when the text is no format."""
    if text in EPOCHS:
        return Form(has_date=True, has_time=True, has_zone=True, has_fraction=text == "epoch_s")
    if text == "rfc3339":
        return Form(has_date=True, has_time=True, has_zone=True, has_fraction=True)
    if text == "rfc2822":
        return Form(has_date=True, has_time=True, has_zone=True, has_fraction=False)
    if text == "date":
        return Form(has_date=True, has_time=False, has_zone=False, has_fraction=False)
    says = {SAYS[piece] for piece in tokens_of(text) if piece in SAYS}
    return Form(
        has_date="year" in says,
        has_time=bool(says & {"hour", "hour12"}),
        has_zone="zone" in says,
        has_fraction="fraction" in says,
    )


def tokens_of(pattern: str) -> tuple[str, ...]:
    """The directives and literals of a pattern; `ValueError` with a remedy for one that cannot work."""
    pieces = tuple(_TOKEN.findall(pattern))
    for piece in pieces:
        if piece[0] == "%" and piece not in DIRECTIVES and piece != "%%":
            raise ValueError(
                f"{piece} is no directive; use {', '.join(sorted(DIRECTIVES))} or one of {', '.join(NAMED)}"
            )
    says = [SAYS[piece] for piece in pieces if piece in SAYS]
    said = set(says)
    for piece, following in pairwise(pieces):
        if piece in _UNEVEN and following in _NUMERIC:
            raise ValueError(f"{piece} has no fixed number of digits: put a mark between it and {following}")
    if len(said) != len(says):
        raise ValueError("says one part of the time twice")
    if not said - {"weekday", "zone", "half"}:
        raise ValueError(f"name a date, a time of day or both by directives, or use one of {', '.join(NAMED)}")
    for part, needed in _needs(said):
        if not needed <= said:
            raise ValueError(f"a {part} needs the {' and the '.join(sorted(needed - said))} as well")
    if {"hour", "hour12"} <= said:
        raise ValueError("has both a 24-hour and a 12-hour clock")
    return pieces


def _needs(said: set[str]) -> Iterator[tuple[str, set[str]]]:
    rules = {
        "year": {"month", "day"}, "month": {"year", "day"}, "day": {"year", "month"},
        "weekday": {"year", "month", "day"}, "zone": {"year", "month", "day"},
        "hour12": {"half"}, "half": {"hour12"}, "second": {"minute"}, "fraction": {"second"},
    }  # fmt: skip
    yield from ((part, needed) for part, needed in rules.items() if part in said)
    if "minute" in said and "hour12" not in said:
        yield "minute", {"hour"}
