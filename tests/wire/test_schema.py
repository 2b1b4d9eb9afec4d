"""The tables of the archive on ClickHouse: their versions, how long they keep what they have, and events as JSON."""

from __future__ import annotations

import array
import math
import random
import time
from collections.abc import Iterator, Sequence

import msgspec
import pytest
from msgspec.structs import replace

from cta_core.adapter.program import Program
from cta_core.adapter.steps import Rename
from cta_core.canary import Canary
from cta_core.memory import SignatureRecord
from cta_core.run import Run
from cta_core.signature import likeness
from cta_server.runtime.ports import RecordedEvent
from cta_server.store.clickhouse import ClickHouseArchive, Retention, open_clickhouse
from cta_server.store.clickhouse.documents import RUNS
from cta_server.store.clickhouse.engine import Engine, open_engine
from cta_server.store.clickhouse.retention import apply_retention, days_of
from cta_server.store.clickhouse.schema import VERSION, is_supported, migrate, version_of
from helpers.clickhouse_front import ClickHouseFront
from helpers.stores import recorded

DAY = 86_400
TABLES = ("events", "runs", "reports", "canaries")


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    """An engine on an empty database."""
    opened = open_engine(url)
    yield opened
    opened.close()


def test_tables_of_version_1_are_brought_up_to_date_with_their_rows(url: str, engine: Engine) -> None:
    """Whatever the first release wrote is read by this one as it was, and written on."""
    assert version_of(engine) == 0
    migrate(engine, version=1)
    assert version_of(engine) == 1
    columns = engine.rows(
        "SELECT name FROM system.columns WHERE database = currentDatabase() AND table = 'events' AND name = 'payload'"
    )
    assert columns == []
    former = ClickHouseArchive(engine)
    former.append_events("orders", [recorded(f"e{number}", time=time.time()) for number in range(700)])
    former.put_run(Run(run_id="run_1", stream_id="orders"))
    former.put_canary(Canary(canary_id="can_1", stream_id="orders", adapter_id="adp_1"))
    archive = open_clickhouse(url)
    assert version_of(engine) == VERSION
    archive.append_events("orders", [recorded("new", time=time.time())])
    events = archive.recent_events("orders", limit=1000)
    assert [event.position for event in events] == list(range(701, 0, -1))
    assert archive.get_run("run_1") is not None
    assert archive.get_canary("can_1") is not None
    assert engine.rows("SELECT count() FROM events WHERE payload IS NOT NULL") == [(701,)]
    archive.close()


def unit(numbers: Sequence[float]) -> tuple[float, ...]:
    """A unit vector, single precision."""
    length = math.sqrt(sum(number * number for number in numbers))
    return tuple(array.array("f", [number / length for number in numbers]))


def test_a_search_by_rounded_vectors_finds_what_an_exact_one_does(url: str, engine: Engine) -> None:
    """The nearest of many that lie close together come first, those that older tables kept included."""
    migrate(engine, version=2)
    chance = random.Random(7)
    wanted = unit([chance.gauss(0, 1) for _ in range(128)])
    near = [unit([each + chance.gauss(0, 0.02) for each in wanted]) for _ in range(600)]
    far = [unit([chance.gauss(0, 1) for _ in range(128)]) for _ in range(300)]
    ids = {f"sig_{number:026d}": vector for number, vector in enumerate((*near, *far))}
    program = Program(steps=(Rename(source="/amt", target="/amount"),))
    rows = []
    for version, (key, vector) in enumerate(ids.items(), 1):
        record = SignatureRecord(signature_id=key, fingerprint="sig1:a", stream_id="orders", program=program)
        body = msgspec.json.encode(record).decode()
        rows.append([key, "orders", "sig1:a", 0, 0, list(vector), body, version, 0])
    ClickHouseArchive(engine).arrive("signatures", rows[::3], "before there were any")
    migrate(engine, version=3)
    ClickHouseArchive(engine).arrive("signatures", rows[1::3], "beside coarse ones")
    archive = open_clickhouse(url)
    archive.arrive("signatures", rows[2::3], "now")
    exact = sorted(ids, key=lambda key: -likeness(ids[key], wanted))
    for limit in (1, 12, 100):
        found = [each.signature.signature_id for each in archive.similar_signatures(wanted, limit=limit)]
        assert found == exact[:limit]
    archive.close()


def test_a_step_that_was_cut_short_is_done_again(engine: Engine, front: ClickHouseFront) -> None:
    """A server that goes away between a step's statements leaves tables that the next start completes."""
    migrate(engine, version=1)
    engine.change("ALTER TABLE events ADD COLUMN payload Nullable(JSON) ALIAS accurateCastOrNull(raw, 'JSON')")
    assert version_of(engine) == 1
    assert migrate(engine) == version_of(engine) == VERSION


