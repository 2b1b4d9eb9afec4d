"""Adapters from memory: tried before any search, judged by the same evidence, proposed without one if they explain
everything.

An adapter that healed an alike incident is run on the events. It is taken only if every event it changes satisfies the
contract, nothing is left that would ask for a person, each field it changed was wrong before and fits its healthy
values without a conflict, numbers that followed exactly from others still do, and no neighbour objects. Nothing is
searched, and fields that have nothing to do with what it wrote are only screened.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

import msgspec

from cta_core.adapter.compile import CompiledAdapter, compile_program
from cta_core.adapter.guard import Test
from cta_core.adapter.program import Program
from cta_core.contract import Contract
from cta_core.diagnosis.assemble import is_below
from cta_core.diagnosis.case import Baseline, starred
from cta_core.diagnosis.fit import fit
from cta_core.diagnosis.guards import guard_for
from cta_core.diagnosis.promises import Promises
from cta_core.diagnosis.proof import prove
from cta_core.diagnosis.recalled import report_of
from cta_core.diagnosis.relations import Anchor, Relations
from cta_core.diagnosis.report import Report, Severity
from cta_core.diagnosis.screen import suspects
from cta_core.diagnosis.sums import broken_rule, rules_about
from cta_core.diagnosis.symptoms import findings
from cta_core.diagnosis.table import Column, Table
from cta_core.diagnosis.ties import ties_of
from cta_core.diagnosis.verify import Trial, try_out
from cta_core.diagnosis.views import View, kolmogorov, kolmogorov_noise
from cta_core.errors import InvalidProgram
from cta_core.event import encode
from cta_core.path import key_of, parse

LEAST_FIT = 0.4
"""Fit that every written field needs; the search asks no more of a field with a sure name."""

LEAST_EVENTS = 20
"""Changed events below which a remembered adapter is not taken without the search."""

MAX_HELD = 0.1
"""Share of events that a remembered adapter may hold: where it fits it heals nearly all, junk is rare."""

MAX_TRIED = 100
"""Drifted events that a remembered adapter is tried on, spread over the sample. A wrong one is refuted by far fewer, a
correlation of 0.6 that is gone shows at six sigma; what the adapter does to all of them the canary says."""

FIRST_TRIED = 16
"""Events that it is tried on before all: where it does not belong it holds them, and costs next to nothing."""

MAX_BROKEN = 8
"""Broken events that are looked into for the report's symptoms."""

PROVED = 8
"""Events that are run again and backwards. The adapter was proved on 50 when it was found, and in its canary."""

NUMERIC = frozenset({"integer", "number"})
"""JSON types that one number field may mix."""

COUNTER = 0.97
"""Share of rising neighbours from which numbers are a counter or a clock."""


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """The drifted events that remembered adapters are tried on, and what is wrong with them."""

    events: Sequence[dict[str, Any]]
    rules: Contract
    promises: Promises
    broken: dict[tuple[str, str], float]
    """The share of the events that break what, by path and rule, as far as those that were looked into tell."""
    total: int
    """How many drifted events there are altogether."""


def recall(
    healthy: Baseline,
    drifted: Sequence[dict[str, Any]],
    contract: Contract | None,
    hints: Sequence[Program],
    alike: Sequence[Program] = (),
    *,
    total: int | None = None,
) -> Report | None:
    """The report with the first remembered adapter that explains everything; None where none does.

    Args:
        healthy: The healthy side.
        drifted: Events after the change; at most `MAX_TRIED` of them are used, evenly spread.
        contract: What a healthy event looks like; None learns it from the healthy side.
        hints: Adapters that healed just such incidents, most likely first.
        alike: Adapters that were written for other fields and bound to these. They are asked after the others and more
            strictly, and one is taken only if it is the only one that explains everything.
        total: How many drifted events there are, if `drifted` is a part of them.
    """
    sample = _sampled(healthy, drifted, contract, len(drifted) if total is None else total)
    for program in hints:
        report = _judged(program, healthy, sample, bound=False)
        if report is not None:
            return report
    found = [report for program in alike if (report := _judged(program, healthy, sample, bound=True)) is not None]
    return found[0] if len(found) == 1 else None


