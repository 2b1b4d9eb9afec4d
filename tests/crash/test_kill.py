"""kill -9 of a server at every declared point of the loop: after the restart the incident ends as it should have."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
from pathlib import Path

import pytest

from cta.v1 import (
    event_service_pb2,
    incident_pb2,
    incident_service_pb2,
    stream_pb2,
    stream_service_pb2,
)
from cta_client.channel import Client, connect
from cta_client.errors import ClientError
from cta_core.incident import State
from cta_core.machine import AdapterState
from cta_server.runtime.faultpoints import POINTS
from cta_server.store.journal import open_journal
from helpers.payments import CONTRACT, expected, healthy, renamed
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
        stream = stream_pb2.Stream(stream_id="payments", contract_json=json.dumps(CONTRACT), consumer="payments")
        stream.policy.bake.FromMilliseconds(200)
        await client.streams.CreateStream(stream_service_pb2.CreateStreamRequest(stream=stream))
        known = await client.streams.GetStream(stream_service_pb2.GetStreamRequest(stream_id="payments"))
        if not known.stream.learned_contract_json:
            learn = stream_service_pb2.LearnBaselineRequest(stream_id="payments", actor="test")
            for event in healthy(400):
                learn.events.add(data=event)
            await client.streams.LearnBaseline(learn)
        for number in range(BATCHES):
            await client.events.ProcessEvents(
                event_service_pb2.ProcessEventsRequest(
                    stream_id="payments",
                    bodies=renamed(SIZE, 10_000 + number * SIZE),
                    request_id=f"batch-{number}",
                )
            )
        while not await over(client):  # noqa: ASYNC110 - it happens in another process
            await asyncio.sleep(0.05)


async def over(client: Client) -> bool:
    """The incident is resolved and nothing is held."""
    listed = await client.incidents.ListIncidents(incident_service_pb2.ListIncidentsRequest(stream_id="payments"))
    held = await client.events.ListQuarantined(event_service_pb2.ListQuarantinedRequest(stream_id="payments"))
    resolved = incident_pb2.INCIDENT_STATE_RESOLVED
    return bool(listed.incidents) and listed.incidents[0].state == resolved and held.held_count == 0


async def killed(folder: Path, point: str) -> int:
    """The first life, with a fault point; returns how the server ended."""
    server = start_server(folder, env={"CTA_FAULT_POINT": point})
    try:
        async with asyncio.timeout(30):
            with contextlib.suppress(ClientError):
                await story(server.address)
        return server.process.wait(10)
    finally:
        close(server)


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
    assert await killed(tmp_path, point) == -signal.SIGKILL, f"{point} was never reached"
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
