"""Signatures that do not belong: fixes of other incidents, as hints where they must not be taken."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest

from cta_core.adapter.guard import Condition, Test
from cta_core.adapter.program import Program
from cta_core.adapter.scalar import JsonType
from cta_core.adapter.steps import Cast, Default, Rename, Scale
from cta_core.contract import compile_contract
from cta_core.diagnosis import Baseline, Decision, Method, diagnose
from cta_core.diagnosis.recall import recall
from driftgen.cases import Outcome, make_case
from driftgen.likes import Side
from driftgen.populations import DOMAINS

CONTRACT = compile_contract(
    {
        "type": "object",
        "properties": {"amount": {"type": "number"}, "count": {"type": "integer"}, "note": {"type": "string"}},
        "required": ["amount", "count"],
    }
)


def events(first: int, count: int = 120) -> list[dict[str, Any]]:
    return [
        {"id": f"e{n}", "amount": n * 7 % 90 + n % 4 / 4 + 0.5, "count": n * 13 % 11, "kind": f"k{n % 4}"}
        for n in range(first, first + count)
    ]


BASELINE = Baseline(events(0))


@pytest.fixture(scope="module")
def fixes() -> dict[str, list[Program]]:
    """Right fixes of other incidents by kind of stream, with their guards and without."""
    found: defaultdict[str, list[Program]] = defaultdict(list)
    for seed in range(8_000, 8_036):
        case = make_case(seed, "heal")
        report = Side.of(case).diagnose()
        if report.program is not None and report.decision is Decision.HEAL:
            domain = next(domain for domain in DOMAINS if domain in case.name)
            found[domain] += [report.program, Program(steps=report.program.steps)]
    return found


@pytest.mark.parametrize("block", range(3))
def test_foreign_fixes_heal_nothing_wrongly(fixes: dict[str, list[Program]], block: int) -> None:
    """Over 45 drifts, traps and harmless changes no fix of another incident of such a stream is taken wrongly."""
    for seed in range(8_100 + 15 * block, 8_115 + 15 * block):
        case = make_case(seed)
        side = Side.of(case)
        hints = fixes[next(domain for domain in DOMAINS if domain in case.name)]
        report = recall(side.baseline, case.drifted, side.contract, hints)
        assert report is None or side.outcome(report) is not Outcome.UNSAFE, (case.name, case.changes, report.fix)


def test_a_fix_is_not_taken_while_something_else_is_wrong() -> None:
    """The right rename is not proposed from memory while another field's unit changed silently."""
    fix = Program(steps=(Rename(source="/amt", target="/amount"),))
    drifted = [{("amt" if key == "amount" else key): value for key, value in event.items()} for event in events(500)]
    assert recall(BASELINE, drifted, CONTRACT, [fix]) is not None
    for event in drifted:
        event["count"] *= 1000
    assert recall(BASELINE, drifted, CONTRACT, [fix]) is None


def test_a_field_that_was_well_is_not_touched() -> None:
    """A cast of whole numbers that came with a point, which the contract allows, is no heal; neither is a constant for
    a field that healthy events lack.
    """
    floats = [{**event, "count": float(event["count"])} for event in events(500)]
    cast = Program(steps=(Cast(path="/count", to=JsonType.INTEGER),))
    note = Program(steps=(Default(path="/note", value="x"),))
    assert recall(BASELINE, floats, CONTRACT, [cast]) is None
    assert diagnose(BASELINE, floats, CONTRACT, hints=[cast]).decision is not Decision.HEAL
    assert recall(BASELINE, events(500), CONTRACT, [note]) is None


def test_cents_among_units_are_not_told_by_their_type() -> None:
    """A fix that is for whole numbers heals a stream of cents, and is not taken where units come between them: a whole
    amount of units has the same type.
    """
    healthy = [{**event, "amount": round(event["amount"] + 0.25, 2)} for event in events(0)]
    baseline = Baseline(healthy)
    cents = [{**event, "amount": round((event["amount"] + 0.25) * 100)} for event in events(500)]
    units = [{**event, "amount": event["amount"] + 0.25} for event in events(500)]
    whole = Condition(path="/amount", test=Test.TYPE, types=("integer",))
    fix = Program(guard=(whole,), steps=(Scale(path="/amount", numerator=1, denominator=100, decimals=2),))
    assert recall(baseline, cents, CONTRACT, [fix]) is not None
    mixed = [cents[n] if n % 2 else units[n] for n in range(len(cents))]
    assert recall(baseline, mixed, CONTRACT, [fix]) is None


def test_the_report_counts_all_events() -> None:
    """What a part of the events shows is told as what all of them show, as far as it can be."""
    fix = Program(steps=(Rename(source="/amt", target="/amount"),))
    drifted = [{("amt" if key == "amount" else key): value for key, value in event.items()} for event in events(500)]
    report = recall(BASELINE, drifted, CONTRACT, [fix], total=400)
    assert report is not None
    assert (report.method, report.drifted_count) == (Method.SIGNATURE, 400)
    assert [(one.path, one.event_count, one.share) for one in report.symptoms] == [("", 400, 1.0)] or [
        (one.event_count, one.share) for one in report.symptoms
    ] == [(400, 1.0)]


def test_an_example_shows_known_labels_only() -> None:
    """A label of the healthy events is shown in the example, one that no healthy event has is masked."""
    fix = Program(steps=(Rename(source="/amt", target="/amount"),))
    drifted = [{("amt" if key == "amount" else key): value for key, value in event.items()} for event in events(500)]
    report = recall(BASELINE, drifted, CONTRACT, [fix])
    assert report is not None
    assert f'"kind":"{drifted[0]["kind"]}"' in report.test_case.before
    drifted[0]["kind"] = "secret"
    report = recall(BASELINE, drifted, CONTRACT, [fix])
    assert report is None or "secret" not in report.test_case.before
