"""Adapters from memory: tried before any search, judged by the same evidence, proposed without one if they explain
everything.

An adapter that healed an alike incident is run on the events. It is taken only if every event it changes satisfies the
contract, the whole looks healthy, each field it wrote fits that field's healthy values without a conflict, and the
neighbours do not object.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from cta_core.adapter.compile import compile_program
from cta_core.adapter.program import Program
from cta_core.contract import Contract
from cta_core.diagnosis.assemble import is_below
from cta_core.diagnosis.case import Baseline, starred
from cta_core.diagnosis.fit import fit
from cta_core.diagnosis.guards import guard_for
from cta_core.diagnosis.masking import as_text, masked_event, open_paths
from cta_core.diagnosis.promises import Promises
from cta_core.diagnosis.proof import prove
from cta_core.diagnosis.relations import Anchor, Relations
from cta_core.diagnosis.report import (
    Cause,
    Check,
    Decision,
    Evidence,
    Method,
    Proposal,
    Report,
    Severity,
    Symptom,
    TestCase,
)
from cta_core.diagnosis.symptoms import findings
from cta_core.diagnosis.table import Table
from cta_core.diagnosis.verify import Trial, try_out
from cta_core.diagnosis.views import Floats, View, kolmogorov, kolmogorov_noise
from cta_core.errors import InvalidProgram
from cta_core.path import key_of, parse

LEAST_FIT = 0.4
"""Fit that every written field needs; the search asks no more of a field with a sure name."""

LEAST_EVENTS = 20
"""Changed events below which a remembered adapter is not taken without the search."""

MAX_HELD = 0.1
"""Share of events that a remembered adapter may hold: where it fits it heals nearly all, junk is rare."""

MAX_NEIGHBOURS = 10
"""Unchanged fields that are asked about a remembered adapter's results."""

MAX_TRIED = 100
"""Drifted events that a remembered adapter is tried on, spread over the sample. A wrong one is refuted by far fewer;
what it
does to all of them the canary says."""

MAX_ASKED = 60
"""Changed events on which they are asked: a correlation of 0.6 that is gone shows at five sigma."""

MAX_BROKEN = 12
"""Broken events that are looked into for the report's symptoms."""

EXACT = 0.002
"""Residual of a sum, as a share of the spread, up to which healthy numbers add up: cents that were rounded."""

COUNTER = 0.97
"""Share of rising neighbours from which numbers are a counter or a clock."""

CONFIDENCE = 0.97
"""Confidence of an adapter that was confirmed before and passes every check again."""


