"""The trace of a batch's way through the stages, as runs keep it.

Pure: it turns a `ChainResult` into entries and decides only how many of the errors, and of how many events the inputs
and outputs, are worth keeping.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from cta_core.run import TraceEvent, TraceKind
from cta_server.runtime.stages.outcome import VALUE_BYTES, ChainResult, StageOutcome
from cta_server.runtime.stages.spec import StageKind, StageSpec

_MAX_ERRORS: Final = 100
"""Errors kept of one batch. The stage's own entry counts all of them, and a hundred of one batch tell its causes."""
_MAX_BYTES: Final = 512 * 1024
"""Inputs and outputs kept of one batch: 60 events of 500 bytes through four stages take a quarter of it."""


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """Of how many events a trace holds what the stages took and gave, at most."""

    inputs: Sequence[bytes] = ()
    """What the first stage took, in the order of the events."""
    healthy: int = 0
    failed: int = 0


def trace(
    result: ChainResult, *, event_ids: Sequence[str], time: float, recorded: Recorded | None = None
) -> tuple[TraceEvent, ...]:
    """One entry per stage that saw an event, each followed by the errors of the events that failed there; with
    `recorded`, between them one entry per event whose output is kept.

    `event_ids` belong to the events in order; `time` is when the run began, seconds since the epoch. A stage's
    duration is the sum over the events, and it is shown to begin where the stage before it ended: the events are run
    one after the other, each through all stages, but a reader thinks of the batch.
    """
    entries: list[TraceEvent] = []
    errors_left = _MAX_ERRORS
    begun = time
    kept = _kept(result.outcomes, recorded or Recorded())
    for number, stage in enumerate(result.stages):
        seen = [outcome.stage_ms[number] for outcome in result.outcomes if len(outcome.stage_ms) > number]
        failed = [index for index, outcome in enumerate(result.outcomes) if outcome.stage == stage.name]
        if not seen and not failed:
            continue
        duration_ms = sum(seen)
        entries.append(_entry(stage, time=begun, duration_ms=duration_ms, message=_count(seen, len(failed))))
        begun += duration_ms / 1000
        for index in kept:
            outcome = result.outcomes[index]
            if len(outcome.values) > number:
                # The input of a later stage is the output of the one before it.
                given = recorded.inputs[index] if recorded is not None and number == 0 else b""
                entries.append(
                    _entry(
                        stage,
                        event_id=event_ids[index],
                        time=begun,
                        duration_ms=outcome.stage_ms[number],
                        input_json=_text(given),
                        output_json=_text(outcome.values[number]),
                    )
                )
        for index in failed[:errors_left]:
            outcome = result.outcomes[index]
            given = b""
            if index in kept and recorded is not None:
                given = outcome.values[number - 1] if number and outcome.values else recorded.inputs[index]
            entries.append(
                TraceEvent(
                    kind=TraceKind.ERROR,
                    stage=stage.name,
                    event_id=event_ids[index],
                    time=begun,
                    duration_ms=outcome.stage_ms[number] if len(outcome.stage_ms) > number else 0.0,
                    error_type=outcome.error_type,
                    message=outcome.message,
                    input_json=_text(given),
                )
            )
        errors_left -= min(errors_left, len(failed))
    return tuple(entries)


def _entry(stage: StageSpec, **more: str | float) -> TraceEvent:
    is_tool = stage.kind is StageKind.TOOL
    return msgspec.structs.replace(
        TraceEvent(
            kind=TraceKind.TOOL if is_tool else TraceKind.STEP,
            stage=stage.name,
            tool=stage.call if is_tool else "",
        ),
        **more,
    )


def _kept(outcomes: Sequence[StageOutcome], recorded: Recorded) -> dict[int, None]:
    """Numbers of the events whose inputs and outputs are kept: the failed ones first, then the first healthy ones."""
    kept: dict[int, None] = {}
    room = _MAX_BYTES
    failed = [index for index, outcome in enumerate(outcomes) if not outcome.ok][: recorded.failed]
    healthy = [index for index, outcome in enumerate(outcomes) if outcome.ok and outcome.values][: recorded.healthy]
    for index in (*failed, *healthy):
        room -= len(recorded.inputs[index]) + sum(map(len, outcomes[index].values))
        if room < 0:
            break
        kept[index] = None
    return dict.fromkeys(sorted(kept))


def _text(raw: bytes) -> str:
    """JSON text as the trace has it; empty for one that is too long."""
    return raw.decode("utf-8", "replace") if len(raw) <= VALUE_BYTES else ""


def _count(seen: Sequence[float], failed: int) -> str:
    number = max(len(seen), failed)
    events = "1 event" if number == 1 else f"{number:,} events"
    return f"{events}, {failed:,} failed" if failed else events
