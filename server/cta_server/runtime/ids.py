"""Identifiers: a prefix and 26 small letters and digits that sort by time (Crockford base 32 of 48 bits of time and
80 of chance).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Final

ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"


class Ids:
    """Makes ids; two made by one object in one millisecond still sort in the order in which they were made."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._last = 0

    def new(self, prefix: str) -> str:
        """A fresh id, `inc_01j...`."""
        fresh = int(self._clock() * 1000) << 80 | secrets.randbits(80)
        # Within one millisecond, or when the clock goes back, count on from the last id.
        number = self._last = max(fresh, self._last + 1)
        return f"{prefix}_{_written(number)}"


def bound_of(time: float) -> str:
    """What every id sorts below, without its prefix, that was made before a time (seconds since the epoch)."""
    return _written(max(0, int(time * 1000)) << 80)


def _written(number: int) -> str:
    return "".join(ALPHABET[number >> shift & 31] for shift in range(125, -1, -5))
