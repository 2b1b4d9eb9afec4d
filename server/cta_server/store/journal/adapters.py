"""Adapters in the journal: written once; then only their state changes, and each change takes a new revision."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

import msgspec

from cta_core.adapter.revision import AdapterRevision
from cta_core.machine import AdapterChange, AdapterState
from cta_core.memory import DecisionEntry
from cta_core.notice import of_adapter
from cta_server.runtime.ports import StaleRevision
from cta_server.store.journal import decisions as log
from cta_server.store.journal import notices
from cta_server.store.journal.counters import next_revision
from cta_server.store.journal.requests import Scope, answered, remember
from cta_server.store.part import Part
from cta_server.store.query import Query


def insert(conn: sqlite3.Connection, adapter: AdapterRevision) -> AdapterRevision:
    """Writes a new adapter; inside a transaction."""
    written = msgspec.structs.replace(adapter, revision=next_revision(conn))
    body = msgspec.json.encode(written).decode()
    conn.execute(
        "INSERT INTO adapters (adapter_id, revision, body) VALUES (?, ?, ?)",
        (adapter.adapter_id, written.revision, body),
    )
    notices.append(conn, of_adapter(written))
    return written


def find(conn: sqlite3.Connection, adapter_id: str) -> AdapterRevision | None:
    """The adapter, None if there is none."""
    row = conn.execute("SELECT body FROM adapters WHERE adapter_id = ?", (adapter_id,)).fetchone()
    return _adapter(row) if row else None


def change(conn: sqlite3.Connection, changes: Iterable[AdapterChange], *, time: float) -> list[AdapterRevision]:
    """Gives adapters a new state; inside a transaction. `time` 0 leaves their update time.

    Raises `StaleRevision` for one that is not there, as its stream was deleted.
    """
    changed: list[AdapterRevision] = []
    for one in changes:
        adapter = find(conn, one.adapter_id)
        if adapter is None:
            raise StaleRevision(1, 0)
        adapter = msgspec.structs.replace(
            adapter, state=one.state, revision=next_revision(conn), update_time=time or adapter.update_time
        )
        conn.execute(
            "UPDATE adapters SET revision = ?, body = ? WHERE adapter_id = ?",
            (adapter.revision, msgspec.json.encode(adapter).decode(), adapter.adapter_id),
        )
        notices.append(conn, of_adapter(adapter))
        changed.append(adapter)
    return changed


def _adapter(row: tuple[str, ...]) -> AdapterRevision:
    return msgspec.json.decode(row[0], type=AdapterRevision)


class Adapters(Part):
    """Adapters of the journal."""

    def put_adapter(self, adapter: AdapterRevision, *, request_id: str = "") -> AdapterRevision:
        """Inserts. With a known `request_id` returns the one that exists."""
        with self._file.write() as conn:
            known = answered(conn, Scope.NEW_ADAPTER, request_id)
            if known is not None and (there := find(conn, known)) is not None:
                return there
            written = insert(conn, adapter)
            remember(conn, Scope.NEW_ADAPTER, request_id, adapter.adapter_id)
        return written

    def change_adapters(
        self,
        changes: Sequence[AdapterChange],
        *,
        expected: int = 0,
        decisions: Sequence[DecisionEntry] = (),
        request_id: str = "",
    ) -> list[AdapterRevision]:
        """New states, in one transaction, at the last decision's time. With a known `request_id` nothing changes.

        `expected` is checked against a single change; 0 skips the check. Raises `StaleRevision`.
        """
        with self._file.write() as conn:
            known = answered(conn, Scope.ADAPTERS, request_id)
            if known is not None:
                there = [find(conn, adapter_id) for adapter_id in msgspec.json.decode(known, type=list[str])]
                return [adapter for adapter in there if adapter is not None]
            if expected and len(changes) == 1:
                adapter = find(conn, changes[0].adapter_id)
                actual = adapter.revision if adapter else 0
                if actual != expected:
                    raise StaleRevision(expected, actual)
            changed = change(conn, changes, time=decisions[-1].time if decisions else 0.0)
            log.record(conn, decisions)
            ids = msgspec.json.encode([adapter.adapter_id for adapter in changed]).decode()
            remember(conn, Scope.ADAPTERS, request_id, ids)
        return changed

    def changed_by(self, request_id: str) -> tuple[str, ...]:
        """The adapters that a verb's request changed, none for a request that changed none."""
        with self._file.read() as conn:
            known = answered(conn, Scope.ADAPTERS, request_id)
        return msgspec.json.decode(known, type=tuple[str, ...]) if known else ()

    def get_adapter(self, adapter_id: str) -> AdapterRevision | None:
        """The adapter, None if there is none."""
        with self._file.read() as conn:
            return find(conn, adapter_id)

    def list_adapters(
        self, *, stream_id: str = "", states: Sequence[AdapterState] = (), before: str = "", limit: int = 50
    ) -> list[AdapterRevision]:
        """By id, descending."""
        query = Query("SELECT body FROM adapters").equal("stream_id", stream_id).any_of("state", states)
        if before:
            query.where("adapter_id < ?", before)
        with self._file.read() as conn:
            return [_adapter(row) for row in query.rows(conn, order="adapter_id DESC", limit=limit)]

    def adapters_since(self, revision: int, *, stream_ids: Sequence[str] = ()) -> list[AdapterRevision]:
        """Changed after `revision`, by revision."""
        # The plus keeps SQLite to the index of revisions: few rows are newer, while a stream may have many.
        query = Query("SELECT body FROM adapters").where("revision > ?", revision).any_of("+stream_id", stream_ids)
        with self._file.read() as conn:
            return [_adapter(row) for row in query.rows(conn, order="revision")]
