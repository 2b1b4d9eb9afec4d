"""What a population is: a seeded, endless sequence of events of one kind, and the contract that they satisfy.

Event number n of a seed is always the same, whatever was asked before, so that a source that starts again goes on
where it stopped. Pure: no clock, no state. The modules beside this one hold one population each.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import accumulate, count, islice
from random import Random
from typing import Any, Final, Generic, TypeVar

import msgspec

Event = dict[str, Any]
T = TypeVar("T")

_BLOCK: Final = 128
"""Events made by one random generator. Seeding one costs as much as half an event; starting in the middle of a block
makes at most 127 events for nothing."""

_EPOCH: Final = datetime(2026, 1, 5, tzinfo=UTC).timestamp()
"""Time of the first event: a Monday, long enough ago to lie in the past of every run."""


class Population(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of events that can be generated."""

    name: str
    description: str
    contract: Mapping[str, Any]
    """JSON Schema 2020-12 that every event satisfies."""
    make: Callable[[Random, int], Event]
    """The event of a number, from a generator that is used for this and for the events after it."""

    def events(self, seed: int, start: int = 0) -> Iterator[Event]:
        """The endless sequence of a seed, from number `start` on. Every event is a fresh object."""
        first = start // _BLOCK
        sequence = (event for block in count(first) for event in self._block(seed, block))
        return islice(sequence, start - first * _BLOCK, None)

    def _block(self, seed: int, block: int) -> Iterator[Event]:
        rng = Random(f"{self.name}/{seed}/{block}")  # noqa: S311 - repeatable on purpose
        return (self.make(rng, number) for number in range(block * _BLOCK, (block + 1) * _BLOCK))


class Weighted(Generic[T]):
    """Values and how often they occur."""

    def __init__(self, weights: Mapping[T, float]) -> None:
        self._values = tuple(weights)
        self._sums = list(accumulate(weights.values()))

    def pick(self, rng: Random) -> T:
        """One of the values."""
        return self._values[bisect(self._sums, rng.random() * self._sums[-1])]


def mixed(number: int) -> int:
    """Another number of 32 bits for each of 32 bits: makes attributes of an entity out of its number, the same each
    time.
    """
    number = (number ^ (number >> 16)) * 0x45D9F3B & 0xFFFFFFFF
    number = (number ^ (number >> 16)) * 0x45D9F3B & 0xFFFFFFFF
    return number ^ (number >> 16)


def instant(number: int, every: float, rng: Random) -> float:
    """Time of an event, seconds since the epoch: they come `every` so many seconds, not quite evenly, always
    ascending.
    """
    return _EPOCH + (number + rng.random()) * every


def rfc3339(seconds: float, digits: str = "seconds") -> str:
    """The instant as text in UTC, with `Z`."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec=digits).removesuffix("+00:00") + "Z"
