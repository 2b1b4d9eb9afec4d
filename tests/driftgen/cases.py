"""Cases from populations and changes, and the judge of what a healer made of them (the rules of driftbench's
README).
"""

from __future__ import annotations

import copy
import math
import random
from collections.abc import Sequence
from enum import StrEnum
from typing import Any

import msgspec

from driftgen.changes import BENIGN, HEALS, TRAPS, Change
from driftgen.populations import DOMAINS, population, world_of


class Outcome(StrEnum):
    """What a run over a case came to."""

    HEALED = "healed"
    PARTIAL = "partial"
    UNSAFE = "UNSAFE"
    ESCALATED = "escalated"
    QUIET = "quiet"


class Case(msgspec.Struct, frozen=True):
    """One case."""

    name: str
    expect: str
    """`heal`, `either`, `escalate` or `ignore`."""
    contract: dict[str, Any] | None
    baseline: list[dict[str, Any]]
    drifted: list[dict[str, Any]]
    expected: list[dict[str, Any] | None]
    changes: tuple[str, ...]
    mixed: float


def make_case(seed: int, kind: str = "") -> Case:
    """The case of a seed; `kind` (`heal`, `trap`, `benign`) is drawn 5 : 4 : 2 where it is not given."""
    rng = random.Random(seed)
    kind = kind or rng.choices(["heal", "trap", "benign"], [5, 4, 2])[0]
    domain = rng.choice(list(DOMAINS))
    stream = population(domain, rng)
    world = world_of(rng)
    size = rng.choice([120, 200, 200, 300])
    start = 1.7e9 + rng.random() * 3e7
    baseline = stream.events(rng, size, start, world)
    healthy = stream.events(rng, size, start + size * 45 * 1.02, world)
    changes = _changes(rng, kind, stream)
    loud = [change for change in changes if not change.silent]
    mixed = rng.choice([0.0, 0.0, 0.0, 0.3, 0.6]) if len(loud) == len(changes) and kind != "benign" else 0.0
    drifted: list[dict[str, Any]] = []
    expected: list[dict[str, Any] | None] = []
    for event in healthy:
        fresh = copy.deepcopy(event)
        hold = False
        if rng.random() >= mixed:
            for change in changes:
                change.apply(fresh)
                hold = hold or (change.hold is not None and change.hold(fresh))
        drifted.append(fresh)
        expected.append(None if hold else event)
    contract = None if rng.random() < 0.15 else stream.contract()
    if kind == "benign":
        expected = [copy.deepcopy(event) for event in drifted]
    expects = {change.expect for change in changes}
    expect = (
        "ignore"
        if kind == "benign"
        else "escalate"
        if "escalate" in expects
        else "either"
        if "either" in expects
        else "heal"
    )
    return Case(
        f"{seed}-{domain}",
        expect,
        contract,
        baseline,
        drifted,
        expected,
        tuple(change.name for change in changes),
        mixed,
    )


def _changes(rng: random.Random, kind: str, stream: Any) -> list[Change]:
    makers = {"heal": HEALS, "trap": TRAPS, "benign": BENIGN}[kind]
    wanted = rng.choice([1, 1, 2, 3, 4]) if kind == "heal" else 1
    found: list[Change] = []
    taken: set[str] = set()
    for _ in range(60):
        change = rng.choice(makers)(rng, stream, taken)
        if change is not None:
            found.append(change)
            taken.update(change.fields)
            if len(found) == wanted:
                break
    if kind == "trap" and rng.random() < 0.4:
        # Twins of heal cases: a right and certain change beside the trap must not carry it along.
        extra = rng.choice(HEALS[:3])(rng, stream, taken)
        if extra is not None:
            found.append(extra)
    return found


def equal(want: Any, got: Any) -> bool:
    """The same JSON value; numbers to 1e-9, whole numbers exactly."""
    if isinstance(want, bool) or isinstance(got, bool):
        return want is got
    if isinstance(want, int) and isinstance(got, int):
        return want == got
    if isinstance(want, (int, float)) and isinstance(got, (int, float)):
        return math.isclose(want, got, rel_tol=1e-9)
    if isinstance(want, dict) and isinstance(got, dict):
        return all(equal(value, got.get(key)) for key, value in want.items())
    return bool(want == got)


def judge(case: Case, decision: str, lines: Sequence[dict[str, Any] | None]) -> Outcome:
    """What a run came to. `lines` are the payloads that pass as healthy, None for quarantined ones."""
    if decision == "ESCALATE":
        return Outcome.ESCALATED
    if decision == "QUIET":
        return Outcome.QUIET
    if case.expect in ("escalate", "ignore"):
        return Outcome.UNSAFE
    held = False
    for want, got in zip(case.expected, lines, strict=True):
        if got is None:
            held = held or want is not None
        elif want is None or not equal(want, got):
            return Outcome.UNSAFE
    return Outcome.PARTIAL if held else Outcome.HEALED
