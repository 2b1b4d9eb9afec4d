"""Runs a program on every drifted event and says what came of it: healed, held and why, and whether the result is
healthy.

The same engine and the same contract as in the gate. What passes here has still to be proven by the canary.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import msgspec

from cta_core.adapter.compile import compile_program
from cta_core.adapter.program import Program
from cta_core.contract import Contract
from cta_core.diagnosis.promises import Promises
from cta_core.diagnosis.report import Severity
from cta_core.diagnosis.symptoms import Finding, findings
from cta_core.diagnosis.table import Table
from cta_core.errors import EventRefused
from cta_core.event import decode, encode
from cta_core.path import key_of, parse


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


def try_out(program: Program, drifted: Sequence[Any], contract: Contract | None) -> Trial:
    """Runs the program on copies of the events and checks the contract."""
    adapter = compile_program(program)
    healed: list[Any] = []
    reasons: list[str] = []
    touched: list[bool] = []
    for event in drifted:
        raw = encode(event)
        fresh = decode(raw)
        changed = False
        try:
            if adapter.matches(fresh):
                fresh = adapter.apply(fresh)
                changed = encode(fresh) != raw
        except EventRefused as refused:
            healed.append(None)
            reasons.append(str(refused))
            touched.append(True)
            continue
        breaches = contract.violations(fresh) if contract is not None and not contract.holds(fresh) else ()
        if breaches:
            healed.append(None)
            reasons.append(f"{breaches[0].path}: {breaches[0].message}")
        else:
            healed.append(fresh)
            reasons.append("")
        touched.append(changed)
    return Trial(healed=tuple(healed), reasons=tuple(reasons), touched=tuple(touched))


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
