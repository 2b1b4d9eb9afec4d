// An agent that books payments, traced with the OpenTelemetry SDK of Node, sent to CTA-ACT over OTLP/gRPC.
//
//   npm install
//   node spans.mjs http://127.0.0.1:50510 payments
//
// The stream has to exist. The exporter's own environment works as well: OTEL_EXPORTER_OTLP_ENDPOINT and, where the
// server has a token, OTEL_EXPORTER_OTLP_HEADERS="authorization=Bearer TOKEN".

import { context, SpanStatusCode, trace } from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-grpc";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { BatchSpanProcessor, NodeTracerProvider } from "@opentelemetry/sdk-trace-node";

const [url, stream] = process.argv.slice(2);
const provider = new NodeTracerProvider({
  resource: resourceFromAttributes({ "service.name": "payments-agent", "cta.stream": stream }),
  spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter({ url }))],
});
const tracer = provider.getTracer("payments-agent");

function traced(name, attributes, parent, work) {
  const span = tracer.startSpan(name, { attributes }, parent);
  try {
    return work(trace.setSpan(parent, span), span);
  } catch (error) {
    span.recordException(error);
    span.setAttribute("error.type", error.name);
    span.setStatus({ code: SpanStatusCode.ERROR, message: error.message });
    throw error;
  } finally {
    span.end();
  }
}

const rates = { EUR: 1, USD: 0.926 };

function book(payment) {
  const agent = { "gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "Clerk", "cta.event.id": payment.id };
  traced("invoke_agent Clerk", agent, context.active(), (below) => {
    const tool = {
      "gen_ai.operation.name": "execute_tool",
      "gen_ai.tool.name": "rates",
      "gen_ai.tool.call.arguments": JSON.stringify({ currency: payment.currency }),
    };
    traced("execute_tool rates", tool, below, (_, span) => {
      const rate = rates[payment.currency];
      if (rate === undefined) throw new RangeError(`nobody knows the rate of ${payment.currency}`);
      span.setAttribute("gen_ai.tool.call.result", JSON.stringify({ rate }));
    });
  });
}

for (const payment of [{ id: "p1", currency: "USD" }, { id: "p2", currency: "XTS" }]) {
  try {
    book(payment);
  } catch (error) {
    console.log(`${payment.id}: ${error.message}`);
  }
}
await provider.shutdown();
