"""Stores for tests: every implementation of the ports, and small values to fill them with."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

from sqlite_utils import Database

from cta_core.adapter.program import Program
from cta_core.adapter.revision import AdapterRevision
from cta_core.incident import Incident
from cta_core.memory import DecisionEntry
from cta_core.quarantine import Delivery, HeldEvent, HeldReason
from cta_core.stream import Stream
from cta_server.runtime.ports import Archive, Journal, RecordedEvent, Transition
from cta_server.store import open_archive, open_journal
from cta_server.store.check.files import names_of
from cta_server.store.clickhouse import open_clickhouse
from cta_server.store.migrations import archive_migrations, journal_migrations
from helpers.relays import relay


class Reopened:
    """A store that is closed and opened again after every call: what works through it lives in the file alone."""

    def __init__(self, opener: Callable[[], Any]) -> None:
        self._opener = opener

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            store = self._opener()
            try:
                return getattr(store, name)(*args, **kwargs)
            finally:
                store.close()

        return call


JOURNALS: dict[str, Callable[[Path], Journal]] = {
    "sqlite": lambda folder: open_journal(folder / "journal.db"),
    "sqlite-reopened": lambda folder: cast("Journal", Reopened(lambda: open_journal(folder / "journal.db"))),
}
ARCHIVES: dict[str, Callable[[Path], Archive]] = {
    "sqlite": lambda folder: open_archive(folder / "archive.db"),
    "sqlite-reopened": lambda folder: cast("Archive", Reopened(lambda: open_archive(folder / "archive.db"))),
    "chdb": lambda folder: open_clickhouse(f"chdb://{folder}/archive"),
    "relay": lambda folder: relay(folder, by_age=False).history,
}
if find_spec("chdb") is None:
    for name in ("chdb", "relay"):
        del ARCHIVES[name]


def stream(stream_id: str = "orders", **more: Any) -> Stream:
    """A stream."""
    return Stream(stream_id=stream_id, **more)


def held(event_id: str, *, stream_id: str = "orders", key: str = "required:/amount", **more: Any) -> HeldEvent:
    """A held event with a payload that tells its id."""
    raw = more.pop("raw", f'{{"id":"{event_id}"}}'.encode())
    return HeldEvent(
        stream_id=stream_id, event_id=event_id, raw=raw, reason=HeldReason.CONTRACT, failure_key=key, **more
    )


def delivery(event_id: str, *, stream_id: str = "orders", raw: bytes = b"{}", **more: Any) -> Delivery:
    """A delivery of a held event."""
    return Delivery(stream_id=stream_id, event_id=event_id, raw=raw, **more)


def adapter(adapter_id: str = "adp_1", *, stream_id: str = "orders", **more: Any) -> AdapterRevision:
    """An adapter."""
    return AdapterRevision(adapter_id=adapter_id, stream_id=stream_id, program=Program(), **more)


def transition(incident: Incident, **more: Any) -> Transition:
    """A step of the machine."""
    return Transition(incident=incident, input=b'{"type":"Opened"}', **more)


def incident(incident_id: str = "inc_1", *, stream_id: str = "orders", **more: Any) -> Incident:
    """An incident."""
    return Incident(incident_id=incident_id, stream_id=stream_id, **more)


def recorded(event_id: str, *, kind: str = "HEALTHY", stream_id: str = "orders", **more: Any) -> RecordedEvent:
    """A recent event; the archive gives the position."""
    return RecordedEvent(position=0, stream_id=stream_id, event_id=event_id, kind=kind, raw=b"{}", **more)


def decision(action: str = "promote", **more: Any) -> DecisionEntry:
    """A decision."""
    return DecisionEntry(action=action, **more)


def older(path: Path) -> None:
    """Makes a store of the first release: its first step, and a row that has to be there afterwards."""
    path.mkdir()
    for name, migrations in (("journal", journal_migrations), ("archive", archive_migrations)):
        known = migrations()
        database = Database(path / f"{name}.db")
        known.apply(database, stop_before=names_of(known)[1])
        database.conn.execute("UPDATE counters SET value = 41")
        database.conn.commit()
        database.close()
