"""A process that writes to the store is killed at any moment: what it was told is done is there, and nothing by halves.

Each round forks a victim that opens the store of the rounds before, works on it as fast as it can and notes every
answer in a file; the parent kills it after a random time, opens the store and compares.
"""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from itertools import count
from pathlib import Path

import msgspec

from cta_core.incident import Incident, State
from cta_core.machine import AdapterChange, AdapterState, Effect, EffectKind
from cta_server.runtime.ports import PendingEffect
from cta_server.store import SqliteArchive, SqliteJournal, open_archive, open_journal
from helpers.stores import adapter, decision, delivery, held, incident, recorded, transition

ROUNDS = 24
BLOCK = 1300
"""Events of one append; more than two blocks, so that a torn append would show."""

Note = Callable[[str], object]


def kill_in_the_middle(work: Callable[[int, Note], None], notes: Path, seed: int) -> None:
    """Runs `work` in a child and kills that after its first note and up to 80 ms."""
    before = notes.stat().st_size if notes.exists() else 0
    child = os.fork()
    if child == 0:
        try:
            file = os.open(notes, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            work(seed, lambda text: os.write(file, f"{text}\n".encode()))
        finally:
            os._exit(1)
    try:
        deadline = time.monotonic() + 10
        while not notes.exists() or notes.stat().st_size == before:
            assert time.monotonic() < deadline, "the victim did nothing"
            time.sleep(0.001)
        time.sleep(random.random() * 0.08)
    finally:
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), "the victim ended by itself"


# --- the journal ------------------------------------------------------------------------------------------------------


def work_on_journal(path: Path, seed: int, note: Note) -> None:
    """Holds, opens, moves and delivers for ever. An incident has one adapter, which is active while it is PROMOTED."""
    chance = random.Random(seed)
    journal = open_journal(path)
    pending = {effect.incident_id: effect for effect in journal.pending_effects()}
    for number in count(seed * 1_000_000):
        match chance.randrange(5):
            case 0 | 1:
                size = chance.randrange(1, 60)
                ids = [f"{number}-{index}-{size}" for index in range(size)]
                batch = [held(event_id, key=chance.choice("abc"), raw=b"x" * 300) for event_id in ids]
                journal.hold(batch, request_id=f"batch-{number}", digest=str(size))
                note(f"hold {number} {size}")
            case 2:
                effect = open_incident(journal, f"inc_{number:016d}", chance.choice("abc"))
                pending[effect.incident_id] = effect
                note(f"open {effect.incident_id}")
            case 3 if pending:
                effect = move_incident(journal, pending[chance.choice(list(pending))])
                pending[effect.incident_id] = effect
                note(f"move {effect.incident_id} {effect.transition}")
            case _:
                events = journal.list_held(limit=chance.randrange(1, 40))
                journal.deliver([delivery(e.event_id, raw=b"healed " + e.event_id.encode()) for e in events])
                note(" ".join(["deliver", *(event.event_id for event in events)]))


def open_incident(journal: SqliteJournal, incident_id: str, key: str) -> PendingEffect:
    """Opens an incident with its adapter."""
    committed = journal.commit(
        transition(
            incident(incident_id, state=State.CANARY),
            new_adapters=(adapter(f"adp_{incident_id}", state=AdapterState.CANARY),),
            effects=(Effect(kind=EffectKind.CANARY),),
            decisions=(decision("open", incident_id=incident_id),),
            adopt_keys=(key,),
            request_id=f"open-{incident_id}",
        )
    )
    return committed.effects[0]


def move_incident(journal: SqliteJournal, effect: PendingEffect) -> PendingEffect:
    """Turns an incident and its adapter from CANARY to PROMOTED, or back."""
    before = journal.get_incident(effect.incident_id)
    assert before is not None
    promoted = before.state is not State.PROMOTED
    after = msgspec.structs.replace(
        before, state=State.PROMOTED if promoted else State.CANARY, attempt=before.attempt + 1
    )
    state = AdapterState.ACTIVE if promoted else AdapterState.CANARY
    committed = journal.commit(
        transition(
            after,
            adapters=(AdapterChange(adapter_id=f"adp_{before.incident_id}", state=state),),
            effects=(Effect(kind=EffectKind.BAKE),),
            decisions=(decision("move", incident_id=before.incident_id),),
            done=effect,
        )
    )
    return committed.effects[0]


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


def test_a_killed_writer_loses_nothing_and_leaves_nothing_by_halves(tmp_path: Path) -> None:
    """Killed at any moment, two dozen times, the journal has all that it answered, whole, and its counts are true."""
    path, notes = tmp_path / "journal.db", tmp_path / "notes"
    for seed in range(ROUNDS):
        kill_in_the_middle(lambda seed, note: work_on_journal(path, seed, note), notes, seed)
        check_journal(path, notes)
        open_journal(path).close()
    verbs = Counter(line.split()[0] for line in notes.read_text().splitlines())
    assert set(verbs) == {"hold", "open", "move", "deliver"}, "the rounds did not reach every verb"


# --- the archive ------------------------------------------------------------------------------------------------------


def work_on_archive(path: Path, seed: int, note: Note) -> None:
    """Appends for ever."""
    chance = random.Random(seed)
    archive: SqliteArchive = open_archive(path)
    events = [recorded(f"e{index}") for index in range(BLOCK)]
    while True:
        archive.append_events("orders", events)
        note("append")
        if chance.random() < 0.2:
            archive.trim_events("orders", keep=BLOCK * 3)


def test_a_killed_writer_leaves_whole_appends_in_the_archive(tmp_path: Path) -> None:
    """Killed at any moment, the archive has every append whole, in an unbroken row of positions."""
    path, notes = tmp_path / "archive.db", tmp_path / "notes"
    for seed in range(ROUNDS // 3):
        kill_in_the_middle(lambda seed, note: work_on_archive(path, seed, note), notes, seed)
        archive = open_archive(path)
        positions = [event.position for event in archive.recent_events("orders", limit=10**9)]
        archive.close()
        assert positions[0] % BLOCK == 0
        assert positions[0] >= BLOCK * len(notes.read_text().splitlines())
        assert positions == list(range(positions[0], positions[-1] - 1, -1))
