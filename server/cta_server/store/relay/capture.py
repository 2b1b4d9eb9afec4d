"""How what is written to the SQLite archive gets into the outbox: by triggers, in the transaction that writes it.

They last as long as the connection, so a server whose archive is SQLite alone pays nothing and spools nothing. It also
decides what a database that is new to this file is sent first: everything that is there.
"""

from __future__ import annotations

import sqlite3
from typing import Final

FRESH, PLACED, KNOWN = "fresh", "placed", "known"
"""What was settled with a database: nothing; positions; positions and signatures."""

_VERSION: Final = """UPDATE outbox_state SET value =
        max(value + 1, CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) * 1000000) WHERE name = 'version';"""
"""Milliseconds of the clock as nanoseconds, and never the same twice: they are compared with versions that ClickHouse's
archive gave itself, by the nanosecond."""

_DOCUMENTS: Final = (
    ("run", "runs", "run_id", "length(NEW.body) + length(NEW.trace)"),
    ("report", "reports", "report_id", "length(NEW.body)"),
    ("canary", "canaries", "canary_id", "length(NEW.body)"),
    ("signature", "signatures", "signature_id", "length(NEW.body) + coalesce(length(NEW.embedding), 0)"),
)


def capture(conn: sqlite3.Connection) -> None:
    """From now on everything that is written is in the outbox as well."""
    conn.execute(
        f"""CREATE TEMP TRIGGER outbox_events AFTER INSERT ON main.event_blocks WHEN NEW.count > 0 BEGIN {_VERSION}
            INSERT INTO outbox (kind, stream_id, number, count, version, bytes)
                SELECT 'event', NEW.stream_id, NEW.last, NEW.count, value, length(NEW.body)
                FROM outbox_state WHERE name = 'version'; END"""  # noqa: S608 - names of ours
    )
    for kind, table, key, size in _DOCUMENTS:
        conn.execute(
            f"""CREATE TEMP TRIGGER outbox_{table} AFTER INSERT ON main.{table}
                WHEN (SELECT value FROM outbox_state WHERE name = 'deaf') = 0 BEGIN {_VERSION}
                INSERT INTO outbox (kind, stream_id, subject, version, bytes)
                    SELECT '{kind}', coalesce(NEW.stream_id, ''), NEW.{key}, value, {size}
                    FROM outbox_state WHERE name = 'version'; END"""  # noqa: S608 - names of ours
        )
    conn.execute(
        f"""CREATE TEMP TRIGGER outbox_forgotten AFTER DELETE ON main.signatures BEGIN {_VERSION}
            INSERT INTO outbox (kind, stream_id, subject, version)
                SELECT 'signature', coalesce(OLD.stream_id, ''), OLD.signature_id, value
                FROM outbox_state WHERE name = 'version'; END"""  # noqa: S608 - names of ours
    )


DEAF: Final = "UPDATE outbox_state SET value = 1 WHERE name = 'deaf'"
HEARING: Final = "UPDATE outbox_state SET value = 0 WHERE name = 'deaf'"
"""Around the writes of a transaction that came from ClickHouse and need not go there."""


def order(conn: sqlite3.Connection, kind: str, stream_id: str, *, subject: str = "", number: int = 0) -> None:
    """Puts a line of its own into the outbox."""
    conn.execute(_VERSION)
    conn.execute(
        """INSERT INTO outbox (kind, stream_id, subject, number, version)
            SELECT ?, ?, ?, ?, value FROM outbox_state WHERE name = 'version'""",
        (kind, stream_id, subject, number),
    )


def join(conn: sqlite3.Connection, name: str) -> None:
    """Makes `name` the database that is drained to; one that is new, or comes again, is sent what it cannot have."""
    row = conn.execute("SELECT current FROM outbox_fars WHERE name = ?", (name,)).fetchone()
    if row is not None and row[0]:
        return
    conn.execute("UPDATE outbox_fars SET current = 0")
    conn.execute(
        """INSERT INTO outbox_fars VALUES (?, lower(hex(randomblob(8))), ?, 1)
            ON CONFLICT (name) DO UPDATE SET current = 1""",
        (name, FRESH),
    )
    # A batch that was sealed for another database was cut for that one; here it is a new one.
    conn.execute("UPDATE outbox_state SET value = 0 WHERE name = 'sealed'")
    conn.execute(_VERSION)
    (version,) = conn.execute("SELECT value FROM outbox_state WHERE name = 'version'").fetchone()
    for kind, table, key, size in _DOCUMENTS:
        conn.execute(
            f"""INSERT INTO outbox (kind, stream_id, subject, version, bytes)
                SELECT '{kind}', coalesce(NEW.stream_id, ''), NEW.{key}, ?, {size} FROM {table} NEW
                ORDER BY NEW.{key}""",  # noqa: S608 - names of ours
            (version,),
        )
    # Blocks of the time when nothing was spooled. Those of a time with another database went there.
    conn.execute(
        """INSERT INTO outbox (kind, stream_id, number, count, version, bytes)
            SELECT 'event', stream_id, last, count, ?, length(body) FROM event_blocks b
            WHERE count > 0 AND rowid > (SELECT value FROM outbox_state WHERE name = 'left')
                AND NOT EXISTS (SELECT 1 FROM outbox o
                    WHERE o.kind = 'event' AND o.stream_id = b.stream_id AND o.number = b.last)
            ORDER BY rowid""",
        (version,),
    )
    conn.execute("UPDATE outbox_state SET value = (1 << 62) WHERE name = 'left'")


def leave(conn: sqlite3.Connection) -> None:
    """The archive is SQLite alone from now on: what is written is not spooled, and is sent when ClickHouse is back."""
    if conn.execute("UPDATE outbox_fars SET current = 0 WHERE current = 1").rowcount:
        conn.execute(
            "UPDATE outbox_state SET value = (SELECT coalesce(max(rowid), 0) FROM event_blocks) WHERE name = 'left'"
        )
