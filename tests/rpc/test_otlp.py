"""The collector services: spans and log records become runs, and what cannot be taken is named."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
import pytest_asyncio
from opentelemetry.proto.collector.logs.v1.logs_service_pb2_grpc import LogsServiceStub
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub

from cta.v1 import run_pb2, stream_pb2, stream_service_pb2
from cta_server.runtime import traces
from helpers.api import Server, refused, serving
from helpers.otlp import record, records, runs_of, span, spans

Code = grpc.StatusCode


class Collector:
    """Both services of a server, and a way to a new stream."""

    def __init__(self, server: Server) -> None:
        self.server, self.runs = server, server.api.runs
        self.traces = TraceServiceStub(server.api.channel)
        self.logs = LogsServiceStub(server.api.channel)

    async def stream(self, stream_id: str) -> str:
        """Makes a stream."""
        wanted = stream_pb2.Stream(stream_id=stream_id)
        await self.server.api.streams.CreateStream(stream_service_pb2.CreateStreamRequest(stream=wanted))
        return stream_id


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def collector(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Collector]:
    """A server that waits a quarter of a second for more spans."""
    async with serving(
        tmp_path_factory.mktemp("store"), otlp__settle_seconds="0.25", otlp__wait_seconds="0.5"
    ) as running:
        yield Collector(running)


pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_trace_becomes_a_run(collector: Collector) -> None:
    """Spans are its stages in order of their start, the error survives with status, exception and attributes."""
    name = await collector.stream("whole")
    answer = await collector.traces.Export(
        spans(
            span(3, parent=1, start=4, end=8, error="no rate", cta__input='{"a":1}', currency="XTS"),
            span(2, parent=1, start=1, end=3, cta__output='{"a":1}', cta__event__id="e7"),
            span(1, start=0, end=9, cta__event__id="e7"),
            cta__stream=name,
            service__name="billing",
        )
    )
    assert not answer.HasField("partial_success")
    (run,) = await runs_of(collector.runs, name)
    assert (run.trace_id, run.origin, run.event_count, run.failed_count, run.recorded_count) == (
        f"{1:032x}",
        run_pb2.RUN_ORIGIN_OTLP,
        1,
        1,
        1,
    )
    assert run.duration.ToMilliseconds() == 9
    assert [(each.stage, run_pb2.TraceKind.Name(each.kind)[11:], each.event_id) for each in run.trace] == [
        ("stage-1", "STEP", "e7"),
        ("stage-2", "STEP", "e7"),
        ("stage-3", "STEP", "e7"),
        ("stage-3", "ERROR", "e7"),
    ]
    step, error = run.trace[2:]
    assert (error.error_type, error.message, error.stacktrace) == ("ValueError", "no rate", "File x\nno rate")
    assert (step.message, step.input_json, step.parent_span_id) == ("no rate", '{"a":1}', f"{1:016x}")
    assert json.loads(step.attributes_json) == {"currency": "XTS", "service.name": "billing"}
    assert step.notes[0].name == "exception"


async def test_a_run_is_put_together_from_several_calls(collector: Collector) -> None:
    """Children come first, in any order and from several processes; a call that is repeated changes nothing."""
    name = await collector.stream("late")
    calls = [
        spans(span(2, parent=1, start=1), cta__stream=name),
        spans(span(3, parent=2, start=2), cta__stream=name),
        spans(span(1), cta__stream=name),
    ]
    for call in (*calls, calls[0], calls[2]):
        assert not (await collector.traces.Export(call)).HasField("partial_success")
    (run,) = await runs_of(collector.runs, name)
    assert [each.stage for each in run.trace] == ["stage-1", "stage-2", "stage-3"]
    # After its run is made a call may still be repeated, and only what is new is told to be late.
    assert not (await collector.traces.Export(calls[0])).HasField("partial_success")
    told = (await collector.traces.Export(spans(span(9, parent=1), cta__stream=name))).partial_success
    assert (told.rejected_spans, "after the run" in told.error_message) == (1, True)
    await asyncio.sleep(0.6)
    assert len(await runs_of(collector.runs, name)) == 1


async def test_a_trace_without_a_root_ends_after_its_time(collector: Collector) -> None:
    """Where the root never comes, the rest is a run all the same; a root below another process's span is one."""
    name = await collector.stream("headless")
    await collector.traces.Export(spans(span(2, parent=1, trace=5), cta__stream=name))
    (run,) = await runs_of(collector.runs, name)
    assert [each.stage for each in run.trace] == ["stage-2"]
    remote = span(2, parent=1, trace=6)
    remote.flags = 0x300
    await collector.traces.Export(spans(remote, cta__stream=name))
    assert len(await runs_of(collector.runs, name, 2, seconds=5)) == 2


