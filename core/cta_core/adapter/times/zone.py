"""Time zones of an adapter: fixed offsets and IANA names, and the one reading of a wall clock, if there is one.

Decides how far a wall clock is from UTC. A wall clock that shows an hour twice or never (the change of summer time) has
no single reading and raises `ValueError`; the datetime step turns that into a refusal.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

SECOND: Final = 10**9
"""Nanoseconds of a second."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_OFFSET: Final = re.compile(r"([+-])([01][0-9]|2[0-3]):?([0-5][0-9])")


class Zone(msgspec.Struct, frozen=True, kw_only=True):
    """How far the clocks of a zone are ahead of UTC, in seconds."""

    fixed: int | None
    """The offset of a zone that never changes it; None for one that does."""
    at_instant: Callable[[int], int]
    """Offset at an instant, nanoseconds since 1970 in UTC."""
    at_wall: Callable[[int], int]
    """Offset when the wall clock shows so many nanoseconds since 1970."""


def zone_of(text: str) -> Zone:
    """The zone that a text names: `UTC`, `Z`, `+05:30`, `Europe/Berlin`. `ValueError` for any other text."""
    if text in ("UTC", "Z"):
        return _fixed(0)
    match = _OFFSET.fullmatch(text)
    if match is not None:
        sign, hours, minutes = match.groups()
        offset = int(hours) * 3600 + int(minutes) * 60
        return _fixed(-offset if sign == "-" else offset)
    try:
        info = ZoneInfo(text)
    except (ValueError, OSError, LookupError):
        raise ValueError(text) from None
    return Zone(fixed=None, at_instant=_at_instant(info), at_wall=_at_wall(info))


def _fixed(offset: int) -> Zone:
    return Zone(fixed=offset, at_instant=lambda _ns: offset, at_wall=lambda _ns: offset)


def _at_instant(info: tzinfo) -> Callable[[int], int]:
    def at_instant(ns: int) -> int:
        return _seconds(_moment(ns).astimezone(info).utcoffset())

    return at_instant


def _at_wall(info: tzinfo) -> Callable[[int], int]:
    def at_wall(ns: int) -> int:
        clock = _moment(ns).replace(tzinfo=info)
        first, second = clock.utcoffset(), clock.replace(fold=1).utcoffset()
        if first != second:
            raise ValueError("the clock shows this time twice or never")
        return _seconds(first)

    return at_wall


def _moment(ns: int) -> datetime:
    try:
        return _EPOCH + timedelta(seconds=ns // SECOND)
    except OverflowError:
        raise ValueError("outside the years 1 to 9999") from None


def _seconds(offset: timedelta | None) -> int:
    return 0 if offset is None else int(offset.total_seconds())
