"""What goes wrong between the archive and a ClickHouse server, made to happen, and what is told of it."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cta_core.run import Run
from cta_server.store.clickhouse import ClickHouseArchive, open_clickhouse
from cta_server.store.clickhouse.engine import Engine, open_engine
from cta_server.store.errors import StoreClosed, StoreConflict, StoreUnavailable
from helpers.clickhouse_front import ClickHouseFront, clickhouse_front
from helpers.stores import recorded

COLUMNS = {"number": "UInt64", "text": "String"}


@pytest.fixture
def engine(url: str) -> object:
    """An engine with one table."""
    opened = open_engine(url)
    opened.change(
        "CREATE TABLE t (number UInt64, text String) ENGINE = MergeTree ORDER BY number "
        "SETTINGS non_replicated_deduplication_window = 100"
    )
    yield opened
    opened.close()


def count(engine: Engine) -> int:
    """How many rows there are."""
    return int(engine.rows("SELECT count() FROM t")[0][0])


@pytest.mark.parametrize("fault", ["drop_before", "drop_after"])
def test_a_block_whose_answer_was_lost_counts_once(engine: Engine, front: ClickHouseFront, fault: str) -> None:
    """Cut off before or after it was committed, a block is sent again by itself and is there once."""
    before = front.order(**{fault: 1}).get(fault, 0)
    engine.insert("t", COLUMNS, [[1, "a"], [2, "b"]])
    assert front.counts[fault] == before + 1
    assert engine.rows("SELECT number, text FROM t ORDER BY number") == [(1, "a"), (2, "b")]


def test_a_block_that_its_caller_repeats_counts_once(engine: Engine, front: ClickHouseFront) -> None:
    """Where every try of the client was cut off after the commit, the same token makes the caller's repeat harmless."""
    front.order(drop_after=9)
    with pytest.raises(StoreUnavailable, match="is it running"):
        engine.insert("t", COLUMNS, [[1, "a"]], token="block-1")  # noqa: S106 - names a block
    front.calm()
    engine.insert("t", COLUMNS, [[1, "a"]], token="block-1")  # noqa: S106 - names a block
    assert count(engine) == 1
    engine.insert("t", COLUMNS, [[1, "a"]], token="block-2")  # noqa: S106 - names a block
    assert count(engine) == 2


def test_events_are_appended_once_whatever_was_cut(url: str, front: ClickHouseFront) -> None:
    """Positions go on without a gap and without a double while every second insert loses its answer."""
    archive = open_clickhouse(url)
    for number in range(6):
        front.order(drop_after=number % 2)
        archive.append_events("orders", [recorded(f"{number}-{index}") for index in range(3)])
    events = archive.recent_events("orders", limit=100)
    assert [event.position for event in events] == list(range(18, 0, -1))
    assert len({event.event_id for event in events}) == 18
    archive.close()


def test_a_busy_server_is_asked_again_for_reads(engine: Engine, front: ClickHouseFront) -> None:
    """One 503 does not fail a read; a server that stays busy is named as such, and works again afterwards."""
    front.order(busy=1)
    assert count(engine) == 0
    front.order(busy=9)
    with pytest.raises(StoreUnavailable, match=r"takes no queries now \(HTTP 503\); it may be starting or overloaded"):
        count(engine)
    with pytest.raises(StoreUnavailable, match="HTTP 503"):
        engine.insert("t", COLUMNS, [[1, "a"]])
    front.calm()
    assert count(engine) == 0


@pytest.mark.parametrize("kind", ["read", "insert", "write"])
def test_a_slow_server_is_given_up_after_the_limit(engine: Engine, front: ClickHouseFront, kind: str) -> None:
    """A call ends when its time is over, says the limit and what to look at, and the next one works."""
    calls = {
        "read": lambda limit: engine.rows("SELECT 1", seconds=limit),
        "insert": lambda limit: engine.insert("t", COLUMNS, [[1, "a"]], seconds=limit),
        "write": lambda limit: engine.change("OPTIMIZE TABLE t", seconds=limit),
    }
    front.order(slow={kind: 60})
    with pytest.raises(StoreUnavailable, match=r"no answer within 0\.4 s; look at its load and at the network"):
        calls[kind](0.4)
    front.order(slow={})
    calls[kind](None)


def test_an_answer_that_breaks_off_is_no_answer(engine: Engine, front: ClickHouseFront) -> None:
    """Half an answer is never taken for a whole one."""
    engine.insert("t", COLUMNS, [[number, "x" * 50] for number in range(2000)])
    front.order(truncate=1)
    with pytest.raises(StoreUnavailable, match="its answer broke off"):
        engine.rows("SELECT number, text FROM t")
    assert len(engine.rows("SELECT number, text FROM t")) == 2000


def test_a_server_that_is_away_and_back(engine: Engine, front: ClickHouseFront) -> None:
    """While nothing listens every call says so; the connection needs no opening anew afterwards."""
    engine.insert("t", COLUMNS, [[1, "a"]])
    front.order(away=True)
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match="is it running, and reached from here"):
            count(engine)
        with pytest.raises(StoreUnavailable, match="is it running, and reached from here"):
            engine.insert("t", COLUMNS, [[2, "b"]])
    front.order(away=False)
    engine.insert("t", COLUMNS, [[3, "c"]])
    assert count(engine) == 2


