"""Spans and log records as an exporter sends them, and the wait for the run that they become."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from cta.v1.run_pb2 import Run
from cta.v1.run_service_pb2 import GetRunRequest, ListRunsRequest

BEGAN = 1_750_000_000_000_000_000
"""Nanoseconds since the epoch: when all spans of these tests begin."""
MS = 1_000_000


def pairs(**attributes: Any) -> list[KeyValue]:
    """Attributes; `__` stands for a dot."""
    return [KeyValue(key=name.replace("__", "."), value=value(it)) for name, it in attributes.items()]


def value(it: Any) -> AnyValue:
    """A value of an attribute."""
    if isinstance(it, bool):
        return AnyValue(bool_value=it)
    if isinstance(it, int):
        return AnyValue(int_value=it)
    return AnyValue(string_value=it)


def span(
    number: int, *, parent: int = 0, trace: int = 1, start: int = 0, end: int = 10, error: str = "", **attributes: Any
) -> Span:
    """A span with small numbers for ids, milliseconds for times, and an exception if there is an error."""
    made = Span(
        trace_id=trace.to_bytes(16, "big"),
        span_id=number.to_bytes(8, "big"),
        parent_span_id=parent.to_bytes(8, "big") if parent else b"",
        name=f"stage-{number}",
        kind=Span.SPAN_KIND_INTERNAL,
        start_time_unix_nano=BEGAN + start * MS,
        end_time_unix_nano=BEGAN + end * MS,
        attributes=pairs(**attributes),
    )
    if error:
        made.status.code = 2
        made.status.message = error
        told = pairs(exception__type="ValueError", exception__message=error, exception__stacktrace=f"File x\n{error}")
        made.events.add(time_unix_nano=BEGAN + end * MS, name="exception", attributes=told)
    return made


def spans(*given: Span, **resource: Any) -> ExportTraceServiceRequest:
    """An export of spans of one resource; `cta__stream="s"` names its stream."""
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    group.resource.attributes.extend(pairs(**resource))
    group.scope_spans.add().spans.extend(given)
    return request


def record(number: int, text: str, *, trace: int = 1, **attributes: Any) -> LogRecord:
    """A log record within a span; number 0 is one without."""
    return LogRecord(
        trace_id=trace.to_bytes(16, "big") if number else b"",
        span_id=number.to_bytes(8, "big") if number else b"",
        time_unix_nano=BEGAN + 5 * MS,
        severity_text="WARN",
        body=AnyValue(string_value=text),
        attributes=pairs(**attributes),
    )


def records(*given: LogRecord, **resource: Any) -> ExportLogsServiceRequest:
    """An export of log records of one resource."""
    request = ExportLogsServiceRequest()
    group = request.resource_logs.add()
    group.resource.attributes.extend(pairs(**resource))
    group.scope_logs.add().log_records.extend(given)
    return request


async def runs_of(stub: Any, stream_id: str, count: int = 1, seconds: float = 12.0) -> Sequence[Run]:
    """The stream's runs with their traces, newest first, once there are so many."""
    deadline = time.monotonic() + seconds
    while True:
        listed = (await stub.ListRuns(ListRunsRequest(stream_id=stream_id))).runs
        if len(listed) >= count:
            return [(await stub.GetRun(GetRunRequest(run_id=each.run_id))).run for each in listed]
        assert time.monotonic() < deadline, f"{len(listed)} runs of {stream_id}"
        await asyncio.sleep(0.02)
