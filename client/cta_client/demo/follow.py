"""Following a stream's incidents for the demo: one watch in the background, told line by line in the foreground.

It fetches report, adapter and canary when an incident first names them, so that the teller has what each state is
about. It waits with a limit: a demo must end, also when the loop does not do what it should.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Collection
from typing import Final

from cta.v1.adapter_service_pb2 import GetAdapterRequest
from cta.v1.analysis_service_pb2 import GetReportRequest
from cta.v1.canary_pb2 import Canary
from cta.v1.canary_service_pb2 import GetCanaryRequest
from cta.v1.incident_pb2 import Incident
from cta.v1.incident_service_pb2 import ApplyFixResponse, GetIncidentRequest
from cta.v1.stream_pb2 import Stream
from cta.v1.stream_service_pb2 import GetStreamRequest
from cta_client import watches
from cta_client.channel import Client
from cta_client.cli.following import ENDED, LoopTeller
from cta_client.demo.show import Show
from cta_client.errors import ClientError, NotFound

PATIENCE_SECONDS: Final = 40.0
"""Longest wait for any step of the loop: it takes well under two seconds; this is for a machine at its limit."""
COUNT_SECONDS: Final = 0.2
"""Time between two looks at the counts: five a second look alive and cost the server nothing."""


class StoryBroke(ClientError):
    """The loop did not do what the story waits for."""

    def __init__(self, what: str) -> None:
        super().__init__(what, "With --keep the server's log stays and tells more.")


class Follower:
    """What happens on one stream."""

    def __init__(self, client: Client, show: Show, stream_id: str) -> None:
        self._client, self._show, self._stream_id = client, show, stream_id
        self._incidents: dict[str, Incident] = {}
        self._told: set[str] = set()
        self._tellers: dict[str, LoopTeller] = {}
        self._pieces = _Pieces(client)
        self._changed = asyncio.Condition()
        self.canaries: dict[str, Canary] = {}
        """The last canary that was told, by incident."""

    @contextlib.asynccontextmanager
    async def following(self) -> AsyncGenerator[None]:
        """Watches incidents and counts while the context lasts."""
        tasks = [
            asyncio.create_task(self._watch(), name="demo: watch incidents"),
            asyncio.create_task(self._count(), name="demo: count events"),
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def stream(self) -> Stream:
        """The stream as it is now."""
        answer = await self._client.streams.GetStream(GetStreamRequest(stream_id=self._stream_id))
        return answer.stream

    def latest(self, incident_id: str) -> Incident:
        """An incident as it was last seen."""
        return self._incidents[incident_id]

    async def until(self, holds: Callable[[Stream], bool], what: str) -> Stream:
        """Waits until something holds for the stream's state and counts."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                # What it waits for is on the server: asking is the only way.
                while not holds(stream := await self.stream()):  # noqa: ASYNC110
                    await asyncio.sleep(COUNT_SECONDS / 2)
                return stream
        except TimeoutError:
            raise StoryBroke(f"Waited {PATIENCE_SECONDS:g} s for {what}, in vain.") from None

    async def next_incident(self, *, until: Collection[int] = tuple(ENDED)) -> Incident:
        """The next incident that was not told yet, told until it reaches one of the states."""
        incident_id = await self.new_incident(PATIENCE_SECONDS)
        if not incident_id:
            raise StoryBroke(f"Waited {PATIENCE_SECONDS:g} s for an incident, in vain.")
        return await self.tell(incident_id, until=until)

    async def new_incident(self, within: float) -> str:
        """Id of the next incident that was not told yet; empty when none comes within so many seconds."""
        try:
            async with asyncio.timeout(within), self._changed:
                await self._changed.wait_for(lambda: bool(self._incidents.keys() - self._told))
        except TimeoutError:
            return ""
        # Ids sort by time: the oldest first.
        incident_id = min(self._incidents.keys() - self._told)
        self._told.add(incident_id)
        return incident_id

    def teller(self, incident_id: str) -> LoopTeller:
        """Who tells this incident: always the same one, so that nothing is told twice."""
        return self._tellers.setdefault(incident_id, LoopTeller(self._show))

    async def fresh(self, incident_id: str) -> Incident:
        """An incident with its counts of this moment."""
        return (await self._client.incidents.GetIncident(GetIncidentRequest(incident_id=incident_id))).incident

    async def tell(self, incident_id: str, *, until: Collection[int]) -> Incident:
        """Tells what happens to an incident until it is in one of the states; returns it."""
        teller, seen = self.teller(incident_id), -1
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while True:
                    async with self._changed:
                        await self._changed.wait_for(lambda: self._revision(incident_id) > seen)  # noqa: B023 - awaited at once
                        incident = self._incidents[incident_id]
                    seen = incident.revision
                    phase = await self._pieces.of(incident)
                    if phase.HasField("canary"):
                        self.canaries[incident_id] = phase.canary
                    teller.tell(phase)
                    self._show.progress(incident)
                    if incident.state in until:
                        return incident
        except TimeoutError:
            last = self._incidents.get(incident_id, Incident())
            raise StoryBroke(f"The loop stopped on the way: {last.headline} {last.question}") from None

    def _revision(self, incident_id: str) -> int:
        found = self._incidents.get(incident_id)
        return found.revision if found is not None else -1

    async def _watch(self) -> None:
        async for news in watches.incidents(self._client, [self._stream_id], patience=5.0):
            if isinstance(news, watches.Stale):
                continue
            async with self._changed:
                self._incidents |= {each.incident_id: each for each in news.entries}
                self._changed.notify_all()

    async def _count(self) -> None:
        loop = asyncio.get_running_loop()
        before, then = 0, loop.time()
        while True:
            await asyncio.sleep(COUNT_SECONDS)
            try:
                stream = await self.stream()
            except ClientError:
                # The story itself meets the same trouble and tells it.
                continue
            now = loop.time()
            self._show.counts(stream, max(stream.event_count - before, 0) / (now - then) if before else 0.0)
            before, then = stream.event_count, now


class _Pieces:
    """Report, adapter and canary of an incident, each fetched when it is new."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._had: set[str] = set()

    async def of(self, incident: Incident) -> ApplyFixResponse:
        """The incident with the pieces that it names for the first time."""
        phase = ApplyFixResponse(incident=incident)
        client = self._client
        with contextlib.suppress(NotFound):
            if self._new(incident.report_id):
                report = await client.analysis.GetReport(GetReportRequest(report_id=incident.report_id))
                phase.report.CopyFrom(report.report)
            if self._new(incident.adapter_id):
                adapter = await client.adapters.GetAdapter(GetAdapterRequest(adapter_id=incident.adapter_id))
                phase.adapter.CopyFrom(adapter.adapter)
            if self._new(incident.canary_id):
                canary = await client.canaries.GetCanary(GetCanaryRequest(canary_id=incident.canary_id))
                phase.canary.CopyFrom(canary.canary)
        return phase

    def _new(self, key: str) -> bool:
        if not key or key in self._had:
            return False
        self._had.add(key)
        return True
