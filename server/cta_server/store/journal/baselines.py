"""Baselines: healthy events of a stream that the analyses compare with. It decides which are kept when there are many.

Every offered event has a number, from 0. The events kept are those whose number is a multiple of the stride; when they
become more than `KEPT`, the stride doubles and every second one is dropped. So what is kept is spread evenly over all
that was ever offered, and does not depend on how the events were cut into calls.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import msgspec

from cta_core.privacy.mask import Mask
from cta_server.store.part import Part
from cta_server.store.query import Query

KEPT = 10_000
"""Most events kept for a stream. An analysis looks at some hundreds of them; the rest makes that sample a fair one."""

LOOKUP = 500
"""Events looked up by one statement. SQLite binds 32,766 values at most."""


class Baselines(Part):
    """Baselines of the journal."""

    def put_baseline(self, stream_id: str, events: Sequence[bytes], *, append: bool) -> int:
        """Keeps healthy events, after or in place of the former ones. Returns how many are kept.

        That is all of them up to 10,000 offered, and between 5,000 and 10,000 beyond.
        """
        with self._file.write() as conn:
            if not append:
                conn.execute("DELETE FROM baseline_events WHERE stream_id = ?", (stream_id,))
                conn.execute("DELETE FROM baselines WHERE stream_id = ?", (stream_id,))
            first, stride = _extent(conn, stream_id)
            offered = first + len(events)
            wider = stride
            while _kept(offered, wider) > KEPT:
                wider *= 2
            if wider != stride:
                conn.execute("DELETE FROM baseline_events WHERE stream_id = ? AND number % ? <> 0", (stream_id, wider))
            start = -first % wider  # index of the first new event whose number is a multiple of the stride
            conn.executemany(
                "INSERT INTO baseline_events VALUES (?, ?, ?)",
                [(stream_id, first + index, events[index]) for index in range(start, len(events), wider)],
            )
            conn.execute("INSERT OR REPLACE INTO baselines VALUES (?, ?, ?)", (stream_id, offered, wider))
        return _kept(offered, wider)

    def mask_baseline(self, stream_id: str, events: Sequence[bytes], *, profile: bytes, masks: Sequence[Mask]) -> bool:
        """Puts masked copies in the place of all kept events, and the masks that they have into the stream, at once.

        Without events the baseline goes, with its profile. False when the baseline changed since it was read, or the
        stream is gone: then nothing is written.
        """
        with self._file.write() as conn:
            numbers = [
                row[0]
                for row in conn.execute(
                    "SELECT number FROM baseline_events WHERE stream_id = ? ORDER BY number", (stream_id,)
                )
            ]
            if events and len(events) != len(numbers):
                return False
            if events:
                conn.executemany(
                    "UPDATE baseline_events SET event = ? WHERE stream_id = ? AND number = ?",
                    [(event, stream_id, number) for event, number in zip(events, numbers, strict=True)],
                )
                conn.execute("UPDATE profiles SET profile = ? WHERE stream_id = ?", (profile, stream_id))
            else:
                for statement in (
                    "DELETE FROM baseline_events WHERE stream_id = ?",
                    "DELETE FROM baselines WHERE stream_id = ?",
                    "DELETE FROM profiles WHERE stream_id = ?",
                ):
                    conn.execute(statement, (stream_id,))
            masked = msgspec.json.encode(list(masks)).decode()
            known = conn.execute("UPDATE streams SET masked = ? WHERE stream_id = ?", (masked, stream_id)).rowcount
        self._file.forget()
        return bool(known)

    def get_baseline(self, stream_id: str, *, limit: int) -> list[bytes]:
        """At most `limit` of the kept events, spread evenly, in the order in which they were offered."""
        with self._file.read() as conn:
            offered, stride = _extent(conn, stream_id)
            kept = _kept(offered, stride)
            if kept <= limit:
                rows = conn.execute(
                    "SELECT event FROM baseline_events WHERE stream_id = ? ORDER BY number", (stream_id,)
                ).fetchall()
                return [row[0] for row in rows]
            numbers = [kept * index // limit * stride for index in range(limit)]
            found: list[bytes] = []
            for start in range(0, limit, LOOKUP):
                query = Query("SELECT event FROM baseline_events").where("stream_id = ?", stream_id)
                query.any_of("number", numbers[start : start + LOOKUP])
                found += [row[0] for row in query.each(conn, order="number")]
            return found


def _extent(conn: sqlite3.Connection, stream_id: str) -> tuple[int, int]:
    """How many events were offered, and the stride."""
    row = conn.execute("SELECT offered, stride FROM baselines WHERE stream_id = ?", (stream_id,)).fetchone()
    return (row[0], row[1]) if row else (0, 1)


def _kept(offered: int, stride: int) -> int:
    """How many of the numbers 0 to `offered` - 1 are multiples of the stride."""
    return -(-offered // stride)
