"""The journal's contract for decisions and settings."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from cta_server.runtime.ports import Journal
from cta_server.store import open_journal
from cta_server.store.errors import StoreConflict
from helpers.stores import decision


def test_decisions_are_listed_newest_first(journal: Journal) -> None:
    """Each decision keeps every field and gets the next position; pages and streams narrow the list."""
    journal.decide(
        decision("approve", actor="ann", stream_id="orders", incident_id="i", adapter_id="a", why="good", time=2.0)
    )
    journal.decide(decision("reject", stream_id="refunds"))
    journal.decide(decision("promote", stream_id="orders"))
    entries = journal.list_decisions()
    assert [(entry.position, entry.action) for entry in entries] == [(3, "promote"), (2, "reject"), (1, "approve")]
    assert entries[-1] == decision(
        "approve",
        actor="ann",
        stream_id="orders",
        incident_id="i",
        adapter_id="a",
        why="good",
        time=2.0,
        position=1,
    )
    assert [entry.position for entry in journal.list_decisions(stream_id="orders", limit=1)] == [3]
    assert [entry.position for entry in journal.list_decisions(before=3)] == [2, 1]


def test_a_setting_is_set_with_its_decision(journal: Journal) -> None:
    """The last value counts, and the decision is written with it."""
    assert journal.setting("kill_switch") is None
    journal.set_setting("kill_switch", "engaged", decision("kill_switch"))
    journal.set_setting("kill_switch", "released")
    assert journal.setting("kill_switch") == "released"
    assert [entry.action for entry in journal.list_decisions()] == ["kill_switch"]


@pytest.mark.parametrize("statement", ["UPDATE decisions SET why = 'better'", "DELETE FROM decisions", "replace"])
def test_decisions_cannot_be_changed(tmp_path: Path, statement: str) -> None:
    """The log of decisions refuses changes and deletions, from inside and from any other program."""
    journal = open_journal(tmp_path / "journal.db")
    journal.decide(decision("approve", why="as it was"))
    if statement == "replace":
        statement = "INSERT OR REPLACE INTO decisions SELECT position, 0, '', '', '', '', '', '' FROM decisions"
    with pytest.raises(StoreConflict, match="append-only"), journal._file.write() as conn:
        conn.execute(statement)
    journal.close()
    other = sqlite3.connect(tmp_path / "journal.db")
    other.execute("PRAGMA recursive_triggers = ON")
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        other.execute(statement)
    other.close()
    journal = open_journal(tmp_path / "journal.db")
    assert [entry.why for entry in journal.list_decisions()] == ["as it was"]
    journal.close()
