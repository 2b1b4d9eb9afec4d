"""Notices in the journal, and how far each webhook has got in them.

A notice is written in the transaction that moves its incident or adapter, so that it is there exactly when the move is.
None is written before the first webhook is known. It decides nothing about sending; `runtime.notify` asks for what
follows a place, and writes a place once its notice was taken.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

import msgspec

from cta_core.notice import Notice
from cta_server.runtime.notify.log import NoticePage, WaitingNotices, WebhookPlace
from cta_server.store.journal.counters import last_position
from cta_server.store.part import Part
from cta_server.store.query import Query


def append(conn: sqlite3.Connection, notices: Iterable[Notice]) -> None:
    """Writes notices, if there is a webhook to tell them to; inside a transaction. The log gives the positions."""
    # By the key's range: one step of an index, on a path that every transition takes.
    if conn.execute("SELECT 1 FROM webhooks WHERE name > '' LIMIT 1").fetchone() is None:
        return
    conn.executemany(
        "INSERT INTO notices (time, type, stream_id, body) VALUES (?, ?, ?, ?)",
        [(n.time, n.type, n.stream_id, msgspec.json.encode(n).decode()) for n in notices],
    )


class Notices(Part):
    """Notices and webhooks of the journal."""

    def open_webhook(self, name: str) -> WebhookPlace:
        """The place of a webhook. A new one starts behind everything that has happened."""
        with self._file.write() as conn:
            row = conn.execute("SELECT body FROM webhooks WHERE name = ?", (name,)).fetchone()
            if row is not None:
                return msgspec.json.decode(row[0], type=WebhookPlace)
            place = WebhookPlace(name=name, position=last_position(conn, "notices"))
            _put(conn, place)
        return place

    def place_webhook(self, place: WebhookPlace) -> None:
        """Writes how far a webhook has got."""
        with self._file.write() as conn:
            _put(conn, place)

    def notices_after(
        self, position: int, *, types: Sequence[str] = (), streams: Sequence[str] = (), limit: int
    ) -> NoticePage:
        """What follows a place; `streams` are patterns with `*` and `?`. Without types or streams: all."""
        query = _following("SELECT position, body FROM notices", position, types, streams)
        with self._file.read() as conn:
            rows = query.rows(conn, order="position", limit=limit)
            end = rows[-1][0] if len(rows) == limit else max(position, last_position(conn, "notices"))
        found = (msgspec.structs.replace(msgspec.json.decode(body, type=Notice), position=at) for at, body in rows)
        return NoticePage(notices=tuple(found), end=end)

    def waiting_notices(
        self, position: int, *, types: Sequence[str] = (), streams: Sequence[str] = ()
    ) -> WaitingNotices:
        """How many follow a place, and since when the first of them waits."""
        query = _following("SELECT count(*), coalesce(min(time), 0) FROM notices", position, types, streams)
        with self._file.read() as conn:
            ((count, since),) = query.rows(conn)
        return WaitingNotices(count=count, since=since)

    def trim_notices(self, before: float) -> int:
        """Drops the oldest up to a time; returns how many."""
        with self._file.write() as conn:
            # Positions grow with time but for a clock that was set back: the first one that is younger ends the search.
            row = conn.execute("SELECT position FROM notices WHERE time >= ? ORDER BY position LIMIT 1", (before,))
            first = row.fetchone()
            if first is None:
                return conn.execute("DELETE FROM notices WHERE position > 0").rowcount
            return conn.execute("DELETE FROM notices WHERE position < ?", first).rowcount


def _put(conn: sqlite3.Connection, place: WebhookPlace) -> None:
    conn.execute(
        """INSERT INTO webhooks (name, body) VALUES (?, ?)
            ON CONFLICT (name) DO UPDATE SET body = excluded.body""",
        (place.name, msgspec.json.encode(place).decode()),
    )


def _following(select: str, position: int, types: Sequence[str], streams: Sequence[str]) -> Query:
    query = Query(select).where("position > ?", position).any_of("type", types)
    if streams:
        query.where(f"({' OR '.join(['stream_id GLOB ?'] * len(streams))})", *streams)
    return query
