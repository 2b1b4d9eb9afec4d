"""How SQLite carries out what the loop asks all the time: by an index, whatever the number of streams and events."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from cta_core.incident import State
from cta_core.machine import AdapterChange, AdapterState, Effect, EffectKind
from cta_core.quarantine import HeldState
from cta_core.run import Run
from cta_server.store import SqliteArchive, SqliteJournal, open_archive, open_journal
from helpers.stores import adapter, decision, delivery, held, incident, recorded, transition


def step(journal: SqliteJournal) -> None:
    """A whole step of the loop."""
    effect = Effect(kind=EffectKind.GATHER)
    first = journal.commit(transition(incident(), new_adapters=(adapter(),), effects=(effect,), request_id="r1"))
    journal.commit(
        transition(
            first.incident,
            adapters=(AdapterChange(adapter_id="adp_1", state=AdapterState.ACTIVE),),
            done=first.effects[0],
            decisions=(decision(),),
            adopt_keys=("a", "b"),
        )
    )


JOURNAL: dict[str, Callable[[SqliteJournal], object]] = {
    "commit": step,
    "hold": lambda journal: journal.hold([held("e1"), held("e1")], request_id="r1", digest="d"),
    "known events": lambda journal: journal.known_events("orders", ["e1", "e2"]),
    "held of a stream": lambda journal: journal.list_held(stream_id="orders", after=5),
    "held of an incident": lambda journal: journal.list_held(incident_id="inc_1", state=None),
    "held of a key": lambda journal: journal.list_held(stream_id="orders", failure_keys=("a",)),
    "count of an incident": lambda journal: journal.count_held(incident_id="inc_1", state=HeldState.REDRIVEN),
    "count of a stream": lambda journal: journal.count_held(stream_id="orders"),
    "assign": lambda journal: journal.assign("orders", ("a", "b"), "inc_1"),
    "deliver": lambda journal: journal.deliver([delivery("e1")]),
    "deliveries of a stream": lambda journal: journal.list_deliveries(stream_id="orders", after=3),
    "deliveries": lambda journal: journal.list_deliveries(after=3),
    "incidents of a stream": lambda journal: journal.list_incidents(stream_id="orders", states=(State.CANARY,)),
    "changed incidents": lambda journal: journal.incidents_since(7, stream_ids=("orders",)),
    "changed adapters": lambda journal: journal.adapters_since(7, stream_ids=("orders",)),
    "adapters of a stream": lambda journal: journal.list_adapters(stream_id="orders", states=(AdapterState.ACTIVE,)),
    "decisions of a stream": lambda journal: journal.list_decisions(stream_id="orders", before=9),
    "webhook": lambda journal: journal.place_webhook(journal.open_webhook("pager")),
    "notices": lambda journal: journal.notices_after(3, types=("a", "b"), streams=("x*",), limit=9),
    "waiting notices": lambda journal: journal.waiting_notices(3, types=("a", "b")),
    "baseline": lambda journal: journal.get_baseline("orders", limit=100),
    "masked baseline": lambda journal: journal.mask_baseline("orders", [], profile=b"", masks=()),
    "erase": lambda journal: journal.erase_delivered("orders", before=9.0, limit=10),
    "erased": lambda journal: journal.erased_to(stream_id="orders"),
    "streams": lambda journal: journal.list_streams(after="orders"),
    "end of a stream": lambda journal: journal.delete_stream("orders", decision("delete_stream")),
}
ARCHIVE: dict[str, Callable[[SqliteArchive], object]] = {
    "append": lambda archive: archive.append_events("orders", [recorded("e1")]),
    "trim": lambda archive: archive.trim_events("orders", keep=5),
    "erase events": lambda archive: archive.erase_events("orders", up_to=5),
    "erase history": lambda archive: archive.erase_history("orders", before="01"),
    "recent": lambda archive: archive.recent_events("orders", kinds=("HEALED",), before=9),
    "put run": lambda archive: archive.put_run(Run(run_id="run_1", stream_id="orders", request_id="r1")),
    "runs of a stream": lambda archive: archive.list_runs(stream_id="orders"),
    "failed runs of a stream": lambda archive: archive.list_runs(stream_id="orders", failed_only=True),
    "reports of an incident": lambda archive: archive.list_reports(incident_id="inc_1"),
    "canaries of an adapter": lambda archive: archive.list_canaries(adapter_id="adp_1"),
    "end of a stream": lambda archive: archive.delete_stream("orders"),
    "signatures of a fingerprint": lambda archive: archive.find_signatures("f"),
}


SMALL = "SCAN sqlite_sequence"
"""A row for each log of the journal: there is nothing to search."""


def slow_parts(conn: sqlite3.Connection, work: Callable[[], object]) -> list[str]:
    """Steps of the plans of everything that `work` runs that go through a whole table, or sort."""
    statements: list[str] = []
    conn.set_trace_callback(statements.append)
    work()
    conn.set_trace_callback(None)
    assert statements
    slow: list[str] = []
    for statement in statements:
        if statement.startswith(("BEGIN", "COMMIT", "--")):
            continue
        plan = [row[3] for row in conn.execute(f"EXPLAIN QUERY PLAN {statement}")]
        slow += [f"{part}: {statement}" for part in plan if part.startswith(("SCAN", "USE TEMP")) and part != SMALL]
    return slow


@pytest.mark.parametrize("name", JOURNAL)
def test_the_journal_searches_and_never_scans(tmp_path: Path, name: str) -> None:
    """No call of the loop goes through a whole table of the journal, or sorts what an index could give in order."""
    journal = open_journal(tmp_path / "journal.db")
    journal.hold([held(f"e{number}", incident_id=f"inc_{number}") for number in range(3)])
    with journal._file.read() as conn:
        pass
    assert slow_parts(conn, lambda: JOURNAL[name](journal)) == []
    journal.close()


@pytest.mark.parametrize("name", ARCHIVE)
def test_the_archive_searches_and_never_scans(tmp_path: Path, name: str) -> None:
    """No call of the loop goes through a whole table of the archive, or sorts what an index could give in order."""
    archive = open_archive(tmp_path / "archive.db")
    with archive._file.read() as conn:
        pass
    assert slow_parts(conn, lambda: ARCHIVE[name](archive)) == []
    archive.close()
