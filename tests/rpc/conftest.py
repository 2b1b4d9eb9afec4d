"""One server for all tests of a module; each test has streams of its own."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio

from helpers.api import Api, Server, payments, serving

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
        await payments(api, stream_id, learned=learned, consumer=consumer, bake_ms=bake_ms, **policy)
        return stream_id

    return make
