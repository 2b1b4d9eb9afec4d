"""The model: what messages add up to."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from cta_tui import facts, messages
from cta_tui.messages import Pick, View
from cta_tui.model import EVENTS_KEPT, STALE_SECONDS, Link, Model, apply, matches
from helpers.room import ADAPTER, INCIDENT, NOW, ORDERS, PAYMENTS, RESOLVED, full, news, told


def heard(at: float, **counts: int) -> messages.Heard:
    """The server's counts at a moment."""
    return messages.Heard(stats=facts.StatsFact(**counts), server_time=at, at=at)


def test_hearing_a_fact_twice_changes_nothing() -> None:
    """News that came already, as after a reconnect, leave the picture as it is."""
    model = full()
    again = [
        each for each in news() if not isinstance(each, messages.Heard | messages.EventsCame | messages.StreamsCame)
    ]
    assert told(again, model) == model


@given(st.permutations([each for each in news() if not isinstance(each, messages.Heard | messages.EventsCame)]))
def test_the_order_of_news_does_not_matter(shuffled: list[messages.Message]) -> None:
    """Facts of different kinds may come in any order."""
    straight = [each for each in news() if not isinstance(each, messages.Heard | messages.EventsCame)]
    assert told(shuffled) == told(straight)


@given(st.lists(st.integers(1, 30), min_size=1, max_size=30))
def test_the_latest_revision_of_an_incident_stays(revisions: list[int]) -> None:
    """Whatever order revisions come in, the newest one is shown."""
    changes = [
        messages.IncidentsCame(incidents=(msgspec.structs.replace(INCIDENT, revision=each),)) for each in revisions
    ]
    assert told(changes).incidents[INCIDENT.incident_id].revision == max(revisions)


def test_an_incident_that_vanished_is_over() -> None:
    """What a snapshot no longer lists was resolved while nobody looked."""
    model = apply(full(), messages.IncidentsCame(gone=(INCIDENT.incident_id,), current=True))
    assert model.incidents[INCIDENT.incident_id].state == "RESOLVED"
    assert not model.open


def test_what_asks_a_person_comes_first() -> None:
    """An incident that waits stands before a newer one that the loop works on."""
    newer = msgspec.structs.replace(INCIDENT, incident_id="inc_zz", state="CANARY", opened=NOW)
    model = apply(full(), messages.IncidentsCame(incidents=(newer,)))
    assert [each.incident_id for each in model.open] == [INCIDENT.incident_id, "inc_zz"]
    assert model.incident == INCIDENT


def test_a_restarted_server_makes_no_negative_traffic() -> None:
    """Counts that begin anew are no traffic of that second."""
    model = told((heard(NOW, events=1000, healthy=1000), heard(NOW + 1, events=1100, healthy=1100)))
    model = told((heard(NOW + 2, events=5, healthy=5), heard(NOW + 3, events=25, healthy=25)), model)
    assert [bucket.good for bucket in model.history] == [100, 20]


def test_buckets_of_one_second_add_up() -> None:
    """Four beats of a second make one column of the chart."""
    beats = [heard(NOW + quarter / 4, events=10 * quarter, healthy=10 * quarter) for quarter in range(1, 4)]
    assert [(bucket.good, bucket.bad) for bucket in told(beats).history] == [(20, 0)]


def test_silence_makes_the_picture_stale() -> None:
    """A picture is of this moment only while the server is heard."""
    model = told((heard(NOW),))
    assert model.live
    model = apply(model, messages.Tick(at=NOW + STALE_SECONDS + 0.1))
    assert not model.live
    assert model.link is Link.LIVE


def test_a_lost_connection_keeps_the_data_and_its_age() -> None:
    """After a loss everything is still there, with the time since it was true."""
    model = told((messages.Lost(why="gone", at=NOW + 8, since=8.0), messages.Tick(at=NOW + 10)), full())
    assert (model.link, model.synced, round(model.age)) == (Link.LOST, False, 10)
    assert model.incidents
    assert model.streams


def test_a_reconnect_catches_up_before_it_is_called_whole() -> None:
    """Heard again, the incidents count as whole only when the watch says so."""
    model = told((messages.Lost(why="gone", at=NOW + 8, since=8.0), heard(NOW + 9)), full())
    assert model.live
    assert not model.synced
    assert apply(model, messages.IncidentsCame(current=True)).synced


