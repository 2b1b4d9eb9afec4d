"""What fields the events of a sample have, and what stands in them: the ground on which a fault chooses.

Pure and exact for the sample it was given; says nothing about events that are not in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import msgspec

from cta_core.path import EVERY, parse, part_of, render


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """One field over the whole sample."""

    pointer: str
    """With `*` for members of arrays."""
    values: Sequence[Any]
    """Every value that is not null, in order; objects and arrays as they are."""
    nulls: int
    """How often it is null."""
    in_all: bool
    """Every event has it (or, in an array, some member of every event)."""

    def only(self, *types: type) -> bool:
        """Whether there are values, and all have one of these exact types."""
        return bool(self.values) and all(type(value) in types for value in self.values)

    def distinct(self) -> list[Any]:
        """The different scalars, most frequent first, ties in order of appearance."""
        counts: dict[tuple[str, Any], int] = {}
        for value in self.values:
            key = (type(value).__name__, value)  # 1 and true are two
            counts[key] = counts.get(key, 0) + 1
        return [value for (_, value), _ in sorted(counts.items(), key=lambda item: -item[1])]

    @property
    def name(self) -> str:
        """The last part of the pointer."""
        return parse(self.pointer)[-1]

    @property
    def nested(self) -> bool:
        """Whether it lies in an array."""
        return EVERY in parse(self.pointer)


class _Tally:
    """What was seen of one field so far."""

    __slots__ = ("events", "last", "nulls", "values")

    def __init__(self) -> None:
        self.values: list[Any] = []
        self.nulls = 0
        self.events = 0
        """Events that have it."""
        self.last = -1
        """Number of the last such event."""

    def add(self, value: Any, number: int) -> None:
        """Count a value of an event."""
        if value is None:
            self.nulls += 1
        else:
            self.values.append(value)
        if number != self.last:
            self.last = number
            self.events += 1


def survey(events: Sequence[dict[str, Any]]) -> dict[str, Seen]:
    """Every field of the events, containers included, by pointer in order of appearance. Members of arrays share
    theirs; an array member as such is no field.
    """
    tallies: dict[tuple[str, ...], _Tally] = {}
    for number, event in enumerate(events):
        stack: list[tuple[tuple[str, ...], Any]] = [((), event)]
        while stack:
            parts, node = stack.pop()
            if parts and parts[-1] != EVERY:
                tally = tallies.get(parts)
                if tally is None:
                    tally = tallies[parts] = _Tally()
                tally.add(node, number)
            if isinstance(node, dict):
                members = cast("dict[str, Any]", node).items()
                stack.extend((((*parts, part_of(key)), value) for key, value in reversed(members)))
            elif isinstance(node, list):
                below = (*parts, EVERY)
                stack.extend([(below, member) for member in reversed(cast("Sequence[Any]", node))])
    found: dict[str, Seen] = {}
    for parts, tally in tallies.items():
        pointer = render(parts)
        in_all = tally.events == len(events)
        found[pointer] = Seen(pointer=pointer, values=tally.values, nulls=tally.nulls, in_all=in_all)
    return found
