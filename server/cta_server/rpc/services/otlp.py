"""The collector services of OpenTelemetry: spans and log records in, on the port of the API.

What cannot be taken is named in `partial_success` and does not harm the rest of its request; what is acknowledged is in
the journal. Which stream a span belongs to is decided here, by the core's rule and the streams that there are.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Final, TypeVar

import structlog
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as logs_api
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as traces_api
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc

from cta_core.spans import SERVICE, Piece, Span, piece_of, wanted_stream
from cta_server.rpc.convert.otlp import Attributes, records_of, spans_of
from cta_server.rpc.face import Context, Face
from cta_server.rpc.refusals import TracesBehind
from cta_server.runtime.errors import NotFound
from cta_server.runtime.ports import Taken
from cta_server.runtime.traces import MOST_PIECES

log = structlog.get_logger(__name__)

T = TypeVar("T")

MOST: Final = 8192
"""Spans or records of one call: what the collector's own batches hold. An SDK sends 512."""
BREATH: Final = 128
"""Spans that are read between two looks at the event loop: some milliseconds."""
MESSAGE_CHARS: Final = 1000
"""Longest message of a partial success; exporters log it whole."""

REFUSED: Final = {
    Taken.LATE: "came after the run of their trace was made",
    Taken.FULL: f"belong to a trace that has {MOST_PIECES:,} already",
}


class _Reading:
    """One call: what is taken so far, and what is not and why."""

    def __init__(self, face: Face, default: str, noun: str) -> None:
        self._face, self._default, self._noun = face, default, noun
        self._known: dict[str, bool] = {}
        self._pieces: list[tuple[str, str, Piece]] = []
        self.refused: Counter[str] = Counter()
        self.warned: Counter[str] = Counter()

    async def take(
        self,
        items: Iterable[tuple[T | str, Attributes, Attributes]],
        read: Callable[[T, Attributes], tuple[str, Piece]],
    ) -> None:
        """Keeps what there is, and counts what is refused. Raises `TracesBehind` where no more is taken now.

        An item comes as such or as the reason why it is none, with its and its resource's attributes; `read` makes its
        trace's id and its piece out of it and its resource.
        """
        if waiting := self._face.runtime.traces.behind:
            raise TracesBehind(waiting)
        async for item, own, resource in _breathing(items):
            if len(self._pieces) == MOST:
                self.refused[f"are more than the {MOST:,} of one call"] += 1
            elif isinstance(item, str):
                self.refused[f"have {item}"] += 1
            elif stream_id := await self._stream(own, resource):
                trace_id, piece = read(item, resource)
                self._pieces.append((stream_id, trace_id, piece))
        await self._keep()

    @property
    def message(self) -> str:
        """What was refused, or left out, and why; empty if nothing was."""
        said = [f"{count:,} {self._noun} {why}" for why, count in (*self.refused.items(), *self.warned.items())]
        return "; ".join(said)[:MESSAGE_CHARS]

    async def _stream(self, own: Attributes, resource: Attributes) -> str:
        """The stream that attributes name; empty, with the reason counted, where there is none."""
        named, outright = wanted_stream(own, resource)
        if named and await self._exists(named):
            return named
        if outright:
            self.refused[f"name the stream {named[:64]!r}, which does not exist (cta.stream)"] += 1
            return ""
        if self._default and await self._exists(self._default):
            return self._default
        told = f"of service {named[:64]!r} " if named else ""
        self.refused[f"{told}name no stream: set the resource attribute cta.stream"] += 1
        return ""

    async def _keep(self) -> None:
        """Keeps the pieces; what comes too late or is too much is counted."""
        taken = await self._face.runtime.traces.take(self._pieces)
        self.refused.update(REFUSED[what] for what in taken if what in REFUSED)
        if self.message:  # not every exporter tells its user
            log.info("telemetry refused", count=self.refused.total(), why=self.message)

    async def _exists(self, stream_id: str) -> bool:
        if stream_id not in self._known:
            try:
                await self._face.runtime.streams.get(stream_id)
                self._known[stream_id] = True
            except NotFound:
                self._known[stream_id] = False
        return self._known[stream_id]


class OtlpTraceServicer(trace_service_pb2_grpc.TraceServiceServicer):
    """opentelemetry.proto.collector.trace.v1.TraceService."""

    def __init__(self, face: Face, default_stream: str) -> None:
        self._face, self._default = face, default_stream

    async def Export(
        self, request: traces_api.ExportTraceServiceRequest, context: Context
    ) -> traces_api.ExportTraceServiceResponse:
        reading = _Reading(self._face, self._default, "spans")

        def piece(span: Span, resource: Attributes) -> tuple[str, Piece]:
            made, lost = piece_of(span, str(resource.get(SERVICE, "")))
            reading.warned.update(f"are kept without an {what.partition(' ')[0]} that is too long" for what in lost)
            return span.trace_id, made

        await reading.take(spans_of(request), piece)
        answer = traces_api.ExportTraceServiceResponse()
        if reading.message:
            answer.partial_success.rejected_spans = reading.refused.total()
            answer.partial_success.error_message = reading.message
        return answer


class OtlpLogServicer(logs_service_pb2_grpc.LogsServiceServicer):
    """opentelemetry.proto.collector.logs.v1.LogsService."""

    def __init__(self, face: Face, default_stream: str) -> None:
        self._face, self._default = face, default_stream

    async def Export(
        self, request: logs_api.ExportLogsServiceRequest, context: Context
    ) -> logs_api.ExportLogsServiceResponse:
        reading = _Reading(self._face, self._default, "log records")
        await reading.take(records_of(request), lambda record, _: record)
        answer = logs_api.ExportLogsServiceResponse()
        if reading.message:
            answer.partial_success.rejected_log_records = reading.refused.total()
            answer.partial_success.error_message = reading.message
        return answer


async def _breathing(items: Iterable[T]) -> AsyncIterator[T]:
    """The items, with a look at the event loop now and then."""
    for number, item in enumerate(items, 1):
        yield item
        if number % BREATH == 0:
            await asyncio.sleep(0)
