"""StreamService: what healthy events look like, and what the loop may do."""

from __future__ import annotations

from typing import Final

from cta.v1 import stream_pb2, stream_service_pb2_grpc
from cta.v1 import stream_service_pb2 as api
from cta_core.stream import Stream
from cta_server.rpc.convert.payload import bodies_of
from cta_server.rpc.convert.problems import Problems, within
from cta_server.rpc.convert.stream import STREAM_STATE, change_of, fields_of, stream, stream_of
from cta_server.rpc.face import Context, Face
from cta_server.rpc.paging import Page

MAX_EVENTS: Final = 1000
"""Events of one LearnBaseline call."""


class StreamServicer(stream_service_pb2_grpc.StreamServiceServicer):
    """The service."""

    def __init__(self, face: Face) -> None:
        self._face, self._streams = face, face.runtime.streams

    async def CreateStream(self, request: api.CreateStreamRequest, context: Context) -> api.CreateStreamResponse:
        problems = Problems()
        problems.request_id(request.request_id)
        wanted = stream_of(request.stream, self._face.defaults, problems)
        problems.check()
        with within("stream"):
            made = await self._streams.create(wanted, validate_only=request.validate_only)
        if request.validate_only and not made.revision:
            return api.CreateStreamResponse(stream=stream(made, state=stream_pb2.STREAM_STATE_LEARNING))
        return api.CreateStreamResponse(stream=await self._message(made))

    async def GetStream(self, request: api.GetStreamRequest, context: Context) -> api.GetStreamResponse:
        return api.GetStreamResponse(stream=await self._message(await self._streams.get(request.stream_id)))

    async def ListStreams(self, request: api.ListStreamsRequest, context: Context) -> api.ListStreamsResponse:
        problems = Problems()
        page = Page(request, "", problems=problems)
        problems.check()

        async def read(after: str, limit: int) -> list[stream_pb2.Stream]:
            return [await self._message(item) for item in await self._streams.list(after, limit)]

        entries, following = await page.collect(read, lambda item: item, lambda item: item.stream_id)
        return api.ListStreamsResponse(streams=entries, next_page_token=following)

    async def UpdateStream(self, request: api.UpdateStreamRequest, context: Context) -> api.UpdateStreamResponse:
        problems = Problems()
        actor, _ = problems.audit(request.actor)
        wanted = stream_of(request.stream, self._face.defaults, problems)
        change = change_of(wanted, request.update_mask.paths, problems)
        problems.check()
        with within("stream"):
            changed = await self._streams.update(
                wanted.stream_id, change, expected=request.expected_revision, actor=actor
            )
        return api.UpdateStreamResponse(stream=await self._message(changed))

    async def DeleteStream(self, request: api.DeleteStreamRequest, context: Context) -> api.DeleteStreamResponse:
        problems = Problems()
        actor, _ = problems.audit(request.actor)
        problems.check()
        await self._streams.delete(request.stream_id, force=request.force, actor=actor)
        return api.DeleteStreamResponse()

    async def LearnBaseline(self, request: api.LearnBaselineRequest, context: Context) -> api.LearnBaselineResponse:
        problems = Problems()
        actor, _ = problems.audit(request.actor)
        if len(request.events) > MAX_EVENTS:
            problems.add("events", f"must have at most {MAX_EVENTS} entries; send the others with append")
        problems.check()
        events = bodies_of(request.events, "events", problems)
        problems.check()
        learned, count = await self._streams.learn(request.stream_id, events, append=request.append, actor=actor)
        return api.LearnBaselineResponse(stream=await self._message(learned), event_count=count)

    async def GetProfile(self, request: api.GetProfileRequest, context: Context) -> api.GetProfileResponse:
        profile = await self._streams.profile(request.stream_id)
        return api.GetProfileResponse(event_count=profile.count, fields=fields_of(profile))

    async def _message(self, core: Stream) -> stream_pb2.Stream:
        status = await self._streams.status(core.stream_id)
        return stream(
            core,
            state=STREAM_STATE[status.state],
            active_adapter_ids=status.active,
            event_count=status.counts.events,
            healthy_count=status.counts.healthy,
            healed_count=status.counts.healed,
            quarantined_count=status.counts.quarantined,
            held_count=status.held,
        )