async def test_a_log_record_joins_its_span(collector: Collector) -> None:
    """It is a note of the span's entry; one of a span that never came stands for itself; one without ids is named."""
    name = await collector.stream("logs")
    sent = records(
        record(1, "rate is old", trace=7, age=3), record(8, "alone", trace=7), record(0, "chatter"), cta__stream=name
    )
    for _ in range(2):
        told = (await collector.logs.Export(sent)).partial_success
        assert (told.rejected_log_records, told.error_message) == (1, "1 log records have no trace and span id")
    await collector.traces.Export(spans(span(1, trace=7, cta__stream=name)))
    (run,) = await runs_of(collector.runs, name)
    joined, alone = sorted(run.trace, key=lambda each: each.stage, reverse=True)
    assert [(n.name, n.message, n.attributes_json) for n in joined.notes] == [("WARN", "rate is old", '{"age":3}')]
    assert (alone.stage, alone.notes[0].message) == ("log", "alone")


async def test_what_cannot_be_taken_is_named_and_harms_nothing(collector: Collector) -> None:
    """A stream that is not there, none at all, and ids that are none: each counted with its reason, the rest kept."""
    name = await collector.stream("partial")
    broken = span(4)
    broken.span_id = b"short"
    request = spans(span(1, trace=9), broken, cta__stream=name)
    request.MergeFrom(spans(span(2, trace=9), span(3, trace=9), cta__stream="nowhere"))
    request.MergeFrom(spans(span(5, trace=9), service__name="unheard"))
    told = (await collector.traces.Export(request)).partial_success
    assert told.rejected_spans == 4
    assert "2 spans name the stream 'nowhere', which does not exist" in told.error_message
    assert "1 spans have no valid trace and span id" in told.error_message
    assert "1 spans of service 'unheard' name no stream" in told.error_message
    (run,) = await runs_of(collector.runs, name)
    assert [each.stage for each in run.trace] == ["stage-1"]


async def test_a_body_that_is_too_long_is_left_out_and_told(collector: Collector) -> None:
    """The span is kept, nothing is refused, and both the answer and the entry say what is missing."""
    name = await collector.stream("long")
    told = (
        await collector.traces.Export(spans(span(1, trace=10, cta__output="x" * 100_000), cta__stream=name))
    ).partial_success
    assert (told.rejected_spans, "without an output" in told.error_message) == (0, True)
    (run,) = await runs_of(collector.runs, name)
    assert run.trace[0].output_json == ""
    assert "output of 100,002 characters" in run.trace[0].attributes_json


async def test_a_service_named_as_a_stream_needs_no_attribute(collector: Collector) -> None:
    """`service.name` is enough where it is the stream's id; the span's own attribute wins over its resource's."""
    first, second = await collector.stream("svc"), await collector.stream("own")
    await collector.traces.Export(spans(span(1, trace=11), span(2, trace=11, cta__stream=second), service__name=first))
    (one,) = await runs_of(collector.runs, first)
    (two,) = await runs_of(collector.runs, second)
    assert [each.trace[0].stage for each in (one, two)] == ["stage-1", "stage-2"]


async def test_bytes_that_are_no_message_are_refused_for_good(collector: Collector) -> None:
    """A text that is not UTF-8 is INVALID_ARGUMENT, which no exporter repeats."""
    call = collector.server.api.channel.unary_unary(
        "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        request_serializer=lambda raw: raw,
        response_deserializer=lambda raw: raw,
    )
    refusal = await refused(call(b"\x0a\x03\xff\xff\xff"))
    assert (refusal.code, refusal.reason) == (Code.INVALID_ARGUMENT, "FIELD_INVALID")


