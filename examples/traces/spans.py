"""The same agent in Python: `python spans.py http://127.0.0.1:50510 payments`.

Needs `pip install opentelemetry-sdk opentelemetry-exporter-otlp-proto-grpc`; the stream has to exist.
"""

from __future__ import annotations

import json
import sys

from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

RATES = {"EUR": 1.0, "USD": 0.926}


def main(url: str, stream: str) -> None:
    """Books two payments, one of which fails."""
    provider = TracerProvider(resource=Resource.create({"service.name": "payments-agent", "cta.stream": stream}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=url, insecure=True)))
    tracer = provider.get_tracer("payments-agent")

    def book(payment: dict[str, str]) -> None:
        agent = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "Clerk", "cta.event.id": payment["id"]}
        tool = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": "rates",
            "gen_ai.tool.call.arguments": json.dumps({"currency": payment["currency"]}),
        }
        # An exception that leaves the block is recorded, and sets the status.
        with (
            tracer.start_as_current_span("invoke_agent Clerk", attributes=agent),
            tracer.start_as_current_span("execute_tool rates", attributes=tool) as span,
        ):
            rate = RATES[payment["currency"]]
            span.set_attribute("gen_ai.tool.call.result", json.dumps({"rate": rate}))

    for payment in ({"id": "p1", "currency": "USD"}, {"id": "p2", "currency": "XTS"}):
        try:
            book(payment)
        except KeyError as error:
            print(f"{payment['id']}: {error!r}")
    provider.shutdown()


if __name__ == "__main__":
    main(*sys.argv[1:])
