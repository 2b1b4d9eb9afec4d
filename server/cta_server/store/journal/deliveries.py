"""The delivery log: redriven events in the order in which they left the quarantine, each once.

The original of a delivery is read from the held event, so that the two cannot differ.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from cta_core.quarantine import Delivery, HeldState
from cta_server.store.journal.counters import last_position
from cta_server.store.journal.quarantine import LOOKUP, Group, count
from cta_server.store.part import Part
from cta_server.store.query import Query


class Deliveries(Part):
    """Deliveries of the journal."""

    def deliver(self, deliveries: Sequence[Delivery]) -> int:
        """In one transaction: each event that is still HELD becomes REDRIVEN and enters the log; others are left out.

        Returns how many were delivered.
        """
        ids: dict[str, list[str]] = {}
        for delivery in deliveries:
            ids.setdefault(delivery.stream_id, []).append(delivery.event_id)
        with self._file.write() as conn:
            held: dict[tuple[str, str], tuple[int, str]] = {}
            for stream_id, event_ids in ids.items():
                for start in range(0, len(event_ids), LOOKUP):
                    query = Query("SELECT event_id, position, incident_id, state FROM held")
                    query.where("stream_id = ?", stream_id).any_of("event_id", event_ids[start : start + LOOKUP])
                    for event_id, position, incident_id, state in query.each(conn):
                        if state == HeldState.HELD:
                            held[stream_id, event_id] = (position, incident_id)
            left: list[tuple[Delivery, int]] = []
            groups: Counter[Group] = Counter()
            for delivery in deliveries:
                found = held.pop((delivery.stream_id, delivery.event_id), None)  # popped: a repeat finds nothing
                if found is None:
                    continue
                left.append((delivery, found[0]))
                groups[delivery.stream_id, found[1], HeldState.HELD] -= 1
                groups[delivery.stream_id, found[1], HeldState.REDRIVEN] += 1
            conn.executemany(
                "UPDATE held SET state = 'REDRIVEN', redrive_time = ? WHERE position = ?",
                [(delivery.time, position) for delivery, position in left],
            )
            conn.executemany(
                """INSERT INTO deliveries (held_position, stream_id, adapter_id, adapter_revision, time, raw)
                    VALUES (?, ?, ?, ?, ?, ?)""",
                [(position, d.stream_id, d.adapter_id, d.adapter_revision, d.time, d.raw) for d, position in left],
            )
            count(conn, groups)
        return len(left)

    def delivery_position(self) -> int:
        """Position of the last delivery; 0 if there is none yet."""
        with self._file.read() as conn:
            return last_position(conn, "deliveries")

    def list_deliveries(self, *, stream_id: str = "", after: int = 0, limit: int = 500) -> list[Delivery]:
        """In order of the log, without those that were erased."""
        query = Query(
            """SELECT d.position, d.held_position, d.stream_id, h.event_id, d.adapter_id, d.adapter_revision, d.time,
                d.raw, h.raw FROM deliveries d JOIN held h ON h.position = d.held_position"""
        )
        query.where("d.position > ?", after).equal("d.stream_id", stream_id)
        query.where("d.position > coalesce((SELECT position FROM erasures e WHERE e.stream_id = d.stream_id), 0)")
        with self._file.read() as conn:
            rows = query.rows(conn, order="d.position", limit=limit)
        return [
            Delivery(
                position=position,
                held_position=held_position,
                stream_id=stream,
                event_id=event,
                adapter_id=adapter_id,
                adapter_revision=adapter_revision,
                time=time,
                raw=raw,
                original=original,
            )
            for position, held_position, stream, event, adapter_id, adapter_revision, time, raw, original in rows
        ]

    def erase_delivered(self, stream_id: str, *, before: float, limit: int) -> int:
        """Empties deliveries that are older, and the held events that they were; returns how many.

        At most `limit` at once, the oldest first. Rows, positions and counts stay.
        """
        with self._file.write() as conn:
            row = conn.execute("SELECT position FROM erasures WHERE stream_id = ?", (stream_id,)).fetchone()
            due: list[tuple[int, int]] = []
            for position, held_position, time in conn.execute(
                """SELECT position, held_position, time FROM deliveries WHERE stream_id = ? AND position > ?
                    ORDER BY position LIMIT ?""",
                (stream_id, row[0] if row else 0, limit),
            ):
                if time >= before:
                    break
                due.append((position, held_position))
            if not due:
                return 0
            conn.executemany("UPDATE deliveries SET raw = x'' WHERE position = ?", [(one,) for one, _ in due])
            # What a stage said of an event may quote it.
            conn.executemany(
                """UPDATE held SET raw = x'', message = CASE reason WHEN 'STAGE_FAILED' THEN '' ELSE message END
                    WHERE position = ?""",
                [(one,) for _, one in due],
            )
            conn.execute("INSERT OR REPLACE INTO erasures VALUES (?, ?)", (stream_id, due[-1][0]))
        self._file.forget()
        return len(due)

    def erased_to(self, *, stream_id: str = "") -> int:
        """Position of the last delivery that was erased, of a stream or of all; 0 if none was."""
        query = Query("SELECT coalesce(max(position), 0) FROM erasures").equal("stream_id", stream_id)
        with self._file.read() as conn:
            return int(query.rows(conn)[0][0])
