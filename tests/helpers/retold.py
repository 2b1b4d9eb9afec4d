"""A client's story that is told again after a crash, word by word: the same stream, and batches with the same ids."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from cta.v1 import event_service_pb2, stream_pb2, stream_service_pb2
from cta_client.channel import Client
from cta_client.errors import ClientError
from helpers.payments import CONTRACT, healthy, renamed
from helpers.server import close, start_server


async def set_up(client: Client, *, bake_ms: int, consumer: str = "") -> None:
    """The stream `payments` with a contract, and with a baseline unless it has one from an earlier life."""
    stream = stream_pb2.Stream(stream_id="payments", contract_json=json.dumps(CONTRACT), consumer=consumer)
    stream.policy.bake.FromMilliseconds(bake_ms)
    await client.streams.CreateStream(stream_service_pb2.CreateStreamRequest(stream=stream))
    known = await client.streams.GetStream(stream_service_pb2.GetStreamRequest(stream_id="payments"))
    if not known.stream.learned_contract_json:
        learn = stream_service_pb2.LearnBaselineRequest(stream_id="payments", actor="test")
        for event in healthy(400):
            learn.events.add(data=event)
        await client.streams.LearnBaseline(learn)


async def send(client: Client, count: int, *, start: int = 10_000, request_id: str) -> None:
    """Drifted events, as one batch that counts once."""
    await client.events.ProcessEvents(
        event_service_pb2.ProcessEventsRequest(
            stream_id="payments", bodies=renamed(count, start), request_id=request_id
        )
    )


async def killed(folder: Path, point: str, story: Callable[[str], Awaitable[None]], extra: Sequence[str] = ()) -> int:
    """The first life, with a fault point, as far as the story comes; returns how the server ended."""
    server = start_server(folder, extra=extra, env={"CTA_FAULT_POINT": point})
    try:
        async with asyncio.timeout(30):
            with contextlib.suppress(ClientError):
                await story(server.address)
            return await asyncio.to_thread(server.process.wait, 15)
    finally:
        close(server)
