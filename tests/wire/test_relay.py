"""The spool in front of ClickHouse: what is written is here at once, there soon, in order and once, come what may."""

from __future__ import annotations

import sqlite3
import threading
import time
from pathlib import Path

import msgspec
import pytest

from cta_core.adapter.program import Program
from cta_core.canary import Canary
from cta_core.memory import SignatureRecord
from cta_core.run import Run
from cta_server.runtime.ports import RecordedEvent
from cta_server.store.clickhouse import ClickHouseArchive, open_clickhouse
from cta_server.store.errors import StoreTooNew
from cta_server.store.relay import open_alone
from helpers.clickhouse_front import ClickHouseFront
from helpers.relays import all_there, aside, drained, relay, until
from helpers.stores import recorded

NOWHERE = "clickhouse://127.0.0.1:1/db"


def events(count: int, *, since: int = 0, raw: bytes = b"{}", stream_id: str = "orders") -> list[RecordedEvent]:
    """Events whose ids tell their positions."""
    made = [recorded(f"e{since + number}", stream_id=stream_id) for number in range(1, count + 1)]
    return [msgspec.structs.replace(event, raw=raw) for event in made]


def rows(last: int, *, first: int = 1, stream_id: str = "orders") -> list[tuple[str, int, str]]:
    """What ClickHouse has of a stream then."""
    return [(stream_id, position, f"e{position}") for position in range(first, last + 1)]


def signature(name: str, *vector: float, **more: object) -> SignatureRecord:
    """A signature that looks like the vector."""
    made = SignatureRecord(
        signature_id=name, fingerprint=f"f-{name}", stream_id="orders", program=Program(), embedding=vector
    )
    return msgspec.structs.replace(made, **more)


def run(name: str, stream_id: str = "orders") -> Run:
    """A run."""
    return Run(run_id=name, stream_id=stream_id)


# --- away, and back ---------------------------------------------------------------------------------------------------


def test_what_is_written_while_the_server_is_away_is_here_at_once_and_there_later(
    tmp_path: Path, front: ClickHouseFront, url: str
) -> None:
    """Writes and the loop's reads go on as if nothing were; then everything is there, in order, each once."""
    with_server = relay(tmp_path, url)
    with_server.append_events("orders", events(700))
    drained(with_server)
    front.order(away=True)
    for since in range(700, 1400, 100):
        with_server.append_events("orders", events(100, since=since))
    with_server.put_run(run("run_1"))
    with_server.put_signature(signature("sig_1", 1.0, 0.0))
    away = until(with_server, lambda now: not now.reachable)
    assert away.last_error
    assert away.spooled_rows == 9
    assert away.spooled_bytes > 0
    assert away.oldest_age > 0
    assert [each.position for each in with_server.recent_events("orders", limit=3)] == [1400, 1399, 1398]
    assert with_server.history.get_run("run_1") == run("run_1")
    front.order(away=False)
    back = drained(with_server)
    assert (back.reachable, back.last_error, back.oldest_age) == (True, "", 0.0)
    assert back.drained_count == 1402
    with_server.close()
    assert all_there(tmp_path, url) == rows(1400)
    far = open_clickhouse(url)
    assert far.get_run("run_1") == run("run_1")
    found = far.get_signature("sig_1")
    assert found is not None
    assert found.embedding == (1.0, 0.0)
    far.close()


def test_a_server_that_is_not_there_at_the_start_is_waited_for_in_the_background(tmp_path: Path) -> None:
    """The relay opens, takes what is written, says why nothing is drained, and closes quickly."""
    begun = time.monotonic()
    lonely = relay(tmp_path, NOWHERE, patience=0.2)
    lonely.append_events("orders", events(3))
    now = until(lonely, lambda now: now.last_error != "")
    assert not now.reachable
    assert "127.0.0.1" in now.last_error
    assert len(lonely.history.recent_events("orders")) == 3
    lonely.close()
    assert time.monotonic() - begun < 10.0, "a dead server was waited for"


def test_a_wedged_server_delays_no_read_and_no_end(tmp_path: Path, front: ClickHouseFront, url: str) -> None:
    """While each answer takes half a minute, lists give what is here after their limit, and closing cuts the call."""
    with_server = relay(tmp_path, url, history=0.1, shy=60.0, grace=0.2)
    front.order(slow={"read": 30.0, "insert": 30.0})
    begun = time.monotonic()
    with_server.put_run(run("run_1"))
    assert with_server.history.list_runs() == [run("run_1")]
    assert with_server.history.list_runs() == [run("run_1")]
    with_server.close()
    assert time.monotonic() - begun < 10.0, "a wedged server was waited for"


