"""The journal's contract for notices and webhooks."""

from __future__ import annotations

import msgspec
import pytest

from cta_core.adapter.program import Program
from cta_core.adapter.steps import Rename
from cta_core.incident import Incident, Mark, State
from cta_core.machine import AdapterChange, AdapterState
from cta_core.notice import Notice, adapter_type, incident_type
from cta_server.runtime.notify.log import WebhookPlace
from cta_server.runtime.ports import Journal, StaleRevision
from helpers.stores import adapter, decision, incident, stream, transition

INCIDENT = "act.cta.incident."
ADAPTER = "act.cta.adapter."


def entered(before: Incident, *states: State) -> Incident:
    """The incident after it entered states, a second each."""
    marks = before.marks
    for state in states:
        marks = (*marks, Mark(state=state, time=len(marks) + 1.0, why="says ann@example.com"))
    return msgspec.structs.replace(before, state=marks[-1].state, update_time=marks[-1].time, marks=marks)


def told(journal: Journal, position: int = 0, **filters: tuple[str, ...]) -> list[Notice]:
    """All notices after a position."""
    return list(journal.notices_after(position, limit=1000, **filters).notices)


def short(notices: list[Notice]) -> list[str]:
    """Their types without what all have."""
    return [notice.type.removeprefix("act.cta.").removesuffix(".v1") for notice in notices]


def test_nothing_is_written_before_there_is_a_webhook(journal: Journal) -> None:
    """A journal without webhooks keeps no notices, and a new webhook starts at now."""
    journal.put_adapter(adapter("adp_0"))
    assert journal.open_webhook("pager") == WebhookPlace(name="pager")
    assert told(journal) == []
    journal.put_adapter(adapter("adp_1"))
    (first,) = told(journal)
    assert (first.position, first.type, first.subject) == (1, adapter_type(AdapterState.PROPOSED), "orders/adp_1")
    assert journal.open_webhook("late").position == 1


def test_every_state_that_is_told_has_a_notice_of_its_transition(journal: Journal) -> None:
    """States entered in one commit are told one by one, after the adapters that they speak of; steps of milliseconds
    are not told.
    """
    journal.open_webhook("pager")
    opened = journal.commit(transition(entered(incident(), State.DETECTED))).incident
    analysed = journal.commit(transition(entered(opened, State.ANALYZING))).incident
    tried = journal.commit(
        transition(
            entered(analysed, State.PATCHED, State.CANARY),
            new_adapters=(adapter(),),
            adapters=(AdapterChange(adapter_id="adp_1", state=AdapterState.CANARY),),
        )
    ).incident
    journal.commit(
        transition(
            entered(tried, State.PROMOTED),
            adapters=(AdapterChange(adapter_id="adp_1", state=AdapterState.ACTIVE),),
        )
    )
    notices = told(journal)
    assert short(notices) == [
        *("incident.detected", "adapter.proposed", "incident.patched", "adapter.active", "incident.promoted")
    ]
    assert [notice.notice_id for notice in notices if notice.incident] == ["inc_1-1", "inc_1-3", "inc_1-5"]
    assert [notice.position for notice in notices] == [1, 2, 3, 4, 5]
    states = [notice.incident.state for notice in notices if notice.incident]
    assert states == [State.DETECTED, State.PATCHED, State.PROMOTED]
    active = notices[3]
    assert active.adapter is not None
    assert active.notice_id == f"adp_1-{active.adapter.revision}"
    assert (journal.get_adapter("adp_1") or active.adapter).revision == active.adapter.revision


def test_a_commit_that_is_refused_or_known_tells_nothing(journal: Journal) -> None:
    """A stale step and a repeated request leave no notice."""
    journal.open_webhook("pager")
    opened = entered(incident(), State.DETECTED)
    journal.commit(transition(opened, request_id="r"))
    journal.commit(transition(opened, request_id="r"))
    with pytest.raises(StaleRevision):
        journal.commit(transition(opened))
    journal.put_adapter(adapter(), request_id="a")
    journal.put_adapter(adapter(), request_id="a")
    assert short(told(journal)) == ["incident.detected", "adapter.proposed"]


