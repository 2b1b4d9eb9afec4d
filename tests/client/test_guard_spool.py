"""The spool of a guard on its own: nothing is lost between two openings, and nothing is counted wrongly."""

from __future__ import annotations

from pathlib import Path

import pytest

from cta_client.guard.spool import Entry, Spool, SpoolFull


def held(*names: str) -> list[Entry]:
    """Events to hold."""
    return [Entry(event_id=name, raw=name.encode()) for name in names]


def test_an_event_goes_its_way_once(tmp_path: Path) -> None:
    """An event is sent, comes back once however often it is delivered, is handled, and stays known; also over openings
    of the file.
    """
    path = tmp_path / "spool.db"
    spool = Spool(path, 10)
    spool.hold(held("a", "b", "c"))
    spool.hold(held("a"))
    assert [entry.event_id for entry in spool.entries("WAITING", 10)] == ["a", "b", "c"]
    spool.sent(["a", "b"], back=[("c", b"C")])
    assert spool.delivered([("a", b"A", b"a"), ("stranger", b"", b"")], "t1") == 1
    assert spool.delivered([("a", b"A", b"a")], "t1") == 0
    assert (spool.ready, spool.token) == (2, "t1")
    spool.close()
    spool = Spool(path, 10)
    assert (spool.ready, spool.token) == (2, "t1")
    assert [(entry.event_id, entry.healed, entry.raw) for entry in spool.entries("READY", 10)] == [
        ("a", b"A", b"a"),
        ("c", b"C", b"c"),
    ]
    spool.done(["a"])
    spool.hold(held("c~2"), handled=["c"])
    assert spool.ready == 0
    assert [spool.count(state) for state in ("WAITING", "SENT", "READY", "DONE")] == [1, 1, 0, 2]
    assert all(map(spool.knows, ("a", "b", "c", "c~2")))
    spool.close()


def test_an_answer_that_comes_late_takes_nothing_back(tmp_path: Path) -> None:
    """A delivery that overtook the server's answer stands."""
    spool = Spool(tmp_path / "spool.db", 10)
    spool.hold(held("a"))
    assert spool.delivered([("a", b"A", b"a")], "t1") == 1
    spool.sent(["a"])
    assert (spool.count("READY"), spool.ready) == (1, 1)
    spool.close()


def test_a_full_spool_takes_all_or_nothing(tmp_path: Path) -> None:
    """Beyond the limit nothing of the call is held, and what waits for the server alone counts."""
    spool = Spool(tmp_path / "spool.db", 2)
    spool.hold(held("a"))
    with pytest.raises(SpoolFull):
        spool.hold(held("b", "c"))
    assert not spool.knows("b")
    spool.sent(["a"])
    spool.hold(held("b", "c"))
    assert spool.count("WAITING") == 2
    spool.close()
