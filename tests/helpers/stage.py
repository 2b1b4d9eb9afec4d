"""What stories of the control room happen on: a stream of a real server, with a baseline."""

from __future__ import annotations

import asyncio
import itertools

from cta.v1.event_pb2 import Payload
from cta.v1.event_service_pb2 import ProcessEventsRequest
from cta.v1.incident_pb2 import Incident
from cta.v1.incident_service_pb2 import ListIncidentsRequest
from cta.v1.stream_pb2 import Autonomy, Policy, Stream
from cta.v1.stream_service_pb2 import CreateStreamRequest, GetStreamRequest, LearnBaselineRequest
from cta_client.channel import Client
from helpers import payments

NAMES = itertools.count(1)
CONTRACT = payments.raw(payments.CONTRACT).decode()


class Stage:
    """What a story happens on: a stream of a real server, with a baseline."""

    def __init__(self, client: Client, stream_id: str) -> None:
        self.client, self.stream_id = client, stream_id

    async def send(self, events: list[bytes]) -> None:
        """Sends events through the gate."""
        await self.client.events.ProcessEvents(ProcessEventsRequest(stream_id=self.stream_id, bodies=events))

    async def drifts(self, start: int = 10_000) -> None:
        """The producer renames a field: enough events for the analysis and for the canary's claim."""
        await self.send(payments.renamed(120, start))

    async def stream(self) -> Stream:
        """The stream as it is now."""
        return (await self.client.streams.GetStream(GetStreamRequest(stream_id=self.stream_id))).stream

    async def incident(self, state: int) -> Incident:
        """The newest incident, once it is in the state."""
        async with asyncio.timeout(15):
            while True:
                answer = await self.client.incidents.ListIncidents(ListIncidentsRequest(stream_id=self.stream_id))
                if answer.incidents and answer.incidents[0].state == state:
                    return answer.incidents[0]
                await asyncio.sleep(0.05)


async def set_up(client: Client, autonomy: Autonomy) -> Stage:
    """A new stream with a baseline, and a canary that is content with few events."""
    stream_id = f"story-{next(NAMES)}"
    policy = Policy(autonomy=autonomy, open_after=3, analysis_events=10)
    policy.canary.max_error_rate = 0.1
    policy.bake.FromSeconds(1)
    await client.streams.CreateStream(
        CreateStreamRequest(stream=Stream(stream_id=stream_id, policy=policy, contract_json=CONTRACT))
    )
    baseline = [Payload(data=event) for event in payments.healthy(300)]
    await client.streams.LearnBaseline(LearnBaselineRequest(stream_id=stream_id, events=baseline))
    return Stage(client, stream_id)
