"""A batch: what leaves the spool at once, as rows of ClickHouse's tables or as one order to delete.

It decides what an entry of the outbox means. What an entry names is read when the batch is made: a document in its
newest state; one that is gone has no row, except a signature, whose row says that it is gone.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any, Final

import msgspec

from cta_server.runtime.ports import RecordedEvent
from cta_server.store.archive.events import block_events
from cta_server.store.nearest import unpack


class Kind(StrEnum):
    """What an entry of the outbox is."""

    EVENT = "event"
    """A block of events."""
    RUN = "run"
    REPORT = "report"
    CANARY = "canary"
    SIGNATURE = "signature"
    FORGET = "forget"
    """A stream was deleted."""
    ERASE = "erase"
    """Events of a stream went by age."""
    EXPIRE = "expire"
    """Runs, reports and canaries of a stream went by age."""


ORDERS: Final = frozenset({Kind.FORGET, Kind.ERASE, Kind.EXPIRE})
"""Entries that are no rows: each is a batch of its own."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the outbox."""

    position: int
    kind: Kind
    stream_id: str
    subject: str
    """Id of a document; empty for events."""
    number: int
    """Last position of a block, or of what is erased."""
    count: int
    """Events of a block."""
    version: int
    """Grows from entry to entry; about nanoseconds since 1970."""
    bytes: int


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One row of a table of ClickHouse."""

    entry: Entry
    key: str
    """What it is, for a person: an id, or STREAM/POSITION of an event."""
    values: tuple[Any, ...]


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """What leaves at once. The same entries make the same batch until it is taken off, over restarts as well."""

    last: int
    """Position of its last entry: the batch is everything up to there."""
    token: str
    """Names it in the database that it goes to."""
    order: Entry | None = None
    rows: dict[str, list[Row]] = {}
    """By table."""

    @property
    def count(self) -> int:
        """Rows."""
        return sum(map(len, self.rows.values()))


def batch_of(conn: sqlite3.Connection, entries: Sequence[Entry], token: str) -> Batch:
    """The batch that these entries make; an order stands alone."""
    last = entries[-1].position
    if entries[0].kind in ORDERS:
        return Batch(last=last, token=f"{token}-{last}", order=entries[0])
    rows: dict[str, list[Row]] = {}
    for entry in entries:
        table, read = _READERS[entry.kind]
        rows.setdefault(table, []).extend(read(conn, entry))
    return Batch(last=last, token=f"{token}-{last}", rows={table: found for table, found in rows.items() if found})


def _events(conn: sqlite3.Connection, entry: Entry) -> list[Row]:
    found = conn.execute(
        """SELECT coalesce(o.body, b.body) FROM outbox o
            LEFT JOIN event_blocks b ON b.stream_id = o.stream_id AND b.last = o.number WHERE o.position = ?""",
        (entry.position,),
    ).fetchone()
    events = block_events(entry.stream_id, entry.number, found[0]) if found[0] is not None else []
    return [Row(entry=entry, key=f"{each.stream_id}/{each.position}", values=_event(each)) for each in events]


def _event(each: RecordedEvent) -> tuple[Any, ...]:
    return (
        each.stream_id, each.position, each.event_id, each.kind, each.raw, each.output,
        each.adapter_id, each.reason, each.message, each.time,
    )  # fmt: skip


def _runs(conn: sqlite3.Connection, entry: Entry) -> list[Row]:
    found = conn.execute(
        "SELECT run_id, stream_id, coalesce(request_id, ''), failed, trace, body FROM runs WHERE run_id = ?",
        (entry.subject,),
    ).fetchall()
    return [Row(entry=entry, key=entry.subject, values=(*row, entry.version, 0)) for row in found]


def _reports(conn: sqlite3.Connection, entry: Entry) -> list[Row]:
    found = conn.execute(
        "SELECT report_id, stream_id, incident_id, body FROM reports WHERE report_id = ?", (entry.subject,)
    ).fetchall()
    return [Row(entry=entry, key=entry.subject, values=(*row, entry.version, 0)) for row in found]


def _canaries(conn: sqlite3.Connection, entry: Entry) -> list[Row]:
    found = conn.execute(
        "SELECT canary_id, stream_id, adapter_id, body FROM canaries WHERE canary_id = ?", (entry.subject,)
    ).fetchall()
    return [Row(entry=entry, key=entry.subject, values=(*row, entry.version, 0)) for row in found]


def _signatures(conn: sqlite3.Connection, entry: Entry) -> list[Row]:
    row = conn.execute(
        """SELECT signature_id, stream_id, fingerprint, confirmed, retired, embedding, body FROM signatures
            WHERE signature_id = ?""",
        (entry.subject,),
    ).fetchone()
    if row is None:
        values: tuple[Any, ...] = (entry.subject, entry.stream_id, "", 0, 0, [], "", entry.version, 1)
    else:
        *head, packed, body = row
        values = (*head, list(unpack(packed)) if packed else [], body, entry.version, 0)
    return [Row(entry=entry, key=entry.subject, values=values)]


_READERS: Final[dict[Kind, tuple[str, Callable[[sqlite3.Connection, Entry], list[Row]]]]] = {
    Kind.EVENT: ("events", _events),
    Kind.RUN: ("runs", _runs),
    Kind.REPORT: ("reports", _reports),
    Kind.CANARY: ("canaries", _canaries),
    Kind.SIGNATURE: ("signatures", _signatures),
}
"""The table of each kind of row, and how its rows are read."""
