"""SourceService: generators and replays that feed a stream."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from cta.v1 import source_service_pb2 as api
from cta.v1 import source_service_pb2_grpc
from cta_server.rpc.convert.problems import Problems, within
from cta_server.rpc.convert.scalars import timestamp
from cta_server.rpc.convert.source import source, source_of
from cta_server.rpc.face import Context, Face


class SourceServicer(source_service_pb2_grpc.SourceServiceServicer):
    """The service."""

    def __init__(self, face: Face) -> None:
        self._sources, self._clock = face.runtime.sources, face.runtime.clock

    async def StartSource(self, request: api.StartSourceRequest, context: Context) -> api.StartSourceResponse:
        problems = Problems()
        problems.request_id(request.request_id)
        spec = source_of(request.source, problems)
        problems.check()
        with within("source"):
            return api.StartSourceResponse(
                source=source(await self._sources.start(spec, request_id=request.request_id))
            )

    async def StopSource(self, request: api.StopSourceRequest, context: Context) -> api.StopSourceResponse:
        return api.StopSourceResponse(source=source(await self._sources.stop(request.source_id)))

    async def GetSource(self, request: api.GetSourceRequest, context: Context) -> api.GetSourceResponse:
        return api.GetSourceResponse(source=source(self._sources.get(request.source_id)))

    async def ListSources(self, request: api.ListSourcesRequest, context: Context) -> api.ListSourcesResponse:
        return api.ListSourcesResponse(sources=[source(item) for item in self._sources.list(request.stream_id)])

    async def WatchSource(
        self, request: api.WatchSourceRequest, context: Context
    ) -> AsyncGenerator[api.WatchSourceResponse]:
        async for status in self._sources.watch(request.source_id):
            yield api.WatchSourceResponse(source=source(status), server_time=timestamp(self._clock()))
