"""ProcessEvents in batches of 500, against the same work without gRPC and against a bare msgspec loop, in one run.

The event, the five-step adapter and the contract are those of the study of speed: 400 bytes, 20 leaves, nested. The
rounds take turns, so that a slow moment of the machine touches all of them.
"""

from __future__ import annotations

import asyncio
import gc
import json
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median

from benchmarks.figures import Figure
from benchmarks.orders import CONTRACT, PROGRAM, bare, drifted, healthy
from cta.v1 import adapter_service_pb2, event_service_pb2, stream_pb2, stream_service_pb2
from cta_client.channel import Client, connect
from cta_client.demo.server import running
from cta_core.adapter.file import dump
from cta_core.contract import compile_contract
from cta_core.gate import ActiveAdapter, Gate

BATCH = 500
BATCHES = 20
ROUNDS = 5


async def measure() -> list[Figure]:
    """Figures of the gate over gRPC."""
    good = [[healthy(n * BATCH + i) for i in range(BATCH)] for n in range(BATCHES)]
    bad = [[drifted(n * BATCH + i) for i in range(BATCH)] for n in range(BATCHES)]
    gate = Gate(compile_contract(CONTRACT), [ActiveAdapter(adapter_id="a", revision=1, program=PROGRAM)])
    kinds = (
        {outcome.kind.value for outcome in gate.judge_many(bad[0])},
        {o.kind.value for o in gate.judge_many(good[0])},
    )
    if kinds != ({"HEALED"}, {"HEALTHY"}):
        raise SystemExit(f"the benchmark's own events are not what they should be: {kinds}")
    rates: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        async with running(Path(folder)) as server, connect(server.address) as client:
            await prepare(client)
            cases: dict[str, Callable[[], Awaitable[None]]] = {
                "bare": lambda: bare_loop(good),
                "gate healed": lambda: in_process(gate, bad),
                "gate healthy": lambda: in_process(gate, good),
                "rpc healed": lambda: over_rpc(client, bad),
                "rpc healthy": lambda: over_rpc(client, good),
            }
            for _ in range(ROUNDS):
                for name, case in cases.items():
                    gc.collect()
                    began = time.perf_counter()
                    await case()
                    rates.setdefault(name, []).append(BATCH * BATCHES / (time.perf_counter() - began))
    rate = {name: median(values) for name, values in rates.items()}
    return [
        Figure("bare msgspec typed decode + encode, events/s", f"{rate['bare']:,.0f}"),
        Figure(
            "gate in process, 5 steps + contract, events/s (of bare)",
            f"{rate['gate healed']:,.0f}  ({rate['gate healed'] / rate['bare']:.2f})",
            ">= 0.7 of bare",
        ),
        Figure(
            "gate in process, healthy events, events/s (of bare)",
            f"{rate['gate healthy']:,.0f}  ({rate['gate healthy'] / rate['bare']:.2f})",
        ),
        Figure(
            "ProcessEvents, batches of 500, all healed, events/s (of in process)",
            f"{rate['rpc healed']:,.0f}  ({rate['rpc healed'] / rate['gate healed']:.2f})",
            ">= 0.8 of in process, >= 150 k",
        ),
        Figure(
            "ProcessEvents, batches of 500, all healthy, events/s (of in process)",
            f"{rate['rpc healthy']:,.0f}  ({rate['rpc healthy'] / rate['gate healthy']:.2f})",
            ">= 300 k",
        ),
    ]


async def bare_loop(batches: list[list[bytes]]) -> None:
    """Typed decode and encode, nothing else."""
    for batch in batches:
        bare(batch)


async def in_process(gate: Gate, batches: list[list[bytes]]) -> None:
    """The gate without a server."""
    for batch in batches:
        gate.judge_many(batch)


async def over_rpc(client: Client, batches: list[list[bytes]]) -> None:
    """Four calls in flight, as a busy consumer has them."""
    waiting = list(batches)

    async def one() -> None:
        while waiting:
            request = event_service_pb2.ProcessEventsRequest(stream_id="orders", bodies=waiting.pop())
            answer = await client.events.ProcessEvents(request)
            if len(answer.packed.kinds) != BATCH:
                raise SystemExit("an answer lacks outcomes")

    await asyncio.gather(*(one() for _ in range(4)))


async def prepare(client: Client) -> None:
    """The stream and its adapter in force."""
    stream = stream_pb2.Stream(stream_id="orders", contract_json=json.dumps(CONTRACT))
    await client.streams.CreateStream(stream_service_pb2.CreateStreamRequest(stream=stream))
    made = await client.adapters.CreateAdapter(
        adapter_service_pb2.CreateAdapterRequest(stream_id="orders", file=dump(PROGRAM, name="bench"), author="bench")
    )
    await client.adapters.PromoteAdapter(
        adapter_service_pb2.PromoteAdapterRequest(
            adapter_id=made.adapter.adapter_id, without_canary=True, comment="benchmark", actor="bench"
        )
    )


if __name__ == "__main__":
    for figure in asyncio.run(measure()):
        print(figure)
