"""Runs and their traces: passes of batches through a consumer's stages. Data only."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

import msgspec


class TraceKind(StrEnum):
    """What an entry of a trace tells."""

    STEP = "STEP"
    TOOL = "TOOL"
    ERROR = "ERROR"


class RunOrigin(StrEnum):
    """Where a run came from."""

    STAGES = "STAGES"
    """The server ran the stages itself; only such a run can be run again."""
    RECORDED = "RECORDED"
    """A consumer outside told of it, or a file was imported."""
    OTLP = "OTLP"
    """Put together from OpenTelemetry spans."""


class TraceNote(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that was noted while a stage worked: an event of a span, or a log record."""

    time: float = 0.0
    name: str = ""
    """Name of the event, or the severity of the log record."""
    message: str = ""
    attributes_json: str = ""
    """Its attributes, a JSON object as text; empty: none."""


class TraceEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One entry of a run's trace."""

    kind: TraceKind
    stage: str
    event_id: str = ""
    """Event that it is about; empty for the whole batch."""
    time: float = 0.0
    duration_ms: float = 0.0
    tool: str = ""
    error_type: str = ""
    message: str = ""
    input_json: str = ""
    output_json: str = ""
    span_id: str = ""
    """Span that it tells of, hexadecimal; empty where there are no spans."""
    parent_span_id: str = ""
    attributes_json: str = ""
    """Attributes of the span, a JSON object as text; empty: none."""
    stacktrace: str = ""
    notes: tuple[TraceNote, ...] = ()


class Run(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One pass of a batch through the stages."""

    run_id: str
    stream_id: str
    create_time: float = 0.0
    event_count: int = 0
    failed_count: int = 0
    duration_ms: float = 0.0
    rerun_of: str = ""
    """Run that this one repeats with an adapter; empty for a first one."""
    adapter_id: str = ""
    request_id: str = ""
    trace: tuple[TraceEvent, ...] = ()
    trace_id: str = ""
    """Trace that it was made from, hexadecimal; empty where there is none."""
    origin: RunOrigin = RunOrigin.STAGES
    recorded_count: int = 0
    """Events of which the trace holds what a stage took or gave; an analysis looks for such runs."""


def recorded(trace: Iterable[TraceEvent]) -> int:
    """Of how many events a trace holds what a stage took or gave; all that is told without an event's id is one."""
    return len({entry.event_id for entry in trace if entry.input_json or entry.output_json})