def test_tables_of_a_newer_release_end_the_start(tmp_path: Path, url: str) -> None:
    """What a person has to mend is told when the relay is opened, and nothing is left open."""
    engine = open_clickhouse(url)
    engine._engine.insert("cta_schema", {"version": "UInt32"}, [[999]])
    engine.close()
    for _ in range(2):
        with pytest.raises(StoreTooNew):
            relay(tmp_path, url)


# --- once and in order ------------------------------------------------------------------------------------------------


def test_an_answer_that_is_lost_doubles_nothing(tmp_path: Path, front: ClickHouseFront, url: str) -> None:
    """A block whose answer was cut after the commit, or before it, is sent again and counts once."""
    with_server = relay(tmp_path, url)
    for since in range(0, 2000, 500):
        front.order(drop_after=3, drop_before=2)
        with_server.append_events("orders", events(500, since=since))
        drained(with_server)
    with_server.close()
    assert front.counts["drop_after"] + front.counts["drop_before"] > 0
    assert all_there(tmp_path, url) == rows(2000)


def test_the_newest_state_of_a_document_is_what_stays(tmp_path: Path, front: ClickHouseFront, url: str) -> None:
    """Written again while nothing drains, and after, a signature is there as it was last; deleted, it is gone."""
    with_server = relay(tmp_path, url)
    front.order(away=True)
    for confirmed in range(3):
        with_server.put_signature(signature("sig_1", 1.0, confirmed=confirmed))
    with_server.put_signature(signature("sig_2", 1.0))
    front.order(away=False)
    drained(with_server)
    with_server.put_signature(signature("sig_1", 1.0, confirmed=9))
    assert with_server.delete_signature("sig_2")
    drained(with_server)
    with_server.close()
    far = open_clickhouse(url)
    assert [(each.signature_id, each.confirmed) for each in far.list_signatures()] == [("sig_1", 9)]
    far.close()


def test_a_deleted_stream_is_gone_there_too_and_begins_anew(tmp_path: Path, front: ClickHouseFront, url: str) -> None:
    """What waits is not sent, what is there is deleted, meanwhile hidden; another stream and later events stay."""
    with_server = relay(tmp_path, url)
    with_server.append_events("orders", events(5))
    with_server.append_events("bills", events(5, stream_id="bills"))
    with_server.put_run(run("run_1"))
    drained(with_server)
    front.order(slow={"write": 0.3})
    with_server.delete_stream("orders")
    with_server.append_events("orders", events(2))
    assert with_server.history.list_runs() == []
    assert with_server.history.get_run("run_1") is None
    assert len(with_server.history.recent_events("orders")) == 2
    drained(with_server)
    assert with_server.history.list_runs() == []
    with_server.close()
    assert all_there(tmp_path, url) == rows(5, stream_id="bills") + rows(2)


def test_what_goes_by_age_goes_there_too(tmp_path: Path, url: str) -> None:
    """Erased events and documents are erased in both, and are not sent if they wait."""
    with_server = relay(tmp_path, url)
    with_server.append_events("orders", events(500))
    with_server.append_events("orders", events(500, since=500))
    with_server.put_run(run("run_1"))
    with_server.put_run(run("run_3"))
    with_server.erase_events("orders", up_to=500)
    with_server.erase_history("orders", before="2")
    assert [each.run_id for each in with_server.history.list_runs()] == ["run_3"]
    drained(with_server)
    assert [each.run_id for each in with_server.history.list_runs()] == ["run_3"]
    with_server.close()
    assert all_there(tmp_path, url) == rows(1000, first=501)


# --- too much, and never ----------------------------------------------------------------------------------------------


def test_the_oldest_events_give_way_and_nothing_else_does(tmp_path: Path, front: ClickHouseFront, url: str) -> None:
    """Beyond the limit the oldest waiting events are dropped and counted; documents and the newest events arrive."""
    with_server = relay(tmp_path, url, limit=100_000)
    front.order(away=True)
    with_server.put_run(run("run_1"))
    until(with_server, lambda now: not now.reachable)  # a batch that is on its way never gives way, whatever its size
    for since in range(0, 1000, 50):
        with_server.append_events("orders", events(50, since=since, raw=b"x" * 200))
    now = with_server.spool()
    assert now.spooled_bytes <= 100_000
    assert 0 < now.dropped_count < 1000
    assert now.dropped_count % 50 == 0
    assert len(with_server.recent_events("orders", limit=1000)) == 1000, "the archive here keeps its own"
    front.order(away=False)
    assert drained(with_server).drained_count == 1001 - now.dropped_count
    with_server.close()
    assert all_there(tmp_path, url) == rows(1000, first=now.dropped_count + 1)


