"""The healer: moves incidents through the machine, one journal transaction a step.

A step's new state, its adapters' states, its decisions and its effects are written together; then gates and watchers
are told, and the effects are handed to be performed. An effect is crossed off together with the transition that its
outcome causes. After a kill the pending effects are read from the journal and performed again, so the incident ends as
it would have ended.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Final

import msgspec
import structlog

from cta_core import machine
from cta_core.adapter.revision import AdapterRevision
from cta_core.diagnosis.report import Severity
from cta_core.incident import Incident, State
from cta_core.machine import AdapterState
from cta_core.memory import DecisionEntry
from cta_core.stream import Stream
from cta_server.runtime import faultpoints
from cta_server.runtime.bakes import Bakes
from cta_server.runtime.detector import Detector
from cta_server.runtime.errors import Kind, NotFound
from cta_server.runtime.gates import Gates
from cta_server.runtime.hub import Hub
from cta_server.runtime.ids import Ids
from cta_server.runtime.ports import Committed, PendingEffect, StaleRevision, Transition
from cta_server.runtime.storage import Storage
from cta_server.runtime.tasks import Tasks

ACTIONS: Final = {
    AdapterState.CANARY: "canary",
    AdapterState.ACTIVE: "promote",
    AdapterState.REJECTED: "reject",
    AdapterState.ROLLED_BACK: "roll_back",
    AdapterState.RETIRED: "retire",
    AdapterState.PROPOSED: "propose",
}

PERSONS: Final = (
    machine.Approved,
    machine.Rejected,
    machine.FixChosen,
    machine.AnalysisAsked,
    machine.RollBackAsked,
    machine.Closed,
)

log = structlog.get_logger(__name__)


class Healer:
    """Moves incidents."""

    def __init__(
        self,
        *,
        storage: Storage,
        gates: Gates,
        detector: Detector,
        hub: Hub,
        ids: Ids,
        bakes: Bakes,
        tasks: Tasks,
        halted: Callable[[], bool],
        clock: Callable[[], float],
    ) -> None:
        self._storage, self._gates, self._detector, self._hub, self._ids = storage, gates, detector, hub, ids
        self._bakes, self._tasks, self._halted, self._clock = bakes, tasks, halted, clock
        self._locks: dict[str, asyncio.Lock] = {}
        self.on_effect: Callable[[PendingEffect], Coroutine[object, object, None]] | None = None
        """Set by the runtime: performs an effect to its end."""

    async def open(self, stream: Stream, key: str, headline: str) -> None:
        """Opens an incident for failures of one kind; their events are held."""
        stage = key.split(" ")[1] if key.startswith("stage ") else "gate"
        await self._open(stream, key, headline=headline, stage=stage)

    async def open_silent(self, stream: Stream, key: str, headline: str, since: float) -> None:
        """Opens an incident for silent drift; its events passed as healthy since then."""
        await self._open(stream, key, headline=headline, severity=Severity.SILENT, drift_time=since)

    async def _open(
        self,
        stream: Stream,
        key: str,
        *,
        headline: str,
        stage: str = "",
        severity: Severity = Severity.BREAK,
        drift_time: float = 0.0,
    ) -> None:
        incident = Incident(
            incident_id=self._ids.new("inc"),
            stream_id=stream.stream_id,
            failure_keys=(key,),
            headline=headline,
            stage=stage,
            severity=severity,
            drift_time=drift_time,
            create_time=self._clock(),
        )
        await self._move(incident, machine.Opened(), adopt_keys=() if severity is Severity.SILENT else (key,))

    async def person(
        self,
        incident_id: str,
        event: machine.PersonInput,
        *,
        expected: int = 0,
        request_id: str = "",
        new_adapters: Sequence[AdapterRevision] = (),
    ) -> Incident:
        """A person's verb; a repeated request changes nothing, however the incident moved on since.

        Raises `NotFound`, `WrongState`, `Halted` or `StaleRevision`.
        """
        async with self._lock(incident_id):
            incident = await self.get(incident_id)
            if request_id and await self._storage.journaled(self._storage.journal.moved_by, request_id):
                return incident
            if expected and incident.revision != expected:
                raise StaleRevision(expected, incident.revision)
            return await self._move(incident, event, request_id=request_id, new_adapters=new_adapters)

    async def get(self, incident_id: str) -> Incident:
        """The incident as it is. Raises `NotFound`."""
        incident = await self._storage.journaled(self._storage.journal.get_incident, incident_id)
        if incident is None:
            raise NotFound(Kind.INCIDENT, incident_id)
        return incident

    async def recover(self) -> int:
        """Takes up all unfinished effects; returns how many."""
        journal = self._storage.journal
        before = ""
        while page := await self._storage.journaled(journal.list_incidents, before=before, limit=500):
            for incident in page:
                if incident.state is not State.RESOLVED:
                    self._detector.changed(incident)
            before = page[-1].incident_id
        pending = await self._storage.journaled(journal.pending_effects)
        for effect in pending:
            self._perform_later(effect)
        return len(pending)

    # --- moving -------------------------------------------------------------------------------------------------------

    def _lock(self, incident_id: str) -> asyncio.Lock:
        return self._locks.setdefault(incident_id, asyncio.Lock())

    async def settle(
        self,
        effect: PendingEffect,
        event: machine.LoopInput,
        *,
        new_adapters: Sequence[AdapterRevision] = (),
    ) -> Incident:
        """The outcome of an effect: moves the incident and crosses the effect off, in one transaction."""
        async with self._lock(effect.incident_id):
            incident = await self.get(effect.incident_id)
            return await self._move(incident, event, done=effect, new_adapters=new_adapters)

    async def _move(
        self,
        incident: Incident,
        event: machine.Input,
        *,
        done: PendingEffect | None = None,
        request_id: str = "",
        new_adapters: Sequence[AdapterRevision] = (),
        adopt_keys: tuple[str, ...] = (),
    ) -> Incident:
        stream = (await self._gates.get(incident.stream_id)).stream
        context = machine.Context(policy=stream.policy, now=self._clock(), halted=self._halted())
        following = machine.step(incident, event, context)
        if not following.moved:
            # It came too late; nothing changes but that the effect is over.
            if done is not None:
                await self._storage.journaled(self._storage.journal.finish, done)
            return incident
        transition = Transition(
            incident=following.incident,
            input=msgspec.json.encode(event),
            adapters=following.adapters,
            new_adapters=tuple(new_adapters),
            effects=following.effects,
            decisions=self._decisions(incident, following, event),
            done=done,
            adopt_keys=adopt_keys,
            request_id=request_id,
        )
        faultpoints.hit("healer.before_commit")
        committed = await self._storage.journaled(self._storage.journal.commit, transition)
        faultpoints.hit("healer.after_commit")
        await self._announce(committed)
        return committed.incident

    def _decisions(
        self, incident: Incident, following: machine.Next, event: machine.Input
    ) -> tuple[DecisionEntry, ...]:
        """What goes into the log of decisions: adapters that changed, and every verb of a person."""
        last = following.incident.marks[-1]
        entries = [
            DecisionEntry(
                action=ACTIONS[change.state],
                actor=last.actor,
                stream_id=incident.stream_id,
                incident_id=incident.incident_id,
                adapter_id=change.adapter_id,
                why=last.why,
                time=last.time,
            )
            for change in following.adapters
        ]
        if isinstance(event, PERSONS):
            entries.append(
                DecisionEntry(
                    action=_verb(event),
                    actor=event.actor,
                    stream_id=incident.stream_id,
                    incident_id=incident.incident_id,
                    adapter_id=incident.adapter_id,
                    why=event.comment,
                    time=last.time,
                )
            )
        return tuple(entries)

    async def _announce(self, committed: Committed) -> None:
        """Tells everybody what was written, gates first, and starts the effects."""
        incident = committed.incident
        if incident.state is State.PROMOTED:
            self._bakes.begin(incident.adapter_id)  # before the first event that it heals
        if self._gates.concerns(incident.stream_id, committed.adapters):
            await self._gates.refresh(incident.stream_id)
        self._detector.changed(incident)
        self._hub.revisions.raise_to(committed.revision)
        log.info(
            "incident moved",
            incident_id=incident.incident_id,
            stream_id=incident.stream_id,
            state=incident.state.value,
            why=incident.marks[-1].why if incident.marks else "",
        )
        if incident.state in (State.RESOLVED, State.ROLLED_BACK) and incident.adapter_id:
            self._bakes.end(incident.adapter_id)
        for effect in committed.effects:
            self._perform_later(effect)

    def _perform_later(self, effect: PendingEffect) -> None:
        name = f"{effect.incident_id}/{effect.transition}/{effect.effect.kind}"
        if self.on_effect is not None:
            self._tasks.spawn(name, self.on_effect(effect))


def _verb(event: machine.PersonInput) -> str:
    match event:
        case machine.Approved():
            return "approve"
        case machine.Rejected():
            return "reject_fix"
        case machine.FixChosen():
            return "choose_fix"
        case machine.AnalysisAsked():
            return "analyze_again"
        case machine.RollBackAsked():
            return "ask_roll_back"
        case machine.Closed():
            return "resolve"
