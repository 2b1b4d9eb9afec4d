"""Requests that were answered, so that a repeat changes nothing.

A verb's request keeps what it made, for good; a batch's keeps a digest of its events, for a while, as batches are many.
"""

from __future__ import annotations

import sqlite3
from enum import StrEnum

KEPT = 200_000
"""Batches whose request id is remembered. A client repeats within its deadline, minutes at most; at 200 batches a
second (100,000 events in batches of 500) this is a quarter of an hour."""


class Scope(StrEnum):
    """What a request id was used for; each has its own ids."""

    TRANSITION = "TRANSITION"
    NEW_ADAPTER = "NEW_ADAPTER"
    ADAPTERS = "ADAPTERS"


def answered(conn: sqlite3.Connection, scope: Scope, request_id: str) -> str | None:
    """What a verb's request made, None for an unknown or empty id."""
    if not request_id:
        return None
    row = conn.execute(
        "SELECT subject FROM requests WHERE scope = ? AND request_id = ?", (scope, request_id)
    ).fetchone()
    return str(row[0]) if row else None


def remember(conn: sqlite3.Connection, scope: Scope, request_id: str, subject: str) -> None:
    """Keeps what a verb's request made; inside its transaction. Does nothing for an empty id."""
    if request_id:
        # What an id stood for may be gone with its stream; then it stands for the new thing.
        conn.execute("INSERT OR REPLACE INTO requests VALUES (?, ?, ?)", (scope, request_id, subject))


def digest_of(conn: sqlite3.Connection, request_id: str) -> str | None:
    """The digest of a batch's request, None if it is not remembered."""
    row = conn.execute("SELECT digest FROM hold_requests WHERE request_id = ?", (request_id,)).fetchone()
    return str(row[0]) if row else None


def remember_digest(conn: sqlite3.Connection, request_id: str, digest: str) -> None:
    """Keeps a batch's digest, the first of its id, and forgets what is `KEPT` requests older; in its transaction."""
    if digest_of(conn, request_id) is None:  # an insert that conflicts would use up a number, and so push out another
        row = conn.execute(
            "INSERT INTO hold_requests (request_id, digest) VALUES (?, ?) RETURNING number", (request_id, digest)
        ).fetchone()
        conn.execute("DELETE FROM hold_requests WHERE number <= ?", (row[0] - KEPT,))
