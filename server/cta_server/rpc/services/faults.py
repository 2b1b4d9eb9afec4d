"""FaultService: seeded changes of what a source sends, to see the loop at work."""

from __future__ import annotations

from cta.v1 import fault_service_pb2 as api
from cta.v1 import fault_service_pb2_grpc
from cta_server.rpc.convert.problems import Problems, within
from cta_server.rpc.convert.source import fault, fault_kind, fault_of
from cta_server.rpc.face import Context, Face


class FaultServicer(fault_service_pb2_grpc.FaultServiceServicer):
    """The service."""

    def __init__(self, face: Face) -> None:
        self._sources = face.runtime.sources

    async def InjectFault(self, request: api.InjectFaultRequest, context: Context) -> api.InjectFaultResponse:
        problems = Problems()
        spec = fault_of(request.fault, problems)
        problems.check()
        with within("fault"):
            return api.InjectFaultResponse(fault=fault(await self._sources.inject(spec)))

    async def ListFaults(self, request: api.ListFaultsRequest, context: Context) -> api.ListFaultsResponse:
        return api.ListFaultsResponse(
            faults=[fault(item) for item in self._sources.faults(request.source_id)],
            kinds=[fault_kind(item) for item in self._sources.fault_kinds()],
        )

    async def ClearFaults(self, request: api.ClearFaultsRequest, context: Context) -> api.ClearFaultsResponse:
        cleared = self._sources.clear(fault_id=request.fault_id, source_id=request.source_id)
        return api.ClearFaultsResponse(cleared_count=cleared)
