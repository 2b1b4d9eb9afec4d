"""A reader of redriven events that counts each exactly once, whatever is killed when.

After a promotion the events that waited in the quarantine come out of the delivery log, in order. This reader writes
them into a table of its own, and the place that it has reached in the same transaction: after a kill it goes on where
the table stands.

    python examples/read_deliveries.py orders orders.db          # goes on until Ctrl-C
    python examples/read_deliveries.py orders orders.db --once   # until it has what there is
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sqlite3
from contextlib import closing

from cta_client import connect
from cta_client.watches import Stale, deliveries

TABLES = """
CREATE TABLE IF NOT EXISTS events (position INTEGER PRIMARY KEY, event_id TEXT NOT NULL, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS place (one INTEGER PRIMARY KEY CHECK (one = 1), token TEXT NOT NULL);
INSERT OR IGNORE INTO place VALUES (1, '');
"""


async def read(stream_id: str, table: sqlite3.Connection, *, once: bool) -> None:
    """Reads from the place in the table on; with `once` it stops at the first message without events."""
    (token,) = table.execute("SELECT token FROM place").fetchone()
    async with connect(os.environ.get("CTA_SERVER", "127.0.0.1:50510")) as client:
        async for delivery in deliveries(client, stream_id, token=token):
            if isinstance(delivery, Stale):
                print(f"no news for {delivery.seconds:.0f} s: {delivery.why}")
                continue
            if once and not delivery.events:
                return
            rows = [(event.position, event.event_id, event.payload.json) for event in delivery.events]
            with table:
                table.executemany("INSERT INTO events VALUES (?, ?, ?)", rows)
                table.execute("UPDATE place SET token = ?", (delivery.token,))


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stream", help="which stream")
    parser.add_argument("file", help="SQLite file to write to")
    parser.add_argument("--once", action="store_true", help="stop when everything is read")
    given = parser.parse_args()
    with closing(sqlite3.connect(given.file)) as table:
        table.executescript(TABLES)
        asyncio.run(read(given.stream, table, once=given.once))


if __name__ == "__main__":
    main()
