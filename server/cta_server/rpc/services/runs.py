"""RunService: passes of batches through a consumer's stages, with their traces."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import msgspec

from cta.v1 import run_service_pb2 as api
from cta.v1 import run_service_pb2_grpc
from cta_server.rpc.convert.problems import Problems
from cta_server.rpc.convert.run import run, run_of
from cta_server.rpc.convert.scalars import timestamp
from cta_server.rpc.face import Context, Face
from cta_server.rpc.paging import Page
from cta_server.rpc.watch import GAP, LONGEST_SILENCE
from cta_server.runtime.errors import Kind, NotFound


class RunServicer(run_service_pb2_grpc.RunServiceServicer):
    """The service."""

    def __init__(self, face: Face) -> None:
        self._face, self._runtime = face, face.runtime

    async def RecordRun(self, request: api.RecordRunRequest, context: Context) -> api.RecordRunResponse:
        problems = Problems()
        wanted = run_of(request.run, problems.request_id(request.request_id), problems)
        problems.check()
        gate = await self._runtime.gates.get(wanted.stream_id)
        run_id = self._runtime.ids.new("run")
        fresh = msgspec.structs.replace(wanted, run_id=run_id, create_time=wanted.create_time or self._runtime.clock())
        kept = await self._runtime.runs.keep(gate, fresh)
        return api.RecordRunResponse(run=run(kept), known=kept.run_id != run_id)

    async def ListRuns(self, request: api.ListRunsRequest, context: Context) -> api.ListRunsResponse:
        problems = Problems()
        page = Page(request, "", request.stream_id, request.failed_only, problems=problems)
        problems.check()
        archive = self._face.archive
        entries, following = await page.collect(
            lambda before, limit: self._face.archived(
                archive.list_runs,
                stream_id=request.stream_id,
                failed_only=request.failed_only,
                before=before,
                limit=limit,
            ),
            lambda item: run(item, trace=False),
            lambda item: item.run_id,
        )
        return api.ListRunsResponse(runs=entries, next_page_token=following)

    async def GetRun(self, request: api.GetRunRequest, context: Context) -> api.GetRunResponse:
        found = await self._face.archived(self._face.archive.get_run, request.run_id)
        if found is None:
            raise NotFound(Kind.RUN, request.run_id)
        return api.GetRunResponse(run=run(found))

    async def WatchRun(
        self,
        request: api.WatchRunRequest,
        context: Context,
    ) -> AsyncGenerator[api.WatchRunResponse]:
        with self._runtime.hub.runs(request.stream_id) as reader:
            yield api.WatchRunResponse(server_time=timestamp(self._runtime.clock()))
            while True:
                await asyncio.sleep(GAP)
                batch = await reader.next(LONGEST_SILENCE - GAP)
                yield api.WatchRunResponse(
                    runs=[run(item, trace=False) for item in batch.items],
                    left_out_count=batch.left_out,
                    server_time=timestamp(self._runtime.clock()),
                )
