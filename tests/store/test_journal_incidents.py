"""The journal's contract for incidents: transitions, effects, adapters that change with them, and requests."""

from __future__ import annotations

import msgspec
import pytest

from cta_core.incident import Mark, State
from cta_core.machine import AdapterChange, AdapterState, Effect, EffectKind
from cta_core.quarantine import HeldState
from cta_server.runtime.ports import Journal, PendingEffect, StaleRevision
from helpers.stores import adapter, decision, delivery, held, incident, transition

GATHER = Effect(kind=EffectKind.GATHER)
ANALYZE = Effect(kind=EffectKind.ANALYZE)


def test_an_incident_comes_back_as_it_was_committed(journal: Journal) -> None:
    """Every field of an incident survives the store, at the revision that the commit gave."""
    marks = (Mark(state=State.DETECTED, time=1.0), Mark(state=State.ANALYZING, time=2.0, actor="ann", why="\u00fc"))
    committed = journal.commit(
        transition(incident(marks=marks, confidence=0.25, failure_keys=("a", "b"), headline="amount is gone"))
    )
    assert committed.incident.marks == marks
    assert committed.revision == committed.incident.revision == journal.revision()
    assert journal.get_incident("inc_1") == committed.incident
    assert journal.get_incident("inc_2") is None


def test_a_transition_is_written_whole(journal: Journal) -> None:
    """State, new and changed adapters, effects, decisions and adopted events are there together."""
    journal.put_adapter(adapter("adp_old"))
    journal.hold([held("e1"), held("e2", key="other"), held("e3")])
    committed = journal.commit(
        transition(
            incident(state=State.CANARY, update_time=7.0),
            new_adapters=(adapter("adp_new"),),
            adapters=(
                AdapterChange(adapter_id="adp_old", state=AdapterState.RETIRED),
                AdapterChange(adapter_id="adp_new", state=AdapterState.CANARY),
            ),
            effects=(GATHER, ANALYZE),
            decisions=(decision("propose"), decision("retire")),
            adopt_keys=("required:/amount",),
        )
    )
    assert committed.adopted == 2
    assert [event.event_id for event in journal.list_held(incident_id="inc_1")] == ["e1", "e3"]
    assert {one.adapter_id: one.state for one in committed.adapters} == {
        "adp_old": AdapterState.RETIRED,
        "adp_new": AdapterState.CANARY,
    }
    for one in committed.adapters:
        assert journal.get_adapter(one.adapter_id) == one
        assert one.update_time == 7.0
        assert one.revision < committed.revision, "who sees the incident has seen its adapters"
    assert journal.pending_effects() == list(committed.effects)
    assert [(one.transition, one.number, one.effect) for one in committed.effects] == [(1, 0, GATHER), (1, 1, ANALYZE)]
    assert [entry.action for entry in journal.list_decisions()] == ["retire", "propose"]


def test_a_stale_transition_writes_nothing(journal: Journal) -> None:
    """A step made on a former revision is refused, with all that would have followed."""
    first = journal.commit(transition(incident(), effects=(GATHER,))).incident
    second = journal.commit(transition(msgspec.structs.replace(first, state=State.ANALYZING))).incident
    journal.hold([held("e1")])
    before = journal.revision()
    with pytest.raises(StaleRevision) as refused:
        journal.commit(
            transition(
                msgspec.structs.replace(first, state=State.RESOLVED),
                new_adapters=(adapter(),),
                effects=(ANALYZE,),
                decisions=(decision(),),
                adopt_keys=("required:/amount",),
                done=PendingEffect(incident_id="inc_1", transition=1, number=0, effect=GATHER),
                request_id="r1",
            )
        )
    assert (refused.value.expected, refused.value.actual) == (first.revision, second.revision)
    assert journal.get_incident("inc_1") == second
    assert journal.get_adapter("adp_1") is None
    assert [one.effect for one in journal.pending_effects()] == [GATHER]
    assert journal.list_decisions() == []
    assert journal.count_held(incident_id="inc_1") == 0
    assert journal.revision() == before
    assert journal.commit(transition(second, request_id="r1")).incident.revision > second.revision


def test_a_new_incident_does_not_replace_another(journal: Journal) -> None:
    """Revision 0 says that the incident is new; one with its id that is there is refused."""
    first = journal.commit(transition(incident()))
    with pytest.raises(StaleRevision):
        journal.commit(transition(incident(headline="another")))
    assert journal.get_incident("inc_1") == first.incident


def test_a_change_of_a_missing_adapter_writes_nothing(journal: Journal) -> None:
    """A step that changes an adapter which is gone is refused whole."""
    change = AdapterChange(adapter_id="adp_gone", state=AdapterState.ACTIVE)
    with pytest.raises(StaleRevision):
        journal.commit(transition(incident(), adapters=(change,)))
    assert journal.get_incident("inc_1") is None
    assert journal.revision() == 0


def test_a_request_moves_an_incident_once(journal: Journal) -> None:
    """A repeated request writes nothing and answers with the incident as it is by now, without effects."""
    first = journal.commit(transition(incident(), effects=(GATHER,), decisions=(decision(),), request_id="r1"))
    later = journal.commit(transition(msgspec.structs.replace(first.incident, headline="later"))).incident
    again = journal.commit(transition(incident(), effects=(GATHER,), decisions=(decision(),), request_id="r1"))
    assert again.incident == later
    assert again.effects == again.adapters == ()
    assert again.revision == journal.revision() == later.revision
    assert len(journal.pending_effects()) == 1
    assert len(journal.list_decisions()) == 1


