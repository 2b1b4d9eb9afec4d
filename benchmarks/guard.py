"""What a guard costs, and how soon a promotion reaches many of them: `python -m benchmarks.guard [GUARDS]`.

The first figures are ratios within one run: events a second through a guarded handler, through the gate's RPC in
batches of 500, and through the bare handler. The last ones are seconds from the answer of PromoteAdapter until a guard
applies the revision; all guards live in this one process, so that its threads are part of what is measured.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from cta.v1.event_service_pb2 import ProcessEventsRequest
from cta_client import GuardOptions, connect, guards
from helpers import guarding
from helpers.payments import healthy, renamed
from helpers.server import live_server

EVENTS = 20_000


def rate(events: Sequence[Any], call: Callable[[Any], Any]) -> float:
    """Events a second, the best of three."""
    best = 0.0
    for _ in range(3):
        begun = time.perf_counter()
        for event in events:
            call(event)
        best = max(best, len(events) / (time.perf_counter() - begun))
    return best


def costs(address: str, folder: Path) -> None:
    """Events a second of a handler that parses its event and looks at one field."""
    asyncio.run(_prepare(address))
    good, drifted = healthy(EVENTS), renamed(EVENTS)

    def handle(event: bytes) -> float:
        return float(json.loads(event)["amount"])

    bare = rate(good, handle)
    print(f"{'bare handler':34} {bare:10,.0f} events/s")
    with guards(address) as cta:
        guarded = cta.guard("cost", options=GuardOptions(folder=folder, worker_id="cost"))(handle)
        guarded(good[0])
        for name, events in (("guard, healthy events", good), ("guard, healed events", drifted)):
            found = rate(events, guarded)
            print(f"{name:34} {found:10,.0f} events/s  {found / bare:5.2f} of bare")
    found = asyncio.run(_rpc(address, good))
    print(f"{'RPC gate, batches of 500':34} {found:10,.0f} events/s  {found / bare:5.2f} of bare")


async def _prepare(address: str) -> None:
    async with connect(address) as cta:
        await guarding.stream(cta, "cost")
        await guarding.promoted(cta, "cost")


async def _rpc(address: str, events: Sequence[bytes]) -> float:
    async with connect(address) as cta:
        begun = time.perf_counter()
        for start in range(0, len(events), 500):
            await cta.events.ProcessEvents(ProcessEventsRequest(stream_id="cost", bodies=events[start : start + 500]))
        return len(events) / (time.perf_counter() - begun)


async def spread(address: str, folder: Path, count: int, pid: int) -> None:
    """Seconds until every guard applies a promotion."""
    async with connect(address) as cta:
        await guarding.stream(cta, "spread")
        every = [guards(address) for _ in range(count)]
        desks = [
            one.desk("spread", GuardOptions(folder=folder, worker_id=f"w{number}", start_seconds=60))
            for number, one in enumerate(every)
        ]
        for desk in desks:
            await asyncio.to_thread(desk.wait_ready)
        busy, begun = _cpu(pid), time.perf_counter()
        await asyncio.sleep(5)
        idle = (_cpu(pid) - busy) / (time.perf_counter() - begun)
        adapter = await guarding.promoted(cta, "spread")
        begun = time.perf_counter()
        took: dict[int, float] = {}
        while len(took) < count and time.perf_counter() - begun < 30:
            for number, desk in enumerate(desks):
                if number not in took and desk.picture is not None and desk.picture.revision == adapter.revision:
                    took[number] = time.perf_counter() - begun
            await asyncio.sleep(0.005)
        times = sorted(took.values())
        print(f"{'guards with the promotion':34} {len(times)} of {count}")
        middle, late = times[len(times) // 2], times[len(times) * 95 // 100]
        print(f"{'promotion to guard, median / p95':34} {middle:.3f} / {late:.3f} s")
        print(f"{'server while all only watch':34} {idle:.1%} of a core, {_resident(pid)} MB")
        await asyncio.gather(*(asyncio.to_thread(one.close) for one in every))


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def _resident(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text("utf-8").split()[1]) * 4 // 1024


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name, live_server(Path(name) / "server") as server:
        costs(server.address, Path(name))
        asyncio.run(
            spread(server.address, Path(name), int(sys.argv[1]) if len(sys.argv) > 1 else 100, server.process.pid)
        )
