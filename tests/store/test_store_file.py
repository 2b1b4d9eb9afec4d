"""How a store's file is opened: alone, whole, of a known release; and how its errors are named."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlite_utils import Database, Migrations

from cta_core.errors import CtaError
from cta_server.store import open_archive, open_journal
from cta_server.store.errors import (
    StoreClosed,
    StoreCorrupt,
    StoreLocked,
    StoreTooNew,
    StoreUnavailable,
)
from helpers.stores import decision, held, recorded

OPENERS: dict[str, Callable[[Path], Any]] = {"journal": open_journal, "archive": open_archive}

pytestmark = pytest.mark.parametrize("name", OPENERS)


@pytest.fixture
def path(tmp_path: Path, name: str) -> Path:
    """Where the store's file will be."""
    return tmp_path / "data" / f"{name}.db"


def child(code: str, path: Path) -> subprocess.Popen[str]:
    """Another process; `path` is its first argument and it says `ready` when it got there."""
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True, env={**os.environ, **_python_path()}
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def _python_path() -> dict[str, str]:
    return {"PYTHONPATH": os.pathsep.join(sys.path)}


def _hold_open(name: str) -> str:
    return f"""
import sys, time
from pathlib import Path
from cta_server.store import open_{name}
store = open_{name}(Path(sys.argv[1]))
print("ready", flush=True)
time.sleep(60)
"""


def test_a_second_user_is_refused(name: str, path: Path) -> None:
    """A store that is open cannot be opened again, and the error names the process that has it."""
    first = OPENERS[name](path)
    with pytest.raises(StoreLocked) as refused:
        OPENERS[name](path)
    assert refused.value.holder == str(os.getpid())
    assert str(os.getpid()) in str(refused.value)
    first.close()
    OPENERS[name](path).close()


def test_a_killed_process_leaves_no_lock(name: str, path: Path) -> None:
    """Another process has the store until it is killed; then it opens at once."""
    process = child(_hold_open(name), path)
    try:
        with pytest.raises(StoreLocked) as refused:
            OPENERS[name](path)
        assert refused.value.holder == str(process.pid)
    finally:
        process.kill()
        process.communicate()
    OPENERS[name](path).close()


def test_an_orphan_made_by_fork_keeps_no_lock(name: str, path: Path) -> None:
    """When a process is killed, a child that it forked and that lives on does not keep the store locked."""
    code = f"""
import os, sys, time
from pathlib import Path
from cta_server.store import open_{name}
store = open_{name}(Path(sys.argv[1]))
child = os.fork()
if child == 0:
    print("ready", flush=True)
    print(os.getpid(), flush=True)
    time.sleep(60)
    os._exit(0)
time.sleep(60)
"""
    process = child(code, path)
    assert process.stdout is not None
    orphan = int(process.stdout.readline())
    try:
        process.kill()
        process.wait()
        os.kill(orphan, 0)
        OPENERS[name](path).close()
    finally:
        os.kill(orphan, signal.SIGKILL)
        process.communicate()


def test_a_forked_child_does_not_release_the_lock(name: str, path: Path) -> None:
    """A child that ends leaves its parent's lock in place."""
    code = f"""
import os, sys, time
from pathlib import Path
from cta_server.store import open_{name}
store = open_{name}(Path(sys.argv[1]))
child = os.fork()
if child == 0:
    os._exit(0)
os.waitpid(child, 0)
print("ready", flush=True)
time.sleep(60)
"""
    process = child(code, path)
    try:
        with pytest.raises(StoreLocked):
            OPENERS[name](path)
    finally:
        process.kill()
        process.communicate()


def test_a_store_of_a_newer_release_is_refused(name: str, path: Path) -> None:
    """A file with a migration that this release does not know is refused by name, and stays as it is."""
    OPENERS[name](path).close()
    conn = sqlite3.connect(path)
    conn.execute(
        "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES (?, 'from_the_future', '')", (name,)
    )
    conn.commit()
    conn.close()
    before = path.read_bytes()
    with pytest.raises(StoreTooNew) as refused:
        OPENERS[name](path)
    assert refused.value.unknown == ("from_the_future",)
    assert "from_the_future" in str(refused.value)
    assert path.read_bytes() == before


def test_a_file_that_is_no_store_is_refused(name: str, path: Path) -> None:
    """A file of another kind is refused, not written over, and not left locked."""
    path.parent.mkdir()
    path.write_bytes(b"an innocent text file\n" * 100)
    for _ in range(2):
        with pytest.raises(StoreCorrupt):
            OPENERS[name](path)
    assert path.read_bytes().startswith(b"an innocent")


