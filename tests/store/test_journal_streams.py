"""The journal's contract for streams, baselines and profiles."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cta_core.machine import Effect, EffectKind
from cta_core.stream import Autonomy, CanaryPolicy, Policy
from cta_server.runtime.ports import Journal, StaleRevision
from cta_server.store import open_journal
from helpers.stores import adapter, decision, delivery, held, incident, stream, transition


def test_a_stream_comes_back_as_it_was_put(journal: Journal) -> None:
    """Every field of a stream survives the store."""
    policy = Policy(autonomy=Autonomy.SUGGEST, min_confidence=0.97, canary=CanaryPolicy(max_error_rate=0.002))
    put = journal.put_stream(
        stream(
            policy=policy,
            contract=b'{"type":"object"}',
            learned=b"\xff\x00 any bytes",
            consumer="payments",
            description="Orders, in \u20ac",
            create_time=1.5,
            update_time=2.5,
        ),
        expected=0,
    )
    assert put.revision == 1
    assert journal.get_stream("orders") == put


def test_a_stream_is_created_once(journal: Journal) -> None:
    """Creating a stream that exists is refused with its revision, and leaves it as it was."""
    first = journal.put_stream(stream(), expected=0)
    with pytest.raises(StaleRevision) as refused:
        journal.put_stream(stream(description="other"), expected=0, decision=decision("create_stream"))
    assert (refused.value.expected, refused.value.actual) == (0, first.revision)
    assert journal.get_stream("orders") == first
    assert journal.revision() == first.revision
    assert journal.list_decisions() == []


def test_an_update_on_an_old_revision_is_refused(journal: Journal) -> None:
    """Of two updates made on the same revision the second is refused."""
    first = journal.put_stream(stream(), expected=0)
    second = journal.put_stream(stream(description="mine"), expected=first.revision)
    with pytest.raises(StaleRevision):
        journal.put_stream(stream(description="yours"), expected=first.revision)
    assert journal.get_stream("orders") == second


def test_an_update_of_a_missing_stream_is_refused(journal: Journal) -> None:
    """A stream that was deleted does not come back by an update."""
    with pytest.raises(StaleRevision) as refused:
        journal.put_stream(stream(), expected=3)
    assert refused.value.actual == 0
    assert journal.get_stream("orders") is None


def test_an_unchecked_put_replaces(journal: Journal) -> None:
    """Expected -1 writes whatever is there."""
    journal.put_stream(stream(), expected=-1)
    replaced = journal.put_stream(stream(description="new"), expected=-1, decision=decision("update_stream"))
    assert journal.get_stream("orders") == replaced
    assert [entry.action for entry in journal.list_decisions()] == ["update_stream"]


def test_streams_are_listed_by_id_in_pages(journal: Journal) -> None:
    """Walking pages of two shows every stream once, by id."""
    for name in ("c", "a", "e", "b", "d"):
        journal.put_stream(stream(name), expected=0)
    seen: list[str] = []
    while page := journal.list_streams(after=seen[-1] if seen else "", limit=2):
        seen += [one.stream_id for one in page]
    assert seen == ["a", "b", "c", "d", "e"]
    assert journal.count_streams() == 5


def test_a_stream_is_deleted_with_all_that_is_its_own(journal: Journal) -> None:
    """Nothing of a deleted stream is found any more, nothing of another is touched, and the decisions stay."""
    for name in ("orders", "refunds"):
        journal.put_stream(stream(name), expected=0)
        journal.put_baseline(name, [b"{}"], append=True)
        journal.put_profile(name, b"profile")
        journal.hold([held("e1", stream_id=name), held("e2", stream_id=name)])
        journal.commit(
            transition(
                incident(f"inc_{name}", stream_id=name),
                new_adapters=(adapter(f"adp_{name}", stream_id=name),),
                effects=(Effect(kind=EffectKind.GATHER),),
                adopt_keys=("required:/amount",),
            )
        )
        journal.deliver([delivery("e1", stream_id=name)])
    before, delivered = journal.revision(), journal.delivery_position()

    journal.delete_stream("orders", decision("delete_stream", stream_id="orders"))

    assert journal.get_stream("orders") is None
    assert journal.get_baseline("orders", limit=9) == []
    assert journal.get_profile("orders") is None
    assert journal.get_adapter("adp_orders") is None
    assert journal.get_incident("inc_orders") is None
    assert journal.known_events("orders", ["e1", "e2"]) == {}
    assert journal.count_held(stream_id="orders") == 0
    assert [one.stream_id for one in journal.list_held(state=None)] == ["refunds", "refunds"]
    assert [one.stream_id for one in journal.list_deliveries()] == ["refunds"]
    assert [one.incident_id for one in journal.pending_effects()] == ["inc_refunds"]
    assert journal.get_profile("refunds") == b"profile"
    assert journal.get_baseline("refunds", limit=9) == [b"{}"]
    assert [entry.action for entry in journal.list_decisions()] == ["delete_stream"]
    assert journal.revision() > before
    assert journal.delivery_position() == delivered


def test_a_deletion_is_counted(journal: Journal) -> None:
    """Watchers see by the setting `deletions` that a stream went, as no row tells of it."""
    journal.delete_stream("a", decision("delete_stream"))
    journal.delete_stream("b", decision("delete_stream"))
    assert journal.setting("deletions") == "2"


def test_a_request_of_a_deleted_stream_may_be_made_again(journal: Journal) -> None:
    """A verb's request id does not point at what went with its stream."""
    journal.put_adapter(adapter("adp_old"), request_id="r1")
    journal.commit(transition(incident("inc_old"), request_id="r1"))
    journal.delete_stream("orders", decision("delete_stream"))
    assert journal.put_adapter(adapter("adp_new"), request_id="r1").adapter_id == "adp_new"
    assert journal.commit(transition(incident("inc_new"), request_id="r1")).incident.incident_id == "inc_new"
    assert journal.put_adapter(adapter("adp_newer"), request_id="r1").adapter_id == "adp_new"


