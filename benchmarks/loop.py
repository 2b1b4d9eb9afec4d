"""The loop's time: from the first quarantined event to PROMOTED, on a running server, first and from its signature.

Each round is a stream of its own with a baseline of 400 payments and the three-stage consumer; 750 drifted events
arrive in one batch, and the canary replays them with 250 healthy ones: 1,000 recorded events through three stages.
The repeat is the same drift after the adapter was retired. Times are the journal's own.
"""

from __future__ import annotations

import asyncio
import json
import random
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, spread
from cta.v1 import (
    adapter_service_pb2,
    event_service_pb2,
    incident_pb2,
    incident_service_pb2,
    stream_pb2,
    stream_service_pb2,
)
from cta_client.channel import Client, connect
from cta_client.demo.server import running

ROUNDS = 20
DRIFTED = 750
BASELINE = 400

CONTRACT = {
    "type": "object",
    "required": ["id", "merchant", "amount", "currency", "method"],
    "properties": {
        "id": {"type": "string"},
        "merchant": {"type": "string"},
        "amount": {"type": "number", "exclusiveMinimum": 0},
        "currency": {"type": "string", "minLength": 3, "maxLength": 3},
        "method": {"type": "string"},
        "created_at": {"type": "string", "format": "date-time"},
        "customer": {"type": "object"},
    },
}


def payment(number: int) -> dict[str, Any]:
    """A payment."""
    chance = random.Random(number)
    return {
        "id": f"p{number}",
        "merchant": f"m-{chance.randint(1, 60):04d}",
        "amount": round(chance.lognormvariate(3.4, 0.9) + 0.01, 2),
        "currency": chance.choice(["EUR", "USD", "GBP"]),
        "method": chance.choice(["card", "sepa", "wallet"]),
        "country": chance.choice(["DE", "FR", "US", "GB"]),
        "created_at": f"2026-05-{chance.randint(1, 28):02d}T10:{chance.randint(0, 59):02d}:00Z",
        "customer": {"id": f"c{chance.randint(1, 900)}", "tier": chance.choice(["gold", "blue"])},
        "v": 2,
    }


def body(number: int, *, drifted: bool) -> bytes:
    """A payment as bytes, `amount` as `amt` when it is drifted."""
    event = payment(number)
    if drifted:
        event["amt"] = event.pop("amount")
    return json.dumps(event, separators=(",", ":")).encode()


async def measure() -> list[Figure]:
    """Figures of the loop."""
    first: list[float] = []
    repeat: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        async with running(Path(folder)) as server, connect(server.address) as client:
            for number in range(ROUNDS):
                stream_id = f"bench-{number}"
                await prepare(client, stream_id)
                first.append(await incident(client, stream_id, 1_000_000 + number * 10_000))
                await client.adapters.ClearAdapters(
                    adapter_service_pb2.ClearAdaptersRequest(stream_id=stream_id, actor="bench", comment="repeat")
                )
                repeat.append(await incident(client, stream_id, 5_000_000 + number * 10_000))
    return [
        Figure(
            "first quarantined event to PROMOTED, canary over 1,000 events, ms", spread(first), "p50 <= 60, p95 <= 150"
        ),
        Figure("the same from its signature, ms", spread(repeat), "p50 <= 25, p95 <= 60"),
    ]


async def prepare(client: Client, stream_id: str) -> None:
    """A stream with its baseline."""
    policy = stream_pb2.Policy()
    policy.bake.FromMilliseconds(1)
    stream = stream_pb2.Stream(
        stream_id=stream_id, contract_json=json.dumps(CONTRACT), consumer="payments", policy=policy
    )
    await client.streams.CreateStream(stream_service_pb2.CreateStreamRequest(stream=stream))
    request = stream_service_pb2.LearnBaselineRequest(stream_id=stream_id, actor="bench")
    for number in range(BASELINE):
        request.events.add(json=body(number, drifted=False).decode())
    await client.streams.LearnBaseline(request)
    await asyncio.sleep(0.15)  # the baseline is made ready in the background


async def incident(client: Client, stream_id: str, start: int) -> float:
    """One incident; milliseconds from its first quarantined event to its promotion."""
    bodies = [body(start + number, drifted=True) for number in range(DRIFTED)]
    await client.events.ProcessEvents(
        event_service_pb2.ProcessEventsRequest(stream_id=stream_id, bodies=bodies, run_stages=True)
    )
    while True:
        listed = await client.incidents.ListIncidents(
            incident_service_pb2.ListIncidentsRequest(stream_id=stream_id, page_size=1)
        )
        newest = listed.incidents[0]
        # The bake is over at once, and the redrive may still be under way.
        if newest.state == incident_pb2.INCIDENT_STATE_RESOLVED and newest.redriven_count == DRIFTED:
            break
        await asyncio.sleep(0.05)
    held = await client.events.ListQuarantined(
        event_service_pb2.ListQuarantinedRequest(
            stream_id=stream_id, incident_id=newest.incident_id, state="QUARANTINE_STATE_REDRIVEN", page_size=1
        )
    )
    arrived = held.events[0].arrive_time.ToNanoseconds()
    promoted = next(
        mark.time.ToNanoseconds() for mark in newest.marks if mark.state == incident_pb2.INCIDENT_STATE_PROMOTED
    )
    return (promoted - arrived) / 1e6


if __name__ == "__main__":
    for figure in asyncio.run(measure()):
        print(figure)
