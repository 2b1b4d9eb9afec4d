"""ApplyFix: drives the loop for one incident and tells each phase as it happens, to the end or to a person's question.

The loop itself is the healer's; this starts it where a person has to, and then watches. A caller that goes away stops
nothing. Called by the IncidentService.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any, Final

from cta.v1 import incident_service_pb2 as api
from cta_core.canary import Canary
from cta_core.incident import DRIVEN, WAITING, Incident, State
from cta_core.machine import EffectKind, WrongState
from cta_server.rpc.convert.adapter import adapter
from cta_server.rpc.convert.canary import canary
from cta_server.rpc.convert.incident import incident
from cta_server.rpc.convert.problems import Problems
from cta_server.rpc.convert.report import stored
from cta_server.rpc.convert.scalars import timestamp
from cta_server.rpc.face import Face
from cta_server.rpc.watch import GAP, LONGEST_SILENCE
from cta_server.runtime.ports import StaleRevision

STARTABLE: Final = (State.ESCALATED, State.ROLLED_BACK)
"""States in which ApplyFix without a choice asks for another attempt."""


class Fix:
    """One call."""

    def __init__(self, face: Face, request: api.ApplyFixRequest) -> None:
        self._face, self._runtime, self._request = face, face.runtime, request
        self._told_report = self._told_adapter = ""
        self._told: tuple[Any, ...] = ()

    async def run(self) -> AsyncGenerator[api.ApplyFixResponse]:
        """The messages, until the incident is promoted and redriven, over, or waits for a person."""
        problems = Problems()
        problems.request_id(self._request.request_id)
        actor, comment = problems.audit(self._request.actor, self._request.comment)
        if self._request.reading < 0:
            problems.add("reading", "must be the number of a reading, from 1; 0 chooses none")
        if self._request.reading and self._request.adapter_id:
            problems.add("adapter_id", "must be empty when reading is set: choose one of the two")
        problems.check()
        await self._face.repeats.once(self._request, lambda: self._begin(actor, comment))
        hub, clock = self._runtime.hub, self._runtime.clock
        sent = float("-inf")
        while True:
            revision = hub.revisions.value
            message, news, over = await self._look()
            if news or over or clock() - sent >= LONGEST_SILENCE - GAP:
                sent = clock()
                message.MergeFrom(api.ApplyFixResponse(server_time=timestamp(sent)))
                yield message
            if over:
                return
            await hub.revisions.wait(revision, GAP)

    async def _begin(self, actor: str, comment: str) -> None:
        """Moves an incident that waits; one that the loop drives is left to it."""
        request, incidents = self._request, self._runtime.incidents
        found = await incidents.get(request.incident_id)
        who: dict[str, Any] = {
            "expected": request.expected_revision,
            "request_id": request.request_id,
            "actor": actor,
            "comment": comment,
        }
        if request.reading or request.adapter_id:
            await incidents.choose(request.incident_id, reading=request.reading, adapter_id=request.adapter_id, **who)
        elif found.state in STARTABLE:
            await incidents.analyze_again(request.incident_id, **who)
        elif found.state not in DRIVEN:
            asked = "it waits for a person's word: call ApproveFix or RejectFix, or choose a reading or an adapter"
            why = asked if found.state in WAITING else "it is over; what fails again opens another incident"
            raise WrongState("apply a fix to", found.state, STARTABLE, f"the incident is {found.state}: {why}")
        elif request.expected_revision not in (0, found.revision):
            raise StaleRevision(request.expected_revision, found.revision)

    async def _look(self) -> tuple[api.ApplyFixResponse, bool, bool]:
        """A message with what is so now, whether it has news, and whether it is the last."""
        found = await self._runtime.incidents.get(self._request.incident_id)
        held, redriven = await self._runtime.incidents.counts(found.incident_id)
        running = await self._canary(found)
        over = found.state in WAITING or found.state is State.RESOLVED or await self._redriven(found)
        told = (found.revision, redriven, running and (running.canary_id, running.tally.drifted, running.judgement))
        news, self._told = told != self._told, told
        message = api.ApplyFixResponse(
            incident=incident(found, quarantined=held + redriven, redriven=redriven),
            canary=canary(running) if running else None,
            redriven_count=redriven,
        )
        if found.report_id and found.report_id != self._told_report:
            self._told_report = found.report_id
            kept = await self._face.archived(self._face.archive.get_report, found.report_id)
            if kept is not None:
                message.report.CopyFrom(stored(kept))
        if found.adapter_id and found.adapter_id != self._told_adapter:
            self._told_adapter = found.adapter_id
            proposed = await self._runtime.adapters.get(found.adapter_id)
            healed = self._runtime.adapters.healed_count(found.adapter_id)
            message.adapter.CopyFrom(adapter(proposed, healed_count=healed))
        return message, news, over

    async def _canary(self, found: Incident) -> Canary | None:
        """The canary of the incident's adapter: its verdict, or how far it is."""
        if found.canary_id:
            return await self._face.archived(self._face.archive.get_canary, found.canary_id)
        running = self._runtime.progress.of(found.incident_id).canary
        begun = max((mark.time for mark in found.marks if mark.state is State.CANARY), default=0.0)
        # The board may still have the canary of an earlier attempt.
        if running is None or running.adapter_id != found.adapter_id or running.create_time < begun:
            return None
        return running

    async def _redriven(self, found: Incident) -> bool:
        """The adapter is in force and everything that it could heal has left the quarantine."""
        if found.state is not State.PROMOTED:
            return False
        pending = await self._face.journaled(self._face.journal.pending_effects)
        return not any(
            effect.incident_id == found.incident_id and effect.effect.kind is EffectKind.REDRIVE for effect in pending
        )