def test_a_persons_change_of_an_adapter_is_told(journal: Journal) -> None:
    """Promoting and taking back by hand are notices like the loop's."""
    journal.open_webhook("pager")
    journal.put_adapter(adapter())
    for state in (AdapterState.ACTIVE, AdapterState.ROLLED_BACK, AdapterState.RETIRED):
        change = AdapterChange(adapter_id="adp_1", state=state)
        journal.change_adapters((change,), decisions=(decision(time=5.0),))
    notices = told(journal)
    assert short(notices) == ["adapter.proposed", "adapter.active", "adapter.rolled_back", "adapter.retired"]
    assert [notice.time for notice in notices] == [0.0, 5.0, 5.0, 5.0]


def test_a_notice_holds_nothing_of_a_payload(journal: Journal) -> None:
    """Programs, keys, questions, reasons and sentences stay in the journal; stage and stream make the headline."""
    journal.open_webhook("pager")
    secret = "ann@example.com"  # noqa: S105 - stands for a payload's value
    program = Program(steps=(Rename(source=f"/{secret}", target="/mail"),))
    found = incident(headline=secret, question=secret, failure_keys=(secret,), stage="Auditor")
    journal.commit(
        transition(
            entered(found, State.DETECTED),
            new_adapters=(msgspec.structs.replace(adapter(), program=program, comment=secret),),
        )
    )
    notices = told(journal)
    assert secret not in msgspec.json.encode(notices).decode()
    headlines = [notice.incident.headline for notice in notices if notice.incident]
    assert headlines == ["Auditor fails on events of orders"]


def test_notices_are_read_by_place_type_and_stream(journal: Journal) -> None:
    """A webhook reads what follows its place and fits its filters, in order, and learns how much waits."""
    journal.open_webhook("pager")
    for number, name in enumerate(("eu-orders", "eu-refunds", "us-orders"), 1):
        opened = journal.commit(transition(entered(incident(f"inc_{number}", stream_id=name), State.DETECTED)))
        journal.commit(transition(entered(opened.incident, State.ESCALATED)))
    escalated = (incident_type(State.ESCALATED),)
    assert [notice.stream_id for notice in told(journal, types=escalated)] == ["eu-orders", "eu-refunds", "us-orders"]
    assert [notice.stream_id for notice in told(journal, 2, types=escalated, streams=("eu-*",))] == ["eu-refunds"]
    assert [notice.position for notice in told(journal, streams=("us-orders", "eu-refund?"))] == [3, 4, 5, 6]
    page = journal.notices_after(0, types=escalated, limit=2)
    assert (len(page.notices), page.end) == (2, 4)
    assert journal.notices_after(4, types=escalated, streams=("eu-*",), limit=2).end == 6
    waiting = journal.waiting_notices(1, types=escalated)
    assert (waiting.count, waiting.since) == (3, 2.0)
    assert journal.waiting_notices(6).count == 0


def test_a_place_outlives_everything(journal: Journal) -> None:
    """What was written of a webhook comes back, and places do not mix."""
    journal.open_webhook("other")
    place = WebhookPlace(name="pager", position=7, delivered=5, skipped=2, success_time=3.0, gone="x")
    journal.place_webhook(place)
    assert journal.open_webhook("pager") == place
    assert journal.open_webhook("other").position == 0


def test_old_notices_are_dropped_and_positions_are_not_given_twice(journal: Journal) -> None:
    """Trimming drops what is older, also everything, and the log goes on at the next position."""
    journal.open_webhook("pager")
    opened = journal.commit(transition(entered(incident(), State.DETECTED))).incident
    journal.commit(transition(entered(opened, State.ESCALATED)))
    assert journal.trim_notices(2.0) == 1
    assert [notice.position for notice in told(journal)] == [2]
    assert journal.trim_notices(99.0) == 1
    assert journal.open_webhook("new").position == 2
    journal.put_adapter(adapter())
    assert [notice.position for notice in told(journal)] == [3]


def test_notices_of_a_deleted_stream_are_still_told(journal: Journal) -> None:
    """What happened before a stream was deleted is not taken back."""
    journal.put_stream(stream(), expected=0)
    journal.open_webhook("pager")
    journal.commit(transition(entered(incident(), State.DETECTED)))
    journal.delete_stream("orders", decision("delete_stream"))
    assert short(told(journal)) == ["incident.detected"]
