"""The analysis as one pure function: healthy events, drifted events and the contract in, the report out.

`diagnose` finds what differs, asks the signatures' adapters first, then searches the adapter that mends it, proves
it on the
events at hand and decides: heal, ask a person, or stay quiet. It never promotes anything; the server's loop, the
offline
commands and the tests call it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cta_core.adapter.program import Program
from cta_core.contract import Contract
from cta_core.diagnosis.assemble import is_below
from cta_core.diagnosis.case import Baseline, Options, prepare
from cta_core.diagnosis.explain import explain
from cta_core.diagnosis.recall import recall
from cta_core.diagnosis.report import Cause, Decision, Report, Severity
from cta_core.diagnosis.solution import solve
from cta_core.diagnosis.symptoms import findings

DEFAULTS = Options()


def diagnose(
    baseline: Sequence[dict[str, Any]] | Baseline,
    drifted: Sequence[dict[str, Any]],
    contract: Contract | None,
    *,
    options: Options = DEFAULTS,
    hints: Sequence[Program] = (),
    alike: Sequence[Program] = (),
) -> Report:
    """The report on what differs and the adapter that mends it.

    Args:
        baseline: Healthy events, in the order of time; as a `Baseline` they are read once for many analyses.
        drifted: Events after the change, in the order of time; healthy ones may be among them.
        contract: What a healthy event looks like; None learns it from `baseline`.
        options: Bars and limits.
        hints: Adapters that healed alike incidents, most likely first. One that explains everything is proposed without
            the deep search; it is judged by the same evidence as any other.
        alike: Adapters that healed other streams, bound to this one's fields; judged in the same way, and taken only
            if one alone explains everything.
    """
    healthy = baseline if isinstance(baseline, Baseline) else Baseline(baseline)
    if not drifted:
        return Report(decision=Decision.QUIET, baseline_count=len(healthy.events))
    if not any(healthy.events):
        return unknown(len(healthy.events), len(drifted))
    if hints or alike:
        report = recall(healthy, drifted, contract, hints, alike)
        if report is not None:
            return report
    case = prepare(healthy, drifted, contract)
    found = findings(case.level.healthy, case.level.drifted, case.inner, case.broken)
    solution = solve(case, found, options)
    if solution.decision is not Decision.HEAL and case.old:
        # Perhaps no event is of the old shape, and only some show the change: look at all of them as one.
        whole = prepare(healthy, drifted, contract, parted=False)
        also = findings(whole.level.healthy, whole.level.drifted, whole.inner, whole.broken)
        second = solve(whole, also, options)
        touched = {path for step in second.steps for path in (*step.reads(), *step.writes())}
        missed = [
            one for one in found if (one.severity is Severity.BREAK or one.doubt) and not touches(touched, one.path)
        ]
        if second.decision is Decision.HEAL and not missed:
            case, found, solution = whole, also, second
    return explain(case, found, solution, options)


def unknown(baseline_count: int, drifted_count: int) -> Report:
    """The report where no healthy event has a field: nothing tells what is healthy, so it is no all-clear."""
    return Report(
        decision=Decision.ESCALATE,
        cause=Cause(sentence="no healthy event with a field is there to compare with"),
        question="What does a healthy event look like? Give healthy events, and analyse again.",
        baseline_count=baseline_count,
        drifted_count=drifted_count,
    )


def touches(paths: set[str], path: str) -> bool:
    """Is a field, or something above or below it, among the paths?"""
    return any(is_below(path, one) or is_below(one, path) for one in paths)
