"""How long a tiny call to a running server takes while analyses run in it: `python -m benchmarks lag`.

The event loop answers GetServerInfo every few milliseconds; the time of each call is the loop's lag plus the way over
the wire, which the idle round shows alone. The busy round keeps analyses going back to back, each of other events, so
that nothing can be answered from memory. The measuring process sends them itself, so that what its own loop spends on
them counts as lag of the server too: the figures are upper bounds.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from benchmarks.figures import Figure
from cta.v1.analysis_service_pb2 import DiagnoseRequest
from cta.v1.event_pb2 import Payload
from cta.v1.system_service_pb2 import GetServerInfoRequest
from cta_client.channel import Client, connect
from cta_client.demo.server import running
from driftgen.populations import DOMAINS, Population, world_of

SECONDS = 15.0
"""Of each round: some 1,500 calls, so that the 99th percentile rests on 15."""
PAUSE = 0.01
"""Between two tiny calls: short against the time of an analysis, so that every analysis is met by several calls."""
EVENTS = 200
"""On either side of an analysis, as in the figures of the analysis itself."""
CHANGED = 4
"""Fields renamed at once: the longest analyses of the usual kind."""


def request(number: int) -> DiagnoseRequest:
    """Healthy and drifted events of one analysis; another number gives other events."""
    rng, names = random.Random(number), sorted(DOMAINS)
    population = Population("retail", DOMAINS[names[number % len(names)]])
    world = world_of(random.Random(number))
    healthy = population.events(rng, EVENTS, 1.7e9, world)
    later = population.events(rng, EVENTS, 1.7e9 + 50000, world)
    fresh = {field.name: f"{field.name}_v2" for field in population.fields[1 : 1 + CHANGED]}
    drifted = [{fresh.get(key, key): value for key, value in event.items()} for event in later]
    return DiagnoseRequest(
        baseline=payloads(healthy), drifted=payloads(drifted), contract_json=json.dumps(population.contract())
    )


def payloads(events: Sequence[dict[str, Any]]) -> list[Payload]:
    """Events as the API takes them."""
    return [Payload(json=json.dumps(event)) for event in events]


async def probe(client: Client, seconds: float) -> list[float]:
    """Milliseconds of tiny calls, one after the other."""
    took: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        begun = time.perf_counter()
        await client.system.GetServerInfo(GetServerInfoRequest())
        took.append((time.perf_counter() - begun) * 1000)
        await asyncio.sleep(PAUSE)
    return took


async def analyses(address: str, requests: Sequence[DiagnoseRequest], took: list[float]) -> None:
    """Analyses back to back until it is cancelled; their milliseconds go to `took`."""
    async with connect(address) as client:
        while True:
            for one in requests:
                begun = time.perf_counter()
                answer = await client.analysis.Diagnose(one)
                if not answer.report.symptoms:
                    raise SystemExit("the benchmark's own change was not seen")
                took.append((time.perf_counter() - begun) * 1000)


def line(values: Sequence[float]) -> str:
    """Median and 99th percentile."""
    ordered = sorted(values)
    middle, high = ordered[len(ordered) // 2], ordered[len(ordered) * 99 // 100]
    return f"p50 {middle:.1f}  p99 {high:.1f}  most {ordered[-1]:.1f} ms  (n={len(ordered)})"


async def measure() -> list[Figure]:
    """Figures of the tiny call, idle and beside analyses."""
    requests = [request(number) for number in range(22)]
    spent: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        async with running(Path(folder)) as server, connect(server.address) as client:
            await client.analysis.Diagnose(requests[0])  # starts the process that analyses
            await probe(client, 1.0)
            idle = await probe(client, SECONDS)
            busy_work = asyncio.create_task(analyses(server.address, requests, spent))
            busy = await probe(client, SECONDS)
            if busy_work.done():
                await busy_work
            busy_work.cancel()
            await asyncio.gather(busy_work, return_exceptions=True)
    return [
        Figure("tiny call, server idle", line(idle)),
        Figure("tiny call, analyses back to back", line(busy)),
        Figure("an analysis of 200 + 200 events over the API meanwhile", line(spent)),
    ]


if __name__ == "__main__":
    for figure in asyncio.run(measure()):
        print(figure)
