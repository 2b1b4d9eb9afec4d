"""The only place that talks to the server: watches become messages, acts become calls.

Each watch runs for as long as the feed, over as many connections as it takes: `cta_client.watches` resumes by token on
a new channel. The counts are the heartbeat, four a second, and alone decide whether the link is live. What the API has
no watch for (streams, sources, lists of history) is asked for once a second, and history only when the store's revision
has grown. The feed decides nothing about what is shown.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterable, Awaitable, Callable
from pathlib import Path
from typing import Any, Final

from cta.v1 import adapter_service_pb2 as adapter_api
from cta.v1 import analysis_service_pb2 as analysis_api
from cta.v1 import canary_service_pb2 as canary_api
from cta.v1 import event_service_pb2 as event_api
from cta.v1 import fault_service_pb2 as fault_api
from cta.v1 import incident_service_pb2 as incident_api
from cta.v1 import run_service_pb2 as run_api
from cta.v1 import signature_service_pb2 as signature_api
from cta.v1 import source_service_pb2 as source_api
from cta.v1 import stream_service_pb2 as stream_api
from cta.v1 import system_service_pb2 as system_api
from cta.v1.incident_pb2 import IncidentState
from cta_client import watches
from cta_client.channel import Client
from cta_client.errors import ClientError, NotInThisVersion, NotThisApi, Transient
from cta_client.seconds import seconds
from cta_tui import acts, convert, facts, messages
from cta_tui.calls import Calls, Tell

BEAT_SECONDS: Final = 0.25
"""Between two counts: four a second look alive, and six missing ones are the watch's patience."""
ASK_SECONDS: Final = 1.0
"""Between two looks at what has no watch."""
QUIET_SECONDS: Final = 5.0
"""Patience of the other watches: a frozen server is noticed by the counts, and one watch that is late is no reason to
take the connection from all."""
TAIL_RATE: Final = 40
"""Events a second that the tail asks for: twice what a person can read, whatever passes."""
OPEN: Final = tuple(value for name, value in IncidentState.items() if not name.endswith(("_UNSPECIFIED", "_RESOLVED")))
PREVIEW_BYTES: Final = 2048
REFUSED_SECONDS: Final = 2.0
"""Between two tries when the server refuses us: a wrong token does not mend itself, a restart may."""
PAGE: Final = 100
"""Entries of history fetched: more than a screen."""


