"""The gRPC server: all services on one port, health and reflection beside them, started before recovery and stopped in
order.

It listens from the first moment, so that clients and probes are told RECOVERING instead of being refused; `ready` is
called when the runtime has recovered. `stop` ends watches first, so that it does not wait its whole grace for them.
Called by `app`.
"""

from __future__ import annotations

from typing import Any, Final

import grpc
import structlog
from google.rpc import error_details_pb2  # loaded for reflection: clients can then read the details of errors
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc

from cta.v1 import (
    adapter_service_pb2_grpc,
    analysis_service_pb2_grpc,
    canary_service_pb2_grpc,
    event_service_pb2_grpc,
    fault_service_pb2_grpc,
    incident_service_pb2_grpc,
    run_service_pb2_grpc,
    signature_service_pb2_grpc,
    source_service_pb2_grpc,
    stream_service_pb2_grpc,
    system_service_pb2_grpc,
)
from cta_core.errors import InvalidInput
from cta_server.config import Configuration
from cta_server.rpc.admission import Admission
from cta_server.rpc.face import Face
from cta_server.rpc.interceptor import CallInterceptor
from cta_server.rpc.listening import credentials
from cta_server.rpc.services.adapters import AdapterServicer
from cta_server.rpc.services.analysis import AnalysisServicer
from cta_server.rpc.services.canaries import CanaryServicer
from cta_server.rpc.services.events import EventServicer
from cta_server.rpc.services.faults import FaultServicer
from cta_server.rpc.services.incidents import IncidentServicer
from cta_server.rpc.services.otlp import OtlpLogServicer, OtlpTraceServicer
from cta_server.rpc.services.runs import RunServicer
from cta_server.rpc.services.signatures import SignatureServicer
from cta_server.rpc.services.sources import SourceServicer
from cta_server.rpc.services.streams import StreamServicer
from cta_server.rpc.services.system import SystemServicer
from cta_server.runtime.runtime import Runtime

SERVICES: Final = tuple(
    f"cta.v1.{name}Service"
    for name in (
        "Adapter",
        "Analysis",
        "Canary",
        "Event",
        "Fault",
        "Incident",
        "Run",
        "Signature",
        "Source",
        "Stream",
        "System",
    )
)
"""Full names of the services."""

COLLECTOR: Final = (
    "opentelemetry.proto.collector.logs.v1.LogsService",
    "opentelemetry.proto.collector.trace.v1.TraceService",
)
"""OpenTelemetry's services beside them."""

REFLECTION: Final = "grpc.reflection.v1.ServerReflection"
HEALTH: Final = "grpc.health.v1.Health"

PING_SECONDS: Final = 20
"""Clients may ping so often without a call; the default of five minutes answers a client's usual 30 s with GOAWAY."""

LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")

log = structlog.get_logger(__name__)


