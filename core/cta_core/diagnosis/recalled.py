"""The report with a remembered adapter: what is broken, that the adapter explains it, the proof, one masked example.

`recall` has judged the adapter; this module only words it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cta_core.adapter.compile import CompiledAdapter
from cta_core.diagnosis.case import Baseline
from cta_core.diagnosis.formats import mask_of
from cta_core.diagnosis.headline import headline_of
from cta_core.diagnosis.masking import as_text, masked_event, open_paths
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
from cta_core.diagnosis.table import Table
from cta_core.diagnosis.verify import Trial, try_out
from cta_core.diagnosis.views import View
from cta_core.path import key_of, parse

SHOWN = 24
"""Drifted events from which it is told whether a new field holds labels or times, which may be shown."""

CONFIDENCE = 0.97
"""Confidence of an adapter that was confirmed before and passes every check again."""


def report_of(
    adapter: CompiledAdapter,
    trial: Trial,
    healthy: Baseline,
    drifted: Sequence[dict[str, Any]],
    broken: Mapping[tuple[str, str], float],
    compared: Sequence[str],
    proof: tuple[Check, ...],
    all_events: int,
) -> Report:
    """The report that proposes the adapter.

    Args:
        adapter: The remembered adapter, with the guard that it is proposed with.
        trial: What it makes of `drifted`.
        healthy: The healthy side.
        drifted: The drifted events that it was tried on.
        broken: The share of the events that break what, by path and rule.
        compared: The written fields whose values were compared with healthy ones.
        proof: The proof sheet.
        all_events: How many drifted events there are altogether.
    """
    program, words = adapter.program, adapter.words()
    total = len(drifted)
    symptoms = tuple(
        Symptom(
            symptom_id=f"S{number}",
            path=path,
            rule=rule,
            severity=Severity.BREAK,
            message=f"breaks the contract's rule {rule}",
            event_count=round(share * all_events),
            share=share,
        )
        for number, ((path, rule), share) in enumerate(sorted(broken.items(), key=lambda item: -item[1]), start=1)
    )
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
            sentence=headline_of(program.steps) or "the producer made a change that was healed before",
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
        test_case=_example(adapter, trial, healthy, drifted),
        proof=proof,
        held=trial.held,
        baseline_count=healthy.table.count,
        drifted_count=all_events,
    )


def _example(adapter: CompiledAdapter, trial: Trial, healthy: Baseline, drifted: Sequence[dict[str, Any]]) -> TestCase:
    """The first changed event, masked, and what the adapter makes of it."""
    for event, changed in zip(drifted, trial.touched, strict=True):
        if changed:
            hidden = masked_event(event, frozenset(_shown(healthy.table, event, drifted[:SHOWN])))
            made = try_out(adapter.program, [hidden], None, adapter).healed[0]
            return TestCase() if made is None else TestCase(before=as_text(hidden), after=as_text(made))
    return TestCase()


def _shown(healthy: Table, event: dict[str, Any], drifted: Sequence[dict[str, Any]]) -> Iterator[str]:
    """The event's paths whose values may be shown: known labels and times, and labels and times of new fields."""
    if "shown" not in healthy.kept:
        healthy.kept["shown"] = open_paths(healthy)
    may: frozenset[str] = healthy.kept["shown"]
    here = Table([event])
    new = {key_of(parse(path)[0]) for path in here.columns if path not in healthy.columns}
    yield from (path for path in open_paths(Table(drifted, frozenset(new))) if path not in healthy.columns)
    for path, column in here.columns.items():
        if path in may and all(_known(View.of(healthy.columns[path]), value) for value in column.values):
            yield path


def _known(view: View, value: Any) -> bool:
    """Is a value a label, or written like a time, of the healthy field?"""
    if value is None or type(value) is bool:
        return True
    if type(value) is str and view.date_formats:
        return mask_of(value) in view.masks
    return view.date_formats != [] or (type(value) in (str, int, float) and value in view.labels)