def recall(
    healthy: Baseline,
    drifted: Sequence[dict[str, Any]],
    contract: Contract | None,
    hints: Sequence[Program],
    alike: Sequence[Program] = (),
) -> Report | None:
    """The report with the first remembered adapter that explains everything; None where none does.

    `alike` were written for other fields and bound to these: they are asked after the others, and one is taken only
    if it is the only one that explains everything.
    """
    declared = contract is not None
    rules = contract if contract is not None else healthy.learned
    promises = Promises(rules.schema if declared else None)
    total = len(drifted)
    step = max(1, total // MAX_TRIED)
    drifted = drifted[::step][:MAX_TRIED] if step > 1 else drifted
    broken: dict[tuple[str, str], int] = {}
    bad = [event for event in drifted if not rules.holds(event)]
    for event in bad[:MAX_BROKEN]:
        for breach in rules.violations(event):
            key = (starred(breach.path), breach.rule)
            broken[key] = broken.get(key, 0) + 1

    def judged(program: Program, *, bound: bool = False) -> Report | None:
        try:
            trial = try_out(program, drifted, rules)
        except InvalidProgram:
            return None
        checked = _explains(program, trial, healthy, promises, {path for path, _ in broken}, len(drifted), strict=bound)
        if checked is None:
            return None
        if bound:
            changed = [event for event, touched in zip(drifted, trial.touched, strict=True) if touched]
            guard = guard_for(program.steps, healthy.events, changed)
            program = Program(guard=guard, steps=program.steps)
        proof = prove(program, trial, healthy.events, drifted, rules, (), (), MAX_HELD)
        if not all(check.passed for check in proof):
            return None
        return _report(program, trial, healthy, drifted, broken, checked, proof, total)

    for program in hints:
        report = judged(program)
        if report is not None:
            return report
    found = [report for report in (judged(program, bound=True) for program in alike) if report is not None]
    return found[0] if len(found) == 1 else None


def _explains(
    program: Program,
    trial: Trial,
    healthy: Baseline,
    promises: Promises,
    broken: Collection[str],
    total: int,
    *,
    strict: bool = False,
) -> list[str] | None:
    """The written fields that were compared; None if anything speaks against the adapter.

    `strict` forgives numbers no shift at all: for an adapter that was not seen to heal these fields before.
    """
    touched = [
        event for event, changed in zip(trial.healed, trial.touched, strict=True) if changed and event is not None
    ]
    if len(touched) < min(LEAST_EVENTS, total) or trial.held > MAX_HELD * total:
        return None
    written = {path for step in program.steps for path in step.writes()}
    keys = {key_of(part) for path in (*written, *broken) for part in parse(path)[:1]}
    events = [event for event in trial.healed if event is not None]
    for finding in findings(healthy.table, Table(events, frozenset(keys)), promises, only=keys):
        mine = any(is_below(finding.path, path) for path in written)
        if finding.severity is Severity.BREAK or (finding.severity is Severity.SILENT and (finding.doubt or mine)):
            return None
    # The neighbours are asked on a part of the events and of the fields: enough to see that a relation is broken.
    near = [key for key in events[0] if key not in keys][:MAX_NEIGHBOURS]
    part = Table(touched[:MAX_ASKED], frozenset((*keys, *near)))
    compared = [
        path
        for path in healthy.table.columns
        if path in part.columns and any(is_below(path, above) for above in written)
    ]
    relations = Relations(
        [
            Anchor(path, View.of(column), View.of(part.columns[path]))
            for path, column in healthy.table.columns.items()
            if path in part.columns and path not in compared and "*" not in path
        ],
        healthy.table.count,
        part.count,
    )
    for path in compared:
        view, given = View.of(healthy.table.columns[path]), View.of(part.columns[path])
        result = fit(view, given)
        if (
            result.conflicts
            or (view.solid and result.score < LEAST_FIT)
            or relations.ask(view, given, keys=False).conflicts
            or (strict and (_shifted(view, given) or _adds_up_no_more(path, healthy.events, touched)))
        ):
            return None
    return compared


def _shifted(view: View, given: View) -> bool:
    """Are these numbers otherwise distributed than healthy ones? Counters and clocks move on and are not asked."""
    if view.kind != "number" or not len(given.sorted_numbers) or view.rising >= COUNTER:
        return False
    noise = kolmogorov_noise(len(view.sorted_numbers), len(given.sorted_numbers))
    return kolmogorov(view.sorted_numbers, given.sorted_numbers) > noise


def _adds_up_no_more(path: str, healthy: Sequence[dict[str, Any]], healed: Sequence[dict[str, Any]]) -> bool:
    """Was this number a sum of its neighbours in every healthy event, and is it none now?"""
    key = path[1:]
    names = [name for name, value in healthy[0].items() if type(value) in (int, float) and name != key]
    first, now = _numbers(healthy, [key, *names]), _numbers(healed, [key, *names])
    # A sum that fits has to be told from one that any numbers would fit: five events for each neighbour.
    if not names or len(first) < 5 * len(names) or not len(now):
        return False
    spread = float(np.std(first[:, 0]))
    weights, *_ = np.linalg.lstsq(first[:, 1:], first[:, 0], rcond=None)

    def off(rows: Floats) -> float:
        return float(np.median(np.abs(rows[:, 0] - rows[:, 1:] @ weights)))

    return spread > 0 and off(first) <= EXACT * spread and off(now) > 3 * EXACT * spread


def _numbers(events: Sequence[dict[str, Any]], names: Sequence[str]) -> Floats:
    """The named numbers of the events that have all of them."""
    rows = [[event.get(name) for name in names] for event in events]
    return np.array([row for row in rows if all(type(value) in (int, float) for value in row)], dtype=np.float64)


def _report(
    program: Program,
    trial: Trial,
    healthy: Baseline,
    drifted: Sequence[dict[str, Any]],
    broken: dict[tuple[str, str], int],
    compared: Sequence[str],
    proof: tuple[Check, ...],
    all_events: int,
) -> Report:
    words = compile_program(program).words()
    total = len(drifted)
    symptoms = tuple(
        Symptom(
            symptom_id=f"S{number}",
            path=path,
            rule=rule,
            severity=Severity.BREAK,
            message=f"breaks the contract's rule {rule}",
            event_count=count,
            share=min(1.0, count / total),
        )
        for number, ((path, rule), count) in enumerate(sorted(broken.items(), key=lambda item: -item[1]), start=1)
    )
    shown = open_paths(Table(drifted[:24]))
    example = TestCase()
    for event, changed in zip(drifted, trial.touched, strict=True):
        if changed:
            hidden = masked_event(event, shown)
            made = try_out(program, [hidden], None).healed[0]
            if made is not None:
                example = TestCase(before=as_text(hidden), after=as_text(made))
            break
    changed_count = sum(trial.touched)
    return Report(
        decision=Decision.HEAL,
        method=Method.SIGNATURE,
        confidence=CONFIDENCE,
        severity=Severity.BREAK if broken else Severity.SILENT,
        cause=Cause(
            stage="producer",
            path=compared[0] if compared else "",
            kind=str(program.steps[0].__struct_config__.tag),
            sentence="the producer made a change that was healed before",
        ),
        symptoms=symptoms,
        evidence=(
            Evidence(
                evidence_id="E1",
                kind="signature",
                path=compared[0] if compared else "",
                text=f"a remembered adapter explains all {changed_count} changed events",
                weight=3.0,
            ),
            Evidence(
                evidence_id="E2",
                kind="held_back",
                path=compared[0] if compared else "",
                text=f"{len(compared)} written fields fit their healthy values, and no neighbour objects",
                weight=2.0,
            ),
        ),
        whys=(
            f"{changed_count} of {total} events have the shape of an incident that was healed before.",
            "The same adapter heals them, and every check of its proof passes again.",
        ),
        proposals=(
            Proposal(
                target=", ".join(compared),
                words="; ".join(words),
                confidence=CONFIDENCE,
                margin=9.0,
                evidence_ids=("E1", "E2"),
            ),
        ),
        program=program,
        fix="; ".join(words),
        test_case=example,
        proof=proof,
        held=trial.held,
        baseline_count=healthy.table.count,
        drifted_count=all_events,
    )
