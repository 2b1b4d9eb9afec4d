"""Streams and adapters for tests of guards, made over a client."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

from cta.v1.adapter_pb2 import Adapter
from cta.v1.adapter_service_pb2 import CreateAdapterRequest, PromoteAdapterRequest, RollBackAdapterRequest
from cta.v1.event_pb2 import Payload
from cta.v1.event_service_pb2 import ListQuarantinedRequest
from cta.v1.stream_pb2 import Autonomy, Policy, Stream
from cta.v1.stream_service_pb2 import CreateStreamRequest, LearnBaselineRequest
from cta_client.channel import Client
from helpers.payments import CONTRACT, healthy
from helpers.watching import rename

TRIES = 400


async def until(good: Callable[[], object], why: str = "") -> None:
    """Waits for what a thread does; eight seconds at most."""
    for _ in range(TRIES):
        if good():
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"did not come: {why}")


async def stream(client: Client, stream_id: str, *, learned: int = 0) -> None:
    """A stream of payments that a person decides on, so that only the test changes adapters."""
    policy = Policy(autonomy=Autonomy.AUTONOMY_OBSERVE)
    wanted = Stream(stream_id=stream_id, contract_json=json.dumps(CONTRACT), policy=policy)
    await client.streams.CreateStream(CreateStreamRequest(stream=wanted))
    if learned:
        events = [Payload(data=raw) for raw in healthy(learned)]
        await client.streams.LearnBaseline(LearnBaselineRequest(stream_id=stream_id, events=events))


async def promoted(client: Client, stream_id: str, source: str = "/amt") -> Adapter:
    """An adapter in force that renames a field to `amount`."""
    made = await client.adapters.CreateAdapter(
        CreateAdapterRequest(stream_id=stream_id, program=rename(source), author="ann")
    )
    request = PromoteAdapterRequest(
        adapter_id=made.adapter.adapter_id, without_canary=True, comment="a test", actor="ann"
    )
    return (await client.adapters.PromoteAdapter(request)).adapter


async def taken_back(client: Client, adapter_id: str) -> None:
    """Rolls an adapter back."""
    await client.adapters.RollBackAdapter(RollBackAdapterRequest(adapter_id=adapter_id, actor="ann", comment="a test"))


async def held_ids(client: Client, stream_id: str) -> list[str]:
    """Ids that wait in the server's quarantine."""
    answer = await client.events.ListQuarantined(ListQuarantinedRequest(stream_id=stream_id, page_size=1000))
    return [each.event_id for each in answer.events]