def test_a_row_that_is_refused_for_good_is_set_aside_alone(tmp_path: Path, front: ClickHouseFront, url: str) -> None:
    """The rows around it arrive, it is kept, counted and named, and what comes later is not held up."""
    with_server = relay(tmp_path, url)
    front.order(reject="POISON")
    batch = events(40)
    batch[16] = msgspec.structs.replace(batch[16], raw=b"POISON")
    with_server.append_events("orders", batch)
    now = until(with_server, lambda now: now.set_aside_count == 1)
    with_server.append_events("orders", events(5, since=40))
    assert drained(with_server).drained_count == 44
    assert now.reachable
    with_server.close()
    assert all_there(tmp_path, url) == [row for row in rows(45) if row[1] != 17]
    [(kind, subject, why)] = aside(tmp_path)
    assert (kind, subject) == ("event", "orders/17")
    assert why


def test_events_of_any_time_are_taken(tmp_path: Path, url: str) -> None:
    """Times that a producer made up, in hundreds of months, before 1970 or after 2106, hold nothing up."""
    with_server = relay(tmp_path, url)
    times = [*(number * 2.7e6 for number in range(300)), -5.0, 0.0, 4.3e9, 1e10]
    made = [msgspec.structs.replace(event, time=time) for event, time in zip(events(304), times, strict=True)]
    with_server.append_events("orders", made)
    assert drained(with_server).drained_count == 304
    with_server.close()
    assert all_there(tmp_path, url) == rows(304)


# --- meeting a database that has a past -------------------------------------------------------------------------------


def test_a_file_of_sqlite_alone_is_sent_whole_once(tmp_path: Path, url: str) -> None:
    """Documents, signatures and the events that are kept arrive when ClickHouse is configured, and not again later."""
    alone = open_alone(tmp_path / "archive.db")
    alone.append_events("orders", events(10))
    alone.put_run(run("run_1"))
    alone.put_signature(signature("sig_1", 1.0))
    alone.put_canary(Canary(canary_id="can_1", stream_id="orders", adapter_id="adp_1", incident_id=""))
    alone.close()
    with_server = relay(tmp_path, url)
    assert drained(with_server).drained_count == 13
    with_server.close()
    again = relay(tmp_path, url)
    assert drained(again).drained_count == 13
    again.close()
    alone = open_alone(tmp_path / "archive.db")
    alone.append_events("orders", events(5, since=10))
    alone.close()
    last = relay(tmp_path, url)
    drained(last)
    last.close()
    assert all_there(tmp_path, url) == rows(15)


def test_a_database_that_was_written_directly_keeps_its_past(tmp_path: Path, url: str) -> None:
    """Positions go on behind its own, its runs are listed, and its signatures are known here."""
    direct = open_clickhouse(url)
    direct.append_events("orders", events(30))
    direct.put_run(run("run_1"))
    direct.put_signature(signature("sig_1", 1.0, 0.0))
    direct.close()
    with_server = relay(tmp_path, url)
    with_server.append_events("orders", events(5, since=30))
    until(with_server, lambda now: with_server.count_signatures() == 1)
    drained(with_server)
    assert [each.position for each in with_server.history.recent_events("orders")] == list(range(35, 0, -1))
    assert [each.run_id for each in with_server.history.list_runs()] == ["run_1"]
    assert [each.signature_id for each in with_server.find_signatures("f-sig_1")] == ["sig_1"]
    with_server.close()
    assert all_there(tmp_path, url) == rows(35)


def test_events_that_came_before_the_first_meeting_move_behind_the_past(
    tmp_path: Path, front: ClickHouseFront, url: str
) -> None:
    """Written while a database with a past was away, they are numbered behind it when it is met."""
    direct = open_clickhouse(url)
    direct.append_events("orders", events(30))
    direct.close()
    front.order(away=True)
    with_server = relay(tmp_path, url, patience=0.05)
    with_server.append_events("orders", events(5, since=30))
    with_server.append_events("bills", events(2, stream_id="bills"))
    front.order(away=False)
    drained(with_server)
    assert [each.position for each in with_server.recent_events("orders")] == [35, 34, 33, 32, 31]
    with_server.close()
    assert all_there(tmp_path, url) == rows(2, stream_id="bills") + rows(35)


# --- history ----------------------------------------------------------------------------------------------------------


