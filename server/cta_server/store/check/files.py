"""A check of one SQLite file of the store, opened for reading alone: whole, of which release, holding to its promises.

It changes nothing, not even the file's log. `check` calls it with the lock in hand, so that nobody writes meanwhile.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Generator, Iterator
from pathlib import Path
from urllib.parse import quote

from sqlite_utils import Database, Migrations

from cta_server.store.check.invariants import Invariant, broken
from cta_server.store.check.report import Health, PartReport
from cta_server.store.errors import StoreUnavailable

FOUND = 5
"""Findings of SQLite that are told: the remedy is the same for one and for a hundred."""


def check_file(path: Path, migrations: Migrations, invariants: tuple[Invariant, ...]) -> PartReport:
    """How the file is. Raises `StoreUnavailable` when it cannot be read at all."""
    name = migrations.name
    if not path.exists():
        return PartReport(name=name, place=str(path), health=Health.ABSENT)
    size = sum(part.stat().st_size for part in (path, log_of(path)) if part.exists())
    try:
        with reading(path) as conn:
            return _look(path, conn, migrations, invariants, size)
    except sqlite3.OperationalError as error:
        raise StoreUnavailable(path, f"cannot be read: {error}; look at its owner and rights") from error
    except sqlite3.DatabaseError as error:
        told = (f"damaged, or no store: {error}",)
        return PartReport(name=name, place=str(path), health=Health.DAMAGED, bytes=size, problems=told)


def log_of(path: Path) -> Path:
    """What is not in the file yet."""
    return path.with_name(f"{path.name}-wal")


@contextlib.contextmanager
def reading(path: Path) -> Generator[sqlite3.Connection]:
    """A connection that cannot write. A file without a log is read without making one."""
    mode = "mode=ro" if log_of(path).exists() else "mode=ro&immutable=1"
    conn = sqlite3.connect(f"file:{quote(str(path.absolute()))}?{mode}", uri=True)
    try:
        yield conn
    finally:
        conn.close()


def _look(
    path: Path, conn: sqlite3.Connection, migrations: Migrations, invariants: tuple[Invariant, ...], size: int
) -> PartReport:
    name, place = migrations.name, str(path)
    damage = [str(row[0]) for row in conn.execute(f"PRAGMA integrity_check({FOUND})")]
    if damage != ["ok"]:
        problems = tuple(f"SQLite finds: {text}" for text in damage)
        return PartReport(name=name, place=place, health=Health.DAMAGED, bytes=size, problems=problems)
    database = Database(conn)
    applied = [migration.name for migration in migrations.applied(database)]
    known = names_of(migrations)
    tables = frozenset(found for found in database.table_names() if not found.startswith(("_", "sqlite_")))
    if not applied and tables:
        told = (f"another database, not {name}; choose another folder",)
        return PartReport(name=name, place=place, health=Health.DAMAGED, bytes=size, problems=told)
    counts = {table: int(conn.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0]) for table in sorted(tables)}  # noqa: S608 - its own names
    pending = tuple(step for step in known if step not in applied)
    unknown = [step for step in applied if step not in known]
    if unknown:
        health = Health.TOO_NEW
        problems = (f"written by a newer release (unknown: {', '.join(unknown)}); use that release",)
    else:
        problems = (*_loose_ends(conn), *broken(conn, invariants, tables))
        health = Health.DAMAGED if problems else Health.TOO_OLD if pending else Health.FINE
    return PartReport(
        name=name, place=place, health=health, version=applied[-1] if applied else "", pending=pending, bytes=size,
        tables=counts, problems=problems,
    )  # fmt: skip


def names_of(migrations: Migrations) -> list[str]:
    """The steps that this release knows, in order."""
    empty = Database(memory=True)
    try:
        return [migration.name for migration in migrations.pending(empty)]
    finally:
        empty.close()


def _loose_ends(conn: sqlite3.Connection) -> Iterator[str]:
    """References to rows that are not there, by table."""
    found: dict[tuple[str, str], int] = {}
    for table, _row, parent, _key in conn.execute("PRAGMA foreign_key_check"):
        found[table, parent] = found.get((table, parent), 0) + 1
    for (table, parent), count in found.items():
        yield f"{count} rows of {table} name rows of {parent} that are not there"
