"""How many events are due now, and how fast they went: the two clocks of a source.

Pure: time comes in as an argument, seconds on any clock that does not go back. `Pace` decides batches; it does not
sleep.
"""

from __future__ import annotations

from collections import deque
from typing import Final

MAX_BATCH: Final = 500
"""Events in a batch at most: the size at which a batch's fixed costs no longer show."""
_FLUSH_S: Final = 0.025
"""A batch holds the events of this time. Forty batches a second look like a flow to a person, and their fixed costs
of some 0.2 ms take less than a hundredth of the time."""
_CATCH_UP_S: Final = 0.25
"""After a stall at most the events of this time are made up for: a source that was held up must not flood the gate."""
_SLACK: Final = 1e-6
"""Part of a token that may be missing: times are doubles, and a wait too short for the clock to show would never
end."""


class Pace:
    """A token bucket whose tokens are taken in batches."""

    def __init__(self, rate: float, now: float) -> None:
        self._rate = rate
        """Events per second; 0: as fast as they are taken."""
        self._tokens = 1.0
        """The first event is due at once."""
        self._at = now
        self._full = min(max(rate * _FLUSH_S, 1.0), float(MAX_BATCH))
        """Tokens that make a batch worth sending."""

    def wait(self, now: float) -> float:
        """Seconds until a batch is due; 0 if one is."""
        if self._rate <= 0:
            return 0.0
        self._fill(now)
        missing = self._full - self._tokens
        return missing / self._rate if missing > _SLACK else 0.0

    def take(self, now: float) -> int:
        """Take what is due, at least one event: call it when `wait` says 0."""
        if self._rate <= 0:
            return MAX_BATCH
        self._fill(now)
        count = min(max(int(self._tokens + _SLACK), 1), MAX_BATCH)
        self._tokens -= count
        return count

    def _fill(self, now: float) -> None:
        limit = max(self._full, self._rate * _CATCH_UP_S)
        self._tokens = min(self._tokens + (now - self._at) * self._rate, limit)
        self._at = now


_WINDOW_S: Final = 3.0
"""A rate is measured over this time: long enough for one event a second to read as one, short enough to see a
change."""
_SLOT_S: Final = 0.1
"""Batches of this time are one entry: memory stays small at any rate."""


class Meter:
    """The rate of the last seconds."""

    def __init__(self, now: float) -> None:
        self._begun = now
        self._slots: deque[tuple[float, int]] = deque()

    def add(self, now: float, count: int) -> None:
        """Count events that were sent."""
        if self._slots and now - self._slots[-1][0] < _SLOT_S:
            begun, before = self._slots.pop()
            self._slots.append((begun, before + count))
        else:
            self._slots.append((now, count))
            self._forget(now)

    def rate(self, now: float) -> float:
        """Events per second over the last seconds, or since the beginning while that is shorter."""
        self._forget(now)
        # A tenth of a second at least: the first batch must not read as thousands a second.
        seconds = max(min(now - self._begun, _WINDOW_S), _SLOT_S)
        return sum(count for _, count in self._slots) / seconds

    def _forget(self, now: float) -> None:
        while self._slots and self._slots[0][0] <= now - _WINDOW_S:
            self._slots.popleft()
