"""The effects of the machine, performed: gather, analyse, canary, redrive, bake, remember.

Each is at least once and idempotent, and ends by settling itself with the healer: its outcome is the machine's next
input, and the effect is crossed off in that transaction. What follows from an outcome is the machine's business.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Final, TypeAlias

import structlog

from cta_core import machine
from cta_core.canary import Canary
from cta_core.errors import CtaError
from cta_core.incident import Incident, State
from cta_core.machine import EffectKind
from cta_core.verdict import Judgement, Verdict
from cta_server.runtime import faultpoints
from cta_server.runtime.bakes import Bakes
from cta_server.runtime.canaries import Canaries
from cta_server.runtime.errors import Kind, NoEvents, NotFound
from cta_server.runtime.gates import Gates
from cta_server.runtime.healer import Healer
from cta_server.runtime.investigation import Investigation
from cta_server.runtime.memory import Memory
from cta_server.runtime.ports import PendingEffect
from cta_server.runtime.progress import Progress
from cta_server.runtime.redriver import Redriver
from cta_server.runtime.samples import Samples
from cta_server.runtime.storage import Storage

POLL_SECONDS: Final = 0.02
"""How often a waiting effect looks for more events. A look costs some 50 us of the journal's thread, and 20 ms is well
below what a person notices."""

REDRIVE_RETRY_SECONDS: Final = 1.0
"""Pause before a redrive that failed is tried again, and while the kill switch holds it."""

LOOK_SECONDS: Final = 0.2
"""How often a running canary looks whether it is still wanted: it may take minutes in a consumer, and a person who
rejects it sees it end at once."""

UNPROVED: Final = "The consumer's own code did not prove the fix."
"""What a person is asked when a canary lacks the consumer's word."""

Replayed: TypeAlias = tuple[Canary, Judgement]
"""A canary with its verdict."""

log = structlog.get_logger(__name__)


