"""The gates in force: compiled anew when what is in force changes, and then only."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from cta_core.adapter.program import Program
from cta_core.adapter.revision import AdapterRevision
from cta_core.adapter.steps import Rename
from cta_core.machine import AdapterState
from cta_core.stream import Stream
from cta_server.runtime.gates import Gates
from cta_server.runtime.storage import Storage
from cta_server.store.archive import open_archive
from cta_server.store.journal import open_journal

PROGRAM = Program(steps=(Rename(source="/amt", target="/amount"),))


def adapter(name: str, state: AdapterState) -> AdapterRevision:
    """An adapter of the stream."""
    return AdapterRevision(adapter_id=name, stream_id="s", program=PROGRAM, state=state, create_time=1.0)


@contextlib.asynccontextmanager
async def gates(folder: Path) -> AsyncIterator[Gates]:
    """The gates of a store with one stream, on which one adapter is in force."""
    storage = Storage(open_journal(folder / "journal.db"), open_archive(folder / "archive.db"))
    try:
        await storage.journaled(storage.journal.put_stream, Stream(stream_id="s"), expected=0)
        await storage.journaled(storage.journal.put_adapter, adapter("adp_1", AdapterState.ACTIVE))
        yield Gates(storage)
    finally:
        await storage.close()


async def test_a_gate_is_another_one_only_when_what_is_in_force_changes(tmp_path: Path) -> None:
    """An adapter that is proposed, tried or refused does not concern the gate; one that comes into force or was in it
    does.
    """
    async with gates(tmp_path) as known:
        assert [each.adapter_id for each in (await known.get("s")).adapters] == ["adp_1"]
        for state in AdapterState:
            assert known.concerns("s", [adapter("adp_2", state)]) is (state is AdapterState.ACTIVE)
            assert known.concerns("s", [adapter("adp_2", AdapterState.CANARY), adapter("adp_1", state)])
        assert not known.concerns("s", [])