def test_a_profile_replaces_the_former_one(journal: Journal) -> None:
    """The last profile counts."""
    assert journal.get_profile("orders") is None
    journal.put_profile("orders", b"one")
    journal.put_profile("orders", b"two")
    assert journal.get_profile("orders") == b"two"


def test_a_small_baseline_is_kept_whole(journal: Journal) -> None:
    """Up to 10,000 events are all kept, in order; appending adds, putting anew replaces."""
    assert journal.put_baseline("orders", [b"1", b"2"], append=True) == 2
    assert journal.put_baseline("orders", [b"3"], append=True) == 3
    assert journal.get_baseline("orders", limit=10) == [b"1", b"2", b"3"]
    assert journal.put_baseline("orders", [b"4"], append=False) == 1
    assert journal.get_baseline("orders", limit=10) == [b"4"]
    assert journal.put_baseline("orders", [], append=True) == 1
    assert journal.get_baseline("refunds", limit=10) == []


def test_a_sample_of_the_baseline_is_spread_evenly(journal: Journal) -> None:
    """A limited read takes events at even distances, over the whole baseline."""
    journal.put_baseline("orders", [str(number).encode() for number in range(1000)], append=False)
    sample = [int(event) for event in journal.get_baseline("orders", limit=8)]
    assert sample == [0, 125, 250, 375, 500, 625, 750, 875]
    assert journal.get_baseline("orders", limit=0) == []


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, 12_000), min_size=1, max_size=5))
def test_what_is_kept_of_many_does_not_depend_on_the_calls(tmp_path: Path, parts: list[int]) -> None:
    """However events are cut into calls, the same at most 10,000 are kept, at one even distance from the first on."""
    total = sum(parts)
    journal = open_journal(tmp_path / "journal.db")
    try:
        journal.put_baseline("orders", [], append=False)
        start, count = 0, 0
        for part in parts:
            count = journal.put_baseline(
                "orders", [str(number).encode() for number in range(start, start + part)], append=True
            )
            start += part
        kept = [int(event) for event in journal.get_baseline("orders", limit=20_000)]
        sample = [int(event) for event in journal.get_baseline("orders", limit=300)]
    finally:
        journal.close()
    stride = 1
    while -(-total // stride) > 10_000:
        stride *= 2
    assert kept == list(range(0, total, stride))
    assert count == len(kept)
    assert set(sample) <= set(kept)
    distances = {later - earlier for earlier, later in pairwise(sample)}
    assert not distances or max(distances) - min(distances) <= stride
