"""The store: the journal and the archive on SQLite. It matches `runtime.ports` by shape; `app` opens it."""

from __future__ import annotations

from cta_server.store.archive import SqliteArchive, open_archive
from cta_server.store.journal import SqliteJournal, open_journal

__all__ = ["SqliteArchive", "SqliteJournal", "open_archive", "open_journal"]
