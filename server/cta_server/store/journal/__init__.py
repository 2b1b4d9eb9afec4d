"""The journal: what must never tear, in one SQLite file with synchronous=FULL. A part per noun, one door."""

from __future__ import annotations

from pathlib import Path

from cta_server.store.file import StoreFile
from cta_server.store.journal.adapters import Adapters
from cta_server.store.journal.baselines import Baselines
from cta_server.store.journal.counters import current_revision
from cta_server.store.journal.decisions import Decisions
from cta_server.store.journal.deliveries import Deliveries
from cta_server.store.journal.incidents import Incidents
from cta_server.store.journal.notices import Notices
from cta_server.store.journal.quarantine import Quarantine
from cta_server.store.journal.streams import Streams
from cta_server.store.journal.traces import Traces
from cta_server.store.migrations import journal_migrations

__all__ = ["SqliteJournal", "open_journal"]


class SqliteJournal(Streams, Baselines, Incidents, Adapters, Quarantine, Deliveries, Decisions, Traces, Notices):
    """Matches `runtime.ports.Journal`. Methods block; they may come from any thread and take turns."""

    def revision(self) -> int:
        """The store's revision."""
        with self._file.read() as conn:
            return current_revision(conn)

    def close(self) -> None:
        """Closes the file and lets another process have it; a second call does nothing."""
        self._file.close()


def open_journal(path: Path) -> SqliteJournal:
    """Opens `path` (`journal.db`), and makes it if it is not there; the lock lies beside it. Raises `StoreError`."""
    return SqliteJournal(StoreFile(path, migrations=journal_migrations(), synchronous="FULL"))
