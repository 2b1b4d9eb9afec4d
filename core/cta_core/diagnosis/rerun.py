"""The proof of a report on a run: its stages after the primary one again, with that one's output as it was and healed.

This module decides what is run again, what the adapter makes of it, and what the outcomes prove; who runs the stages is
the server's matter. An adapter that looks right and fails here is not offered as certain. Pure; called by the server's
analysis of runs and by the benchmarks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from cta_core.adapter.compile import compile_program
from cta_core.adapter.program import Program
from cta_core.diagnosis.report import Decision, Report, Rerun, RerunResult
from cta_core.diagnosis.stages import PRODUCER, Trace
from cta_core.errors import EventRefused
from cta_core.event import decode, encode
from cta_core.run import TraceKind

MOST: Final = 50
"""Events that are run again. Each runs twice, and a stage may take as long as its time limit; fifty of one cause say
what a thousand would."""
DOUBT: Final = 0.5
"""Confidence that a report keeps at most when its proof fails: the evidence speaks for the adapter, the stages against
it."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be run again."""

    first: int
    """Number of the first stage to run, from 0."""
    events: tuple[bytes, ...]
    """What that stage is given, JSON objects: what the primary stage put out for events that failed later."""


def plan(trace: Trace, report: Report, stages: Sequence[str]) -> Plan | str:
    """What is to be run again, or why nothing can be.

    Args:
        trace: Of the failed run.
        report: On that run.
        stages: Names of the consumer's stages, in order, as they are configured now.
    """
    if report.program is None:
        return "the report proposes no adapter"
    if strangers := [entry.stage for entry in trace if entry.stage not in stages]:
        return f"the consumer has no stage {strangers[0]} any more"
    primary = report.cause.stage
    from_producer = primary == PRODUCER
    first = 0 if from_producer else stages.index(primary) + 1 if primary in stages else len(stages)
    if first == len(stages):
        return f"no stage comes after {primary}"
    blamed = {entry.event_id for entry in trace if entry.kind is TraceKind.ERROR and entry.event_id}
    where = stages[0] if from_producer else primary
    texts = {
        entry.event_id: text
        for entry in trace
        if entry.event_id in blamed
        and entry.stage == where
        and (text := entry.input_json if from_producer else entry.output_json)
    }
    events = [raw for text in texts.values() if _is_event(raw := text.encode())][:MOST]
    if not events:
        what = "came in" if from_producer else f"{primary} put out"
        return f"the run does not hold what {what} for the events that failed"
    return Plan(first=first, events=tuple(events))


def heal(program: Program, events: Sequence[bytes]) -> list[bytes | None]:
    """What the adapter makes of each event; None for one that it is not for or refuses."""
    adapter = compile_program(program)
    healed: list[bytes | None] = []
    for raw in events:
        try:
            event = decode(raw)
            healed.append(encode(adapter.apply(event)) if adapter.matches(event) else None)
        except EventRefused:
            healed.append(None)
    return healed


def judge(before: Sequence[bool], after: Sequence[bool | None]) -> Rerun:
    """What the outcomes prove: whether each event passed as it was, and as it was healed (None: it was not healed)."""
    again = sum(not passed for passed in before)
    # An event that passes as it is need not be healed, but must not fail because of it.
    failed = sum(now is False or (now is None and not passed) for passed, now in zip(before, after, strict=True))
    count = len(before)
    if not again:
        why = f"{_events(count)} passed when they were run again as they were: the failure does not repeat"
        return Rerun(result=RerunResult.NOT_RERUN, why=why)
    told = f"of {_events(count)} run again {again} failed as they were and {failed or 'none'} with the adapter"
    unhealed = sum(now is None and not passed for passed, now in zip(before, after, strict=True))
    if unhealed:
        told += f", {unhealed} of them not healed by it"
    result = RerunResult.FAILED if failed else RerunResult.CLEAN
    return Rerun(result=result, why=told, event_count=count, failed_count=failed)


def not_rerun(why: str) -> Rerun:
    """The proof that there is none."""
    return Rerun(result=RerunResult.NOT_RERUN, why=why)


def proved(report: Report, rerun: Rerun) -> Report:
    """The report with its proof. One whose adapter failed is for a person, whatever the evidence says."""
    if rerun.result is not RerunResult.FAILED or report.decision is not Decision.HEAL:
        return msgspec.structs.replace(report, rerun=rerun)
    return msgspec.structs.replace(
        report,
        rerun=rerun,
        decision=Decision.ESCALATE,
        confidence=min(report.confidence, DOUBT),
        question=f"Is {report.cause.stage} the cause? The adapter fits the values, but {rerun.why}.",
    )


def _is_event(raw: bytes) -> bool:
    try:
        decode(raw)
    except EventRefused:
        return False
    return True


def _events(count: int) -> str:
    return "1 event" if count == 1 else f"{count} events"
