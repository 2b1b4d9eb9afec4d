"""One server for all tests of a module; each test has streams of its own."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio

from cta.v1 import event_pb2, stream_pb2, stream_service_pb2
from helpers.api import Api, Server, serving
from helpers.payments import CONTRACT, healthy

_numbers = itertools.count()

NewStream = Callable[..., Awaitable[str]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """A server that has recovered."""
    async with serving(tmp_path_factory.mktemp("store")) as running:
        yield running


@pytest.fixture
def api(server: Server) -> Api:
    """Its stubs."""
    return server.api


@pytest.fixture
def new_stream(api: Api) -> NewStream:
    """Makes a stream of payments with a contract and a baseline of 300 events, and returns its id."""

    async def make(*, learned: int = 300, consumer: str = "", bake_ms: int = 50, **policy: object) -> str:
        stream_id = f"payments-{next(_numbers)}"
        rules = stream_pb2.Policy()
        rules.bake.FromMilliseconds(bake_ms)
        for name, value in policy.items():
            setattr(rules, name, value)
        await api.streams.CreateStream(
            stream_service_pb2.CreateStreamRequest(
                stream=stream_pb2.Stream(
                    stream_id=stream_id, contract_json=json.dumps(CONTRACT), consumer=consumer, policy=rules
                )
            )
        )
        if learned:
            events = [event_pb2.Payload(json=raw.decode()) for raw in healthy(learned)]
            await api.streams.LearnBaseline(stream_service_pb2.LearnBaselineRequest(stream_id=stream_id, events=events))
        return stream_id

    return make
