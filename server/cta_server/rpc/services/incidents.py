"""IncidentService: the loop's work, watched and driven."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Any

from cta.v1 import incident_pb2, incident_service_pb2_grpc
from cta.v1 import incident_service_pb2 as api
from cta_core.incident import OPEN, Incident
from cta_server.rpc.convert.incident import STATES, incident
from cta_server.rpc.convert.problems import Problems
from cta_server.rpc.face import Context, Face
from cta_server.rpc.fix import Fix
from cta_server.rpc.paging import Page
from cta_server.rpc.watch import StateWatch, interval_of, place_of

Verb = Callable[..., Awaitable[Incident]]


class IncidentServicer(incident_service_pb2_grpc.IncidentServiceServicer):
    """The service."""

    def __init__(self, face: Face) -> None:
        self._face, self._runtime, self._incidents = face, face.runtime, face.runtime.incidents

    async def ListIncidents(self, request: api.ListIncidentsRequest, context: Context) -> api.ListIncidentsResponse:
        problems = Problems()
        states = STATES.all_of(request.states, "states", problems)
        page = Page(request, "", request.stream_id, sorted(states), problems=problems)
        problems.check()

        async def read(before: str, limit: int) -> list[incident_pb2.Incident]:
            found = await self._face.journaled(
                self._face.journal.list_incidents,
                stream_id=request.stream_id,
                states=states,
                before=before,
                limit=limit,
            )
            return [await self._message(item) for item in found]

        entries, following = await page.collect(read, lambda item: item, lambda item: item.incident_id)
        return api.ListIncidentsResponse(incidents=entries, next_page_token=following)

    async def GetIncident(self, request: api.GetIncidentRequest, context: Context) -> api.GetIncidentResponse:
        found = await self._incidents.get(request.incident_id)
        return api.GetIncidentResponse(incident=await self._message(found))

    async def WatchIncidents(
        self, request: api.WatchIncidentsRequest, context: Context
    ) -> AsyncGenerator[api.WatchIncidentsResponse]:
        problems = Problems()
        interval = interval_of(request.checkpoint_interval, problems)
        place_of(request.resume_token, problems)
        problems.check()
        stream_ids = tuple(request.stream_ids)

        async def since(revision: int) -> Sequence[Incident]:
            return await self._face.journaled(self._face.journal.incidents_since, revision, stream_ids=stream_ids)

        async def snapshot() -> Sequence[Incident]:
            return await self._open(stream_ids)

        watch = StateWatch(
            hub=self._runtime.hub,
            clock=self._runtime.clock,
            response=api.WatchIncidentsResponse,
            snapshot=snapshot,
            since=since,
            shown=lambda item: item.state in OPEN,
            key=lambda item: item.incident_id,
            changes=self._changes,
            era=self._face.era,
        )
        async for message in watch.run(request.resume_token, interval):
            yield message

    async def ApplyFix(self, request: api.ApplyFixRequest, context: Context) -> AsyncGenerator[api.ApplyFixResponse]:
        async for message in Fix(self._face, request).run():
            yield message

    async def ApproveFix(self, request: api.ApproveFixRequest, context: Context) -> api.ApproveFixResponse:
        return api.ApproveFixResponse(incident=await self._verb(request, self._incidents.approve))

    async def RejectFix(self, request: api.RejectFixRequest, context: Context) -> api.RejectFixResponse:
        return api.RejectFixResponse(incident=await self._verb(request, self._incidents.reject))

    async def ResolveIncident(
        self, request: api.ResolveIncidentRequest, context: Context
    ) -> api.ResolveIncidentResponse:
        return api.ResolveIncidentResponse(incident=await self._verb(request, self._incidents.resolve))

    async def _verb(self, request: Any, verb: Verb) -> incident_pb2.Incident:
        """A person's verb, once per request id. All verbs have the same five fields."""
        problems = Problems()
        problems.request_id(request.request_id)
        actor, comment = problems.audit(request.actor, request.comment)
        problems.check()

        async def act() -> incident_pb2.Incident:
            moved = await verb(
                request.incident_id,
                expected=request.expected_revision,
                request_id=request.request_id,
                actor=actor,
                comment=comment,
            )
            return await self._message(moved)

        return await self._face.repeats.once(request, act)

    async def _open(self, stream_ids: Sequence[str]) -> list[Incident]:
        """All open incidents of the streams."""
        found: list[Incident] = []
        for stream_id in stream_ids or ("",):
            before = ""
            while page := await self._face.journaled(
                self._face.journal.list_incidents, stream_id=stream_id, states=tuple(OPEN), before=before, limit=500
            ):
                found += page
                before = page[-1].incident_id
        return found

    async def _changes(self, items: Sequence[Incident]) -> api.IncidentChanges:
        return api.IncidentChanges(incidents=[await self._message(item) for item in items])

    async def _message(self, core: Incident) -> incident_pb2.Incident:
        held, redriven = await self._incidents.counts(core.incident_id)
        return incident(core, quarantined=held + redriven, redriven=redriven)
