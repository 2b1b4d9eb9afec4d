"""The story of the demo as the control room tells it: healthy, drift, healed, learned, and one decision for the reader.

It does what a producer and an operator would do through the API, says each step to a teller, and waits for what the
loop makes of it. The last act waits for the person, for as long as it takes. It draws nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from typing import Final, Protocol

from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.json_format import ParseDict

from cta.v1.adapter_service_pb2 import ClearAdaptersRequest
from cta.v1.fault_service_pb2 import ClearFaultsRequest, InjectFaultRequest
from cta.v1.incident_pb2 import Incident, IncidentState
from cta.v1.incident_service_pb2 import ListIncidentsRequest
from cta.v1.report_pb2 import METHOD_SIGNATURE
from cta.v1.source_pb2 import SOURCE_KIND_GENERATOR, Fault, Source
from cta.v1.source_service_pb2 import StartSourceRequest
from cta.v1.stream_pb2 import AUTONOMY_APPROVE, Policy, Stream
from cta.v1.stream_service_pb2 import CreateStreamRequest, GetStreamRequest, LearnBaselineRequest, UpdateStreamRequest
from cta_client.channel import Client
from cta_client.cli.words import count, span
from cta_client.seconds import seconds

STREAM: Final = "payments"
WHO: Final = "demo"
RATE: Final = 400.0
"""Events a second: the canary's 299 drifted events arrive in under a second, and the numbers can still be followed."""
BASELINE_EVENTS: Final = 400
"""Healthy events to learn from: as many as an analysis looks at."""
BAKE_SECONDS: Final = 2
LETTERS_A_SECOND: Final = 18.0
"""Reading pace: people read about 15 letters a second, and half is read while they wait for what comes."""
LOOK_SECONDS: Final = 0.1
PATIENCE_SECONDS: Final = 60.0
"""Longest wait for a step of the loop, which takes about a second; this is for a machine at its limit."""

_S = IncidentState
_HEALED: Final = frozenset({_S.INCIDENT_STATE_PROMOTED, _S.INCIDENT_STATE_RESOLVED})
_ASKS: Final = frozenset(
    {_S.INCIDENT_STATE_AWAITING_APPROVAL, _S.INCIDENT_STATE_ESCALATED, _S.INCIDENT_STATE_ROLLED_BACK}
)


class Teller(Protocol):
    """Shows a sentence of the story; with an empty one the story is over."""

    def __call__(self, title: str, sentence: str, hint: str = "") -> None:
        """Shows it."""
        ...


