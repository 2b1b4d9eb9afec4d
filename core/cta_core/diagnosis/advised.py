"""Judges adapters that a language model proposed: by the evidence, vetoes and proof of any other, and by nothing else.

An advised program has to pass the strict checks of a program that was bound from another stream. That alone makes it
a reading that a person may choose. It is proposed as HEAL only where the search itself, on the same events, makes the
same values for every field that the program writes and is sure of each; the origin adds nothing. The analysis process
calls it when a report came out as ESCALATE.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from typing import Any

import msgspec

from cta_core.adapter.program import Program
from cta_core.adapter.steps import Default, Move, Parse, Unwrap
from cta_core.contract import Contract
from cta_core.diagnosis.analysis import DEFAULTS
from cta_core.diagnosis.assemble import is_below
from cta_core.diagnosis.case import Baseline, Case, Options, prepare
from cta_core.diagnosis.decide import UNSUPPORTED_CAP
from cta_core.diagnosis.recall import recall
from cta_core.diagnosis.report import Decision, Evidence, Method, Reading, Report
from cta_core.diagnosis.solution import Solution, solve
from cta_core.diagnosis.symptoms import findings
from cta_core.diagnosis.table import leaf_of
from cta_core.diagnosis.verify import try_out
from cta_core.errors import InvalidProgram
from cta_core.path import MISSING, get, parse

Events = Sequence[dict[str, Any]]


def consider(
    baseline: Baseline,
    drifted: Events,
    contract: Contract | None,
    report: Report,
    programs: Sequence[Program],
    *,
    options: Options = DEFAULTS,
) -> Report:
    """The report with what the advice is worth: healed by it, a reading more for a person, or unchanged.

    Only an escalated report is changed. An advised program has the least confidence that the search gives to the values
    of its fields, and at most `UNSUPPORTED_CAP` where the search does not make them: less than any bar. Two advised
    programs that both pass are two readings, never a heal.
    """
    if report.decision is not Decision.ESCALATE or not baseline.events or not drifted:
        return report
    passed: list[Report] = []
    for program in programs:
        found = recall(baseline, drifted, contract, (), (program,))
        if found is not None and found.program is not None:
            sure = _confidence(baseline, drifted, contract, program, options)
            passed.append(msgspec.structs.replace(found, confidence=sure))
    if len(passed) == 1 and passed[0].confidence >= options.bar:
        return _healed(report, passed[0])
    return _with_readings(report, passed)


def _confidence(
    baseline: Baseline, drifted: Events, contract: Contract | None, program: Program, options: Options
) -> float:
    """What the search's own evidence gives to the values that the program makes.

    Opening packed values (`parse`, `unwrap`) claims no meaning, so the search looks at the events behind such leading
    steps; all that follows has to be what it finds itself.
    """
    opening = tuple(takewhile(lambda step: isinstance(step, (Parse, Unwrap)), program.steps))
    try:
        opened = try_out(Program(steps=opening), drifted, None).healed if opening else tuple(drifted)
        made = try_out(program, drifted, None).healed
    except InvalidProgram:
        return UNSUPPORTED_CAP
    if any(event is None for event in (*opened, *made)):
        return UNSUPPORTED_CAP
    case = prepare(baseline, opened, contract)
    found = findings(case.level.healthy, case.level.drifted, case.inner, case.broken)
    solution = solve(case, found, options)
    if any(made[row] != opened[row] for row in case.old):
        return UNSUPPORTED_CAP
    sure = _agreeing(case, solution, opened, made)
    constants = {step.path for step in program.steps if isinstance(step, Default)}
    written = {path for step in program.steps for path in step.writes()}
    changed = {
        path
        for path in case.healthy.columns
        if any(is_below(path, above) for above in written)
        and any(_at(before, path) != _at(after, path) for before, after in zip(opened, made, strict=True))
    }
    chosen = set(solution.choices) | {path for one in solution.joint for path in one.part.targets}
    # Fields that the contract does not name are not searched; such a one may come along under its own name.
    carried = {
        step.target
        for step in program.steps
        if isinstance(step, Move)
        and leaf_of(step.source) == leaf_of(step.target)
        and not case.promises.names(step.target)
    }
    unexplained = ((changed - carried) | chosen | set(solution.open_paths)) - constants - set(sure)
    if unexplained or not sure:
        return UNSUPPORTED_CAP
    return min(sure.values())


def _agreeing(case: Case, solution: Solution, opened: Sequence[Any], made: Sequence[Any]) -> dict[str, float]:
    """The fields for which the search makes the same values as the program, with its confidence in each."""
    found: dict[str, float] = {}
    for path, choice in solution.choices.items():
        view = choice.candidate.recipe.view
        pairs = [(_at(made[case.rows[row]], path), value) for row, value in zip(view.rows, view.values, strict=True)]
        if "*" not in path and not choice.vetoes and pairs and all(_same(one, two) for one, two in pairs):
            found[path] = choice.confidence
    if not solution.joint:
        return found
    try:
        searched = try_out(Program(steps=solution.steps), opened, None).healed
    except InvalidProgram:
        return found
    for one in solution.joint:
        for path in one.part.targets:
            alike = all(
                two is not None and _same(_at(first, path), _at(two, path))
                for first, two in zip(made, searched, strict=True)
            )
            if "*" not in path and not one.vetoes and alike:
                found[path] = one.confidence
    return found


def _at(event: Any, path: str) -> Any:
    return MISSING if "*" in path else get(event, parse(path))


def _same(one: Any, two: Any) -> bool:
    return type(one) is type(two) and bool(one == two)


def _healed(report: Report, passed: Report) -> Report:
    """The report of an advised adapter that the evidence carries."""
    path = report.cause.path
    evidence = (
        *report.evidence,
        Evidence(
            evidence_id=f"E{len(report.evidence) + 1}",
            kind="advice",
            path=path,
            text="a language model proposed the steps; that adds nothing to their confidence",
        ),
        Evidence(
            evidence_id=f"E{len(report.evidence) + 2}",
            kind="held_back",
            path=path,
            text="the search makes the same values for every field that the steps write",
            weight=2.0,
        ),
    )
    (proposal,) = passed.proposals
    ids = tuple(each.evidence_id for each in evidence[-2:])
    return msgspec.structs.replace(
        report,
        decision=Decision.HEAL,
        method=Method.LLM,
        confidence=passed.confidence,
        evidence=evidence,
        proposals=(msgspec.structs.replace(proposal, confidence=passed.confidence, margin=0.0, evidence_ids=ids),),
        program=passed.program,
        fix=passed.fix,
        readings=(),
        question="",
        test_case=passed.test_case,
        proof=passed.proof,
        held=passed.held,
    )


def _with_readings(report: Report, passed: Sequence[Report]) -> Report:
    """The report with the advised programs among the readings; what stands there already is not said twice."""
    readings = list(report.readings)
    for each in passed:
        if each.program is None or any(each.program.steps == reading.program.steps for reading in readings):
            continue
        readings.append(
            Reading(
                label=f"advised by a language model: {each.fix}",
                program=each.program,
                example_before=each.test_case.before,
                example_after=each.test_case.after,
                confidence=min(each.confidence, UNSUPPORTED_CAP),
            )
        )
    return msgspec.structs.replace(report, readings=tuple(readings)) if passed else report
