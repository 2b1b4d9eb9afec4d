"""From the solution to the report that people and machines read: symptoms, evidence, proposals, readings, proof,
example.

Everything in it is a measured fact or a rule's name; payload values are masked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from cta_core.adapter.compile import compile_program
from cta_core.adapter.program import Program
from cta_core.adapter.steps import AnyStep
from cta_core.diagnosis.assemble import Part, assemble
from cta_core.diagnosis.case import Case, Options
from cta_core.diagnosis.decide import Choice
from cta_core.diagnosis.guards import guard_for
from cta_core.diagnosis.masking import as_text, masked_event, open_paths
from cta_core.diagnosis.proof import prove
from cta_core.diagnosis.report import Check, Decision, Evidence, Proposal, Reading, Report, Severity, Symptom, TestCase
from cta_core.diagnosis.search import FIT_WEIGHT, NAME_WEIGHT, Candidate
from cta_core.diagnosis.solution import Solution
from cta_core.diagnosis.symptoms import Finding
from cta_core.diagnosis.verify import Trial, try_out
from cta_core.diagnosis.whys import cause_of, question_of, whys_of, words_of_recipe
from cta_core.errors import EventRefused, InvalidProgram

_ORDER = (Severity.NOTICE, Severity.SILENT, Severity.BREAK)


def explain(case: Case, found: Sequence[Finding], solution: Solution, options: Options) -> Report:
    """The report of a solution."""
    program = program_of(case, solution)
    evidence = tuple(_evidence(solution))
    proof: tuple[Check, ...] = ()
    if program is not None and solution.trial is not None:
        proof = prove(
            program,
            solution.trial,
            case.healthy.events,
            case.drifted.events,
            case.contract,
            solution.open_paths,
            solution.remaining,
            options.max_held,
        )
    decision = solution.decision
    if decision is Decision.HEAL and not all(check.passed for check in proof):
        decision = Decision.ESCALATE
        solution = msgspec.structs.replace(solution, decision=decision)
    return Report(
        decision=decision,
        method=solution.method,
        confidence=solution.confidence if program is not None else 0.0,
        severity=max((finding.severity for finding in found), key=_ORDER.index, default=Severity.NOTICE),
        cause=cause_of(found, solution),
        symptoms=symptoms_of(case, found),
        evidence=evidence,
        whys=whys_of(case, found, solution),
        proposals=tuple(_proposals(solution, evidence)),
        program=program,
        fix="; ".join(compile_program(program).words()) if program is not None else "",
        readings=tuple(_readings(case, solution)) if decision is Decision.ESCALATE else (),
        question=question_of(solution),
        test_case=_test_case(case, program, solution.trial),
        proof=proof,
        held=solution.trial.held if solution.trial is not None else 0,
        baseline_count=case.healthy.count,
        drifted_count=case.drifted.count,
    )


def symptoms_of(case: Case, found: Sequence[Finding]) -> tuple[Symptom, ...]:
    """The findings as symptoms, the serious ones first."""
    ranked = sorted(found, key=lambda finding: -_ORDER.index(finding.severity))
    return tuple(
        Symptom(
            symptom_id=f"S{number}",
            path=finding.path,
            rule=finding.rule,
            severity=finding.severity,
            message=finding.text,
            event_count=finding.count,
            share=min(1.0, finding.count / max(1, len(case.rows))),
        )
        for number, finding in enumerate(ranked, start=1)
    )


def program_of(case: Case, solution: Solution) -> Program | None:
    """The steps behind a guard that keeps healthy events out of their way."""
    if not solution.steps:
        return None
    trial = solution.trial
    changed = [
        event
        for row, event in enumerate(case.drifted.events)
        if trial is None or (trial.touched[row] and trial.healed[row] is not None)
    ]
    program = Program(guard=guard_for(solution.steps, case.healthy.events, changed), steps=solution.steps)
    try:
        compile_program(program)
    except InvalidProgram:
        return None
    return program


def _evidence(solution: Solution) -> Iterator[Evidence]:
    number = 0
    for target, choice in solution.choices.items():
        for kind, text, weight in _facts(choice.candidate):
            number += 1
            yield Evidence(evidence_id=f"E{number}", kind=kind, path=target, text=text, weight=round(weight, 2))
    for joint in solution.joint:
        for text in joint.facts:
            number += 1
            yield Evidence(evidence_id=f"E{number}", kind="relation", path=joint.part.targets[0], text=text, weight=3.0)


def _facts(candidate: Candidate) -> Iterator[tuple[str, str, float]]:
    if not candidate.own:
        share = f"{candidate.name.score:.0%}"
        yield (
            "name",
            f"the names {candidate.target} and {candidate.source} agree by {share}",
            NAME_WEIGHT * (candidate.name.score - 0.4),
        )
    fit = candidate.fit
    words = "; ".join(fit.facts) or "types and forms were compared"
    yield "distribution", f"values fit by {fit.score:.0%} ({words})", FIT_WEIGHT * (fit.score - 0.5) + fit.support
    recipe = candidate.recipe
    if recipe.facts:
        yield "pattern", "; ".join(recipe.facts), recipe.support + recipe.prior
    for fact in candidate.relation.facts:
        yield "relation", f"it {fact}", candidate.relation.support


def _proposals(solution: Solution, evidence: Sequence[Evidence]) -> Iterator[Proposal]:
    by_path: dict[str, list[str]] = {}
    for fact in evidence:
        by_path.setdefault(fact.path, []).append(fact.evidence_id)
    for target, choice in solution.choices.items():
        yield Proposal(
            target=target,
            sources=(choice.candidate.source,),
            words=_words(choice.candidate),
            confidence=round(choice.confidence, 4),
            margin=round(choice.margin, 2),
            runner_up=_runner_up(choice),
            evidence_ids=tuple(by_path.get(target, ())),
            vetoes=choice.vetoes,
        )
    for joint in solution.joint:
        part = joint.part
        yield Proposal(
            target=", ".join(part.targets),
            sources=part.sources,
            words="; ".join(step.words() for step in part.steps) or joint.kind,
            confidence=round(joint.confidence, 4),
            margin=9.0,
            evidence_ids=tuple(one for path in part.targets for one in by_path.get(path, ())),
        )
    for path in solution.open_paths:
        near = solution.candidates.get(path)
        if near:
            yield Proposal(
                target=path,
                sources=(near[0].source,),
                words=_words(near[0]),
                confidence=0.0,
                vetoes=(*near[0].vetoes, "the evidence does not carry it"),
            )


def _words(candidate: Candidate) -> str:
    moved = "" if candidate.own else f"take {candidate.source}"
    steps = "" if not candidate.recipe.steps else words_of_recipe(candidate)
    return "; ".join(text for text in (moved, steps) if text)


def _runner_up(choice: Choice) -> str:
    if choice.rival is None:
        return ""
    rival = choice.rival
    why = rival.vetoes[0] if rival.vetoes else f"its evidence is {choice.margin:.1f} log units weaker"
    return f"{_words(rival)}: {why}"


def _readings(case: Case, solution: Solution) -> Iterator[Reading]:
    """Two ways to read the first field that the evidence leaves open, side by side."""
    for target, choice in solution.choices.items():
        if choice.rival is None or choice.margin >= 1.5:
            continue
        for candidate in (choice.candidate, choice.rival):
            steps = _variant(case, solution, target, candidate)
            if not steps:
                continue
            program = Program(steps=steps)
            try:
                before, after = _example(case, program)
            except (EventRefused, InvalidProgram):
                continue
            yield Reading(
                label=_words(candidate), program=program, example_before=before, example_after=after, confidence=0.5
            )
        return


def _variant(case: Case, solution: Solution, target: str, candidate: Candidate) -> tuple[AnyStep, ...]:
    parts = [joint.part for joint in solution.joint]
    for path, choice in solution.choices.items():
        used = candidate if path == target else choice.candidate
        parts.append(Part(targets=(path,), sources=(used.source,), steps=used.recipe.steps))
    return assemble(
        parts, case.level.healthy, case.level.drifted, case.level.before, case.level.after, mixed=bool(case.old)
    )


def _example(case: Case, program: Program) -> tuple[str, str]:
    shown = open_paths(case.drifted)
    event = case.drifted.events[case.rows[0]]
    hidden = masked_event(event, shown)
    trial = try_out(program, [hidden], None)
    return as_text(hidden), as_text(trial.healed[0])


def _test_case(case: Case, program: Program | None, trial: Trial | None) -> TestCase:
    """A masked event before and after the adapter; the adapter runs on the masked event, so that the pair is true."""
    if program is None or trial is None:
        return TestCase()
    shown = open_paths(case.drifted)
    touched = [row for row in case.rows if trial.touched[row] and trial.healed[row] is not None][:8]
    for row in touched:
        hidden: Any = masked_event(case.drifted.events[row], shown)
        made = try_out(program, [hidden], case.contract).healed[0]
        if made is not None:
            return TestCase(before=as_text(hidden), after=as_text(made))
    return TestCase()
