"""What the worker process of a consumer costs: 1,000 events through three stages, against calling the functions in
process.

Run it with `python benchmarks/stages.py`. Two chains: one that does nothing, where all that is measured is the way, and
the payments consumer. "In process" decodes each event, calls the three functions and encodes what they return.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / name) for name in ("core", "server", "benchmarks")]

from cta_core.event import decode, encode  # noqa: E402
from cta_server.consumers import payments  # noqa: E402
from cta_server.runtime.stages import ConsumerSpec, StagePool, StageSpec  # noqa: E402

EVENTS = 1000
ROUNDS = 21


def same(event: Any) -> Any:
    """Give the event back."""
    return event


def spec(name: str, *calls: str) -> ConsumerSpec:
    """A consumer of these callables."""
    return ConsumerSpec(
        name=name, stages=tuple(StageSpec(name=f"{n}", call=call) for n, call in enumerate(calls)), path=sys_path()
    )


def sys_path() -> tuple[str, ...]:
    """Where the worker finds this file."""
    return (str(ROOT / "benchmarks"),)


def payment(number: int) -> bytes:
    """A payment of 320 bytes."""
    event = {
        "id": f"pay-{number:06d}",
        "merchant": f"m-{number % 500:04d}",
        "amount": round(3 + number * 0.37, 2),
        "currency": "EUR",
        "country": "DE",
        "method": "card",
        "status": "captured",
        "created_at": "2026-03-01T12:00:00Z",
        "customer": {"id": f"c-{number}", "email": f"c{number}@example.org", "tier": "gold", "since": 2019},
        "v": 3,
    }
    return json.dumps(event).encode()


def in_process(events: list[bytes], *calls: Callable[[Any], Any]) -> None:
    """The same work without a process between."""
    for raw in events:
        value: Any = decode(raw)
        for call in calls:
            value = call(value)
        encode(value)


async def main() -> None:
    """Print the table."""
    consumers = {
        "nothing": spec("nothing", "stages:same", "stages:same", "stages:same"),
        "payments": spec(
            "payments", *(f"cta_server.consumers.payments:{n}" for n in ("intake", "retriever", "auditor"))
        ),
    }
    functions: dict[str, tuple[Callable[[Any], Any], ...]] = {
        "nothing": (same, same, same),
        "payments": (payments.intake, payments.retriever, payments.auditor),
    }
    events = [payment(number) for number in range(EVENTS)]
    pool = StagePool(consumers)
    begun = perf_counter()
    await pool.start()
    print(f"two workers started in {(perf_counter() - begun) * 1000:.0f} ms")
    print(f"{EVENTS} events through three stages, medians of {ROUNDS} runs")
    for name, calls in functions.items():
        pooled, plain = [], []
        for _ in range(ROUNDS):
            gc.collect()
            begun = perf_counter()
            result = await pool.run(name, events, timeout_ms=1000)
            pooled.append((perf_counter() - begun) * 1000)
            if result.failed:
                raise SystemExit(f"{result.failed} events failed: {result.outcomes[0]}")
            begun = perf_counter()
            in_process(events, *calls)
            plain.append((perf_counter() - begun) * 1000)
        ratio = median(pooled) / median(plain)
        print(f"{name:10} worker {median(pooled):6.1f} ms   in process {median(plain):6.1f} ms   ratio {ratio:.2f}")
    await pool.close()


if __name__ == "__main__":
    asyncio.run(main())