async def test_a_deleted_stream_takes_its_open_traces(collector: Collector) -> None:
    """No run comes of what was sent before the end of the stream, also when a stream of that name is made again."""
    name = await collector.stream("gone")
    await collector.traces.Export(spans(span(1, trace=12), cta__stream=name))
    await collector.server.api.streams.DeleteStream(
        stream_service_pb2.DeleteStreamRequest(stream_id=name, actor="test")
    )
    await collector.stream(name)
    await collector.traces.Export(spans(span(2, trace=13), cta__stream=name))
    (run,) = await runs_of(collector.runs, name)
    assert [each.stage for each in run.trace] == ["stage-2"]


async def test_the_token_guards_spans_too(tmp_path: Path) -> None:
    """Without the server's token nothing is taken; with it everything is."""
    async with serving(tmp_path, server__token="hush", otlp__stream="s") as server:  # noqa: S106
        stub = TraceServiceStub(server.api.channel)
        refusal = await refused(stub.Export(spans(span(1))))
        assert (refusal.code, refusal.reason) == (Code.UNAUTHENTICATED, "UNAUTHENTICATED")
        metadata = (("authorization", "Bearer hush"),)
        wanted = stream_service_pb2.CreateStreamRequest(stream=stream_pb2.Stream(stream_id="s"))
        await server.api.streams.CreateStream(wanted, metadata=metadata)
        assert not (await stub.Export(spans(span(1)), metadata=metadata)).HasField("partial_success")


async def test_too_many_exports_are_told_when_to_come_again(tmp_path: Path) -> None:
    """Beyond the limit the answer is RESOURCE_EXHAUSTED with a delay, which exporters take as a request to retry."""
    async with serving(tmp_path, limits__exports="1", otlp__stream="s") as server:
        stub = TraceServiceStub(server.api.channel)
        await server.api.streams.CreateStream(
            stream_service_pb2.CreateStreamRequest(stream=stream_pb2.Stream(stream_id="s"))
        )
        calls = [stub.Export(spans(*(span(n, trace=m) for n in range(1, 400)))) for m in range(1, 9)]
        done = await asyncio.gather(*calls, return_exceptions=True)
        no = [each for each in done if isinstance(each, grpc.aio.AioRpcError)]
        assert 0 < len(no) < len(calls)

        async def again() -> None:
            raise no[0]

        refusal = await refused(again())
        assert (refusal.code, refusal.reason) == (Code.RESOURCE_EXHAUSTED, "TOO_MANY_CALLS")
        assert refusal.retry > 0


async def test_more_traces_than_are_written_are_told_when_to_come_again(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The oldest is closed early where too many are open; far beyond that exporters have to wait."""
    name = await collector.stream("many")
    monkeypatch.setattr(traces, "MOST_OPEN", 0)
    monkeypatch.setattr(collector.server.runtime.traces, "_settle", 3600.0)
    await collector.traces.Export(spans(span(1, trace=21), cta__stream=name))
    assert len(await runs_of(collector.runs, name)) == 1
    waiting = traces._Waiting(due=2.0**40, bytes=0, root=True)
    monkeypatch.setitem(collector.server.runtime.traces._open, ("elsewhere", "1"), waiting)
    refusal = await refused(collector.traces.Export(spans(span(1, trace=22), cta__stream=name)))
    assert (refusal.code, refusal.reason, refusal.retry > 0) == (Code.RESOURCE_EXHAUSTED, "TOO_MANY_CALLS", True)
    assert "wait to become runs" in refusal.message


async def test_a_server_that_recovers_asks_to_wait(tmp_path: Path) -> None:
    """UNAVAILABLE with a delay, as for every other call."""
    async with serving(tmp_path, recovered=False) as server:
        refusal = await refused(TraceServiceStub(server.api.channel).Export(spans(span(1))))
        assert (refusal.code, refusal.retry) == (Code.UNAVAILABLE, 0.5)