def test_a_transition_without_a_request_id_is_always_new(journal: Journal) -> None:
    """The empty request id is none: two steps without one are both written."""
    first = journal.commit(transition(incident())).incident
    second = journal.commit(transition(first)).incident
    assert second.revision > first.revision


def test_an_outcome_finishes_its_effect_in_the_same_transaction(journal: Journal) -> None:
    """When the outcome of an effect is committed, the effect is finished and its followers are pending."""
    first = journal.commit(transition(incident(), effects=(GATHER,)))
    second = journal.commit(transition(first.incident, done=first.effects[0], effects=(ANALYZE,)))
    assert journal.pending_effects() == list(second.effects)
    assert second.effects[0].transition == 2


def test_the_outcome_of_an_effect_is_written_once(journal: Journal) -> None:
    """An effect that was performed twice moves its incident once, even on the current revision."""
    first = journal.commit(transition(incident(), effects=(GATHER,)))
    second = journal.commit(transition(first.incident, done=first.effects[0], effects=(ANALYZE,)))
    again = journal.commit(transition(second.incident, done=first.effects[0], effects=(ANALYZE,)))
    assert again.incident == second.incident
    assert again.effects == ()
    assert journal.pending_effects() == list(second.effects)


def test_an_effect_is_finished_by_itself(journal: Journal) -> None:
    """`finish` crosses one effect off and no other; a second call does nothing."""
    effects = journal.commit(transition(incident(), effects=(GATHER, ANALYZE))).effects
    journal.finish(effects[0])
    journal.finish(effects[0])
    assert journal.pending_effects() == [effects[1]]


def test_pending_effects_come_in_order(journal: Journal) -> None:
    """They are listed by incident, then by transition and number, whatever the order in which they were written."""
    later = journal.commit(transition(incident("inc_2"), effects=(GATHER, ANALYZE)))
    journal.commit(transition(incident("inc_1"), effects=(GATHER,)))
    journal.commit(transition(later.incident, effects=(ANALYZE,)))
    assert [(one.incident_id, one.transition, one.number) for one in journal.pending_effects()] == [
        ("inc_1", 1, 0),
        ("inc_2", 1, 0),
        ("inc_2", 1, 1),
        ("inc_2", 2, 0),
    ]


def test_adoption_takes_only_free_held_events_of_the_stream(journal: Journal) -> None:
    """Events of another stream, with another key, of another incident or redriven stay where they are."""
    journal.hold(
        [
            held("mine"),
            held("other key", key="type:/amount"),
            held("other stream", stream_id="refunds"),
            held("taken", incident_id="inc_0"),
            held("gone"),
        ]
    )
    journal.deliver([delivery("gone")])
    committed = journal.commit(transition(incident(), adopt_keys=("required:/amount", "enum:/kind")))
    assert committed.adopted == 1
    assert [event.event_id for event in journal.list_held(incident_id="inc_1", state=None)] == ["mine"]
    assert journal.count_held(incident_id="inc_1") == 1
    assert journal.count_held(incident_id="inc_0") == 1
    assert journal.count_held(stream_id="orders", state=HeldState.REDRIVEN) == 1


def test_incidents_are_listed_newest_first_in_pages(journal: Journal) -> None:
    """Pages walk by id, descending, under the filters of stream and state."""
    for number in range(6):
        state = State.RESOLVED if number % 2 else State.DETECTED
        journal.commit(transition(incident(f"inc_{number}", stream_id="ab"[number % 3 == 0], state=state)))
    assert [one.incident_id for one in journal.list_incidents(limit=2)] == ["inc_5", "inc_4"]
    assert [one.incident_id for one in journal.list_incidents(before="inc_4", limit=2)] == ["inc_3", "inc_2"]
    assert [one.incident_id for one in journal.list_incidents(stream_id="b")] == ["inc_3", "inc_0"]
    assert [one.incident_id for one in journal.list_incidents(states=(State.RESOLVED,))] == ["inc_5", "inc_3", "inc_1"]
    both = journal.list_incidents(states=(State.RESOLVED, State.DETECTED), stream_id="a", limit=1)
    assert [one.incident_id for one in both] == ["inc_5"]


def test_a_reader_who_knows_a_revision_gets_all_later_changes(journal: Journal) -> None:
    """Changes since a revision come by revision, each incident once, as it is now; nothing earlier comes again."""
    one = journal.commit(transition(incident("inc_1"))).incident
    two = journal.commit(transition(incident("inc_2", stream_id="refunds"))).incident
    seen = journal.revision()
    assert journal.incidents_since(seen) == []
    one = journal.commit(transition(one)).incident
    one = journal.commit(transition(one)).incident
    assert journal.incidents_since(seen) == [one]
    assert journal.incidents_since(0) == [two, one]
    assert journal.incidents_since(0, stream_ids=("refunds",)) == [two]


def test_every_change_takes_its_own_revision(journal: Journal) -> None:
    """No two rows share a revision, and the store's revision is the last one given."""
    committed = journal.commit(transition(incident(), new_adapters=(adapter("adp_1"), adapter("adp_2"))))
    revisions = [one.revision for one in committed.adapters] + [committed.revision]
    assert revisions == [1, 2, 3]
    assert journal.revision() == 3
