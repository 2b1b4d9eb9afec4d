"""The spool: held events on the consumer's own disk, and what became of each.

An event is here before the guard answers that it is held, so that neither a kill nor a dead network loses it; its id
stays here, so that the consumer may show it again after a crash and it is not handled twice. The life of an entry:

    WAITING -> SENT -> READY -> DONE        held; in the server's quarantine; came back healed; handled
          '-> STUCK                         the server will never take it as it is; a person has to look

The desk puts in and takes out what is ready, the link sends. Every change is one transaction with a synced log.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import msgspec

REMEMBERED: Final = 100_000
"""Handled events whose ids are kept. A consumer that was killed shows again what it had not committed, a batch or two;
a hundred thousand are far beyond that and take some ten megabytes."""

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS held (
  position INTEGER PRIMARY KEY AUTOINCREMENT,
  event_id TEXT NOT NULL UNIQUE,
  state TEXT NOT NULL,
  raw BLOB NOT NULL,
  healed BLOB NOT NULL DEFAULT x'',
  stage TEXT NOT NULL DEFAULT '',
  error_type TEXT NOT NULL DEFAULT '',
  message TEXT NOT NULL DEFAULT '',
  adapter_id TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX IF NOT EXISTS held_by_state ON held (state, position);
CREATE TABLE IF NOT EXISTS place (one INTEGER PRIMARY KEY CHECK (one = 1), token TEXT NOT NULL) STRICT;
"""


class SpoolFull(Exception):
    """The server is away and the spool has all that it may have: stop reading, and try the same event again later."""


class SpoolInUse(Exception):
    """Another process has the spool: give each process a worker id or a folder of its own."""


class SpoolUnusable(Exception):
    """The spool cannot be kept where the options say, or what is there is no spool."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A held event."""

    event_id: str
    raw: bytes
    """The event as the producer sent it."""
    healed: bytes = b""
    """The event to handle, once it is READY."""
    stage: str = ""
    """Stage that raised; empty when the gate held it."""
    error_type: str = ""
    message: str = ""
    adapter_id: str = ""
    """Adapter that had healed it before the stage raised."""