def test_connections_that_the_server_hung_up_are_made_anew(engine: Engine, front: ClickHouseFront) -> None:
    """A server closes connections that are idle; neither a write nor a read fails for that."""
    for number in range(5):
        front.order(hang_up=True)
        engine.insert("t", COLUMNS, [[number, "a"]])
        front.order(hang_up=True)
        assert count(engine) == number + 1


def test_a_server_that_is_away_is_named_when_opened(front: ClickHouseFront) -> None:
    """Opening says which server does not answer, without the password."""
    front.order(away=True)
    with pytest.raises(StoreUnavailable, match="is it running, and reached from here") as told:
        open_clickhouse(front.url().replace("//", "//me:hushhush@"))
    assert f"127.0.0.1:{front.port}/default" in str(told.value)
    assert "hushhush" not in str(told.value)


def test_a_database_that_is_not_there_is_named(front: ClickHouseFront) -> None:
    """The remedy is told."""
    with pytest.raises(StoreUnavailable, match="the database does not exist; create it there"):
        open_clickhouse(front.url("nowhere"))


def test_a_row_that_does_not_fit_is_a_conflict(engine: Engine, front: ClickHouseFront) -> None:
    """A row refused for good is told apart from a server that is away, by the client's check and by the server's."""
    with pytest.raises(StoreConflict, match=r"a value does not fit its column"):
        engine.insert("t", COLUMNS, [["no number", "a"]])
    front.order(reject="poison")
    with pytest.raises(StoreConflict, match="refuses a row: Cannot parse the block"):
        engine.insert("t", COLUMNS, [[1, "poison"]])
    engine.insert("t", COLUMNS, [[1, "fine"]])
    assert count(engine) == 1


def test_an_error_shows_no_data(engine: Engine) -> None:
    """What was asked with stays out of the message."""
    with pytest.raises(StoreUnavailable) as told:
        engine.rows("SELECT nothing FROM t WHERE text = {text:String}", {"text": "4111-1111"})
    assert "nothing" in str(told.value)
    assert "4111" not in str(told.value)


def test_reads_do_not_wait_for_a_slow_write(url: str, front: ClickHouseFront) -> None:
    """Eight reads are answered while a write is still under way, and it is written all the same."""
    archive: ClickHouseArchive = open_clickhouse(f"{url}?timeout=600")
    archive.append_events("orders", [recorded("e1")])
    front.order(slow={"insert": 60})
    with ThreadPoolExecutor(9) as threads:
        write = threads.submit(archive.append_events, "orders", [recorded("e2")])
        reads = [threads.submit(archive.recent_events, "orders") for _ in range(8)]
        assert [len(read.result()) for read in reads] == [1] * 8
        assert not write.done()
        front.order(slow={})
        write.result()
    assert [event.position for event in archive.recent_events("orders")] == [2, 1]
    archive.close()


def test_closing_ends_what_is_under_way(url: str, front: ClickHouseFront) -> None:
    """A close does not wait for a server that does not answer: the call says that the store is closed."""
    archive = open_clickhouse(f"{url}?timeout=600")
    front.order(slow={"read": 60})
    with ThreadPoolExecutor(1) as threads:
        started = threading.Event()

        def read() -> object:
            started.set()
            return archive.recent_events("orders")

        under_way = threads.submit(read)
        started.wait()
        archive.close()
        with pytest.raises(StoreClosed):
            under_way.result()
    archive.close()
    with pytest.raises(StoreClosed):
        archive.recent_events("orders")


def test_writes_from_many_threads_take_turns(url: str) -> None:
    """A request id is recorded once and positions are given once, however many threads write."""
    archive = open_clickhouse(url)
    with ThreadPoolExecutor(6) as threads:
        runs = list(
            threads.map(
                lambda number: archive.put_run(Run(run_id=f"run_{number}", stream_id="orders", request_id="r")),
                range(6),
            )
        )
        list(threads.map(lambda number: archive.append_events("orders", [recorded(f"e{number}")]), range(6)))
    assert len({run.run_id for run in runs}) == 1
    assert [event.position for event in archive.recent_events("orders")] == [6, 5, 4, 3, 2, 1]
    archive.close()


def test_what_was_acknowledged_survives_the_death_of_the_server(tmp_path: Path) -> None:
    """A server that is killed and comes back on its disk and at its port has what it acknowledged, once."""
    with clickhouse_front(tmp_path / "data") as front:
        archive = open_clickhouse(front.url())
        archive.append_events("orders", [recorded("e1"), recorded("e2")])
        front.kill()
        with pytest.raises(StoreUnavailable):
            archive.append_events("orders", [recorded("lost")])
        front.start()
        archive.append_events("orders", [recorded("e3")])
        assert [event.event_id for event in archive.recent_events("orders")] == ["e3", "e2", "e1"]
        archive.close()
