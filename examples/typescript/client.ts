// A client of CTA-ACT in TypeScript: process a batch, watch adapters with resume, approve an incident.
//
//   npm install && buf generate ../../proto
//   npx tsx client.ts 127.0.0.1:50510 process payments events.jsonl
//   npx tsx client.ts 127.0.0.1:50510 watch payments
//   npx tsx client.ts 127.0.0.1:50510 approve inc_...
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { AdapterService } from "./gen/cta/v1/adapter_service_pb.js";
import { OutcomeKind } from "./gen/cta/v1/event_pb.js";
import { EventService } from "./gen/cta/v1/event_service_pb.js";
import { IncidentState } from "./gen/cta/v1/incident_pb.js";
import { IncidentService } from "./gen/cta/v1/incident_service_pb.js";

const [address, verb, name, path] = process.argv.slice(2);

/** Runs `work` over a connection of its own, and closes that. */
async function connected<T>(work: (transport: Transport) => Promise<T>): Promise<T> {
  const sessions = new Http2SessionManager(`http://${address}`);
  try {
    return await work(createGrpcTransport({ baseUrl: `http://${address}`, sessionManager: sessions }));
  } finally {
    sessions.abort();
  }
}

/** Sends a file of JSON Lines through the gate and prints what became of each event. */
async function processFile(transport: Transport): Promise<void> {
  const bodies = readFileSync(path, "utf8").split("\n").filter(Boolean).map((line) => Buffer.from(line));
  const request = { streamId: name, bodies, requestId: randomUUID() };
  const { packed } = await createClient(EventService, transport).processEvents(request, { timeoutMs: 60_000 });
  packed?.kinds.forEach((kind, index) => {
    // A quarantined event is safe in the server and comes back through watchEvents once it is healed.
    console.log(OutcomeKind[kind], Buffer.from(packed.bodies[index]).toString());
  });
}

/** Prints every change of the adapters in force, over as many connections as it takes. */
async function watch(): Promise<void> {
  const known = new Map<string, bigint>();
  let token = "";
  for (;;) {
    try {
      await connected(async (transport) => {
        let listed: Set<string> | undefined;
        const silence = new AbortController();
        let timer = setTimeout(() => silence.abort(), 5000);
        const answers = createClient(AdapterService, transport).watchAdapters(
          { streamIds: [name], resumeToken: token },
          { signal: silence.signal },
        );
        try {
          for await (const message of answers) {
            // The server speaks at least every second: silence means that it hangs.
            clearTimeout(timer);
            timer = setTimeout(() => silence.abort(), 5000);
            const gone: string[] = [];
            if (message.change.case === "snapshotStart") listed = new Set();
            if (message.change.case === "changes") {
              gone.push(...message.change.value.removedAdapterIds);
              for (const adapter of message.change.value.adapters) {
                listed?.add(adapter.adapterId);
                // At least once: what is known already is dropped.
                if (adapter.revision <= (known.get(adapter.adapterId) ?? 0n)) continue;
                known.set(adapter.adapterId, adapter.revision);
                console.log("IN FORCE", adapter.adapterId, String(adapter.revision), adapter.programJson);
              }
            }
            if (message.change.case === "snapshotEnd") {
              gone.push(...[...known.keys()].filter((id) => !listed?.has(id)));
              listed = undefined;
              console.log("CURRENT", String(message.revision));
            }
            for (const id of gone) if (known.delete(id)) console.log("GONE", id);
            token = message.resumeToken;
          }
        } finally {
          clearTimeout(timer);
        }
      });
    } catch (error) {
      const { code } = ConnectError.from(error);
      if (![Code.Unavailable, Code.Canceled, Code.Aborted, Code.Internal].includes(code)) throw error;
      console.log("STALE", ConnectError.from(error).message);
    }
    await sleep(300);
  }
}

/** Says yes to the proposed fix of an incident, for the revision that was looked at. */
async function approve(transport: Transport): Promise<void> {
  const incidents = createClient(IncidentService, transport);
  const { incident } = await incidents.getIncident({ incidentId: name });
  const answer = await incidents.approveFix({
    incidentId: name,
    expectedRevision: incident?.revision,
    requestId: `approve-${name}`,
    actor: "typescript-example",
    comment: "looked at the diff",
  });
  console.log(IncidentState[answer.incident?.state ?? 0]);
}

const verbs: Record<string, () => Promise<void>> = {
  process: () => connected(processFile),
  approve: () => connected(approve),
  watch,
};
try {
  if (!name || !verbs[verb]) throw new Error("usage: client.ts ADDRESS process STREAM FILE | watch STREAM | approve INCIDENT");
  await verbs[verb]();
} catch (error) {
  console.error(String(error));
  process.exitCode = 1;
}
