"""Runs of the core as messages of the API and back: what `cta runs import` sends and `cta runs export` writes.

It decides nothing: `cta_core.trace_file` reads and writes the lines, the server judges what it is sent.
"""

from __future__ import annotations

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from cta.v1 import run_pb2 as api
from cta_core.run import Run, TraceEvent, TraceKind, TraceNote


def message_of(run: Run) -> api.Run:
    """A run to record."""
    return api.Run(
        stream_id=run.stream_id,
        create_time=_timestamp(run.create_time),
        event_count=run.event_count,
        failed_count=run.failed_count,
        duration=_duration(run.duration_ms),
        trace_id=run.trace_id,
        trace=[
            api.TraceEvent(
                kind=api.TraceKind.Value(f"TRACE_KIND_{entry.kind}"),
                stage=entry.stage,
                event_id=entry.event_id,
                time=_timestamp(entry.time),
                duration=_duration(entry.duration_ms),
                tool=entry.tool,
                error_type=entry.error_type,
                message=entry.message,
                input_json=entry.input_json,
                output_json=entry.output_json,
                span_id=entry.span_id,
                parent_span_id=entry.parent_span_id,
                attributes_json=entry.attributes_json,
                stacktrace=entry.stacktrace,
                notes=[
                    api.TraceNote(
                        time=_timestamp(note.time),
                        name=note.name,
                        message=note.message,
                        attributes_json=note.attributes_json,
                    )
                    for note in entry.notes
                ],
            )
            for entry in run.trace
        ],
    )


def run_of(message: api.Run) -> Run:
    """A run to write as lines. Entries of a kind that this version does not know are steps."""
    return Run(
        run_id=message.run_id,
        stream_id=message.stream_id,
        trace_id=message.trace_id,
        trace=tuple(
            TraceEvent(
                kind=_KINDS.get(entry.kind, TraceKind.STEP),
                stage=entry.stage,
                event_id=entry.event_id,
                time=_seconds(entry.time),
                duration_ms=entry.duration.ToMicroseconds() / 1000,
                tool=entry.tool,
                error_type=entry.error_type,
                message=entry.message,
                input_json=entry.input_json,
                output_json=entry.output_json,
                span_id=entry.span_id,
                parent_span_id=entry.parent_span_id,
                attributes_json=entry.attributes_json,
                stacktrace=entry.stacktrace,
                notes=tuple(
                    TraceNote(
                        time=_seconds(note.time),
                        name=note.name,
                        message=note.message,
                        attributes_json=note.attributes_json,
                    )
                    for note in entry.notes
                ),
            )
            for entry in message.trace
        ),
    )


_KINDS = {api.TraceKind.Value(f"TRACE_KIND_{kind}"): kind for kind in TraceKind}


def _timestamp(seconds: float) -> Timestamp | None:
    if not seconds:
        return None
    time = Timestamp()
    time.FromMicroseconds(round(seconds * 1_000_000))
    return time


def _seconds(time: Timestamp) -> float:
    return time.ToMicroseconds() / 1_000_000


def _duration(milliseconds: float) -> Duration:
    duration = Duration()
    duration.FromMicroseconds(round(milliseconds * 1000))
    return duration
