"""OpenTelemetry's messages to the core's spans and notes: ids, times, values and status. What they mean is the core's.

A span or record that cannot be one is given as the reason why not, so that the others of its request are taken. Called
by the OTLP services.
"""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1 import trace_pb2

from cta_core.run import TraceNote
from cta_core.spans import NAME_CHARS, NOTES, TEXT_CHARS, Piece, Span, attributes_text

HAS_IS_REMOTE: Final = 0x100
IS_REMOTE: Final = 0x200
"""Bits of a span's flags: whether it is known that its parent is another process's, and whether it is."""
LAST_NANOSECOND: Final = 253_402_300_799 * 10**9
"""The end of the year 9999, where the API's times end."""
BYTES_SHOWN: Final = 4096
"""Of an attribute that is bytes, which JSON cannot say: it becomes base64 text."""

Attributes = Mapping[str, Any]


def spans_of(request: ExportTraceServiceRequest) -> Iterator[tuple[Span | str, Attributes, Attributes]]:
    """Every span, or why it cannot be one; with its and its resource's attributes."""
    for group in request.resource_spans:
        resource = attributes_of(group.resource.attributes)
        for scope in group.scope_spans:
            for each in scope.spans:
                own = attributes_of(each.attributes)
                yield _span(each, own), own, resource


def records_of(request: ExportLogsServiceRequest) -> Iterator[tuple[tuple[str, Piece] | str, Attributes, Attributes]]:
    """Every log record as its trace's id and a piece, or why it joins no span; with its and its resource's
    attributes.
    """
    for group in request.resource_logs:
        resource = attributes_of(group.resource.attributes)
        for scope in group.scope_logs:
            for each in scope.log_records:
                own = attributes_of(each.attributes)
                yield _record(each, own), own, resource


def attributes_of(pairs: Iterable[KeyValue]) -> dict[str, Any]:
    """Attributes as JSON values; of one that comes twice the first counts, as OpenTelemetry's SDKs have it."""
    found: dict[str, Any] = {}
    for pair in pairs:
        found.setdefault(pair.key, _value(pair.value))
    return found


def _span(message: trace_pb2.Span, own: Attributes) -> Span | str:
    trace_id, span_id = _id(message.trace_id, 16), _id(message.span_id, 8)
    if not trace_id or not span_id:
        return "no valid trace and span id"
    if not 0 < message.start_time_unix_nano <= LAST_NANOSECOND or message.end_time_unix_nano > LAST_NANOSECOND:
        return "no valid time"
    return Span(
        trace_id=trace_id,
        span_id=span_id,
        parent_span_id=_id(message.parent_span_id, 8),
        remote_parent=message.flags & HAS_IS_REMOTE != 0 and message.flags & IS_REMOTE != 0,
        name=message.name,
        client=message.kind == trace_pb2.Span.SPAN_KIND_CLIENT,
        start=message.start_time_unix_nano / 1e9,
        end=message.end_time_unix_nano / 1e9,
        failed=message.status.code == trace_pb2.Status.STATUS_CODE_ERROR,
        message=message.status.message,
        attributes=own,
        notes=tuple(_event(event) for event in message.events[:NOTES]),
    )


def _event(message: trace_pb2.Span.Event) -> TraceNote:
    return TraceNote(
        time=_seconds(message.time_unix_nano),
        name=message.name[:NAME_CHARS],
        attributes_json=attributes_text(attributes_of(message.attributes)),
    )


def _record(message: LogRecord, own: Attributes) -> tuple[str, Piece] | str:
    trace_id, span_id = _id(message.trace_id, 16), _id(message.span_id, 8)
    if not trace_id or not span_id:
        return "no trace and span id"
    text = _value(message.body)
    note = TraceNote(
        time=_seconds(message.time_unix_nano or message.observed_time_unix_nano),
        name=(message.event_name or message.severity_text or "log")[:NAME_CHARS],
        message=(text if isinstance(text, str) else "" if text is None else str(text))[:TEXT_CHARS],
        attributes_json=attributes_text(own),
    )
    # A record has no id: its content tells whether it is sent again.
    part = hashlib.blake2b(message.SerializeToString(deterministic=True), digest_size=12).hexdigest()
    return trace_id, Piece(span_id=span_id, part=part, note=note)


def _id(raw: bytes, size: int) -> str:
    """Hexadecimal; empty for an id that is none: of another length, or all zeros."""
    return raw.hex() if len(raw) == size and any(raw) else ""


def _seconds(nanoseconds: int) -> float:
    return nanoseconds / 1e9 if nanoseconds <= LAST_NANOSECOND else 0.0


def _value(message: AnyValue) -> Any:
    """The value as JSON has it. Nesting ends where the parser of messages refuses more, below 100 levels."""
    match message.WhichOneof("value"):
        case "string_value":
            return message.string_value
        case "bool_value":
            return message.bool_value
        case "int_value":
            return message.int_value
        case "double_value":
            number = message.double_value
            return number if math.isfinite(number) else str(number)
        case "array_value":
            return [_value(item) for item in message.array_value.values]
        case "kvlist_value":
            return attributes_of(message.kvlist_value.values)
        case "bytes_value":
            return base64.b64encode(message.bytes_value[:BYTES_SHOWN]).decode()
        case _:
            return None
