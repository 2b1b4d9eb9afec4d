"""Days and clocks as numbers: the arithmetic that readers and writers of times share.

Days are counted from 1970-01-01, clocks in seconds of the day. Everything outside the years 1 to 9999, and every text
that is not written to the letter, raises `ValueError`.
"""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from typing import Final

DAY: Final = 86_400
"""Seconds of a day; leap seconds have no number of their own in any of the formats."""

EPOCH_DAY: Final = date(1970, 1, 1).toordinal()
_FIRST_DAY: Final = date(1, 1, 1).toordinal()
_LAST_DAY: Final = date(9999, 12, 31).toordinal()

TWO: Final = tuple(f"{number:02d}" for number in range(100))
"""Numbers as two digits."""

SIXTY: Final = {text: number for number, text in enumerate(TWO[:60])}
"""Two digits as minutes and seconds."""


@lru_cache(maxsize=4096)
def day_of(text: str) -> int:
    """Days since 1970 of `2024-05-01`; cached, because events of one time share their days."""
    if text[4] != "-" or text[7] != "-":
        raise ValueError(text)
    return date(_digits(text[:4]), _digits(text[5:7]), _digits(text[8:])).toordinal() - EPOCH_DAY


@lru_cache(maxsize=4096)
def text_of(day: int) -> str:
    """`2024-05-01` for days since 1970; cached as `day_of` is."""
    return date_of(day).isoformat()


def date_of(day: int) -> date:
    """The date for days since 1970."""
    ordinal = day + EPOCH_DAY
    if not _FIRST_DAY <= ordinal <= _LAST_DAY:
        raise ValueError("outside the years 1 to 9999")
    return date.fromordinal(ordinal)


def _digits(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError(text)
    return int(text)


def fraction_ns(digits: str | None) -> int:
    """Nanoseconds of the digits behind the point."""
    return int(digits.ljust(9, "0")) if digits else 0


def offset_seconds(text: str) -> int:
    """Seconds of `+05:30`, `+0530`, `Z`."""
    if text in ("Z", "z"):
        return 0
    hours, minutes = int(text[1:3]), int(text[-2:])
    if hours > 23 or minutes > 59:
        raise ValueError(text)
    seconds = hours * 3600 + minutes * 60
    return -seconds if text[0] == "-" else seconds


def clock_seconds(hour: str, minute: str, second: str) -> int:
    """Seconds of the day of `17`, `05`, `00`."""
    try:
        hours = SIXTY[hour]
        if hours > 23:
            raise ValueError(hour)
        return hours * 3600 + SIXTY[minute] * 60 + SIXTY[second]
    except KeyError:
        raise ValueError("not a time of day") from None
