"""What the parts of the journal share: the file, the revision, and the requests that were answered."""

from __future__ import annotations

import sqlite3
from enum import StrEnum

from cta_server.store.file import StoreFile


class Part:
    """A group of the journal's methods over one file."""

    def __init__(self, file: StoreFile) -> None:
        self._file = file


class Scope(StrEnum):
    """What a request id was used for; each has its own ids."""

    TRANSITION = "TRANSITION"
    NEW_ADAPTER = "NEW_ADAPTER"
    ADAPTERS = "ADAPTERS"


def current_revision(conn: sqlite3.Connection) -> int:
    """The store's revision."""
    return int(conn.execute("SELECT value FROM counters WHERE name = 'revision'").fetchone()[0])


def next_revision(conn: sqlite3.Connection) -> int:
    """Takes the next revision; inside a transaction."""
    row = conn.execute("UPDATE counters SET value = value + 1 WHERE name = 'revision' RETURNING value").fetchone()
    return int(row[0])


def last_position(conn: sqlite3.Connection, table: str) -> int:
    """The last position that a table gave, 0 if it gave none. It never falls, not even when a stream is deleted."""
    row = conn.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (table,)).fetchone()
    return int(row[0]) if row else 0


def answered(conn: sqlite3.Connection, scope: Scope, request_id: str) -> str | None:
    """What a request made, None for an unknown or empty id."""
    if not request_id:
        return None
    row = conn.execute(
        "SELECT subject FROM requests WHERE scope = ? AND request_id = ?", (scope, request_id)
    ).fetchone()
    return str(row[0]) if row else None


def remember(conn: sqlite3.Connection, scope: Scope, request_id: str, subject: str) -> None:
    """Keeps what a request made; does nothing for an empty id."""
    if request_id:
        conn.execute("INSERT INTO requests VALUES (?, ?, ?)", (scope, request_id, subject))
