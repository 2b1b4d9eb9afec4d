"""One SQLite file of the store: opened, checked, locked against a second process, and used by one thread at a time.

It decides how a file is opened and how its errors are named; it knows no table. The journal and the archive each have
one. Every method of theirs runs inside `read` or `write`; a `write` is one transaction, all of it or nothing.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from sqlite_utils import Database, Migrations

from cta_server.store.errors import StoreClosed, StoreConflict, StoreCorrupt, StoreTooNew, StoreUnavailable
from cta_server.store.lock import StoreLock

BUSY_SECONDS = 5.0
"""Longest wait for another process that writes, a person's `sqlite3` shell; this process has one connection only."""
STATEMENTS = 256
"""Prepared statements that are kept: the journal and the archive have under 100 each, and lists add variants."""
LOG_PAGES = 4000
"""Pages of the write-ahead log, 16 MB, before they are copied into the file, which takes 30 ms. Holding batches of 500
events measured a tenth faster than with SQLite's 1,000, a quarter where ids are random; 16,000 gain little more."""
CHECKED_BYTES = 1 << 30
"""A file up to this size is checked whole when it is opened: about a second (10 ms for 10 MB that are in memory). In a
larger one damage shows when it is met; a start must not take minutes."""


class StoreFile:
    """An open file. Opening raises `StoreLocked`, `StoreTooNew`, `StoreCorrupt` or `StoreUnavailable`."""

    def __init__(self, path: Path, *, migrations: Migrations, synchronous: Literal["FULL", "NORMAL"]) -> None:
        self.path = path
        self._synchronous = synchronous
        self._turn = threading.Lock()
        self._database: Database | None = None
        with self._named_errors():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._store_lock = StoreLock(path.with_suffix(".lock"))
        try:
            with self._named_errors():
                self._database = self._open(migrations, synchronous)
        except BaseException:
            self._store_lock.release()
            raise

    @contextmanager
    def write(self, *, durable: bool = False) -> Generator[sqlite3.Connection, None, None]:
        """A transaction: committed at the end of the block, rolled back if the block raises.

        With `durable` it is on the disk when the block ends, and so is all that was committed before it, whatever
        `synchronous` says of others.
        """
        with self._turn, self._named_errors():
            database = self._opened()
            if durable:
                database.conn.execute("PRAGMA synchronous = FULL")
            try:
                with database.atomic():
                    yield database.conn
            finally:
                if durable:
                    database.conn.execute(f"PRAGMA synchronous = {self._synchronous}")

    @contextmanager
    def read(self) -> Generator[sqlite3.Connection, None, None]:
        """The connection, for statements that change nothing."""
        with self._turn, self._named_errors():
            yield self._opened().conn

    def forget(self) -> None:
        """Empties the write-ahead log, which still has what a transaction overwrote.

        While another process reads the file, a part of the log stays until the next time.
        """
        with self._turn, self._named_errors():
            self._opened().conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def close(self) -> None:
        """Closes the file and releases the lock; a second call does nothing."""
        with self._turn:
            database, self._database = self._database, None
            if database is not None:
                database.conn.close()
            self._store_lock.release()

    def _open(self, migrations: Migrations, synchronous: str) -> Database:
        # Events may hold personal data: only the owner may read the file. SQLite gives its side files the same mode.
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        conn = sqlite3.connect(self.path, timeout=BUSY_SECONDS, check_same_thread=False, cached_statements=STATEMENTS)
        try:
            database = Database(conn)
            self._check(database, migrations)
            conn.execute("PRAGMA journal_mode = WAL")
            conn.execute(f"PRAGMA synchronous = {synchronous}")
            conn.execute("PRAGMA foreign_keys = ON")
            conn.execute("PRAGMA secure_delete = ON")
            conn.execute(f"PRAGMA wal_autocheckpoint = {LOG_PAGES}")
            migrations.apply(database)
        except BaseException:
            conn.close()
            raise
        return database

    def _check(self, database: Database, migrations: Migrations) -> None:
        """Refuses a file that is damaged, another's or of a newer release, before anything is changed in it."""
        if self.path.stat().st_size <= CHECKED_BYTES:
            found = str(database.conn.execute("PRAGMA quick_check(1)").fetchone()[0])
            if found != "ok":
                raise StoreCorrupt(self.path, f"damaged ({found}); restore a copy")
        applied = [migration.name for migration in migrations.applied(database)]
        if not applied and set(database.table_names()) - {migrations.migrations_table}:
            raise StoreCorrupt(self.path, f"another database, not {migrations.name}; choose another store folder")
        empty = Database(memory=True)
        known = {migration.name for migration in migrations.pending(empty)}
        empty.close()
        unknown = tuple(name for name in applied if name not in known)
        if unknown:
            raise StoreTooNew(self.path, unknown)

    def _opened(self) -> Database:
        if self._database is None:
            raise StoreClosed(self.path)
        return self._database

    @contextmanager
    def _named_errors(self) -> Generator[None, None, None]:
        """Gives SQLite's errors the names of `store.errors`."""
        try:
            yield
        except (sqlite3.ProgrammingError, sqlite3.DataError, sqlite3.NotSupportedError):
            raise  # a defect of ours, not of the file
        except sqlite3.IntegrityError as error:
            raise StoreConflict(self.path, str(error)) from error
        except (sqlite3.OperationalError, OSError) as error:
            raise StoreUnavailable(self.path, str(error)) from error
        except sqlite3.DatabaseError as error:
            raise StoreCorrupt(self.path, f"damaged, or no store ({error}); restore a copy") from error
