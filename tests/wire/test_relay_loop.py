"""The whole loop while ClickHouse is away, slow or wedged: it heals as ever, and the archive arrives later."""

from __future__ import annotations

from pathlib import Path

import pytest

from cta_core.gate import OutcomeKind
from cta_core.incident import State
from cta_server.runtime.storage import Storage
from cta_server.store import open_journal
from cta_server.store.clickhouse import open_clickhouse
from helpers.clickhouse_front import ClickHouseFront
from helpers.loop import delivered, eventually, incident_in, running, send, stream
from helpers.payments import expected, healthy, renamed
from helpers.relays import drained, relay

FAULTS = {"away": {"away": True}, "wedged": {"slow": {"read": 60.0, "write": 60.0, "insert": 60.0}}}


@pytest.mark.parametrize("fault", FAULTS)
async def test_the_loop_heals_without_clickhouse(tmp_path: Path, front: ClickHouseFront, url: str, fault: str) -> None:
    """An incident is healed and nothing escalated while nothing gets there; then all of it does, as it is here."""
    archive = relay(tmp_path, url, likeness=0.1, history=0.1, shy=60.0)
    storage = Storage(open_journal(tmp_path / "journal.db"), archive, history=archive.history, spool=archive.spool)
    async with running(tmp_path, storage) as runtime:
        await stream(runtime)
        front.order(**FAULTS[fault])
        await send(runtime, healthy(100, 5_000))
        await send(runtime, renamed(400))
        incident = await incident_in(runtime, State.RESOLVED, State.ESCALATED)
        assert incident.state is State.RESOLVED
        assert await delivered(runtime) == expected(400)
        assert [each.kind for each in (await send(runtime, renamed(3, 20_000))).results] == [OutcomeKind.HEALED] * 3
        now = await storage.spool()
        assert now.spooled_rows > 0
        assert now.drained_count == 0
        here = await storage.archived(archive.recent_events, "payments", limit=10_000)
        report = await storage.archived(archive.get_report, incident.report_id)
        [signature] = await storage.archived(archive.find_signatures, incident.fingerprint)
        if fault == "away":
            front.order(away=False)
            await eventually(storage.spool, lambda now: now.reachable and now.spooled_rows == 0)
    # The wedged one was stopped while a call was under way; the next start drains.
    front.calm()
    last = relay(tmp_path, url)
    drained(last)
    last.close()
    far = open_clickhouse(url)
    assert far.recent_events("payments", limit=10_000) == here
    assert far.get_report(incident.report_id) == report
    found = far.get_signature(signature.signature_id)
    assert found is not None
    assert found.program == signature.program
    far.close()
