"""The healer: moves incidents through the machine, and performs what follows from each step.

A step's new state and its effects are one journal transaction; the effects are performed afterwards, at least once,
each idempotent, and crossed off together with the transition that their outcome causes. After a kill the pending
effects are read from the journal and performed again, so the incident ends as it would have ended.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

import msgspec
import structlog

from cta_core import machine
from cta_core.adapter.revision import AdapterRevision
from cta_core.diagnosis.report import Severity
from cta_core.errors import CtaError
from cta_core.incident import Incident, State
from cta_core.machine import AdapterState, EffectKind
from cta_core.memory import DecisionEntry
from cta_core.stream import Stream
from cta_core.verdict import Verdict
from cta_server.runtime import faultpoints
from cta_server.runtime.bakes import Bakes
from cta_server.runtime.canaries import Canaries
from cta_server.runtime.detector import Detector
from cta_server.runtime.errors import Kind, NotFound
from cta_server.runtime.gates import Gates
from cta_server.runtime.hub import Hub
from cta_server.runtime.ids import Ids
from cta_server.runtime.investigation import Investigation
from cta_server.runtime.memory import Memory
from cta_server.runtime.ports import Committed, PendingEffect, StaleRevision, Transition
from cta_server.runtime.progress import Progress
from cta_server.runtime.redriver import Redriver
from cta_server.runtime.samples import Samples
from cta_server.runtime.storage import Storage
from cta_server.runtime.tasks import Tasks

POLL_SECONDS: Final = 0.02
"""How often a waiting effect looks for more events. A look costs some 50 us of the journal's thread, and 20 ms is
well below what a person notices."""

REDRIVE_RETRY_SECONDS: Final = 1.0
"""Pause before a redrive that failed is tried again, and while the kill switch holds it."""

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
    """Drives incidents."""

    def __init__(
        self,
        *,
        storage: Storage,
        gates: Gates,
        detector: Detector,
        hub: Hub,
        ids: Ids,
        samples: Samples,
        investigation: Investigation,
        canaries: Canaries,
        redriver: Redriver,
        bakes: Bakes,
        memory: Memory,
        progress: Progress,
        tasks: Tasks,
        halted: Callable[[], bool],
        clock: Callable[[], float],
    ) -> None:
        self._storage, self._gates, self._detector, self._hub, self._ids = storage, gates, detector, hub, ids
        self._samples, self._investigation, self._canaries = samples, investigation, canaries
        self._redriver, self._bakes, self._memory, self._progress = redriver, bakes, memory, progress
        self._tasks, self._halted, self._clock = tasks, halted, clock
        self._locks: dict[str, asyncio.Lock] = {}

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
        """A person's verb. Raises `NotFound`, `WrongState`, `Halted` or `StaleRevision`."""
        async with self._lock(incident_id):
            incident = await self.get(incident_id)
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

    async def _loop_input(
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
        if committed.adapters:
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

    # --- effects ------------------------------------------------------------------------------------------------------

    def _perform_later(self, effect: PendingEffect) -> None:
        name = f"{effect.incident_id}/{effect.transition}/{effect.effect.kind}"
        self._tasks.spawn(name, self._perform(effect))

    async def _perform(self, effect: PendingEffect) -> None:
        faultpoints.hit("healer.before_effect")
        match effect.effect.kind:
            case EffectKind.GATHER:
                await self._gather(effect)
            case EffectKind.ANALYZE:
                await self._analyze(effect)
            case EffectKind.CANARY:
                await self._canary(effect)
            case EffectKind.REDRIVE:
                await self._redrive(effect)
            case EffectKind.BAKE:
                await self._bake(effect)
            case EffectKind.LEARN | EffectKind.BLAME:
                await self._remember(effect)
        faultpoints.hit("healer.after_effect")

    async def _gather(self, effect: PendingEffect) -> None:
        """Waits for enough drifted events, but not for ever."""
        incident = await self.get(effect.incident_id)
        policy = (await self._gates.get(incident.stream_id)).stream.policy
        deadline = incident.marks[-1].time + policy.analysis_wait_seconds
        while self._clock() < deadline and await self._samples.count(incident) < policy.analysis_events:  # noqa: ASYNC110
            await asyncio.sleep(POLL_SECONDS)  # what it waits for happens in the store
        await self._loop_input(effect, machine.AnalysisStarted(attempt=incident.attempt))

    async def _analyze(self, effect: PendingEffect) -> None:
        incident = await self.get(effect.incident_id)
        try:
            done, adapters = await self._investigation.investigate(incident)
        except asyncio.CancelledError:
            raise
        except CtaError as error:
            await self._loop_input(effect, machine.AnalysisFailed(attempt=incident.attempt, why=str(error)))
        except Exception as error:
            log.exception("analysis failed", incident_id=incident.incident_id)
            why = f"the analysis failed ({type(error).__name__}); the server's log says more"
            await self._loop_input(effect, machine.AnalysisFailed(attempt=incident.attempt, why=why))
        else:
            await self._loop_input(effect, done, new_adapters=adapters)

    async def _canary(self, effect: PendingEffect) -> None:
        """Replays until there is a verdict; INCONCLUSIVE ones are repeated with more events while the policy waits
        for them.
        """
        incident = await self.get(effect.incident_id)
        adapter_id = effect.effect.adapter_id
        policy = (await self._gates.get(incident.stream_id)).stream.policy.canary
        deadline = incident.marks[-1].time + policy.wait_seconds
        canary_id, verdict, why = "", Verdict.ERROR, "no canary ran"
        try:
            while incident.state is State.CANARY and incident.adapter_id == adapter_id:
                adapter = await self._storage.journaled(self._storage.journal.get_adapter, adapter_id)
                if adapter is None:
                    raise NotFound(Kind.ADAPTER, adapter_id)  # noqa: TRY301 - told like any other failure of a canary
                have = await self._samples.count(incident)
                async for canary in self._canaries.run(adapter, incident=incident):
                    self._progress.canary(incident.incident_id, canary)
                    canary_id = canary.canary_id
                    if canary.judgement is not None:
                        verdict, why = canary.judgement.verdict, "; ".join(canary.judgement.reasons)
                        needed, seen = canary.judgement.needed, canary.tally.drifted
                if verdict is not Verdict.INCONCLUSIVE or self._clock() >= deadline:
                    break
                # Wait for the missing events before the next replay.
                while self._clock() < deadline and await self._samples.count(incident) < have + max(1, needed - seen):
                    await asyncio.sleep(POLL_SECONDS)
                    incident = await self.get(incident.incident_id)
                    if incident.state is not State.CANARY:
                        break
        except asyncio.CancelledError:
            raise
        except Exception as error:
            log.exception("canary failed", incident_id=incident.incident_id)
            verdict = Verdict.ERROR
            why = str(error) if isinstance(error, CtaError) else f"the canary failed ({type(error).__name__})"
        done = machine.CanaryDone(adapter_id=adapter_id, canary_id=canary_id, verdict=verdict, why=why)
        await self._loop_input(effect, done)

    async def _redrive(self, effect: PendingEffect) -> None:
        """Drives the stream's held events again: not only the incident's, since one cause may show in several ways."""
        incident = await self.get(effect.incident_id)
        while True:
            try:
                done = await self._redriver.redrive(
                    incident.stream_id, progress=lambda now: self._progress.redriven(incident.incident_id, now)
                )
            except machine.Halted:
                await asyncio.sleep(REDRIVE_RETRY_SECONDS)
            except NotFound:
                return
            except CtaError:
                raise
            except Exception:
                log.exception("redrive failed; it is tried again", incident_id=incident.incident_id)
                await asyncio.sleep(REDRIVE_RETRY_SECONDS)
            else:
                self._progress.redriven(incident.incident_id, done, finished=True)
                break
        await self._storage.journaled(self._storage.journal.finish, effect)

    async def _bake(self, effect: PendingEffect) -> None:
        incident = await self.get(effect.incident_id)
        adapter_id = effect.effect.adapter_id
        gate = await self._gates.get(incident.stream_id)
        policy = gate.stream.policy
        bake = self._bakes.begin(adapter_id)
        deadline = incident.marks[-1].time + policy.bake_seconds
        while incident.state is State.PROMOTED and incident.adapter_id == adapter_id:
            why = bake.worse(policy)
            if not why and self._clock() >= deadline:
                why = await self._investigation.strayed(incident, bake.sample)
                if not why:
                    said = f"{bake.healed} events healed in the bake, {bake.failed} failed"
                    await self._loop_input(effect, machine.BakeDone(adapter_id=adapter_id, why=said))
                    return
            if why:
                await self._loop_input(effect, machine.BakeFailed(adapter_id=adapter_id, why=why))
                return
            await asyncio.sleep(min(max(deadline - self._clock(), 0.0), 0.1))
            incident = await self.get(incident.incident_id)
        await self._storage.journaled(self._storage.journal.finish, effect)

    async def _remember(self, effect: PendingEffect) -> None:
        incident = await self.get(effect.incident_id)
        adapter = await self._storage.journaled(self._storage.journal.get_adapter, effect.effect.adapter_id)
        if adapter is not None:
            if effect.effect.kind is EffectKind.LEARN:
                await self._memory.learn(incident, adapter)
            else:
                why = incident.marks[-1].why if incident.marks else ""
                await self._memory.blame(incident, adapter, why)
        await self._storage.journaled(self._storage.journal.finish, effect)


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