def spread(events: Sequence[Any], limit: int = MAX_TRIED) -> Sequence[Any]:
    """At most `limit` of the events, evenly spread."""
    if len(events) <= limit:
        return events
    return [events[index * len(events) // limit] for index in range(limit)]


def _sampled(healthy: Baseline, drifted: Sequence[dict[str, Any]], contract: Contract | None, total: int) -> Sample:
    rules = contract if contract is not None else healthy.learned
    events = spread(drifted)
    bad = [event for event in events if not rules.holds(event)]
    told = spread(bad, MAX_BROKEN)
    broken: Counter[tuple[str, str]] = Counter()
    for event in told:
        broken.update({(starred(breach.path), breach.rule) for breach in rules.violations(event)})
    shares = {key: count / len(told) * len(bad) / len(events) for key, count in broken.items()}
    return Sample(events=events, rules=rules, promises=healthy.promises(contract), broken=shares, total=total)


def _judged(program: Program, healthy: Baseline, sample: Sample, *, bound: bool) -> Report | None:
    """The report with this adapter, None where anything speaks against it."""
    try:
        adapter = compile_program(program)
    except InvalidProgram:
        return None
    if bound and not _promising(adapter, sample):
        return None
    trial = try_out(program, sample.events, sample.rules, adapter)
    changed = [event for event, touched in zip(sample.events, trial.touched, strict=True) if touched]
    healed = [
        event for event, touched in zip(trial.healed, trial.touched, strict=True) if touched and event is not None
    ]
    if not all(trial.touched) and _tells_by_fraction(program):
        return None
    if len(healed) < min(LEAST_EVENTS, len(sample.events)) or trial.held > MAX_HELD * len(sample.events):
        return None
    compared = _explained(program, trial, changed, healed, healthy, sample, strict=bound)
    if compared is None:
        return None
    if bound:
        guard = guard_for(program.steps, healthy.events, changed)
        program = Program(guard=guard, steps=program.steps)
        adapter = compile_program(program)
    proof = prove(
        program, trial, healthy.events, sample.events, sample.rules, (), (), MAX_HELD, adapter=adapter, sample=PROVED
    )
    if not all(check.passed for check in proof):
        return None
    return report_of(adapter, trial, healthy, sample.events, sample.broken, compared, proof, sample.total)


def _tells_by_fraction(program: Program) -> bool:
    """Does it tell its events from others by whether a number has a fraction? Whole amounts are written without one as
    well, so where both kinds come side by side that decides nothing.
    """
    conditions = (*program.guard, *(condition for step in program.steps for condition in step.when))
    return any(one.test is Test.TYPE and NUMERIC.issuperset(one.types) for one in conditions)


def _promising(adapter: CompiledAdapter, sample: Sample) -> bool:
    """Does it heal most of a few events?"""
    few = spread(sample.events, FIRST_TRIED)
    return try_out(adapter.program, few, sample.rules, adapter).held <= len(few) / 2


def _explained(
    program: Program,
    trial: Trial,
    changed: Sequence[dict[str, Any]],
    healed: Sequence[dict[str, Any]],
    healthy: Baseline,
    sample: Sample,
    *,
    strict: bool,
) -> list[str] | None:
    """The written fields that were compared; None if anything speaks against the adapter.

    `strict` forgives numbers no shift at all: for an adapter that was not seen to heal these fields before.
    """
    before = healthy.table
    written = {path for step in program.steps for path in step.writes()}
    compared = [path for path in before.columns if any(is_below(path, above) for above in written)]
    heads = frozenset(_heads([*before.columns, *written]))
    whole = Table([event for event in trial.healed if event is not None], heads)
    if not _all_is_well(written, before, whole, sample):
        return None
    part = whole if len(healed) == whole.count else Table(healed, heads)
    if not _was_needed(compared, before, Table(changed, frozenset(_heads(compared))), part, sample):
        return None
    if any(broken_rule(rule, part) is not None for rule in rules_about(before, set(compared))):
        return None
    compared = [path for path in compared if path in part.columns]
    return compared if all(_fits(path, before, part, strict=strict) for path in compared) else None


def _all_is_well(written: AbstractSet[str], healthy: Table, healed: Table, sample: Sample) -> bool:
    """Is nothing left that would ask for a person, in the fields that were written and in all the others?"""
    doubtful = suspects(healthy, healed, sample.promises)
    if not doubtful:
        return True
    for finding in findings(healthy, healed, sample.promises, only=set(_heads(doubtful))):
        mine = any(is_below(finding.path, path) for path in written)
        if finding.severity is Severity.BREAK or (finding.severity is Severity.SILENT and (finding.doubt or mine)):
            return False
    return True


def _was_needed(compared: Sequence[str], healthy: Table, changed: Table, healed: Table, sample: Sample) -> bool:
    """Was something wrong, and with every field whose values the adapter changed? One that was well is not to be
    touched.
    """
    broken = {path for path, _ in sample.broken}
    touched = [
        path
        for path in compared
        if path not in broken
        and (column := changed.columns.get(path)) is not None
        and ((now := healed.columns.get(path)) is None or not _equal(column, now))
    ]
    if broken and not touched:
        return True
    found = findings(healthy, changed, sample.promises, only=set(_heads(compared)))
    wrong = {one.path for one in found if one.severity is not Severity.NOTICE}
    return wrong.issuperset(touched) and (bool(broken) or not wrong.isdisjoint(compared))


def _equal(one: Column, two: Column) -> bool:
    """Do two columns hold the same JSON? 1 and 1.0 are equal to Python only."""
    return one.rows == two.rows and one.values == two.values and encode(one.values) == encode(two.values)


def _heads(paths: Iterable[str]) -> Iterator[str]:
    """The event's own keys above these paths."""
    return (key_of(parts[0]) for path in paths if (parts := parse(path)))


def _fits(path: str, healthy: Table, healed: Table, *, strict: bool) -> bool:
    """Do the healed values of a field belong to it, and does no neighbour object?"""
    view, given = View.of(healthy.columns[path]), View.of(healed.columns[path])
    result = fit(view, given)
    if result.conflicts or (view.solid and result.score < LEAST_FIT) or (strict and _shifted(view, given)):
        return False
    ties = ties_of(healthy, path)
    anchors = [
        Anchor(other, View.of(healthy.columns[other]), View.of(healed.columns[other]))
        for other in healthy.columns
        if other in ties and other in healed.columns
    ]
    return not anchors or not Relations(anchors, healthy.count, healed.count).ask(view, given).conflicts


def _shifted(view: View, given: View) -> bool:
    """Are these numbers otherwise distributed than healthy ones? Counters and clocks move on and are not asked."""
    if view.kind != "number" or not len(given.sorted_numbers) or view.rising >= COUNTER:
        return False
    noise = kolmogorov_noise(len(view.sorted_numbers), len(given.sorted_numbers))
    return kolmogorov(view.sorted_numbers, given.sorted_numbers) > noise
