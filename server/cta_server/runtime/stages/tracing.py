"""The trace of a batch's way through the stages, as runs keep it.

Pure: it turns a `ChainResult` into entries and decides only how many of the errors are worth keeping.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from cta_core.run import TraceEvent, TraceKind
from cta_server.runtime.stages.outcome import ChainResult
from cta_server.runtime.stages.spec import StageKind

_MAX_ERRORS: Final = 100
"""Errors kept of one batch. The stage's own entry counts all of them, and a hundred of one batch tell its causes."""


def trace(result: ChainResult, *, event_ids: Sequence[str], time: float) -> tuple[TraceEvent, ...]:
    """One entry per stage that saw an event, each followed by the errors of the events that failed there.

    `event_ids` belong to the events in order; `time` is when the run began, seconds since the epoch. A stage's
    duration is the sum over the events, and it is shown to begin where the stage before it ended: the events are run
    one after the other, each through all stages, but a reader thinks of the batch.
    """
    entries: list[TraceEvent] = []
    errors_left = _MAX_ERRORS
    begun = time
    for number, stage in enumerate(result.stages):
        seen = [outcome.stage_ms[number] for outcome in result.outcomes if len(outcome.stage_ms) > number]
        failed = [
            (event_id, outcome)
            for event_id, outcome in zip(event_ids, result.outcomes, strict=True)
            if outcome.stage == stage.name
        ]
        if not seen and not failed:
            continue
        duration_ms = sum(seen)
        is_tool = stage.kind is StageKind.TOOL
        entries.append(
            TraceEvent(
                kind=TraceKind.TOOL if is_tool else TraceKind.STEP,
                stage=stage.name,
                time=begun,
                duration_ms=duration_ms,
                tool=stage.call if is_tool else "",
                message=_count(max(len(seen), len(failed)), len(failed)),
            )
        )
        begun += duration_ms / 1000
        for event_id, outcome in failed[:errors_left]:
            entries.append(
                TraceEvent(
                    kind=TraceKind.ERROR,
                    stage=stage.name,
                    event_id=event_id,
                    time=begun,
                    duration_ms=outcome.stage_ms[number] if len(outcome.stage_ms) > number else 0.0,
                    error_type=outcome.error_type,
                    message=outcome.message,
                )
            )
        errors_left -= min(errors_left, len(failed))
    return tuple(entries)


def _count(seen: int, failed: int) -> str:
    events = "1 event" if seen == 1 else f"{seen:,} events"
    return f"{events}, {failed:,} failed" if failed else events
