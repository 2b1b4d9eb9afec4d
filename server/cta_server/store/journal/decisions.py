"""The append-only log of decisions, and the settings. The log refuses changes by itself, whoever writes to the file."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from cta_core.memory import DecisionEntry
from cta_server.store.part import Part
from cta_server.store.query import Query

_SELECT = "SELECT action, actor, stream_id, incident_id, adapter_id, why, time, position FROM decisions"


def record(conn: sqlite3.Connection, decisions: Iterable[DecisionEntry]) -> None:
    """Appends; inside a transaction. The log gives the positions."""
    conn.executemany(
        """INSERT INTO decisions (time, action, actor, stream_id, incident_id, adapter_id, why)
            VALUES (?, ?, ?, ?, ?, ?, ?)""",
        [(d.time, d.action, d.actor, d.stream_id, d.incident_id, d.adapter_id, d.why) for d in decisions],
    )


class Decisions(Part):
    """Decisions and settings of the journal."""

    def decide(self, decision: DecisionEntry) -> None:
        """Appends one decision."""
        with self._file.write() as conn:
            record(conn, (decision,))

    def list_decisions(self, *, stream_id: str = "", before: int = 0, limit: int = 50) -> list[DecisionEntry]:
        """By position, descending; `before` 0 starts at the newest."""
        query = Query(_SELECT).equal("stream_id", stream_id)
        if before:
            query.where("position < ?", before)
        with self._file.read() as conn:
            rows = query.rows(conn, order="position DESC", limit=limit)
        return [
            DecisionEntry(
                action=action,
                actor=actor,
                stream_id=stream,
                incident_id=incident,
                adapter_id=adapter,
                why=why,
                time=time,
                position=position,
            )
            for action, actor, stream, incident, adapter, why, time, position in rows
        ]

    def setting(self, name: str) -> str | None:
        """A setting's value, None if it was never set."""
        with self._file.read() as conn:
            row = conn.execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
        return str(row[0]) if row else None

    def set_setting(self, name: str, value: str, decision: DecisionEntry | None = None) -> None:
        """Sets a value, together with the decision that it follows from."""
        with self._file.write() as conn:
            conn.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (name, value))
            record(conn, (decision,) if decision else ())
