"""What OpenTelemetry spans cost the server, beside events: `python -m benchmarks.spans`.

One process: a whole server over a socket, exports of 512 spans as the SDKs send them, in traces of eight, and batches
of 512 events through the gate. The ratio is the figure; the milliseconds are this machine's.
"""

from __future__ import annotations

import asyncio
import logging
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import structlog
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub

from cta.v1.event_service_pb2 import ProcessEventsRequest
from helpers.api import payments, serving
from helpers.otlp import span, spans
from helpers.payments import healthy

SPANS, PER_TRACE, ROUNDS = 512, 8, 30


async def main() -> None:
    """Measures both and prints them."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with tempfile.TemporaryDirectory() as folder:
        async with serving(Path(folder), otlp__settle_seconds="3600", otlp__wait_seconds="3600") as server:
            await payments(server.api, "s")
            stub = TraceServiceStub(server.api.channel)

            def export(number: int) -> Awaitable[object]:
                first = number * SPANS // PER_TRACE + 1
                made = [
                    span(each + 1, parent=each, trace=first + trace, start=each, cta__input='{"id":"p1","amount":12.5}')
                    for trace in range(SPANS // PER_TRACE)
                    for each in range(PER_TRACE)
                ]
                return stub.Export(spans(*made, cta__stream="s"))

            bodies = healthy(SPANS)

            def process(number: int) -> Awaitable[object]:
                request = ProcessEventsRequest(stream_id="s", bodies=bodies, request_id=f"r{number}")
                return server.api.events.ProcessEvents(request)

            exported, processed = await timed(export), await timed(process)
            began = time.perf_counter()
            for waiting in server.runtime.traces._open.values():  # noqa: SLF001 - all are due at once
                waiting.due = 0.0
            server.runtime.traces._news.set()  # noqa: SLF001
            while server.runtime.traces._open:  # noqa: ASYNC110, SLF001
                await asyncio.sleep(0.01)
            runs = ROUNDS * SPANS // PER_TRACE
            print(f"export of {SPANS} spans             {exported:7.1f} ms")
            print(f"batch of {SPANS} events              {processed:7.1f} ms")
            print(f"a span costs as much as         {exported / processed:7.1f} events")
            print(f"a run of {PER_TRACE} spans is written in    {(time.perf_counter() - began) / runs * 1000:7.1f} ms")


async def timed(call: Callable[[int], Awaitable[object]]) -> float:
    """The median, in milliseconds."""
    took: list[float] = []
    for number in range(ROUNDS):
        began = time.perf_counter()
        await call(number)
        took.append((time.perf_counter() - began) * 1000)
    return statistics.median(took)


if __name__ == "__main__":
    asyncio.run(main())
