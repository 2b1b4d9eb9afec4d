"""A store at rest: looked at without a change, and brought up to date with copies of what was before."""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from pathlib import Path

from cta_server.store.check.files import check_file
from cta_server.store.check.invariants import ARCHIVE, JOURNAL
from cta_server.store.check.report import Health, PartReport, StoreReport, worst
from cta_server.store.check.tables import check_tables
from cta_server.store.lock import StoreLock
from cta_server.store.migrations import archive_migrations, journal_migrations

__all__ = ["Health", "PartReport", "StoreReport", "at_rest", "check_store"]


@contextlib.contextmanager
def at_rest(folder: Path) -> Generator[None]:
    """Keeps servers off the folder for the length of a `with`. Raises `StoreLocked` when one is using it."""
    with contextlib.ExitStack() as held:
        for lock in (folder / "journal.lock", folder / "archive.lock"):
            # A folder without them was never opened, or is a copy of the files alone: nothing is made in it.
            if lock.exists():
                held.callback(StoreLock(lock).release)
        yield


def check_store(folder: Path, archive_url: str = "") -> StoreReport:
    """Looks at journal and archive, and at ClickHouse where `archive_url` names one; call it inside `at_rest`.

    Raises `InvalidInput` for a URL that is none, `StoreLocked` or `StoreUnavailable` for what cannot be opened.
    """
    parts: tuple[PartReport, ...] = (
        check_file(folder / "journal.db", journal_migrations(), JOURNAL),
        check_file(folder / "archive.db", archive_migrations(), ARCHIVE),
    )
    if archive_url:
        parts += (check_tables(archive_url),)
    return StoreReport(folder=str(folder), health=worst(parts), parts=parts)
