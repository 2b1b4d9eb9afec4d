"""The guard of a diagnosed program: it holds for what changed and never for what was healthy."""

from __future__ import annotations

from typing import Any

import pytest

from cta_core.adapter.guard import compile_guard
from cta_core.adapter.scalar import JsonType
from cta_core.adapter.steps import AnyStep, Cast, EnumMap, Rename, Scale
from cta_core.adapter.steps.enum_map import EnumEntry
from cta_core.diagnosis.guards import guard_for

HEALTHY: list[dict[str, Any]] = [{"id": n, "amount": n * 1.5, "status": "paid"} for n in range(50)]


@pytest.mark.parametrize(
    ("steps", "change"),
    [
        ((Rename(source="/amt", target="/amount"),), lambda e: {"id": e["id"], "amt": e["amount"], "status": "paid"}),
        ((Cast(path="/amount", to=JsonType.NUMBER),), lambda e: {**e, "amount": str(e["amount"])}),
        (
            (EnumMap(path="/status", entries=(EnumEntry(source="PAID", target="paid"),)),),
            lambda e: {**e, "status": "PAID"},
        ),
    ],
)
def test_the_guard_separates(steps: tuple[AnyStep, ...], change: Any) -> None:
    """Every changed event passes the guard, no healthy one does."""
    changed = [change(event) for event in HEALTHY]
    holds = compile_guard(guard_for(steps, HEALTHY, changed))
    assert all(holds(event) for event in changed)
    assert not any(holds(event) for event in HEALTHY)


def test_silent_drift_has_no_guard() -> None:
    """Where nothing but the values tells the events apart the guard is empty: the program is for every event."""
    changed = [{**event, "amount": event["amount"] * 100} for event in HEALTHY]
    assert guard_for((Scale(path="/amount", denominator=100.0),), HEALTHY, changed) == ()


def test_a_condition_that_misses_a_changed_event_is_left_out() -> None:
    """A guard never holds back an event that the program healed in the trial."""
    steps = (Rename(source="/amt", target="/amount"), Rename(source="/st", target="/status"))
    changed: list[dict[str, Any]] = [{"id": 1, "amt": 2.0}, {"id": 2, "amt": 3.0, "st": "paid"}]
    holds = compile_guard(guard_for(steps, HEALTHY, changed))
    assert all(holds(event) for event in changed)
    assert not any(holds(event) for event in HEALTHY)