class Feed:
    """One server, for as long as `run` lasts."""

    def __init__(self, client: Client, tell: Tell, *, actor: str, folder: Path) -> None:
        self._client, self._tell = client, tell
        self._calls = Calls(client, tell, actor=actor, folder=folder)
        self._revision, self._asked_revision = 0, -1
        self._stir = asyncio.Event()
        self._had: set[str] = set()
        self._followed: set[str] = set()
        self._number, self._tries = 0, 0
        self._group: asyncio.TaskGroup | None = None

    async def run(self) -> None:
        """Feeds until it is cancelled."""
        async with self._client, asyncio.TaskGroup() as group:
            self._group = group
            for name, work in (
                ("counts", self._counts),
                ("incidents", self._incidents),
                ("tail", self._tail),
                ("runs", self._runs),
                ("asking", self._asking),
            ):
                group.create_task(self._for_ever(work), name=f"feed: {name}")

    async def perform(self, act: acts.Act) -> acts.Done:
        """Performs an act. Raises `acts.Failed`."""
        done = await self._calls.perform(act)
        self._asked_revision = -1
        self._stir.set()
        return done

    async def _for_ever(self, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await work()
            except ClientError as error:
                if not isinstance(error, Transient):
                    self._tell(messages.Refused(why=str(error), at=time.time()))
                await asyncio.sleep(REFUSED_SECONDS)
            else:
                # A server that stops in good order ends its watches.
                await asyncio.sleep(watches.FIRST_WAIT_SECONDS)

    # --- watches ------------------------------------------------------------------------------------------------------

    async def _counts(self) -> None:
        def start(_token: str) -> AsyncIterable[system_api.WatchStatsResponse]:
            request = system_api.WatchStatsRequest()
            request.interval.FromMilliseconds(round(BEAT_SECONDS * 1000))
            return self._client.system.WatchStats(request)

        async for news in watches.resumed(self._client, start, insist=True):
            now = time.time()
            if isinstance(news, watches.Stale):
                self._tries += 1
                self._tell(messages.Lost(why=news.why, at=now, since=news.seconds, tries=self._tries))
                continue
            if self._tries or self._asked_revision < 0:
                # Another server, or the same one anew: everything that was asked for may be old.
                self._tries, self._asked_revision = 0, -1
                self._stir.set()
            self._tell(messages.Heard(stats=convert.stats(news.stats), server_time=seconds(news.server_time), at=now))

    async def _incidents(self) -> None:
        async for news in watches.incidents(self._client, patience=QUIET_SECONDS, insist=True):
            if isinstance(news, watches.Stale):
                continue
            found = tuple(convert.incident(each) for each in news.entries)
            if found or news.gone or news.current:
                self._tell(messages.IncidentsCame(incidents=found, gone=news.gone, current=news.current))
            if news.revision > self._revision:
                self._revision = news.revision
                self._stir.set()
            for incident in found:
                await self._details(incident)

    async def _tail(self) -> None:
        def start(_token: str) -> AsyncIterable[event_api.WatchEventsResponse]:
            return self._client.events.WatchEvents(
                event_api.WatchEventsRequest(
                    view=event_api.EVENT_VIEW_TAIL, max_rate=TAIL_RATE, preview_bytes=PREVIEW_BYTES
                )
            )

        async for news in watches.resumed(self._client, start, patience=QUIET_SECONDS, insist=True):
            if isinstance(news, watches.Stale) or not (news.events or news.left_out_count):
                continue
            found = convert.events(news.events, self._number)
            self._number += len(found)
            self._tell(messages.EventsCame(events=found, left_out=news.left_out_count))

    async def _runs(self) -> None:
        def start(_token: str) -> AsyncIterable[run_api.WatchRunResponse]:
            return self._client.runs.WatchRun(run_api.WatchRunRequest())

        async for news in watches.resumed(self._client, start, patience=QUIET_SECONDS, insist=True):
            if not isinstance(news, watches.Stale) and news.runs:
                self._tell(messages.RunsCame(runs=tuple(convert.run(each) for each in news.runs)))

    # --- what has no watch --------------------------------------------------------------------------------------------

    async def _asking(self) -> None:
        while True:
            if self._tries == 0:
                # While the server is away the counts say so; asking would only add noise to the reconnect.
                with contextlib.suppress(ClientError):
                    await self._ask()
            self._stir.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(ASK_SECONDS):
                    await self._stir.wait()
            # Many changes in a row are one reason to ask.
            await asyncio.sleep(0.1)

    async def _ask(self) -> None:
        client, revision = self._client, self._revision
        streams = await client.streams.ListStreams(stream_api.ListStreamsRequest(page_size=1000))
        self._tell(
            messages.StreamsCame(streams=tuple(convert.stream(each) for each in streams.streams), at=time.monotonic())
        )
        # The number of events that an incident holds grows without a revision: no watch tells of it.
        standing = await client.incidents.ListIncidents(incident_api.ListIncidentsRequest(states=OPEN, page_size=PAGE))
        self._tell(messages.IncidentsCame(incidents=tuple(convert.incident(each) for each in standing.incidents)))
        sources = await client.sources.ListSources(source_api.ListSourcesRequest())
        faults = await client.faults.ListFaults(fault_api.ListFaultsRequest())
        self._tell(
            messages.SourcesCame(
                sources=tuple(convert.source(each) for each in sources.sources),
                faults=tuple(convert.fault(each) for each in faults.faults),
                kinds=tuple(facts.KindFact(kind=each.kind, description=each.description) for each in faults.kinds),
            )
        )
        # An older server knows no workers; then there are none to show.
        with contextlib.suppress(NotInThisVersion, NotThisApi):
            workers = await client.adapters.ListWorkers(adapter_api.ListWorkersRequest())
            self._tell(messages.WorkersCame(workers=tuple(convert.worker(each) for each in workers.workers)))
        if self._asked_revision == revision:
            return
        if self._asked_revision < 0:
            info = await client.system.GetServerInfo(system_api.GetServerInfoRequest())
            self._tell(messages.InfoCame(info=convert.info(info)))
            closed = await client.incidents.ListIncidents(incident_api.ListIncidentsRequest(page_size=50))
            found = tuple(convert.incident(each) for each in closed.incidents)
            self._tell(messages.IncidentsCame(incidents=found))
            runs = await client.runs.ListRuns(run_api.ListRunsRequest(page_size=PAGE))
            self._tell(messages.RunsCame(runs=tuple(convert.run(each) for each in runs.runs)))
            for incident in found[:5]:
                await self._details(incident)
        adapters = await client.adapters.ListAdapters(adapter_api.ListAdaptersRequest(page_size=PAGE))
        self._tell(messages.AdaptersCame(adapters=tuple(convert.adapter(each) for each in adapters.adapters)))
        signatures = await client.signatures.ListSignatures(signature_api.ListSignaturesRequest(page_size=PAGE))
        self._tell(messages.SignaturesCame(signatures=tuple(convert.signature(each) for each in signatures.signatures)))
        decisions = await client.system.ListDecisions(system_api.ListDecisionsRequest(page_size=PAGE))
        self._tell(messages.DecisionsCame(decisions=tuple(convert.decision(each) for each in decisions.decisions)))
        self._asked_revision = revision

    # --- what an incident names ---------------------------------------------------------------------------------------

    async def _details(self, incident: facts.IncidentFact) -> None:
        """Report, adapter, canary and one real event, each fetched when it is named for the first time."""
        client = self._client
        if self._new(incident.report_id):
            await self._try(incident.report_id, self._report(incident))
        if incident.adapter_id and self._new(f"{incident.adapter_id} {incident.state}"):
            got = adapter_api.GetAdapterRequest(adapter_id=incident.adapter_id)
            with contextlib.suppress(ClientError):
                adapter = (await client.adapters.GetAdapter(got)).adapter
                self._tell(messages.AdaptersCame(adapters=(convert.adapter(adapter),)))
        if self._new(incident.canary_id):
            await self._try(incident.canary_id, self._canary(incident.canary_id))
        if incident.adapter_id and self._new(f"trial {incident.adapter_id}"):
            with contextlib.suppress(acts.Failed):
                await self._calls.perform(acts.TryAdapter(adapter_id=incident.adapter_id))
        if incident.state == "CANARY" and self._group is not None and incident.incident_id not in self._followed:
            self._followed.add(incident.incident_id)
            self._group.create_task(self._follow(incident), name="feed: a canary's progress")

    async def _report(self, incident: facts.IncidentFact) -> None:
        answer = await self._client.analysis.GetReport(analysis_api.GetReportRequest(report_id=incident.report_id))
        found = convert.report(answer.report)
        self._tell(messages.ReportCame(report=found))

    async def _canary(self, canary_id: str) -> None:
        answer = await self._client.canaries.GetCanary(canary_api.GetCanaryRequest(canary_id=canary_id))
        self._tell(messages.CanaryCame(canary=convert.canary(answer.canary)))

    async def _follow(self, incident: facts.IncidentFact) -> None:
        """Tells a canary's progress. ApplyFix only watches what the loop drives; should the incident have moved on, the
        revision makes the server refuse.
        """
        request = incident_api.ApplyFixRequest(
            incident_id=incident.incident_id, expected_revision=incident.revision, actor="control room"
        )
        try:
            with contextlib.suppress(ClientError):
                async for _ in self._calls.phases(request):
                    pass
        finally:
            self._followed.discard(incident.incident_id)

    async def _try(self, key: str, work: Awaitable[Any]) -> None:
        """A detail that cannot be had now is asked for again at the incident's next change."""
        try:
            await work
        except ClientError:
            self._had.discard(key)

    def _new(self, key: str) -> bool:
        if not key or key in self._had:
            return False
        self._had.add(key)
        return True
