"""What fields the events of a sample have, and what stands in them: the ground on which a fault chooses.

Pure and exact for the sample it was given; says nothing about events that are not in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, cast

import msgspec

from cta_core.path import parse, part_of, render


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
        return "*" in parse(self.pointer)


def survey(events: Sequence[dict[str, Any]]) -> dict[str, Seen]:
    """Every field of the events, containers included, by pointer in order of appearance. Members of arrays share
    theirs; an array member as such is no field.
    """
    values: dict[str, list[Any]] = {}
    nulls: dict[str, int] = {}
    having: dict[str, int] = {}
    for event in events:
        here: set[str] = set()
        for pointer, value in _fields(event):
            here.add(pointer)
            if value is None:
                nulls[pointer] = nulls.get(pointer, 0) + 1
                values.setdefault(pointer, [])
            else:
                values.setdefault(pointer, []).append(value)
        for pointer in here:
            having[pointer] = having.get(pointer, 0) + 1
    return {
        pointer: Seen(pointer=pointer, values=found, nulls=nulls.get(pointer, 0), in_all=having[pointer] == len(events))
        for pointer, found in values.items()
    }


def _fields(event: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    stack: list[tuple[tuple[str, ...], Any]] = [((), event)]
    while stack:
        parts, node = stack.pop()
        if parts and parts[-1] != "*":
            yield render(parts), node
        stack.extend((parts + part, value) for part, value in reversed(_members(node)))


def _members(node: Any) -> list[tuple[tuple[str], Any]]:
    if type(node) is dict:
        return [((part_of(key),), value) for key, value in cast("dict[str, Any]", node).items()]
    return [(("*",), member) for member in cast("Iterable[Any]", node)] if type(node) is list else []
