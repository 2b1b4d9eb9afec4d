"""Runs and their traces, both ways."""

from __future__ import annotations

from typing import Final

from cta.v1 import run_pb2 as api
from cta_core.run import Run, RunOrigin, TraceEvent, TraceKind, TraceNote, recorded
from cta_server.rpc.convert.problems import MAX_NAME, MAX_TEXT, Problems
from cta_server.rpc.convert.scalars import duration, milliseconds_of, seconds_of, timestamp
from cta_server.rpc.convert.words import Words

KINDS: Final = Words(api.TraceKind, TraceKind)
ORIGINS: Final = Words(api.RunOrigin, RunOrigin)

MAX_TRACE: Final = 10_000
"""Entries of one trace: a batch of 1,000 events with an entry of each at ten stages."""
MAX_NOTES: Final = 128
"""Notes of one entry: as many events as OpenTelemetry's own limit lets a span have."""
MAX_STACK: Final = 20_000
"""Characters of a stack: some two hundred frames."""
MAX_ATTRIBUTES: Final = 64 * 1024
"""Characters of the attributes of one entry, as JSON text: 128 attributes, OpenTelemetry's own limit, of 500 each."""
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
        trace_id=core.trace_id,
        origin=ORIGINS.numbers[core.origin],
        recorded_count=core.recorded_count,
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
        span_id=core.span_id,
        parent_span_id=core.parent_span_id,
        attributes_json=core.attributes_json,
        stacktrace=core.stacktrace,
        notes=[_note(note) for note in core.notes],
    )


def _note(core: TraceNote) -> api.TraceNote:
    return api.TraceNote(
        time=timestamp(core.time), name=core.name, message=core.message, attributes_json=core.attributes_json
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
    trace = tuple(entry for entry in entries if entry is not None)
    return Run(
        run_id="",
        stream_id=message.stream_id,
        create_time=seconds_of(message.create_time, "run.create_time", problems),
        event_count=message.event_count,
        failed_count=message.failed_count,
        duration_ms=milliseconds_of(message.duration, "run.duration", problems),
        request_id=request_id,
        trace=trace,
        trace_id=problems.text("run.trace_id", message.trace_id, MAX_NAME),
        origin=RunOrigin.RECORDED,
        recorded_count=recorded(trace),
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
        span_id=problems.text(f"{field}.span_id", message.span_id, MAX_NAME),
        parent_span_id=problems.text(f"{field}.parent_span_id", message.parent_span_id, MAX_NAME),
        attributes_json=problems.text(f"{field}.attributes_json", message.attributes_json, MAX_ATTRIBUTES),
        stacktrace=problems.text(f"{field}.stacktrace", message.stacktrace, MAX_STACK),
        notes=_notes_of(message, field, problems),
    )


def _notes_of(message: api.TraceEvent, field: str, problems: Problems) -> tuple[TraceNote, ...]:
    if len(message.notes) > MAX_NOTES:
        problems.add(f"{field}.notes", f"must have at most {MAX_NOTES} notes")
    return tuple(
        TraceNote(
            time=seconds_of(note.time, f"{field}.notes[{index}].time", problems),
            name=problems.text(f"{field}.notes[{index}].name", note.name, MAX_NAME),
            message=problems.text(f"{field}.notes[{index}].message", note.message, MAX_TEXT),
            attributes_json=problems.text(
                f"{field}.notes[{index}].attributes_json", note.attributes_json, MAX_ATTRIBUTES
            ),
        )
        for index, note in enumerate(message.notes[:MAX_NOTES])
    )
