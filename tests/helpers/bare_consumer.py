"""A consumer as somebody wrote it, which knows nothing of CTA-ACT: it reads JSON Lines as they come, and books them in
cents. For one merchant there is no account.
"""

import json
import sqlite3
import time
from pathlib import Path

ledger = sqlite3.connect("ledger.db", isolation_level=None)
ledger.execute("PRAGMA journal_mode = WAL")
ledger.execute("CREATE TABLE IF NOT EXISTS booked (id TEXT PRIMARY KEY, cents INTEGER, tries INTEGER DEFAULT 1)")
ledger.execute("CREATE TABLE IF NOT EXISTS place (one INTEGER PRIMARY KEY, line INTEGER)")


def book(payment):
    if payment["merchant"] == "m-013":
        raise LookupError("no account")
    cents = round(payment["amount"] * 100)
    sql = "INSERT INTO booked (id, cents) VALUES (?, ?) ON CONFLICT DO UPDATE SET tries = tries + 1"
    ledger.execute(sql, (payment["id"], cents))


found = ledger.execute("SELECT line FROM place").fetchone()
line = found[0] if found else 0
while True:
    whole = Path("events.jsonl").read_text("utf-8").rpartition("\n")[0]
    for text in whole.split("\n")[line:] if whole else []:
        book(json.loads(text))
        line += 1
        ledger.execute("INSERT OR REPLACE INTO place VALUES (1, ?)", (line,))
        time.sleep(0.002)
    time.sleep(0.02)