def test_what_was_not_seen_is_a_row_of_the_tail() -> None:
    """After a loss the tail says how long nobody looked, once, between what was before and what comes after."""
    model = told((messages.Lost(why="gone", at=NOW + 3, since=3.0), heard(NOW + 8), heard(NOW + 9)), full())
    gaps = [each for each in model.events if each.kind == "GAP"]
    assert [each.message for each in gaps] == ["events not shown: the server was away for 8.0 s"]
    assert model.events[-1] is gaps[0]
    assert model.event is not gaps[0]


def test_the_tail_is_bounded() -> None:
    """However many events pass, the model keeps the newest few."""
    rows = [facts.EventFact(key=str(number), kind="HEALTHY") for number in range(3 * EVENTS_KEPT)]
    model = told(messages.EventsCame(events=tuple(rows[start : start + 40])) for start in range(0, len(rows), 40))
    assert len(model.events) == EVENTS_KEPT
    assert model.events[-1].key == rows[-1].key


def test_selecting_an_event_stops_the_tail_and_following_lets_it_go() -> None:
    """A row that a person looks at does not run away; `f` follows again."""
    model = apply(full(View.EVENTS), messages.Picked(pick=Pick.EVENT, key="1"))
    assert (model.follow, model.event and model.event.key) == (False, "1")
    model = apply(model, messages.FollowSet(follow=True))
    assert (model.follow, model.event and model.event.key) == (True, "2")


def test_a_filter_narrows_the_rows() -> None:
    """Words, states and streams narrow; all of them must hold."""
    model = full(View.EVENTS)
    rows = {text: len(apply(model, messages.Filtered(text=text)).rows) for text in ("", "state:healed", "stream:none")}
    assert rows == {"": 2, "state:healed": 1, "stream:none": 0}
    held = model.held[0]
    assert matches(held, "state:held cents")
    assert not matches(held, "state:held nothing")


def test_another_view_takes_the_filter_away() -> None:
    """A filter belongs to the view in which it was written."""
    model = apply(apply(full(View.EVENTS), messages.Filtered(text="x")), messages.ViewChosen(view=View.RUNS))
    assert model.filter == ""


def test_a_list_of_runs_keeps_a_trace_that_was_fetched() -> None:
    """Runs in lists have no trace; one that was brought stays."""
    model = full()
    key, run = next(iter(model.runs.items()))
    bare = msgspec.structs.replace(run, trace=())
    assert apply(model, messages.RunsCame(runs=(bare,))).runs[key].trace == run.trace


def test_adapters_in_force_are_never_dropped() -> None:
    """However many adapters were tried since, the one in force is still known."""
    model = told(
        (messages.AdaptersCame(adapters=(msgspec.structs.replace(ADAPTER, adapter_id="adp_0", state="ACTIVE"),)),)
    )
    many = tuple(msgspec.structs.replace(ADAPTER, adapter_id=f"adp_9{number:04}") for number in range(400))
    model = apply(model, messages.AdaptersCame(adapters=many))
    assert "adp_0" in model.adapters
    assert len(model.adapters) < 300


def test_rates_come_from_two_looks() -> None:
    """A stream's rate is what passed between two looks, by the time between them."""
    model = told((messages.StreamsCame(streams=(ORDERS,), at=1.0),))
    later = msgspec.structs.replace(ORDERS, events=ORDERS.events + 500)
    assert apply(model, messages.StreamsCame(streams=(later,), at=3.0)).rates["orders"] == (250.0,)


def test_a_deleted_stream_is_gone() -> None:
    """A list of streams is the whole list."""
    assert list(apply(full(), messages.StreamsCame(streams=(PAYMENTS,), at=9.0)).streams) == ["payments"]


def test_marks_of_drift_and_promotion_stand_on_the_chart() -> None:
    """The chart knows when a drift began and when its fix was promoted."""
    signs = [mark.sign for mark in told((messages.IncidentsCame(incidents=(RESOLVED,)),)).marks]
    assert signs == ["▼", "▲"]


def test_an_unknown_message_changes_nothing() -> None:
    """A message of a later version is passed over."""
    assert apply(full(), messages.Message()) == full()


def test_an_empty_model_has_nothing_selected() -> None:
    """Before anything was heard, nothing is selected and nothing is live."""
    model = Model()
    assert (model.stream, model.incident, model.event, model.adapter, model.source, model.run, model.signature) == (
        None,
    ) * 7
    assert not model.live
