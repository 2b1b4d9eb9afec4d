"""The tables of the store, read from freshly made files and named by the sentences below."""

from __future__ import annotations

import sqlite3
import tempfile
from pathlib import Path

from cta_server.store.archive import open_archive
from cta_server.store.journal import open_journal
from pages import text
from pages.text import code

MEANINGS = {
    "journal": {
        "adapters": "adapters with their program, state and revision",
        "baseline_events": "the healthy events a stream was taught with",
        "baselines": "how many events a baseline was offered, and how it thins them out",
        "counters": "the store's revision",
        "decisions": "who did what, when and why; append-only, which SQLite itself enforces",
        "deliveries": "the log of redriven events; an event of the quarantine stands in it once at most",
        "effects": "what the loop still has to do, and whether it did",
        "erasures": "the last delivery of each stream whose payload went by age",
        "held": "the quarantine: events as they came, why they are held, whether they were redriven",
        "held_counts": "counts of the quarantine by stream, incident and state",
        "hold_requests": "request ids of batches that held something, so that a retry holds nothing twice",
        "incidents": "incidents as they are now",
        "notices": "what webhooks are told, in order; kept for 30 days",
        "profiles": "the statistics of each stream's healthy events",
        "requests": "request ids of verbs and what they made",
        "settings": "what else survives a restart: the kill switch, the installation's id, who had offers of canaries",
        "streams": "streams with contract and policy",
        "trace_pieces": "spans on their way to a run",
        "traces": "traces whose spans are still coming in, and how far each is",
        "transitions": "every step of every incident",
        "webhooks": "how far each webhook has got in the notices",
    },
    "archive": {
        "canaries": "canaries with their figures and verdicts",
        "counters": "the archive's own count",
        "event_blocks": "recent events, many to a row; the oldest leave beyond `policy.keep_recent`",
        "outbox": "what has not reached ClickHouse yet, in order; it names rows of the tables here",
        "outbox_aside": "rows that ClickHouse refused for good; the last 1,000",
        "outbox_fars": "the ClickHouse databases that the outbox was drained to",
        "outbox_state": "what the outbox holds and what became of what it held",
        "reports": "analyses",
        "runs": "runs through stages, with their traces",
        "signatures": "what healed what",
    },
}
"""What each table is for."""


def both() -> str:
    """Both files' tables."""
    with tempfile.TemporaryDirectory() as folder:
        journal, archive = Path(folder) / "journal.db", Path(folder) / "archive.db"
        open_journal(journal).close()
        open_archive(archive).close()
        return "\n".join(_section(path.stem, path) for path in (journal, archive))


def _section(name: str, path: Path) -> str:
    rows = []
    with sqlite3.connect(path) as connection:
        found = connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_%' ESCAPE '\\' "
            "AND name NOT LIKE 'sqlite%' ORDER BY name"
        ).fetchall()
        for (table,) in found:
            columns = [row[1] for row in connection.execute(f"PRAGMA table_xinfo({table})")]
            rows.append((code(table), MEANINGS[name][table], ", ".join(code(column) for column in columns)))
    connection.close()
    unknown = set(MEANINGS[name]) - {table for (table,) in found}
    if unknown:
        raise LookupError(f"{name} has no tables {unknown}")
    return f"### {name}.db\n\n{text.table(('table', 'what it holds', 'columns'), rows)}"
