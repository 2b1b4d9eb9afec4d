"""The proof sheet: what an adapter has been shown to do on the events at hand. Promotion requires every line.

Runs the compiled adapter; it knows nothing of how the adapter was found.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

from cta_core.adapter.compile import CompiledAdapter, compile_program
from cta_core.adapter.program import Program
from cta_core.contract import Contract
from cta_core.diagnosis.report import Check
from cta_core.diagnosis.symptoms import Finding
from cta_core.diagnosis.verify import Trial
from cta_core.errors import EventRefused
from cta_core.event import decode, encode

SAMPLE = 50
"""Events that are run a second time and backwards: a step that is not deterministic or not invertible shows on the
first ones."""


def prove(
    program: Program,
    trial: Trial,
    healthy: Sequence[Any],
    drifted: Sequence[Any],
    contract: Contract,
    unexplained: Sequence[str],
    wrong: Sequence[Finding],
    max_held: float,
    *,
    adapter: CompiledAdapter | None = None,
    sample: int = SAMPLE,
) -> tuple[Check, ...]:
    """The lines of the sheet; `adapter` is the program compiled, where it is at hand."""
    adapter = adapter or compile_program(program)
    total = len(drifted)
    reasons = sorted({reason for reason in trial.reasons if reason})
    held = (
        f"; {trial.held} held, the most frequent reason being: {max(reasons, key=trial.reasons.count)}"
        if reasons
        else ""
    )
    same = backwards = compared = 0
    inverse = adapter.inverse()
    undo = compile_program(inverse) if inverse is not None else None
    for event, healed, touched in islice(zip(drifted, trial.healed, trial.touched, strict=True), sample):
        if healed is None or not touched:
            continue
        compared += 1
        again = adapter.apply(decode(encode(event)))
        same += encode(again) == encode(healed)
        if undo is not None:
            try:
                backwards += undo.apply(decode(encode(healed))) == event
            except EventRefused:
                continue
    losses = adapter.loses()
    harmed = _harmed(adapter, healthy, drifted, trial, contract)
    return (
        Check(
            name="total",
            passed=trial.held <= max_held * total,
            text=f"{total - trial.held} of {total} events satisfy the contract after the adapter{held}",
        ),
        Check(
            name="deterministic",
            passed=same == compared,
            text=f"{same} of {compared} events came out the same when run again",
        ),
        Check(
            name="lossless", passed=True, text="nothing is lost" if not losses else "loses only " + "; ".join(losses)
        ),
        Check(
            name="round_trip",
            passed=True,
            text=f"{backwards} of {compared} events come back exactly by the inverse"
            if undo is not None
            else "there is no inverse of every step",
        ),
        Check(
            name="parity",
            passed=not wrong,
            text="healed values belong to the healthy profile"
            if not wrong
            else "; ".join(f"{one.path}: {one.text}" for one in wrong),
        ),
        Check(
            name="complete",
            passed=not unexplained,
            text="no vanished or broken field is left unexplained"
            if not unexplained
            else "unexplained: " + ", ".join(unexplained),
        ),
        Check(
            name="harmless",
            passed=harmed == 0,
            text="no event that satisfied the contract breaks it after the adapter"
            if not harmed
            else f"{harmed} events that satisfied the contract would break it",
        ),
    )


def _harmed(
    adapter: CompiledAdapter, healthy: Sequence[Any], drifted: Sequence[Any], trial: Trial, contract: Contract
) -> int:
    """Events that were fine for the contract and are not any more: drifted ones, and healthy ones that the guard
    lets in.

    Without a guard (silent drift: both shapes look alike) a healthy event that comes late is held by the contract or
    not
    told apart by anybody; counting those would forbid every silent heal.
    """
    harmed = sum(
        1 for event, healed in zip(drifted, trial.healed, strict=True) if healed is None and contract.holds(event)
    )
    step = max(1, len(healthy) // SAMPLE)
    for event in healthy[::step][:SAMPLE] if adapter.program.guard else ():
        try:
            harmed += adapter.matches(event) and not contract.holds(adapter.apply(decode(encode(event))))
        except EventRefused:
            harmed += 1
    return harmed
