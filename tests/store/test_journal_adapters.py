"""The journal's contract for adapters."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from cta_core.adapter.program import Program
from cta_core.adapter.steps import Rename
from cta_core.machine import AdapterChange, AdapterState
from cta_server.runtime.ports import Journal, StaleRevision
from cta_server.store.errors import StoreConflict
from helpers.stores import adapter, decision


def change(adapter_id: str, state: AdapterState = AdapterState.ACTIVE) -> AdapterChange:
    """A new state."""
    return AdapterChange(adapter_id=adapter_id, state=state)


def test_an_adapter_comes_back_as_it_was_put(journal: Journal) -> None:
    """The program and every other field survive the store."""
    program = Program(steps=(Rename(source="/amt", target="/amount"),))
    brought = replace(adapter(author="ann", comment="\u2713", create_time=3.0, signature_id="sig_1"), program=program)
    put = journal.put_adapter(brought)
    assert put == replace(brought, revision=1)
    assert journal.get_adapter("adp_1") == put
    assert journal.get_adapter("adp_2") is None


def test_a_request_makes_one_adapter(journal: Journal) -> None:
    """A repeated request returns the adapter that the first one made, as it is by now."""
    journal.put_adapter(adapter("adp_1"), request_id="r1")
    active = journal.change_adapters([change("adp_1")])[0]
    assert journal.put_adapter(adapter("adp_2"), request_id="r1") == active
    assert journal.get_adapter("adp_2") is None


def test_an_adapter_is_not_written_over(journal: Journal) -> None:
    """A second adapter with the id of another is a defect, and changes nothing."""
    first = journal.put_adapter(adapter(comment="first"))
    with pytest.raises(StoreConflict):
        journal.put_adapter(adapter(comment="second"))
    assert journal.get_adapter("adp_1") == first
    assert journal.revision() == first.revision


def test_adapters_change_together_or_not_at_all(journal: Journal) -> None:
    """One missing adapter refuses the whole change, with its decisions."""
    journal.put_adapter(adapter("adp_1"))
    with pytest.raises(StaleRevision):
        journal.change_adapters([change("adp_1"), change("adp_9")], decisions=[decision()], request_id="r1")
    kept = journal.get_adapter("adp_1")
    assert kept is not None
    assert kept.state is AdapterState.PROPOSED
    assert journal.list_decisions() == []
    changed = journal.change_adapters([change("adp_1")], decisions=[decision(time=9.0)], request_id="r1")
    assert changed[0].update_time == 9.0
    assert len(journal.list_decisions()) == 1


def test_a_change_on_an_old_revision_is_refused(journal: Journal) -> None:
    """A person who saw a former revision does not change the adapter; one who saw the last does."""
    seen = journal.put_adapter(adapter())
    moved = journal.change_adapters([change("adp_1", AdapterState.CANARY)], expected=seen.revision)[0]
    with pytest.raises(StaleRevision) as refused:
        journal.change_adapters([change("adp_1")], expected=seen.revision)
    assert (refused.value.expected, refused.value.actual) == (seen.revision, moved.revision)
    assert journal.get_adapter("adp_1") == moved


def test_a_request_changes_adapters_once(journal: Journal) -> None:
    """A repeated request changes nothing and returns the adapters as they are by now."""
    journal.put_adapter(adapter())
    journal.change_adapters([change("adp_1")], decisions=[decision()], request_id="r1")
    back = journal.change_adapters([change("adp_1", AdapterState.ROLLED_BACK)])
    assert journal.change_adapters([change("adp_1")], decisions=[decision()], request_id="r1") == back
    assert journal.get_adapter("adp_1") == back[0]
    assert len(journal.list_decisions()) == 1


def test_adapters_are_listed_newest_first_in_pages(journal: Journal) -> None:
    """Pages walk by id, descending, under the filters of stream and state."""
    for number in range(5):
        journal.put_adapter(adapter(f"adp_{number}", stream_id="ab"[number % 2]))
    journal.change_adapters([change("adp_0"), change("adp_4")])
    assert [one.adapter_id for one in journal.list_adapters(limit=2)] == ["adp_4", "adp_3"]
    assert [one.adapter_id for one in journal.list_adapters(before="adp_3", limit=2)] == ["adp_2", "adp_1"]
    assert [one.adapter_id for one in journal.list_adapters(stream_id="b")] == ["adp_3", "adp_1"]
    active = journal.list_adapters(stream_id="a", states=(AdapterState.ACTIVE, AdapterState.CANARY))
    assert [one.adapter_id for one in active] == ["adp_4", "adp_0"]


def test_changed_adapters_come_by_revision(journal: Journal) -> None:
    """A watcher gets each changed adapter once, at its last revision, of the streams it asked for."""
    first = journal.put_adapter(adapter("adp_1"))
    other = journal.put_adapter(adapter("adp_2", stream_id="refunds"))
    first = journal.change_adapters([change("adp_1")])[0]
    assert journal.adapters_since(0) == [other, first]
    assert journal.adapters_since(other.revision) == [first]
    assert journal.adapters_since(0, stream_ids=("refunds", "payments")) == [other]
    assert journal.adapters_since(first.revision) == []
