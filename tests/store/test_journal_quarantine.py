"""The journal's contract for the quarantine and the deliveries."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from msgspec.structs import replace

from cta_core.quarantine import HeldBreach, HeldReason, HeldState
from cta_server.runtime.ports import Held, Journal
from cta_server.store import open_journal
from cta_server.store.errors import StoreConflict
from cta_server.store.journal import requests
from helpers.stores import delivery, held


def test_a_held_event_comes_back_as_it_came(journal: Journal) -> None:
    """The payload is kept byte for byte, with every reason why the event was held."""
    event = held(
        "e1",
        raw=b"\x00\xff not even text",
        message="amount is missing \u2713",
        breaches=(HeldBreach(path="/amount", rule="required", message="missing"),),
        stage="charge",
        incident_id="inc_1",
        run_id="run_1",
        arrive_time=4.5,
    )
    assert journal.hold([event]) == Held(new=1, last_position=1)
    stored = journal.list_held()[0]
    assert stored.position == 1
    assert journal.known_events("orders", ["e1", "e2"]) == {"e1": stored}
    for name in event.__struct_fields__:
        if name != "position":
            assert getattr(stored, name) == getattr(event, name)


def test_the_bodies_alone_are_those_that_still_wait(journal: Journal) -> None:
    """Raw events in order of arrival, of an incident or of a stream, without those that were redriven."""
    journal.hold([held(f"e{n}", raw=b"%d" % n, incident_id="inc_1" if n % 2 else "inc_2") for n in range(8)])
    assert journal.held_bodies(incident_id="inc_1", limit=100) == [b"1", b"3", b"5", b"7"]
    assert journal.held_bodies(stream_id="orders", limit=3) == [b"0", b"1", b"2"]
    journal.deliver([delivery("e1", held_position=2), delivery("e3", held_position=4)])
    assert journal.held_bodies(incident_id="inc_1", limit=100) == [b"5", b"7"]


@pytest.mark.parametrize("reason", HeldReason)
def test_every_reason_is_kept(journal: Journal, reason: HeldReason) -> None:
    """Each reason for holding an event comes back as itself."""
    journal.hold([replace(held("e1"), reason=reason)])
    assert journal.list_held()[0].reason is reason


def test_an_event_is_held_once(journal: Journal) -> None:
    """An event that is known stays as it was, be it repeated in a batch, in a later one, or after it was redriven."""
    first = journal.hold([held("e1", raw=b"first"), held("e1", raw=b"again"), held("e2")])
    assert first.new == 2
    assert journal.hold([held("e2")]) == Held(new=0, last_position=first.last_position)
    journal.deliver([delivery("e1")])
    assert journal.hold([held("e1", raw=b"later"), held("e3")]).new == 1
    assert journal.count_held(stream_id="orders") == 2
    known = journal.known_events("orders", ["e1"])["e1"]
    assert known.raw == b"first"
    assert known.state is HeldState.REDRIVEN


@pytest.mark.parametrize("size", [0, 1, 49, 50, 51, 100, 137])
def test_batches_of_every_size_are_held_whole_and_in_order(journal: Journal, size: int) -> None:
    """However many events come at once, the new ones are kept in order and the known ones counted once, wherever they
    stand.
    """
    known = [n for n in range(size) if n % 7 == 3]
    journal.hold([held(f"e{n}") for n in known])
    batch = [held(f"e{n}") for n in range(size)]
    assert journal.hold([*batch, *batch[:5]]).new == size - len(known)
    stored = [event.event_id for event in journal.list_held(stream_id="orders", limit=1000)]
    assert stored == [f"e{n}" for n in (*known, *(n for n in range(size) if n not in known))]
    assert journal.count_held(stream_id="orders") == size


def test_streams_do_not_share_event_ids(journal: Journal) -> None:
    """The same id in two streams is two events."""
    assert journal.hold([held("e1"), held("e1", stream_id="refunds")]).new == 2
    assert journal.known_events("refunds", ["e1"])["e1"].stream_id == "refunds"


def test_positions_keep_the_order_of_arrival(journal: Journal) -> None:
    """Events get growing positions in the order in which they were given, whichever stream they are of."""
    journal.hold([held("c"), held("a", stream_id="refunds"), held("b")])
    last = journal.hold([held("aa")]).last_position
    listed = journal.list_held()
    assert [event.event_id for event in listed] == ["c", "a", "b", "aa"]
    assert listed[-1].position == last
    assert sorted({event.position for event in listed}) == [event.position for event in listed]


def test_nothing_to_hold_is_held(journal: Journal) -> None:
    """An empty batch stores nothing and may still remember its request."""
    assert journal.hold([], request_id="r1", digest="d1") == Held(new=0, last_position=0)
    assert journal.request_digest("r1") == "d1"


def test_an_event_that_breaks_a_rule_of_the_table_is_not_left_out_silently(journal: Journal) -> None:
    """A batch with a row that cannot be stored is refused whole: nobody is told that it is held."""
    with pytest.raises(StoreConflict):
        journal.hold([held("e1"), held("e2", arrive_time=math.nan)])
    assert journal.list_held() == []
    assert journal.count_held() == 0


def test_a_request_keeps_its_first_digest(journal: Journal) -> None:
    """A request is remembered together with its events; a repeat does not change it."""
    assert journal.request_digest("r1") is None
    journal.hold([held("e1")], request_id="r1", digest="d1")
    journal.hold([held("e1")], request_id="r1", digest="d2")
    assert journal.request_digest("r1") == "d1"


def test_old_requests_of_batches_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the last requests are remembered, and repeats of one do not push out the others."""
    monkeypatch.setattr(requests, "KEPT", 3)
    journal = open_journal(tmp_path / "journal.db")
    journal.hold([held(f"e{number}") for number in range(50)])
    for number in range(5):
        journal.hold([], request_id=f"r{number}", digest="d")
        journal.hold([], request_id=f"r{number}", digest="d")
    assert [journal.request_digest(f"r{number}") for number in range(5)] == [None, None, "d", "d", "d"]
    journal.close()