class Effects:
    """Performs effects."""

    def __init__(
        self,
        *,
        storage: Storage,
        gates: Gates,
        samples: Samples,
        healer: Healer,
        investigation: Investigation,
        canaries: Canaries,
        redriver: Redriver,
        bakes: Bakes,
        memory: Memory,
        progress: Progress,
        clock: Callable[[], float],
    ) -> None:
        self._storage, self._gates, self._samples, self._healer = storage, gates, samples, healer
        self._investigation, self._canaries, self._redriver = investigation, canaries, redriver
        self._bakes, self._memory, self._progress, self._clock = bakes, memory, progress, clock

    async def perform(self, effect: PendingEffect) -> None:
        """Performs one effect to its end and crosses it off."""
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
        incident = await self._healer.get(effect.incident_id)
        policy = (await self._gates.get(incident.stream_id)).stream.policy
        deadline = incident.marks[-1].time + policy.analysis_wait_seconds
        while self._clock() < deadline and await self._samples.count(incident) < policy.analysis_events:  # noqa: ASYNC110
            await asyncio.sleep(POLL_SECONDS)  # what it waits for happens in the store
        await self._healer.settle(effect, machine.AnalysisStarted(attempt=incident.attempt))

    async def _analyze(self, effect: PendingEffect) -> None:
        incident = await self._healer.get(effect.incident_id)
        try:
            done, adapters = await self._investigation.investigate(incident)
        except asyncio.CancelledError:
            raise
        except CtaError as error:
            await self._healer.settle(effect, machine.AnalysisFailed(attempt=incident.attempt, why=str(error)))
        except Exception as error:
            log.exception("analysis failed", incident_id=incident.incident_id)
            why = f"the analysis failed ({type(error).__name__}); the server's log says more"
            await self._healer.settle(effect, machine.AnalysisFailed(attempt=incident.attempt, why=why))
        else:
            await self._healer.settle(effect, done, new_adapters=adapters)

    async def _canary(self, effect: PendingEffect) -> None:
        """Replays until there is a verdict; INCONCLUSIVE ones are repeated with more events while the policy waits
        for them.
        """
        incident = await self._healer.get(effect.incident_id)
        adapter_id = effect.effect.adapter_id
        policy = (await self._gates.get(incident.stream_id)).stream.policy.canary
        deadline = incident.marks[-1].time + policy.wait_seconds
        canary_id, verdict, why, question = "", Verdict.ERROR, "no canary ran", ""
        try:
            while incident.state is State.CANARY and incident.adapter_id == adapter_id:
                have = await self._samples.count(incident)
                replayed = await self._while_wanted(incident, self._replay(incident, adapter_id, canary_id))
                if replayed is None:
                    break
                done, judgement = replayed
                canary_id, verdict, why = done.canary_id, judgement.verdict, "; ".join(judgement.reasons)
                if verdict is Verdict.INCONCLUSIVE and done.unproved:
                    question = UNPROVED  # more events would not bring the consumer's word
                    break
                if verdict is not Verdict.INCONCLUSIVE or self._clock() >= deadline:
                    break
                # Wait for the missing events before the next replay.
                wanted = have + max(1, judgement.needed - done.tally.drifted)
                while self._clock() < deadline and await self._samples.count(incident) < wanted:
                    await asyncio.sleep(POLL_SECONDS)
                    incident = await self._healer.get(incident.incident_id)
                    if incident.state is not State.CANARY:
                        break
        except asyncio.CancelledError:
            raise
        except Exception as error:
            log.exception("canary failed", incident_id=incident.incident_id)
            verdict = Verdict.ERROR
            why = str(error) if isinstance(error, CtaError) else f"the canary failed ({type(error).__name__})"
        outcome = machine.CanaryDone(
            adapter_id=adapter_id, canary_id=canary_id, verdict=verdict, why=why, question=question
        )
        await self._healer.settle(effect, outcome)

    async def _while_wanted(self, incident: Incident, work: Coroutine[object, object, Replayed]) -> Replayed | None:
        """What a replay brings; None when the incident left its canary meanwhile, and then the replay is stopped."""
        name = f"replay/{incident.incident_id}"
        task, left = (
            asyncio.create_task(work, name=name),
            asyncio.create_task(self._left(incident), name=f"{name}/left"),
        )
        try:
            await asyncio.wait({task, left}, return_when=asyncio.FIRST_COMPLETED)
            return task.result() if task.done() else None
        finally:
            task.cancel()
            left.cancel()
            await asyncio.gather(task, left, return_exceptions=True)

    async def _left(self, incident: Incident) -> None:
        """Returns when the incident is no longer in this canary: a person rejected or closed it."""
        now = incident
        while now.state is State.CANARY and now.adapter_id == incident.adapter_id:
            await asyncio.sleep(LOOK_SECONDS)
            now = await self._healer.get(incident.incident_id)

    async def _replay(self, incident: Incident, adapter_id: str, canary_id: str) -> Replayed:
        """One replay with its judgement; a repeated one goes on under the same canary."""
        adapter = await self._storage.journaled(self._storage.journal.get_adapter, adapter_id)
        if adapter is None:
            raise NotFound(Kind.ADAPTER, adapter_id)
        async for canary in self._canaries.run(adapter, incident=incident, canary_id=canary_id):
            self._progress.canary(incident.incident_id, canary)
            if canary.judgement is not None:
                return canary, canary.judgement
        raise NoEvents(f"the canary of {adapter_id} ended without a judgement")

    async def _redrive(self, effect: PendingEffect) -> None:
        """Drives the stream's held events again: not only the incident's, since one cause may show in several ways."""
        incident = await self._healer.get(effect.incident_id)
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
        incident = await self._healer.get(effect.incident_id)
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
                    await self._healer.settle(effect, machine.BakeDone(adapter_id=adapter_id, why=said))
                    return
            if why:
                await self._healer.settle(effect, machine.BakeFailed(adapter_id=adapter_id, why=why))
                return
            await asyncio.sleep(min(max(deadline - self._clock(), 0.0), 0.1))
            incident = await self._healer.get(incident.incident_id)
        await self._storage.journaled(self._storage.journal.finish, effect)

    async def _remember(self, effect: PendingEffect) -> None:
        incident = await self._healer.get(effect.incident_id)
        adapter = await self._storage.journaled(self._storage.journal.get_adapter, effect.effect.adapter_id)
        if adapter is not None:
            if effect.effect.kind is EffectKind.LEARN:
                await self._memory.learn(incident, adapter)
            else:
                why = incident.marks[-1].why if incident.marks else ""
                await self._memory.blame(incident, adapter, why)
        await self._storage.journaled(self._storage.journal.finish, effect)
