"""Redrive: held events go through the gate again, in order, and leave the quarantine exactly once.

An event's new state and its delivery are one transaction, so that a kill between any two steps neither loses an event
nor delivers it twice. A stream is redriven by one pass at a time, which keeps the order. The consumer's stages, where
the server has them, see a redriven event at least once: after a kill between the stages and the delivery they see it
again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from cta_core.gate import Outcome, OutcomeKind
from cta_core.machine import Halted
from cta_core.memory import DecisionEntry
from cta_core.quarantine import Delivery, HeldEvent
from cta_server.runtime import faultpoints
from cta_server.runtime.gates import Gates, StreamGate
from cta_server.runtime.hub import Hub
from cta_server.runtime.intake import Intake
from cta_server.runtime.ports import RecordedEvent
from cta_server.runtime.runs import Runs
from cta_server.runtime.stages.pool import StagePool
from cta_server.runtime.storage import Storage

BLOCK: Final = 500
"""Events per pass and transaction: the batch size at which gate and journal are fastest, and short enough (some 5 ms)
to leave the loop to others in between."""


class Redriven(msgspec.Struct, frozen=True):
    """What a redrive did, or would do."""

    redriven: int
    held: int


class Redriver:
    """Drives held events again."""

    def __init__(
        self,
        *,
        storage: Storage,
        gates: Gates,
        hub: Hub,
        stages: StagePool,
        runs: Runs,
        intake: Intake,
        halted: Callable[[], bool],
        clock: Callable[[], float],
    ) -> None:
        self._storage, self._gates, self._hub, self._runs = storage, gates, hub, runs
        self._stages, self._intake, self._halted, self._clock = stages, intake, halted, clock
        self._locks: dict[str, asyncio.Lock] = {}
        self.total = 0
        """Events redriven since the server started."""

    async def redrive(
        self,
        stream_id: str,
        *,
        incident_id: str = "",
        dry_run: bool = False,
        actor: str = "loop",
        progress: Callable[[Redriven], None] | None = None,
    ) -> Redriven:
        """One pass over the quarantine. Raises `NotFound`, and `Halted` unless it is a dry run."""
        if self._halted() and not dry_run:
            raise Halted("the kill switch is engaged; nothing is redriven")
        journal = self._storage.journal
        async with self._locks.setdefault(stream_id, asyncio.Lock()):
            position = redriven = held = 0
            while block := await self._storage.journaled(
                journal.list_held, stream_id=stream_id, incident_id=incident_id, after=position, limit=BLOCK
            ):
                position = block[-1].position
                gate = await self._gates.get(stream_id)
                passed = [
                    (event, outcome)
                    for event, outcome in zip(block, gate.gate.judge_many([e.raw for e in block]), strict=True)
                    if outcome.kind is not OutcomeKind.QUARANTINED and not _failed_in_stage_unchanged(event, outcome)
                ]
                if not dry_run:
                    passed = await self._deliver(gate, passed)
                redriven += len(passed)
                held += len(block) - len(passed)
                if progress is not None:
                    progress(Redriven(redriven, held))
                if self._halted() and not dry_run:
                    break
            if not dry_run:
                waiting = await self._storage.journaled(journal.count_held, stream_id=stream_id)
                self._intake.set_held(stream_id, waiting)
        if redriven and not dry_run:
            why = f"{redriven} events delivered, {held} stay"
            entry = DecisionEntry(
                action="redrive", actor=actor, stream_id=stream_id, incident_id=incident_id, why=why, time=self._clock()
            )
            await self._storage.journaled(journal.decide, entry)
        return Redriven(redriven, held)

    async def _deliver(
        self, gate: StreamGate, passed: list[tuple[HeldEvent, Outcome]]
    ) -> list[tuple[HeldEvent, Outcome]]:
        """Runs the stages, then writes the deliveries; returns what was delivered."""
        if gate.stream.consumer and passed:
            passed = await self._run(gate, passed)
        if not passed:
            return passed
        now = self._clock()
        deliveries = [
            Delivery(
                stream_id=event.stream_id,
                event_id=event.event_id,
                raw=outcome.raw if outcome.kind is OutcomeKind.HEALED else event.raw,
                original=event.raw if outcome.kind is OutcomeKind.HEALED else b"",
                adapter_id=outcome.adapter_id,
                adapter_revision=outcome.revision,
                held_position=event.position,
                time=now,
            )
            for event, outcome in passed
        ]
        faultpoints.hit("redrive.before_deliver")
        count = await self._storage.journaled(self._storage.journal.deliver, deliveries)
        faultpoints.hit("redrive.after_deliver")
        self.total += count
        for _event, outcome in passed:
            if outcome.adapter_id:
                self._gates.healed_by[outcome.adapter_id] = self._gates.healed_by.get(outcome.adapter_id, 0) + 1
        self._hub.deliveries.raise_to(await self._storage.journaled(self._storage.journal.delivery_position))
        recorded = [_recorded(delivery) for delivery in deliveries]
        if gate.veil is not None:
            recorded = [gate.veil.recorded(event) for event in recorded]
        await self._storage.archive_later(self._storage.archive.append_events, gate.stream.stream_id, recorded)
        return passed

    async def _run(
        self, gate: StreamGate, passed: Sequence[tuple[HeldEvent, Outcome]]
    ) -> list[tuple[HeldEvent, Outcome]]:
        """The failed run again, with the adapter: only what passes the stages is delivered."""
        stream, begun = gate.stream, self._clock()
        bodies = [o.raw if o.kind is OutcomeKind.HEALED else event.raw for event, o in passed]
        chain = await self._stages.run(stream.consumer, bodies, timeout_ms=stream.policy.stage_timeout_ms, record=True)
        await self._runs.of_stages(
            gate,
            chain,
            inputs=bodies,
            event_ids=[event.event_id for event, _ in passed],
            began=begun,
            rerun_of=next((event.run_id for event, _ in passed if event.run_id), ""),
            adapter_id=next((outcome.adapter_id for _, outcome in passed if outcome.adapter_id), ""),
        )
        return [pair for pair, outcome in zip(passed, chain.outcomes, strict=True) if outcome.ok]


def _failed_in_stage_unchanged(event: HeldEvent, outcome: Outcome) -> bool:
    """An event that failed in a consumer outside and that no adapter changes would only fail there again."""
    return bool(event.stage) and not event.run_id and outcome.kind is OutcomeKind.HEALTHY


def _recorded(delivery: Delivery) -> RecordedEvent:
    return RecordedEvent(
        position=0,
        stream_id=delivery.stream_id,
        event_id=delivery.event_id,
        kind=OutcomeKind.HEALED.value if delivery.original else OutcomeKind.HEALTHY.value,
        raw=delivery.original or delivery.raw,
        output=delivery.raw if delivery.original else b"",
        adapter_id=delivery.adapter_id,
        message="redriven",
        time=delivery.time,
    )
