"""The archive: what is many and append-only, in one SQLite file with synchronous=NORMAL. A part per noun, one door."""

from __future__ import annotations

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

    def close(self) -> None:
        """Closes the file and lets another process have it; a second call does nothing."""
        self._file.close()


def open_archive(path: Path) -> SqliteArchive:
    """Opens `path` (`archive.db`), and makes it if it is not there; the lock lies beside it. Raises `StoreError`."""
    return SqliteArchive(StoreFile(path, migrations=archive_migrations(), synchronous="NORMAL"))