def test_history_goes_on_there_where_it_ends_here(tmp_path: Path, front: ClickHouseFront, url: str) -> None:
    """Trimmed events come from ClickHouse, page by page, without doubles; while it is away the answer ends earlier."""
    with_server = relay(tmp_path, url)
    for since in range(0, 3000, 500):
        with_server.append_events("orders", events(500, since=since))
    drained(with_server)
    with_server.trim_events("orders", keep=1000)
    found: list[int] = []
    before = 0
    while page := with_server.history.recent_events("orders", before=before, limit=700):
        found += [each.position for each in page]
        before = found[-1]
    assert found == list(range(3000, 0, -1))
    assert len(with_server.recent_events("orders", limit=5000)) == 1000, "the loop asks here alone"
    front.order(away=True)
    until(with_server, lambda now: not now.reachable)
    assert len(with_server.history.recent_events("orders", limit=5000)) == 1000
    with_server.close()
    front.order(away=False)


def test_what_is_trimmed_here_leaves_there_where_nothing_is_kept_by_age(tmp_path: Path, url: str) -> None:
    """With no age of its own ClickHouse keeps at least `keep_recent` events, and not twice as many for long."""
    with_server = relay(tmp_path, url, by_age=False)
    for since in range(0, 6000, 500):
        with_server.append_events("orders", events(500, since=since))
        with_server.trim_events("orders", keep=1000)
    drained(with_server)
    with_server.close()
    there = [position for _, position, _ in all_there(tmp_path, url)]
    assert there == list(range(there[0], 6001))
    assert 1000 <= len(there) <= 2500


def test_trimmed_events_that_wait_arrive_all_the_same(tmp_path: Path, front: ClickHouseFront, url: str) -> None:
    """What leaves the archive here before it was drained is kept for ClickHouse."""
    with_server = relay(tmp_path, url)
    front.order(away=True)
    for since in range(0, 2000, 500):
        with_server.append_events("orders", events(500, since=since))
    with_server.trim_events("orders", keep=500)
    front.order(away=False)
    drained(with_server)
    with_server.close()
    assert all_there(tmp_path, url) == rows(2000)


def test_two_installations_find_each_others_signatures(tmp_path: Path, url: str) -> None:
    """Likeness looks in the shared database as well; what is retired or deleted here stays so."""
    one, other = (relay(tmp_path / name, url) for name in ("one", "other"))
    one.put_signature(signature("sig_1", 1.0, 0.0))
    one.put_signature(signature("sig_2", 0.9, 0.1))
    drained(one)
    other.put_signature(signature("sig_3", 0.0, 1.0))
    drained(other)

    def alike() -> list[str]:
        return [each.signature.signature_id for each in other.history.similar_signatures((1.0, 0.0), limit=3)]

    assert alike() == ["sig_1", "sig_2", "sig_3"]
    assert [each.signature.signature_id for each in other.similar_signatures((1.0, 0.0), limit=3)] == ["sig_3"]
    found = other.history.get_signature("sig_1")
    assert found is not None
    other.put_signature(msgspec.structs.replace(found, retired=True))
    assert other.history.delete_signature("sig_2")
    assert not other.history.delete_signature("sig_2")
    assert alike() == ["sig_3"]
    drained(other)
    assert alike() == ["sig_3"]
    one.close()
    other.close()


# --- the drainer ------------------------------------------------------------------------------------------------------


def test_a_defect_does_not_end_the_drainer(tmp_path: Path, url: str) -> None:
    """What nobody foresaw is shown as the last error and tried again."""
    broken = threading.Event()
    broken.set()

    def opener() -> ClickHouseArchive:
        if broken.is_set():
            raise RuntimeError("no such luck")
        return open_clickhouse(url)

    with_server = relay(tmp_path, url, opener=opener)
    assert with_server.spool().last_error == "no such luck"
    with_server.append_events("orders", events(3))
    broken.clear()
    assert drained(with_server).last_error == ""
    with_server.close()


def test_closing_twice_is_closing_once(tmp_path: Path, url: str) -> None:
    """The second call does nothing; the file is free for another."""
    with_server = relay(tmp_path, url)
    with_server.append_events("orders", events(3))
    with_server.close()
    with_server.close()
    with_server.history.close()
    alone = open_alone(tmp_path / "archive.db")
    assert len(alone.recent_events("orders", limit=9)) == 3
    alone.close()


def test_what_is_spooled_shows_in_the_file(tmp_path: Path) -> None:
    """A person can count with `sqlite3` what waits: rows and bytes are those of the table."""
    lonely = relay(tmp_path, NOWHERE, patience=0.05)
    lonely.append_events("orders", events(3))
    lonely.put_run(run("run_1"))
    now = lonely.spool()
    lonely.close()
    conn = sqlite3.connect(tmp_path / "archive.db")
    assert conn.execute("SELECT count(*), sum(bytes) FROM outbox").fetchone() == (now.spooled_rows, now.spooled_bytes)
    conn.close()
