"""The quarantine against a plain model of it: events are held, assigned, delivered and repeated in any order."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from cta_core.quarantine import HeldState
from cta_server.store import open_journal
from helpers.stores import decision, delivery, held, incident, transition

STREAMS = ("orders", "refunds")
KEYS = ("a", "b")
INCIDENTS = ("inc_1", "inc_2")

event_ids = st.sampled_from(["e1", "e2", "e3", "e4", "e5"])
streams = st.sampled_from(STREAMS)
keys = st.sampled_from(KEYS)
incidents = st.sampled_from(INCIDENTS)


class Quarantine(RuleBasedStateMachine):
    """The model: held events by stream and id, in order of arrival, and the log of deliveries."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "journal.db"
        self.journal = open_journal(self.path)
        self.events: dict[tuple[str, str], dict[str, str]] = {}
        self.log: list[tuple[str, str, bytes]] = []
        self.raws = 0

    def teardown(self) -> None:
        """Ends the run."""
        self.journal.close()
        self.folder.cleanup()

    @rule(stream=streams, batch=st.lists(st.tuples(event_ids, keys, st.sampled_from(["", *INCIDENTS])), max_size=6))
    def hold(self, stream: str, batch: list[tuple[str, str, str]]) -> None:
        """Holds a batch, in which events may repeat."""
        new = 0
        for event_id, key, incident_id in batch:
            if (stream, event_id) not in self.events:
                self.events[stream, event_id] = {"key": key, "incident": incident_id, "state": "HELD"}
                new += 1
        answer = self.journal.hold(
            [held(event_id, stream_id=stream, key=key, incident_id=inc) for event_id, key, inc in batch]
        )
        assert answer.new == new

    @rule(stream=streams, chosen=st.lists(keys, max_size=2, unique=True), incident_id=incidents)
    def assign(self, stream: str, chosen: list[str], incident_id: str) -> None:
        """Gives free held events to an incident."""
        assert self.journal.assign(stream, chosen, incident_id) == self._adopt(stream, chosen, incident_id)

    @rule(stream=streams, chosen=st.lists(keys, max_size=2, unique=True), incident_id=incidents)
    def commit(self, stream: str, chosen: list[str], incident_id: str) -> None:
        """Moves an incident, which adopts its events in the same transaction."""
        before = self.journal.get_incident(incident_id) or incident(incident_id, stream_id=stream)
        committed = self.journal.commit(transition(before, adopt_keys=tuple(chosen)))
        assert committed.adopted == self._adopt(before.stream_id, chosen, incident_id)

    @rule(stream=streams, batch=st.lists(event_ids, max_size=6))
    def deliver(self, stream: str, batch: list[str]) -> None:
        """Delivers events, some of them twice, unknown, or gone already."""
        delivered = 0
        deliveries = []
        for event_id in batch:
            self.raws += 1
            raw = str(self.raws).encode()
            deliveries.append(delivery(event_id, stream_id=stream, raw=raw))
            event = self.events.get((stream, event_id))
            if event is not None and event["state"] == "HELD":
                event["state"] = "REDRIVEN"
                self.log.append((stream, event_id, raw))
                delivered += 1
        assert self.journal.deliver(deliveries) == delivered

    @rule(stream=streams)
    def delete_stream(self, stream: str) -> None:
        """Deletes a stream with everything."""
        self.journal.delete_stream(stream, decision("delete_stream"))
        self.events = {key: event for key, event in self.events.items() if key[0] != stream}
        self.log = [entry for entry in self.log if entry[0] != stream]

    @rule()
    def reopen(self) -> None:
        """Ends the process and starts another."""
        self.journal.close()
        self.journal = open_journal(self.path)

    @invariant()
    def the_lists_agree(self) -> None:
        """Every event that was held is there once, in order of arrival, in the right state and incident."""
        listed = self.journal.list_held(state=None, limit=100)
        assert [(e.stream_id, e.event_id) for e in listed] == list(self.events)
        for event in listed:
            known = self.events[event.stream_id, event.event_id]
            assert (event.failure_key, event.incident_id, event.state) == (
                known["key"],
                known["incident"],
                known["state"],
            )
        for stream in STREAMS:
            for incident_id in ("", *INCIDENTS):
                for state in HeldState:
                    wanted = [
                        event_id
                        for (of, event_id), event in self.events.items()
                        if of == stream and incident_id in ("", event["incident"]) and event["state"] == state
                    ]
                    filters = {"stream_id": stream, "incident_id": incident_id}
                    assert [e.event_id for e in self.journal.list_held(**filters, state=state)] == wanted
                    assert self.journal.count_held(**filters, state=state) == len(wanted)

    @invariant()
    def the_log_agrees(self) -> None:
        """Every redriven event is in the log exactly once, in the order in which they were delivered."""
        assert [(d.stream_id, d.event_id, d.raw) for d in self.journal.list_deliveries()] == self.log

    def _adopt(self, stream: str, chosen: list[str], incident_id: str) -> int:
        free = [
            event
            for (of, _), event in self.events.items()
            if of == stream and event["key"] in chosen and not event["incident"] and event["state"] == "HELD"
        ]
        for event in free:
            event["incident"] = incident_id
        return len(free)


TestQuarantine = Quarantine.TestCase
"""Held events are delivered exactly once, whatever is repeated, and lists and counts agree with them at all times."""
TestQuarantine.settings = settings(max_examples=25, stateful_step_count=12, deadline=None)
