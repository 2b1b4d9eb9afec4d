"""The journal's counters: the revision, one for the whole store, and the positions that its logs gave."""

from __future__ import annotations

import sqlite3


def current_revision(conn: sqlite3.Connection) -> int:
    """The store's revision."""
    return int(conn.execute("SELECT value FROM counters WHERE name = 'revision'").fetchone()[0])


def next_revision(conn: sqlite3.Connection) -> int:
    """Takes the next revision; inside the transaction that changes something."""
    row = conn.execute("UPDATE counters SET value = value + 1 WHERE name = 'revision' RETURNING value").fetchone()
    return int(row[0])


def last_position(conn: sqlite3.Connection, table: str) -> int:
    """The last position that a table gave, 0 if it gave none. It never falls, not even when a stream is deleted."""
    row = conn.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (table,)).fetchone()
    return int(row[0]) if row else 0
