"""Bringing a store at rest up to date: copies of the files first, then what opening them does.

`cta store migrate` calls it. A server that starts does the same without copies; after this it has nothing left to do.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from cta_server.store.archive import open_archive
from cta_server.store.check import Health, StoreReport
from cta_server.store.check.files import reading
from cta_server.store.clickhouse.engine import open_engine
from cta_server.store.clickhouse.schema import migrate as migrate_tables
from cta_server.store.errors import StoreUnavailable
from cta_server.store.journal import open_journal

OPENERS: Final[dict[str, Callable[[Path], Any]]] = {"journal": open_journal, "archive": open_archive}


def copy_aside(report: StoreReport, into: Path) -> tuple[Path, ...]:
    """Copies the files that would change, whole and durable, into a new folder; returns the copies.

    The folder gets its name when they are whole. Call it inside `at_rest`. Raises `StoreUnavailable`; then there is no
    copy.
    """
    due = [Path(part.place) for part in report.parts if part.name in OPENERS and part.pending and part.version]
    if not due:
        return ()
    making = into.with_name(f"{into.name}.partial")
    try:
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir(mode=0o700)
        for path in due:
            _copy(path, making / path.name)
        _sync(making)
        making.rename(into)
        _sync(into.parent)
    except (OSError, sqlite3.Error) as error:
        shutil.rmtree(making, ignore_errors=True)
        raise StoreUnavailable(into, f"no copy could be made ({error}), so nothing was changed") from error
    return tuple(into / path.name for path in due)


def bring_up_to_date(report: StoreReport, archive_url: str = "") -> None:
    """Opens whatever is older than this release, which brings it up to date. Raises `StoreError`."""
    for part in report.parts:
        if part.health is not Health.TOO_OLD:
            continue
        if part.name in OPENERS:
            OPENERS[part.name](Path(part.place)).close()
        else:
            engine = open_engine(archive_url)
            try:
                migrate_tables(engine)
            finally:
                engine.close()


def _copy(source: Path, target: Path) -> None:
    """A copy with what was in the log, readable by its owner alone."""
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    copy = sqlite3.connect(target)
    try:
        with reading(source) as conn:
            conn.backup(copy)
    finally:
        copy.close()
    _sync(target)


def _sync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
