"""What an analysis is about: the healthy side, read once, and the drifted events sorted into old and new.

`prepare` reads both sides, marks the events that break the contract or carry a new shape, and levels changes of
shape. The
search and the report work on the case; it decides nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import msgspec

from cta_core.adapter.steps import Wrap, WrapForm
from cta_core.contract import Breach, Contract, compile_contract, learn
from cta_core.diagnosis.assemble import is_below
from cta_core.diagnosis.promises import Promises
from cta_core.diagnosis.shapes import Level, guarded, level
from cta_core.diagnosis.sums import made_of
from cta_core.diagnosis.table import Table
from cta_core.diagnosis.ties import ties_of


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What a caller may set."""

    bar: float = 0.9
    """Confidence from which the decision is HEAL."""
    max_held: float = 0.5
    """Share of held events beyond which an adapter is not proposed for promotion."""
    max_pairs: int = 4000
    """Pairs of broken field and source that are searched; beyond it the analysis hands over."""


TOLD = 80
"""Broken events of which every breach is told: a rule that one in twenty breaks is missed once in 60 times, and then
its
field still shows by its values."""


PREPARED = 40
"""Fields of which it is worked out in advance (pair by pair: 40 fields take 0.2 s); of the others when it is
asked."""


class Baseline:
    """The healthy side, read once and used by many analyses: its columns keep what was worked out about them."""

    def __init__(self, events: Sequence[dict[str, Any]]) -> None:
        self.events = events
        self.table = Table(events)
        self._promised: tuple[Contract | None, Promises] | None = None

    def prepare(self) -> None:
        """Works out in advance what analyses ask of the healthy side: which fields hang together, and which follow
        from which.
        """
        for path in list(self.table.columns)[:PREPARED]:
            ties_of(self.table, path)
            made_of(self.table, path)

    def promises(self, contract: Contract | None) -> Promises:
        """What the contract says about paths; nothing without one, or if it was learned here. Read once."""
        if self._promised is None or self._promised[0] is not contract:
            self._promised = (contract, Promises(None if contract is None else contract.schema))
        return self._promised[1]

    @cached_property
    def learned(self) -> Contract:
        """The contract that the healthy events imply, for streams without one."""
        return compile_contract(learn(self.events))


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """The two sides of one analysis, and which drifted events are of the old shape."""

    healthy: Table
    drifted: Table
    promises: Promises
    contract: Contract
    declared: bool
    level: Level
    """Both sides in one shape; its drifted side holds the events in question only."""
    inner: Promises
    """What the contract says about that common shape."""
    rows: tuple[int, ...]
    """The drifted events in question."""
    old: tuple[int, ...]
    """Drifted events that are healthy as they are."""
    broken: frozenset[str]
    """Paths at which the contract is violated."""
    breached: int
    """Drifted events that violate the contract."""
    breaches: tuple[tuple[Breach, ...], ...]
    """What each drifted event breaks; told for the first `TOLD` broken ones."""


def prepare(baseline: Baseline, drifted: Sequence[Any], contract: Contract | None, *, parted: bool = True) -> Case:
    """Reads the drifted side, sorts its events into old and new, and levels their shapes."""
    healthy, table = baseline.table, Table(drifted)
    declared = contract is not None
    promises = baseline.promises(contract)
    if contract is None:
        contract = baseline.learned
    broken: set[str] = set()
    marked: set[int] = set()
    told: list[tuple[Breach, ...]] = []
    for index, event in enumerate(drifted):
        if contract.holds(event):
            told.append(())
            continue
        # What a breach is about repeats from event to event; the first ones tell it all.
        told.append(contract.violations(event) if len(marked) < TOLD else ())
        marked.add(index)
        broken.update(starred(breach.path) for breach in told[-1])
    breaches = tuple(told)
    breached = len(marked)
    marked |= _new_shape(healthy, table, promises)
    old: list[int] = []
    rows = list(range(len(drifted)))
    if parted and marked and len(marked) < len(drifted) and len(marked) >= 0.03 * len(drifted):
        rows = sorted(marked)
        old = [index for index in range(len(drifted)) if index not in marked]
    part = table if not old else Table([drifted[index] for index in rows])
    leveled = level(healthy, part, promises)
    if old:
        leveled = guarded(leveled, table)
    shaped = [path for step in (*leveled.before, *leveled.after) for path in step.reads()]
    broken = {path for path in broken if not any(is_below(path, above) for above in shaped)}
    wraps = [step for step in leveled.after if isinstance(step, Wrap)]
    return Case(
        healthy=healthy,
        drifted=table,
        promises=promises,
        contract=contract,
        declared=declared,
        level=leveled,
        inner=promises.leveled(
            [step.path for step in wraps if step.form is WrapForm.ONE_ELEMENT],
            [step.path for step in wraps if step.form is WrapForm.PAIRS],
        ),
        rows=tuple(rows),
        old=tuple(old),
        broken=frozenset(broken),
        breached=breached,
        breaches=breaches,
    )


def _new_shape(healthy: Table, drifted: Table, promises: Promises) -> set[int]:
    """Events that lack a field which healthy ones always have, while they carry a path that is new."""
    new = [path for path in drifted.columns if path not in healthy.columns and path not in healthy.nodes]
    fresh = {row for path in new for row in drifted.columns[path].rows}
    if not fresh:
        return set()
    usual = [
        path
        for path, column in healthy.columns.items()
        if "*" not in path and len(column.rows) >= 0.98 * healthy.count and promises.names(path)
    ]
    lacking: set[int] = set()
    everyone = set(range(drifted.count))
    for path in usual:
        column = drifted.columns.get(path)
        lacking |= everyone - set(column.rows if column is not None else ())
    return fresh & lacking


def starred(path: str) -> str:
    """A pointer with array positions as `*`."""
    return "/".join("*" if part.isdigit() else part for part in path.split("/"))