class RpcServer:
    """The server around one runtime."""

    def __init__(self, runtime: Runtime, configuration: Configuration) -> None:
        """Nothing listens before `start`. Raises `InvalidInput` when a file of the TLS settings cannot be used."""
        self._runtime, self._settings = runtime, configuration.settings.server
        admission = Admission(
            configuration.settings.limits,
            self._settings.token,
            ready=lambda: runtime.ready,
            draining=runtime.draining.is_set,
        )
        self.server: Final = grpc.aio.server(
            interceptors=[CallInterceptor(admission, runtime.draining, runtime.ids.new)],
            options=[
                # With port sharing a second server would start without a word and take half the calls.
                ("grpc.so_reuseport", 0),
                ("grpc.max_receive_message_length", self._settings.max_message_bytes),
                ("grpc.max_send_message_length", -1),
                ("grpc.http2.min_ping_interval_without_data_ms", PING_SECONDS * 1000),
                ("grpc.keepalive_permit_without_calls", 1),
            ],
        )
        self._credentials = credentials(self._settings)
        # The package adds `aio` at run time, where no checker sees it.
        self._health: Any = health.aio.HealthServicer()  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
        self._register(Face(runtime, configuration.settings.policy), configuration)

    def _register(self, face: Face, configuration: Configuration) -> None:
        server = self.server
        adapter_service_pb2_grpc.add_AdapterServiceServicer_to_server(AdapterServicer(face), server)
        analysis_service_pb2_grpc.add_AnalysisServiceServicer_to_server(AnalysisServicer(face), server)
        canary_service_pb2_grpc.add_CanaryServiceServicer_to_server(CanaryServicer(face), server)
        event_service_pb2_grpc.add_EventServiceServicer_to_server(EventServicer(face), server)
        fault_service_pb2_grpc.add_FaultServiceServicer_to_server(FaultServicer(face), server)
        incident_service_pb2_grpc.add_IncidentServiceServicer_to_server(IncidentServicer(face), server)
        run_service_pb2_grpc.add_RunServiceServicer_to_server(RunServicer(face), server)
        signature_service_pb2_grpc.add_SignatureServiceServicer_to_server(SignatureServicer(face), server)
        source_service_pb2_grpc.add_SourceServiceServicer_to_server(SourceServicer(face), server)
        stream_service_pb2_grpc.add_StreamServiceServicer_to_server(StreamServicer(face), server)
        system_service_pb2_grpc.add_SystemServiceServicer_to_server(SystemServicer(face, configuration), server)
        default = configuration.settings.otlp.stream
        trace_service_pb2_grpc.add_TraceServiceServicer_to_server(OtlpTraceServicer(face, default), server)  # type: ignore[no-untyped-call]
        logs_service_pb2_grpc.add_LogsServiceServicer_to_server(OtlpLogServicer(face, default), server)  # type: ignore[no-untyped-call]
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)  # pyright: ignore[reportUnknownMemberType]
        if self._settings.reflection:
            _reflect(server)

    async def start(self) -> int:
        """Listens, not serving yet, and returns the port. Raises `InvalidInput` when the address cannot be had."""
        for name in ("", *SERVICES):  # the health servicer is born SERVING
            await self._health.set(name, health_pb2.HealthCheckResponse.NOT_SERVING)
        host, port = self._settings.host, self._settings.port
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        try:
            if self._credentials is None:
                bound = self.server.add_insecure_port(address)
            else:
                bound = self.server.add_secure_port(address, self._credentials)
        except RuntimeError as error:
            raise InvalidInput.of("server.port", f"cannot listen on {address}: is another server there?") from error
        if host not in LOOPBACK and not self._settings.token:
            log.warning("everybody who reaches the port may call; set server.token", host=host)
        await self.server.start()
        return bound

    async def ready(self) -> None:
        """The runtime has recovered: calls are let in."""
        for name in ("", *SERVICES):
            await self._health.set(name, health_pb2.HealthCheckResponse.SERVING)

    async def stop(self) -> None:
        """Stops: health says so, watches end with DRAINING, open calls may finish, and then the port is closed."""
        await self._health.enter_graceful_shutdown()
        self._runtime.draining.set()
        await self.server.stop(self._settings.drain_seconds)


def build_server(runtime: Runtime, configuration: Configuration) -> RpcServer:
    """The server around a runtime, not started."""
    return RpcServer(runtime, configuration)


def _reflect(server: grpc.aio.Server) -> None:
    """Reflection in both versions; the messages of v1 are those of v1alpha, and only the service's name is another."""
    # v1 is answered and not listed: there is no file that describes it, and tools that list would ask for that.
    names = [*SERVICES, *COLLECTOR, HEALTH, reflection.SERVICE_NAME]
    reflection.enable_server_reflection(names, server)
    servicer = reflection.aio.ReflectionServicer(names)
    handler: grpc.RpcMethodHandler[Any, Any] = grpc.stream_stream_rpc_method_handler(
        servicer.ServerReflectionInfo,  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
        request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
        response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    generic = grpc.method_handlers_generic_handler(REFLECTION, {"ServerReflectionInfo": handler})
    server.add_generic_rpc_handlers((generic,))


__all__ = ["SERVICES", "RpcServer", "build_server", "error_details_pb2"]
