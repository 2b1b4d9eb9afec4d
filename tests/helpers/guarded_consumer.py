"""A consumer that keeps a ledger, to be killed: `python -m helpers.guarded_consumer ADDRESS FOLDER EVENTS`.

It books every payment of a file under the payment's own id, keeps its place in the same file of SQLite, and refuses the
payments of one merchant. It runs until the folder holds a file `stop`, so that redelivered events find it.
"""

from __future__ import annotations

import json
import sqlite3
import sys
import time
from pathlib import Path
from typing import Any

from cta_client import GuardOptions, guards

REFUSED = "m-013"
"""The merchant for whom there is no account."""


def main(address: str, folder: Path, events: Path) -> None:
    """Consumes."""
    ledger = sqlite3.connect(folder / "ledger.db", isolation_level=None)
    ledger.execute("PRAGMA journal_mode = WAL")
    ledger.execute("CREATE TABLE IF NOT EXISTS booked (id TEXT PRIMARY KEY, amount REAL, tries INTEGER)")
    ledger.execute("CREATE TABLE IF NOT EXISTS place (one INTEGER PRIMARY KEY, line INTEGER)")
    lines = events.read_text("utf-8").splitlines()
    with guards(address) as cta:

        @cta.guard("ledger", options=GuardOptions(folder=folder, worker_id="w"))
        def book(event: dict[str, Any]) -> None:
            if event["merchant"] == REFUSED:
                raise LookupError("no account")
            ledger.execute(
                "INSERT INTO booked VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET tries = tries + 1",
                (event["id"], event["amount"]),
            )

        found = ledger.execute("SELECT line FROM place").fetchone()
        for number in range(found[0] if found else 0, len(lines)):
            book(json.loads(lines[number]), event_id=f"line-{number}")
            ledger.execute("INSERT OR REPLACE INTO place VALUES (1, ?)", (number + 1,))
            time.sleep(0.003)
        while not (folder / "stop").exists():
            book.redeliver()
            time.sleep(0.01)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
