"""The primary stage of a failed run: the earliest stage whose output left its own healthy profile.

A stage that raises is often only the place where a change upstream is noticed. So the stages are looked at in the order
of the pipeline, each one's outputs against what it put out in healthy runs, with the same analysis as a stream's
events; of the failed run only the events that failed count where the trace names them, so that a change which does not
touch them is not blamed. Where every output before the failure is healthy, the stage that raised is the primary one.
Pure; the server's AnalyzeRun calls it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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
    """The outputs by stage, in the order in which the failed run's stages put out, with the inputs of its first stage
    as the producer's.
    """
    if not failed:
        return ()
    blamed = {entry.event_id for entry in failed if entry.kind is TraceKind.ERROR and entry.event_id}
    first = failed[0].stage
    return (
        _of(PRODUCER, first, healthy, failed, blamed),
        *(_of(name, name, healthy, failed, blamed) for name in order(failed)),
    )


def order(trace: Trace) -> list[str]:
    """The stages in the order in which they put out: one that encloses others begins before them and ends after."""
    ends: dict[str, float] = {}
    for entry in trace:
        ends.setdefault(entry.stage, entry.time + entry.duration_ms / 1000 if entry.span_id else 0.0)
    # Without spans the order of the entries is that of the stages; the sort is stable.
    return sorted(ends, key=ends.__getitem__)


def failure_of(trace: Trace) -> TraceEvent | None:
    """The entry of the first error; None for a run that went well."""
    return next((entry for entry in trace if entry.kind is TraceKind.ERROR), None)


def akin(failed: Trace, others: Iterable[Trace]) -> list[Trace]:
    """Those of the other failed runs that raised the same class of error in the same stage."""
    error = failure_of(failed)
    if error is None:
        return []
    wanted = (error.stage, error.error_type)
    return [other for other in others if (found := failure_of(other)) and (found.stage, found.error_type) == wanted]


def primary(stages: Sequence[StageOutputs], failed: Trace) -> Report:
    """The report on the earliest stage whose outputs are no longer healthy; it names the stage that raised otherwise.

    Args:
        stages: In the order of the pipeline, as `outputs` gives them.
        failed: The trace of the failed run.
    """
    error = failure_of(failed)
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
