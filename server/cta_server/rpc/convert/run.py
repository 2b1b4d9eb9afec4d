"""Runs and their traces, both ways."""

from __future__ import annotations

from typing import Final

from cta.v1 import run_pb2 as api
from cta_core.run import Run, TraceEvent, TraceKind
from cta_server.rpc.convert.problems import MAX_NAME, MAX_TEXT, Problems
from cta_server.rpc.convert.scalars import duration, milliseconds_of, seconds_of, timestamp
from cta_server.rpc.convert.words import Words

KINDS: Final = Words(api.TraceKind, TraceKind)

MAX_TRACE: Final = 10_000
"""Entries of one trace: a batch of 1,000 events with an entry of each at ten stages."""
MAX_EVENTS: Final = 1_000_000
"""Events of one run; a nightly batch job has that many."""


def run(core: Run, *, trace: bool = True) -> api.Run:
    """A run as a message; in lists without its trace."""
    return api.Run(
        run_id=core.run_id,
        stream_id=core.stream_id,
        create_time=timestamp(core.create_time),
        event_count=core.event_count,
        failed_count=core.failed_count,
        duration=duration(core.duration_ms),
        rerun_of=core.rerun_of,
        adapter_id=core.adapter_id,
        trace=[_entry(entry) for entry in core.trace] if trace else None,
    )


def _entry(core: TraceEvent) -> api.TraceEvent:
    return api.TraceEvent(
        kind=KINDS.numbers[core.kind],
        stage=core.stage,
        event_id=core.event_id,
        time=timestamp(core.time),
        duration=duration(core.duration_ms),
        tool=core.tool,
        error_type=core.error_type,
        message=core.message,
        input_json=core.input_json,
        output_json=core.output_json,
    )


def run_of(message: api.Run, request_id: str, problems: Problems) -> Run:
    """A run of a message; its id is the server's to give."""
    if len(message.trace) > MAX_TRACE:
        problems.add("run.trace", f"must have at most {MAX_TRACE} entries")
    if not 0 <= message.event_count <= MAX_EVENTS:
        problems.add("run.event_count", f"must lie between 0 and {MAX_EVENTS}")
    if not 0 <= message.failed_count <= message.event_count:
        problems.add("run.failed_count", "must lie between 0 and event_count")
    entries = [
        _entry_of(entry, f"run.trace[{index}]", problems) for index, entry in enumerate(message.trace[:MAX_TRACE])
    ]
    return Run(
        run_id="",
        stream_id=message.stream_id,
        create_time=seconds_of(message.create_time, "run.create_time", problems),
        event_count=message.event_count,
        failed_count=message.failed_count,
        duration_ms=milliseconds_of(message.duration, "run.duration", problems),
        request_id=request_id,
        trace=tuple(entry for entry in entries if entry is not None),
    )


def _entry_of(message: api.TraceEvent, field: str, problems: Problems) -> TraceEvent | None:
    kind = KINDS.word(message.kind, f"{field}.kind", problems)
    if kind is None:
        return None
    return TraceEvent(
        kind=kind,
        stage=problems.text(f"{field}.stage", message.stage, MAX_NAME, required=True),
        event_id=message.event_id,
        time=seconds_of(message.time, f"{field}.time", problems),
        duration_ms=milliseconds_of(message.duration, f"{field}.duration", problems),
        tool=problems.text(f"{field}.tool", message.tool, MAX_NAME),
        error_type=problems.text(f"{field}.error_type", message.error_type, MAX_NAME),
        message=problems.text(f"{field}.message", message.message, MAX_TEXT),
        input_json=message.input_json,
        output_json=message.output_json,
    )
