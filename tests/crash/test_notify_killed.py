"""kill -9 of a server between an event that was taken and the note of it: it comes again, and none is missing."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path

import pytest

from cta_client.channel import connect
from cta_server.runtime.faultpoints import NOTIFY_POINTS
from cta_server.store.journal import open_journal
from helpers.receiver import Receiver
from helpers.retold import killed, send, set_up
from helpers.server import close, start_server

CASES = [*NOTIFY_POINTS, *(f"{point}:4" for point in NOTIFY_POINTS)]


async def story(address: str) -> None:
    """A stream whose drifted events are healed; told again after a crash, with the same request ids."""
    async with connect(address) as client:
        await set_up(client, bake_ms=100)
        await send(client, 300, request_id="batch")


@pytest.mark.timeout(60)
@pytest.mark.parametrize("point", CASES)
async def test_a_kill_repeats_one_event_and_loses_none(tmp_path: Path, point: str) -> None:
    """After the restart the event that was under way comes again, byte for byte, and all others once, in order."""
    with Receiver() as receiver:
        hook = json.dumps([{"name": "pager", "url": receiver.url}])
        flags = ("--set", f"notify.webhooks={hook}")
        assert await killed(tmp_path, point, story, flags) == -signal.SIGKILL, f"{point} was never reached"
        before = len(receiver.got)
        server = start_server(tmp_path, extra=flags)
        try:
            await story(server.address)
            async with asyncio.timeout(30):
                while "incident.resolved" not in receiver.kinds:  # noqa: ASYNC110 - it happens in another process
                    await asyncio.sleep(0.02)
        finally:
            close(server)
        ids = [one.event["id"] for one in receiver.got]
        assert ids[before] == ids[before - 1]
        assert receiver.got[before].body == receiver.got[before - 1].body
        journal = open_journal(tmp_path / "store" / "journal.db")
        try:
            told = [notice.notice_id for notice in journal.notices_after(0, limit=1000).notices]
            assert ids[:before] + ids[before + 1 :] == told
            assert journal.open_webhook("pager").position == len(told)
        finally:
            journal.close()
