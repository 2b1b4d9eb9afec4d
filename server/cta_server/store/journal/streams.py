"""Streams and their profiles in the journal, and the end of a stream with everything that belongs to it."""

from __future__ import annotations

from typing import Any

import msgspec

from cta_core.memory import DecisionEntry
from cta_core.privacy.mask import Mask
from cta_core.stream import Policy, Stream
from cta_server.runtime.ports import StaleRevision
from cta_server.store.journal import decisions
from cta_server.store.journal.counters import next_revision
from cta_server.store.part import Part

_SELECT = """SELECT stream_id, revision, create_time, update_time, consumer, description, policy, contract, learned,
    masks, masked FROM streams"""


def _stream(row: tuple[Any, ...]) -> Stream:
    stream_id, revision, create_time, update_time, consumer, description, policy, contract, learned, *masks = row
    return Stream(
        stream_id=stream_id,
        revision=revision,
        create_time=create_time,
        update_time=update_time,
        consumer=consumer,
        description=description,
        policy=msgspec.json.decode(policy, type=Policy),
        contract=contract,
        learned=learned,
        masks=msgspec.json.decode(masks[0], type=tuple[Mask, ...]),
        masked=msgspec.json.decode(masks[1], type=tuple[Mask, ...]),
    )


class Streams(Part):
    """Streams of the journal."""

    def put_stream(self, stream: Stream, *, expected: int, decision: DecisionEntry | None = None) -> Stream:
        """Inserts (expected 0 and absent) or replaces; `expected` -1 skips the check. Raises `StaleRevision`."""
        with self._file.write() as conn:
            row = conn.execute("SELECT revision FROM streams WHERE stream_id = ?", (stream.stream_id,)).fetchone()
            actual = row[0] if row else 0
            if expected not in (-1, actual):
                raise StaleRevision(expected, actual)
            written = msgspec.structs.replace(stream, revision=next_revision(conn))
            conn.execute(
                "INSERT OR REPLACE INTO streams VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    written.stream_id,
                    written.revision,
                    written.create_time,
                    written.update_time,
                    written.consumer,
                    written.description,
                    msgspec.json.encode(written.policy).decode(),
                    written.contract,
                    written.learned,
                    msgspec.json.encode(written.masks).decode(),
                    msgspec.json.encode(written.masked).decode(),
                ),
            )
            decisions.record(conn, (decision,) if decision else ())
        return written

    def get_stream(self, stream_id: str) -> Stream | None:
        """The stream, None if there is none."""
        with self._file.read() as conn:
            row = conn.execute(f"{_SELECT} WHERE stream_id = ?", (stream_id,)).fetchone()
        return _stream(row) if row else None

    def list_streams(self, *, after: str = "", limit: int = 50) -> list[Stream]:
        """By id, ascending."""
        with self._file.read() as conn:
            rows = conn.execute(f"{_SELECT} WHERE stream_id > ? ORDER BY stream_id LIMIT ?", (after, limit)).fetchall()
        return [_stream(row) for row in rows]

    def count_streams(self) -> int:
        """How many there are."""
        with self._file.read() as conn:
            return int(conn.execute("SELECT count(*) FROM streams").fetchone()[0])

    def delete_stream(self, stream_id: str, decision: DecisionEntry) -> None:
        """Deletes the stream with its adapters, incidents, held events and deliveries; signatures stay."""
        with self._file.write() as conn:
            # Deliveries go before the held events that they point to; transitions and effects go with their incident.
            for statement in (
                "DELETE FROM deliveries WHERE stream_id = ?",
                "DELETE FROM held WHERE stream_id = ?",
                "DELETE FROM held_counts WHERE stream_id = ?",
                "DELETE FROM incidents WHERE stream_id = ?",
                "DELETE FROM adapters WHERE stream_id = ?",
                "DELETE FROM erasures WHERE stream_id = ?",
                "DELETE FROM baseline_events WHERE stream_id = ?",
                "DELETE FROM baselines WHERE stream_id = ?",
                "DELETE FROM profiles WHERE stream_id = ?",
                "DELETE FROM trace_pieces WHERE stream_id = ?",
                "DELETE FROM traces WHERE stream_id = ?",
                "DELETE FROM streams WHERE stream_id = ?",
            ):
                conn.execute(statement, (stream_id,))
            decisions.record(conn, (decision,))
            next_revision(conn)  # watchers of the revision look again
            # A row that is gone has no revision that tells of it: watchers compare this count, and start anew if it
            # grew.
            conn.execute(
                """INSERT INTO settings VALUES ('deletions', '1')
                    ON CONFLICT (name) DO UPDATE SET value = CAST(CAST(value AS INTEGER) + 1 AS TEXT)"""
            )

    def put_profile(self, stream_id: str, profile: bytes) -> None:
        """Keeps the healthy profile in place of the former one."""
        with self._file.write() as conn:
            conn.execute("INSERT OR REPLACE INTO profiles VALUES (?, ?)", (stream_id, profile))

    def get_profile(self, stream_id: str) -> bytes | None:
        """The healthy profile, None if there is none."""
        with self._file.read() as conn:
            row = conn.execute("SELECT profile FROM profiles WHERE stream_id = ?", (stream_id,)).fetchone()
        return bytes(row[0]) if row else None
