"""Runs a program on every drifted event and says what came of it: healed, held and why, and whether the result is
healthy.

The same engine and the same contract as in the gate. What passes here has still to be proven by the canary.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import msgspec

from cta_core.adapter.compile import CompiledAdapter, compile_program
from cta_core.adapter.program import Program
from cta_core.contract import Contract
from cta_core.diagnosis.assemble import is_below
from cta_core.diagnosis.promises import Promises
from cta_core.diagnosis.report import Severity
from cta_core.diagnosis.sums import broken_rule, keys_of, rules_about
from cta_core.diagnosis.symptoms import Finding, findings
from cta_core.diagnosis.table import Table
from cta_core.errors import EventRefused
from cta_core.event import decode, encode
from cta_core.path import EVERY, key_of, parse


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """What a program makes of the drifted events."""

    healed: tuple[Any, ...]
    """The event after the program, by drifted event; None where it is held."""
    reasons: tuple[str, ...]
    """Why an event is held; empty for the others."""
    touched: tuple[bool, ...]
    """Did the program change the event?"""

    @property
    def held(self) -> int:
        """Number of events that stay in quarantine."""
        return sum(1 for event in self.healed if event is None)


def try_out(
    program: Program, drifted: Sequence[Any], contract: Contract | None, adapter: CompiledAdapter | None = None
) -> Trial:
    """Runs the program on copies of the events and checks the contract; `adapter` is the program compiled, where it
    is at hand. Events that it leaves alone are handed back themselves.
    """
    adapter = adapter or compile_program(program)
    heads = _heads(program)
    healed: list[Any] = []
    reasons: list[str] = []
    touched: list[bool] = []
    for event in drifted:
        fresh, changed, raw = event, False, b""
        if adapter.matches(event):
            try:
                fresh = adapter.apply(_copied(event, heads))
                raw = encode(fresh)
                # 1, 1.0 and true are equal to Python, and so are objects whose keys stand in another order.
                changed = event != fresh or encode(event) != raw
            except EventRefused as refused:
                healed.append(None)
                reasons.append(str(refused))
                touched.append(True)
                continue
        sure = contract is None or (changed and contract.fast is not None and contract.fast.accepts(raw))
        breaches = () if sure or contract is None or contract.holds(fresh) else contract.violations(fresh)
        if breaches:
            healed.append(None)
            reasons.append(f"{breaches[0].path}: {breaches[0].message}")
        else:
            healed.append(fresh)
            reasons.append("")
        touched.append(changed)
    return Trial(healed=tuple(healed), reasons=tuple(reasons), touched=tuple(touched))


def _heads(program: Program) -> tuple[str, ...] | None:
    """The event's own keys that the steps read or write; None where that may be any."""
    paths = [parse(path) for step in program.steps for path in (*step.reads(), *step.writes())]
    if any(not parts or parts[0] == EVERY for parts in paths):
        return None
    return tuple(dict.fromkeys(key_of(parts[0]) for parts in paths))


def _copied(event: dict[str, Any], heads: tuple[str, ...] | None) -> dict[str, Any]:
    """A copy that shares with the event only what no step touches."""
    if heads is None:
        return decode(encode(event))
    fresh = event.copy()
    for head in heads:
        value = event.get(head)
        if type(value) is dict or type(value) is list:
            fresh[head] = decode(encode({head: value}))[head]
    return fresh


def still_wrong(healthy: Table, trial: Trial, promises: Promises, touched: Collection[str]) -> list[Finding]:
    """Findings on the healed events that forbid a promotion. Fields that nobody touched were judged before and are
    left out.
    """
    events = [event for event in trial.healed if event is not None]
    if not events:
        return []
    keys = frozenset(key_of(part) for path in touched for part in parse(path)[:1])
    found = findings(healthy, Table(events, keys), promises, only=keys)
    return [
        finding
        for finding in found
        if finding.severity is Severity.BREAK or (finding.severity is Severity.SILENT and finding.doubt)
    ]


def no_more_made_of(healthy: Table, trial: Trial, written: Collection[str]) -> list[Finding]:
    """Findings on the changed events: numbers that followed exactly from others and do not any
    more, where the program wrote one of them.
    """
    rules = rules_about(healthy, {path for path in healthy.columns if any(is_below(path, above) for above in written)})
    if not rules:
        return []
    changed = [event for event, is_new in zip(trial.healed, trial.touched, strict=True) if is_new and event is not None]
    part = Table(changed, keys_of(rules))
    return [found for rule in rules if (found := broken_rule(rule, part)) is not None]