class Tour:
    """One telling of the story."""

    def __init__(self, client: Client, tell: Teller, *, pace: float = 1.0) -> None:
        self._client, self._tell, self._pace = client, tell, pace
        self._title, self._source_id = "", ""
        self._seen: set[str] = set()

    async def play(self) -> None:
        """All of it, to the person's own decision."""
        await self._healthy()
        await self._breaks()
        await self._breaks_again()
        await self._yours()
        self._title = "The room is yours"
        await self._say(
            "Inject what you like and watch the loop. Nothing of this is left behind when you leave.",
            "i injects a drift · m how far the loop goes alone · ! stops everything · ? every key · q leaves",
        )

    async def _healthy(self) -> None:
        self._title = "1 of 4 · A healthy stream"
        await self._say("A shop sends payments. Three stages of a consumer work on each: Intake, Retriever, Auditor.")
        policy = Policy()
        policy.bake.FromSeconds(BAKE_SECONDS)
        stream = Stream(
            stream_id=STREAM, consumer="payments", description="Payments of the demo's shop.", policy=policy
        )
        await self._client.streams.CreateStream(CreateStreamRequest(stream=stream))
        source = Source(stream_id=STREAM, kind=SOURCE_KIND_GENERATOR, population="payments", rate=RATE, seed=7)
        started = await self._client.sources.StartSource(StartSourceRequest(source=source))
        self._source_id = started.source.source_id
        await self._until(lambda now: now.healthy_count >= BASELINE_EVENTS)
        learned = await self._client.streams.LearnBaseline(LearnBaselineRequest(stream_id=STREAM, actor=WHO))
        await self._say(
            f"Out of {count(learned.event_count)} events the server learned what a healthy payment looks like. "
            "Now the gate checks every one."
        )

    async def _breaks(self) -> None:
        self._title = "2 of 4 · The producer changes"
        await self._say(
            "The shop releases a new version and tells nobody: `amount` is now called `amt`. Watch the strip."
        )
        await self._inject("rename", "/amount", {"to": "amt"})
        incident = await self._incident(_HEALED | _ASKS)
        await self._healed(incident, "2 shows what broke and why · 1 comes back here")

    async def _breaks_again(self) -> None:
        self._title = "3 of 4 · The same drift again"
        await self._say(
            "By mistake somebody takes the adapter out. The shop still sends `amt`, so payments break again."
        )
        await self._client.adapters.ClearAdapters(ClearAdaptersRequest(stream_id=STREAM, actor=WHO, comment="a mishap"))
        incident = await self._incident(_HEALED | _ASKS)
        how = "Its signature was known. " if incident.method == METHOD_SIGNATURE else ""
        await self._healed(incident, "5 shows what was learned · 1 comes back here", how)

    async def _yours(self) -> None:
        self._title = "4 of 4 · You decide"
        await self._client.streams.UpdateStream(
            UpdateStreamRequest(
                stream=Stream(stream_id=STREAM, policy=Policy(autonomy=AUTONOMY_APPROVE)),
                update_mask=FieldMask(paths=["policy.autonomy"]),
                actor=WHO,
            )
        )
        await self._say("The next fix waits for you. The shop now sends `amount_cents`: another name, and cents.")
        await self._client.faults.ClearFaults(ClearFaultsRequest(source_id=self._source_id))
        await self._inject("scale", "/amount", {"factor": 100})
        await self._inject("rename", "/amount", {"to": "amount_cents"})
        incident = await self._incident(_HEALED | _ASKS)
        if incident.state in _ASKS:
            await self._say(
                "The canary has proved a fix, and the loop asks you. Held events wait; none is lost.",
                "2 shows the fix and its proof · a approves it, y confirms · x rejects it",
            )
            incident = await self._decided(incident.incident_id)
        if incident.state in _HEALED:
            await self._say("Your fix is in force and the held events are delivered.", "R takes it back · 1 overview")
        else:
            await self._say(
                "The events stay held, and nothing wrong was passed on.", "p brings a fix again · 1 overview"
            )

    async def _healed(self, incident: Incident, hint: str, how: str = "") -> None:
        if incident.state not in _HEALED:
            await self._say("The loop wants a person's word here.", "2 shows why")
            return
        await self._until(lambda now: now.held_count == 0)
        # Taking an adapter out during its bake would be a rollback, and its signature would be blamed.
        fresh = await self._baked(incident.incident_id)
        at = {mark.state: seconds(mark.time) for mark in incident.marks}
        took = at.get(_S.INCIDENT_STATE_PROMOTED, 0.0) - seconds(incident.create_time)
        await self._say(
            f"{how}Healed in {span(took)}, proved by a canary first. "
            f"{count(fresh.redriven_count)} held events were redriven, 0 lost.",
            hint,
        )

    async def _say(self, sentence: str, hint: str = "") -> None:
        self._tell(self._title, sentence, hint)
        await asyncio.sleep(len(sentence + hint) / LETTERS_A_SECOND * self._pace)

    async def _until(self, holds: Callable[[Stream], bool]) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            # What it waits for is on the server: asking is the only way.
            while True:
                answer = await self._client.streams.GetStream(GetStreamRequest(stream_id=STREAM))
                if holds(answer.stream):
                    return
                await asyncio.sleep(LOOK_SECONDS)

    async def _incidents(self) -> list[Incident]:
        answer = await self._client.incidents.ListIncidents(ListIncidentsRequest(stream_id=STREAM))
        return list(answer.incidents)

    async def _incident(self, until: Collection[int]) -> Incident:
        """The next incident that was not told yet, once it is in one of the states."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                fresh = [each for each in await self._incidents() if each.incident_id not in self._seen]
                # Ids sort by time: the oldest first.
                found = min(fresh, key=lambda each: each.incident_id, default=None)
                if found is not None and found.state in until:
                    self._seen.add(found.incident_id)
                    return found
                await asyncio.sleep(LOOK_SECONDS)

    async def _baked(self, incident_id: str) -> Incident:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                found = next(each for each in await self._incidents() if each.incident_id == incident_id)
                if found.state != _S.INCIDENT_STATE_PROMOTED:
                    return found
                await asyncio.sleep(LOOK_SECONDS)

    async def _decided(self, incident_id: str) -> Incident:
        """The incident once the person has decided; there is no limit to how long that may take."""
        while True:
            found = next(each for each in await self._incidents() if each.incident_id == incident_id)
            decided = found.state in _HEALED or found.state == _S.INCIDENT_STATE_ESCALATED
            if decided:
                return found
            await asyncio.sleep(LOOK_SECONDS)

    async def _inject(self, kind: str, path: str, parameters: dict[str, object]) -> None:
        fault = Fault(source_id=self._source_id, kind=kind, path=path)
        ParseDict(parameters, fault.parameters)
        await self._client.faults.InjectFault(InjectFaultRequest(fault=fault))
