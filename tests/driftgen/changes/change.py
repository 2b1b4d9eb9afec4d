"""What a change of a producer is, and what most need: a field that nobody took, a key renamed in its place."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import msgspec

from driftgen.fields import Field
from driftgen.populations import Population

Event = dict[str, Any]


Apply = Callable[[Event], None]


class Change(msgspec.Struct, frozen=True):
    """One change."""

    name: str
    expect: str
    """`heal`, `escalate`, `ignore` or `either` (heal or escalate, never wrong)."""
    apply: Apply
    """Changes one event in place."""
    fields: tuple[str, ...]
    """Fields that it touches: a case never changes a field twice."""
    hold: Callable[[Event], bool] | None = None
    """Asked of the drifted event: must it be held?"""
    silent: bool = False


Maker = Callable[[random.Random, Population, set[str]], Change | None]


def pick(rng: random.Random, population: Population, *kinds: str, taken: set[str]) -> Field | None:
    """A field of one of the kinds that no other change has taken."""
    found = [field for field in population.fields if field.kind in kinds and field.name not in taken]
    return rng.choice(found) if found else None


def rename(event: Event, old: str, new: str) -> None:
    """The key under another name, in its place."""
    items = [(new if key == old else key, value) for key, value in event.items()]
    event.clear()
    event.update(items)
