"""The archive: what is many and append-only, in one SQLite file with synchronous=NORMAL. A part per noun, one door."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

from cta_server.store.archive.events import Events
from cta_server.store.archive.findings import Findings
from cta_server.store.archive.runs import Runs
from cta_server.store.archive.signatures import Signatures
from cta_server.store.file import StoreFile
from cta_server.store.migrations import archive_migrations

__all__ = ["SqliteArchive", "open_archive"]


class SqliteArchive(Events, Runs, Findings, Signatures):
    """Matches `runtime.ports.Archive`. Methods block; they may come from any thread and take turns."""

    def delete_stream(self, stream_id: str) -> None:
        """Removes events, runs, reports and canaries of a stream; signatures stay."""
        with self._file.write() as conn:
            for statement in (
                "DELETE FROM event_blocks WHERE stream_id = ?",
                "DELETE FROM runs WHERE stream_id = ?",
                "DELETE FROM reports WHERE stream_id = ?",
                "DELETE FROM canaries WHERE stream_id = ?",
            ):
                conn.execute(statement, (stream_id,))

    def erase_history(self, stream_id: str, *, before: str) -> None:
        """Drops a stream's runs, reports and canaries whose id, without its prefix, is smaller: ids sort by time."""
        with self._file.write() as conn:
            for statement, prefix in (
                ("DELETE FROM runs WHERE stream_id = ? AND run_id < ?", "run_"),
                ("DELETE FROM reports WHERE stream_id = ? AND report_id < ?", "rep_"),
                ("DELETE FROM canaries WHERE stream_id = ? AND canary_id < ?", "can_"),
            ):
                conn.execute(statement, (stream_id, prefix + before))
        self._file.forget()

    def change(self, work: Callable[[sqlite3.Connection], None]) -> None:
        """Does something with the file in one transaction."""
        with self._file.write() as conn:
            work(conn)

    def close(self) -> None:
        """Closes the file and lets another process have it; a second call does nothing."""
        self._file.close()


def open_archive(path: Path) -> SqliteArchive:
    """Opens `path` (`archive.db`), and makes it if it is not there; the lock lies beside it. Raises `StoreError`."""
    return SqliteArchive(StoreFile(path, migrations=archive_migrations(), synchronous="NORMAL"))
