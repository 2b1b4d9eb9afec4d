"""From the solution to the report that people and machines read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cta_core.adapter.compile import compile_program
from cta_core.adapter.program import Program
from cta_core.diagnosis.guards import guard_for
from cta_core.diagnosis.report import Decision, Proposal, Report, Severity, Symptom
from cta_core.diagnosis.symptoms import Finding

if TYPE_CHECKING:
    from cta_core.diagnosis.analysis import Case, Options, Solution


def explain(case: Case, found: Sequence[Finding], solution: Solution, options: Options) -> Report:
    """The report of a solution."""
    del options
    program = _program(case, solution)
    symptoms = tuple(
        Symptom(
            symptom_id=f"S{index + 1}",
            path=finding.path,
            rule=finding.rule,
            severity=finding.severity,
            message=finding.text,
            event_count=finding.count,
            share=min(1.0, finding.count / max(1, len(case.rows))),
        )  # fmt: skip
        for index, finding in enumerate(found)
    )
    proposals = tuple(
        Proposal(
            target=target,
            sources=(choice.candidate.source,),
            words=choice.candidate.recipe.kind,
            confidence=choice.confidence,
            margin=choice.margin,
            vetoes=choice.vetoes,
            runner_up=""
            if choice.rival is None
            else f"{choice.rival.source} ({choice.rival.recipe.kind}, {choice.rival.score:.1f} against {choice.candidate.score:.1f})",
        )  # fmt: skip
        for target, choice in solution.choices.items()
    )
    proposals += tuple(
        Proposal(
            target=path, sources=(near[0].source,), words=near[0].recipe.kind, confidence=0.0, vetoes=(*near[0].vetoes, "not chosen"),
            runner_up=f"score {near[0].score:.1f}, name {near[0].name.score:.2f}, fit {near[0].fit.score:.2f}, relation {near[0].relation.support:.1f}",
        )  # fmt: skip
        for path in solution.open_paths
        if (near := solution.candidates.get(path))
    )
    severity = max((finding.severity for finding in found), key=list(Severity)[::-1].index, default=Severity.NOTICE)
    return Report(
        decision=solution.decision, method=solution.method, confidence=solution.confidence, severity=severity, symptoms=symptoms,
        proposals=proposals, program=program, fix="; ".join(compile_program(program).words()) if program else "",
        question="Which values belong to " + ", ".join(solution.open_paths) + "?" + " ".join(f"[{f.path} {f.rule} {f.text}]" for f in solution.remaining) if solution.decision is Decision.ESCALATE else "",
        held=solution.trial.held if solution.trial else 0, baseline_count=case.healthy.count, drifted_count=case.drifted.count,
    )  # fmt: skip


def _program(case: Case, solution: Solution) -> Program | None:
    """The steps behind a guard that keeps healthy events out of their way."""
    if not solution.steps:
        return None
    trial = solution.trial
    changed = [
        event
        for row, event in enumerate(case.drifted.events)
        if trial is None or (trial.touched[row] and trial.healed[row] is not None)
    ]
    return Program(guard=guard_for(solution.steps, case.healthy.events, changed), steps=solution.steps)
