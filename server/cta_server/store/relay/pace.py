"""When the drainer does what: how long it gathers, waits after a failure, and may take to end. Numbers only."""

from __future__ import annotations

from random import Random

import msgspec


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds."""

    gather: float = 0.5
    """Shortest time between two batches that are not full. ClickHouse makes a part of each and merges them later: two a
    second are few, and what was written is read from the archive here anyway."""
    first: float = 0.2
    """Wait after one failure; it doubles with each."""
    longest: float = 15.0
    """Longest wait. A server that was away for an hour is used again within that."""
    ping: float = 10.0
    """Time without work after which it is asked whether it is there."""
    grace: float = 2.0
    """Longest that closing goes on draining to one that answers. What is left is sent after the next start."""
    patience: float = 3.0
    """Longest wait for the first answer when the server starts. One that is away by then is waited for in the
    background."""
    history: float = 1.0
    """Longest wait of a list that a person asked for. The slowest, 10,000 events, takes a tenth of that."""
    likeness: float = 0.25
    """Longest wait of the search for like signatures, ten times what it takes; an incident waits for it."""
    shy: float = 5.0
    """Time for which nothing more is asked after such a wait was in vain."""

    def wait(self, failures: int, chance: Random) -> float:
        """Wait after so many failures in a row; from half of the whole to the whole, so that servers do not come back
        together.
        """
        whole = min(self.longest, self.first * 2.0 ** min(failures - 1, 32))
        return whole * chance.uniform(0.5, 1.0)
