"""What has to hold in the files of a store, as questions to SQLite: each counts the places where it does not.

They are about the promises: what is held is counted, what was redriven was delivered once, what is to be done has its
incident. A question is asked where its tables are there, so that files of older releases can be asked too.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any, Final

import msgspec


class Invariant(msgspec.Struct, frozen=True):
    """One sentence that has to hold."""

    broken: str
    """What is said where it does not; `{count}` is how often."""
    tables: tuple[str, ...]
    """The tables that it asks."""
    sql: str
    """Gives the number of places where it does not hold."""


JOURNAL: Final = (
    Invariant(
        "{count} groups of the quarantine are counted wrongly",
        ("held", "held_counts"),
        """WITH held_now AS (SELECT stream_id, incident_id, state, count(*) AS count FROM held GROUP BY 1, 2, 3),
            told AS (SELECT stream_id, incident_id, state, count FROM held_counts WHERE count <> 0)
            SELECT count(*) FROM (
                SELECT stream_id, incident_id, state FROM (SELECT * FROM held_now EXCEPT SELECT * FROM told)
                UNION SELECT stream_id, incident_id, state FROM (SELECT * FROM told EXCEPT SELECT * FROM held_now))""",
    ),
    Invariant(
        "{count} events were delivered more than once",
        ("deliveries",),
        "SELECT count(*) FROM (SELECT held_position FROM deliveries GROUP BY held_position HAVING count(*) > 1)",
    ),
    Invariant(
        "{count} events are redriven without a delivery, or delivered while they are held",
        ("held", "deliveries"),
        """SELECT count(*) FROM held LEFT JOIN deliveries ON held_position = held.position
            WHERE (held.state = 'REDRIVEN') <> (held_position IS NOT NULL)""",
    ),
    Invariant(
        "{count} unfinished effects belong to no incident",
        ("effects", "incidents"),
        "SELECT count(*) FROM effects WHERE finished = 0 AND incident_id NOT IN (SELECT incident_id FROM incidents)",
    ),
    Invariant(
        "{count} incidents are not in the state of their last transition",
        ("incidents", "transitions"),
        """SELECT count(*) FROM incidents WHERE state <> coalesce((SELECT state FROM transitions
            WHERE transitions.incident_id = incidents.incident_id ORDER BY number DESC LIMIT 1), '')""",
    ),
    Invariant(
        "{count} revisions lie beyond the store's revision",
        ("incidents", "adapters", "streams", "counters"),
        """SELECT count(*) FROM (SELECT revision FROM incidents UNION ALL SELECT revision FROM adapters
            UNION ALL SELECT revision FROM streams)
            WHERE revision > (SELECT value FROM counters WHERE name = 'revision')""",
    ),
    Invariant(
        "{count} incidents, adapters or effects are no JSON",
        ("incidents", "adapters", "effects"),
        """SELECT count(*) FROM (SELECT body FROM incidents UNION ALL SELECT body FROM adapters
            UNION ALL SELECT body FROM effects) WHERE NOT json_valid(body)""",
    ),
)

ARCHIVE: Final = (
    Invariant(
        "{count} blocks of recent events cannot be read, or have not as many as they say",
        ("event_blocks",),
        "SELECT count(*) FROM event_blocks WHERE count <> events_in(body)",
    ),
    Invariant(
        "{count} blocks of recent events overlap",
        ("event_blocks",),
        """SELECT count(*) FROM (SELECT last - count AS first,
            lag(last, 1, 0) OVER (PARTITION BY stream_id ORDER BY last) AS former FROM event_blocks)
            WHERE first < former""",
    ),
    Invariant(
        "{count} runs, reports, canaries or signatures are no JSON",
        ("runs", "reports", "canaries", "signatures"),
        """SELECT count(*) FROM (SELECT body FROM runs UNION ALL SELECT trace FROM runs
            UNION ALL SELECT body FROM reports UNION ALL SELECT body FROM canaries
            UNION ALL SELECT body FROM signatures) WHERE NOT json_valid(body)""",
    ),
    Invariant(
        "what waits for ClickHouse is counted wrongly",
        ("outbox", "outbox_state"),
        """SELECT count(*) FROM outbox_state
            JOIN (SELECT count(*) AS rows, coalesce(sum(bytes), 0) AS bytes FROM outbox)
            ON (name = 'rows' AND value <> rows) OR (name = 'bytes' AND value <> bytes)""",
    ),
)


def broken(conn: sqlite3.Connection, invariants: tuple[Invariant, ...], tables: frozenset[str]) -> Iterator[str]:
    """What does not hold, a sentence each."""
    conn.create_function("events_in", 1, _events_in, deterministic=True)
    for invariant in invariants:
        if tables.issuperset(invariant.tables):
            count = int(conn.execute(invariant.sql).fetchone()[0])
            if count:
                yield invariant.broken.format(count=count)


def _events_in(body: Any) -> int:
    """How many events are in a block, -1 for one that cannot be read."""
    try:
        return len(msgspec.msgpack.decode(body, type=list[Any]))
    except (msgspec.DecodeError, TypeError):
        return -1
