"""Formats of dates and times, compiled once into a reader and a writer.

A format is a name (`epoch_s`, `epoch_ms`, `epoch_us`, `epoch_ns`, `rfc3339`, `rfc2822`, `date`) or a pattern of strptime
directives. A reader gives nanoseconds since 1970: of UTC where the format carries a zone, else as the wall clock shows them.
A writer gives the value for a wall clock and its offset. Both are exact: what does not fit a format to the letter, or would
lose a part of the time, raises `ValueError`. Only the datetime step calls this module.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

import msgspec

from cta_core.adapter.zone import SECOND

Reader = Callable[[Any], int]
"""Value to nanoseconds; `ValueError` when it is not in the format."""

Writer = Callable[[int, int], Any]
"""Wall clock nanoseconds and offset in seconds to the value; `ValueError` when the format cannot hold them."""

EPOCHS: Final = {"epoch_s": SECOND, "epoch_ms": 10**6, "epoch_us": 10**3, "epoch_ns": 1}
"""Nanoseconds of one unit of each epoch format."""

NAMED: Final = (*EPOCHS, "rfc3339", "rfc2822", "date")
"""Formats that are known by a name."""

_DAY: Final = 86_400
_FIRST_DAY: Final = date(1, 1, 1).toordinal()
_LAST_DAY: Final = date(9999, 12, 31).toordinal()
_EPOCH_DAY: Final = date(1970, 1, 1).toordinal()

MONTHS: Final = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_SHORT_MONTHS: Final = tuple(name[:3] for name in MONTHS)
_SHORT_WEEKDAYS: Final = tuple(name[:3] for name in WEEKDAYS)

# Directive -> regular expression. English names, as the C locale writes them; two digits where strptime would take one too.
_DIRECTIVES: Final = {
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
    "%b": "|".join(_SHORT_MONTHS),
    "%B": "|".join(MONTHS),
    "%a": "|".join(_SHORT_WEEKDAYS),
    "%A": "|".join(WEEKDAYS),
    "%z": "Z|[+-][0-9]{2}:?[0-9]{2}",
}
_TOKEN: Final = re.compile("%-?.|[^%]+|%", re.DOTALL)

# What each directive says of the time. A pattern has each of them once at most.
_SAYS: Final = {
    "%Y": "year", "%y": "year", "%m": "month", "%-m": "month", "%b": "month", "%B": "month", "%d": "day", "%-d": "day",
    "%H": "hour", "%-H": "hour", "%I": "hour12", "%-I": "hour12", "%M": "minute", "%S": "second", "%f": "fraction",
    "%p": "half", "%a": "weekday", "%A": "weekday", "%z": "zone",
}  # fmt: skip

_PIVOT: Final = 69
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
    says = {_SAYS[token] for token in _tokens(text) if token in _SAYS}
    return Form(
        has_date="year" in says,
        has_time=bool(says & {"hour", "hour12"}),
        has_zone="zone" in says,
        has_fraction="fraction" in says,
    )


def _tokens(pattern: str) -> tuple[str, ...]:
    """The directives and literals of a pattern; `ValueError` with a remedy for one that cannot work."""
    tokens = tuple(_TOKEN.findall(pattern))
    for token in tokens:
        if token[0] == "%" and token not in _DIRECTIVES and token != "%%":
            raise ValueError(
                f"{token} is no directive; use {', '.join(sorted(_DIRECTIVES))} or one of {', '.join(NAMED)}"
            )
    says = [_SAYS[token] for token in tokens if token in _SAYS]
    said = set(says)
    if len(said) != len(says):
        raise ValueError("says one part of the time twice")
    if not said - {"weekday", "zone", "half"}:
        raise ValueError(f"name a date, a time of day or both by directives, or use one of {', '.join(NAMED)}")
    for part, needed in _needs(said):
        if not needed <= said:
            raise ValueError(f"a {part} needs the {' and the '.join(sorted(needed - said))} as well")
    if {"hour", "hour12"} <= said:
        raise ValueError("has both a 24-hour and a 12-hour clock")
    return tokens


def _needs(said: set[str]) -> Iterator[tuple[str, set[str]]]:
    rules = {
        "year": {"month", "day"}, "month": {"year", "day"}, "day": {"year", "month"}, "weekday": {"year", "month", "day"},
        "hour12": {"half"}, "half": {"hour12"}, "second": {"minute"}, "fraction": {"second"}, "zone": {"year", "month", "day"},
    }  # fmt: skip
    yield from ((part, needed) for part, needed in rules.items() if part in said)
    if "minute" in said and "hour12" not in said:
        yield "minute", {"hour"}


@lru_cache(maxsize=4096)
def _day_of(text: str) -> int:
    """Days since 1970 of `2024-05-01`; cached, because events of one time share their days."""
    if text[4] != "-" or text[7] != "-":
        raise ValueError(text)
    return date(_digits(text[:4]), _digits(text[5:7]), _digits(text[8:])).toordinal() - _EPOCH_DAY


@lru_cache(maxsize=4096)
def _text_of(day: int) -> str:
    """`2024-05-01` for days since 1970; cached as `_day_of` is."""
    return _date_of(day).isoformat()


def _date_of(day: int) -> date:
    ordinal = day + _EPOCH_DAY
    if not _FIRST_DAY <= ordinal <= _LAST_DAY:
        raise ValueError("outside the years 1 to 9999")
    return date.fromordinal(ordinal)


def _digits(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError(text)
    return int(text)


_TWO: Final = tuple(f"{number:02d}" for number in range(100))
_SIXTY: Final = {text: number for number, text in enumerate(_TWO[:60])}


def _fraction_ns(digits: str | None) -> int:
    return int(digits.ljust(9, "0")) if digits else 0


def _offset_seconds(text: str) -> int:
    """Seconds of `+05:30`, `+0530`, `Z`."""
    if text in ("Z", "z"):
        return 0
    hours, minutes = int(text[1:3]), int(text[-2:])
    if hours > 23 or minutes > 59:
        raise ValueError(text)
    seconds = hours * 3600 + minutes * 60
    return -seconds if text[0] == "-" else seconds


# Readers


def reader(text: str) -> Reader:
    """The reader of a valid format."""
    if text in EPOCHS:
        return _epoch_reader(EPOCHS[text])
    if text == "rfc3339":
        return _read_rfc3339
    if text == "rfc2822":
        return _read_rfc2822
    if text == "date":
        return _read_date
    return _pattern_reader(_tokens(text))


def _epoch_reader(unit: int) -> Reader:
    def read(value: Any) -> int:
        if type(value) is int:
            return value * unit
        if type(value) is not float or not math.isfinite(value):
            raise ValueError("not a number")
        ns = Decimal(repr(value)) * unit
        if ns != ns.to_integral_value():
            raise ValueError("finer than a nanosecond")
        return int(ns)

    return read


_RFC3339: Final = re.compile(r"(?:\.([0-9]{1,9}))?(Z|z|[+-][0-9]{2}:[0-9]{2})")


def _read_rfc3339(value: Any) -> int:
    if type(value) is not str or len(value) < 20 or value[10] not in "Tt " or value[13] != ":" or value[16] != ":":
        raise ValueError("not RFC 3339")
    seconds = _day_of(value[:10]) * _DAY + _clock_seconds(value[11:13], value[14:16], value[17:19])
    if len(value) == 20 and value[19] == "Z":
        return seconds * SECOND
    match = _RFC3339.fullmatch(value, 19)
    if match is None:
        raise ValueError("not RFC 3339")
    return (seconds - _offset_seconds(match[2])) * SECOND + _fraction_ns(match[1])


def _clock_seconds(hour: str, minute: str, second: str) -> int:
    try:
        hours = _SIXTY[hour]
        if hours > 23:
            raise ValueError(hour)
        return hours * 3600 + _SIXTY[minute] * 60 + _SIXTY[second]
    except KeyError:
        raise ValueError("not a time of day") from None


def _read_date(value: Any) -> int:
    if type(value) is not str or len(value) != 10:
        raise ValueError("not a date")
    return _day_of(value) * _DAY * SECOND


_RFC2822: Final = re.compile(
    rf"(?:({'|'.join(_SHORT_WEEKDAYS)}), )?([0-9]{{1,2}}) ({'|'.join(_SHORT_MONTHS)}) ([0-9]{{4}}) "
    r"([0-9]{2}):([0-9]{2})(?::([0-9]{2}))? (GMT|UTC?|[+-][0-9]{4})"
)


def _read_rfc2822(value: Any) -> int:
    match = _RFC2822.fullmatch(value) if type(value) is str else None
    if match is None:
        raise ValueError("not RFC 2822")
    weekday, day, month, year, hour, minute, second, zone = match.groups()
    when = date(int(year), _SHORT_MONTHS.index(month) + 1, int(day))
    if weekday is not None and _SHORT_WEEKDAYS[when.weekday()] != weekday:
        raise ValueError("the day of the week is another one")
    seconds = (when.toordinal() - _EPOCH_DAY) * _DAY + _clock_seconds(hour, minute, second or "00")
    return (seconds - (_offset_seconds(zone) if zone[0] in "+-" else 0)) * SECOND


def _pattern_reader(tokens: tuple[str, ...]) -> Reader:
    shape = "".join(f"({_DIRECTIVES[t]})" if t in _DIRECTIVES else re.escape("%" if t == "%%" else t) for t in tokens)
    matches = re.compile(shape).fullmatch
    directives = [token for token in tokens if token in _DIRECTIVES]
    names = [_SAYS[token] for token in directives]
    numbers = dict(zip(names, range(len(names)), strict=True))
    to_year, to_month, to_hour = _year_of(directives), _month_of(directives), _hour_of(numbers)
    year, month, day = numbers.get("year"), numbers.get("month", 0), numbers.get("day", 0)
    minute, second, fraction = numbers.get("minute"), numbers.get("second"), numbers.get("fraction")
    weekday, zone = numbers.get("weekday"), numbers.get("zone")

    def read(value: Any) -> int:
        match = matches(value) if type(value) is str else None
        if match is None:
            raise ValueError("not in the format")
        found = match.groups()
        seconds = to_hour(found) * 3600
        if minute is not None:
            seconds += _SIXTY.get(found[minute], _DAY) * 60
        if second is not None:
            seconds += _SIXTY.get(found[second], _DAY)
        if seconds >= _DAY:
            raise ValueError("not a time of day")
        if year is not None:
            when = date(to_year(found[year]), to_month(found[month]), int(found[day]))
            if weekday is not None and not WEEKDAYS[when.weekday()].startswith(found[weekday]):
                raise ValueError("the day of the week is another one")
            seconds += (when.toordinal() - _EPOCH_DAY) * _DAY
        if zone is not None:
            seconds -= _offset_seconds(found[zone])
        return seconds * SECOND + (_fraction_ns(found[fraction]) if fraction is not None else 0)

    return read


def _year_of(directives: list[str]) -> Callable[[str], int]:
    if "%y" not in directives:
        return int
    return lambda text: int(text) + (1900 if int(text) >= _PIVOT else 2000)


def _month_of(directives: list[str]) -> Callable[[str], int]:
    if "%b" in directives:
        return lambda text: _SHORT_MONTHS.index(text) + 1
    if "%B" in directives:
        return lambda text: MONTHS.index(text) + 1
    return int


def _hour_of(numbers: dict[str, int]) -> Callable[[tuple[str, ...]], int]:
    if "hour12" in numbers:
        hour12, half = numbers["hour12"], numbers["half"]

        def twelve(found: tuple[str, ...]) -> int:
            hour = int(found[hour12])
            if not 1 <= hour <= 12:
                raise ValueError("not an hour of a 12-hour clock")
            return hour % 12 + (12 if found[half] in ("PM", "pm") else 0)

        return twelve
    hour = numbers.get("hour")
    return (lambda found: int(found[hour])) if hour is not None else (lambda _found: 0)


# Writers


def writer(text: str, digits: int, *, zulu: bool) -> Writer:
    """The writer of a valid format, with so many fraction digits; `zulu` writes UTC as `Z`."""
    if text in EPOCHS:
        return _epoch_writer(EPOCHS[text], digits)
    if text == "rfc3339":
        return _rfc3339_writer(digits, zulu=zulu)
    if text == "rfc2822":
        return _pattern_writer(_tokens("%a, %d %b %Y %H:%M:%S %z"), 0, zulu=False)
    if text == "date":
        return _write_date
    return _pattern_writer(_tokens(text), digits, zulu=zulu)


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
    return f"{'-' if offset < 0 else '+'}{_TWO[minutes // 60]}{':' if colon else ''}{_TWO[minutes % 60]}"


def _rfc3339_writer(digits: int, *, zulu: bool) -> Writer:
    utc = _zone_text(0, zulu=zulu, colon=True)

    def write(ns: int, offset: int) -> Any:
        seconds, fraction = divmod(ns, SECOND)
        day, clock = divmod(seconds, _DAY)
        minutes, second = divmod(clock, 60)
        text = f"{_text_of(day)}T{_TWO[minutes // 60]}:{_TWO[minutes % 60]}:{_TWO[second]}"
        if digits:
            text = f"{text}.{_fraction_text(fraction, digits)}"
        elif fraction:
            raise ValueError("finer than a second")
        return text + (_zone_text(offset, zulu=zulu, colon=True) if offset else utc)

    return write


def _write_date(ns: int, _offset: int) -> Any:
    day, rest = divmod(ns, _DAY * SECOND)
    if rest:
        raise ValueError("has a time of day")
    return _text_of(day)


class _Clock:
    """One wall clock reading, taken apart for the writers of a pattern."""

    __slots__ = ("clock", "date", "fraction", "offset")

    def __init__(self, ns: int, offset: int) -> None:
        seconds, self.fraction = divmod(ns, SECOND)
        day, self.clock = divmod(seconds, _DAY)
        self.date = _date_of(day)
        self.offset = offset


def _pattern_writer(tokens: tuple[str, ...], digits: int, *, zulu: bool) -> Writer:
    pieces = [_piece(token, digits, zulu=zulu) for token in tokens]
    says = {_SAYS[token] for token in tokens if token in _SAYS}
    unit = (
        1 if "fraction" in says else SECOND if "second" in says else 60 * SECOND if "minute" in says else 3600 * SECOND
    )
    if not says & {"hour", "hour12"}:
        unit = _DAY * SECOND

    def write(ns: int, offset: int) -> Any:
        if ns % unit:
            raise ValueError("finer than the format")
        clock = _Clock(ns, offset)
        return "".join([piece(clock) for piece in pieces])

    return write


def _piece(token: str, digits: int, *, zulu: bool) -> Callable[[_Clock], str]:
    """The writer of one directive or literal."""
    if token not in _DIRECTIVES:
        literal = "%" if token == "%%" else token
        return lambda _clock: literal
    if token == "%f":
        # strptime's own %f writes six digits; `digits` says otherwise.
        return lambda clock: _fraction_text(clock.fraction, digits or 6)
    if token == "%z":
        return lambda clock: _zone_text(clock.offset, zulu=zulu, colon=False)
    return _PIECES[token]


def _two_digit_year(clock: _Clock) -> str:
    if not 1900 + _PIVOT <= clock.date.year < 2000 + _PIVOT:
        raise ValueError("outside the century of two-digit years")
    return _TWO[clock.date.year % 100]


_PIECES: Final[dict[str, Callable[[_Clock], str]]] = {
    "%Y": lambda clock: f"{clock.date.year:04d}",
    "%y": _two_digit_year,
    "%m": lambda clock: _TWO[clock.date.month],
    "%-m": lambda clock: str(clock.date.month),
    "%d": lambda clock: _TWO[clock.date.day],
    "%-d": lambda clock: str(clock.date.day),
    "%H": lambda clock: _TWO[clock.clock // 3600],
    "%-H": lambda clock: str(clock.clock // 3600),
    "%I": lambda clock: _TWO[(clock.clock // 3600 - 1) % 12 + 1],
    "%-I": lambda clock: str((clock.clock // 3600 - 1) % 12 + 1),
    "%M": lambda clock: _TWO[clock.clock // 60 % 60],
    "%S": lambda clock: _TWO[clock.clock % 60],
    "%p": lambda clock: "PM" if clock.clock >= _DAY // 2 else "AM",
    "%b": lambda clock: _SHORT_MONTHS[clock.date.month - 1],
    "%B": lambda clock: MONTHS[clock.date.month - 1],
    "%a": lambda clock: _SHORT_WEEKDAYS[clock.date.weekday()],
    "%A": lambda clock: WEEKDAYS[clock.date.weekday()],
}
