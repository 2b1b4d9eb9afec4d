"""The spool of a guard on its own: nothing is lost between two openings, and nothing is counted wrongly."""

from __future__ import annotations

import math
import stat
from pathlib import Path
from typing import Any

import pytest

from cta_client.guard import Away, GuardOptions, InvalidOption, SpoolUnusable, guards
from cta_client.guard.picture import Picture, save
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


def rights(folder: Path) -> dict[str, str]:
    """The rights of what is in a folder, by name."""
    return {path.name: stat.filemode(path.stat().st_mode) for path in folder.iterdir()}


def test_nobody_else_reads_what_a_guard_keeps(tmp_path: Path) -> None:
    """The folder, the spool with its log, and the picture are their owner's alone, and what an earlier release left
    open becomes so.
    """
    home = GuardOptions(folder=tmp_path / "made").home()
    assert stat.filemode(home.stat().st_mode) == "drwx------"
    spool = Spool(home / "w.s.spool.db", 10)
    spool.hold(held("a"))
    save(Picture(stream_id="s"), home / "w.s.picture.json")
    (home / "w.s.picture.new").write_text("a write that was killed")
    (home / "w.s.picture.new").chmod(0o644)
    save(Picture(stream_id="s", contract_json="{}"), home / "w.s.picture.json")
    closed = dict.fromkeys(("w.s.spool.db", "w.s.spool.db-wal", "w.s.picture.json"), "-rw-------")
    assert rights(home) == closed
    for name in closed:
        (home / name).chmod(0o644)
    kept = {name: (home / name).read_bytes() for name in ("w.s.spool.db", "w.s.spool.db-wal")}
    spool.close()
    for name, content in kept.items():  # as a kill leaves them
        (home / name).write_bytes(content)
        (home / name).chmod(0o644)
    spool = Spool(home / "w.s.spool.db", 10)
    assert [entry.event_id for entry in spool.entries("WAITING", 10)] == ["a"]
    assert {name: rights(home)[name] for name in kept} == dict.fromkeys(kept, "-rw-------")
    spool.close()


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("away", "NEVER"), ("away", None), ("heal_while_away_seconds", -3), ("heal_while_away_seconds", math.nan),
        ("heal_while_away_seconds", True), ("max_spooled", -1), ("max_spooled", 0), ("max_spooled", 1.5),
        ("start_seconds", -4), ("start_seconds", math.inf), ("start_seconds", "10"), ("folder", ""), ("folder", None),
        ("folder", "a\0b"), ("worker_id", "w" * 201), ("worker_id", None), ("version", 3),
    ],
)  # fmt: skip
def test_an_option_that_cannot_hold_is_refused_at_once(option: str, value: Any) -> None:
    """Where the options are written, not on the day the server is away; and the option is named."""
    with pytest.raises(InvalidOption, match=rf"GuardOptions\.{option}: takes .*, not "):
        GuardOptions(**{option: value})


def test_options_come_as_plain_text_too() -> None:
    """A policy and a folder out of an environment hold as their own types do."""
    given: Any = {"away": "HOLD", "folder": "kept"}
    options = GuardOptions(**given)
    assert options.away is Away.HOLD
    assert options == GuardOptions(away=Away.HOLD, folder=Path("kept"))


def test_a_folder_that_cannot_keep_a_spool_is_named(tmp_path: Path) -> None:
    """A file, what cannot be made, and a spool that is none end in one error that says what to change."""
    (tmp_path / "file").touch()
    (tmp_path / "w.s.spool.db").write_bytes(b"something else, and more of it\n" * 200)
    with guards("127.0.0.1:1") as cta:
        for folder in (tmp_path / "file", tmp_path / "file" / "below", tmp_path / ("x" * 300)):
            with pytest.raises(SpoolUnusable, match=r"GuardOptions\.folder: .* Name a folder"):
                cta.guard("s", options=GuardOptions(folder=folder))
        with pytest.raises(SpoolUnusable, match=r"w\.s\.spool\.db is no spool .*: file is not a database"):
            cta.guard("s", options=GuardOptions(folder=tmp_path, worker_id="w"))
