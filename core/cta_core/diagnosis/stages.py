"""The primary stage of a failed run: the earliest stage whose output left its own healthy profile.

A stage that raises is often only the place where a change upstream is noticed. So the stages are looked at in the order
of the pipeline, each one's outputs against what it put out in healthy runs, with the same analysis as a stream's
events; of the failed run only the events that failed count where the trace names them, so that a change which does not
touch them is not blamed. Where every output before the failure is healthy, the stage that raised is the primary one.
Pure; the server's AnalyzeRun calls it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from cta_core.diagnosis.analysis import diagnose
from cta_core.diagnosis.report import Cause, Decision, Report, Severity, Symptom
from cta_core.errors import EventRefused
from cta_core.event import decode
from cta_core.run import TraceEvent, TraceKind

PRODUCER: Final = "producer"
"""What stands before the first stage: the events as they came in."""
LEAST_HEALTHY: Final = 10
"""Healthy outputs of a stage without which nothing can be said of it; the stateless diagnosis asks for as many."""
MOST: Final = 400
"""Outputs of either side that are looked at, as in the analysis of an incident."""

Trace = Sequence[TraceEvent]


class StageOutputs(msgspec.Struct, frozen=True, kw_only=True):
    """What one stage put out."""

    stage: str
    healthy: tuple[dict[str, Any], ...]
    """In healthy runs."""
    failed: tuple[dict[str, Any], ...]
    """For the events that failed later."""


def outputs(healthy: Sequence[Trace], failed: Trace) -> tuple[StageOutputs, ...]:
    """The outputs by stage, in the order of the failed run, with the inputs of its first stage as the producer's."""
    names = list(dict.fromkeys(entry.stage for entry in failed))
    blamed = {entry.event_id for entry in failed if entry.kind is TraceKind.ERROR and entry.event_id}
    found: list[StageOutputs] = []
    for place, name in enumerate(names):
        if place == 0:
            found.append(_of(PRODUCER, name, healthy, failed, blamed))
        found.append(_of(name, name, healthy, failed, blamed))
    return tuple(found)


def primary(stages: Sequence[StageOutputs], failed: Trace) -> Report:
    """The report on the earliest stage whose outputs are no longer healthy; it names the stage that raised otherwise.

    Args:
        stages: In the order of the pipeline, as `outputs` gives them.
        failed: The trace of the failed run.
    """
    error = next((entry for entry in failed if entry.kind is TraceKind.ERROR), None)
    for each in stages:
        if error is not None and each.stage == error.stage:
            break
        if len(each.healthy) < LEAST_HEALTHY or not each.failed:
            continue
        report = diagnose(each.healthy[-MOST:], each.failed[-MOST:], None)
        found = [symptom for symptom in report.symptoms if symptom.severity is not Severity.NOTICE]
        if report.decision is Decision.HEAL or (report.decision is Decision.ESCALATE and found):
            return _told(report, each.stage, found, error)
    return _of_itself(stages, error)


def _of(name: str, stage: str, healthy: Sequence[Trace], failed: Trace, blamed: set[str]) -> StageOutputs:
    before = [event for trace in healthy for event in _bodies(trace, stage, inputs=name == PRODUCER)]
    now = _bodies(failed, stage, inputs=name == PRODUCER, only=blamed) or _bodies(
        failed, stage, inputs=name == PRODUCER
    )
    return StageOutputs(stage=name, healthy=tuple(before), failed=tuple(now))


def _bodies(trace: Trace, stage: str, *, inputs: bool, only: set[str] | None = None) -> list[dict[str, Any]]:
    """The JSON objects that a stage took or gave; what is no object says nothing of fields and is left out."""
    bodies: list[dict[str, Any]] = []
    for entry in trace:
        text = entry.input_json if inputs else entry.output_json
        if entry.stage != stage or not text or (only is not None and entry.event_id not in only):
            continue
        try:
            bodies.append(decode(text.encode()))
        except EventRefused:
            continue
    return bodies


def _told(report: Report, stage: str, found: Sequence[Symptom], error: TraceEvent | None) -> Report:
    targets = [report.cause.path, *(symptom.path for symptom in found), *(each.target for each in report.proposals)]
    path = next(filter(None, targets), "")
    what = found[0].message if found else report.fix
    where = "the events arrive" if stage == PRODUCER else f"stage {stage} puts out events"
    sentence = f"{where} in another shape than in healthy runs: {path} {what}"
    if error is not None:
        sentence += f"; stage {error.stage} raises {error.error_type} because of it"
    cause = msgspec.structs.replace(report.cause, stage=stage, path=path, sentence=sentence)
    return msgspec.structs.replace(report, cause=cause)


def _of_itself(stages: Sequence[StageOutputs], error: TraceEvent | None) -> Report:
    """Nothing before the failure differs."""
    if error is None:
        return Report(decision=Decision.QUIET)
    looked = [each.stage for each in stages if len(each.healthy) >= LEAST_HEALTHY and each.failed]
    sentence = f"stage {error.stage} raises {error.error_type}, and what comes to it is as in healthy runs"
    if not looked:
        sentence = f"stage {error.stage} raises {error.error_type}; the runs record no outputs to compare"
    return Report(
        decision=Decision.ESCALATE,
        severity=Severity.BREAK,
        cause=Cause(stage=error.stage, sentence=sentence),
        question=f"What in stage {error.stage} changed?",
    )
