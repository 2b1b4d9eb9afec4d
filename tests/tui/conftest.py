"""One server for the stories of a module; each story has a stream of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from cta.v1.stream_pb2 import AUTONOMY_APPROVE
from cta_client.channel import connect
from helpers.server import LiveServer, live_server
from helpers.stage import Stage, set_up


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server for all stories of a module."""
    with live_server(tmp_path_factory.mktemp("room")) as found:
        yield found


@pytest.fixture
async def stage(server: LiveServer) -> AsyncIterator[Stage]:
    """A stream whose fixes wait for a person."""
    async with connect(server.address) as client:
        yield await set_up(client, AUTONOMY_APPROVE)