class Spool:
    """The held events of one worker and stream. Safe to share between threads."""

    def __init__(self, path: Path, limit: int) -> None:
        """Raises `SpoolInUse`, `SpoolUnusable`, or `OSError` where there can be no such file."""
        self._limit, self._lock = limit, threading.Lock()
        _keep_private(path)
        self._file = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=0.5)
        try:
            # Exclusive: the ids in memory below are the whole truth only when nobody else writes.
            self._file.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._file.execute("PRAGMA journal_mode = WAL")
            self._file.execute("PRAGMA synchronous = FULL")
            self._file.executescript(_TABLES)
            self._states: dict[str, str] = dict(self._file.execute("SELECT event_id, state FROM held"))
        except sqlite3.DatabaseError as error:
            self._file.close()
            if error.sqlite_errorcode in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise SpoolInUse(f"{path} is in use: {error}. Give each process a worker id of its own.") from error
            raise SpoolUnusable(
                f"{path} is no spool that can be used: {error}. It may hold events that no server has: keep a copy."
            ) from error
        self.ready: int = sum(state == "READY" for state in self._states.values())
        """Events that came back healed and wait for the handler; exact, because it is counted under the lock."""

    def close(self) -> None:
        """Closes the file."""
        with self._lock:
            self._file.close()

    def knows(self, event_id: str) -> bool:
        """Whether the event is or was held here."""
        return event_id in self._states

    def count(self, state: str) -> int:
        """Entries in a state."""
        with self._lock:
            return int(self._file.execute("SELECT count(*) FROM held WHERE state = ?", (state,)).fetchone()[0])

    @property
    def token(self) -> str:
        """Place in the server's log of deliveries up to which it was read."""
        with self._lock:
            found = self._file.execute("SELECT token FROM place").fetchone()
        return str(found[0]) if found else ""

    def hold(self, entries: Iterable[Entry], *, handled: Sequence[str] = ()) -> None:
        """Puts events in, durably, and marks those in whose stead they stand as handled. Raises `SpoolFull`."""
        rows = [
            (each.event_id, each.raw, each.stage, each.error_type, each.message, each.adapter_id)
            for each in entries
            if each.event_id not in self._states
        ]
        with self._lock:
            waiting = self._file.execute("SELECT count(*) FROM held WHERE state = 'WAITING'").fetchone()[0]
            if waiting + len(rows) > self._limit:
                raise SpoolFull(f"{waiting:,} events wait for the server, {self._limit:,} may")
            with _transaction(self._file):
                self._file.executemany(
                    "INSERT INTO held (event_id, state, raw, stage, error_type, message, adapter_id)"
                    " VALUES (?, 'WAITING', ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                    rows,
                )
                self._move(handled, "DONE")
            self._states.update((row[0], "WAITING") for row in rows)
            self._states.update((event_id, "DONE") for event_id in handled)
            self.ready -= len(handled)

    def entries(self, state: str, limit: int) -> list[Entry]:
        """The oldest entries in a state, in order of arrival."""
        with self._lock:
            rows = self._file.execute(
                "SELECT event_id, raw, healed, stage, error_type, message, adapter_id FROM held"
                " WHERE state = ? ORDER BY position LIMIT ?",
                (state, limit),
            ).fetchall()
        return [
            Entry(event_id=row[0], raw=row[1], healed=row[2], stage=row[3], error_type=row[4], message=row[5],
                  adapter_id=row[6])
            for row in rows
        ]  # fmt: skip

    def sent(self, held: Sequence[str], back: Sequence[tuple[str, bytes]] = (), stuck: Sequence[str] = ()) -> None:
        """What the server said: it holds these, it handed those back healed, it will never take the last ones."""
        with self._lock, _transaction(self._file):
            # A delivery may have overtaken the answer.
            still = [event_id for event_id in held if self._states.get(event_id) == "WAITING"]
            self._file.executemany(
                "UPDATE held SET state = 'SENT', raw = x'' WHERE event_id = ?", [(each,) for each in still]
            )
            self._states.update((event_id, "SENT") for event_id in still)
            self._return(back)
            self._move(stuck, "STUCK")
            self._states.update((event_id, "STUCK") for event_id in stuck)

    def delivered(self, events: Iterable[tuple[str, bytes, bytes]], token: str) -> int:
        """Events of the server's log: those that were held here become READY, once each; returns how many.

        Each is its id, the event after the gate, and the event as it came.
        """
        with self._lock, _transaction(self._file):
            mine = [
                (event_id, healed, original)
                for event_id, healed, original in events
                if self._states.get(event_id) in ("WAITING", "SENT")
            ]
            self._file.executemany("UPDATE held SET raw = ? WHERE event_id = ?", [(o, e) for e, _, o in mine if o])
            self._return([(event_id, healed) for event_id, healed, _ in mine])
            self._file.execute("INSERT OR REPLACE INTO place (one, token) VALUES (1, ?)", (token,))
        return len(mine)

    def done(self, event_ids: Sequence[str]) -> None:
        """They were handled."""
        with self._lock:
            with _transaction(self._file):
                self._move(event_ids, "DONE")
                old = self._file.execute(
                    "DELETE FROM held WHERE state = 'DONE' AND position <="
                    " (SELECT max(position) FROM held) - ? RETURNING event_id",
                    (REMEMBERED,),
                ).fetchall()
            self._states.update((event_id, "DONE") for event_id in event_ids)
            self.ready -= len(event_ids)
            for (event_id,) in old:
                self._states.pop(event_id, None)

    def _return(self, back: Sequence[tuple[str, bytes]]) -> None:
        self._file.executemany(
            "UPDATE held SET state = 'READY', healed = ? WHERE event_id = ?", [(h, e) for e, h in back]
        )
        self._states.update((event_id, "READY") for event_id, _ in back)
        self.ready += len(back)

    def _move(self, event_ids: Sequence[str], state: str) -> None:
        keep = "raw" if state == "STUCK" else "x''"
        self._file.executemany(
            f"UPDATE held SET state = ?, raw = {keep}, healed = x'' WHERE event_id = ?",  # noqa: S608 - two constants
            [(state, event_id) for event_id in event_ids],
        )


def _keep_private(path: Path) -> None:
    """Makes the file for its owner alone, and takes from others what an earlier release left them: it holds events as
    they came. SQLite gives a new log the rights of its file.
    """
    try:
        # Only one that is new may be opened here: to close it again gives up the locks that this process has on it.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        for each in (path, path.with_name(f"{path.name}-wal")):
            # A file system without rights of its own may refuse, and has nothing to take.
            with contextlib.suppress(PermissionError, FileNotFoundError):
                each.chmod(0o600)


class _transaction:  # noqa: N801 - reads as a statement
    """All or nothing."""

    def __init__(self, file: sqlite3.Connection) -> None:
        self._file = file

    def __enter__(self) -> None:
        self._file.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self._file.execute("COMMIT" if kind is None else "ROLLBACK")