def test_held_events_are_listed_under_every_filter(journal: Journal) -> None:
    """Stream, incident, failure keys, state and position narrow the list; the order is that of arrival."""
    journal.hold(
        [
            held("e1", key="a"),
            held("e2", key="b", incident_id="inc_1"),
            held("e3", key="a", incident_id="inc_1"),
            held("e4", key="c", stream_id="refunds", incident_id="inc_2"),
            held("e5", key="b", incident_id="inc_1"),
        ]
    )
    journal.deliver([delivery("e3", time=8.0)])

    def ids(**filters: object) -> list[str]:
        return [event.event_id for event in journal.list_held(**filters)]  # type: ignore[arg-type]

    assert ids() == ["e1", "e2", "e4", "e5"]
    assert ids(state=None) == ["e1", "e2", "e3", "e4", "e5"]
    assert ids(state=HeldState.REDRIVEN) == ["e3"]
    assert ids(stream_id="orders") == ["e1", "e2", "e5"]
    assert ids(incident_id="inc_1") == ["e2", "e5"]
    assert ids(incident_id="inc_1", state=None) == ["e2", "e3", "e5"]
    assert ids(failure_keys=("a", "c"), state=None) == ["e1", "e3", "e4"]
    assert ids(stream_id="orders", failure_keys=("b",), limit=1) == ["e2"]
    assert ids(after=2) == ["e4", "e5"]
    assert ids(limit=2) == ["e1", "e2"]
    assert ids(stream_id="payments") == []
    assert journal.list_held(state=HeldState.REDRIVEN)[0].redrive_time == 8.0


def test_a_long_list_is_walked_in_pages(journal: Journal) -> None:
    """Pages of any size show each of many events once, in order."""
    names = [f"e{number}" for number in range(1200)]
    journal.hold([held(name, incident_id=f"inc_{number % 3}") for number, name in enumerate(names)])
    seen: list[str] = []
    after = 0
    while page := journal.list_held(stream_id="orders", after=after, limit=700):
        seen += [event.event_id for event in page]
        after = page[-1].position
    assert seen == names
    assert len(journal.known_events("orders", names)) == 1200


def test_counts_follow_every_change(journal: Journal) -> None:
    """Held and redriven events are counted per stream and incident, whatever moved them."""
    journal.hold([held("e1"), held("e2"), held("e3", incident_id="inc_1"), held("e4", stream_id="refunds")])
    journal.hold([held("e1"), held("e5")])
    assert journal.count_held() == 5
    assert journal.count_held(stream_id="orders") == 4
    assert journal.assign("orders", ("required:/amount",), "inc_2") == 3
    assert journal.count_held(incident_id="inc_2") == 3
    assert journal.assign("orders", ("required:/amount",), "inc_3") == 0
    assert journal.assign("orders", (), "inc_3") == 0
    journal.deliver([delivery("e1"), delivery("e3")])
    assert journal.count_held(stream_id="orders") == 2
    assert journal.count_held(incident_id="inc_1") == 0
    assert journal.count_held(incident_id="inc_2") == 2
    assert journal.count_held(incident_id="inc_2", state=HeldState.REDRIVEN) == 1
    assert journal.count_held(state=HeldState.REDRIVEN) == 2


def test_a_held_event_is_delivered_once(journal: Journal) -> None:
    """Repeats within a call and in later calls, and events that are not held, deliver nothing."""
    journal.hold([held("e1"), held("e2")])
    assert journal.deliver([delivery("e1", raw=b"healed"), delivery("e1", raw=b"twice"), delivery("e9")]) == 1
    assert journal.deliver([delivery("e1", raw=b"late"), delivery("e2", stream_id="refunds")]) == 0
    assert [one.raw for one in journal.list_deliveries()] == [b"healed"]


def test_a_delivery_comes_back_with_its_original(journal: Journal) -> None:
    """The log tells the event before and after the gate, and which adapter at which revision healed it."""
    journal.hold([held("e0"), held("e1", raw=b"as it came")])
    journal.deliver([delivery("e1", raw=b"healed", adapter_id="adp_1", adapter_revision=7, time=3.5)])
    logged = journal.list_deliveries()[0]
    assert logged == delivery(
        "e1",
        raw=b"healed",
        original=b"as it came",
        adapter_id="adp_1",
        adapter_revision=7,
        time=3.5,
        held_position=2,
        position=1,
    )


def test_deliveries_are_read_in_order_of_the_log(journal: Journal) -> None:
    """A watcher who resumes after a position misses nothing and sees nothing twice."""
    journal.hold([held(f"e{number}", stream_id="ab"[number % 2]) for number in range(6)])
    assert journal.delivery_position() == 0
    for number in (3, 0, 5, 2):
        journal.deliver([delivery(f"e{number}", stream_id="ab"[number % 2])])
    assert journal.delivery_position() == 4
    assert [one.event_id for one in journal.list_deliveries(limit=3)] == ["e3", "e0", "e5"]
    assert [one.event_id for one in journal.list_deliveries(after=3)] == ["e2"]
    assert [one.event_id for one in journal.list_deliveries(stream_id="a", after=1)] == ["e0", "e2"]
