"""A process that writes to the store is killed at any moment: what it was told is done is there, and nothing by halves.

Each round a victim opens the store of the rounds before, works on it as fast as it can and notes every answer in a
file; it is killed after a random time, and the store is opened and compared.
"""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import msgspec
import pytest

from cta_core.incident import Incident, State
from cta_core.machine import AdapterState
from cta_server.store import open_archive, open_journal
from helpers import store_victims
from helpers.store_victims import BLOCK

ROUNDS = 20


class Killer:
    """Lets victims work, and kills them."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._orders: IO[str] = process.stdin
        self._answers: IO[str] = process.stdout

    def kill_in_the_middle(self, store: str, path: Path, notes: Path, seed: int) -> None:
        """Starts a victim and kills it up to 80 ms after its first note."""
        before = notes.stat().st_size if notes.exists() else 0
        self._orders.write(f"{store} {path} {notes} {seed}\n")
        self._orders.flush()
        victim = int(self._answers.readline())
        try:
            deadline = time.monotonic() + 10
            while not notes.exists() or notes.stat().st_size == before:
                assert time.monotonic() < deadline, "the victim did nothing"
                time.sleep(0.001)
            time.sleep(random.random() * 0.08)
        finally:
            os.kill(victim, signal.SIGKILL)
        assert int(self._answers.readline()) == signal.SIGKILL, "the victim ended by itself"


@pytest.fixture
def killer() -> Iterator[Killer]:
    """A program that forks victims."""
    program = [sys.executable, str(Path(store_victims.__file__))]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        yield Killer(process)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait() == 0


def check_journal(path: Path, notes: Path) -> None:
    """Compares the journal with what the victims were told, and with itself."""
    with sqlite3.connect(path) as conn:
        assert conn.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert conn.execute("PRAGMA foreign_key_check").fetchall() == []
        check_quarantine(conn)
        for (body,) in conn.execute("SELECT body FROM incidents").fetchall():
            check_incident(conn, msgspec.json.decode(body, type=Incident))
        (top,) = conn.execute(
            "SELECT max(r) FROM (SELECT max(revision) r FROM incidents UNION SELECT max(revision) FROM adapters)"
        ).fetchone()
        (revision,) = conn.execute("SELECT value FROM counters WHERE name = 'revision'").fetchone()
        assert revision == (top or 0)
        check_notes(conn, notes)
    conn.close()


def check_quarantine(conn: sqlite3.Connection) -> None:
    """Batches are whole, counts are right, and redriven events are exactly those in the log."""
    batches = Counter(tuple(row[0].split("-")[::2]) for row in conn.execute("SELECT event_id FROM held"))
    for (number, size), there in batches.items():
        assert there == int(size), f"batch {number} is torn"
    remembered = {
        (row[0].removeprefix("batch-"), row[1]) for row in conn.execute("SELECT request_id, digest FROM hold_requests")
    }
    assert remembered == set(batches), "a batch is there with its request, or neither is"
    counted = conn.execute(
        "SELECT stream_id, incident_id, state, count FROM held_counts WHERE count <> 0 ORDER BY 1, 2, 3"
    )
    real = conn.execute("SELECT stream_id, incident_id, state, count(*) FROM held GROUP BY 1, 2, 3 ORDER BY 1, 2, 3")
    assert counted.fetchall() == real.fetchall()
    redriven = conn.execute("SELECT position FROM held WHERE state = 'REDRIVEN' ORDER BY 1").fetchall()
    assert redriven == conn.execute("SELECT held_position FROM deliveries ORDER BY 1").fetchall()
    wrong = conn.execute(
        """SELECT count(*) FROM deliveries d JOIN held h ON h.position = d.held_position
            WHERE CAST(d.raw AS TEXT) <> 'healed ' || h.event_id"""
    )
    assert wrong.fetchone() == (0,)


def check_incident(conn: sqlite3.Connection, one: Incident) -> None:
    """The incident, its adapter, its transitions, its effects and its decisions tell of the same last step."""
    select = "SELECT json_extract(body, '$.state') FROM adapters WHERE adapter_id = ?"
    (state,) = conn.execute(select, (f"adp_{one.incident_id}",)).fetchone()
    assert (state == AdapterState.ACTIVE) == (one.state is State.PROMOTED)
    select = "SELECT number, state, revision FROM transitions WHERE incident_id = ? ORDER BY number"
    steps = conn.execute(select, (one.incident_id,)).fetchall()
    assert [number for number, _, _ in steps] == list(range(1, one.attempt + 1))
    assert steps[-1] == (one.attempt, one.state, one.revision)
    select = "SELECT transition, finished FROM effects WHERE incident_id = ? ORDER BY transition"
    effects = conn.execute(select, (one.incident_id,)).fetchall()
    assert effects == [(number, int(number < one.attempt)) for number in range(1, one.attempt + 1)]
    (made,) = conn.execute("SELECT count(*) FROM decisions WHERE incident_id = ?", (one.incident_id,)).fetchone()
    assert made == one.attempt


def check_notes(conn: sqlite3.Connection, notes: Path) -> None:
    """Everything that a victim was told is there."""
    events = {row[0]: row[1] for row in conn.execute("SELECT event_id, state FROM held")}
    steps = dict(conn.execute("SELECT incident_id, max(number) FROM transitions GROUP BY 1"))
    for line in notes.read_text().splitlines():
        verb, *words = line.split()
        match verb:
            case "hold":
                number, size = words
                assert all(f"{number}-{index}-{size}" in events for index in range(int(size)))
            case "open":
                assert words[0] in steps
            case "move":
                assert steps[words[0]] >= int(words[1])
            case _:
                assert all(events[event_id] == "REDRIVEN" for event_id in words)


def test_a_killed_writer_loses_nothing_and_leaves_nothing_by_halves(tmp_path: Path, killer: Killer) -> None:
    """Killed at any moment, twenty times, the journal has all that it answered, whole, and its counts are true."""
    path, notes = tmp_path / "journal.db", tmp_path / "notes"
    for seed in range(ROUNDS):
        killer.kill_in_the_middle("journal", path, notes, seed)
        check_journal(path, notes)
        open_journal(path).close()
    verbs = Counter(line.split()[0] for line in notes.read_text().splitlines())
    assert set(verbs) == {"hold", "open", "move", "deliver"}, "the rounds did not reach every verb"


def test_a_killed_writer_leaves_whole_appends_in_the_archive(tmp_path: Path, killer: Killer) -> None:
    """Killed at any moment, the archive has every append whole, in an unbroken row of positions."""
    path, notes = tmp_path / "archive.db", tmp_path / "notes"
    for seed in range(ROUNDS // 3):
        killer.kill_in_the_middle("archive", path, notes, seed)
        archive = open_archive(path)
        positions = [event.position for event in archive.recent_events("orders", limit=10**9)]
        archive.close()
        assert positions[0] % BLOCK == 0
        assert positions[0] >= BLOCK * len(notes.read_text().splitlines())
        assert positions == list(range(positions[0], positions[-1] - 1, -1))
