"""Writing times: a format compiled into a function from a wall clock and its offset from UTC to a value.

A time of which the format cannot hold every part raises `ValueError`: nothing is rounded and nothing is left out.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from cta_core.adapter.times.calendar import DAY, TWO, date_of, text_of
from cta_core.adapter.times.form import (
    DIRECTIVES,
    EPOCHS,
    MONTHS,
    PIVOT,
    SAYS,
    SHORT_MONTHS,
    SHORT_WEEKDAYS,
    WEEKDAYS,
    tokens_of,
)
from cta_core.adapter.times.zone import SECOND

Writer = Callable[[int, int], Any]
"""Wall clock nanoseconds and offset in seconds to the value; `ValueError` when the format cannot hold them."""


def writer(text: str, digits: int, *, zulu: bool) -> Writer:
    """The writer of a valid format, with so many fraction digits; `zulu` writes UTC as `Z`."""
    if text in EPOCHS:
        return _epoch_writer(EPOCHS[text], digits)
    if text == "rfc3339":
        return _rfc3339_writer(digits, zulu=zulu)
    if text == "rfc2822":
        return _pattern_writer(tokens_of("%a, %d %b %Y %H:%M:%S %z"), 0, zulu=False)
    if text == "date":
        return _write_date
    return _pattern_writer(tokens_of(text), digits, zulu=zulu)


def _epoch_writer(unit: int, digits: int) -> Writer:
    def write(ns: int, offset: int) -> Any:
        count, rest = divmod(ns - offset * SECOND, unit)
        if rest:
            raise ValueError("finer than the unit")
        return count

    def write_fraction(ns: int, offset: int) -> Any:
        exact = Decimal(ns - offset * SECOND).scaleb(-9)
        _fraction_text(ns % SECOND, digits)
        number = float(exact)
        if Decimal(repr(number)) != exact:
            raise ValueError("finer than a number can hold")
        return number

    return write_fraction if digits else write


def _fraction_text(ns: int, digits: int) -> str:
    """The digits of a fraction; `ValueError` when there are more than can be written."""
    text = f"{ns:09d}"
    if text[digits:].strip("0"):
        raise ValueError("finer than the digits")
    return text[:digits]


def _zone_text(offset: int, *, zulu: bool, colon: bool) -> str:
    if offset == 0 and zulu:
        return "Z"
    minutes, rest = divmod(abs(offset), 60)
    if rest:
        raise ValueError("the zone has an offset of odd seconds")
    return f"{'-' if offset < 0 else '+'}{TWO[minutes // 60]}{':' if colon else ''}{TWO[minutes % 60]}"


def _rfc3339_writer(digits: int, *, zulu: bool) -> Writer:
    utc = _zone_text(0, zulu=zulu, colon=True)

    def write(ns: int, offset: int) -> Any:
        seconds, fraction = divmod(ns, SECOND)
        day, clock = divmod(seconds, DAY)
        minutes, second = divmod(clock, 60)
        text = f"{text_of(day)}T{TWO[minutes // 60]}:{TWO[minutes % 60]}:{TWO[second]}"
        if digits:
            text = f"{text}.{_fraction_text(fraction, digits)}"
        elif fraction:
            raise ValueError("finer than a second")
        return text + (_zone_text(offset, zulu=zulu, colon=True) if offset else utc)

    return write


def _write_date(ns: int, _offset: int) -> Any:
    day, rest = divmod(ns, DAY * SECOND)
    if rest:
        raise ValueError("has a time of day")
    return text_of(day)


class _Clock:
    """One wall clock reading, taken apart for the writers of a pattern."""

    __slots__ = ("clock", "date", "fraction", "offset")

    def __init__(self, ns: int, offset: int) -> None:
        seconds, self.fraction = divmod(ns, SECOND)
        day, self.clock = divmod(seconds, DAY)
        self.date = date_of(day)
        self.offset = offset


def _pattern_writer(tokens: tuple[str, ...], digits: int, *, zulu: bool) -> Writer:
    pieces = [_piece(piece, digits, zulu=zulu) for piece in tokens]
    says = {SAYS[piece] for piece in tokens if piece in SAYS}
    unit = (
        1 if "fraction" in says else SECOND if "second" in says else 60 * SECOND if "minute" in says else 3600 * SECOND
    )
    if not says & {"hour", "hour12"}:
        unit = DAY * SECOND

    def write(ns: int, offset: int) -> Any:
        if ns % unit:
            raise ValueError("finer than the format")
        clock = _Clock(ns, offset)
        return "".join([piece(clock) for piece in pieces])

    return write


def _piece(piece: str, digits: int, *, zulu: bool) -> Callable[[_Clock], str]:
    """The writer of one directive or literal."""
    if piece not in DIRECTIVES:
        literal = "%" if piece == "%%" else piece
        return lambda _clock: literal
    if piece == "%f":
        # strptime's own %f writes six digits; `digits` says otherwise.
        return lambda clock: _fraction_text(clock.fraction, digits or 6)
    if piece == "%z":
        return lambda clock: _zone_text(clock.offset, zulu=zulu, colon=False)
    return _PIECES[piece]


def _two_digit_year(clock: _Clock) -> str:
    if not 1900 + PIVOT <= clock.date.year < 2000 + PIVOT:
        raise ValueError("outside the century of two-digit years")
    return TWO[clock.date.year % 100]


_PIECES: Final[dict[str, Callable[[_Clock], str]]] = {
    "%Y": lambda clock: f"{clock.date.year:04d}",
    "%y": _two_digit_year,
    "%m": lambda clock: TWO[clock.date.month],
    "%-m": lambda clock: str(clock.date.month),
    "%d": lambda clock: TWO[clock.date.day],
    "%-d": lambda clock: str(clock.date.day),
    "%H": lambda clock: TWO[clock.clock // 3600],
    "%-H": lambda clock: str(clock.clock // 3600),
    "%I": lambda clock: TWO[(clock.clock // 3600 - 1) % 12 + 1],
    "%-I": lambda clock: str((clock.clock // 3600 - 1) % 12 + 1),
    "%M": lambda clock: TWO[clock.clock // 60 % 60],
    "%S": lambda clock: TWO[clock.clock % 60],
    "%p": lambda clock: "PM" if clock.clock >= DAY // 2 else "AM",
    "%b": lambda clock: SHORT_MONTHS[clock.date.month - 1],
    "%B": lambda clock: MONTHS[clock.date.month - 1],
    "%a": lambda clock: SHORT_WEEKDAYS[clock.date.weekday()],
    "%A": lambda clock: WEEKDAYS[clock.date.weekday()],
}
