"""kill -9 of a server at every declared point of the loop: after the restart the incident ends as it should have."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path

import pytest

from cta.v1 import event_service_pb2, incident_pb2, incident_service_pb2
from cta_client.channel import Client, connect
from cta_core.incident import State
from cta_core.machine import AdapterState
from cta_server.runtime.faultpoints import POINTS
from cta_server.store.journal import open_journal
from helpers.payments import expected
from helpers.retold import killed, send, set_up
from helpers.server import close, start_server

BATCHES = 3
SIZE = 150

# The first time a point is reached is not always the most interesting one: commits and effects are many.
CASES = [
    *POINTS,
    "healer.after_commit:2",
    "healer.after_commit:4",
    "healer.before_effect:4",
    "healer.before_effect:5",
    "healer.after_effect:2",
    "intake.after_hold:2",
]


async def story(address: str) -> None:
    """A client's whole story; told again from the start after a crash, with the same request ids."""
    async with connect(address) as client:
        await set_up(client, bake_ms=200, consumer="payments")
        for number in range(BATCHES):
            await send(client, SIZE, start=10_000 + number * SIZE, request_id=f"batch-{number}")
        while not await over(client):  # noqa: ASYNC110 - it happens in another process
            await asyncio.sleep(0.05)


async def over(client: Client) -> bool:
    """The incident is resolved and nothing is held."""
    listed = await client.incidents.ListIncidents(incident_service_pb2.ListIncidentsRequest(stream_id="payments"))
    held = await client.events.ListQuarantined(event_service_pb2.ListQuarantinedRequest(stream_id="payments"))
    resolved = incident_pb2.INCIDENT_STATE_RESOLVED
    return bool(listed.incidents) and listed.incidents[0].state == resolved and held.held_count == 0


async def restarted(folder: Path) -> None:
    """The second life, to the story's end and a little further: what is crossed off last is written too."""
    server = start_server(folder)
    try:
        async with asyncio.timeout(30):
            await story(server.address)
            await asyncio.sleep(0.3)
    finally:
        close(server)


@pytest.mark.timeout(90)
@pytest.mark.parametrize("point", CASES)
async def test_nothing_is_lost_or_doubled(tmp_path: Path, point: str) -> None:
    """Every event is delivered exactly once, healed and in order; one adapter is in force; nothing is left undone."""
    assert await killed(tmp_path, point, story) == -signal.SIGKILL, f"{point} was never reached"
    await restarted(tmp_path)
    journal = open_journal(tmp_path / "store" / "journal.db")
    try:
        log = journal.list_deliveries(stream_id="payments", limit=10_000)
        # What the gate healed at once in a later batch was handed back in its answer and never entered the quarantine.
        assert (BATCHES * SIZE - len(log)) % SIZE == 0
        assert [json.loads(delivery.raw) for delivery in log] == expected(len(log))
        assert journal.count_held(stream_id="payments") == 0
        assert journal.pending_effects() == []
        assert len(journal.list_adapters(stream_id="payments", states=(AdapterState.ACTIVE,))) == 1
        incidents = journal.list_incidents(stream_id="payments")
        assert [incident.state for incident in incidents] == [State.RESOLVED]
    finally:
        journal.close()
