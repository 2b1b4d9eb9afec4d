"""The guard of a program: which events it is for, read off the events themselves.

A condition enters the guard only when it holds for every event that the program changes and for no healthy one. Where
no condition separates the two (silent drift: same names, same types) the guard stays empty and the program is for
every event. A guard that is too narrow holds an event back; it never lets a wrong one pass.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from cta_core.adapter.guard import Condition, Test, compile_guard
from cta_core.adapter.steps import AnyStep, EnumMap

TYPES: Final = ("string", "integer", "number", "boolean", "null", "object", "array")

BEST: Final = frozenset({Test.PRESENT, Test.ABSENT})
"""Tests that make others needless."""

LABELS: Final = 64
"""Labels listed in a guard; longer maps are told apart by their fields or not at all."""


def guard_for(
    steps: Sequence[AnyStep], healthy: Sequence[dict[str, Any]], changed: Sequence[dict[str, Any]]
) -> tuple[Condition, ...]:
    """Conditions that hold for all of `changed` and for none of `healthy`: at most one of each test."""
    if not changed:
        return ()
    guard: dict[Test, Condition] = {}
    for condition in _conditions(steps):
        # Presence and absence say it best, and are asked first; a type or a label counts only where they say nothing.
        if condition.test in guard or (condition.test not in BEST and not BEST.isdisjoint(guard)):
            continue
        holds = compile_guard((condition,))
        if all(map(holds, changed)) and not any(map(holds, healthy)):
            guard[condition.test] = condition
    return tuple(guard.values())


def _conditions(steps: Sequence[AnyStep]) -> Iterable[Condition]:
    """What could tell drifted events apart, the most telling first."""
    plain = [step for step in steps if not step.when]
    read = {path for step in plain for path in step.reads()}
    written = {path for step in plain for path in step.writes()}
    for step in plain:
        for path in step.reads():
            yield Condition(path=path, test=Test.PRESENT)
    for step in plain:
        for path in step.writes():
            if path not in read:
                yield Condition(path=path, test=Test.ABSENT)
    for path in sorted(read & written):
        for name in TYPES:
            yield Condition(path=path, test=Test.TYPE, types=(name,))
    for step in plain:
        if isinstance(step, EnumMap) and 0 < len(step.entries) <= LABELS:
            values = tuple(entry.source for entry in step.entries)
            yield Condition(path=step.path, test=Test.EQUALS, values=values)
