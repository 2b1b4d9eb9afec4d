"""CanaryService: an adapter tried on recorded events before anything depends on it."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from cta.v1 import canary_service_pb2 as api
from cta.v1 import canary_service_pb2_grpc
from cta_server.rpc.convert.canary import canary
from cta_server.rpc.convert.problems import Problems
from cta_server.rpc.convert.scalars import timestamp
from cta_server.rpc.face import Context, Face
from cta_server.rpc.paging import Page
from cta_server.runtime.errors import Kind, NotFound


class CanaryServicer(canary_service_pb2_grpc.CanaryServiceServicer):
    """The service."""

    def __init__(self, face: Face) -> None:
        self._face, self._runtime = face, face.runtime

    async def RunCanary(
        self,
        request: api.RunCanaryRequest,
        context: Context,
    ) -> AsyncGenerator[api.RunCanaryResponse]:
        adapter = await self._runtime.adapters.get(request.adapter_id)
        async for item in self._runtime.canaries.run(adapter):
            yield api.RunCanaryResponse(canary=canary(item), server_time=timestamp(self._runtime.clock()))

    async def GetCanary(self, request: api.GetCanaryRequest, context: Context) -> api.GetCanaryResponse:
        found = await self._face.archived(self._face.archive.get_canary, request.canary_id)
        if found is None:
            raise NotFound(Kind.CANARY, request.canary_id)
        return api.GetCanaryResponse(canary=canary(found))

    async def ListCanaries(self, request: api.ListCanariesRequest, context: Context) -> api.ListCanariesResponse:
        problems = Problems()
        page = Page(request, "", request.stream_id, request.adapter_id, problems=problems)
        problems.check()
        archive = self._face.archive
        entries, following = await page.collect(
            lambda before, limit: self._face.archived(
                archive.list_canaries,
                stream_id=request.stream_id,
                adapter_id=request.adapter_id,
                before=before,
                limit=limit,
            ),
            canary,
            lambda item: item.canary_id,
        )
        return api.ListCanariesResponse(canaries=entries, next_page_token=following)