def test_events_lie_in_months(url: str, engine: Engine) -> None:
    """Events are partitioned by the month they came in and lie by stream and position."""
    archive = open_clickhouse(url)
    april, may = 1_776_000_000, 1_778_600_000
    archive.append_events("orders", [recorded("e1", time=april), recorded("e2", time=may)])
    found = engine.rows(
        "SELECT engine, partition_key, sorting_key FROM system.tables "
        "WHERE database = currentDatabase() AND name = 'events'"
    )
    assert found == [("MergeTree", "toYYYYMM(toDateTime(toUInt32(time), 'UTC'))", "stream_id, position")]
    partitions = engine.rows(
        "SELECT DISTINCT partition FROM system.parts "
        "WHERE database = currentDatabase() AND table = 'events' AND active ORDER BY 1"
    )
    assert partitions == [("202604",), ("202605",)]
    archive.close()


def test_what_has_expired_goes_and_the_rest_stays(url: str, engine: Engine) -> None:
    """Events, runs and canaries beyond their days leave; younger ones and signatures have no end."""
    archive = open_clickhouse(url, Retention(events_days=10, history_days=20))
    assert days_of(engine)["signatures"] == 0
    now = time.time()
    ages = (30, 11, 9, 0)
    archive.append_events("orders", [recorded(f"{days} days", time=now - days * DAY) for days in ages])
    for days in ages:
        written = int((now - days * DAY) * 1e9)
        engine.insert("runs", RUNS, [[f"run_{days:02}", "orders", "", 0, _body(f"run_{days:02}"), "[]", written]])
    for table in ("events", "runs"):
        engine.change(f"OPTIMIZE TABLE {table} FINAL")
    assert [event.event_id for event in archive.recent_events("orders")] == ["0 days", "9 days"]
    assert [run.run_id for run in archive.list_runs()] == ["run_11", "run_09", "run_00"]
    archive.close()


def _body(run_id: str) -> str:
    return f'{{"run_id":"{run_id}","stream_id":"orders"}}'


def test_the_time_to_live_follows_the_configuration(url: str, engine: Engine) -> None:
    """A start with other days alters the tables, one with the same days alters nothing, and 0 is for good."""
    open_clickhouse(url).close()
    assert {days_of(engine)[table] for table in TABLES} == {0}
    longer = Retention(events_days=30, history_days=365)
    open_clickhouse(url, longer).close()
    assert [days_of(engine)[table] for table in TABLES] == [30, 365, 365, 365]
    assert apply_retention(engine, longer) == {}
    open_clickhouse(url).close()
    assert days_of(engine)["events"] == 30
    assert apply_retention(engine, Retention(history_days=365)) == {"events": 0}
    open_clickhouse(url, Retention()).close()
    assert {days_of(engine)[table] for table in TABLES} == {0}


def test_an_event_is_queried_by_its_fields(url: str, engine: Engine) -> None:
    """The payload is JSON to a query, and the events themselves stay the bytes that came."""
    archive = open_clickhouse(url)
    archive.append_events(
        "orders", [_event("e1", b'{"amount": 2.50,"to":{"city":"Rome"}}'), _event("e2", b'{"amount":4}')]
    )
    asked = "SELECT payload.to.city::Nullable(String), payload.amount::Float64 FROM events ORDER BY position"
    assert engine.rows(asked) == [("Rome", 2.5), (None, 4.0)]
    assert archive.recent_events("orders")[1].raw == b'{"amount": 2.50,"to":{"city":"Rome"}}'
    archive.close()


@pytest.mark.parametrize(
    "raw",
    [b"", b"no json", b'{"a":', b"[1, 2]", b"7", b"null", b'"text"', b"\xff\xfe\x00", b'{"a":1,"a":2}',
     b'{"a":{"b":1},"a.b":2}', b'{"a":1e999}', b'{"a":"\\ud800"}', b'{"a":1} {"b":2}', b'{"a":' * 3000],
)  # fmt: skip
def test_a_payload_that_is_no_object_breaks_nothing(url: str, engine: Engine, raw: bytes) -> None:
    """It is kept as it came, it is NULL to a query by field, and the events beside it are found."""
    archive = open_clickhouse(url)
    archive.append_events("orders", [_event("odd", raw), _event("fine", b'{"amount":4}')])
    assert [event.raw for event in archive.recent_events("orders")] == [b'{"amount":4}', raw]
    assert engine.rows("SELECT event_id FROM events WHERE payload.amount::Nullable(Float64) > 1") == [("fine",)]
    assert engine.rows("SELECT event_id FROM events WHERE payload IS NULL") == [("odd",)]
    archive.close()


def _event(event_id: str, raw: bytes) -> RecordedEvent:
    return replace(recorded(event_id), raw=raw)


@pytest.mark.parametrize(
    ("release", "answer"),
    [("25.3.1.2703", True), ("26.9.2.1", True), ("24.12.3.47", False), ("18.16.1", False), ("head", True)],
)
def test_a_release_without_the_json_type_is_too_old(release: str, answer: bool) -> None:
    """ClickHouse works from 25.3 on."""
    assert is_supported(release) is answer
