"""A whole runtime over a store in a folder, with the consumer of the demonstration, and ways to wait for it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from cta_core.incident import Incident, State
from cta_core.stream import Policy, Stream
from cta_server.runtime.batch import BatchResult, Incoming
from cta_server.runtime.runtime import Runtime
from cta_server.runtime.stages.spec import ConsumerSpec, StageKind, StageSpec
from cta_server.runtime.storage import Storage
from cta_server.store.archive import open_archive
from cta_server.store.journal import open_journal
from helpers.payments import CONTRACT, healthy

T = TypeVar("T")

PAYMENTS = ConsumerSpec(
    name="payments",
    stages=(
        StageSpec(name="Intake", call="cta_server.consumers.payments:intake"),
        StageSpec(name="Retriever", call="cta_server.consumers.payments:retriever", kind=StageKind.TOOL),
        StageSpec(name="Auditor", call="cta_server.consumers.payments:auditor"),
    ),
)


@contextlib.asynccontextmanager
async def running(
    folder: Path, storage: Storage | None = None, *, consumer: ConsumerSpec = PAYMENTS
) -> AsyncIterator[Runtime]:
    """A runtime that has started, stopped at the end; over SQLite in the folder unless a storage is given."""
    storage = storage or Storage(open_journal(folder / "journal.db"), open_archive(folder / "archive.db"))
    runtime = Runtime(storage=storage, consumers={consumer.name: consumer}, sources_folder=None, clock=time.time)
    await runtime.start()
    try:
        yield runtime
    finally:
        await runtime.stop()


async def stream(runtime: Runtime, stream_id: str = "payments", *, consumer: str = "", **policy: Any) -> Stream:
    """A stream with a contract and a baseline of 400 events; its bake is short unless the policy says otherwise."""
    made = Stream(
        stream_id=stream_id,
        contract=json.dumps(CONTRACT).encode(),
        consumer=consumer,
        policy=msgspec.convert({"bake_seconds": 0.05, **policy}, Policy),
    )
    await runtime.streams.create(made)
    await runtime.streams.learn(stream_id, healthy(400))
    return await runtime.streams.get(stream_id)


async def send(runtime: Runtime, events: Sequence[bytes], stream_id: str = "payments", **options: Any) -> BatchResult:
    """Drives events through the gate."""
    return await runtime.intake.process(stream_id, [Incoming(event) for event in events], **options)


async def eventually(look: Callable[[], Awaitable[T]], good: Callable[[T], bool], seconds: float = 12.0) -> T:
    """What `look` returns once it is good. Fails with what was seen last."""
    deadline = time.monotonic() + seconds
    while True:
        seen = await look()
        if good(seen):
            return seen
        assert time.monotonic() < deadline, f"still {seen!r}"
        await asyncio.sleep(0.01)


async def incident_in(runtime: Runtime, *states: State, stream_id: str = "payments") -> Incident:
    """The stream's newest incident once it is in one of the states."""

    async def newest() -> Incident | None:
        journal = runtime.storage.journal
        found = await runtime.storage.journaled(journal.list_incidents, stream_id=stream_id, limit=1)
        return found[0] if found else None

    found = await eventually(newest, lambda incident: incident is not None and incident.state in states)
    assert found is not None
    return found


async def delivered(runtime: Runtime, stream_id: str = "payments") -> list[dict[str, Any]]:
    """Every delivery of the log, decoded, in order."""
    journal = runtime.storage.journal
    log = await runtime.storage.journaled(journal.list_deliveries, stream_id=stream_id, limit=100_000)
    return [json.loads(delivery.raw) for delivery in log]
