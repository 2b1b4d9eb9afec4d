"""Runs of the core as messages of the API and back: what `cta runs import` sends and `cta runs export` writes.

It decides nothing: `cta_core.trace_file` reads and writes the lines, the server judges what it is sent.
"""

from __future__ import annotations

from cta.v1 import run_pb2 as api
from cta_client.seconds import duration, milliseconds, seconds, timestamp
from cta_core.run import Run, TraceEvent, TraceKind, TraceNote


def message_of(run: Run) -> api.Run:
    """A run to record."""
    return api.Run(
        stream_id=run.stream_id,
        create_time=timestamp(run.create_time),
        event_count=run.event_count,
        failed_count=run.failed_count,
        duration=duration(run.duration_ms / 1000),
        trace_id=run.trace_id,
        trace=[
            api.TraceEvent(
                kind=api.TraceKind.Value(f"TRACE_KIND_{entry.kind}"),
                stage=entry.stage,
                event_id=entry.event_id,
                time=timestamp(entry.time),
                duration=duration(entry.duration_ms / 1000),
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
                        time=timestamp(note.time),
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
                time=seconds(entry.time),
                duration_ms=milliseconds(entry.duration),
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
                        time=seconds(note.time),
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
