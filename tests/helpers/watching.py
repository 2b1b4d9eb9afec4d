"""Reading watches: so many messages, or until one is good; and adapters to watch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cta.v1 import adapter_pb2
from cta.v1 import adapter_service_pb2 as adapters
from helpers.api import Api


async def until(call: Any, good: Callable[[Any], bool]) -> list[Any]:
    """Messages up to the first good one, which is the last of them; the call stays open."""
    seen: list[Any] = []
    while True:
        seen.append(await call.read())
        if good(seen[-1]):
            return seen


async def so_many(call: Any, count: int) -> list[Any]:
    """The next messages."""
    return [await call.read() for _ in range(count)]


def arm(message: Any) -> str:
    """Which of its four arms a message of a state watch has."""
    return str(message.WhichOneof("change"))


def rename(source: str, target: str = "/amount") -> adapter_pb2.Program:
    """A program of one step, for events that have the source and lack the target."""
    return adapter_pb2.Program(
        guard=[
            adapter_pb2.Condition(path=source, test=adapter_pb2.TEST_PRESENT),
            adapter_pb2.Condition(path=target, test=adapter_pb2.TEST_ABSENT),
        ],
        steps=[adapter_pb2.Step(rename=adapter_pb2.RenameStep(source=source, target=target))],
    )


async def proposed(api: Api, stream_id: str, source: str = "/amt", **more: Any) -> adapter_pb2.Adapter:
    """An adapter that a person brought."""
    request = adapters.CreateAdapterRequest(stream_id=stream_id, program=rename(source), author="ann", **more)
    return (await api.adapters.CreateAdapter(request)).adapter


async def in_force(api: Api, stream_id: str, source: str = "/amt") -> adapter_pb2.Adapter:
    """An adapter in force, without a canary."""
    made = await proposed(api, stream_id, source)
    request = adapters.PromoteAdapterRequest(
        adapter_id=made.adapter_id, without_canary=True, comment="a test", actor="ann"
    )
    return (await api.adapters.PromoteAdapter(request)).adapter


async def taken_back(api: Api, adapter_id: str) -> adapter_pb2.Adapter:
    """The adapter, rolled back."""
    request = adapters.RollBackAdapterRequest(adapter_id=adapter_id, actor="ann", comment="a test")
    return (await api.adapters.RollBackAdapter(request)).adapter
