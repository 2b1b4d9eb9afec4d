"""Reading times: a format compiled into a function from a value to nanoseconds since 1970.

They are nanoseconds of UTC where the format carries a zone, else as the wall clock shows them. A value that does not
fit the format to the letter raises `ValueError`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any, Final

from cta_core.adapter.times.calendar import (
    DAY,
    EPOCH_DAY,
    SIXTY,
    clock_seconds,
    day_of,
    fraction_ns,
    offset_seconds,
)
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

Reader = Callable[[Any], int]
"""Value to nanoseconds; `ValueError` when it is not in the format."""


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
    return _pattern_reader(tokens_of(text))


def _epoch_reader(unit: int) -> Reader:
    def read(value: Any) -> int:
        if type(value) is int:
            return value * unit
        if type(value) is not float or not math.isfinite(value):
            raise ValueError("not a number")
        exact = Decimal(repr(value))
        ns = exact * unit
        # Seconds come with a fraction; finer units that have one are counted in another unit than they claim.
        if ns != ns.to_integral_value() or (unit != SECOND and exact != exact.to_integral_value()):
            raise ValueError("finer than the format")
        return int(ns)

    return read


_RFC3339: Final = re.compile(r"(?:\.([0-9]{1,9}))?(Z|z|[+-][0-9]{2}:[0-9]{2})")


def _read_rfc3339(value: Any) -> int:
    if type(value) is not str or len(value) < 20 or value[10] not in "Tt " or value[13] != ":" or value[16] != ":":
        raise ValueError("not RFC 3339")
    seconds = day_of(value[:10]) * DAY + clock_seconds(value[11:13], value[14:16], value[17:19])
    if len(value) == 20 and value[19] == "Z":
        return seconds * SECOND
    match = _RFC3339.fullmatch(value, 19)
    if match is None:
        raise ValueError("not RFC 3339")
    return (seconds - offset_seconds(match[2])) * SECOND + fraction_ns(match[1])


def _read_date(value: Any) -> int:
    if type(value) is not str or len(value) != 10:
        raise ValueError("not a date")
    return day_of(value) * DAY * SECOND


_RFC2822: Final = re.compile(
    rf"(?:({'|'.join(SHORT_WEEKDAYS)}), )?([0-9]{{1,2}}) ({'|'.join(SHORT_MONTHS)}) ([0-9]{{4}}) "
    r"([0-9]{2}):([0-9]{2})(?::([0-9]{2}))? (GMT|UTC?|[+-][0-9]{4})"
)


def _read_rfc2822(value: Any) -> int:
    match = _RFC2822.fullmatch(value) if type(value) is str else None
    if match is None:
        raise ValueError("not RFC 2822")
    weekday, day, month, year, hour, minute, second, zone = match.groups()
    when = date(int(year), SHORT_MONTHS.index(month) + 1, int(day))
    if weekday is not None and SHORT_WEEKDAYS[when.weekday()] != weekday:
        raise ValueError("the day of the week is another one")
    seconds = (when.toordinal() - EPOCH_DAY) * DAY + clock_seconds(hour, minute, second or "00")
    return (seconds - (offset_seconds(zone) if zone[0] in "+-" else 0)) * SECOND


def _pattern_reader(tokens: tuple[str, ...]) -> Reader:
    shape = "".join(f"({DIRECTIVES[t]})" if t in DIRECTIVES else re.escape("%" if t == "%%" else t) for t in tokens)
    matches = re.compile(shape).fullmatch
    directives = [piece for piece in tokens if piece in DIRECTIVES]
    names = [SAYS[piece] for piece in directives]
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
            seconds += SIXTY.get(found[minute], DAY) * 60
        if second is not None:
            seconds += SIXTY.get(found[second], DAY)
        if seconds >= DAY:
            raise ValueError("not a time of day")
        if year is not None:
            when = date(to_year(found[year]), to_month(found[month]), int(found[day]))
            if weekday is not None and not WEEKDAYS[when.weekday()].startswith(found[weekday]):
                raise ValueError("the day of the week is another one")
            seconds += (when.toordinal() - EPOCH_DAY) * DAY
        if zone is not None:
            seconds -= offset_seconds(found[zone])
        return seconds * SECOND + (fraction_ns(found[fraction]) if fraction is not None else 0)

    return read


def _year_of(directives: list[str]) -> Callable[[str], int]:
    if "%y" not in directives:
        return int
    return lambda text: int(text) + (1900 if int(text) >= PIVOT else 2000)


def _month_of(directives: list[str]) -> Callable[[str], int]:
    if "%b" in directives:
        return lambda text: SHORT_MONTHS.index(text) + 1
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
