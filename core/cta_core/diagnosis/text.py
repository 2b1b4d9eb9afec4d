"""The report as text for the terminal: what happened, what was seen, what would mend it and how sure that is."""

from __future__ import annotations

from collections.abc import Iterator

from cta_core.diagnosis.report import Decision, Report, Severity

_HEADS = {
    Decision.HEAL: "An adapter heals this",
    Decision.ESCALATE: "A person has to decide",
    Decision.QUIET: "Nothing to heal",
}


def report_text(report: Report) -> str:
    """The report as a page of plain text."""
    return "\n".join(_lines(report))


def _lines(report: Report) -> Iterator[str]:
    head = _HEADS[report.decision]
    yield (
        f"{head} (confidence {report.confidence:.0%}, {report.method.lower()})"
        if report.decision is Decision.HEAL
        else head
    )
    if report.cause.sentence:
        yield f"Cause: {report.cause.sentence}"
    yield f"Compared {report.drifted_count} events with {report.baseline_count} healthy ones."
    if report.symptoms:
        yield "\nWhat differs"
        for symptom in report.symptoms:
            mark = {Severity.BREAK: "!", Severity.SILENT: "~", Severity.NOTICE: "."}[symptom.severity]
            yield f"  {mark} {symptom.symptom_id} {symptom.path}: {symptom.message}"
    if report.whys:
        yield "\nWhy"
        for number, why in enumerate(report.whys, start=1):
            yield f"  {number}. {why}"
    if report.proposals:
        yield "\nProposals"
        for proposal in report.proposals:
            yield f"  {proposal.target}: {proposal.words} (confidence {proposal.confidence:.0%})"
            if proposal.runner_up:
                yield f"    second best: {proposal.runner_up}"
            for veto in proposal.vetoes:
                yield f"    against it: {veto}"
    if report.evidence:
        yield "\nEvidence"
        for fact in report.evidence:
            yield f"  {fact.evidence_id} {fact.path}: {fact.text}"
    if report.proof:
        yield "\nProof"
        for check in report.proof:
            yield f"  {'passed' if check.passed else 'FAILED'} {check.name}: {check.text}"
    if report.readings:
        yield "\nReadings"
        for number, reading in enumerate(report.readings, start=1):
            yield f"  {number}. {reading.label}: {reading.example_before} -> {reading.example_after}"
    if report.question:
        yield f"\nQuestion: {report.question}"
    if report.test_case.before:
        yield f"\nExample (masked)\n  before {report.test_case.before}\n  after  {report.test_case.after}"
    if report.fix:
        yield f"\nFix: {report.fix}"
