"""The quarantine: events that may not pass, stored before anybody is told so, each once, and never deleted but with
their stream. It decides what is known already and keeps the counts; which events leave is for `deliveries`.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

import msgspec

from cta_core.quarantine import HeldBreach, HeldEvent, HeldReason, HeldState
from cta_server.runtime.ports import Held
from cta_server.store.journal.requests import digest_of, remember_digest
from cta_server.store.part import Part
from cta_server.store.query import Query, marks

LOOKUP = 500
"""Ids looked up by one statement: a batch. SQLite binds 32,766 values at most."""

TOGETHER = 50
"""Events inserted by one statement. Python lets go of its lock around each, and a busy loop gives it back late: then
fifty at once take half the time of fifty statements, and on an idle server a tenth or two less. More gain nothing."""

_ROW = "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
# Not INSERT OR IGNORE, which would also leave out a row that breaks another rule of the table, without a word.
_INSERT = """INSERT INTO held
    (stream_id, event_id, incident_id, arrive_time, reason, failure_key, stage, run_id, message, breaches, raw)
    VALUES {} ON CONFLICT (stream_id, event_id) DO NOTHING"""
_INSERT_ONE, _INSERT_MANY = _INSERT.format(_ROW), _INSERT.format(", ".join([_ROW] * TOGETHER))
_SELECT = """SELECT position, stream_id, event_id, incident_id, state, arrive_time, redrive_time, reason, failure_key,
    stage, run_id, message, breaches, raw FROM held"""

Group = tuple[str, str, HeldState]
"""Stream, incident (empty for none) and state: what is counted together."""


def count(conn: sqlite3.Connection, changes: Mapping[Group, int]) -> None:
    """Adds to the counts; inside the transaction that changes the events."""
    conn.executemany(
        """INSERT INTO held_counts VALUES (?, ?, ?, ?)
            ON CONFLICT DO UPDATE SET count = count + excluded.count""",
        [(*group, number) for group, number in changes.items()],
    )


def adopt(conn: sqlite3.Connection, stream_id: str, failure_keys: Sequence[str], incident_id: str) -> int:
    """Held events with these keys and no incident join one; inside a transaction. Returns how many."""
    if not failure_keys:
        return 0
    statement = [
        "UPDATE held SET incident_id = ? WHERE stream_id = ? AND incident_id = '' AND state = 'HELD'",
        "AND failure_key IN (",
        marks(len(failure_keys)),
        ")",
    ]
    joined = conn.execute(" ".join(statement), (incident_id, stream_id, *failure_keys)).rowcount
    if joined:
        count(conn, {(stream_id, "", HeldState.HELD): -joined, (stream_id, incident_id, HeldState.HELD): joined})
    return joined


class Quarantine(Part):
    """Held events of the journal."""

    def hold(self, events: Sequence[HeldEvent], *, request_id: str = "", digest: str = "") -> Held:
        """Stores events durably before it returns (synchronous FULL). Remembers the request, with its digest."""
        rows = _rows(events)
        with self._file.write() as conn:
            before = _last(conn)
            new = _insert(conn, rows)
            if new == len(rows):
                groups = Counter((event.stream_id, event.incident_id, HeldState.HELD) for event in events)
            else:
                stored = conn.execute("SELECT stream_id, incident_id FROM held WHERE position > ?", (before,))
                groups = Counter((stream, incident, HeldState.HELD) for stream, incident in stored)
            count(conn, groups)
            if request_id:
                remember_digest(conn, request_id, digest)
            return Held(new=new, last_position=_last(conn))

    def request_digest(self, request_id: str) -> str | None:
        """Digest of a remembered request."""
        with self._file.read() as conn:
            return digest_of(conn, request_id)

    def known_events(self, stream_id: str, event_ids: Sequence[str]) -> dict[str, HeldEvent]:
        """Those of the ids that are or were in the quarantine, by id."""
        found: dict[str, HeldEvent] = {}
        with self._file.read() as conn:
            for start in range(0, len(event_ids), LOOKUP):
                ids = event_ids[start : start + LOOKUP]
                query = Query(_SELECT).where("stream_id = ?", stream_id).any_of("event_id", ids)
                found.update((row[2], _held(row)) for row in query.each(conn))
        return found

    def list_held(
        self,
        *,
        stream_id: str = "",
        incident_id: str = "",
        failure_keys: Sequence[str] = (),
        state: HeldState | None = HeldState.HELD,
        after: int = 0,
        limit: int = 50,
    ) -> list[HeldEvent]:
        """In order of arrival; `state` None lists both."""
        groups = _groups(stream_id, incident_id, state).where("count > 0")
        with self._file.read() as conn:
            places: list[int] = []
            for *group, _ in groups.rows(conn):
                query = Query("SELECT position FROM held")
                query.where("stream_id = ? AND incident_id = ? AND state = ?", *group)
                query.where("position > ?", after).any_of("failure_key", failure_keys)
                places += [row[0] for row in query.each(conn, order="position", limit=limit)]
            places.sort()
            return [_held(row) for row in _at(conn, places[:limit])]

    def held_bodies(self, *, stream_id: str = "", incident_id: str = "", limit: int) -> list[bytes]:
        """The held events themselves, in order of arrival, without all that is known about them."""
        groups = _groups(stream_id, incident_id, HeldState.HELD).where("count > 0")
        with self._file.read() as conn:
            found: list[tuple[int, bytes]] = []
            for *group, _ in groups.rows(conn):
                query = Query("SELECT position, raw FROM held")
                query.where("stream_id = ? AND incident_id = ? AND state = ?", *group)
                found += [(row[0], row[1]) for row in query.each(conn, order="position", limit=limit)]
        found.sort()
        return [raw for _, raw in found[:limit]]

    def count_held(self, *, stream_id: str = "", incident_id: str = "", state: HeldState = HeldState.HELD) -> int:
        """How many events there are, from the counts: it does not look at the events."""
        with self._file.read() as conn:
            return sum(row[-1] for row in _groups(stream_id, incident_id, state).each(conn))

    def assign(self, stream_id: str, failure_keys: Sequence[str], incident_id: str) -> int:
        """Held events with these keys and no incident join one; returns how many."""
        with self._file.write() as conn:
            return adopt(conn, stream_id, failure_keys, incident_id)


def _groups(stream_id: str, incident_id: str, state: HeldState | None) -> Query:
    """The groups that a filter selects, with their counts; empty values select all."""
    query = Query("SELECT stream_id, incident_id, state, count FROM held_counts")
    return query.equal("stream_id", stream_id).equal("incident_id", incident_id).equal("state", state)


def _at(conn: sqlite3.Connection, places: Sequence[int]) -> Iterator[tuple[Any, ...]]:
    """The rows at these positions, in order."""
    for start in range(0, len(places), LOOKUP):
        query = Query(_SELECT).any_of("position", places[start : start + LOOKUP])
        yield from query.each(conn, order="position")


def _insert(conn: sqlite3.Connection, rows: Sequence[tuple[Any, ...]]) -> int:
    """Inserts what is not there yet; returns how many."""
    whole = len(rows) - len(rows) % TOGETHER
    new = 0
    for start in range(0, whole, TOGETHER):
        values = list(chain.from_iterable(rows[start : start + TOGETHER]))
        new += conn.execute(_INSERT_MANY, values).rowcount
    return new + sum(conn.execute(_INSERT_ONE, row).rowcount for row in rows[whole:])


def _last(conn: sqlite3.Connection) -> int:
    """Position of the last event, 0 if there is none."""
    return int(conn.execute("SELECT coalesce(max(position), 0) FROM held").fetchone()[0])


def _rows(events: Iterable[HeldEvent]) -> list[tuple[Any, ...]]:
    """The values of `_ROW`."""
    encode = msgspec.json.encode
    return [
        (
            event.stream_id,
            event.event_id,
            event.incident_id,
            event.arrive_time,
            event.reason,
            event.failure_key,
            event.stage,
            event.run_id,
            event.message,
            encode(event.breaches).decode() if event.breaches else "[]",
            event.raw,
        )
        for event in events
    ]


def _held(row: tuple[Any, ...]) -> HeldEvent:
    """A row of `_SELECT` as a value."""
    position, stream, event, incident, state, arrived, redriven, reason, key, stage, run, message, breaches, raw = row
    return HeldEvent(
        position=position,
        stream_id=stream,
        event_id=event,
        incident_id=incident,
        state=HeldState(state),
        arrive_time=arrived,
        redrive_time=redriven,
        reason=HeldReason(reason),
        failure_key=key,
        stage=stage,
        run_id=run,
        message=message,
        breaches=() if breaches == "[]" else msgspec.json.decode(breaches, type=tuple[HeldBreach, ...]),
        raw=raw,
    )