def test_a_database_of_another_program_is_refused(name: str, path: Path) -> None:
    """A database that is not this store, be it the other half of it, is refused and left as it is."""
    path.parent.mkdir()
    conn = sqlite3.connect(path)
    conn.execute("CREATE TABLE notes (text)")
    conn.commit()
    conn.close()
    other = path.with_name("other.db")
    OPENERS["archive" if name == "journal" else "journal"](other).close()
    for file in (path, other):
        before = file.read_bytes()
        with pytest.raises(StoreCorrupt, match="another database"):
            OPENERS[name](file)
        assert file.read_bytes() == before


def test_a_file_whose_making_was_cut_short_is_made(name: str, path: Path) -> None:
    """A process that was killed before the first tables were there leaves a file that the next one completes."""
    path.parent.mkdir()
    db = Database(path)
    Migrations(name).ensure_migrations_table(db)
    db.close()
    store = OPENERS[name](path)
    if name == "journal":
        store.decide(decision())
        assert [entry.action for entry in store.list_decisions()] == ["promote"]
    else:
        store.append_events("orders", [recorded("e1")])
        assert [event.event_id for event in store.recent_events("orders")] == ["e1"]
    store.close()


def test_a_damaged_file_is_refused(name: str, path: Path) -> None:
    """A store whose last pages were overwritten is refused when it is opened, not when they are read one day."""
    store = OPENERS[name](path)
    for number in range(20):
        if name == "journal":
            store.hold([held(f"{number}-{index}", raw=b"x" * 1000) for index in range(50)])
        else:
            store.append_events("orders", [recorded(f"e{index}") for index in range(500)])
    store.close()
    size = path.stat().st_size
    with path.open("r+b") as file:
        for page in range(size // 2, size, 4096):
            file.seek(page - page % 4096)
            file.write(b"\xa5" * 64)
    with pytest.raises(StoreCorrupt) as refused:
        OPENERS[name](path)
    assert str(path) in str(refused.value)


def test_a_folder_that_cannot_be_used_is_named(name: str, tmp_path: Path) -> None:
    """Where the file cannot be made, the error says which file, and is of the store's kind."""
    (tmp_path / "data").write_text("a file where the folder should be")
    with pytest.raises(StoreUnavailable) as refused:
        OPENERS[name](tmp_path / "data" / f"{name}.db")
    assert isinstance(refused.value, CtaError)
    assert f"{name}.db" in str(refused.value)


def test_a_closed_store_says_so(name: str, path: Path) -> None:
    """Calls after the end raise `StoreClosed`; closing twice is closing once."""
    store = OPENERS[name](path)
    store.close()
    store.close()
    with pytest.raises(StoreClosed):
        store.delete_stream(*(("orders", decision()) if name == "journal" else ("orders",)))


def test_an_interrupted_transaction_leaves_no_trace(name: str, path: Path) -> None:
    """What was written before an error inside a transaction is gone, and the next transaction works."""
    store = OPENERS[name](path)
    with contextlib.suppress(ZeroDivisionError), store._file.write() as conn:
        conn.execute("UPDATE counters SET value = 99")
        raise ZeroDivisionError
    with store._file.read() as conn:
        assert conn.execute("SELECT value FROM counters").fetchone() == (0,)
    store.close()


def test_only_the_owner_may_read_the_file(name: str, path: Path) -> None:
    """Events may hold personal data: the file, its log, its lock and a folder that was made are its owner's."""
    path = path.parent / "made" / path.name
    store = OPENERS[name](path)
    store.delete_stream(*(("orders", decision()) if name == "journal" else ("orders",)))
    for file in (path.parent, *path.parent.iterdir()):
        assert file.stat().st_mode & 0o077 == 0, file.name
    store.close()


def test_threads_take_turns(name: str, path: Path) -> None:
    """Calls from several threads at once are all carried out whole."""
    store = OPENERS[name](path)

    def work() -> None:
        for _ in range(25):
            with store._file.write() as conn:
                value = conn.execute("SELECT value FROM counters").fetchone()[0]
                conn.execute("UPDATE counters SET value = ?", (value + 1,))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with store._file.read() as conn:
        assert conn.execute("SELECT value FROM counters").fetchone() == (100,)
    store.close()


def test_the_tables_are_strict(name: str, path: Path) -> None:
    """No table of ours takes a value of another type."""
    OPENERS[name](path).close()
    db = Database(path)
    ours = [table for table in db.tables if not table.name.startswith(("_", "sqlite_"))]
    assert ours
    assert [table.name for table in ours if not table.strict] == []
    db.close()


def test_the_file_survives_a_power_cut_as_promised(name: str, path: Path) -> None:
    """The journal syncs every transaction (FULL), the archive at checkpoints (NORMAL); both write ahead."""
    store = OPENERS[name](path)
    with store._file.read() as conn:
        assert conn.execute("PRAGMA synchronous").fetchone() == ({"journal": 2, "archive": 1}[name],)
        assert conn.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    store.close()
